"""Joining the stages, and what applies when."""

from dataclasses import replace
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.errors import SnapshotError
from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.config.settings import Settings
from services.events import Alert, Covariance, Detection, Severity, Tick
from services.run.pipeline import FrameDetection, Pipeline

T0 = 1_772_326_800_000_000_000
S = 1_000_000_000
CHANGE = """
[[settings]]
key = "tracker.hold_s"
value = 0.25
valid_from = 2026-03-01T01:00:10Z
"""


@pytest.fixture(scope="module")
def timeline() -> Site:
    text = Path(default_site_path()).read_text()
    return Site.parse(text + CHANGE, "changed.toml")


def test_a_setting_applies_from_its_time_on(timeline: Site) -> None:
    pipeline = Pipeline(timeline, T0, "live")
    pipeline.push(Tick(T0 + 9 * S))
    assert pipeline.back.validity.settings.tracker.hold_s == 0.5
    pipeline.push(Tick(T0 + 10 * S))
    assert pipeline.back.validity.settings.tracker.hold_s == 0.25
    assert pipeline.front.validity.site.hash != timeline.at(T0).hash


def test_stages_go_on_from_their_state_when_the_site_changes(timeline: Site) -> None:
    pipeline = Pipeline(timeline, T0, "live")
    before = pipeline.ledger.sensors()
    pipeline.push(Tick(T0 + 10 * S))
    assert "tracker" in pipeline.back.validity.restarted, "another hold cannot take the old state"
    assert "incidents" not in pipeline.back.validity.restarted
    assert not pipeline.front.validity.restarted
    assert {s.sensor for s in pipeline.ledger.sensors()} == {s.sensor for s in before}


def test_a_stage_whose_state_is_missing_begins_anew_and_the_others_go_on(timeline: Site) -> None:
    before = Pipeline(timeline, T0, "live")
    before.push(Tick(T0 + S))
    states = before.snapshot()
    del states["tracker"]
    after = Pipeline(timeline, T0, "live")
    assert after.restore(states) == ["tracker"]
    assert after.ledger.sensors() == before.ledger.sensors()


def test_a_damaged_state_of_frame_detection_is_refused(timeline: Site) -> None:
    frames = FrameDetection(timeline.at(T0), Settings())
    for state in (b"", b"\0" * 10, b"\xff"):
        with pytest.raises(SnapshotError, match="frame detection"):
            frames.restore(state)


def test_a_replay_of_earlier_times_takes_the_rows_of_then(timeline: Site) -> None:
    pipeline = Pipeline(timeline, T0 + 3_600 * S, "night")
    assert pipeline.back.validity.settings.tracker.hold_s == 0.25
    pipeline.push(Tick(T0))
    assert pipeline.back.validity.settings.tracker.hold_s == 0.5


def test_a_restored_pipeline_says_the_same_as_one_that_went_on(timeline: Site) -> None:
    one = Pipeline(timeline, T0, "live")
    one.push(Tick(T0 + S))
    other = Pipeline(timeline, T0, "live")
    other.restore(one.snapshot())
    ticks = [Tick(T0 + (2 + number) * S) for number in range(90)]
    assert [one.push(tick) for tick in ticks] == [other.push(tick) for tick in ticks]


def test_what_decides_by_event_time_waits_for_what_was_not_heard(timeline: Site) -> None:
    pipeline = Pipeline(timeline, T0, "live")
    pipeline.push(Tick(T0 + 60 * S, T0 + S))
    pipeline.push(detection(T0 + 2 * S))
    assert pipeline.left_out == {}
    pipeline.push(Tick(T0 + 61 * S))
    pipeline.push(detection(T0 + 3 * S))
    assert pipeline.left_out == {("late", "late"): 1}


def test_a_usual_vehicle_is_an_alert_all_the_same_of_lower_severity_and_says_why(
    timeline: Site,
) -> None:
    pipeline = Pipeline(timeline, T0, "live")
    week = 7 * 24 * 3_600 * S
    place = tuple(map(float, timeline.border.point_at(60_120.0, 20.0)))
    raised: list[tuple[int, Alert]] = []
    for number in range(5):
        for minute in range(60):
            begun = T0 + (8 + number) * week + minute * 60 * S  # beyond the change to summer time
            pipeline.push(Tick(begun))
            for half in range(8 if minute % 15 == 0 else 0):
                at_ns = begun + half * S // 2
                vehicle = replace(
                    detection(at_ns),
                    east_m=place[0],
                    north_m=place[1],
                    classes={ObjectClass.VEHICLE: 1.0},
                )
                told = [*pipeline.push(vehicle), *pipeline.push(Tick(at_ns + S))]
                raised += [
                    (number, one)
                    for one in told
                    if isinstance(one, Alert) and one.change.what == "raised"
                ]
    assert [number for number, _ in raised] == [n for n in range(5) for _ in range(4)]
    assert {one.severity for number, one in raised if number < 3} == {Severity.MEDIUM}
    usual = [one for number, one in raised if number >= 3]
    assert {one.severity for one in usual} == {Severity.LOW}
    assert {one.incident.reason.key for one in usual} == {"incident.reason_usual"}
    assert sum(one.count for one in pipeline.memory.lowered) == len(usual) == 8


def detection(at_ns: int) -> Detection:
    return Detection(
        id=f"d/{at_ns}",
        group="g",
        kind=SensorKind.THERMAL,
        sensor="thermal-001",
        mark=Mark.REAL,
        at_ns=at_ns,
        east_m=500_000.0,
        north_m=5_000_000.0,
        covariance=Covariance(25.0, 0.0, 25.0),
        classes={ObjectClass.PERSON: 1.0},
        confidence=0.9,
        score=0.9,
        method="m",
    )
