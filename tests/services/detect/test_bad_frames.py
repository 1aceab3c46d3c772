"""Bad frames: each has one stated effect, is said once, and does not keep the rest from working."""

import dataclasses
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from sensors.messages import FibreFrame
from services.detect.fibre import FibreDetection, FibreSettings
from services.events import Detection, Gap, Heard, Reception
from tests.services.detect.fibre_scenes import (
    START_NS,
    Samples,
    add_walker,
    counts,
    frames,
    gaussian,
)
from tests.services.detect.test_fibre_detection import site

NS = 1_000_000_000


@lru_cache(maxsize=1)
def walk() -> Samples:
    samples = gaussian(28, 48, 3)
    add_walker(samples, start_s=17, end_s=28, place_m=200, strength=16)
    return samples


def told(heard: Iterable[Heard]) -> tuple[list[Detection], list[Reception]]:
    stage = FibreDetection(site(), FibreSettings())
    out = [event for one in heard for event in stage.push(one)]
    return (
        [event for event in out if isinstance(event, Detection)],
        [event for event in out if isinstance(event, Reception)],
    )


def faults(receptions: Iterable[Reception]) -> set[str]:
    return {fault for one in receptions for fault in one.faults}


def changes(receptions: list[Reception]) -> int:
    """How often what is at fault changed: each is a health event at most."""
    said = [one.faults for one in receptions]
    return sum(a != b for a, b in pairwise(said))


def at_another_time(heard: list[Heard], first: int, by_s: float) -> list[Heard]:
    """The sender's clock jumps at a frame."""
    return [
        one if i < first else dataclasses.replace(one, at_ns=one.at_ns + round(by_s * NS))
        for i, one in enumerate(heard)
    ]


def woven(one: list[Heard], other: list[Heard]) -> list[Heard]:
    return sorted([*one, *other], key=lambda heard: heard.at_ns)


def test_of_two_sessions_under_one_name_one_is_heard_and_it_is_said() -> None:
    heard = frames(counts(walk()))
    second = frames(counts(walk()[:, ::-1]), session="s2")
    found, receptions = told(woven(heard, second))
    assert any(one.starts_track for one in found)
    assert {one.id.split("/")[3] for one in found} == {"s2"}
    assert "two-interrogators-under-one-name" in faults(receptions)
    assert changes(receptions) < 8


def test_a_restart_of_the_service_does_not_change_to_whom_is_listened() -> None:
    heard = frames(counts(walk()))
    both = woven(heard, frames(counts(walk()[:, ::-1]), session="s2"))
    whole, before = (FibreDetection(site(), FibreSettings()) for _ in range(2))
    half = len(both) // 2
    for one in both[:half]:
        whole.push(one)
        before.push(one)
    after = FibreDetection(site(), FibreSettings())
    after.restore(before.snapshot())
    rest = [[stage.push(one) for one in both[half:]] for stage in (whole, after)]
    assert any(rest[0])
    assert rest[0] == rest[1]


def test_two_numbers_of_channels_in_turn_do_not_begin_anew_each_time() -> None:
    heard = frames(counts(walk()[:, :40]))
    found, receptions = told(woven(heard, frames(counts(walk()))))
    assert any(one.starts_track for one in found)
    assert "two-interrogators-under-one-name" in faults(receptions)


def test_three_under_one_name_do_not_begin_anew_each_time() -> None:
    three = [frames(counts(walk()), session=f"s{number}") for number in range(3)]
    found, receptions = told(woven(woven(three[0], three[1]), three[2]))
    assert any(one.starts_track for one in found)
    assert "two-interrogators-under-one-name" in faults(receptions)


def test_the_one_left_is_heard_again_when_the_other_falls_silent() -> None:
    heard = frames(counts(walk()))
    found, receptions = told(
        [*woven(heard[:8], frames(counts(walk()), session="s2")[:8]), *heard[8:]]
    )
    assert any(one.starts_track for one in found)
    assert "two-interrogators-under-one-name" not in receptions[-1].faults


def test_a_frame_of_the_session_before_that_comes_late_is_no_second_interrogator() -> None:
    heard = frames(counts(walk()[:2000]))
    after = frames(counts(walk()[2000:6000]), session="s2")
    shifted = at_another_time(after, 0, 4.0)
    _, receptions = told([*heard[:-1], shifted[0], heard[-1], *shifted[1:]])
    assert "two-interrogators-under-one-name" not in faults(receptions)


