"""The tracker: time, order, late data, bad input and our own units."""

import math
import pickle
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import SnapshotError
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.correlate.settings import TrackerSettings
from services.correlate.tracker import VERSION, Tracker
from services.events import Covariance, Detection, Proof, Tick, Track, TrackState, encode
from services.stage import fingerprint, read_snapshot, write_snapshot

NS = 1_000_000_000
T0 = 1_790_000_000 * NS


def seen(sensor: str, at_s: float, east_m: float, north_m: float, **more: object) -> Detection:
    fields = {
        "id": f"{sensor}:{round(at_s * 1000)}:{round(east_m)}",
        "group": "g",
        "kind": SensorKind.FIBRE,
        "sensor": sensor,
        "mark": Mark.REAL,
        "at_ns": T0 + round(at_s * NS),
        "east_m": east_m,
        "north_m": north_m,
        "covariance": Covariance(36.0, 0.0, 36.0),
        "classes": {ObjectClass.PERSON: 0.9, ObjectClass.ANIMAL: 0.1},
        "confidence": 0.7,
        "score": 6.0,
        "method": "test",
    } | more
    return Detection(**fields)  # type: ignore[arg-type]


def own(unit: str, at_s: float, east_m: float, north_m: float, **more: object) -> Detection:
    return seen(
        unit,
        at_s,
        east_m,
        north_m,
        kind=SensorKind.PATROL,
        own_force=unit,
        covariance=Covariance(25.0, 0.0, 25.0),
        **more,
    )


def push_all(tracker: Tracker, items: list[Detection | Tick]) -> list[Track]:
    out = [event for item in items for event in tracker.push(item)]
    return [event for event in out if isinstance(event, Track)]


def strip(seed: int, seconds: int = 20, walkers: int = 4, clutter: int = 3) -> list[Detection]:
    """Walkers 150 m apart going north at 1.3 m/s, seen by three sensors, among false finds."""
    rng = np.random.default_rng(seed)
    items = []
    for second in range(seconds):
        for number in range(walkers):
            for sensor, offset in (("fibre-1", 0.05), ("thermal-001", 0.35), ("vehicle-1", 0.62)):
                if rng.random() < 0.8:
                    east = 150.0 * number + rng.normal(0.0, 5.0)
                    north = 1.3 * (second + offset) + rng.normal(0.0, 5.0)
                    items.append(seen(sensor, second + offset, float(east), float(north)))
        for _ in range(clutter):
            at_s = second + float(rng.uniform(0.0, 1.0))
            place = rng.uniform(-2_000.0, 2_000.0, 2)
            items.append(seen("fibre-1", at_s, float(place[0]), float(place[1])))
    return sorted({item.id: item for item in items}.values(), key=lambda item: item.at_ns)


def with_ticks(items: list[Detection], until_s: int) -> list[Detection | Tick]:
    out: list[Detection | Tick] = []
    left = list(items)
    for second in range(until_s):
        limit = T0 + (second + 1) * NS
        while left and left[0].at_ns < limit:
            out.append(left.pop(0))
        out.append(Tick(limit))
    return out


def lines(events: list[Track] | list[Track | Proof]) -> list[bytes]:
    return [encode(event) for event in events]


def test_four_walkers_among_false_finds_are_four_tracks() -> None:
    tracks = push_all(Tracker(), with_ticks(strip(1), 20))
    confirmed = {track.id: track for track in tracks if track.state is TrackState.CONFIRMED}
    assert len(confirmed) == 4
    for track in confirmed.values():
        assert min(track.east_m % 150.0, 150.0 - track.east_m % 150.0) < 10.0
        assert set(track.sensors) == {"fibre-1", "thermal-001", "vehicle-1"}
    north = [track.velocity_north_mps for track in confirmed.values()]
    assert sum(north) / 4.0 == pytest.approx(1.3, abs=0.6)


