"""A patrol car's own echo is no intruder; an intruder beside a patrol is."""

import dataclasses

import pytest

from geo.default_site import default_site_path
from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.correlate.incidents import Incidents
from services.events import Contribution, Covariance, Track, TrackState

T0 = 1_772_326_800_000_000_000
S = 1_000_000_000
EAST, NORTH = 484_000.0, 5_071_000.0


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def track(
    name: str,
    t_s: float,
    place: tuple[float, float],
    velocity: tuple[float, float],
    *,
    own: str | None = None,
    kind: SensorKind = SensorKind.THERMAL,
    mark: Mark = Mark.EXERCISE,
) -> Track:
    return Track(
        id=name,
        revision=1,
        state=TrackState.CONFIRMED,
        mark=mark,
        at_ns=T0 + round(t_s * S),
        started_at_ns=T0,
        east_m=EAST + place[0],
        north_m=NORTH + place[1],
        covariance=Covariance(100.0, 0.0, 100.0),
        velocity_east_mps=velocity[0],
        velocity_north_mps=velocity[1],
        classes={ObjectClass.UNKNOWN: 1.0},
        confidence=0.9,
        sensors=("vehicle-1",),
        detections=3,
        own_force=own,
        contributions=(Contribution("s-1", kind, T0, T0 + round(t_s * S), 3, 0.9),),
    )


def ride(
    incidents: Incidents,
    aside_m: float,
    mps: float,
    unit_mps: float = 9.0,
    mark: Mark = Mark.EXERCISE,
) -> int:
    """Incidents in 30 s of a track beside a unit, both going north."""
    told = 0
    for second in range(30):
        unit = track("unit", second, (0.0, unit_mps * second), (0.0, unit_mps), own="patrol-1")
        echo = track("echo", second, (aside_m, mps * second), (0.0, mps), mark=mark)
        told += len(incidents.push(unit)) + len(incidents.push(echo))
    return told


def test_an_echo_that_keeps_company_with_a_moving_patrol_is_no_incident(site: Site) -> None:
    incidents = Incidents(site, "live")
    assert ride(incidents, aside_m=35.0, mps=9.2) == 0
    assert incidents.counts["own_force_shadow"] == 30


@pytest.mark.parametrize(
    ("aside_m", "mps", "unit_mps"), [(35.0, 1.3, 9.0), (35.0, 9.0, 0.0), (400.0, 9.0, 9.0)]
)
def test_a_walker_a_standing_unit_and_a_distant_car_hide_nobody(
    site: Site, aside_m: float, mps: float, unit_mps: float
) -> None:
    assert ride(Incidents(site, "live"), aside_m, mps, unit_mps) > 0


def test_near_a_unit_heard_of_once_a_track_waits(site: Site) -> None:
    incidents = Incidents(site, "live")
    unit = track("unit", 0.0, (0.0, 0.0), (0.0, 0.0), own="patrol-1")
    incidents.push(dataclasses.replace(unit, detections=1))
    assert not incidents.push(track("echo", 2.0, (30.0, 18.0), (0.0, 9.0)))
    incidents.push(track("unit", 5.0, (0.0, 0.0), (0.0, 0.0), own="patrol-1"))
    assert incidents.push(track("echo", 8.0, (30.0, 20.0), (0.0, 1.0))), "it stands: no shadow"


def test_what_vehicles_radars_alone_saw_waits_a_little(site: Site) -> None:
    incidents = Incidents(site, "live")
    radar = SensorKind.VEHICLE
    assert not incidents.push(track("echo", 2.0, (0.0, 0.0), (0.0, 1.0), kind=radar))
    assert incidents.push(track("echo", 7.0, (0.0, 5.0), (0.0, 1.0), kind=radar))


def test_a_unit_of_an_exercise_hides_nothing_real(site: Site) -> None:
    assert ride(Incidents(site, "live"), 35.0, 9.0, mark=Mark.REAL) > 0


def test_a_unit_not_heard_of_for_long_hides_nothing(site: Site) -> None:
    incidents = Incidents(site, "live")
    incidents.push(track("unit", 0.0, (0.0, 0.0), (0.0, 9.0), own="patrol-1"))
    late = track("echo", 15.0, (20.0, 135.0), (0.0, 9.0))
    assert incidents.push(late)


def test_a_unit_heard_of_a_moment_later_than_the_echo_was_seen_casts_its_shadow(
    site: Site,
) -> None:
    incidents = Incidents(site, "live")
    incidents.push(track("unit", 10.3, (0.0, 93.0), (0.0, 9.0), own="patrol-1"))
    assert not incidents.push(track("echo", 10.0, (20.0, 90.0), (0.0, 9.0)))


def test_shadows_survive_a_restart(site: Site) -> None:
    before = Incidents(site, "live")
    before.push(track("unit", 0.0, (0.0, 0.0), (0.0, 9.0), own="patrol-1"))
    after = Incidents(site, "live")
    after.restore(before.snapshot())
    echo = track("echo", 8.0, (30.0, 72.0), (0.0, 9.0))
    assert after.push(echo) == before.push(echo) == []
    gone = dataclasses.replace(
        track("unit", 9.0, (0.0, 81.0), (0.0, 9.0), own="patrol-1"), state=TrackState.ENDED
    )
    after.push(gone)
    assert after.push(track("echo", 10.0, (30.0, 90.0), (0.0, 9.0)))
