"""Compiled kernels of the fibre detector: floors, rhythms and cells.

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
"""Steps a sigma in the ring of cells, kept as int8: the cells lie within -1.5 .. 4 sigma."""

LOWEST = np.float32(-1.5)
HIGHEST = np.float32(2.0)
"""Clip of windows of 50 ms in sigmas. A burst of noise, however strong, is worth no more than a
few such windows, which many rhythms share; a walk's steps all belong to one."""

SLOT_HIGHEST = np.float32(3.0)
"""Clip of slots of 0.25 s in sigmas."""

SECOND_HIGHEST = np.float32(2.0)
"""Clip of seconds in sigmas: a burst is worth one second, a spade's blows fill most of them."""

BLOCK = 512
"""Channels a block: its rows stay in the first-level cache."""

SLOT = 5
"""Windows a slot: evidence is added up once in 0.25 s."""

NAN_BIT = 1
CLIPPED_BIT = 2
STUCK_BIT = 4


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
def _follow_instrument(
    energy: F32, tiny: np.float32, good: F32, rate: np.float32, level: F32
) -> None:  # pragma: no cover - compiled
    """Move the mean energy of the highest band, which is the instrument's, past bursts."""
    for c in range(level.size):
        e = min(energy[c] + tiny, np.float32(4.0) * level[c])
        level[c] += rate * good[c] * (e - level[c])


@njit(cache=True, nogil=True, error_model="numpy")
def _whiten(
    energy: F32,
    tiny: np.float32,
    weight: np.float32,
    slow_weight: np.float32,
    kappa: np.float32,
    instrument: F32,
    step: F32,
    floor: F32,
    usual: F32,
    total: F32,
    whole: F32,
) -> None:  # pragma: no cover - compiled
    """Add one band's energy over what ground and instrument usually give; move the ground's.

    Shapes: all (channel,). ``floor`` is the running median of what the instrument does not
    explain, ``usual`` that of all.
    """
    one = np.float32(1.0)
    for c in range(floor.size):
        e = energy[c] + tiny
        own = kappa * instrument[c]
        ratio = e / (floor[c] + own)
        grown = floor[c] * (one + step[c])
        shrunk = floor[c] / (one + step[c])
        floor[c] = grown if e - own > floor[c] else shrunk
        floor[c] = max(floor[c], tiny)
        up = usual[c] * (one + step[c])
        down = usual[c] / (one + step[c])
        usual[c] = up if e > usual[c] else down
        total[c] += weight * ratio
        whole[c] += slow_weight * ratio


@njit(cache=True, nogil=True, error_model="numpy")
def _standardise(
    level: F32,
    median: F32,
    spread: F32,
    step: F32,
    good: F32,
    highest: np.float32,
    out: F32,
) -> None:  # pragma: no cover - compiled
    """Log energy above its running median in running sigmas, clipped; moves both a step.

    ``spread`` is the median absolute deviation; 1.4826 makes a sigma of it. ``good`` is 0 where a
    channel is masked.
    """
    for c in range(level.size):
        d = level[c] - median[c]
        u = d / (np.float32(1.4826) * spread[c])
        move = step[c] * good[c]
        median[c] += move if d > 0 else -move
        change = np.float32(0.5) * spread[c] * move
        wider = abs(d) > spread[c]
        spread[c] = max(np.float32(0.05), spread[c] + (change if wider else -change))
        out[c] = good[c] * min(max(u, LOWEST), highest)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _resonate(
    x0: F32, x1: F32, x2: F32, x3: F32, x4: F32, k: F32, real: F32, imag: F32, power: F32
) -> None:  # pragma: no cover - compiled
    """Move one damped resonator of each channel on by a slot; keep the highest power.

    ``k`` holds the rotation of a slot and the five rotations of its windows: (6, 2).
    """
    a, b = k[0, 0], k[0, 1]
    c0, c1, c2, c3, c4 = k[1, 0], k[2, 0], k[3, 0], k[4, 0], k[5, 0]
    d0, d1, d2, d3, d4 = k[1, 1], k[2, 1], k[3, 1], k[4, 1], k[5, 1]
    for c in range(power.size):
        p, q = real[c], imag[c]
        u = a * p - b * q + c0 * x0[c] + c1 * x1[c] + c2 * x2[c] + c3 * x3[c] + c4 * x4[c]
        v = b * p + a * q + d0 * x0[c] + d1 * x1[c] + d2 * x2[c] + d3 * x3[c] + d4 * x4[c]
        real[c], imag[c] = u, v
        e = u * u + v * v
        power[c] = e if e > power[c] else power[c]  # noqa: FURB136 - max() would not vectorise


@njit(cache=True, nogil=True, error_model="numpy")
def find_rhythm(
    cells: F32,
    keys: npt.NDArray[np.float32],
    bank: F32,
    mean: F32,
    variance: F32,
    rates: F32,
    unit: np.float32,
    out: F32,
) -> None:  # pragma: no cover - compiled
    """Power of the strongest rhythm of each channel, by what noise of its variance would give.

    Args:
        cells: shape (SLOT, channel); their running mean is taken off in place.
        keys: rotations of each resonator, shape (resonator, 6, 2).
        bank: states, shape (resonator, 2, channel).
        mean: of cells, shape (channel,).
        variance: of cells, shape (channel,).
        rates: of mean and variance, per window, shape (2,).
        unit: 1 - decay squared, which makes the mean power of white noise of variance 1 be 1.
        out: shape (channel,).
    """
    n = out.size
    for w in range(SLOT):
        row = cells[w]
        for c in range(n):
            mean[c] += rates[0] * (row[c] - mean[c])
            row[c] -= mean[c]
            variance[c] += rates[1] * (row[c] * row[c] - variance[c])
    for first in range(0, n, BLOCK):
        last = min(n, first + BLOCK)
        power = out[first:last]
        for c in range(power.size):
            power[c] = 0.0
        for k in range(keys.shape[0]):
            _resonate(
                cells[0, first:last],
                cells[1, first:last],
                cells[2, first:last],
                cells[3, first:last],
                cells[4, first:last],
                keys[k],
                bank[k, 0, first:last],
                bank[k, 1, first:last],
                power,
            )
        for c in range(power.size):
            power[c] *= unit / variance[first + c]


