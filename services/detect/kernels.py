"""Compiled kernels of the fibre detector: floors and persistence.

Layouts are (window, channel) and (band, channel), contiguous over channels, since it is over
channels that the compiler vectorises. A kernel never sees how the stream was cut.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

F32 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int8]

FAST = {"contract", "nsz", "arcp"}
"""Allowed liberties; none of them depends on how a stream is cut. NaN must stay NaN."""

_LN2 = np.float32(0.6931471805599453)

RING_SCALE = np.float32(16.0)
"""Steps a sigma in the ring of cells, kept as int8: the cells are clipped to -3 .. 6 sigma."""

LOWEST = np.float32(-3.0)
HIGHEST = np.float32(6.0)
"""Clip of cells in sigmas: heavy tails get no more than their share; assumed."""

SOFT = np.float32(1.0)
"""Sigmas that a sum of cells must exceed to count: footsteps are short, and between them there is
only noise to add up; this took the score of weak footsteps up by half."""

NAN_BIT = 1
CLIPPED_BIT = 2
STUCK_BIT = 4


@njit(cache=True, nogil=True, error_model="numpy")
def _whiten(
    energy: F32, floor: F32, weight: F32, least: F32, step: F32, total: F32, excess: F32, rate: F32
) -> None:  # pragma: no cover - compiled
    """Energy over each band's running median, weighted and summed; moves the medians a step.

    Shapes: energy, floor, excess (band, channel); step, total (channel,). ``excess`` is an
    exponential mean of energy over floor, for the cues of a class.
    """
    bands, channels = energy.shape
    for c in range(channels):
        total[c] = 0.0
    for b in range(bands):
        e, m, x = energy[b], floor[b], excess[b]
        w, tiny, a = weight[b], least[b], rate[0]
        for c in range(channels):
            ratio = (e[c] + tiny) / m[c]
            grown = m[c] * (np.float32(1.0) + step[c])
            shrunk = m[c] / (np.float32(1.0) + step[c])
            m[c] = grown if ratio > np.float32(1.0) else shrunk
            total[c] += w * ratio
            x[c] += a * (min(ratio, np.float32(1000.0)) - x[c])


@njit(cache=True, nogil=True, error_model="numpy")
def _logarithm(value: F32, bits: npt.NDArray[np.int32], out: F32) -> None:  # pragma: no cover
    """Natural logarithm to 1e-4, from the number's own bits; vectorises, no library needed.

    Mantissa by a least-squares cubic in (m - 1) / (m + 1), the series of the inverse hyperbolic
    tangent, whose first two terms leave 3e-4 at most over 1..2.
    """
    for c in range(value.size):
        i = bits[c]
        exponent = np.float32((i >> 23) - 127)
        mantissa = np.float32(1.0) + np.float32(i & 0x007FFFFF) * np.float32(1.1920929e-07)
        t = (mantissa - np.float32(1.4142135)) / (mantissa + np.float32(1.4142135))
        t2 = t * t
        tail = np.float32(2.0) + t2 * (np.float32(0.6666667) + t2 * np.float32(0.4))
        out[c] = (exponent + np.float32(0.5)) * _LN2 + t * tail


@njit(cache=True, nogil=True, error_model="numpy")
def _rise(
    level: F32, median: F32, step: F32, good: F32, out: F32
) -> None:  # pragma: no cover - compiled
    """Log energy less its running median, in nats; moves the median a step.

    ``good`` is 0 where a channel is masked, whose floor then stays as it is.
    """
    for c in range(level.size):
        d = level[c] - median[c]
        median[c] += step[c] * good[c] * (np.float32(1.0) if d > 0 else np.float32(-1.0))
        out[c] = d * good[c]


@njit(cache=True, nogil=True, error_model="numpy")
def _common_mode(
    rise: F32, region: int, sums: npt.NDArray[np.float64], out: F32
) -> None:  # pragma: no cover - compiled
    """What a region's channels have in common: a mean clipped twice, first wide, then close."""
    n = rise.size
    wide, close = np.float32(3.0), np.float32(1.0)
    sums[0] = 0.0
    for c in range(n):
        sums[c + 1] = sums[c] + min(max(rise[c], -wide), wide)
    for c in range(n):
        low, high = max(0, c - region), min(n, c + region + 1)
        out[c] = np.float32((sums[high] - sums[low]) / (high - low))
    for c in range(n):
        sums[c + 1] = sums[c] + out[c] + min(max(rise[c] - out[c], -close), close)
    for c in range(n):
        low, high = max(0, c - region), min(n, c + region + 1)
        out[c] = np.float32((sums[high] - sums[low]) / (high - low))


@njit(cache=True, nogil=True, error_model="numpy")
def _standardise(
    rise: F32, mean: F32, spread: F32, step: F32, good: F32, out: F32
) -> None:  # pragma: no cover - compiled
    """Cells: rise above the region in running sigmas, clipped; moves the deviation a step.

    ``spread`` is the median absolute deviation; 1.4826 makes a sigma of it.
    """
    for c in range(rise.size):
        d = rise[c] - mean[c]
        u = d / (np.float32(1.4826) * spread[c])
        change = np.float32(0.5) * spread[c] * step[c] * good[c]
        wider = abs(d) > spread[c]
        spread[c] = max(np.float32(0.05), spread[c] + (change if wider else -change))
        out[c] = good[c] * min(max(u, LOWEST), HIGHEST)


