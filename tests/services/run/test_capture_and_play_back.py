"""Traffic of a real broker comes back bit by bit: recorded, and replayed beside live traffic."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from geo.default_site import default_site_path
from geo.errors import BrokerError, ConfigError
from geo.site import Site
from services.embedded import EmbeddedNats, EmbeddedPostgres, add_gateway
from services.events import Command, Received
from services.mqtt import BrokerAddress, FrameReader, Publisher
from services.recording import Recorder, Recording
from services.run.capture import capture
from services.run.inputs import open_input
from services.run.playback import play_back
from services.run.sources import as_item, frame_filters, report_filters
from services.storage.migrate import migrate
from services.storage.store import Store

pytestmark = pytest.mark.system

T0 = 1_772_327_000_000_000_000
BASE = "straja/v1/g/fibre/f"


@pytest_asyncio.fixture
async def address(tmp_path: Path) -> AsyncIterator[BrokerAddress]:
    async with EmbeddedNats(tmp_path / "nats") as server:
        yield BrokerAddress.parse(server.url)


async def unlike(reader: FrameReader, count: int) -> list[Received | Command]:
    """What a service takes in; overlapping filters may give the same message twice."""
    found: list[Received | Command] = []
    deadline = time.monotonic() + 15.0
    while len(found) < count and time.monotonic() < deadline:
        for received in await asyncio.to_thread(reader.get, 0.2):
            item = as_item(received, "n1")
            if item not in found:
                found.append(item)
    return found


async def listening(address: BrokerAddress, filters: list[str], name: str) -> FrameReader:
    reader = FrameReader(address, name, filters, now_ns=time.time_ns, qos=1)
    reader.start()
    while reader.away_since_ns is not None:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    return reader


async def test_a_recording_begins_with_what_is_retained_and_holds_every_byte(
    address: BrokerAddress, tmp_path: Path
) -> None:
    sent = [(f"{BASE}/report", bytes([n]) * (n + 1), 1) for n in range(30)]
    sent.append((f"{BASE}/frame", bytes(range(256)) * 4_000, 0))
    stop = asyncio.Event()
    file = tmp_path / "a.mcap"
    async with Publisher(address) as publisher:
        await publisher.publish(f"{BASE}/register", b"who I am", retain=True)
        begin_ns = time.time_ns()
        recording = asyncio.create_task(
            capture(address, file, ["straja/#"], None, None, stop, None)
        )
        await asyncio.sleep(1.0)
        for topic, payload, qos in sent:
            await publisher.publish(topic, payload, qos=qos)
        await publisher.publish("other/topic", b"not asked for")
        await asyncio.sleep(1.0)
        stop.set()
        counts = await recording
    found = [item for item in Recording(file).items() if isinstance(item, Received)]
    assert (found[0].topic, found[0].payload) == (f"{BASE}/register", b"who I am")
    assert found[0].retained
    assert [(i.topic, i.payload) for i in found[1:]] == [(t, p) for t, p, _ in sent]
    assert not any(item.retained for item in found[1:])
    assert all(begin_ns < item.received_at_ns < time.time_ns() for item in found)
    assert (counts["messages"], counts["retained"], counts["dropped"]) == (32, 1, 0)
    assert counts["commands"] is None
    assert Recording(file).site_text == default_site_path().read_text(encoding="utf-8")
    assert Recording(file).closed


async def test_a_recording_ends_by_itself_after_its_seconds(
    address: BrokerAddress, tmp_path: Path
) -> None:
    file = tmp_path / "a.mcap"
    filters = ["straja/v1/+/+/+/pose"]
    counts = await capture(address, file, filters, None, 0.5, asyncio.Event(), None)
    assert counts["messages"] == 0
    assert Recording(file).head["filters"] == filters[0]


async def test_a_broker_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.run.capture._CONNECT_S", 0.3)
    nobody = BrokerAddress.parse("mqtt://127.0.0.1:9")
    file = tmp_path / "night" / "a.mcap"
    with pytest.raises(BrokerError, match="out of reach"):
        await capture(nobody, file, ["#"], None, None, asyncio.Event(), None)
    assert not file.parent.exists()


async def test_a_subscription_that_is_refused_leaves_no_recording(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.mcap"
    async with EmbeddedNats(tmp_path / "nats") as server:
        password = add_gateway(tmp_path / "nats", "g")
        gateway = BrokerAddress.parse(f"mqtt://g:{password}@{server.host}:{server.port}")
        with pytest.raises(BrokerError, match=r"subscription to straja/v1/other/#.*--filter"):
            await capture(gateway, file, ["straja/v1/other/#"], None, 5.0, asyncio.Event(), None)
    assert not file.exists()


async def test_a_recording_that_is_there_already_is_never_overwritten(
    address: BrokerAddress, tmp_path: Path
) -> None:
    file, _, _ = night(tmp_path / "a.mcap")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=r"a\.mcap' exists: name another file"):
        await capture(address, file, ["straja/#"], None, 0.2, asyncio.Event(), None)
    assert file.read_bytes() == before


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that PostgreSQL's user can reach too."""
    with tempfile.TemporaryDirectory(prefix="straja-test-capture-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


async def test_a_recording_embeds_the_site_that_the_service_applied_not_the_one_named(
    address: BrokerAddress, tmp_path: Path, folder: Path
) -> None:
    named = tmp_path / "named.toml"
    default = default_site_path().read_text(encoding="utf-8")
    named.write_text(default.replace('name = "', 'name = "named-', 1), encoding="utf-8")
    applied = Site.parse(default.replace('name = "', 'name = "applied-', 1), "applied")
    other = Site.parse(default.replace('name = "', 'name = "other-', 1), "other")

    async def record(name: str, url: str) -> tuple[str, str]:
        file = tmp_path / f"{name}.mcap"
        counts = await capture(
            address, file, ["straja/v1/+/+/+/pose"], named, 0.1, asyncio.Event(), url
        )
        text = Recording(file).site_text
        assert text is not None
        site = Site.parse(text, name)
        assert counts["site"] == site.name
        assert Recording(file).head["site_hash"] == site.hash
        return site.name, counts["site_from"]

    async with EmbeddedPostgres(folder, fsync=False) as server:
        await migrate(server.owner_url)
        assert await record("never ran", server.url) == (Site.load(named).name, str(named))
        for run, site in (("live", other), ("live", applied), ("night-1", other)):
            store = await Store.open(
                server.url, tmp_path / "spool", run, "RO", ["RO"], time.time_ns
            )
            await store.record_site(site)
            await store.record_site(site)
            await store.close()
        database = "the service's database"
        assert await record("ran", server.url) == (applied.name, database)
        # A site that was applied before is applied again.
        store = await Store.open(server.url, tmp_path / "spool", "live", "RO", ["RO"], time.time_ns)
        assert not await store.record_site(other)
        await store.close()
        assert await record("ran again", server.url) == (other.name, database)
        async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
            cursor = await connection.execute(
                "SELECT run, object FROM audit WHERE what = 'site applied' ORDER BY sequence"
            )
            assert await cursor.fetchall() == [
                ("live", other.hash),
                ("live", applied.hash),
                ("night-1", other.hash),
                ("live", other.hash),
            ]
        away = server.url
    assert await record("away", away) == (Site.load(named).name, str(named))


def night(path: Path) -> tuple[Path, list[Received], Command]:
    items = [
        Received(T0, f"{BASE}/register", b"who I am", retained=True),
        *(Received(T0 + n * 10_000_000, f"{BASE}/report", b"%d" % n) for n in range(60)),
        Received(T0 + 601_000_000, f"{BASE}/frame", bytes(range(256)) * 3_000),
    ]
    command = Command("c-1", "acknowledge", T0 + 305_000_000, "post-7", "RO", {"alert": "a"})
    site_text = default_site_path().read_text(encoding="utf-8")
    with Recorder(path, head={}, site_text=site_text) as recorder:
        for item in items:
            recorder.add(item)
        recorder.add(command)
    return path, items, command


@pytest.mark.parametrize("factor", [None, 4.0])
async def test_a_replay_reaches_its_own_service_as_recorded_and_no_live_one(
    address: BrokerAddress, tmp_path: Path, factor: float | None
) -> None:
    path, items, command = night(tmp_path / "a.mcap")
    own = await listening(address, [*report_filters("n1"), *frame_filters("n1", None)], "own")
    other = await listening(address, report_filters("n2"), "other")
    live = await listening(address, [*report_filters(None), *frame_filters(None, None)], "live")
    source = open_input(path, None, "fibre-1")
    try:
        counts = await play_back(source, lambda _: None, address, "n1", factor, asyncio.Event())
        found = await unlike(own, len(items) + 1)
        assert await asyncio.to_thread(live.get, 0.5) == []
        assert await asyncio.to_thread(other.get, 0.1) == []
    finally:
        for reader in (own, other, live):
            await asyncio.to_thread(reader.stop)
    assert len(found) == len(items) + 1
    assert command in found
    assert all(item in found for item in items)
    reports = [i for i in found if isinstance(i, Received) and i.topic.endswith("/report")]
    assert [item.received_at_ns for item in reports] == sorted(i.received_at_ns for i in reports)
    assert counts["messages"] == len(items) + 1
    assert counts["input_seconds"] == pytest.approx(0.601)
    if factor:  # 0.601 s at four times the speed, and what is due within 5 ms goes together
        assert counts["seconds"] >= 0.601 / factor - 0.006


async def test_nothing_of_a_replay_stays_in_the_broker(
    address: BrokerAddress, tmp_path: Path
) -> None:
    path, items, _ = night(tmp_path / "a.mcap")
    source = open_input(path, None, "fibre-1")
    early = await listening(address, [*report_filters("n1"), *frame_filters("n1", None)], "early")
    try:
        await play_back(source, lambda _: None, address, "n1", None, asyncio.Event())
        # A frame is sent without the broker's word: only who hears it knows that it is through.
        assert len(await unlike(early, len(items) + 1)) == len(items) + 1
    finally:
        await asyncio.to_thread(early.stop)
    late = await listening(address, ["straja-replay/#"], "late")
    try:
        assert await asyncio.to_thread(late.get, 0.5) == []
    finally:
        await asyncio.to_thread(late.stop)


async def test_a_replay_can_be_ended_before_its_end(address: BrokerAddress, tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path, head={}) as recorder:
        recorder.add(Received(T0, "straja/v1/g/patrol/p/pose", b"1"))
        recorder.add(Received(T0 + 3_600_000_000_000, "straja/v1/g/patrol/p/pose", b"2"))
    stop = asyncio.Event()
    source = open_input(path, default_site_path(), "fibre-1")
    playing = asyncio.create_task(play_back(source, lambda _: None, address, "n1", 1.0, stop))
    await asyncio.sleep(0.5)
    stop.set()
    counts = await asyncio.wait_for(playing, 5)
    assert counts["messages"] == 1


async def test_a_broker_lost_during_a_replay_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with Recorder(path, head={}) as recorder:
        for number in range(200):
            recorder.add(Received(T0 + number * 20_000_000, "straja/v1/g/patrol/p/pose", b"1"))
    source = open_input(path, default_site_path(), "fibre-1")
    async with EmbeddedNats(tmp_path / "nats") as server:
        address = BrokerAddress.parse(server.url)
        playing = asyncio.create_task(
            play_back(source, lambda _: None, address, "n1", 1.0, asyncio.Event())
        )
        await asyncio.sleep(0.5)
    with pytest.raises(BrokerError):
        await asyncio.wait_for(playing, 15)