def test_ids_are_those_of_first_detections_and_revisions_count_from_one() -> None:
    items = with_ticks(strip(2), 40)
    known = {item.id for item in items if isinstance(item, Detection)}
    revisions: dict[str, list[int]] = {}
    for track in push_all(Tracker(), items):
        assert track.id in known
        revisions.setdefault(track.id, []).append(track.revision)
    assert all(found == list(range(1, len(found) + 1)) for found in revisions.values())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 50), cut=st.integers(0, 250))
def test_cut_anywhere_and_restored_the_output_is_the_same_bytes(seed: int, cut: int) -> None:
    items = with_ticks(strip(seed, 12), 24)
    whole = lines(push_all(Tracker(), items))
    first = Tracker()
    before = push_all(first, items[:cut])
    second = Tracker()
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    assert lines(before) + lines(push_all(second, items[cut:])) == whole


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 50), shuffle=st.randoms(use_true_random=False))
def test_order_of_arrival_within_the_hold_changes_nothing(seed: int, shuffle: object) -> None:
    items = strip(seed, 12)
    ordered = [*items, Tick(T0 + 30 * NS)]
    # Each detection is delayed by less than the hold, so that no bin has passed before it.
    delays = [shuffle.uniform(0.0, 0.39) for _ in items]  # type: ignore[attr-defined]
    late = sorted(
        zip(items, delays, strict=True), key=lambda pair: pair[0].at_ns + round(pair[1] * NS)
    )
    mixed = [*(item for item, _ in late), Tick(T0 + 30 * NS)]
    assert lines(push_all(Tracker(), mixed)) == lines(push_all(Tracker(), ordered))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_late_data_leads_to_the_state_of_data_in_order(seed: int) -> None:
    items = strip(seed, 20)
    rng = np.random.default_rng(seed)
    delay = np.where(rng.random(len(items)) < 0.2, rng.uniform(0.6, 3.0, len(items)), 0.0)
    order = np.argsort([item.at_ns / NS + wait for item, wait in zip(items, delay, strict=True)])
    arriving: list[Detection | Tick] = []
    clock = T0
    for index in order.tolist():
        clock = max(clock, items[index].at_ns + round(float(delay[index]) * NS))
        arriving += [Tick(clock), items[index]]
    end: list[Detection | Tick] = [Tick(T0 + (200 + tenth) * NS // 10) for tenth in range(60)]
    disordered, straight = Tracker(), Tracker()
    told = push_all(disordered, arriving + end[:35])
    push_all(straight, [*items, *end[:35]])
    assert disordered.counts["late"] > 5
    left, right = disordered._history.table, straight._history.table
    assert left.rows.tobytes() == right.rows.tobytes()
    assert list(left.ids) == list(right.ids)
    told += push_all(disordered, end[35:])
    revisions: dict[str, list[int]] = {}
    for track in told:
        revisions.setdefault(track.id, []).append(track.revision)
    assert all(found == list(range(1, len(found) + 1)) for found in revisions.values())


def test_an_id_seen_outside_stays_when_an_earlier_detection_comes_late() -> None:
    tracker = Tracker()
    items = [seen("fibre-1", 1.0 + n, 0.0, 1.3 * n) for n in range(10)]
    told = push_all(tracker, with_ticks(items[:3], 4))
    assert {track.id for track in told} == {items[0].id}
    earlier = seen("thermal-001", 0.5, 0.0, -0.6, kind=SensorKind.THERMAL)
    more = push_all(tracker, [earlier, *items[3:], Tick(T0 + 12 * NS)])
    assert tracker.counts["late"] == 1
    assert {track.id for track in more} == {items[0].id}
    assert tracker._history.table.ids[0] == earlier.id
    assert {track.state for track in more} == {TrackState.CONFIRMED}


def test_beyond_the_lateness_data_is_refused_and_counted() -> None:
    tracker = Tracker()
    tracker.push(Tick(T0 + 60 * NS))
    assert tracker.push(seen("fibre-1", 50.0, 0.0, 0.0)) == []
    assert tracker.counts == {"refused_too_late": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"covariance": Covariance(36.0, 40.0, 36.0)}, "covariance"),
        ({"covariance": Covariance(36.0, 36.0, 36.0)}, "covariance"),
        ({"covariance": Covariance(-1.0, 0.0, 36.0)}, "covariance"),
        ({"covariance": Covariance(math.nan, 0.0, 36.0)}, "covariance"),
        ({"east_m": math.inf}, "place"),
        ({"north_m": math.nan}, "place"),
        ({"classes": {ObjectClass.PERSON: 0.4}}, "classes"),
        ({"classes": {}}, "classes"),
        ({"classes": {ObjectClass.PERSON: 1.4, ObjectClass.ANIMAL: -0.4}}, "classes"),
        ({"confidence": math.nan}, "confidence"),
        ({"confidence": 1.5}, "confidence"),
    ],
)
def test_impossible_detections_are_refused_and_counted_and_harm_nobody(
    change: dict[str, object], reason: str
) -> None:
    items = with_ticks(strip(6, 8), 12)
    good = lines(push_all(Tracker(), items))
    tracker = Tracker()
    spoiled: list[Detection | Tick] = []
    for index, item in enumerate(items):
        if isinstance(item, Detection) and index % 5 == 0:
            spoiled.append(replace(item, id=f"bad-{index}", sensor="bad-1", **change))  # type: ignore[arg-type]
        spoiled.append(item)
    assert lines(push_all(tracker, spoiled)) == good
    assert tracker.counts[f"refused_{reason}"] > 5