@njit(cache=True, nogil=True, error_model="numpy")
def _integrate(
    cells: F32,
    mean: F32,
    spread: F32,
    half: int,
    rate: np.float32,
    sums: npt.NDArray[np.float64],
    score: F32,
    common: F32,
) -> None:  # pragma: no cover - compiled
    """Sum cells over neighbours, keep what exceeds one sigma, and integrate over time."""
    n = cells.size
    sums[0] = 0.0
    for c in range(n):
        sums[c + 1] = sums[c] + cells[c]
    for c in range(n):
        low, high = max(0, c - half), min(n, c + half + 1)
        root = np.float32(np.sqrt(np.float64(high - low)))
        own = np.float32(sums[high] - sums[low]) / root - SOFT
        score[c] += rate * (max(own, np.float32(0.0)) - score[c])
        common[c] += rate * (mean[c] / (np.float32(1.4826) * spread[c]) - common[c])


@njit(cache=True, nogil=True, error_model="numpy")
def _settle(
    score: F32, middle: F32, spread: F32, step: F32, good: F32
) -> None:  # pragma: no cover - compiled
    """Move the running median and deviation of the integrated score a step."""
    for c in range(score.size):
        d = score[c] - middle[c]
        move = step[c] * good[c]
        middle[c] += move * spread[c] * (np.float32(1.0) if d > 0 else np.float32(-1.0))
        change = np.float32(0.5) * move * spread[c]
        wider = abs(d) > spread[c]
        spread[c] = max(np.float32(0.01), spread[c] + (change if wider else -change))


@njit(cache=True, nogil=True, error_model="numpy")
def follow_floor(
    energy: F32,
    flags: I8,
    weight: F32,
    least: F32,
    steps: F32,
    slow: F32,
    slow_width: F32,
    hold: npt.NDArray[np.int32],
    hold_windows: int,
    floor: F32,
    excess: F32,
    median: F32,
    spread: F32,
    half: int,
    region: int,
    rates: F32,
    score: F32,
    common: F32,
    middle: F32,
    width: F32,
    common_middle: F32,
    common_width: F32,
    power: F32,
    ring: I8,
    first_slot: int,
) -> None:  # pragma: no cover - compiled
    """Take windows of band energies to integrated scores; moves every running floor.

    Args:
        energy: shape (window, band, channel).
        flags: shape (window, channel).
        weight: of bands, shape (band,).
        least: energy that is always added, shape (band,).
        steps: of the floors at each window, shape (window,).
        slow: factor on the step where an object sits, shape (channel,).
        slow_width: the same for the score's own median and deviation, shape (channel,).
        hold: windows for which a channel stays masked, shape (channel,).
        hold_windows: what a fault sets ``hold`` to.
        floor: running medians of band energy, shape (band, channel).
        excess: mean energy over floor, shape (band, channel).
        median: of the log of whitened energy, shape (channel,).
        spread: its median absolute deviation, shape (channel,).
        half: neighbours on each side that are summed.
        region: neighbours on each side of which the mean is taken away.
        rates: of the score's, the excess's and the power's exponential means, shape (3,).
        score: integrated, shape (channel,).
        common: what was taken away, integrated, shape (channel,).
        middle: running median of the score, shape (channel,).
        width: its median absolute deviation, shape (channel,).
        common_middle: the same for the common mode.
        common_width: the same for the common mode.
        power: mean of whitened energy above 1, for centroids, shape (channel,).
        ring: the last cells, shape (slot, channel).
        first_slot: where the first window goes.
    """
    n = score.size
    total = np.empty(n, np.float32)
    bits = total.view(np.int32)
    level = np.empty(n, np.float32)
    rise = np.empty(n, np.float32)
    mean = np.empty(n, np.float32)
    cells = np.empty(n, np.float32)
    good = np.empty(n, np.float32)
    step = np.empty(n, np.float32)
    sums = np.empty(n + 1, np.float64)
    for w in range(energy.shape[0]):
        for c in range(n):
            left = hold_windows if flags[w, c] != 0 else max(hold[c] - 1, 0)
            hold[c] = left
            good[c] = np.float32(1.0) if left == 0 else np.float32(0.0)
            step[c] = steps[w] * slow[c] * good[c]
        _whiten(energy[w], floor, weight, least, step, total, excess, rates[1:])
        _logarithm(total, bits, level)
        for c in range(n):
            step[c] = steps[w] * slow[c]
        _rise(level, median, step, good, rise)
        _common_mode(rise, region, sums, mean)
        _standardise(rise, mean, spread, step, good, cells)
        _integrate(cells, mean, spread, half, rates[0], sums, score, common)
        for c in range(n):
            step[c] = steps[w] * slow_width[c]
        _settle(score, middle, width, step, good)
        _settle(common, common_middle, common_width, step, good)
        slot = ring[(first_slot + w) % ring.shape[0]]
        for c in range(n):
            above = min(max(total[c] - np.float32(1.0), np.float32(0.0)), np.float32(1000.0))
            power[c] += rates[2] * (above * good[c] - power[c])
            slot[c] = np.int8(np.rint(cells[c] * RING_SCALE))
