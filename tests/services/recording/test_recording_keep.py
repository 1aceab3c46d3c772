"""A stretch and time of the ring is kept with a reason and an end, and goes when its end comes."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.errors import ConfigError, RecordingError
from geo.site import Site
from services.events import Command, Received
from services.recording import Recording, Ring
from services.recording.keep import Kept, expire, keep

NIGHT = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
T0 = int(NIGHT.timestamp()) * 1_000_000_000
S = 1_000_000_000
LATER = NIGHT + timedelta(days=180)


def message(second: float, sensor: str, channel: str, payload: bytes, group: str) -> Received:
    return Received(T0 + round(second * S), f"straja/v1/{group}/fibre/{sensor}/{channel}", payload)


def traffic() -> list[Received]:
    items = [
        message(-100, "fibre-1", "register", b'{"one":1}', "g1"),
        message(-100, "fibre-2", "register", b'{"two":2}', "g2"),
        Received(T0 - 99 * S, "straja/v1/g1/gateway/status", b'{"state":"online"}'),
    ]
    for second in range(-20, 40):
        for number in (1, 2):
            sensor, group = f"fibre-{number}", f"g{number}"
            items.append(message(second, sensor, "report", b"%d" % second, group))
            items.append(message(second + 0.5, sensor, "frame", b"%d" % second * 9_000, group))
    return sorted(items, key=lambda item: item.received_at_ns)


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    folder = tmp_path / "ring"
    with Ring(folder / "small", 4 * 2**20, site_text="name = 'x'") as small:
        for item in traffic():
            if not item.topic.endswith("/frame"):
                small.keep(item)
    with Ring(folder / "frames-0", 16 * 2**20) as frames:
        for item in traffic():
            if item.topic.endswith(("/frame", "/register")):
                frames.keep(item)
    return folder


def pin(ring: Path, *sensors: str, begin_s: float = 0, end_s: float = 10) -> Kept:
    return keep(
        ring,
        ring.parent / "kept",
        NIGHT + timedelta(seconds=begin_s),
        NIGHT + timedelta(seconds=end_s),
        sensors=sensors,
        reason="incident 4f2a",
        until=LATER,
    )


def test_a_stretch_and_time_is_copied_bit_by_bit_with_the_state_before_it(ring: Path) -> None:
    kept = pin(ring, "fibre-1")
    found = list(Recording(kept.file).kept())
    heard = [one.item for one in found if not one.told]
    assert heard == [
        item
        for item in traffic()
        if "/fibre-1/" in item.topic and T0 <= item.received_at_ns <= T0 + 10 * S
    ]
    told = [one.item for one in found if one.told]
    assert [(i.topic, i.payload, i.retained) for i in told if isinstance(i, Received)] == [
        ("straja/v1/g1/fibre/fibre-1/register", b'{"one":1}', True),
        ("straja/v1/g1/gateway/status", b'{"state":"online"}', True),
    ]
    assert all(one.at_ns == T0 for one in found if one.told)


def test_what_is_kept_says_why_until_when_and_with_which_site(ring: Path) -> None:
    kept = pin(ring, "fibre-1")
    recording = Recording(kept.file)
    assert recording.head["reason"] == "incident 4f2a"
    assert recording.head["run"] == "live"
    assert int(recording.head["until_ns"]) == kept.until_ns
    assert recording.site_text == "name = 'x'"
    assert kept.missing_s == 0.0
    assert kept.left_out == 0
    assert kept.figures()["from"] == "2026-03-01T01:00:00.000000000Z"
    assert "until 2026-08-28" in str(kept)


def test_without_sensors_everything_of_the_time_is_kept_once(ring: Path) -> None:
    kept = pin(ring, begin_s=-110, end_s=39.9)
    heard = [one.item for one in Recording(kept.file).kept() if not one.told]
    key = lambda item: (item.received_at_ns, item.topic)  # noqa: E731
    assert sorted(heard, key=key) == sorted(traffic(), key=key)


def test_a_mistyped_sensor_is_refused_by_name_and_nothing_is_kept(ring: Path) -> None:
    with pytest.raises(ConfigError, match=r"--sensor is 'fibre-11': .* it has 2, .*fibre-1"):
        pin(ring, "fibre-2", "fibre-11")
    assert not (ring.parent / "kept").exists()


@pytest.fixture
def border_ring(tmp_path: Path) -> Path:
    site_text = default_site_path().read_text(encoding="utf-8")
    site = Site.parse(site_text, "site")
    folder = tmp_path / "ring"
    with Ring(folder / "small", 8 * 2**20, site_text=site_text) as small:
        for row in site.sensors:
            topic = f"straja/v1/{row.group}/{row.kind}/{row.id}/status"
            small.keep(Received(T0 + S, topic, b"{}"))
        small.keep(Received(T0 + S, "straja/v1/g/fibre/stranger/status", b"{}"))
    return folder


def stretch(ring: Path, from_m: float, to_m: float, *sensors: str) -> Kept:
    return keep(
        ring,
        ring.parent / "kept",
        NIGHT,
        NIGHT + timedelta(seconds=10),
        sensors=sensors,
        reason="incident 4f2a",
        until=LATER,
        chainage_m=(from_m, to_m),
    )


def test_a_stretch_takes_sensors_and_cables_that_lie_in_it_and_all_that_move(
    border_ring: Path,
) -> None:
    site = Site.load(default_site_path())
    kept = stretch(border_ring, 41_000.0, 46_000.0)
    found = {
        one.item.topic.split("/")[4]
        for one in Recording(kept.file).kept()
        if isinstance(one.item, Received)
    }
    assert found == set(kept.sensors)
    by_kind: dict[str, set[str]] = {}
    for name in found:
        by_kind.setdefault(site.sensor(name).kind, set()).add(name)
    # The default site's cables follow one another, 37.5 km each; its cameras stand 5 km apart.
    assert by_kind.pop("fibre") == {"fibre-2"}
    cameras = by_kind.pop("thermal")
    assert 1 <= len(cameras) <= 2
    for name in cameras:
        place = site.sensor_place(name)
        assert place is not None
        assert 41_000.0 <= float(site.border.chainage(*place)[0]) <= 46_000.0
    assert {kind: len(names) for kind, names in by_kind.items()} == {
        "patrol": 30,
        "vehicle": 4,
        "boat": 3,
        "aerial": 2,
    }
    assert Recording(kept.file).head["chainage_m"] == "41000 46000"
    assert f"of {len(found)} sensors" in str(kept)


def test_a_stretch_over_two_cables_takes_both(border_ring: Path) -> None:
    kept = stretch(border_ring, 37_000.0, 38_000.0)
    assert {name for name in kept.sensors if name.startswith("fibre")} == {"fibre-1", "fibre-2"}


def test_a_stretch_that_cannot_be_is_refused(border_ring: Path) -> None:
    for from_m, to_m, named in (
        (5_000.0, 5_000.0, "--to-chainage"),
        (-1.0, 5_000.0, "--from-chainage"),
        (5_000.0, 9e9, "--to-chainage"),
        (float("nan"), 5_000.0, "--from-chainage"),
    ):
        with pytest.raises(ConfigError, match=named):
            stretch(border_ring, from_m, to_m)
    with pytest.raises(ConfigError, match="give one of them"):
        stretch(border_ring, 1_000.0, 5_000.0, "fibre-1")


def test_a_stretch_without_a_sensor_in_the_ring_says_so(tmp_path: Path) -> None:
    text = default_site_path().read_text(encoding="utf-8")
    with Ring(tmp_path / "ring" / "small", 2**20, site_text=text) as small:
        small.keep(Received(T0 + S, "straja/v1/g/fibre/stranger/status", b"{}"))
    with pytest.raises(RecordingError, match="from chainage 1000 to 5000"):
        stretch(tmp_path / "ring", 1_000.0, 5_000.0)


def test_the_site_that_applied_then_is_taken_not_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "ring" / "small"
    for at_s, name in ((1, "then"), (9_000, "now")):
        with Ring(folder, 4 * 2**20, site_text=f"name = '{name}'") as ring:
            ring.keep(message(at_s, "fibre-1", "report", b"1", "g1"))
    assert Recording(pin(tmp_path / "ring", "fibre-1").file).site_text == "name = 'then'"


def ends(file: Path) -> int:
    return Recording(file).end_ns or 0


def test_the_ring_may_be_written_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "ring" / "small"
    with Ring(folder, 4 * 2**20) as ring:
        for item in traffic():
            ring.keep(item)
        deadline = time.monotonic() + 20
        while not any(ends(file) >= T0 + 10 * S for file in folder.glob("*.mcap")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert pin(tmp_path / "ring", "fibre-1").messages > 10


def test_what_had_left_the_ring_is_told(ring: Path) -> None:
    kept = pin(ring, "fibre-1", begin_s=-700, end_s=5)
    assert kept.missing_s == pytest.approx(600.0)
    assert "the first 600 s had left the ring already" in str(kept)


def test_a_time_that_the_ring_has_not_is_refused_and_leaves_nothing(ring: Path) -> None:
    with pytest.raises(RecordingError, match=r"nothing of fibre-1 .* reaches back to 2026-03-01"):
        pin(ring, "fibre-1", begin_s=5_000, end_s=6_000)
    assert list((ring.parent / "kept").iterdir()) == []
    with pytest.raises(RecordingError, match="no ring"):
        pin(ring.parent / "elsewhere")


def test_wrong_times_and_an_empty_reason_are_refused(ring: Path) -> None:
    with pytest.raises(ConfigError, match="--to"):
        pin(ring, begin_s=10, end_s=0)
    naive = NIGHT.replace(tzinfo=None)
    for since, reason, until, named in (
        (naive, "x", LATER, "--from"),
        (NIGHT, " ", LATER, "--reason"),
        (NIGHT, "x", NIGHT, "--until"),
    ):
        with pytest.raises(ConfigError, match=named):
            keep(
                ring,
                ring.parent / "kept",
                since,
                NIGHT + timedelta(seconds=1),
                sensors=[],
                reason=reason,
                until=until,
            )


def test_what_is_kept_is_removed_at_its_end_and_nothing_else_is(ring: Path) -> None:
    kept = pin(ring, "fibre-1")
    folder = kept.file.parent
    stranger = folder / "notes.mcap"
    stranger.write_text("not ours")
    assert expire(folder, kept.until_ns - 1) == []
    assert expire(folder, kept.until_ns) == [kept.file]
    assert list(folder.iterdir()) == [stranger]


def decided(second: float, name: str) -> Command:
    return Command(name, "acknowledge", T0 + round(second * S), "post-7", "RO", {"alert": "a"})


def test_commands_stand_among_the_messages_at_their_time(ring: Path) -> None:
    told: list[float] = []
    kept = keep(
        ring,
        ring.parent / "kept",
        NIGHT,
        NIGHT + timedelta(seconds=10),
        sensors=["fibre-1"],
        reason="incident 4f2a",
        until=LATER,
        commands=[decided(9.9, "c-2"), decided(3.2, "c-1")],
        advance=told.append,
    )
    items = list(Recording(kept.file).items())
    assert [item.id for item in items if isinstance(item, Command)] == ["c-1", "c-2"]
    first = next(n for n, item in enumerate(items) if isinstance(item, Command))
    before, after = items[first - 1], items[first + 1]
    assert isinstance(before, Received)
    assert isinstance(after, Received)
    assert (before.received_at_ns, after.received_at_ns) == (T0 + 3 * S, T0 + round(3.5 * S))
    assert kept.commands == 2
    assert "with 2 commands of operators" in str(kept)
    assert Recording(kept.file).head["commands"] == "2"
    assert told == sorted(told)
    assert told[-1] <= 10.0


def test_what_is_kept_without_commands_says_so(ring: Path) -> None:
    kept = pin(ring)
    assert "operators' commands are not in it" in str(kept)
    assert kept.figures()["commands"] is None
