"""GOSPA over time: which targets and which tracks there are at each second."""

import pytest

from sensors.messages import Mark
from sensors.truth import TruthPoint
from services.events import Track
from services.score.actors import actors_of
from services.score.settings import ScoreSettings
from services.score.tracking import TrackFigures, score_tracks
from tests.services.score.cases import NS, T0, points, track, walk

RULES = ScoreSettings()


def over(truth: list[TruthPoint], tracks: list[Track], seconds: float) -> TrackFigures:
    end_ns = T0 + round(seconds * NS)
    return score_tracks(tracks, actors_of(truth), T0, end_ns, Mark.SIMULATED, RULES)


def test_track_that_follows_moves_on_with_its_velocity_between_revisions() -> None:
    tracks = [
        track("t", 0.0, 3.0, 0.0, velocity=(0.0, 1.0)),
        track("t", 5.0, 3.0, 5.0, velocity=(0.0, 1.0), revision=2),
        track("t", 10.0, 3.0, 10.0, revision=3, ended=True),
    ]
    found = over(walk("w1", 0, 9), tracks, 20.0)
    assert found == TrackFigures(10, 30.0, 90.0, 10, 0, 0)


def test_what_is_missed_and_what_is_false_each_costs_half() -> None:
    # Seconds 0 to 4 without a track, 5 to 9 with one too many, far away.
    tracks = [
        track("t", 5.0, 0.0, 5.0, velocity=(0.0, 1.0)),
        track("u", 5.0, 900.0, 0.0),
        track("t", 10.0, 0.0, 10.0, revision=2, ended=True),
        track("u", 10.0, 900.0, 0.0, revision=2, ended=True),
    ]
    found = over(walk("w1", 0, 9), tracks, 30.0)
    assert (found.seconds, found.pairs, found.missed, found.false) == (10, 5, 5, 5)
    assert found.distance_m == pytest.approx(10 * 100 / 2**0.5)


def test_target_counts_only_within_reach() -> None:
    found = over(walk("w1", 0, 9, near=(3.0, 6.0)), [], 20.0)
    assert (found.seconds, found.missed) == (4, 4)


def test_animals_are_targets_and_our_own_and_cable_events_are_not() -> None:
    truth = [
        *walk("deer", 0, 4, actor_class="animal"),
        *walk("patrol-1", 0, 4, east=500.0, own_force=True),
        *points("e1", [(2.0, 900.0, 0.0)], actor_class="cable_event"),
    ]
    ours = [
        track("p", 0.0, 500.0, 0.0, own_force="patrol-1"),
        track("e", 0.0, 900.0, 0.0, object_class="cable_attack"),
    ]
    found = over(truth, ours, 4.0)
    assert (found.missed, found.false) == (5, 0)


def test_track_that_was_never_ended_holds_while_it_may_coast() -> None:
    found = over([], [track("t", 0.0, 0.0, 0.0)], 60.0)
    assert (found.seconds, found.false) == (10, 10)


def test_other_members_of_a_group_are_neither_right_nor_wrong() -> None:
    truth = walk("w1", 0, 0, count=3)
    near = [track(f"t{n}", 0.0, 6.0 * n, 0.0) for n in range(5)]
    found = over(truth, near, 0.0)
    # One is it, two are its other members, and it has no more than these.
    assert (found.pairs, found.missed, found.false) == (1, 0, 2)
    alone = over(walk("w1", 0, 0), near, 0.0)
    assert (alone.pairs, alone.false) == (1, 4)
    far = over(truth, [near[0], track("u", 0.0, 30.0, 0.0)], 0.0)
    assert far.false == 1


def test_a_column_is_where_its_nearest_member_is_and_each_of_them_may_have_a_track() -> None:
    truth = walk("column", 0, 0, actor_class="truck", behind_m=[50.0, 100.0, 150.0, 200.0])
    last = [track("t", 0.0, 3.0, -196.0)]
    assert over(truth, last, 0.0) == TrackFigures(1, 5.0, 25.0, 1, 0, 0)
    each = [track(f"t{n}", 0.0, 0.0, -50.0 * n) for n in range(5)]
    assert (over(truth, each, 0.0).pairs, over(truth, each, 0.0).false) == (1, 0)
    # One more than there are, and one beside them.
    assert over(truth, [*each, track("u", 0.0, 5.0, -200.0)], 0.0).false == 1
    assert over(truth, [*last, track("u", 0.0, 30.0, -100.0)], 0.0).false == 1


def test_targets_of_several_members_come_and_go_with_others() -> None:
    truth = [
        *walk("pair", 2, 6, speed=0.0, behind_m=[40.0]),
        *walk("w1", 0, 8, east=500.0, speed=0.0),
        *walk("column", 4, 8, east=1_000.0, speed=0.0, behind_m=[50.0, 100.0]),
    ]
    tracks = [
        track("a", 0.0, 0.0, -44.0),
        track("b", 0.0, 500.0, 3.0),
        track("c", 0.0, 1_000.0, -102.0),
    ]
    found = over(truth, tracks, 8.0)
    # a is right for 5 s, b for 9, c for 5; each is false or missing never else.
    assert (found.pairs, found.missed, found.false) == (19, 0, 4 + 4)
    assert found.localisation == pytest.approx(5 * 16.0 + 9 * 9.0 + 5 * 4.0)


def test_tracks_along_a_train_of_unknown_length_are_the_train() -> None:
    train = walk("train", 0, 0, actor_class="train")
    wagons = [track(f"t{n}", 0.0, 0.0, -100.0 * n) for n in range(8)]
    found = over(train, wagons, 0.0)
    assert (found.pairs, found.false) == (1, 2)  # 600 and 700 m behind its head


def test_nothing_takes_no_time() -> None:
    assert over([], [], 100.0) == TrackFigures()


def test_late_revisions_take_their_place_in_time() -> None:
    ordered = [
        track("t", 0.0, 0.0, 0.0),
        track("t", 4.0, 40.0, 0.0, revision=3),
        track("t", 8.0, 80.0, 0.0, revision=4),
    ]
    late = [ordered[0], ordered[2], ordered[1]]
    truth = walk("w1", 0, 8, speed=0.0)
    assert over(truth, late, 8.0) == over(truth, ordered, 8.0)