def test_a_burst_of_one_sensor_is_bounded_and_costs_others_nothing() -> None:
    limits = TrackerSettings(sensor_per_s=200, sensor_tracks=50)
    items = [item for item in strip(7, 10) if item.sensor != "fibre-1"]
    rng = np.random.default_rng(7)
    flood = [
        seen("fibre-8", 4.0 + n / 20_001, float(e), float(s), id=f"flood-{n}")
        for n, (e, s) in enumerate(rng.uniform(50_000.0, 60_000.0, (20_000, 2)).tolist())
    ]
    calm = {t.id for t in push_all(Tracker(limits), with_ticks(items, 12))}
    tracker = Tracker(limits)
    both = sorted([*items, *flood], key=lambda item: item.at_ns)
    loud = {t.id for t in push_all(tracker, with_ticks(both, 12))}
    assert tracker.counts["refused_burst"] == 20_000 - 200
    assert tracker.counts["refused_too_many_tracks"] > 0
    assert calm <= loud
    assert len(calm) == 4


def test_marks_never_mix() -> None:
    items = []
    for second in range(10):
        for mark, sensor in ((Mark.REAL, "fibre-1"), (Mark.SIMULATED, "fibre-2")):
            items.append(seen(sensor, second + 0.1, 0.0, 1.3 * second, mark=mark))
    tracks = push_all(Tracker(), with_ticks(items, 12))
    assert {(track.mark, track.sensors) for track in tracks} == {
        (Mark.REAL, ("fibre-1",)),
        (Mark.SIMULATED, ("fibre-2",)),
    }


@pytest.mark.parametrize("weak", [{"starts_track": False}, {"bearing_only": True}])
def test_weak_detections_extend_a_track_and_never_start_one(weak: dict[str, object]) -> None:
    faint = [seen("thermal-002", n + 0.3, 0.0, 1.3 * n, **weak) for n in range(10)]
    alone = Tracker()
    assert push_all(alone, with_ticks(faint, 12)) == []
    assert alone.counts["weak_unused"] == 10
    strong = [seen("fibre-1", n + 0.1, 0.0, 1.3 * n) for n in range(5)]
    both = sorted([*faint, *strong], key=lambda item: item.at_ns)
    tracks = push_all(Tracker(), with_ticks(both, 12))
    assert {track.id for track in tracks} == {strong[0].id}
    assert tracks[-1].sensors == ("fibre-1", "thermal-002")
    assert tracks[-1].at_ns >= T0 + 8 * NS


