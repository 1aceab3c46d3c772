"""Which alert is for what: in time, place, and one cause each."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.truth import TruthPoint
from services.events import Alert
from services.score.actors import actors_of, own_units
from services.score.matching import choose, going_together, match
from services.score.raised import raised_of
from services.score.settings import ScoreSettings
from tests.services.score.cases import alert, points, report, walk

RULES = ScoreSettings()
FloatArray = npt.NDArray[np.float64]


def matched(truth: Sequence[TruthPoint], alerts: Sequence[Alert]) -> list[str | None]:
    """For each alert, in order, the actor that it is for."""
    actors = actors_of(truth)
    found = match(raised_of(alerts), actors, RULES)
    return [None if one is None else actors[one].id for one in found.actor_of]


@pytest.mark.parametrize(
    ("second", "east", "is_for"),
    [
        (30.0, 0.0, "w1"),
        (30.0, 100.0, "w1"),
        (30.0, 164.0, "w1"),  # within 150 m and three sigmas
        (30.0, 166.0, None),
        (-1.0, 0.0, "w1"),  # clocks may be a little fast
        (-3.0, 0.0, None),
        (129.0, 0.0, "w1"),  # it has gone, and the alert is late
        (131.0, 0.0, None),
    ],
)
def test_alert_is_for_who_is_near_in_time_and_place(
    second: float, east: float, is_for: str | None
) -> None:
    north = min(max(second, 0.0), 100.0)
    assert matched(walk("w1", 0, 100), [alert("a", second, east, north)]) == [is_for]


def test_alert_may_lag_behind_who_moves_fast() -> None:
    car = walk("car", 0, 60, speed=20.0, actor_class="vehicle")
    assert matched(car, [alert("a", 30.0, 0.0, 600.0 - 360.0)]) == ["car"]
    assert matched(car, [alert("a", 30.0, 0.0, 600.0 - 370.0)]) == [None]
    assert matched(car, [alert("a", 30.0, 0.0, 600.0 + 210.0)]) == [None]


def test_unsure_place_is_allowed_more_but_not_any_distance() -> None:
    truth = walk("w1", 0, 100)
    assert matched(truth, [alert("a", 30.0, 290.0, 30.0, sigma_m=50.0)]) == ["w1"]
    assert matched(truth, [alert("a", 30.0, 310.0, 30.0, sigma_m=5_000.0)]) == [None]


def test_place_counts_that_settles_soon_and_not_one_that_comes_late() -> None:
    truth = walk("w1", 0, 200, speed=0.1)
    first = alert("a", 10.0, 400.0, 0.0)
    assert matched(truth, [first, alert("a", 35.0, 0.0, 3.0, what="updated", revision=2)]) == ["w1"]
    assert matched(truth, [first, alert("a", 45.0, 0.0, 4.0, what="updated", revision=2)]) == [None]


def test_alert_long_before_its_actor_comes_within_reach_is_not_for_it() -> None:
    truth = walk("w1", 0, 300, speed=0.1, near=(200.0, 300.0))
    assert matched(truth, [alert("a", 139.0, 0.0, 14.0)]) == [None]
    assert matched(truth, [alert("a", 141.0, 0.0, 14.0)]) == ["w1"]


def test_alert_for_who_never_comes_within_reach_has_no_cause() -> None:
    assert matched(walk("w1", 0, 100, near=None), [alert("a", 30.0, 0.0, 30.0)]) == [None]


def test_recurrence_is_matched_by_itself() -> None:
    truth = [*walk("w1", 0, 60), *walk("w2", 600, 660)]
    twice = [
        alert("a", 30.0, 0.0, 30.0),
        alert("a", 90.0, 0.0, 60.0, what="returned", revision=2, ended=True),
        alert("a", 630.0, 0.0, 30.0, revision=3),
    ]
    assert matched(truth, twice) == ["w1", "w2"]


def test_alert_goes_to_the_nearest() -> None:
    truth = [*walk("w1", 0, 100), *walk("w2", 0, 100, east=90.0)]
    # One crossing is missed either way.
    assert matched(truth, [alert("a", 30.0, 30.0, 30.0)]) == ["w1"]
    assert matched(truth, [alert("a", 30.0, 60.0, 30.0)]) == ["w2"]


def test_alert_spares_a_missed_crossing_where_both_are_about_as_near() -> None:
    truth = [*walk("w1", 0, 100), *walk("w2", 0, 100, east=90.0)]
    # Both are nearer to w1; the second is for w2, since 60^2 - 30^2 is less than 100^2 / 2.
    both = [alert("a", 30.0, 5.0, 30.0), alert("b", 31.0, 30.0, 31.0)]
    assert matched(truth, both) == ["w1", "w2"]
    # 85^2 - 5^2 is more: the second repeats the first, and w2 was missed.
    assert matched(truth, [both[0], alert("b", 31.0, 5.0, 31.0)]) == ["w1", "w1"]


def test_alert_beside_a_deer_is_for_the_deer() -> None:
    truth = [*walk("deer", 0, 100, actor_class="animal"), *walk("w1", 0, 100, east=95.0)]
    assert matched(truth, [alert("a", 30.0, 2.0, 30.0)]) == ["deer"]
    assert matched(truth, [alert("a", 30.0, 45.0, 30.0)]) == ["w1"]


def test_own_units_explain_alerts_only_while_they_report() -> None:
    units = own_units([report("patrol-1", t, 0.0, 0.0) for t in (0.0, 20.0, 200.0)], 30.0)
    said = raised_of([alert(f"a{t}", t, 10.0, 0.0) for t in (30.0, 100.0, 190.0)])
    assert match(said, units, RULES).actor_of == (0, None, 0)


def test_train_is_long() -> None:
    train = walk("train", 0, 60, speed=25.0, actor_class="train")
    assert matched(train, [alert("a", 50.0, 0.0, 600.0, object_class="train")]) == ["train"]
    car = walk("car", 0, 60, speed=25.0, actor_class="vehicle")
    assert matched(car, [alert("a", 50.0, 0.0, 500.0)]) == [None]


COLUMN: dict[str, Any] = {
    "actor_class": "truck",
    "speed": 10.0,
    "behind_m": [50.0, 100.0, 150.0, 200.0],
}
TRAIN: dict[str, Any] = {
    "actor_class": "train",
    "speed": 20.0,
    "behind_m": [20.0 + 17.0 * wagon for wagon in range(23)],
}


def test_alert_at_the_last_truck_is_for_the_column_when_the_first_is_far_out() -> None:
    truth = walk("column", 0, 60, **COLUMN)
    # The first is at 600 m, the last at 400 m.
    assert matched(truth, [alert("a", 60.0, 0.0, 260.0)]) == ["column"]
    first = [replace(one, others_m=None) for one in truth]
    assert matched(first, [alert("a", 60.0, 0.0, 260.0)]) == [None]
    # And for it no farther: 100 m come of the ten seconds that an alert may lag.
    assert matched(truth, [alert("a", 60.0, 0.0, 400.0 - 100.0 - 164.0)]) == ["column"]
    assert matched(truth, [alert("a", 60.0, 0.0, 400.0 - 100.0 - 166.0)]) == [None]


def test_distance_of_an_alert_is_that_to_the_nearest_member() -> None:
    actors = actors_of(walk("column", 0, 60, **{**COLUMN, "speed": 0.0}))
    found = match(raised_of([alert("a", 30.0, 4.0, -147.0)]), actors, RULES)
    assert found.apart_m == (5.0,)


def test_alert_at_the_tail_of_a_train_is_for_it_and_one_beyond_is_not() -> None:
    truth = walk("train", 0, 60, **TRAIN)
    tail = 1_200.0 - 394.0
    assert matched(truth, [alert("a", 60.0, 0.0, tail - 200.0 - 160.0)]) == ["train"]
    assert matched(truth, [alert("a", 60.0, 0.0, tail - 200.0 - 170.0)]) == [None]
    # Where nobody wrote its wagons down, it is taken as longer than its point.
    head = [replace(one, others_m=None) for one in truth]
    assert matched(head, [alert("a", 60.0, 0.0, tail - 200.0 - 40.0)]) == ["train"]
    alone = [replace(one, others_m=()) for one in truth]
    assert matched(alone, [alert("a", 60.0, 0.0, tail - 200.0 - 40.0)]) == [None]


# --- who goes together


def groups_of(truth: Sequence[TruthPoint]) -> list[list[str]]:
    actors = actors_of(truth)
    return [[actors[i].id for i in group] for group in going_together(actors, RULES)]


def test_who_stays_close_goes_together_and_one_alert_is_for_all() -> None:
    pair = [*walk("w1", 0, 100), *walk("w2", 5, 105, east=20.0)]
    assert groups_of(pair) == [["w1", "w2"]]
    found = match(raised_of([alert("a", 30.0, 10.0, 30.0)]), actors_of(pair), RULES)
    assert found.groups == ((0, 1),)
    assert found.group_of == (0,)


def test_who_only_meets_or_walks_apart_does_not() -> None:
    crossing = points("w2", [(0.0, -100.0, 50.0), (100.0, 100.0, 50.0)])
    assert groups_of([*walk("w1", 0, 100), *crossing]) == [["w1"], ["w2"]]
    assert groups_of([*walk("w1", 0, 100), *walk("w2", 0, 100, east=51.0)]) == [["w1"], ["w2"]]
    # The same way one after the other, hardly at the same time.
    assert groups_of([*walk("w1", 0, 100), *walk("w2", 80, 180)]) == [["w1"], ["w2"]]


def test_who_follows_a_column_goes_together_with_it() -> None:
    column = walk("column", 0, 100, **{**COLUMN, "speed": 1.0})
    assert groups_of([*column, *walk("w1", 0, 100, east=40.0)]) == [["column", "w1"]]
    tail = points("w1", [(float(t), 40.0, t - 200.0) for t in range(101)])
    assert groups_of([*column, *tail]) == [["column", "w1"]]
    past = points("w1", [(float(t), 0.0, t - 251.0) for t in range(101)])
    assert groups_of([*column, *past]) == [["column"], ["w1"]]


def test_a_chain_goes_together_and_a_deer_is_no_part_of_it() -> None:
    chain = [point for n in range(4) for point in walk(f"w{n}", 0, 100, east=40.0 * n)]
    deer = walk("deer", 0, 100, east=10.0, actor_class="animal")
    assert groups_of([*chain, *deer]) == [["w0", "w1", "w2", "w3"]]


def test_a_cut_and_who_made_it_go_together() -> None:
    saws = points("w1", [(0.0, 0.0, 0.0), (60.0, 0.0, 0.0)])
    cut = points("event-1", [(40.0, 3.0, 0.0)], actor_class="cable_event")
    assert groups_of([*saws, *cut]) == [["w1", "event-1"]]


# --- the choice itself, against trying every one

METRES = st.one_of(st.just(np.inf), st.integers(0, 300).map(float))


def cost(apart: FloatArray, chosen: Sequence[int], crossings: int) -> float:
    """Squared metres, and c^2 / 2 for each crossing that could have an alert and has none."""
    could = {g for g in range(crossings) if np.isfinite(apart[:, g]).any()}
    squares = sum(float(apart[row, c]) ** 2 for row, c in enumerate(chosen) if c >= 0)
    return squares + 0.5 * RULES.cut_off_m**2 * len(could - set(chosen))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_choice_is_the_least_over_every_choice(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    crossings = data.draw(st.integers(0, columns))
    apart = np.array([[data.draw(METRES) for _ in range(columns)] for _ in range(rows)])
    chosen = choose(apart, crossings, RULES).tolist()
    may = [[c for c in range(columns) if np.isfinite(row[c])] or [-1] for row in apart]
    least = min(cost(apart, some, crossings) for some in product(*may))
    assert cost(apart, chosen, crossings) == pytest.approx(least)
    assert all(column in some for column, some in zip(chosen, may, strict=True))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_order_of_truth_and_alerts_does_not_matter(data: st.DataObject) -> None:
    place = st.integers(0, 4).map(lambda n: 30.0 * n)
    truth = [
        point for n in range(3) for point in walk(f"w{n}", 0, 60, east=data.draw(place), speed=0.0)
    ]
    alerts = [alert(f"a{n}", 10.0, data.draw(place), 0.0) for n in range(4)]
    said = [
        match(
            raised_of(data.draw(st.permutations(alerts))),
            actors_of(data.draw(st.permutations(truth))),
            RULES,
        )
        for _ in range(2)
    ]
    assert said[0] == said[1]
