"""Series of taps are found where and when they were, and go to the right row of the log."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import CalibrationError
from services.calibrate.finding import Candidate, Found, candidates, match
from services.calibrate.hearing import Listening, listen
from services.calibrate.series import Series, series_in
from services.calibrate.taplog import TapRow, What
from tests.services.calibrate.taps import START_NS, Samples, add_taps, frames, noise

NS = 1_000_000_000


def heard(samples: Samples, edges: Sequence[int] | None = None) -> Listening:
    end_ns = START_NS + round(len(samples) / 500.0 * NS)
    one = Listening.over(START_NS, end_ns, 100, samples.shape[1])
    for frame in frames(samples, edges):
        listen(frame, [one])
    return one


@pytest.mark.parametrize("channel", [20.0, 20.3, 31.5, 2.0])
def test_taps_are_found_at_their_channel_and_time(channel: float) -> None:
    samples = noise(40.0, 60)
    add_taps(samples, channel, [12.0, 14.1, 15.9, 18.0, 20.1])
    (one,) = series_in(heard(samples))
    assert one.channel == pytest.approx(100 + channel, abs=0.25)
    assert one.taps == 5
    assert (one.begin_ns - START_NS) / NS == pytest.approx(12.0, abs=0.2)
    assert one.sigma == 0.25
    assert one.ends is None


def test_a_coil_is_an_interval_of_cable_between_two_that_hear() -> None:
    samples = noise(40.0, 60)
    add_taps(samples, 0.0, [12.0, 14.1, 15.9, 18.0], deaf=(20, 29))
    (one,) = series_in(heard(samples))
    assert one.ends == (119.0, 129.0)


def test_noise_alone_holds_no_series() -> None:
    assert series_in(heard(noise(120.0, 120))) == []


def test_two_at_work_are_two_series() -> None:
    samples = noise(40.0, 60)
    add_taps(samples, 15.0, [12.0, 14.1, 15.9, 18.0])
    add_taps(samples, 45.0, [13.0, 15.0, 17.0, 19.0])
    found = series_in(heard(samples))
    assert sorted(round(one.channel) for one in found) == [115, 145]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9_999), max_size=12, unique=True))
def test_how_frames_are_cut_changes_nothing(edges: list[int]) -> None:
    samples = noise(20.0, 12)
    add_taps(samples, 6.0, [5.0, 7.0, 9.0])
    whole, cut = heard(samples, []), heard(samples, sorted(edges))
    assert (whole.samples == cut.samples).all()
    assert cut.power == pytest.approx(whole.power, rel=1e-4)


def test_a_hole_in_the_samples_is_no_blow() -> None:
    samples = noise(40.0, 30) + np.float32(5_000.0)
    one = Listening.over(START_NS, START_NS + 40 * NS, 100, 30)
    for number, frame in enumerate(frames(samples)):
        if number not in {70, 71, 90}:
            listen(frame, [one])
    assert one.heard_share < 1.0
    assert series_in(one) == []


def test_too_few_samples_a_second_are_told() -> None:
    slow = frames(noise(1.0, 4))[0].model_copy(update={"sample_rate_hz": 20.0})
    with pytest.raises(CalibrationError, match="sample_rate_hz is 20: wanted 50 or more"):
        listen(slow, [])


# --- rows and series


def row(line: int, at_s: float, taps: int = 5, what: What = What.PLAIN) -> TapRow:
    return TapRow(line, START_NS + round(at_s * NS), what, taps, 3.0, chainage_m=0.0)


def series(at_s: float, channel: float, taps: int = 5, strength: float = 200.0) -> Series:
    return Series(START_NS + round(at_s * NS), taps, strength, channel, 0.25, None)


def matched(rows: Sequence[TapRow], found: Sequence[Series]) -> Found:
    """Rows that were expected at channels 100, 150, ...; every series may be every row's."""
    return match(
        rows, [candidates(one, found, 100.0 + 50.0 * n, 100.0) for n, one in enumerate(rows)]
    )


ROWS = [row(2, 100.0), row(3, 130.0), row(4, 160.0), row(5, 190.0)]
LATE = [series(117.5 + 30.0 * n, 104.0 + 50.0 * n) for n in range(4)]


def test_the_watch_may_be_off_by_more_than_half_the_time_between_places() -> None:
    found = matched(ROWS, LATE)
    assert [one.channel for _, one in found.pairs] == [104.0, 154.0, 204.0, 254.0]
    assert found.clock_s == pytest.approx(17.5)
    assert (found.left_out, found.notes) == ((), ())


def test_a_place_that_was_not_heard_is_named_and_the_others_stay() -> None:
    found = matched(ROWS, [LATE[0], *LATE[2:]])
    assert [one.line for one, _ in found.pairs] == [2, 4, 5]
    (left,) = found.left_out
    assert "line 3 (plain) is left out: not found" in str(left)


def test_a_place_that_was_heard_twice_is_named_and_left_out() -> None:
    found = matched(ROWS, [*LATE, series(148.0, 190.0)])
    assert [one.line for one, _ in found.pairs] == [2, 4, 5]
    assert "found twice: at channel 154.0 and at 190.0" in str(found.left_out[0])


def test_faint_steps_beside_the_taps_do_not_count() -> None:
    found = matched(ROWS, [*LATE, series(148.0, 190.0, strength=15.0)])
    assert len(found.pairs) == 4


def test_an_endless_hammering_is_nobodys_taps() -> None:
    assert candidates(ROWS[0], [series(100.0, 100.0, taps=30)], 100.0, 50.0) == []


def test_one_series_is_not_taken_for_two_rows() -> None:
    found = matched([row(2, 100.0), row(3, 101.0)], [series(100.0, 104.0)])
    assert [one.line for one, _ in found.pairs] == [2]
    assert "its taps are those of line 2 (plain)" in str(found.left_out[0])


def test_what_is_heard_on_both_sides_of_a_coil_needs_a_coil_in_the_log() -> None:
    coiled = dataclasses.replace(series(100.0, 104.0), ends=(101.0, 109.0))
    for what, taken in ((What.PLAIN, 0), (What.COIL, 1), (What.SPLICE, 1)):
        one = row(2, 100.0, what=what)
        found = match([one], [[Candidate(coiled, 1.0)]])
        assert len(found.pairs) == taken
        assert taken or "heard on both sides of channels 101 to 109" in str(found.left_out[0])


def test_other_counts_and_wide_scatter_are_told() -> None:
    wide = dataclasses.replace(series(100.0, 100.0, taps=4), sigma=0.7)
    found = match([row(2, 100.0)], [[Candidate(wide, 1.0)]])
    assert len(found.pairs) == 1
    assert "4 taps were heard of 5" in found.notes[0]
    assert "0.70 channels" in found.notes[1]


def test_a_splice_without_slack_is_told() -> None:
    one = row(2, 100.0, what=What.SPLICE)
    found = match([one], [[Candidate(series(100.0, 100.0), 1.0)]])
    assert found.notes == (
        "line 2 (splice): no slack cable of two channels or more was heard there",
    )
    known = dataclasses.replace(one, coil_m=30.0)
    assert match([known], [[Candidate(series(100.0, 100.0), 1.0)]]).notes == ()


def test_nothing_heard_is_no_clock() -> None:
    found = match(ROWS, [[] for _ in ROWS])
    assert (len(found.left_out), found.clock_s) == (4, 0.0)
