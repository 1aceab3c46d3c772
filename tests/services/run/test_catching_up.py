"""Nothing overtakes what the broker kept for us."""

from services.run.catching_up import CatchingUp

S = 1_000_000_000
NOW = 1_772_326_800 * S


def connected(at_ns: int = NOW) -> CatchingUp:
    state = CatchingUp()
    state.look(at_ns - S, 0, away=True)
    state.look(at_ns, 1, away=False)
    return state


def test_before_the_first_connection_nothing_was_heard() -> None:
    state = CatchingUp()
    state.look(NOW, 0, away=True)
    state.look(NOW + 3_600 * S, 0, away=True)
    assert not state.reaches(1)
    assert state.heard_ns == 0


def test_where_nothing_was_kept_everything_is_heard_after_a_moment() -> None:
    state = connected()
    state.look(NOW + S, 1, away=False)
    assert state.behind
    state.look(NOW + 2 * S, 1, away=False)
    assert state.heard_ns is None
    assert state.reaches(NOW + 100 * S)


def test_a_message_that_just_left_its_sensor_says_that_no_backlog_is_left() -> None:
    state = connected()
    state.hear(NOW - S, NOW)
    assert not state.behind


def test_a_backlog_lets_pass_what_is_older_than_its_newest_message() -> None:
    state = connected()
    for second in range(5):
        state.look(NOW + second * S, 1, away=False)
        state.hear(NOW - (60 - 10 * second) * S, NOW + second * S)
        assert state.heard_ns == NOW - (60 - 10 * second) * S
        assert state.reaches(NOW - (60 - 10 * second) * S)
        assert not state.reaches(NOW - (60 - 10 * second) * S + 1)
    state.hear(NOW + 4 * S, NOW + 5 * S)
    assert state.heard_ns is None


def test_clocks_that_are_all_slow_hold_nobody_up_for_long() -> None:
    state = connected()
    behind = []
    for second in range(12):
        at_ns = NOW + second * S
        state.hear(at_ns - 30 * S, at_ns)
        state.look(at_ns, 1, away=False)
        behind.append(state.behind)
    assert behind == [True] * 10 + [False] * 2


def test_a_lost_broker_stops_the_hearing_where_it_was() -> None:
    state = connected()
    state.hear(NOW, NOW)
    state.look(NOW + 7 * S, 1, away=False)
    state.look(NOW + 8 * S, 1, away=True)
    state.look(NOW + 90 * S, 1, away=True)
    assert state.heard_ns == NOW + 7 * S
    state.look(NOW + 91 * S, 2, away=False)
    assert state.heard_ns == NOW + 7 * S
    state.hear(NOW + 20 * S, NOW + 91 * S)
    assert state.heard_ns == NOW + 20 * S
    assert state.times == 2


def test_a_broker_that_was_lost_between_two_looks_is_noticed_all_the_same() -> None:
    state = connected()
    state.hear(NOW, NOW)
    state.look(NOW + S, 2, away=False)
    assert state.behind
    assert state.heard_ns == NOW


def test_what_was_heard_never_goes_back() -> None:
    state = connected()
    state.hear(NOW, NOW)
    state.look(NOW + S, 1, away=False)
    state.look(NOW + 2 * S, 2, away=False)
    state.hear(NOW - 40 * S, NOW + 2 * S)
    assert state.heard_ns == NOW + S
