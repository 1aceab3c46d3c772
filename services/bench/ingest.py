"""``straja bench ingest``: reports a second, validated, journalled and acknowledged, on one core.

The broker first keeps the same reports for two durable sessions: ours, and that of a bare C
subscriber (``mosquitto_sub``). Then each drains its own, one after the other, pinned to one core;
broker and database have the other one. Every report passes the whole pipeline behind the journal.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from geo.default_site import default_site_path
from geo.errors import ConfigError
from geo.site import Site
from sensors.messages import SCHEMA, Box, Mark, Report
from sensors.topics import Channel, SensorKind, Topic
from sensors.wire import encode_json
from services.alerts.ports import FeedEntry
from services.bench.machine import machine
from services.embedded import EmbeddedNats, EmbeddedPostgres
from services.events import Conclusion
from services.mqtt import BrokerAddress, Publisher, Reports
from services.run.engine import Engine
from services.run.pipeline import Pipeline
from services.storage.migrate import migrate
from services.storage.store import Store

_FILTER = "straja/v1/+/thermal/+/report"
_UNDER_WAY = 1_000


async def measure(count: int, stop: asyncio.Event, say: Callable[[str], None]) -> dict[str, object]:
    """Measure with ``count`` reports; see the module.

    Raises:
        ConfigError: where ``mosquitto_sub`` is missing, or measuring was ended before its end.
    """
    subscriber = shutil.which("mosquitto_sub")
    if subscriber is None:
        raise ConfigError("mosquitto_sub is missing: install mosquitto-clients to compare with it")
    measuring = asyncio.ensure_future(_measure(count, subscriber, say))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((measuring, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not measuring.done():
        measuring.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await measuring
        raise ConfigError("measuring was ended before its end: fewer --reports take less time")
    return measuring.result()


async def _measure(count: int, subscriber: str, say: Callable[[str], None]) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="straja-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # noqa: ASYNC240 - once, before anything runs
        async with EmbeddedPostgres(folder) as database, EmbeddedNats(folder) as broker:
            await migrate(database.owner_url)
            address = BrokerAddress.parse(broker.url)
            ours = _Ours(address, database.url, folder)
            peer = _Peer(subscriber, address, folder)
            await ours.subscribe()
            await peer.subscribe()
            say(f"publishing {count} reports")
            await _publish(address, count)
            cores = sorted(os.sched_getaffinity(0))
            _pin([broker.pid, database.pid], cores[1:] or cores)
            say("draining with mosquitto_sub")
            peer_s, peer_cpu_s = await peer.drain(count, cores[0])
            say("draining with the service")
            ours_s, ours_cpu_s, journalled, spooled = await ours.drain(count, cores[0])
            os.sched_setaffinity(0, cores)
    return {
        "reports": count,
        "journalled": journalled,
        "spool_took_over": spooled,
        "reports_per_s": round(count / ours_s),
        "cpu_us_per_report": round(ours_cpu_s / count * 1e6, 1),
        "peer_reports_per_s": round(count / peer_s),
        "peer_cpu_us_per_report": round(peer_cpu_s / count * 1e6, 1),
        "share_of_peer": round(peer_s / ours_s, 3),
        "machine": machine(),
    }


class _Ours:
    """The service's way of a report: durable session, journal, acknowledgement, pipeline."""

    def __init__(self, address: BrokerAddress, database_url: str, folder: Path) -> None:
        self._address = address
        self._database_url = database_url
        self._folder = folder

    def _reports(self) -> Reports:
        return Reports(self._address, "straja-bench", [_FILTER], now_ns=time.time_ns)

    async def subscribe(self) -> None:
        reports = self._reports()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0), contextlib.aclosing(reports.deliveries()) as found:
                await anext(found)

    async def drain(self, count: int, core: int) -> tuple[float, float, int, bool]:
        site = Site.load(default_site_path())
        store = await Store.open(
            self._database_url,
            self._folder / "spool",
            "bench",
            site.home_party,
            site.parties,
            time.time_ns,
        )
        pipeline = Pipeline(site, time.time_ns(), "bench")
        engine = Engine(pipeline, store, _show_nothing, time.time_ns)
        await engine.recover()
        os.sched_setaffinity(0, {core})
        reports = self._reports()
        working = asyncio.create_task(engine.run())
        begun, cpu = time.perf_counter(), time.process_time()
        seen = 0
        async with contextlib.aclosing(reports.deliveries()) as deliveries:
            async for delivery in deliveries:
                await engine.take([(item.received_at_ns, item) for item in delivery.received])
                delivery.acknowledge()
                seen += len(delivery.received)
                if seen >= count:
                    break
        while engine.applied < engine.position:  # noqa: ASYNC110 - two counters, no event
            await asyncio.sleep(0.01)
        taken = time.perf_counter() - begun, time.process_time() - cpu
        spooled = store.away_since_ns is not None
        journalled = await store.last_position()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await store.close()
        return (*taken, journalled, spooled)


class _Peer:
    """``mosquitto_sub``: receives and acknowledges, nothing more."""

    def __init__(self, program: str, address: BrokerAddress, folder: Path) -> None:
        self._command = [
            program, "-h", address.host, "-p", str(address.port),
            "-i", "peer-bench", "-c", "-q", "1", "-t", _FILTER, "-N",
        ]  # fmt: skip
        # Name and password in a file, since everyone on a machine sees command lines.
        options = folder / "mosquitto_sub"
        options.touch(0o600)
        options.write_text(f"-u {address.username}\n-P {address.password}\n")
        self._environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}

    async def subscribe(self) -> None:
        process = await asyncio.create_subprocess_exec(*self._command, "-E", env=self._environment)
        await process.wait()

    async def drain(self, count: int, core: int) -> tuple[float, float]:
        begun = time.perf_counter()
        before = os.times()
        process = await asyncio.create_subprocess_exec(
            *self._command, "-C", str(count), env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _pin([process.pid], [core])
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        after = os.times()
        cpu_s = after.children_user + after.children_system
        cpu_s -= before.children_user + before.children_system
        return time.perf_counter() - begun, cpu_s


async def _publish(address: BrokerAddress, count: int) -> None:
    """Publish reports of sixty cameras, each with two boxes."""
    slots = asyncio.Semaphore(_UNDER_WAY)
    async with Publisher(address) as publisher, asyncio.TaskGroup() as group:

        async def send(topic: str, payload: bytes) -> None:
            await publisher.publish(topic, payload)
            slots.release()

        for number in range(count):
            await slots.acquire()
            camera, sequence = number % 60 + 1, number // 60
            topic = Topic(f"tower-{camera:03}", SensorKind.THERMAL, f"thermal-{camera:03}",
                          Channel.REPORT)  # fmt: skip
            group.create_task(send(str(topic), _report(sequence)))


def _report(sequence: int) -> bytes:
    now_ns = time.time_ns()
    return encode_json(
        Report(
            schema=SCHEMA,
            session="bench",
            sequence=sequence,
            measured_at_ns=now_ns,
            sent_at_ns=now_ns,
            mark=Mark.EXERCISE,
            boxes=tuple(
                Box(left_px=100.0 + n, top_px=300.0, right_px=112.0 + n, bottom_px=330.0, score=0.6)
                for n in (0, 200)
            ),
        )
    )


def _pin(pids: Sequence[int], cores: Sequence[int]) -> None:
    """Keep processes and their children to some cores."""
    for pid in pids:
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                for thread in one.threads():
                    os.sched_setaffinity(thread.id, cores)


def _show_nothing(_events: Sequence[Conclusion], _entries: Sequence[FeedEntry]) -> None:
    """Nobody listens."""
