"""Doubles are dropped, holes told, small disorder mended, sessions kept apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from geo.site import Site
from sensors import wire
from sensors.messages import FibreFrame, Mark
from sensors.topics import parse
from services.events import Gap, Heard, Received, Reception
from services.ingest.intake import Intake

S = 1_000_000_000
T0 = 1_777_600_000 * S


def holes(events: list[Any]) -> list[tuple[int, int]]:
    return [(e.first_missing, e.last_missing) for e in events if isinstance(e, Gap)]


def receptions(events: list[Any]) -> list[Reception]:
    return [e for e in events if isinstance(e, Reception)]


def frame(sequence: int, at_s: float, session: str = "a") -> Received:
    message = FibreFrame(
        schema=0,
        session=session,
        sequence=sequence,
        measured_at_ns=T0 + round(at_s * S),
        sent_at_ns=T0 + round(at_s * S),
        mark=Mark.REAL,
        sample_rate_hz=500.0,
        first_sample=sequence * 2,
        channel_spacing_m=10.0,
        samples=np.ones((2, 3), np.int16),
    )
    topic = "straja/v1/north/fibre/fibre-1/frame"
    return Received(T0 + round((at_s + 0.01) * S), topic, wire.encode_cbor(message))


def test_messages_in_order_pass_at_once(intake: Intake, say: Any, numbers: Any) -> None:
    for number in range(5):
        assert numbers(intake.push(say(number, number * 0.1))) == [number]


def test_a_report_sent_twice_is_heard_once_and_counted(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    items = [tick(0), say(1), say(1), say(2), say(1), tick(2)]
    events = push_all(intake, items)
    assert numbers(events) == [1, 2]
    (reception,) = receptions(events)
    assert (reception.messages, reception.duplicates, reception.lost) == (4, 2, 0)


def test_reports_that_swap_places_are_put_in_order_without_a_gap(
    intake: Intake, say: Any, push_all: Any, numbers: Any
) -> None:
    events = push_all(intake, [say(1, 0.1), say(3, 0.3), say(4, 0.4), say(2, 0.5), say(5, 0.6)])
    assert numbers(events) == [1, 2, 3, 4, 5]
    assert holes(events) == []


def test_the_first_report_of_a_session_may_be_overtaken(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    items = [tick(0), say(5, 0.5), say(2, 0.2), say(4, 0.4), say(2, 0.2), say(6, 0.6), tick(2)]
    events = push_all(intake, items)
    assert numbers(events) == [5, 2, 4, 6]
    assert holes(events) == [(3, 4)]
    (reception,) = receptions(events)
    assert (reception.duplicates, reception.lost) == (1, 1)


def test_a_missing_report_is_told_after_the_hold(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    assert numbers(push_all(intake, [say(1, 0.0), say(4, 0.1), tick(1.1)])) == [1]
    events = push_all(intake, [tick(1.2), tick(3)])
    assert holes(events) == [(2, 3)]
    assert numbers(events) == [4]
    assert sum(r.lost for r in receptions(events)) == 2


def test_another_sensors_message_lets_time_pass_too(
    intake: Intake, say: Any, push_all: Any, numbers: Any
) -> None:
    push_all(intake, [say(1, 0.0), say(3, 0.1)])
    events = intake.push(frame(0, 5.0))
    assert holes(events) == [(2, 2)]
    assert numbers(events) == [3, 0]


def test_a_report_that_comes_after_its_hole_was_told_is_still_heard(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    push_all(intake, [say(1, 0.0), say(3, 0.1), tick(2)])
    events = push_all(intake, [say(2, 0.05, sent_s=2.1), say(2, 0.05, sent_s=2.2), tick(4)])
    assert numbers(events) == [2]
    (reception,) = receptions(events)
    assert (reception.lost, reception.duplicates) == (-1, 1)


def test_the_hold_is_bounded_in_number(
    intake: Intake, say: Any, push_all: Any, numbers: Any
) -> None:
    events = push_all(intake, [say(0), *(say(number) for number in range(2, 80))])
    assert numbers(events) == [0, *range(2, 80)]
    assert holes(events) == [(1, 1)]


def test_a_refused_report_takes_its_number_so_that_none_waits_for_it(
    intake: Intake, say: Any, push_all: Any, numbers: Any
) -> None:
    events = push_all(intake, [say(1), say(2, plots=[{"range_m": -1}]), say(3)])
    assert numbers(events) == [1, 3]
    assert holes(events) == []


def test_a_missing_frame_is_told_at_once_and_a_late_one_left_out(
    intake: Intake, push_all: Any, numbers: Any, tick: Any
) -> None:
    events = push_all(intake, [tick(0), frame(0, 0.0), frame(3, 0.75), frame(1, 0.8), tick(2)])
    assert numbers(events) == [0, 3]
    assert holes(events) == [(1, 2)]
    (reception,) = receptions(events)
    assert reception.lost == 2
    assert reception.faults == ("messages out of order: too late ones are left out",)


def test_a_new_session_begins_anew_without_a_gap(
    intake: Intake, say: Any, push_all: Any, numbers: Any
) -> None:
    events = push_all(
        intake, [say(7, 0), say(8, 1), say(0, 2, session="b"), say(1, 3, session="b")]
    )
    assert numbers(events) == [7, 8, 0, 1]
    assert holes(events) == []


def test_the_end_of_an_old_session_is_heard_after_the_new_one_began(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    items = [tick(0), say(7, 0), say(0, 2, session="b"), say(8, 1, sent_s=2), tick(4)]
    events = push_all(intake, items)
    assert numbers(events) == [7, 0, 8]
    assert all(not reception.faults for reception in receptions(events))


def test_two_gateways_under_one_name_are_found_out(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    items = [say(n, n / 10, session=session) for n in range(3) for session in ("a", "b")]
    events = push_all(intake, [tick(0), *items, tick(2)])
    assert numbers(events) == [0, 0, 1, 1, 2, 2]
    (reception,) = receptions(events)
    assert "two gateways" in reception.faults[0]
    assert reception.duplicates == 0


def test_a_count_begun_anew_without_a_new_session_does_not_deafen(
    intake: Intake, say: Any, tick: Any, push_all: Any, numbers: Any
) -> None:
    items = [tick(0), say(500, 0), say(0, 0.2), say(1, 0.3), tick(2)]
    events = push_all(intake, items)
    assert numbers(events) == [500, 0, 1]
    assert receptions(events)[0].faults == ("sequence began anew without a new session",)


def test_a_wild_number_is_a_gap_but_no_billion_of_lost_messages(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    events = push_all(intake, [tick(0), say(0), say(2**60), tick(3), tick(5)])
    assert holes(events) == [(1, 2**60 - 1)]
    assert sum(r.lost for r in receptions(events)) == 1_000_000


def test_many_sessions_do_not_pile_up_and_lose_nothing_held(
    intake: Intake, say: Any, push_all: Any, numbers: Any, tick: Any
) -> None:
    items = [say(number, session=f"s{index}") for index in range(50) for number in (0, 2)]
    events = push_all(intake, items)
    stream = next(iter(intake._sources.known.values())).streams
    assert all(len(one.orders) <= 4 for one in stream.values())
    events += push_all(intake, [tick(5)])
    assert sorted(numbers(events)) == [0] * 50 + [2] * 50
    assert len({e.session for e in events if isinstance(e, Gap)}) == 50


@pytest.mark.parametrize("channel", ["report", "pose"])
def test_channels_are_counted_apart(
    intake: Intake, say: Any, push_all: Any, numbers: Any, channel: str
) -> None:
    place = {"longitude_deg": 21.0, "latitude_deg": 45.0, "accuracy_m": 5.0}
    pose = say(0, 0.1, tail="cars/vehicle/vehicle-1/pose", position=place)
    events = push_all(intake, [say(0), pose, say(1)])
    assert numbers(events) == [0, 0, 1]
    assert channel in {e.topic.channel for e in events if isinstance(e, Heard)}


def test_what_waits_is_marked_as_a_replay_too(
    small_site: Site, say: Callable[..., Received], push_all: Any, tick: Any
) -> None:

    intake = Intake(small_site, mark=Mark.REPLAY)
    push_all(intake, [say(0), say(2)])
    again = Intake(small_site, mark=Mark.REPLAY)
    again.restore(intake.snapshot())
    (heard,) = [e for e in again.push(tick(5)) if isinstance(e, Heard)]
    assert heard.message.mark is Mark.REPLAY  # type: ignore[union-attr]
    assert heard.topic == parse("straja/v1/cars/vehicle/vehicle-1/report")
