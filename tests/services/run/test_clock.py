"""The stream's time never goes back."""

import time

import pytest

from services.run.clock import StreamClock

S = 1_000_000_000


def test_a_clock_set_back_goes_on_at_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, steady = 1_000 * S, 5 * S
    monkeypatch.setattr(time, "time_ns", lambda: wall)
    monkeypatch.setattr(time, "monotonic_ns", lambda: steady)
    clock = StreamClock()
    steady += S
    wall -= 3_600 * S
    assert clock.now_ns() == 1_001 * S
    steady += S
    wall += S
    assert clock.now_ns() == 1_002 * S
    assert clock.steps_back == 1
    wall, steady = 1_010 * S, steady + S
    assert clock.now_ns() == 1_010 * S, "and follows the wall again once that has caught up"


def test_a_replays_clock_is_where_the_replay_has_come_to() -> None:
    clock = StreamClock(replay=True)
    assert clock.now_ns() == 0
    clock.hear(7 * S)
    clock.hear(5 * S)
    assert clock.now_ns() == 7 * S


def test_live_time_does_not_hang_on_messages() -> None:
    clock = StreamClock()
    clock.hear(2**62)
    assert clock.now_ns() < 2**62
