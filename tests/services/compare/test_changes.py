"""What counts as a change, which way it goes, and when it is worse than allowed."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import RecordingError
from services.compare.changes import Change, Comparison, Kind, Tolerances, compare
from services.compare.outcome import (
    AlertOutcome,
    CrossingOutcome,
    Outcome,
    RunOutcome,
    read_outcome,
)
from services.compare.page import as_html
from services.compare.reports import as_junit, as_table, as_values

NS = 1_000_000_000
T0 = 1_790_000_000 * NS


def crossing(
    actor: str,
    *,
    alerts: int = 1,
    delay: float = 5.0,
    error: float = 4.0,
    actionable: int | None = None,
) -> CrossingOutcome:
    return CrossingOutcome(
        actor=actor,
        kind="person",
        group=actor,
        enter_ns=T0,
        chainage_m=81_000.0,
        alerts=alerts,
        actionable=actionable,
        delay_s=delay if alerts else None,
        error_m=error if alerts else None,
    )


def false_alert(name: str, second: float, east: float, verdict: str = "causeless") -> AlertOutcome:
    return AlertOutcome(
        alert=name,
        at_ns=T0 + round(second * NS),
        chainage_m=82_000.0,
        east_m=east,
        north_m=0.0,
        said="person",
        severity="medium",
        verdict=verdict,
    )


def result(
    *crossings: CrossingOutcome, alerts: tuple[AlertOutcome, ...] = (), run: str = "night"
) -> Outcome:
    return Outcome(name="some", runs=(RunOutcome(run=run, crossings=crossings, alerts=alerts),))


def changed(before: Outcome, after: Outcome, **rules: Any) -> Comparison:
    return compare(before, after, Tolerances(**rules))


def kinds(found: Comparison) -> list[Kind]:
    return [change.kind for change in found.changes]


def test_same_results_are_alike() -> None:
    one = result(crossing("w1"), crossing("w2", alerts=0), alerts=(false_alert("a", 1.0, 0.0),))
    found = changed(one, one)
    assert found.changes == ()
    assert not found.is_worse
    assert as_table(found).endswith("alike")


def test_an_alert_that_nobody_acts_on_any_more_is_worse_and_the_reverse_is_better() -> None:
    before = result(crossing("w1", actionable=1), crossing("w2", actionable=0))
    after = result(crossing("w1", actionable=0), crossing("w2", actionable=1))
    found = changed(before, after)
    assert [(one.kind, one.subject, one.effect) for one in found.changes] == [
        (Kind.DISMISSED, "w1", "worse"),
        (Kind.ACTIONABLE, "w2", "better"),
    ]
    assert found.is_worse
    assert not changed(before, after, missed=1).is_worse


def test_a_score_saved_before_actionable_alerts_were_told_is_compared_without_them() -> None:
    told, untold = result(crossing("w1", actionable=0)), result(crossing("w1"))
    assert changed(untold, told).changes == changed(told, untold).changes == ()


def test_missed_is_said_once_and_not_as_no_longer_acted_on() -> None:
    found = changed(
        result(crossing("w1", actionable=1)), result(crossing("w1", alerts=0, actionable=0))
    )
    assert [one.kind for one in found.changes] == [Kind.MISSED]


def test_newly_missed_is_worse_and_gained_is_better() -> None:
    before = result(crossing("w1"), crossing("w2", alerts=0))
    after = result(crossing("w1", alerts=0), crossing("w2"))
    found = changed(before, after)
    assert kinds(found) == [Kind.MISSED, Kind.GAINED]
    assert [change.effect for change in found.changes] == ["worse", "better"]
    assert [change.fails for change in found.changes] == [True, False]
    assert found.is_worse
    assert not changed(before, after, missed=1).is_worse
    assert not changed(result(crossing("w2", alerts=0)), result(crossing("w2"))).is_worse


@pytest.mark.parametrize(
    ("delay", "error", "expected"),
    [
        (7.0, 14.0, []),
        (3.0, 0.0, []),
        (7.1, 4.0, [Kind.LATER]),
        (2.9, 4.0, [Kind.SOONER]),
        (5.0, 14.1, [Kind.FARTHER]),
        (9.0, 30.0, [Kind.LATER, Kind.FARTHER]),
    ],
)
def test_what_moved_more_than_allowed(delay: float, error: float, expected: list[Kind]) -> None:
    found = changed(result(crossing("w1")), result(crossing("w1", delay=delay, error=error)))
    assert kinds(found) == expected
    assert found.is_worse == bool({Kind.LATER, Kind.FARTHER} & set(expected))


def test_alert_that_came_nearer_is_better() -> None:
    found = changed(result(crossing("w1", error=40.0)), result(crossing("w1")))
    assert kinds(found) == [Kind.NEARER]
    assert not found.is_worse


def test_some_may_move_when_allowed() -> None:
    before = result(crossing("w1"), crossing("w2"))
    after = result(crossing("w1", delay=20.0), crossing("w2", delay=20.0))
    assert changed(before, after, moved=1).is_worse
    assert not changed(before, after, moved=2).is_worse


def test_more_alerts_for_one_crossing_are_worse_and_said_once_for_a_group() -> None:
    members = [crossing("w1"), crossing("w2").model_copy(update={"group": "w1"})]
    more = [one.model_copy(update={"alerts": 3}) for one in members]
    found = changed(result(*members), result(*more))
    assert kinds(found) == [Kind.REPEATED]
    assert found.is_worse
    assert kinds(changed(result(*more), result(*members))) == [Kind.FEWER]


def test_alerts_without_cause_are_the_same_when_near_in_time_and_place() -> None:
    before = result(alerts=(false_alert("a", 10.0, 0.0), false_alert("b", 100.0, 0.0)))
    after = result(alerts=(false_alert("c", 15.0, 50.0), false_alert("d", 100.0, 150.0)))
    found = changed(before, after)
    assert [(one.kind, one.subject) for one in found.changes] == [
        (Kind.ALERT_NEW, "d"),
        (Kind.ALERT_GONE, "b"),
    ]
    assert found.is_worse
    assert not changed(before, after, causeless=1).is_worse


def test_alert_is_paired_with_one_only_and_with_the_nearest() -> None:
    before = result(alerts=(false_alert("a", 10.0, 0.0),))
    after = result(alerts=(false_alert("far", 10.0, 60.0), false_alert("near", 12.0, 5.0)))
    assert [change.subject for change in changed(before, after).changes] == ["far"]


def test_alerts_for_our_own_are_unwanted_and_alerts_for_crossings_are_not() -> None:
    alerts = (false_alert("a", 1.0, 0.0, "own_force"), false_alert("b", 2.0, 900.0, "crossing"))
    found = changed(result(), result(alerts=alerts))
    assert kinds(found) == [Kind.OWN_NEW]


def test_without_truth_any_difference_counts() -> None:
    one = result(alerts=(false_alert("a", 1.0, 0.0, "unjudged"),))
    assert not changed(one, one).is_worse
    for found in (changed(one, result()), changed(result(), one)):
        assert found.is_worse
    assert not changed(one, result(), causeless=1).is_worse


def test_runs_are_paired_by_name_and_one_alone_whatever_it_is_called() -> None:
    old, new = result(crossing("w1"), run="monday"), result(crossing("w1", alerts=0), run="tuesday")
    assert kinds(changed(old, new)) == [Kind.MISSED]
    two = Outcome(name="two", runs=(*old.runs, *result(run="friday").runs))
    found = changed(two, new)
    assert [(one.run, one.kind) for one in found.changes] == [
        ("friday", Kind.RUN_GONE),
        ("monday", Kind.RUN_GONE),
        ("tuesday", Kind.RUN_NEW),
    ]


def test_another_truth_is_said() -> None:
    found = changed(result(crossing("w1")), result(crossing("w2")))
    assert kinds(found) == [Kind.CROSSING_GONE, Kind.CROSSING_NEW]
    assert found.is_worse


@pytest.mark.parametrize(
    ("missed", "gained", "chance"), [(0, 0, 1.0), (1, 1, 1.0), (8, 0, 2 / 2**8)]
)
def test_chance_is_the_exact_test_of_mcnemar(missed: int, gained: int, chance: float) -> None:
    lost = [crossing(f"l{n}") for n in range(missed)] + [
        crossing(f"g{n}", alerts=0) for n in range(gained)
    ]
    won = [crossing(f"l{n}", alerts=0) for n in range(missed)] + [
        crossing(f"g{n}") for n in range(gained)
    ]
    assert changed(result(*lost), result(*won)).chance == pytest.approx(chance)


def test_those_that_go_together_are_one_observation() -> None:
    def side(*, found: bool) -> Outcome:
        group = [crossing(f"w{n}", alerts=int(found)) for n in range(6)]
        return result(*(one.model_copy(update={"group": "w0"}) for one in group), crossing("alone"))

    lost = changed(side(found=True), side(found=False))
    assert lost.counts() == {"crossing newly missed": 6}
    assert (lost.groups_missed, lost.groups_gained) == (1, 0)
    assert lost.chance == 1.0  # of six independent crossings it would be 0.031
    assert "1 are newly missed and 0 gained" in as_table(lost)
    won = changed(side(found=False), side(found=True))
    assert (won.groups_missed, won.groups_gained) == (0, 1)


ALERTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 300)), max_size=6, unique=True).map(
    lambda rows: tuple(false_alert(f"a{t}-{x}", t, x) for t, x in rows)
)


@given(ALERTS, ALERTS)
def test_turning_it_round_turns_new_into_vanished(
    one: tuple[AlertOutcome, ...], two: tuple[AlertOutcome, ...]
) -> None:
    there, back = (
        changed(result(alerts=one), result(alerts=two)),
        changed(result(alerts=two), result(alerts=one)),
    )
    assert there.counts().get(Kind.ALERT_NEW, 0) == back.counts().get(Kind.ALERT_GONE, 0)
    assert there.counts().get(Kind.ALERT_GONE, 0) == back.counts().get(Kind.ALERT_NEW, 0)
    new = there.counts().get(Kind.ALERT_NEW, 0) - there.counts().get(Kind.ALERT_GONE, 0)
    assert new == len(two) - len(one)


# --- how it is told


@pytest.fixture
def worse() -> Comparison:
    nasty = "w<1>&\"'\x01"
    return changed(
        result(crossing(nasty), crossing("w2", delay=30.0), crossing("w3")),
        result(
            crossing(nasty, alerts=0),
            crossing("w2"),
            crossing("w3"),
            alerts=(false_alert("a", 1, 0),),
        ),
    )


def test_junit_has_a_case_for_each_crossing_and_fails_where_it_is_worse(worse: Comparison) -> None:
    suites = ET.fromstring(as_junit(worse).encode())  # noqa: S314 - our own text
    suite = suites.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    failing = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failing == ["crossing w<1>&\"'", "alerts that nobody wanted"]
    told = {case.get("name"): case.findtext("system-out") for case in suite}
    assert "alert sooner" in (told["crossing w2"] or "")
    assert told["crossing w3"] is None


def test_page_needs_nothing_else_and_is_escaped(worse: Comparison) -> None:
    page = as_html(worse)
    assert "w&lt;1&gt;&amp;" in page
    assert "<script" not in page
    assert "http" not in page
    assert "worse: 2 changes are more than allowed" in page
    assert page.count("<table>") == page.count("</table>") == 2


def test_values_are_json_and_say_the_same(worse: Comparison) -> None:
    values = json.loads(json.dumps(as_values(worse)))
    assert values["worse"]
    assert values["counts"] == {
        "crossing newly missed": 1,
        "new alert without cause": 1,
        "alert sooner": 1,
    }
    assert [one["fails"] for one in values["changes"]] == [True, True, False]
    assert values["changes"][0]["at"] == "2026-09-21T14:13:20.000000000Z"


def test_table_says_what_failed_first_by_run(worse: Comparison) -> None:
    lines = as_table(worse).splitlines()
    assert sum(line.startswith("WORSE") for line in lines) == 2
    assert any(line.startswith("better") and "30.0 s" in line for line in lines)


def test_change_of_either_effect_is_of_a_known_kind() -> None:
    effects = {kind: Change(kind, "r", "s", "", "").effect for kind in Kind}
    assert {kind for kind, effect in effects.items() if effect == "different"} == {
        Kind.RUN_NEW,
        Kind.CROSSING_NEW,
    }
    assert effects[Kind.ALERT_GONE] == "better"


def test_what_is_no_score_is_refused_by_name() -> None:
    with pytest.raises(RecordingError, match="a has no details"):
        read_outcome("a", {"pd": 1.0})
    with pytest.raises(RecordingError, match=r"a: runs\.0\.run is .*: wanted"):
        read_outcome("a", {"details": [{"crossings": []}]})
