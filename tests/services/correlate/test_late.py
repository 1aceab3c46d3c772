"""What comes too late is not lost: it is told once, late, where nobody was told in its time."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.default_site import default_site_path
from geo.errors import SnapshotError
from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.alerts.lifecycle import Lifecycle
from services.correlate.incidents import Incidents
from services.correlate.late import Late, LateSettings, LateTrack
from services.correlate.paths import Paths
from services.events import Alert, Covariance, Detection, Tick, Track
from services.run.pipeline import Pipeline

NS = 1_000_000_000
T0 = 1_790_000_000 * NS
CHAINAGE_M = 60_000.0


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def walk(
    site: Site, seconds: range, *, shift_m: float = 0.0, own_force: str | None = None
) -> list[Detection]:
    """Somebody who walks along the line, seen twice a second by one sensor."""
    found = []
    for half in range(2 * seconds.start, 2 * seconds.stop):
        east, north = site.border.point_at(CHAINAGE_M + shift_m + 0.6 * half, 300.0)
        found.append(
            Detection(
                id=f"d/{shift_m:g}/{half}",
                group="g",
                kind=SensorKind.THERMAL,
                sensor="thermal-001",
                mark=Mark.REAL,
                at_ns=T0 + half * NS // 2,
                east_m=float(east),
                north_m=float(north),
                covariance=Covariance(25.0, 0.0, 25.0),
                classes={ObjectClass.PERSON: 0.9, ObjectClass.UNKNOWN: 0.1},
                confidence=0.9,
                score=0.9,
                method="m",
                own_force=own_force,
            )
        )
    return found


def told(stage: Late, found: list[Detection], after_s: int = 600) -> list[LateTrack]:
    """Collect and wait, so long after the last of it happened."""
    stage.push(Tick(T0 + after_s * NS))
    out = [track for item in found for track in stage.push(item)]
    return out + stage.push(Tick(T0 + (after_s + 3) * NS))


def test_what_came_late_becomes_whole_tracks_once_no_more_comes(site: Site) -> None:
    stage = Late()
    stage.push(Tick(T0 + 600 * NS))
    for item in reversed(walk(site, range(20))):
        assert stage.push(item) == []
    assert stage.push(Tick(T0 + 602 * NS)) == []
    (track,) = stage.push(Tick(T0 + 603 * NS))
    assert track.at_ns == T0 + 603 * NS
    assert track.first.at_ns < T0 + 5 * NS
    assert track.last.at_ns > T0 + 18 * NS
    assert stage.counts == {"late": 40}
    assert stage.push(Tick(T0 + 700 * NS)) == []


def test_patience_and_number_have_an_end(site: Site) -> None:
    found = walk(site, range(20))
    stage = Late(settings=LateSettings(quiet_s=3.0, patience_s=10.0, most=1_000))
    stage.push(Tick(T0 + 600 * NS))
    out: list[LateTrack] = []
    for number, item in enumerate(found):
        out += stage.push(item)
        out += stage.push(Tick(T0 + 600 * NS + number * NS // 2))
    assert len(out) >= 1, "a sender that never pauses is told of all the same"
    few = Late(settings=LateSettings(most=30))
    few.push(Tick(T0 + 600 * NS))
    assert [track for item in found for track in few.push(item)]


def test_what_is_older_than_a_watch_is_counted_and_left_out(site: Site) -> None:
    stage = Late()
    assert told(stage, walk(site, range(20)), after_s=30_000) == []
    assert stage.counts == {"refused_too_old": 40}


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(0, 42))
def test_cut_anywhere_and_restored_the_tracks_are_the_same(cut: int) -> None:
    site = Site.load(default_site_path())
    items: list[Detection | Tick] = [Tick(T0 + 600 * NS), *walk(site, range(20))]
    items.append(Tick(T0 + 603 * NS))
    straight = Late()
    whole = [track for item in items for track in straight.push(item)]
    first, second = Late(), Late()
    out = [track for item in items[:cut] for track in first.push(item)]
    second.restore(first.snapshot())
    assert out + [track for item in items[cut:] for track in second.push(item)] == whole
    assert second.snapshot() == straight.snapshot()
    with pytest.raises(SnapshotError, match="settings"):
        Late(settings=LateSettings(quiet_s=1.0)).restore(first.snapshot())


def test_a_late_track_is_an_incident_that_says_how_late_and_ends_by_itself(site: Site) -> None:
    (late,) = told(Late(), walk(site, range(20)))
    stage = Incidents(site, "r")
    stage.push(Tick(late.at_ns))
    (incident,) = stage.push(late)
    assert incident.late_s == pytest.approx((late.at_ns - late.last.at_ns) / NS)
    assert incident.contributions[0].detections > 30
    assert stage.push(Tick(late.at_ns + 59 * NS)) == []
    (ended,) = stage.push(Tick(late.at_ns + 61 * NS))
    assert ended.ended
    (alert,) = Lifecycle("r").push(incident)
    assert isinstance(alert, Alert)
    assert alert.change.explanation.key == "change.raised_late"


def test_what_an_incident_explains_is_not_told_again(site: Site) -> None:
    (late,) = told(Late(), walk(site, range(20)))
    stage = Incidents(site, "r")
    stage.push(late.first)
    stage.push(late.last)
    for item in walk(site, range(20, 60)):
        stage.push(moved(late.last, item))
    stage.push(Tick(late.at_ns))  # ended long ago, and remembered
    again = replace(late, first=replace(late.first, id="x"), last=replace(late.last, id="x"))
    assert stage.push(again) == []
    assert stage.counts["late_known"] == 1
    restored = Incidents(site, "r")
    restored.restore(stage.snapshot())
    assert restored.push(again) == []
    (elsewhere,) = told(Late(), walk(site, range(20), shift_m=2_000.0))
    assert len(restored.push(elsewhere)) == 1


def moved(track: Track, to: Detection) -> Track:
    return replace(track, at_ns=to.at_ns, east_m=to.east_m, north_m=to.north_m)


def test_own_units_are_no_late_incident(site: Site) -> None:
    (late,) = told(Late(), walk(site, range(20), own_force="patrol-01"))
    stage = Incidents(site, "r")
    assert stage.push(late) == []
    assert stage.counts == {"late_own_force": 1}


def test_a_late_crossing_is_one_alert_of_the_pipeline(site: Site) -> None:
    pipeline = Pipeline(site, T0, "live")
    pipeline.push(Tick(T0 + 600 * NS))
    events = [event for item in walk(site, range(20)) for event in pipeline.push(item)]
    events += [event for s in range(600, 610) for event in pipeline.push(Tick(T0 + s * NS))]
    alerts = [event for event in events if isinstance(event, Alert)]
    assert [alert.change.what for alert in alerts] == ["raised"]
    assert pipeline.left_out[("late", "late")] == 40


def test_a_long_path_stays_small_and_keeps_its_ends(site: Site) -> None:
    (late,) = told(Late(), walk(site, range(20)))
    paths = Paths(most=2)
    for second in range(0, 4_000, 2):
        at_ns = T0 + second * NS
        paths.note("long", replace(late.last, at_ns=at_ns, east_m=float(second)))
    ((_, _, _, spots),) = paths.to_json()
    assert len(spots) <= 256
    near = {"within_s": 60.0, "reach_m": 60.0, "drift_mps": 1.5}
    for second in (0, 1_777, 3_998):
        track = replace(late.last, at_ns=T0 + second * NS, east_m=float(second))
        assert paths.explains(track, **near)
        assert not paths.explains(replace(track, east_m=second + 900.0), **near)
        assert not paths.explains(replace(track, mark=Mark.EXERCISE), **near)
    paths.note("b", late.last)
    paths.note("c", late.last)
    assert [name for name, *_ in paths.to_json()] == ["b", "c"]
    paths.forget(late.last.at_ns + 30_000 * NS)
    assert paths.to_json() == []
