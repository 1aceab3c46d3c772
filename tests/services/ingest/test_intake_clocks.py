"""Wrong clocks, long ways and data sent again are three different things."""

from typing import Any

import pytest

from services.events import Heard, Reception, Rejected
from services.ingest.intake import Intake

S = 1_000_000_000
T0 = 1_777_600_000 * S
PLACE = {"longitude_deg": 21.0, "latitude_deg": 45.0, "accuracy_m": 5.0}
REGISTER: dict[str, Any] = {"kind": "patrol", "model": "radio", "heartbeat_interval_s": 10}


def heard(events: list[Any]) -> list[Heard]:
    return [e for e in events if isinstance(e, Heard)]


def faults(events: list[Any]) -> set[str]:
    return {fault for e in events if isinstance(e, Reception) for fault in e.faults}


def test_a_right_clock_is_believed_to_the_nanosecond(intake: Intake, say: Any) -> None:
    (event,) = heard(intake.push(say(0, 12.5)))
    assert (event.at_ns, event.clock_sigma_s) == (T0 + round(12.5 * S), 0.0)


def test_a_clock_ahead_of_ours_is_taken_at_receive_time_and_told(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    # Measured 0.25 s before it was sent, on a clock an hour ahead.
    message = say(0, 3_600.0, sent_s=3_600.25, received_s=1.0)
    events = push_all(intake, [tick(0), message, tick(3)])
    (event,) = heard(events)
    assert event.at_ns == T0 + round(0.75 * S)
    assert event.clock_sigma_s == 1.0
    assert faults(events) == {"its clock is ahead of ours: taken at receive time"}
    (reception,) = [e for e in events if isinstance(e, Reception)]
    assert reception.clock_offset_s == pytest.approx(3_599.25)


def test_a_clock_behind_ours_is_found_when_nothing_comes_quickly(
    intake: Intake, say: Any, push_all: Any
) -> None:
    items = [say(n, n - 600.0, received_s=float(n)) for n in range(60)]
    events = push_all(intake, items)
    believed = [event.at_ns - T0 for event in heard(events)]
    assert believed[0] == -600 * S
    assert believed[-1] == 59 * S
    assert faults(events) == {"its clock is behind ours: taken at receive time"}


def test_a_clock_that_is_set_right_is_believed_at_once(
    intake: Intake, say: Any, push_all: Any
) -> None:
    push_all(intake, [say(n, n - 600.0, received_s=float(n)) for n in range(60)])
    (event,) = heard(intake.push(say(60, 60.0)))
    assert (event.at_ns, event.clock_sigma_s) == (T0 + 60 * S, 0.0)


def test_a_backlog_that_the_broker_kept_is_no_wrong_clock(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    backlog = [say(n, float(n), received_s=300.0 + n / 1_000) for n in range(290)]
    events = push_all(intake, [*backlog, *(say(n, float(n)) for n in range(300, 340)), tick(400)])
    assert all(event.at_ns == event.message.measured_at_ns for event in heard(events))  # type: ignore[union-attr]
    assert faults(events) == set()


def test_data_sent_again_hours_later_keeps_its_measured_time(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    items = [say(n, n - 7_200.0, sent_s=float(n)) for n in range(60)]
    events = push_all(intake, [*items, tick(70)])
    assert [event.at_ns for event in heard(events)] == [T0 + (n - 7_200) * S for n in range(60)]
    assert faults(events) == set()


def test_measured_after_it_was_sent_is_refused(intake: Intake, say: Any) -> None:
    (refusal,) = intake.push(say(0, 10.0, sent_s=0.0))
    assert isinstance(refusal, Rejected)
    assert refusal.field == "measured_at_ns"


def test_a_time_days_in_the_future_is_refused(intake: Intake, say: Any) -> None:
    events = intake.push(say(0, 200_000.0, received_s=1.0))
    (refusal,) = [e for e in events if isinstance(e, Rejected)]
    assert refusal.field == "sent_at_ns"
    assert "set the clock" in refusal.wanted


@pytest.mark.parametrize("off_s", [-1_000_000.0, 1_000_000.0])
def test_when_most_gateways_disagree_our_own_clock_is_the_suspect(
    intake: Intake, say: Any, push_all: Any, off_s: float
) -> None:
    tails = [f"g-{n}/patrol/p-{n}" for n in range(5)]
    register = [say(0, tail=f"{tail}/register", received_s=off_s, **REGISTER) for tail in tails]
    push_all(intake, register)
    events = []
    for n in range(60):
        for tail in tails:
            pose = say(n, float(n), tail=f"{tail}/pose", received_s=n + off_s, position=PLACE)
            events += intake.push(pose)
    assert intake.own_clock_suspect
    late = [e for e in heard(events) if e.received_at_ns > T0 + (40 + off_s) * S]
    assert len(late) > 50
    assert all(event.at_ns == event.message.measured_at_ns for event in late)  # type: ignore[union-attr]
    assert not [e for e in events[-100:] if isinstance(e, Rejected)]
    assert "our own clock is the suspect: most gateways disagree with it" in faults(events)


def test_two_wrong_gateways_among_five_are_wrong_themselves(
    intake: Intake, say: Any, push_all: Any
) -> None:
    for n in range(5):
        tail = f"g-{n}/patrol/p-{n}"
        push_all(intake, [say(0, tail=f"{tail}/register", **REGISTER)])
        ahead = 60.0 if n < 2 else 0.0
        push_all(intake, [say(0, ahead, received_s=0.0, tail=f"{tail}/pose", position=PLACE)])
    assert not intake.own_clock_suspect


def test_sensors_that_never_registered_have_no_vote_on_our_clock(
    intake: Intake, say: Any, push_all: Any
) -> None:
    items = [
        say(0, 3_600.0, received_s=0.0, tail=f"g-{n}/patrol/p-{n}/pose", position=PLACE)
        for n in range(20)
    ]
    push_all(intake, items)
    assert not intake.own_clock_suspect