def test_a_patrol_that_the_fibre_hears_is_no_intruder() -> None:
    items = [own("patrol-01", float(n), 0.0, 1.3 * n) for n in range(30)]
    items += [seen("fibre-1", n + 0.5, 4.0, 1.3 * (n + 0.5)) for n in range(30)]
    tracks = push_all(Tracker(), with_ticks(sorted(items, key=lambda i: i.at_ns), 32))
    assert {track.own_force for track in tracks} == {"patrol-01"}
    assert set(tracks[-1].sensors) == {"patrol-01", "fibre-1"}


def test_a_cable_cut_beside_a_patrol_is_not_laid_to_the_patrol() -> None:
    items = [own("patrol-01", float(n), 0.0, 0.0) for n in range(12)]
    attack = {ObjectClass.CABLE_ATTACK: 0.95, ObjectClass.UNKNOWN: 0.05}
    items += [seen("fibre-1", 5.0 + 0.5 * n, 3.0, 0.0, classes=attack) for n in range(8)]
    tracks = push_all(Tracker(), with_ticks(sorted(items, key=lambda i: i.at_ns), 14))
    assert {track.sensors for track in tracks if track.own_force is None} == {("fibre-1",)}


def test_an_intruder_thirty_metres_from_a_patrol_is_found() -> None:
    items = [own("patrol-01", float(n), 0.0, 1.3 * n) for n in range(30)]
    items += [seen("fibre-1", n + 0.5, 2.0, 1.3 * (n + 0.5)) for n in range(30)]
    items += [seen("fibre-1", n + 0.5, 30.0, 1.3 * (n + 0.5)) for n in range(5, 30)]
    tracks = push_all(Tracker(), with_ticks(sorted(items, key=lambda i: i.at_ns), 32))
    strangers = {track.id for track in tracks if track.own_force is None}
    assert len(strangers) == 1


def test_an_own_force_that_jumps_hides_nobody() -> None:
    """Two places at once: the report that contradicts is ignored and trust is withdrawn."""
    tracker = Tracker()
    items = [own("patrol-01", float(n), 0.0, 0.0) for n in range(5)]
    items += [own("patrol-01", n + 0.9, 5_000.0, 0.0) for n in range(4, 20)]
    items += [own("patrol-01", float(n), 0.0, 0.0) for n in range(5, 20)]
    items += [seen("fibre-1", n + 0.5, 5_000.0, 1.0) for n in range(5, 20)]
    items += [seen("fibre-2", n + 0.5, 1.0, 1.0) for n in range(5, 20)]
    tracks = push_all(tracker, with_ticks(sorted(items, key=lambda i: i.at_ns), 22))
    assert tracker.counts["own_force_implausible"] == 16
    strangers = {track.sensors for track in tracks if track.own_force is None}
    assert strangers == {("fibre-1",), ("fibre-2",)}
    ours = [track for track in tracks if track.own_force == "patrol-01"]
    assert all(abs(track.east_m) < 20.0 for track in ours)


def test_a_sure_sighting_is_a_track_at_once_and_a_doubtful_one_is_not() -> None:
    sure = seen("drone-1", 0.1, 0.0, 0.0, kind=SensorKind.AERIAL, confidence=0.95)
    (track,) = push_all(Tracker(), [sure, Tick(T0 + NS)])
    assert track.id == sure.id
    doubtful = replace(sure, confidence=0.6)
    assert push_all(Tracker(), [doubtful, Tick(T0 + NS)]) == []


def test_a_fast_vehicle_keeps_one_track() -> None:
    items = [
        seen(
            "vehicle-1",
            n + 0.1,
            20.0 * n,
            0.0,
            kind=SensorKind.VEHICLE,
            classes={ObjectClass.VEHICLE: 1.0},
        )
        for n in range(20)
    ]
    tracks = push_all(Tracker(), with_ticks(items, 20))
    assert len({track.id for track in tracks}) == 1
    assert tracks[-1].velocity_east_mps == pytest.approx(20.0, abs=2.0)


