"""Small cases whose every figure is known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from geo.crs import to_plane
from geo.default_site import default_site_path
from geo.errors import SceneError
from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.scenes import Behaviour
from sensors.truth import TruthPoint
from services.events import Alert, Detection, Severity, Track
from services.score.figures import figures
from services.score.judge import FaultSpan, Run, judge
from services.score.rows import Scored, Verdict, details
from services.score.settings import ScoreSettings
from services.score.table import table
from tests.services.score.cases import EAST_M, NORTH_M, NS, T0, alert, points, report, track, walk

RULES = ScoreSettings()


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def judged(
    site: Site,
    truth: Sequence[TruthPoint] = (),
    alerts: Sequence[Alert] = (),
    tracks: Sequence[Track] = (),
    own: Sequence[Detection] = (),
    **more: Any,
) -> Scored:
    run = Run("r", site, T0, T0 + 864 * NS, Mark.SIMULATED, {"fibre-3": (0, 1_000)}, **more)
    return judge(run, truth, alerts, tracks, own, RULES)


def scored(*runs: Scored) -> dict[str, Any]:
    return figures(runs, RULES)


def verdicts(found: Scored) -> list[str]:
    return [str(row.verdict) for row in found.alerts]


def test_crossing_that_raised_an_alert_and_one_that_did_not(site: Site) -> None:
    truth = [
        *walk("w1", 0, 100, near=(20.0, 80.0)),
        *walk("w2", 0, 100, east=500.0, near=(20.0, 80.0)),
    ]
    found = scored(judged(site, truth, [alert("a", 27.0, 3.0, 31.0)]))
    assert (found["crossings"], found["alerted"], found["pd"]) == (2, 1, 0.5)
    assert (found["pd_low"], found["pd_high"]) == (0.0126, 0.9874)  # Clopper and Pearson, 1 of 2
    assert found["median_delay_s"] == 7.0
    assert found["median_error_m"] == 5.0  # 3 m east, 4 m north of (0, 27)
    assert found["alerts_per_crossing"] == 1.0
    assert (found["causeless_alerts"], found["operator_alerts"]) == (0, 1)
    assert found["confusion"] == {"person": {"none": 1, "person": 1}}


def test_rates_are_over_what_was_watched(site: Site) -> None:
    run = judged(site, [], [alert("a", 10.0, 0.0, 0.0), alert("b", 20.0, 0.0, 0.0)])
    # 1,000 channels of 10 m; 864 s are a hundredth of a day.
    assert run.km == pytest.approx(10.0, abs=1.0)
    found = scored(run)
    assert found["causeless_per_km_day"] == pytest.approx(2 / (run.km or 0.0) * 100, abs=1e-3)
    assert found["operator_alerts_per_km_day"] == found["causeless_per_km_day"]
    both = scored(run, replace(run, run="s"))
    assert both["causeless_per_km_day"] == found["causeless_per_km_day"]
    assert both["causeless_per_km_day_high"] < found["causeless_per_km_day_high"]


def test_no_rate_where_it_is_not_known_what_was_watched(site: Site) -> None:
    run = replace(judged(site, [], [alert("a", 10.0, 0.0, 0.0)]), km=None)
    found = scored(run)
    assert found["causeless_alerts"] == 1
    assert found["causeless_per_km_day"] is None
    assert "no rates" in table(found)


@pytest.mark.parametrize(
    ("actor_class", "said", "severity", "verdict"),
    [
        ("animal", ["animal"], Severity.LOW, Verdict.NAMED),
        ("animal", ["animal"], Severity.MEDIUM, Verdict.CAUSELESS),
        ("animal", ["person"], Severity.LOW, Verdict.CAUSELESS),
        ("animal", ["unknown"], Severity.LOW, Verdict.CAUSELESS),
        ("animal", ["train"], Severity.LOW, Verdict.CAUSELESS),
        # What it ever said counts, since somebody read it.
        ("animal", ["unknown", "animal"], Severity.LOW, Verdict.CAUSELESS),
        ("animal", ["animal", "person"], Severity.LOW, Verdict.CAUSELESS),
        ("animal", ["weather"], Severity.LOW, Verdict.WEATHER),
        ("train", ["train"], Severity.LOW, Verdict.NAMED),
        ("train", ["vehicle"], Severity.LOW, Verdict.CAUSELESS),
    ],
)
def test_animals_and_trains_are_a_cause_only_when_named_at_the_lowest_priority(
    site: Site, actor_class: str, said: list[str], severity: Severity, verdict: Verdict
) -> None:
    truth = walk("n", 0, 100, actor_class=actor_class)
    alerts = [
        alert(
            "a",
            30.0 + number,
            0.0,
            30.0,
            object_class=one,
            severity=severity,
            revision=number + 1,
            what="updated" if number else "raised",
        )
        for number, one in enumerate(said)
    ]
    found = judged(site, truth, alerts)
    assert [row.verdict for row in found.alerts] == [verdict]
    assert found.crossings == ()
    assert found.alerts[0].actor == "n"
    assert scored(found)["confusion"] == {actor_class: {said[-1]: 1}}


def test_weather_is_no_alert_without_cause_but_is_counted(site: Site) -> None:
    low: dict[str, Any] = {"object_class": "weather", "severity": Severity.LOW}
    found = judged(site, [], [alert("a", 5.0, 0.0, 0.0, **low), alert("b", 9.0, 0.0, 0.0)])
    assert verdicts(found) == ["weather", "causeless"]
    figures_ = scored(found)
    assert (figures_["weather_alerts"], figures_["causeless_alerts"]) == (1, 1)
    assert figures_["operator_alerts"] == 2


def test_own_force_incidents_are_counted_by_themselves(site: Site) -> None:
    truth = walk("patrol-1", 0, 100, own_force=True)
    alerts = [
        alert("a", 30.0, 0.0, 30.0),
        alert("a", 60.0, 0.0, 60.0, revision=2),
        alert("b", 30.0, 2_000.0, 0.0),
    ]
    unit = [report("car-7", 30.0, 2_010.0, 0.0)]
    found = scored(judged(site, truth, alerts, own=unit))
    assert found["own_force_incidents"] == 2
    assert found["own_force_alerts"] == 3
    assert (found["causeless_alerts"], found["crossings"]) == (0, 0)


def test_intruder_whom_a_patrol_meets_is_not_lost_to_it(site: Site) -> None:
    truth = [*walk("w1", 0, 100, east=20.0), *walk("patrol-1", 0, 100, own_force=True)]
    found = judged(site, truth, [alert("a", 30.0, 5.0, 30.0)])
    assert verdicts(found) == ["crossing"]


def test_who_may_be_there_is_no_crossing_and_no_alert_for_him_is_without_cause(site: Site) -> None:
    found = judged(site, walk("farmer", 0, 100, lawful=True), [alert("a", 30.0, 0.0, 30.0)])
    assert verdicts(found) == ["lawful"]
    assert scored(found)["crossings"] == 0


def test_crossing_in_a_lawful_zone_is_shown_by_itself(site: Site) -> None:
    place = site.crossings[0].position
    east, north = (float(one) for one in to_plane(*place))
    inside = walk("w1", 0, 60, east=east - EAST_M)
    inside = [replace(one, north_m=one.north_m + north - NORTH_M) for one in inside]
    found = scored(judged(site, [*inside, *walk("w2", 0, 60)]))
    assert found["crossings"] == 2
    assert {name: some["crossings"] for name, some in found["by_zone"].items()} == {
        "elsewhere": 1,
        "lawful zone": 1,
    }


def test_group_is_accounted_for_by_one_alert_and_a_second_is_one_too_many(site: Site) -> None:
    truth = [*walk("w1", 0, 100), *walk("w2", 0, 100, east=10.0), *walk("w3", 0, 100, east=20.0)]
    found = scored(judged(site, truth, [alert("a", 30.0, 12.0, 30.0)]))
    assert (found["crossings"], found["alerted"]) == (3, 3)
    assert (found["groups"], found["groups_alerted"], found["alerts_per_crossing"]) == (1, 1, 1.0)
    assert found["median_error_m"] == 2.0  # to the nearest of them
    again = [alert("a", 30.0, 12.0, 30.0), alert("b", 40.0, 12.0, 40.0)]
    assert scored(judged(site, truth, again))["alerts_per_crossing"] == 2.0


def test_kinds_have_lines_of_their_own(site: Site) -> None:
    truth = [
        *walk("w1", 0, 50),
        *walk("d1", 0, 50, east=1_000.0, behaviour=Behaviour.DIG, speed=0.0),
        *walk("c1", 0, 50, east=2_000.0, behaviour=Behaviour.CRAWL),
        *walk("s1", 0, 50, east=3_000.0, behaviour=Behaviour.SAW, speed=0.0),
        *walk("b1", 0, 50, east=4_000.0, actor_class="boat"),
        *points("e1", [(20.0, 5_000.0, 0.0)], actor_class="cable_event"),
        *walk("deer", 0, 50, east=6_000.0, actor_class="animal"),
    ]
    said = [alert("a", 35.0, 5_000.0, 0.0, object_class="cable_attack")]
    found = scored(judged(site, truth, said))
    assert {kind: some["crossings"] for kind, some in found["by_class"].items()} == dict.fromkeys(
        ["boat", "cable_event", "crawling", "digging", "person", "sawing"], 1
    )
    event = found["by_class"]["cable_event"]
    assert (event["alerted"], event["median_delay_s"], event["class_right"]) == (1, 15.0, 1.0)


def test_who_comes_walking_and_then_digs_is_a_digger_and_should_be_called_one(site: Site) -> None:
    truth = [
        *walk("d1", 0, 20),
        *points(
            "d1",
            [(float(t), 0.0, 20.0) for t in range(21, 90)],
            behaviour=Behaviour.DIG,
            object_class=ObjectClass.DIGGING,
        ),
    ]
    found = scored(judged(site, truth, [alert("a", 60.0, 0.0, 20.0, object_class="digging")]))
    assert list(found["by_class"]) == ["digging"]
    assert found["class_right"] == 1.0
    assert found["confusion"] == {"digging": {"digging": 1}}


def test_deer_and_farmer_that_the_truth_has_out_of_reach_still_explain_alerts(site: Site) -> None:
    truth = [
        *walk("deer", 0, 100, actor_class="animal", near=None),
        *walk("farmer", 0, 100, east=1_000.0, lawful=True, near=None),
        *walk("w1", 0, 100, east=2_000.0, near=None),
    ]
    alerts = [
        alert("a", 30.0, 0.0, 30.0, object_class="animal", severity=Severity.LOW),
        alert("b", 31.0, 1_000.0, 31.0),
        alert("c", 32.0, 2_000.0, 32.0),
    ]
    run = judged(site, truth, alerts)
    assert verdicts(run) == ["named", "lawful", "causeless"]
    assert scored(run)["crossings"] == 0


def test_several_persons_may_be_called_a_group_or_a_person(site: Site) -> None:
    truth = walk("w1", 0, 100, count=4)
    for said, right in (("group", 1.0), ("person", 1.0), ("vehicle", 0.0)):
        found = scored(judged(site, truth, [alert("a", 30.0, 0.0, 30.0, object_class=said)]))
        assert found["class_right"] == right
        assert found["confusion"] == {"group": {said: 1}}


def test_distance_is_the_least_to_the_cable_while_within_reach(site: Site) -> None:
    cable = site.cable(
        "fibre-3" if any(c.id == "fibre-3" for c in site.cables) else site.cables[2].id
    )
    here = cable.place(20_000.0)
    east, north = float(here.east_m), float(here.north_m)
    away = cable.point_at(20_000.0, 7.0)
    truth = [
        replace(one, east_m=float(away[0]), north_m=float(away[1]))
        for one in points("w1", [(0.0, 0.0, 0.0), (10.0, 0.0, 0.0)])
    ]
    found = judged(site, truth)
    assert found.crossings[0].cable_m == pytest.approx(7.0, abs=1e-6)
    assert list(scored(found)["by_distance"]) == ["5-10 m"]
    # It steps on the cable, but no sensor could notice it then.
    on = [replace(truth[0], at_ns=T0 + 20 * NS, east_m=east, north_m=north, near=())]
    assert judged(site, [*truth, *on]).crossings[0].cable_m == pytest.approx(7.0, abs=1e-6)


def test_what_was_lost_in_faults(site: Site) -> None:
    truth = [
        *walk("w1", 0, 50),
        *walk("w2", 100, 150, east=1_000.0),
        *walk("w3", 200, 250, east=2_000.0),
        *walk("w4", 0, 50, east=3_000.0, sensor="thermal-001"),
    ]
    faults = (
        FaultSpan("fibre-3", "silent", T0 - NS, T0 + 60 * NS),
        FaultSpan("fibre-3", "late", T0 + 120 * NS, T0 + 130 * NS),
    )
    alerts = [alert("a", 140.0, 1_000.0, 40.0), alert("b", 30.0, 3_000.0, 30.0)]
    run = judged(site, truth, alerts, faults=faults, messages_lost=12, messages_rejected=3)
    found = scored(run)["faults"]
    assert (found["crossings"], found["alerted"]) == (2, 1)
    assert found["lost"] == [{"run": "r", "actor": "w1", "faults": ["silent"]}]
    assert (found["blinded"]["crossings"], found["blinded"]["alerted"]) == (1, 0)
    assert {kind: some["alerted"] for kind, some in found["by_kind"].items()} == {
        "late": 1,
        "silent": 0,
    }
    assert (found["without"]["crossings"], found["without"]["alerted"]) == (2, 1)
    assert (found["messages_lost"], found["messages_rejected"]) == (12, 3)
    assert "lost: w1 in r (silent)" in table(scored(run))


@pytest.mark.parametrize(
    ("said", "severities", "actionable"),
    [
        (["animal"], [Severity.LOW], 0),
        (["weather"], [Severity.LOW], 0),
        (["train"], [Severity.LOW], 0),
        (["animal", "weather"], [Severity.LOW, Severity.LOW], 0),
        (["unknown"], [Severity.LOW], 1),
        (["animal"], [Severity.MEDIUM], 1),
        (["animal", "animal"], [Severity.LOW, Severity.MEDIUM], 1),
        (["animal", "person"], [Severity.LOW, Severity.LOW], 1),
    ],
)
def test_crossing_that_only_nuisance_alerts_were_raised_for_was_alerted_and_not_acted_on(
    site: Site, said: list[str], severities: list[Severity], actionable: int
) -> None:
    alerts = [
        alert(
            "a",
            30.0 + number,
            0.0,
            30.0,
            object_class=name,
            severity=severity,
            revision=number + 1,
            what="updated" if number else "raised",
        )
        for number, (name, severity) in enumerate(zip(said, severities, strict=True))
    ]
    run = judged(site, walk("w1", 0, 100), alerts)
    found = scored(run)
    assert verdicts(run) == ["crossing"]
    for some in (found, found["by_class"]["person"], next(iter(found["by_distance"].values()))):
        assert (some["alerted"], some["pd"]) == (1, 1.0)
        assert (some["actionable"], some["pd_actionable"]) == (actionable, float(actionable))
        low, high = some["pd_actionable_low"], some["pd_actionable_high"]
        assert (low, high) == ((0.025, 1.0) if actionable else (0.0, 0.975))
    assert details([run])[0]["crossings"][0]["actionable"] == actionable
    head, line = table(found).split("\n\n")[1].splitlines()[:2]
    assert "pd actionable (95 %)" in head
    assert ("0.000 (0.000-0.975)" in line) is not bool(actionable)


def test_one_actionable_alert_of_several_is_enough_for_those_who_go_together(site: Site) -> None:
    truth = [*walk("w1", 0, 100), *walk("w2", 0, 100, east=10.0), *walk("w3", 0, 100, east=900.0)]
    low: dict[str, Any] = {"object_class": "animal", "severity": Severity.LOW}
    alerts = [
        alert("a", 30.0, 0.0, 30.0, **low),
        alert("b", 40.0, 0.0, 40.0),
        alert("c", 30.0, 900.0, 30.0, **low),
    ]
    found = scored(judged(site, truth, alerts))
    assert (found["crossings"], found["alerted"], found["actionable"]) == (3, 3, 2)
    assert found["pd_actionable"] == pytest.approx(2 / 3, abs=1e-4)


def test_other_marks_are_left_out(site: Site) -> None:
    real = [alert("a", 30.0, 0.0, 30.0, mark=Mark.REAL)]
    found = scored(
        judged(site, walk("w1", 0, 100), real, [track("t", 5.0, 0.0, 5.0, mark=Mark.REAL)])
    )
    assert (found["alerted"], found["operator_alerts"], found["other_mark_alerts"]) == (0, 0, 1)
    assert found["gospa_parts"]["false_tracks"] == 0


def test_every_alert_has_one_verdict(site: Site) -> None:
    truth = [*walk("w1", 0, 100), *walk("deer", 0, 100, east=300.0, actor_class="animal")]
    alerts = [alert(f"a{n}", 10.0 * n, 50.0 * n, 10.0 * n) for n in range(10)]
    run = judged(site, truth, alerts)
    found = scored(run)
    named = ("causeless", "named", "weather", "own_force", "lawful")
    by_verdict = [found[f"{name}_alerts"] for name in named]
    assert sum(by_verdict) + verdicts(run).count("crossing") == found["operator_alerts"] == 10


def test_nothing_at_all_has_counts_and_no_shares(site: Site) -> None:
    found = scored(judged(site))
    assert (found["crossings"], found["pd"], found["gospa"]) == (0, None, None)
    assert found["causeless_per_km_day"] == 0.0
    assert found["causeless_per_km_day_high"] > 0.0
    assert "neither target nor track" in table(found)


def test_table_names_each_kind_and_its_interval(site: Site) -> None:
    truth = [*walk("w1", 0, 100), *walk("car", 0, 100, east=900.0, actor_class="vehicle")]
    text = table(scored(judged(site, truth, [alert("a", 30.0, 0.0, 30.0)])))
    assert "person" in text
    assert "1.000 (0.025-1.000)" in text
    assert "0.000 (0.000-0.975)" in text
    widths = {len(line) for line in text.split("\n\n")[1].splitlines()}
    assert len(widths) == 1


def test_details_have_a_row_for_each_crossing_and_alert(site: Site) -> None:
    truth = walk("w1", 0, 100, near=(20.0, 80.0))
    row = details([judged(site, truth, [alert("a", 27.0, 3.0, 31.0), alert("b", 1.0, 9e3, 0.0)])])[
        0
    ]
    assert row["run"] == "r"
    assert [(one["actor"], one["delay_s"], one["error_m"]) for one in row["crossings"]] == [
        ("w1", 7.0, 5.0)
    ]
    assert [(one["alert"], one["verdict"]) for one in row["alerts"]] == [
        ("b", "causeless"),
        ("a", "crossing"),
    ]


def test_column_is_judged_by_its_nearest_member(site: Site) -> None:
    cable = site.cable("fibre-3")
    at_m = 20_000.0
    places = [cable.point_at(at_m, aside) for aside in (180.0, 130.0, 80.0, 30.0, 4.0)]
    (first_east, first_north), *others = [(float(e), float(n)) for e, n in places]
    truth = [
        replace(
            one,
            east_m=first_east,
            north_m=first_north,
            count=5,
            others_m=tuple(others),
        )
        for one in points("column", [(0.0, 0.0, 0.0), (10.0, 0.0, 0.0)], actor_class="truck")
    ]
    last_east, last_north = others[-1]
    said = alert("a", 5.0, last_east - EAST_M + 3.0, last_north - NORTH_M + 4.0)
    found = judged(site, truth, [said])
    assert verdicts(found) == ["crossing"]
    assert found.crossings[0].cable_m == pytest.approx(4.0, abs=0.01)
    assert found.crossings[0].error_m == pytest.approx(5.0, abs=1e-6)
    assert found.alerts[0].away_m == pytest.approx(5.0, abs=1e-6)


def test_distance_says_nothing_of_a_time_out_of_reach(site: Site) -> None:
    cable = site.cable("fibre-3")
    sides = [cable.point_at(20_000.0, aside) for aside in (30.0, 25.0, -25.0, -30.0)]
    truth = [
        replace(
            point,
            east_m=float(place[0]),
            north_m=float(place[1]),
            near=("thermal-001",),
        )
        for point, place in zip(
            points("w1", [(float(t), 0.0, 0.0) for t in (0, 5, 50, 55)]), sides, strict=True
        )
    ]
    assert judged(site, truth).crossings[0].cable_m == pytest.approx(0.0, abs=1e-6)
    gap = [*truth[:2], replace(truth[1], at_ns=T0 + 6 * NS, near=()), *truth[2:]]
    assert judged(site, gap).crossings[0].cable_m == pytest.approx(25.0, abs=0.01)


def test_truth_that_contradicts_itself_is_refused(site: Site) -> None:
    with pytest.raises(SceneError, match="'c1' has 1 places in others_m and later 2"):
        judged(
            site,
            [*walk("c1", 0, 1, behind_m=[50.0]), *walk("c1", 2, 3, behind_m=[50.0, 100.0])],
        )
    with pytest.raises(SceneError, match="'w1' stands twice at"):
        judged(site, [*walk("w1", 0, 10), *walk("w1", 10, 20)])
    with pytest.raises(SceneError, match="'w1' is person and later animal"):
        judged(site, [*walk("w1", 0, 10), *walk("w1", 11, 20, actor_class="animal")])


def test_class_said_first_and_last_are_told_apart(site: Site) -> None:
    alerts = [
        alert("a", 30.0, 0.0, 30.0, object_class="unknown"),
        alert("a", 40.0, 0.0, 40.0, object_class="person", revision=2, what="updated"),
    ]
    found = judged(site, walk("w1", 0, 100), alerts)
    assert found.crossings[0].said_first is ObjectClass.UNKNOWN
    assert scored(found)["class_right_at_once"] == 0.0
    assert scored(found)["class_right"] == 1.0