@njit(cache=True, nogil=True, error_model="numpy")
def follow_floor(
    energy: F32,
    good: F32,
    weight: F32,
    slow_weight: F32,
    least: F32,
    kappa: F32,
    steps: F32,
    slow: F32,
    rates: F32,
    instrument: F32,
    floor: F32,
    usual: F32,
    median: F32,
    spread: F32,
    power: F32,
    high_floor: F32,
    cells: F32,
    high: F32,
    slot: F32,
    second: F32,
) -> None:  # pragma: no cover - compiled
    """Take a slot's band energies to cells in sigmas; moves every running floor.

    Args:
        energy: shape (SLOT, band, channel).
        good: 0 where a channel is masked, shape (SLOT, channel).
        weight: of bands, shape (band,).
        slow_weight: of bands for what lasts long, shape (band,).
        least: energy that is always added, shape (band,).
        kappa: the instrument's energy in each band by that in the last, shape (band,).
        steps: of the floors at each window, shape (SLOT,).
        slow: factor on the step where an object sits, shape (channel,).
        rates: of the instrument's and the power's exponential means, and the step of the highest
            band's own floor, shape (3,).
        instrument: running mean of the last band, shape (channel,).
        floor: running medians of what the instrument does not explain, shape (band, channel).
        usual: running medians of all, shape (band, channel).
        median: of the log of whitened energy, shape (channel,).
        spread: its median absolute deviation, shape (channel,).
        power: mean of whitened energy above 1, for centroids, shape (channel,).
        high_floor: fast running median of the last band's log energy, shape (channel,).
        cells: out: windows, shape (SLOT, channel).
        high: out: the last band's windows over its fast floor, shape (SLOT, channel).
        slot: out: the slot's mean whitened energy, shape (channel,).
        second: the same by the other weights, added up, shape (channel,).
    """
    bands, n = floor.shape
    top = bands - 1
    one = np.float32(1.0)
    buffer = np.empty((5, BLOCK), np.float32)
    for first in range(0, n, BLOCK):
        last = min(n, first + BLOCK)
        size = last - first
        total, level, step = buffer[0, :size], buffer[1, :size], buffer[2, :size]
        whole, late = buffer[3, :size], buffer[4, :size]
        bits = total.view(np.int32)
        for c in range(size):
            whole[c] = late[c] = 0.0
        for w in range(energy.shape[0]):
            fine = good[w, first:last]
            for c in range(size):
                step[c] = steps[w] * slow[first + c] * fine[c]
                total[c] = 0.0
            _follow_instrument(
                energy[w, top, first:last], least[top], fine, rates[0], instrument[first:last]
            )
            for b in range(bands):
                _whiten(
                    energy[w, b, first:last],
                    least[b],
                    weight[b],
                    slow_weight[b],
                    kappa[b],
                    instrument[first:last],
                    step,
                    floor[b, first:last],
                    usual[b, first:last],
                    total,
                    late,
                )
            for c in range(size):
                whole[c] += total[c]
                above = min(max(total[c] - one, np.float32(0.0)), np.float32(1000.0))
                power[first + c] += rates[1] * (above * fine[c] - power[first + c])
            _logarithm(total, bits, level)
            _standardise(
                level,
                median[first:last],
                spread[first:last],
                step,
                fine,
                HIGHEST,
                cells[w, first:last],
            )
            for c in range(size):
                total[c] = energy[w, top, first + c] + least[top]
            _logarithm(total, bits, level)
            for c in range(size):
                d = level[c] - high_floor[first + c]
                high_floor[first + c] += fine[c] * (rates[2] if d > 0 else -rates[2])
                high[w, first + c] = fine[c] * min(max(np.float32(2.5) * d, LOWEST), HIGHEST)
        for c in range(size):
            slot[first + c] = whole[c] / np.float32(energy.shape[0])
            second[first + c] += late[c] / np.float32(energy.shape[0])


@njit(cache=True, nogil=True, error_model="numpy")
def stand_out(
    energy: F32,
    median: F32,
    spread: F32,
    step: np.float32,
    slow: F32,
    good: F32,
    highest: np.float32,
    out: F32,
) -> None:  # pragma: no cover - compiled
    """Mean energy over a while in sigmas of its running median; all of shape (channel,).

    Args:
        energy: whitened, above zero; it is taken apart.
        median: of its log.
        spread: the median absolute deviation of that.
        step: of both.
        slow: factor on the step where an object sits.
        good: 0 where a channel is masked.
        highest: clip.
        out: the cells.
    """
    bits = energy.view(np.int32)
    level = np.empty(BLOCK, np.float32)
    steps = np.empty(BLOCK, np.float32)
    for first in range(0, energy.size, BLOCK):
        last = min(energy.size, first + BLOCK)
        size = last - first
        for c in range(size):
            steps[c] = step * slow[first + c] * good[first + c]
        _logarithm(energy[first:last], bits[first:last], level[:size])
        _standardise(
            level[:size],
            median[first:last],
            spread[first:last],
            steps[:size],
            good[first:last],
            highest,
            out[first:last],
        )
