"""Compiled kernels of the fibre detector: filters, floors and persistence.

Layouts are (time, channel) and (band, channel), contiguous over channels, since it is over
channels that the compiler vectorises; blocks of channels keep the filters' state in the first
cache. A kernel never sees how the stream was cut: it is given whole windows, so five rows at a
time are always the same five rows and results are equal to the last bit.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

F32 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int8]

BLOCK = 512
"""Channels a block: states of a band, five rows and energies stay in the first-level cache."""

_TINY = np.float32(1e-18)
"""States below this are set to zero: denormal numbers take a hundred times as long."""

_FAST = {"contract", "nsz", "arcp"}
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

STILL = np.float32(1e-11)
"""Energy by the square of the largest sample up to which a channel is stuck: rounding leaves 1e-14
of a constant, and nothing that lives stands on an offset 300,000 times its size."""

NAN_BIT = 1
CLIPPED_BIT = 2
STUCK_BIT = 4


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _five_rows(
    rows: F32, p: F32, q: F32, r: F32, s: F32, energy: F32, k: F32
) -> None:  # pragma: no cover - compiled
    """Filter five rows with two biquads of numerator 1 - z^-2 (direct form II transposed)."""
    g, a1, a2, b1, b2 = k[0], k[1], k[2], k[3], k[4]
    x0, x1, x2, x3, x4 = rows[0], rows[1], rows[2], rows[3], rows[4]
    for c in range(energy.size):
        s0, s1, s2, s3, e = p[c], q[c], r[c], s[c], energy[c]
        v = x0[c] * g
        o = v + s0
        s0 = s1 - a1 * o
        s1 = -v - a2 * o
        y = o + s2
        s2 = s3 - b1 * y
        s3 = -o - b2 * y
        e += y * y
        v = x1[c] * g
        o = v + s0
        s0 = s1 - a1 * o
        s1 = -v - a2 * o
        y = o + s2
        s2 = s3 - b1 * y
        s3 = -o - b2 * y
        e += y * y
        v = x2[c] * g
        o = v + s0
        s0 = s1 - a1 * o
        s1 = -v - a2 * o
        y = o + s2
        s2 = s3 - b1 * y
        s3 = -o - b2 * y
        e += y * y
        v = x3[c] * g
        o = v + s0
        s0 = s1 - a1 * o
        s1 = -v - a2 * o
        y = o + s2
        s2 = s3 - b1 * y
        s3 = -o - b2 * y
        e += y * y
        v = x4[c] * g
        o = v + s0
        s0 = s1 - a1 * o
        s1 = -v - a2 * o
        y = o + s2
        s2 = s3 - b1 * y
        s3 = -o - b2 * y
        e += y * y
        p[c], q[c], r[c], s[c], energy[c] = s0, s1, s2, s3, e


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _one_row(
    x: F32, p: F32, q: F32, r: F32, s: F32, energy: F32, k: F32
) -> None:  # pragma: no cover - compiled
    """Filter one row, as in :func:`_five_rows`; for what a window has beyond fives."""
    g, a1, a2, b1, b2 = k[0], k[1], k[2], k[3], k[4]
    for c in range(energy.size):
        v = x[c] * g
        o = v + p[c]
        p[c] = q[c] - a1 * o
        q[c] = -v - a2 * o
        y = o + r[c]
        r[c] = s[c] - b1 * y
        s[c] = -o - b2 * y
        energy[c] += y * y


@njit(cache=True, nogil=True, error_model="numpy")
def _finish_window(
    state: F32,
    sums: F32,
    peak: F32,
    limit: np.float32,
    count: int,
    out: F32,
    flags: I8,
    first: int,
) -> None:  # pragma: no cover - compiled
    """Turn a block's sums into mean energies, flag faulty channels, keep states normal.

    Shapes: state (band, 4, channel), sums (band, BLOCK), peak (size of block,), out (band,
    channel), flags (channel,); ``first`` is the block's first channel.
    """
    bands, size = sums.shape[0], peak.size
    share = np.float32(1.0) / np.float32(count)
    flag = flags[first : first + size]
    total = np.zeros(size, np.float32)
    for b in range(bands):
        energy, to = sums[b], out[b, first : first + size]
        for c in range(size):
            to[c] = energy[c] * share
            total[c] += to[c]
        for i in range(4):
            row = state[b, i, first : first + size]
            for c in range(size):
                v = row[c]
                row[c] = np.float32(0.0) if (v < _TINY) & (v > -_TINY) else v
    for c in range(size):
        flag[c] = CLIPPED_BIT if peak[c] >= limit else 0
        if not total[c] < np.float32(np.inf):
            flag[c] |= NAN_BIT
            for b in range(bands):
                out[b, first + c] = 0.0
                for i in range(4):
                    state[b, i, first + c] = 0.0
        elif total[c] <= STILL * peak[c] * peak[c]:
            flag[c] |= STUCK_BIT


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _load(
    row: npt.NDArray[np.generic], to: F32, peak: F32, total: F32
) -> None:  # pragma: no cover - compiled
    """Bring a row of any sample type to float32; keep the largest magnitude and the sum."""
    for c in range(peak.size):
        v = np.float32(row[c])
        to[c] = v
        peak[c] = max(peak[c], abs(v))
        total[c] += v


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _load_five(
    r0: npt.NDArray[np.generic],
    r1: npt.NDArray[np.generic],
    r2: npt.NDArray[np.generic],
    r3: npt.NDArray[np.generic],
    r4: npt.NDArray[np.generic],
    rows: F32,
    peak: F32,
    total: F32,
) -> None:  # pragma: no cover - compiled
    """Load five rows at once, as :func:`_load`; peak and sum are touched once."""
    x0, x1, x2, x3, x4 = rows[0], rows[1], rows[2], rows[3], rows[4]
    for c in range(peak.size):
        a, b, d = np.float32(r0[c]), np.float32(r1[c]), np.float32(r2[c])
        e, f = np.float32(r3[c]), np.float32(r4[c])
        x0[c], x1[c], x2[c], x3[c], x4[c] = a, b, d, e, f
        total[c] += a + b + d + e + f
        top = max(abs(a), abs(b), abs(d), abs(e), abs(f))
        peak[c] = max(peak[c], top)


@njit(cache=True, nogil=True, error_model="numpy")
def filter_windows(
    samples: npt.NDArray[np.generic],
    edges: npt.NDArray[np.int64],
    coefficients: F32,
    state: F32,
    limit: np.float32,
    out: F32,
    flags: I8,
    means: F32,
) -> None:  # pragma: no cover - compiled
    """Filter whole windows and give each one's mean energy by band.

    Args:
        samples: shape (time, channel), counts of any numeric type.
        edges: rows at which windows begin, and the end of the last; shape (window + 1,).
        coefficients: shape (band, 5): gain, then a1, a2 of both biquads.
        state: shape (band, 4, channel); kept between calls.
        limit: magnitude at which a sample counts as clipped; infinity for floats.
        out: mean energies, shape (window, band, channel).
        flags: faults, shape (window, channel).
        means: mean samples, shape (window, channel).
    """
    channels = samples.shape[1]
    bands = coefficients.shape[0]
    rows = np.empty((5, BLOCK), np.float32)
    sums = np.empty((bands, BLOCK), np.float32)
    peaks = np.empty(BLOCK, np.float32)
    for first in range(0, channels, BLOCK):
        last = min(channels, first + BLOCK)
        size = last - first
        peak = peaks[:size]
        for w in range(edges.size - 1):
            sums[:] = 0.0
            peak[:] = 0.0
            mean = means[w, first:last]
            mean[:] = 0.0
            t = edges[w]
            while t + 5 <= edges[w + 1]:
                _load_five(
                    samples[t, first:last],
                    samples[t + 1, first:last],
                    samples[t + 2, first:last],
                    samples[t + 3, first:last],
                    samples[t + 4, first:last],
                    rows,
                    peak,
                    mean,
                )
                for b in range(bands):
                    # Sliced from whole arrays, since only such slices are known as contiguous.
                    _five_rows(
                        rows,
                        state[b, 0, first:last],
                        state[b, 1, first:last],
                        state[b, 2, first:last],
                        state[b, 3, first:last],
                        sums[b, :size],
                        coefficients[b],
                    )
                t += 5
            while t < edges[w + 1]:
                _load(samples[t, first:last], rows[0], peak, mean)
                for b in range(bands):
                    _one_row(
                        rows[0],
                        state[b, 0, first:last],
                        state[b, 1, first:last],
                        state[b, 2, first:last],
                        state[b, 3, first:last],
                        sums[b, :size],
                        coefficients[b],
                    )
                t += 1
            count = edges[w + 1] - edges[w]
            share = np.float32(1.0) / np.float32(count)
            for c in range(size):
                mean[c] *= share
            _finish_window(state, sums, peak, limit, count, out[w], flags[w], first)


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