@pytest.mark.parametrize("by_s", [7_200.0, -7_200.0, 3.0])
def test_a_clock_that_jumps_moves_the_times_and_nothing_else(by_s: float) -> None:
    heard = at_another_time(frames(counts(walk())), 56, by_s)
    found, receptions = told(heard)
    starting = [one for one in found if one.starts_track]
    assert starting
    assert all(0.0 < (one.at_ns - START_NS) / NS - by_s - 17.0 < 11.0 for one in starting)
    moved = [i for i, one in enumerate(receptions) if "time-base-moved" in one.faults]
    assert moved
    assert "warming-up" not in faults(receptions[moved[0] :])


@pytest.mark.parametrize(("rate_hz", "channels"), [(250, 48), (500, 30)])
def test_another_rate_or_number_of_channels_begins_anew_and_is_said(
    rate_hz: int, channels: int
) -> None:
    heard = frames(counts(walk()[:8_000]))
    changed = frames(
        counts(gaussian(8, channels, 4, rate_hz)), rate_hz=rate_hz, first_sample=16 * rate_hz
    )
    found, receptions = told([*heard, *changed])
    after = [one for one in receptions if one.at_ns > changed[0].at_ns]
    assert found == []
    assert "frames-changed" in faults(receptions)
    assert all("warming-up" in one.faults for one in after if one.cover is None)
    assert next(one.cover for one in after if one.cover is not None) == 0.0


def test_sample_numbers_that_begin_again_without_a_new_session_do_not_deafen() -> None:
    heard = frames(counts(gaussian(20, 48, 5)))
    again = at_another_time(frames(counts(walk())), 0, 20.0)
    found, receptions = told([*heard, *again])
    assert any(one.starts_track for one in found)
    assert "sample-numbers-went-back" in faults(receptions)


def test_frames_doubled_and_out_of_order_are_taken_once() -> None:
    heard = frames(counts(walk()))
    plain, _ = told(heard)
    muddled = [one for frame in heard for one in (frame, frame)]
    muddled[41:41] = heard[3:9]
    found, receptions = told(muddled)
    assert [one.id for one in found] == [one.id for one in plain]
    assert "samples-repeated" in faults(receptions)


def test_a_gap_of_another_session_breaks_nothing() -> None:
    heard = frames(counts(walk()))
    plain, _ = told(heard)
    stage = FibreDetection(site(), FibreSettings())
    gap = Gap("gateway-1", "fibre-1", "frame", "s0", 1, 2, START_NS)
    found = [event for one in heard for item in (gap, one) for event in stage.push(item)]
    assert [one.id for one in found if isinstance(one, Detection)] == [one.id for one in plain]


def test_many_frames_lost_at_random_leave_the_rest_working() -> None:
    heard = frames(counts(walk()))
    random = np.random.default_rng(6)
    kept = [one for one in heard if random.uniform() > 0.03]
    found, receptions = told(kept)
    assert found
    assert "samples-missing" in faults(receptions)
    assert "warming-up" not in receptions[-1].faults


@pytest.mark.parametrize(
    ("kind", "words"),
    [("nan", "not-a-number"), ("stuck", "stuck"), ("clipped", "clipped"), ("rails", "clipped")],
)
def test_faulty_channels_lower_cover_start_nothing_and_are_said_once(kind: str, words: str) -> None:
    samples = gaussian(70, 48, 9) * 200.0
    bad = samples[15 * 500 :, 10:40]
    if kind == "nan":
        bad[:] = np.nan
    elif kind == "stuck":
        bad[:] = bad[0]
    else:
        bad[:] = 32_767.0
        if kind == "rails":
            bad[::2] = -32_768.0
    typed = samples if kind == "nan" else np.rint(samples).clip(-32_768, 32_767).astype(np.int16)
    found, receptions = told(frames(typed))
    assert [one for one in found if one.starts_track] == []
    assert f"{words}: many channels" in faults(receptions)
    assert [one.cover for one in receptions if one.cover is not None][-1] <= 0.4
    assert any(fault.startswith("cover-lowered: km ") for fault in receptions[-1].faults)
    assert changes(receptions) <= 6


def test_a_wild_sample_number_costs_a_gap_and_no_more() -> None:
    heard = frames(counts(walk()))
    message = heard[40].message
    if not isinstance(message, FibreFrame):
        raise TypeError(type(message).__name__)
    wild = dataclasses.replace(
        heard[40], message=message.model_copy(update={"first_sample": 2**61})
    )
    found, receptions = told([*heard[:40], wild, *heard[41:]])
    assert {"samples-missing", "sample-numbers-went-back"} <= faults(receptions)
    assert found
