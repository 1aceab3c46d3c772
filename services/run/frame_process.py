"""A frame worker's process: ``python -m services.run.frame_process``.

Its parent writes one line of JSON to standard input (secrets too, which therefore never stand in
a process list) and keeps the pipe open; when the pipe ends, so does the worker. What it concludes
goes to standard output, one record a line.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import structlog

from geo.site import Site
from sensors.messages import Mark
from services.config.settings import Settings
from services.detect.fibre import compile_kernels as compile_fibre
from services.detect.thermal import compile_kernels as compile_thermal
from services.detect.worker import FrameDetectionWorker
from services.events import (
    Conclusion,
    Gap,
    Heard,
    Received,
    Reception,
    Rejected,
    Tick,
    WorkerCounts,
    encode,
)
from services.ingest.intake import Intake
from services.mqtt import BrokerAddress, FrameReader
from services.recording.ring import Ring
from services.run.clock import StreamClock
from services.run.logs import configure
from services.run.orders import Orders
from services.run.pipeline import FrameDetection
from services.run.sources import frame_filters, is_for_frames, unwrap

_log = structlog.get_logger()

_IN, _OUT = 0, 1
_LAST_WORDS_S = 2.0


class _Source:
    """Frames of the live root, or of a replay with their recorded times."""

    def __init__(self, reader: FrameReader, replay: str | None, clock: StreamClock) -> None:
        self._reader = reader
        self._replay = replay
        self._clock = clock
        self._first: list[Received] = []

    def wait(self, stopped: Callable[[], bool]) -> None:
        """Of a replay, wait for its first message, which says what time it is."""
        while self._replay and not self._first and not stopped():
            self._first = self.get(0.2)

    def get(self, timeout_s: float) -> list[Received]:
        first, self._first = self._first, []
        found = first or [unwrap(one, self._replay) for one in self._reader.get(timeout_s)]
        if found:
            self._clock.hear(found[-1].received_at_ns)
        return found


class _Pipe:
    """Records to standard output, written by a thread, so that detection never waits for it."""

    def __init__(self, limit: int = 100_000) -> None:
        self._waiting: queue.Queue[bytes | None] = queue.Queue(limit)
        self.dropped = 0
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, unless nobody reads any more."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(_LAST_WORDS_S)

    def send(self, events: Sequence[Conclusion]) -> None:
        for event in events:
            try:
                self._waiting.put_nowait(encode(event) + b"\n")
            except queue.Full:
                self.dropped += 1
                _log.error("record dropped, the service does not read", dropped=self.dropped)

    def _write(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            while (line := self._waiting.get()) is not None:
                # Unbuffered: each record is at the service as soon as it is known.
                while line:
                    line = line[os.write(_OUT, line) :]


class _StateFile:
    """A worker's detector state, so that floors need not be learnt anew after a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_bytes()
        return None

    def save(self, state: bytes) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _only_frames(intake: Intake, item: Received | Tick) -> list[Heard | Gap | Rejected | Reception]:
    """Leave to the main process what it hears itself: registrations and their counts."""
    return [
        what
        for what in intake.push(item)
        if not (isinstance(what, Reception) and what.channel == "register")
        and not (isinstance(what, Rejected) and what.topic.endswith("/register"))
    ]


def main() -> None:
    """Work until standard input ends or SIGTERM comes."""
    configure()
    orders = Orders.model_validate_json(sys.stdin.buffer.readline())
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the service, which ends us

    def watch() -> None:
        # Not through the buffered stream: its lock would be held when the process ends.
        while os.read(_IN, 1024):
            continue
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    clock = StreamClock(replay=orders.replay is not None)
    broker = BrokerAddress.parse(orders.broker_url, os.environ)
    reader = FrameReader(
        broker,
        broker.client_id(f"straja-frames-{orders.replay or 'live'}-{orders.number}"),
        frame_filters(orders.replay, orders.groups, orders.number),
        now_ns=clock.now_ns if orders.replay is None else time.time_ns,
        wanted=is_for_frames,
    )
    source = _Source(reader, orders.replay, clock)
    compile_fibre()
    compile_thermal()
    with contextlib.ExitStack() as stack:
        reader.start()
        stack.callback(reader.stop)
        source.wait(stop.is_set)
        site = Site.parse(orders.site, "site").at(clock.now_ns() or time.time_ns())
        settings = Settings.from_rows(site.settings)
        mark = Mark.REPLAY if orders.replay else None
        intake = Intake(site, settings.intake, mark=mark)
        ring = None
        if orders.ring:
            ring = stack.enter_context(Ring(orders.ring, orders.ring_bytes, site_text=orders.site))
        pipe = stack.enter_context(_Pipe())
        worker = FrameDetectionWorker(
            source=source,
            decode=lambda item: _only_frames(intake, item),
            detection=FrameDetection(site, settings),
            sink=pipe,
            ring=ring,
            state=_StateFile(orders.state),
            now_ns=clock.now_ns,
            own_word=lambda: [
                WorkerCounts(
                    at_ns=clock.now_ns(),
                    frames_dropped=reader.dropped,
                    records_dropped=pipe.dropped,
                    ring_dropped=ring.dropped if ring else 0,
                    ring_failures=ring.failures if ring else 0,
                    items_failed=worker.failures,
                )
            ],
        )
        worker.run(stop.is_set)


if __name__ == "__main__":
    main()
