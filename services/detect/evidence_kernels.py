"""Compiled kernels of the fibre detector: cells to evidence, and evidence to one score.

Layouts as in :mod:`services.detect.kernels`. Sums along the cable are moving sums over prefix sums
in float64.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from services.detect.kernels import F32, I8, RING_SCALE


@njit(cache=True, nogil=True, error_model="numpy")
def _take_away_common(
    cells: F32, region: int, sums: npt.NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    """Take away what a region's channels have in common: the laser, a jolt of the rack, rain."""
    n = cells.size
    sums[0] = 0.0
    for c in range(n):
        sums[c + 1] = sums[c] + min(cells[c], np.float32(1.0))
    # The middle apart from both ends: there, all windows are whole and the compiler vectorises.
    edge = min(region, n)
    for c in range(edge):
        cells[c] -= np.float32(sums[min(n, c + region + 1)] / min(n, c + region + 1))
    share = 1.0 / (2 * region + 1)
    for c in range(edge, n - region):
        cells[c] -= np.float32((sums[c + region + 1] - sums[c - region]) * share)
    for c in range(max(edge, n - region), n):
        cells[c] -= np.float32((sums[n] - sums[c - region]) / (n - c + region))


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_near_end(
    sums: npt.NDArray[np.float64], guard: int, reach: int, c: int
) -> np.float32:  # pragma: no cover - compiled
    """Mean around one channel where the cable's end may cut the windows."""
    n = sums.size - 1
    low, high = max(0, c - reach), min(n, c + reach + 1)
    near_low, near_high = max(0, c - guard), min(n, c + guard + 1)
    count = (high - low) - (near_high - near_low)
    around = (sums[high] - sums[low]) - (sums[near_high] - sums[near_low])
    return np.float32(around / count) if count > 0 else np.float32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_around(
    sums: npt.NDArray[np.float64], guard: int, reach: int, out: F32
) -> None:  # pragma: no cover - compiled
    """Mean over the neighbours within reach but for the nearest, from sums up to each channel."""
    n = out.size
    edge, guard = min(reach, n), min(guard, reach)
    for c in range(edge):
        out[c] = _mean_near_end(sums, guard, reach, c)
    for c in range(max(edge, n - reach), n):
        out[c] = _mean_near_end(sums, guard, reach, c)
    # In the middle all windows are whole and the compiler vectorises.
    count = 2.0 * (reach - guard)
    for c in range(edge, n - reach):
        around = sums[c + reach + 1] - sums[c - reach]
        near = sums[c + guard + 1] - sums[c - guard]
        out[c] = np.float32((around - near) / count) if count > 0.0 else np.float32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _take_away_ring(
    cells: F32, guard: int, reach: int, sums: npt.NDArray[np.float64], out: F32
) -> None:  # pragma: no cover - compiled
    """Take away the neighbours' mean where it is above zero: gusts, showers, what is far off."""
    n = cells.size
    sums[0] = 0.0
    for c in range(n):
        sums[c + 1] = sums[c] + min(max(cells[c], np.float32(-1.0)), np.float32(1.0))
    _mean_around(sums, guard, reach, out)
    for c in range(n):
        out[c] = cells[c] - max(out[c], np.float32(0.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_beside(cells: F32, half: int, sums: npt.NDArray[np.float64], out: F32) -> None:
    # pragma: no cover - compiled
    """Sum over neighbours, by the root of their number."""
    n = cells.size
    sums[0] = 0.0
    for c in range(n):
        sums[c + 1] = sums[c] + cells[c]
    edge = min(half, n)
    for c in range(edge):
        high = min(n, c + half + 1)
        out[c] = np.float32(sums[high] / np.sqrt(float(high)))
    share = 1.0 / np.sqrt(2.0 * half + 1.0)
    for c in range(edge, n - half):
        out[c] = np.float32((sums[c + half + 1] - sums[c - half]) * share)
    for c in range(max(edge, n - half), n):
        out[c] = np.float32((sums[n] - sums[c - half]) / np.sqrt(float(n - c + half)))


@njit(cache=True, nogil=True, error_model="numpy")
def gather(
    cells: F32, half: int, region: int, sums: npt.NDArray[np.float64], out: F32, ring: I8, at: int
) -> None:  # pragma: no cover - compiled
    """Cells less their region's, written to the ring, and their sums over neighbours."""
    for w in range(cells.shape[0]):
        row = cells[w]
        _take_away_common(row, region, sums)
        keep = ring[(at + w) % ring.shape[0]]
        for c in range(row.size):
            v = min(max(row[c] * RING_SCALE, np.float32(-127.0)), np.float32(127.0))
            keep[c] = np.int8(np.rint(v))
        _sum_beside(row, half, sums, out[w])


@njit(cache=True, nogil=True, error_model="numpy")
def add_up(
    cells: F32,
    half: int,
    guard: int,
    reach: int,
    rate: np.float32,
    sums: npt.NDArray[np.float64],
    room: F32,
    force: F32,
) -> None:  # pragma: no cover - compiled
    """Add cells, less what is usual around them, to an exponential mean.

    Args:
        cells: shape (channel,).
        half: neighbours on each side that are summed.
        guard: neighbours on each side that may belong to the same source.
        reach: neighbours on each side that say what is usual now.
        rate: of the mean.
        sums: room for a sum, shape (channel + 1,).
        room: room for values, shape (2, channel).
        force: the mean, shape (channel,).
    """
    _take_away_ring(cells, guard, reach, sums, room[0])
    _sum_beside(room[0], half, sums, room[1])
    for c in range(force.size):
        force[c] += rate * (room[1, c] - force[c])


@njit(cache=True, nogil=True, error_model="numpy")
def settle(
    force: F32, middle: F32, width: F32, step: np.float32, slow: F32
) -> None:  # pragma: no cover - compiled
    """Move the running median and absolute deviation of a force a step: shape (channel,) each."""
    for c in range(force.size):
        d = force[c] - middle[c]
        move = step * slow[c] * width[c]
        middle[c] += move if d > 0 else -move
        change = np.float32(0.5) * move
        wider = abs(d) > width[c]
        width[c] = max(np.float32(0.01), width[c] + (change if wider else -change))


@njit(cache=True, nogil=True, error_model="numpy")
def _by_surroundings(
    value: F32,
    guard: int,
    reach: int,
    usual: np.float32,
    sums: npt.NDArray[np.float64],
    mean: F32,
) -> None:  # pragma: no cover - compiled
    """Divide evidence by how restless the cable on both sides is, where it is more than usual."""
    n = value.size
    sums[0] = 0.0
    for c in range(n):
        sums[c + 1] = sums[c] + min(abs(value[c]), np.float32(10.0))
    _mean_around(sums, guard, reach, mean)
    for c in range(n):
        value[c] /= max(mean[c] / usual, np.float32(1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(
    pace: F32,
    strokes: F32,
    force: F32,
    middle: F32,
    width: F32,
    pooled: F32,
    units: F32,
    guard: int,
    reach: int,
    usual: np.float32,
    calm: F32,
    fine: npt.NDArray[np.bool_],
    sums: npt.NDArray[np.float64],
    room: F32,
    score: F32,
) -> None:  # pragma: no cover - compiled
    """Bring all evidence to one score: the strongest, and a share of the others.

    Args:
        pace: power of the strongest rhythm, shape (channel,).
        strokes: the same of the highest band.
        force: evidence of energy that lasts, shape (kind, channel).
        middle: their running medians, shape (kind, channel).
        width: their running median absolute deviations, shape (kind, channel).
        pooled: the sensor's median of those, below which no channel counts as quiet, shape (kind,).
        units: what pace and each force are divided by, and the others' share, shape (2 + kind,).
        guard: neighbours on each side that may belong to the same source.
        reach: neighbours on each side that say how restless the cable is.
        usual: mean size of evidence where nothing happens.
        calm: factor on force in restless weather, shape (channel,).
        fine: channels that count, shape (channel,).
        sums: room for a sum, shape (channel + 1,).
        room: room for values, shape (3, channel).
        score: out, shape (channel,).
    """
    n = score.size
    value, total = room[0], room[1]
    for c in range(n):
        score[c] = total[c] = pace[c] / units[0]
    for i in range(force.shape[0]):
        for c in range(n):
            sigma = np.float32(1.4826) * max(width[i, c], pooled[i])
            value[c] = (force[i, c] - max(middle[i, c], np.float32(0.0))) / sigma
        _by_surroundings(value, guard, reach, usual, sums, room[2])
        for c in range(n):
            one = calm[c] * min(max(value[c], np.float32(0.0)), np.float32(30.0)) / units[i + 1]
            score[c] = max(score[c], one)
            total[c] += one
    share = units[force.shape[0] + 1]
    for c in range(n):
        whole = score[c] + share * (total[c] - score[c])
        score[c] = max(whole, strokes[c]) if fine[c] else np.float32(0.0)
