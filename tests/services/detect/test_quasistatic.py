"""The quasi-static path: slow swings under a passing load, whatever the cut of the stream."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from services.detect.frontend import FrontEnd, Shape, Windows
from services.detect.quasistatic import QUASI_STATIC_HZ, STEP_S, STEP_WINDOWS

RATE_HZ = 500.0
Samples = npt.NDArray[np.generic]


def whole(samples: Samples, first_sample: int = 0) -> Windows:
    front = FrontEnd(Shape(RATE_HZ, samples.shape[1], 0, 10.0, samples.dtype.str, 1.0))
    windows = front.push(first_sample, samples)
    assert windows is not None
    return windows


def passing_load(
    seconds: float, channels: int, speed_mps: float, place_m: float, depth: float
) -> npt.NDArray[np.float64]:
    """Strain rate of a sag as wide as some metres that moves along the cable."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    off = np.arange(channels) * 10.0 - (place_m + speed_mps * t[:, np.newaxis])
    width_m = 15.0
    return np.asarray(depth * (off / width_m) * np.exp(-0.5 * (off / width_m) ** 2))


def test_a_passing_load_swings_each_channel_in_turn() -> None:
    random = np.random.default_rng(5)
    load = passing_load(30.0, 40, speed_mps=12.0, place_m=20.0, depth=60.0)
    samples = np.round(load + random.normal(0.0, 40.0, load.shape)).astype(np.int16)
    steps = whole(samples).quasi_static
    passed = (np.arange(40) * 10.0 - 20.0) / 12.0
    for channel in range(5, 32):
        seen = STEP_S * (steps.first + np.argmax(steps.energy[:, channel]))
        assert seen == pytest.approx(passed[channel], abs=2.5)
        quiet = np.median(steps.energy[:, channel])
        assert steps.energy[:, channel].max() > 20.0 * quiet
    # Strain rate is positive before the load and negative behind it; then the filter swings back.
    middle = steps.value[:, 20]
    lowest = int(np.argmin(middle))
    assert STEP_S * lowest == pytest.approx(passed[20] + 1.2, abs=1.0)
    assert middle[lowest - 15 : lowest].max() > 3.0 * middle[:50].std()


def test_values_are_those_of_a_double_precision_filter_on_decimated_samples() -> None:
    random = np.random.default_rng(6)
    samples = np.cumsum(random.normal(0.0, 3.0, (20_000, 300)), axis=0).astype(np.int16)
    samples[: round(STEP_S * RATE_HZ)] = 0
    steps = whole(samples).quasi_static
    means = samples.astype(np.float64).reshape(-1, round(STEP_S * RATE_HZ), 300).mean(axis=1)
    sos = signal.butter(2, QUASI_STATIC_HZ, "bandpass", fs=1.0 / STEP_S, output="sos")
    wanted = signal.sosfilt(sos, means, axis=0)
    assert np.abs(steps.value - wanted).max() < 1e-4 * np.abs(wanted).max()
    squares = np.pad(wanted**2, ((2, 0), (0, 0)))
    mean = (squares[2:] + squares[1:-1] + squares[:-2]) / 3.0
    assert np.abs(steps.energy - mean).max() < 2e-4 * mean.max()


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 2_999), max_size=8, unique=True),
    first_sample=st.integers(0, 260),
    rate_hz=st.sampled_from([500.0, 333.0, 250.0]),
)
def test_any_cut_gives_the_same_to_the_last_bit(
    cuts: list[int], first_sample: int, rate_hz: float
) -> None:
    samples = np.random.default_rng(7).normal(0.0, 300.0, (3_000, 7)).astype(np.float32)
    samples[1_000:1_010, 2] = np.nan
    shape = Shape(rate_hz, 7, 0, 10.0, "<f4", 1.0)
    front, once = FrontEnd(shape), FrontEnd(shape)
    single = once.push(first_sample, samples)
    assert single is not None
    parts, at = [], 0
    for end in [*sorted(cuts), len(samples)]:
        windows = front.push(first_sample + at, samples[at:end])
        if windows is not None:
            parts.append(windows)
        at = end
    for name in ("energy", "flags"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(single, name).tobytes()
    steps = [part.quasi_static for part in parts]
    assert steps[0].first == single.quasi_static.first
    for name in ("value", "energy"):
        joined = np.concatenate([getattr(step, name) for step in steps])
        assert joined.tobytes() == getattr(single.quasi_static, name).tobytes()
    for before, after in pairwise(steps):
        assert after.first == before.first + len(before.value)


@given(cut=st.lists(st.integers(1, 79), max_size=6, unique=True))
def test_parts_of_windows_hold_each_step_once_with_its_last_window(cut: list[int]) -> None:
    samples = np.random.default_rng(8).normal(0.0, 9.0, (2_000, 3)).astype(np.int16)
    windows = whole(samples, first_sample=25 * 13)
    edges = [0, *sorted(cut), len(windows.energy)]
    parts = [windows.part(a, b) for a, b in pairwise(edges)]
    for part in parts:
        for step in range(len(part.quasi_static.value)):
            known_with = STEP_WINDOWS * (part.quasi_static.first + step) + STEP_WINDOWS - 1
            assert part.first <= known_with < part.first + len(part.energy)
    joined = np.concatenate([part.quasi_static.value for part in parts])
    assert joined.tobytes() == windows.quasi_static.value.tobytes()


def test_an_offset_and_what_is_not_a_number_make_no_swing() -> None:
    samples = np.full((5_000, 4), 20_000.0, np.float32)
    samples[:3, 0] = np.nan
    samples[2_000:2_600, 1] = np.nan
    samples[:, 2] = np.nan
    steps = whole(samples, first_sample=30).quasi_static
    assert np.abs(steps.value).max() < 0.05
    assert np.isfinite(steps.energy).all()


def test_a_reset_begins_anew_without_a_swing() -> None:
    front = FrontEnd(Shape(RATE_HZ, 4, 0, 10.0, "<i2", 1.0))
    front.push(0, np.full((2_000, 4), 500, np.int16))
    front.reset()
    windows = front.push(5_030, np.full((2_000, 4), -20_000, np.int16))
    assert windows is not None
    assert np.abs(windows.quasi_static.value).max() < 0.05
