"""Compiled kernels of the front end: filters and window energies.

Layouts are (time, channel) and (band, channel), contiguous over channels, since it is over
channels that the compiler vectorises; blocks of channels keep the filters' state in the nearest
caches. A kernel never sees how the stream was cut: it is given whole windows, so five rows at a
time are always the same five rows and results are equal to the last bit.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from services.detect.kernels import CLIPPED_BIT, F32, FAST, I8, NAN_BIT, STUCK_BIT

BLOCK = 512
"""Channels a block."""

_TINY = np.float32(1e-18)
"""States below this are set to zero: denormal numbers take a hundred times as long."""

_FAINT = np.float32(1e-30)
"""Only where a mean energy is below this may states come near ``_TINY`` and are looked at."""

_STILL = np.float32(1e-11)
"""Energy by the square of the largest sample up to which a channel is stuck: rounding leaves 1e-14
of a constant, and nothing that lives stands on an offset 300,000 times its size."""


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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
    zero = np.float32(0.0)
    flag = flags[first : first + size]
    total = np.zeros(size, np.float32)
    for b in range(bands):
        energy, to = sums[b], out[b, first : first + size]
        faint = 0
        for c in range(size):
            to[c] = energy[c] * share
            total[c] += to[c]
            faint += to[c] < _FAINT
        if faint > 0:
            for i in range(4):
                row = state[b, i, first : first + size]
                for c in range(size):
                    v = row[c]
                    row[c] = zero if (v < _TINY) & (v > -_TINY) else v
    broken = 0
    for c in range(size):
        whole = total[c] < np.float32(np.inf)
        broken += not whole
        stuck = np.int8(STUCK_BIT) if total[c] <= _STILL * peak[c] * peak[c] else np.int8(0)
        fault = stuck | (np.int8(CLIPPED_BIT) if peak[c] >= limit else np.int8(0))
        flag[c] = fault if whole else fault | np.int8(NAN_BIT)
    if broken > 0:
        for c in range(size):
            if flag[c] & NAN_BIT:
                for b in range(bands):
                    out[b, first + c] = zero
                    for i in range(4):
                        state[b, i, first + c] = zero


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _load(
    row: npt.NDArray[np.generic], to: F32, peak: F32, total: F32
) -> None:  # pragma: no cover - compiled
    """Bring a row of any sample type to float32; keep largest magnitude and sum."""
    for c in range(total.size):
        v = np.float32(row[c])
        to[c] = v
        peak[c] = max(peak[c], abs(v))
        total[c] += v


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
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
    """Load five rows at once, as :func:`_load`; what is kept is touched once."""
    x0, x1, x2, x3, x4 = rows[0], rows[1], rows[2], rows[3], rows[4]
    for c in range(total.size):
        a, b, d = np.float32(r0[c]), np.float32(r1[c]), np.float32(r2[c])
        e, f = np.float32(r3[c]), np.float32(r4[c])
        x0[c], x1[c], x2[c], x3[c], x4[c] = a, b, d, e, f
        total[c] += a + b + d + e + f
        peak[c] = max(peak[c], abs(a), abs(b), abs(d), abs(e), abs(f))


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
