"""The life of an alert: the table, and what operators may rely on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from geo.errors import SnapshotError, TransitionError
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.alerts.language import LANGUAGES, render
from services.alerts.lifecycle import VERSION, Lifecycle, LifecycleSettings
from services.alerts.transitions import TRANSITIONS, Happening, after
from services.events import (
    Alert,
    AlertState,
    Command,
    Contribution,
    Covariance,
    Explanation,
    Incident,
    Refused,
    Severity,
    Tick,
    encode,
)
from services.stage import read_snapshot

NS = 1_000_000_000
T0 = 1_790_000_000 * NS


def at(second: float) -> int:
    return T0 + round(second * NS)


def incident(
    second: float,
    revision: int,
    *,
    severity: Severity = Severity.MEDIUM,
    sensors: Sequence[str] = ("fibre-1",),
    ended: bool = False,
    name: str = "i1",
) -> Incident:
    return Incident(
        id=name,
        revision=revision,
        mark=Mark.REAL,
        at_ns=at(second),
        started_at_ns=T0,
        east_m=second,
        north_m=0.0,
        longitude_deg=21.0,
        latitude_deg=45.0,
        covariance=Covariance(1.0, 0.0, 1.0),
        chainage_m=0.0,
        offset_m=0.0,
        sector=None,
        tracks=("t",),
        contributions=tuple(
            Contribution(sensor, SensorKind.FIBRE, T0, at(second), 1, 0.5) for sensor in sensors
        ),
        classes={ObjectClass.PERSON: 1.0},
        object_class=ObjectClass.PERSON,
        count=1,
        confidence=0.9,
        severity=severity,
        direction="towards",
        speed_mps=1.0,
        reason=Explanation("incident.reason"),
        settings="s",
        ended=ended,
    )


def acknowledge(second: float, name: str = "c1", alert: str = "i1") -> Command:
    return Command(name, "acknowledge", at(second), "ro-1042", "RO", {"alert": alert})


def alerts(events: Sequence[Alert | Refused]) -> list[Alert]:
    assert all(isinstance(event, Alert) for event in events)
    return [event for event in events if isinstance(event, Alert)]


def said(events: Sequence[Alert | Refused]) -> list[tuple[str, AlertState]]:
    return [(alert.change.what, alert.state) for alert in alerts(events)]


UNACKNOWLEDGED = AlertState.UNACKNOWLEDGED
ACKNOWLEDGED = AlertState.ACKNOWLEDGED
RETURNED = AlertState.RETURNED_UNACKNOWLEDGED
ENDED = AlertState.ENDED


def test_an_incident_raises_an_alert_under_its_id_and_run() -> None:
    (alert,) = alerts(Lifecycle("run-7").push(incident(0, 1)))
    assert (alert.id, alert.run, alert.revision) == ("i1", "run-7", 1)
    assert (alert.state, alert.severity) == (UNACKNOWLEDGED, Severity.MEDIUM)
    assert alert.change.what == "raised"


def test_acknowledging_closes_nothing_and_the_end_of_the_incident_ends_it() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    (alert,) = alerts(stage.push(acknowledge(3)))
    assert (alert.state, alert.acknowledged_by) == (ACKNOWLEDGED, "ro-1042")
    assert alert.acknowledged_at_ns == at(3)
    assert alert.change.actor == "ro-1042"
    assert said(stage.push(incident(6, 2))) == [("updated", ACKNOWLEDGED)]
    assert said(stage.push(incident(60, 3, ended=True))) == [("ended", ENDED)]


def test_what_ends_unseen_waits_for_somebody_to_see_it() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    assert said(stage.push(incident(60, 2, ended=True))) == [("returned", RETURNED)]
    assert said(stage.push(acknowledge(70))) == [("acknowledged", ENDED)]


def test_each_new_sensor_is_added_and_told_at_once_also_after_acknowledging() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    assert said(stage.push(incident(1, 2, sensors=["fibre-1", "thermal-1"]))) == [
        ("sensor_added", UNACKNOWLEDGED)
    ]
    stage.push(acknowledge(2))
    three = stage.push(incident(3, 3, sensors=["fibre-1", "thermal-1", "radar-1", "drone-1"]))
    assert said(three) == [("sensor_added", ACKNOWLEDGED)] * 2
    named = [alert.change.explanation.parameters["sensor"] for alert in alerts(three)]
    assert named == ["radar-1", "drone-1"]


def test_a_rise_of_severity_is_raised_again_under_the_same_id() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    stage.push(acknowledge(1))
    (alert,) = alerts(stage.push(incident(2, 2, severity=Severity.HIGH)))
    assert (alert.id, alert.state, alert.severity) == ("i1", UNACKNOWLEDGED, Severity.HIGH)
    assert alert.change.what == "severity"
    assert alert.acknowledged_by is None
    assert said(stage.push(acknowledge(3, "c2"))) == [("acknowledged", ACKNOWLEDGED)]


def test_a_fall_of_severity_is_told_and_stays_acknowledged() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1, severity=Severity.HIGH))
    stage.push(acknowledge(1))
    (alert,) = alerts(stage.push(incident(2, 2, severity=Severity.LOW)))
    assert (alert.state, alert.severity) == (ACKNOWLEDGED, Severity.LOW)
    assert alert.change.explanation.parameters == {"before": "high", "after": "low"}


def test_an_acknowledged_alert_does_not_hide_that_it_happens_again() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    stage.push(acknowledge(1))
    assert said(stage.push(incident(30, 2))) == [("raised", UNACKNOWLEDGED)]


@pytest.mark.parametrize("seen", [True, False])
def test_an_incident_that_comes_back_after_its_end_is_raised_again(*, seen: bool) -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    stage.push(incident(60, 2, ended=True))
    if seen:
        stage.push(acknowledge(61))
    (alert,) = alerts(stage.push(incident(62, 3)))
    assert (alert.id, alert.state, alert.change.what) == ("i1", UNACKNOWLEDGED, "raised")


def test_movement_alone_makes_one_revision_in_five_seconds_and_loses_nothing() -> None:
    stage = Lifecycle("r")
    events = list(stage.push(incident(0, 1)))
    for second in range(1, 15):
        events += stage.push(incident(second, second + 1))
    assert [alert.incident.at_ns for alert in alerts(events)] == [at(0), at(5), at(10)]
    assert stage.push(Tick(at(14.9))) == []
    (last,) = alerts(stage.push(Tick(at(15))))
    assert last.incident.at_ns == at(14)
    assert stage.push(Tick(at(30))) == []


def test_acknowledging_shows_the_latest_place() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    stage.push(incident(2, 2))
    (alert,) = alerts(stage.push(acknowledge(3)))
    assert alert.incident.revision == 2


def test_an_old_revision_changes_nothing() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 3))
    assert stage.push(incident(9, 2, severity=Severity.HIGH)) == []
    assert stage.push(incident(9, 3, severity=Severity.HIGH)) == []


def test_a_command_sent_twice_has_one_effect() -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    assert len(stage.push(acknowledge(1))) == 1
    assert stage.push(acknowledge(1)) == []
    stage.push(incident(2, 2, severity=Severity.HIGH))
    assert stage.push(acknowledge(1)) == []
    refused = Lifecycle("r")
    assert len(refused.push(acknowledge(1))) == 1
    assert refused.push(acknowledge(1)) == []


def content(stage: Lifecycle) -> dict[str, Any]:
    return read_snapshot(stage.snapshot(), "lifecycle", VERSION, f"run {stage.run}")


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (acknowledge(2, "c2"), "refused.not_in_this_state"),
        (acknowledge(2, "c3", "nobody"), "refused.unknown_alert"),
        (replace(acknowledge(2, "c4"), parameters={}), "refused.no_alert_named"),
    ],
)
def test_a_command_that_cannot_be_is_refused_with_the_reason_and_changes_nothing(
    command: Command, key: str
) -> None:
    stage = Lifecycle("r")
    stage.push(incident(0, 1))
    stage.push(acknowledge(1))
    before = content(stage)
    (refused,) = stage.push(command)
    assert isinstance(refused, Refused)
    assert (refused.command, refused.explanation.key) == (command.id, key)
    after_it = content(stage)
    assert after_it["kept"] == before["kept"]
    assert after_it["ended"] == before["ended"]
    for language in LANGUAGES:
        assert "?" not in render(refused.explanation, language)


def test_the_table_refuses_what_it_does_not_name() -> None:
    for state in (None, *AlertState):
        for happening in Happening:
            if (state, happening) in TRANSITIONS:
                assert after(state, happening) is TRANSITIONS[state, happening]
            else:
                with pytest.raises(TransitionError, match="it allows"):
                    after(state, happening)


def test_no_way_leads_to_the_end_without_an_acknowledgement() -> None:
    ways = {(state, what) for (state, what), end in TRANSITIONS.items() if end is ENDED}
    assert ways == {
        (ACKNOWLEDGED, Happening.RETURNED),
        (RETURNED, Happening.ACKNOWLEDGED),
    }


def test_ended_alerts_are_forgotten_after_a_while_and_never_open_ones() -> None:
    stage = Lifecycle("r", LifecycleSettings(most_ended=2))
    for number in range(5):
        name = f"i{number}"
        stage.push(incident(0, 1, name=name))
        if number < 4:
            stage.push(acknowledge(1, f"c{number}", name))
            stage.push(incident(2, 2, name=name, ended=True))
    stage.push(Tick(at(10)))
    assert len(content(stage)["kept"]) == 3
    stage.push(Tick(at(10_000)))
    assert len(content(stage)["kept"]) == 1


def test_a_snapshot_of_another_run_is_refused() -> None:
    with pytest.raises(SnapshotError, match="settings"):
        Lifecycle("r").restore(Lifecycle("s").snapshot())
    with pytest.raises(SnapshotError, match="damaged"):
        Lifecycle("r").restore(Lifecycle("r").snapshot().replace(b"dkept", b"dlost"))


class LifeOfAlerts(RuleBasedStateMachine):
    """Anything may come in any order; each step the stage is restored from its snapshot."""

    @initialize()
    def begin(self) -> None:
        self.stage = Lifecycle("r")
        self.second = 0.0
        self.revision: dict[str, int] = {}
        self.shown: dict[str, Alert] = {}
        self.commands = 0
        self.open: dict[str, Incident] = {}

    def push(self, item: Incident | Command | Tick) -> list[Alert | Refused]:
        twin = Lifecycle("r")
        twin.restore(self.stage.snapshot())
        events = self.stage.push(item)
        assert [encode(event) for event in twin.push(item)] == [encode(one) for one in events]
        assert twin.snapshot() == self.stage.snapshot()
        for event in events:
            if isinstance(event, Alert):
                self.check(event)
        return events

    def check(self, alert: Alert) -> None:
        before = self.shown.get(alert.id)
        assert alert.revision == (before.revision + 1 if before else 1)
        assert alert.at_ns >= (before.at_ns if before else 0)
        if before is None:
            assert alert.state is UNACKNOWLEDGED
        else:
            allowed = {end for (begin, _), end in TRANSITIONS.items() if begin is before.state}
            assert alert.state in allowed
        assert (alert.acknowledged_by is not None) == (alert.state in {ACKNOWLEDGED, ENDED})
        assert alert.change.state is alert.state
        for language in LANGUAGES:
            text = render(alert.change.explanation, language)
            assert text != alert.change.explanation.key
            assert "?" not in text
        self.shown[alert.id] = alert

    @rule(
        name=st.sampled_from(["i1", "i2"]),
        passed=st.sampled_from([0.2, 1.0, 6.0, 25.0]),
        severity=st.sampled_from(list(Severity)),
        sensors=st.integers(1, 3),
        ended=st.booleans(),
    )
    def see(
        self, name: str, passed: float, severity: Severity, sensors: int, *, ended: bool
    ) -> None:
        self.second += passed
        self.revision[name] = self.revision.get(name, 0) + 1
        seen = [f"s{number}" for number in range(sensors)]
        item = incident(
            self.second,
            self.revision[name],
            severity=severity,
            sensors=seen,
            ended=ended,
            name=name,
        )
        self.push(item)
        self.open[name] = item

    @rule(name=st.sampled_from(["i1", "i2", "i3"]), again=st.booleans())
    def acknowledge(self, name: str, *, again: bool) -> None:
        fresh = not again or self.commands == 0
        self.commands += int(fresh)
        before = self.shown.get(name)
        events = self.push(acknowledge(self.second, f"c{self.commands}", name))
        if not fresh:
            assert events == []
        elif before is None or before.state in {ACKNOWLEDGED, ENDED}:
            assert [type(event) for event in events] == [Refused]
        else:
            assert [type(event) for event in events] == [Alert]

    @rule(passed=st.sampled_from([0.5, 5.0, 40.0]))
    def wait(self, passed: float) -> None:
        self.second += passed
        self.push(Tick(at(self.second)))

    @invariant()
    def an_alert_is_open_exactly_while_its_incident_is(self) -> None:
        for name, item in self.open.items():
            open_states = {UNACKNOWLEDGED, ACKNOWLEDGED}
            assert (self.shown[name].state in open_states) == (not item.ended)
            assert self.shown[name].severity >= Severity.LOW


TestLifeOfAlerts = LifeOfAlerts.TestCase
TestLifeOfAlerts.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
