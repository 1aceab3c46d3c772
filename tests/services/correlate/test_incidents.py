"""Incidents: what belongs together, what is lawful, how serious, when it ends."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.crs import to_plane
from geo.default_site import default_site_path
from geo.errors import SnapshotError
from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.correlate.incidents import Incidents
from services.correlate.settings import IncidentSettings
from services.correlate.severity import BASE, severity
from services.events import (
    Contribution,
    Covariance,
    Detection,
    Explanation,
    Incident,
    Severity,
    Tick,
    Track,
    TrackState,
    encode,
)

NS = 1_000_000_000
T0 = 1_790_000_000 * NS
CHAINAGE_M = 60_000.0


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


@pytest.fixture(scope="module")
def place(site: Site) -> tuple[float, float]:
    east, north = site.border.point_at(CHAINAGE_M, 20.0)
    return float(east), float(north)


def track(
    name: str,
    second: float,
    east_m: float,
    north_m: float,
    *,
    revision: int = 1,
    velocity: tuple[float, float] = (0.0, 0.0),
    object_class: ObjectClass = ObjectClass.PERSON,
    sensors: tuple[tuple[str, SensorKind], ...] = (("fibre-1", SensorKind.FIBRE),),
    **more: object,
) -> Track:
    at_ns = T0 + round(second * NS)
    fields = {
        "id": name,
        "revision": revision,
        "state": TrackState.CONFIRMED,
        "mark": Mark.REAL,
        "at_ns": at_ns,
        "started_at_ns": min(at_ns, T0),
        "east_m": east_m,
        "north_m": north_m,
        "covariance": Covariance(25.0, 0.0, 25.0),
        "velocity_east_mps": velocity[0],
        "velocity_north_mps": velocity[1],
        "classes": {object_class: 1.0},
        "confidence": 0.9,
        "sensors": tuple(sensor for sensor, _ in sensors),
        "detections": 3,
        "contributions": tuple(
            Contribution(sensor, kind, T0, at_ns, 3, 0.7) for sensor, kind in sensors
        ),
    } | more
    return Track(**fields)  # type: ignore[arg-type]


def across(site: Site, chainage_m: float, start_m: float, mps: float, second: float) -> Track:
    """A track that crosses the line at a right angle."""
    here = site.border.point_at(chainage_m, start_m + mps * second)
    there = site.border.point_at(chainage_m, start_m + mps * (second + 1.0))
    velocity = (float(there[0] - here[0]), float(there[1] - here[1]))
    return track("t1", second, float(here[0]), float(here[1]), velocity=velocity)


def test_tracks_side_by_side_are_one_incident_and_count_as_two(
    site: Site, place: tuple[float, float]
) -> None:
    stage = Incidents(site, "run-1")
    (first,) = stage.push(track("t1", 0.0, *place))
    (second,) = stage.push(track("t2", 0.5, place[0] + 30.0, place[1]))
    assert second.id == first.id
    assert (second.tracks, second.count) == (("t1", "t2"), 2)


@pytest.mark.parametrize(
    ("apart_m", "mps"), [(100.0, 0.0), (30.0, 10.0)], ids=["100 m apart", "going elsewhere"]
)
def test_tracks_far_apart_or_going_elsewhere_are_two_incidents(
    site: Site, place: tuple[float, float], apart_m: float, mps: float
) -> None:
    stage = Incidents(site, "run-1")
    (first,) = stage.push(track("t1", 0.0, *place))
    (second,) = stage.push(track("t2", 0.5, place[0] + apart_m, place[1], velocity=(mps, 0.0)))
    assert second.id != first.id


def test_marks_never_share_an_incident(site: Site, place: tuple[float, float]) -> None:
    stage = Incidents(site, "run-1")
    ids = {stage.push(track(f"t-{mark}", 0.0, *place, mark=mark))[0].id for mark in Mark}
    assert len(ids) == len(Mark)


def test_ids_derive_from_site_run_mark_and_first_detection(
    site: Site, place: tuple[float, float]
) -> None:
    def name(run: str, first: str, mark: Mark = Mark.REAL) -> str:
        return Incidents(site, run).push(track(first, 0.0, *place, mark=mark))[0].id

    assert name("r", "t1") == name("r", "t1")
    others = [name("r", "t1"), name("q", "t1"), name("r", "t2"), name("r", "t1", Mark.EXERCISE)]
    assert len(set(others)) == 4
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in others)


def test_own_force_makes_no_incident_and_is_counted(site: Site, place: tuple[float, float]) -> None:
    stage = Incidents(site, "run-1")
    assert stage.push(track("t1", 0.0, *place, own_force="patrol-01")) == []
    assert stage.counts == {"own_force": 1}


def test_a_cable_cut_inside_a_crossing_is_an_incident(site: Site) -> None:
    crossing = site.crossing("jimbolia-srpska-crnja")
    east, north = (float(x) for x in to_plane(*crossing.position))
    incidents = Incidents(site, "r")
    assert incidents.push(track("p", 0.0, east, north)) == []
    (told,) = incidents.push(track("c", 1.0, east, north, object_class=ObjectClass.CABLE_ATTACK))
    assert told.object_class is ObjectClass.CABLE_ATTACK


def test_inside_a_crossing_is_lawful_and_leaving_it_is_an_incident(site: Site) -> None:
    crossing = site.crossing("jimbolia-srpska-crnja")
    east, north = (float(x) for x in to_plane(*crossing.position))
    stage = Incidents(site, "run-1")
    told: list[Incident] = []
    for second in range(60):
        told += stage.push(track("t1", second, east + 10.0 * second, north, velocity=(10.0, 0.0)))
    assert stage.counts["lawful"] == pytest.approx(crossing.radius_m / 10.0, abs=2)
    assert told
    assert told[0].at_ns == T0 + round(crossing.radius_m / 10.0 + 1) * NS


@pytest.mark.parametrize(
    ("mps", "start_m", "direction"), [(1.4, -30.0, "towards"), (-1.4, 110.0, "away")]
)
def test_direction_is_with_respect_to_the_romanian_side(
    site: Site, mps: float, start_m: float, direction: str
) -> None:
    stage = Incidents(site, "run-1")
    told = [
        one
        for second in range(60)
        for one in stage.push(across(site, CHAINAGE_M, start_m, mps, second))
    ]
    assert told[-1].direction == direction
    assert told[-1].speed_mps == pytest.approx(1.4, abs=0.2)
    sides = [one.reason.parameters["side"] for one in (told[0], told[-1])]
    assert sides == (["serbian", "romanian"] if mps > 0.0 else ["romanian", "romanian"])


def test_along_the_border_and_standing_still_are_told_apart(
    site: Site, place: tuple[float, float]
) -> None:
    still = Incidents(site, "r").push(track("t1", 0.0, *place))[0]
    assert still.direction == "unknown"
    ahead = site.border.point_at(CHAINAGE_M + 20.0, 20.0)
    velocity = ((float(ahead[0]) - place[0]) / 10.0, (float(ahead[1]) - place[1]) / 10.0)
    along = Incidents(site, "r").push(track("t1", 0.0, *place, velocity=velocity))[0]
    assert along.direction == "along"


def test_direction_comes_from_the_way_gone_not_from_a_noisy_velocity(site: Site) -> None:
    stage = Incidents(site, "run-1")
    told: list[Incident] = []
    for second in range(15):
        moved = across(site, CHAINAGE_M, -10.0, 1.4, second)
        wrong = replace(
            moved,
            velocity_east_mps=-moved.velocity_east_mps,
            velocity_north_mps=-moved.velocity_north_mps,
        )
        told += stage.push(wrong)
    assert {one.direction for one in told[6:]} == {"towards"}


def test_severity_follows_class_direction_and_support() -> None:
    assert severity(ObjectClass.PERSON, "towards", 2, 2) is Severity.HIGH
    assert severity(ObjectClass.PERSON, "towards", 1, 2) is Severity.MEDIUM
    assert severity(ObjectClass.PERSON, "away", 3, 2) is Severity.MEDIUM
    assert severity(ObjectClass.UNKNOWN, "away", 1, 2) is Severity.LOW
    assert severity(ObjectClass.UNKNOWN, "towards", 2, 2) is Severity.HIGH
    for name in (ObjectClass.ANIMAL, ObjectClass.WEATHER, ObjectClass.TRAIN):
        assert severity(name, "towards", 5, 2) is Severity.LOW
    assert set(BASE) == set(ObjectClass)
    worst = {severity(name, "towards", 9, 2) for name in ObjectClass}
    assert Severity.DANGER_TO_LIFE not in worst


def test_severity_rises_at_once_and_falls_only_after_a_while(
    site: Site, place: tuple[float, float]
) -> None:
    stage = Incidents(site, "run-1")
    told: list[Incident] = []
    for second in range(40):
        wavering = ObjectClass.GROUP if second < 3 or second % 4 == 0 else ObjectClass.PERSON
        steady = ObjectClass.PERSON if second >= 20 else wavering
        told += stage.push(track("t1", second, *place, object_class=steady))
    levels = [one.severity for one in told]
    assert levels[0] is Severity.HIGH
    assert levels.count(Severity.HIGH) >= 30
    assert levels[-1] is Severity.MEDIUM
    assert sum(a is not b for a, b in pairwise(levels)) == 1


def test_revisions_are_at_most_one_a_second_except_for_a_new_sensor(
    site: Site, place: tuple[float, float]
) -> None:
    stage = Incidents(site, "run-1")
    told = [
        one
        for tenth in range(30)
        for one in stage.push(track("t1", tenth / 10.0, *place, revision=tenth + 1))
    ]
    assert [one.revision for one in told] == [1, 2, 3]
    both = (("fibre-1", SensorKind.FIBRE), ("thermal-1", SensorKind.THERMAL))
    (new,) = stage.push(track("t1", 2.95, *place, sensors=both))
    assert [part.sensor for part in new.contributions] == ["fibre-1", "thermal-1"]


def test_an_incident_ends_by_time_alone_after_its_hold(
    site: Site, place: tuple[float, float]
) -> None:
    stage = Incidents(site, "run-1")
    stage.push(track("t1", 0.0, *place))
    ended_track = track("t1", 8.0, *place, state=TrackState.ENDED, revision=2)
    assert [one.ended for one in stage.push(ended_track)] == [False]
    assert stage.push(Tick(T0 + 60 * NS)) == []
    (ended,) = stage.push(Tick(T0 + 61 * NS))
    assert ended.ended
    assert ended.at_ns == T0 + 60 * NS
    assert stage.push(Tick(T0 + 500 * NS)) == []


def test_a_long_incident_of_many_short_tracks_stays_bounded(
    site: Site, place: tuple[float, float]
) -> None:
    limits = IncidentSettings(most_tracks=10)
    stage = Incidents(site, "run-1", limits)
    told: list[Incident] = []
    for number in range(100):
        second = 8.0 * number
        told += stage.push(track(f"t{number}", second, *place))
        ended = track(f"t{number}", second + 6.0, *place, state=TrackState.ENDED)
        told += stage.push(ended)
    assert len({one.id for one in told}) == 1
    assert len(told[-1].tracks) <= 10 + 60 / 8 + 2
    assert told[-1].contributions[0].detections == 300
    assert len(stage.snapshot()) < 40_000
    assert told[-1].started_at_ns == T0


def test_what_was_done_to_a_cable_is_the_reason_and_the_class_from_then_on(
    site: Site, place: tuple[float, float]
) -> None:
    cut = Detection(
        id="cut",
        group="line-1",
        kind=SensorKind.FIBRE,
        sensor="fibre-1",
        mark=Mark.REAL,
        at_ns=T0 + 2 * NS,
        east_m=place[0],
        north_m=place[1],
        covariance=Covariance(25.0, 0.0, 25.0),
        classes={ObjectClass.CABLE_ATTACK: 1.0},
        confidence=0.95,
        score=100.0,
        method="test/1",
        explanation=Explanation("incident.cable_cut", {"cable": "fibre-1", "cable_m": 10_040.0}),
    )
    incidents = Incidents(site, "r")
    told = [
        incident
        for second, last in ((0.0, None), (2.0, cut), (4.0, None))
        for incident in incidents.push(
            track("t", second, *place, object_class=ObjectClass.DIGGING, last=last)
        )
    ]
    assert [one.object_class for one in told] == [
        ObjectClass.DIGGING,
        ObjectClass.CABLE_ATTACK,
        ObjectClass.CABLE_ATTACK,
    ]
    assert [one.reason.key for one in told] == ["incident.reason", *2 * ["incident.cable_cut"]]
    assert told[-1].reason.parameters["cable_m"] == 10_040.0
    assert told[-1].reason.parameters["sensors"] == "fibre-1"
    assert told[-1].severity is Severity.HIGH


def test_every_incident_says_settings_and_site(site: Site, place: tuple[float, float]) -> None:
    (one,) = Incidents(site, "r").push(track("t1", 0.0, *place))
    (other,) = Incidents(site, "r", IncidentSettings(join_m=50.0)).push(track("t1", 0.0, *place))
    assert one.settings.endswith(site.hash)
    assert one.settings != other.settings


def stream(site: Site) -> list[Track | Tick]:
    items: list[Track | Tick] = []
    for second in range(90):
        if second < 25 or 30 < second < 50:
            items.append(across(site, CHAINAGE_M, -20.0, 1.2, second))
        if second in range(10, 40):
            items.append(replace(across(site, 61_000.0, 30.0, -0.8, second), id="t2"))
        items.append(Tick(T0 + second * NS + 999_999_999))
    return items


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cut=st.integers(0, 160))
def test_cut_anywhere_and_restored_the_output_is_the_same_bytes(site: Site, cut: int) -> None:
    items = stream(site)
    straight = Incidents(site, "r")
    whole = [encode(one) for item in items for one in straight.push(item)]
    assert len(whole) > 20
    first = Incidents(site, "r")
    out = [encode(one) for item in items[:cut] for one in first.push(item)]
    second = Incidents(site, "r")
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    out += [encode(one) for item in items[cut:] for one in second.push(item)]
    assert out == whole


def test_open_incidents_outlive_a_change_of_settings(
    site: Site, place: tuple[float, float]
) -> None:
    before = Incidents(site, "r")
    (opened,) = before.push(track("t", 0.0, *place))
    after = Incidents(site, "r", IncidentSettings(hold_s=20.0))
    after.restore(before.snapshot())
    (ended,) = after.push(Tick(T0 + 30 * NS))
    assert (ended.id, ended.ended, ended.revision) == (opened.id, True, 2)


def test_a_snapshot_of_another_run_or_damaged_is_refused(site: Site) -> None:
    with pytest.raises(SnapshotError, match="settings"):
        Incidents(site, "r").restore(Incidents(site, "s").snapshot())
    with pytest.raises(SnapshotError, match="damaged"):
        Incidents(site, "r").restore(Incidents(site, "r").snapshot().replace(b"dopen", b"dshut"))
