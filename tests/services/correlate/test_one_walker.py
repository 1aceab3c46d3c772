"""One walker, several sensors: one track, one incident, one alert."""

import pytest

from geo.default_site import default_site_path
from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.topics import PROOF_GROUP, SensorKind
from services.alerts.lifecycle import Lifecycle
from services.correlate.incidents import Incidents
from services.correlate.tracker import Tracker
from services.events import (
    Alert,
    AlertState,
    Covariance,
    Detection,
    Incident,
    Proof,
    Refused,
    Severity,
    Tick,
    Track,
    TrackState,
)

NS = 1_000_000_000
T0 = 1_790_000_000 * NS


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def seen(
    name: str,
    at_s: float,
    place: tuple[float, float],
    kind: SensorKind = SensorKind.FIBRE,
    sigma_m: float = 6.0,
    **more: object,
) -> Detection:
    fields = {
        "id": f"{name}:{round(at_s * 1000)}",
        "group": "g",
        "kind": kind,
        "sensor": name,
        "mark": Mark.REAL,
        "at_ns": T0 + round(at_s * NS),
        "east_m": place[0],
        "north_m": place[1],
        "covariance": Covariance(sigma_m**2, 0.0, sigma_m**2),
        "classes": {ObjectClass.PERSON: 0.8, ObjectClass.ANIMAL: 0.2},
        "confidence": 0.7,
        "score": 6.0,
        "method": "test",
    } | more
    return Detection(**fields)  # type: ignore[arg-type]


def run(
    site: Site, items: list[Detection | Tick]
) -> tuple[list[Track], list[Incident], list[Alert]]:
    tracker, incidents, lifecycle = Tracker(), Incidents(site, "run-1"), Lifecycle("run-1")
    tracks: list[Track] = []
    found: list[Incident] = []
    alerts: list[Alert | Refused] = []
    for item in items:
        new = [track for track in tracker.push(item) if isinstance(track, Track)]
        tracks += new
        revisions = [one for track in new for one in incidents.push(track)]
        if isinstance(item, Tick):
            revisions += incidents.push(item)
        found += revisions
        alerts += [one for revision in revisions for one in lifecycle.push(revision)]
        if isinstance(item, Tick):
            alerts += lifecycle.push(item)
    return tracks, found, [one for one in alerts if isinstance(one, Alert)]


def walk(
    site: Site, chainage_m: float, seconds: int, *, camera_after_s: int
) -> list[Detection | Tick]:
    """Somebody walks at 1.4 m/s from the neighbour's side to ours; fibre, then also a camera."""
    items: list[Detection | Tick] = []
    for second in range(seconds):
        east, north = (float(x) for x in site.border.point_at(chainage_m, -20.0 + 1.4 * second))
        items.append(seen("fibre-1", second + 0.1, (east, north)))
        if second >= camera_after_s:
            place = (east + 3.0, north - 2.0)
            items.append(seen("thermal-001", second + 0.4, place, SensorKind.THERMAL, 15.0))
        items.append(Tick(T0 + (second + 1) * NS))
    return items


def test_fibre_and_camera_make_one_track_one_incident_and_one_alert(site: Site) -> None:
    tracks, incidents, alerts = run(site, walk(site, 60_000.0, 30, camera_after_s=12))
    assert {track.id for track in tracks} == {"fibre-1:100"}
    assert tracks[-1].sensors == ("fibre-1", "thermal-001")
    assert len({incident.id for incident in incidents}) == 1
    last = incidents[-1]
    assert last.direction == "towards"
    assert [part.sensor for part in last.contributions] == ["fibre-1", "thermal-001"]
    assert last.contributions[0].detections == pytest.approx(30, abs=2)
    assert last.sector is not None
    assert last.chainage_m == pytest.approx(60_000.0, abs=150.0)
    assert last.speed_mps == pytest.approx(1.4, abs=0.4)
    assert alerts[0].change.what == "raised"
    assert alerts[0].severity is Severity.MEDIUM
    assert "sensor_added" in [alert.change.what for alert in alerts]
    assert alerts[-1].severity is Severity.HIGH
    assert {alert.id for alert in alerts} == {last.id}


def test_the_alert_comes_within_five_seconds_of_the_first_detection(site: Site) -> None:
    _, _, alerts = run(site, walk(site, 60_000.0, 6, camera_after_s=99))
    assert alerts
    assert alerts[0].at_ns - T0 < 5 * NS


def test_time_alone_ends_track_incident_and_alert(site: Site) -> None:
    items = walk(site, 60_000.0, 15, camera_after_s=99)
    items += [Tick(T0 + second * NS) for second in range(15, 90)]
    tracks, incidents, alerts = run(site, items)
    assert tracks[-1].state is TrackState.ENDED
    assert 5.0 <= (tracks[-1].at_ns - T0) / NS - 14.1 <= 12.0
    assert incidents[-1].ended
    assert (incidents[-1].at_ns - T0) / NS == pytest.approx(75.0, abs=2.0)
    assert alerts[-1].state is AlertState.RETURNED_UNACKNOWLEDGED


def test_a_proof_goes_the_same_way_and_comes_out_as_proof() -> None:
    tracker = Tracker()
    probe = seen("proof-1", 0.2, (0.0, 0.0), group=PROOF_GROUP, mark=Mark.EXERCISE)
    assert tracker.push(probe) == []
    assert tracker.push(Tick(T0 + 2 * NS)) == [
        Proof("proof-1", T0 + round(0.2 * NS), T0 + round(0.2 * NS))
    ]


def test_what_is_said_again_after_a_gap_of_the_track_stays_one_incident(site: Site) -> None:
    first = walk(site, 60_000.0, 45, camera_after_s=99)
    items = [
        item for item in first if isinstance(item, Tick) or not 12 <= (item.at_ns - T0) / NS < 27
    ]
    tracks, incidents, _ = run(site, items)
    assert len({track.id for track in tracks}) == 2
    assert len({incident.id for incident in incidents}) == 1
    assert len(incidents[-1].tracks) == 2
