"""The ring keeps to its size also where there are fewer frame workers than before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sensors.topics import Channel, SensorKind, Topic
from services.events import Received
from services.recording.keep import keep
from services.recording.reading import Recording
from services.recording.ring import Ring
from services.run import ring_folders

S = 1_000_000_000
NIGHT = datetime(2026, 3, 1, 1, tzinfo=UTC)
NIGHT_NS = 1_772_326_800 * S


def _record(folder: Path, sensor: str) -> int:
    """Record a frame; gives the bytes on disk."""
    topic = str(Topic("gw-1", SensorKind.FIBRE, sensor, Channel.FRAME))
    with Ring(folder, 2**20) as ring:
        ring.keep(Received(NIGHT_NS, topic, bytes(1_000)))
    return sum(file.stat().st_size for file in folder.iterdir())


def test_recordings_of_workers_that_are_no_more_go_and_all_else_stays(tmp_path: Path) -> None:
    ring, kept = tmp_path / "ring", tmp_path / "kept"
    sizes = [_record(ring_folders.frames(ring, number), f"fibre-{number}") for number in range(11)]
    _record(ring_folders.small(ring), "fibre-0")
    (ring / "frames-old").mkdir()
    pinned = keep(
        ring,
        kept,
        NIGHT,
        NIGHT + timedelta(seconds=1),
        sensors=["fibre-10"],
        reason="incident 4f2a",
        until=NIGHT + timedelta(days=30),
    )
    removed = ring_folders.let_go(ring, 2)
    assert removed == {ring / f"frames-{number}": sizes[number] for number in range(2, 11)}
    stay = {"frames-0", "frames-1", "small"}
    assert {file.parent.name for file in ring.rglob("*.mcap")} == stay
    assert {folder.name for folder in ring.iterdir()} == {*stay, "frames-old"}
    assert pinned.messages == 1
    assert Recording(pinned.file).topics()
    assert ring_folders.let_go(ring, 2) == {}


def test_what_is_no_recording_of_the_ring_is_not_touched(tmp_path: Path) -> None:
    folder = ring_folders.frames(tmp_path / "ring", 3)
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text("mine")
    assert ring_folders.let_go(tmp_path / "ring", 1) == {}
    assert (folder / "letter.txt").read_text() == "mine"


def test_without_a_ring_there_is_nothing_to_let_go(tmp_path: Path) -> None:
    assert ring_folders.let_go(tmp_path / "ring", 1) == {}