def test_nothing_comes_of_detections_sent_twice() -> None:
    items = strip(8, 10)
    twice = [copy for item in items for copy in (item, item)]
    tracker = Tracker()
    assert lines(push_all(tracker, with_ticks(twice, 14))) == lines(
        push_all(Tracker(), with_ticks(items, 14))
    )
    assert tracker.counts["duplicates"] == len(items)


def test_a_long_silence_passes_in_few_steps() -> None:
    tracker = Tracker()
    push_all(tracker, with_ticks(strip(9, 5), 6))
    ended = push_all(tracker, [Tick(T0 + 86_400 * NS)])
    assert {track.state for track in ended} == {TrackState.ENDED}
    assert len(tracker._history.table.rows) == 0


@pytest.mark.parametrize(
    "state",
    [
        b"no snapshot",
        b"\x80",
        write_snapshot("tracker", 99, "", {}),
        write_snapshot("incidents", 1, "", {}),
    ],
)
def test_a_foreign_snapshot_is_refused_and_changes_nothing(state: bytes) -> None:
    tracker = Tracker()
    push_all(tracker, with_ticks(strip(10, 5), 6))
    before = tracker.snapshot()
    with pytest.raises(SnapshotError, match="start without it"):
        tracker.restore(state)
    assert tracker.snapshot() == before


def test_a_snapshot_of_other_settings_or_with_a_part_missing_is_refused() -> None:
    tracker = Tracker()
    with pytest.raises(SnapshotError, match="settings"):
        tracker.restore(Tracker(TrackerSettings(hold_s=0.3)).snapshot())
    owner = fingerprint(tracker.settings)
    state = read_snapshot(tracker.snapshot(), "tracker", VERSION, owner)
    del state["history"]
    with pytest.raises(SnapshotError, match="damaged"):
        tracker.restore(write_snapshot("tracker", VERSION, owner, state))


def test_settings_can_go_to_another_process_and_be_written_down() -> None:
    given_settings = TrackerSettings(hold_s=0.4)
    assert pickle.loads(pickle.dumps(given_settings)) == given_settings  # noqa: S301 - our own
    assert asdict(given_settings)["motion"][ObjectClass.PERSON]["noise"] == 0.3


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_extreme_but_possible_detections_leave_every_track_finite(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracker = Tracker()
    told: list[Track] = []
    for number in range(120):
        sigma = 10.0 ** rng.uniform(-3.0, 4.0, 2)
        lean = float(rng.uniform(-0.999, 0.999) * sigma[0] * sigma[1])
        item = seen(
            f"s{rng.integers(5)}",
            number / 20.0 + float(rng.uniform(-2.0, 0.5)),
            *(rng.normal(0.0, 10.0 ** rng.uniform(0.0, 5.0), 2).tolist()),
            id=f"d{number}",
            kind=list(SensorKind)[rng.integers(len(SensorKind))],
            covariance=Covariance(float(sigma[0] ** 2), lean, float(sigma[1] ** 2)),
            confidence=float(rng.choice([0.0, 0.3, 1.0])),
            speed_mps=float(rng.choice([-5.0, 0.0, 80.0])),
            bearing_only=bool(rng.random() < 0.2),
            own_force="u1" if rng.random() < 0.1 else None,
        )
        told += push_all(tracker, [item])
    told += push_all(tracker, [Tick(T0 + 100 * NS)])
    for track in told:
        spread = track.covariance
        assert math.isfinite(track.east_m + track.north_m)
        assert math.isfinite(track.velocity_east_mps + track.velocity_north_mps)
        assert spread.ee * spread.nn - spread.en**2 > 0.0
        assert math.isclose(sum(track.classes.values()), 1.0)
        assert 0.0 <= track.confidence <= 1.0
