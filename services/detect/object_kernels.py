"""Compiled kernels of what is small but looked at often: regions' unrest, runs and objects.

None of them vectorises much; what they save is the cost of many small array operations.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

F32 = npt.NDArray[np.float32]
I8 = npt.NDArray[np.int8]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy")
def measure_unrest(
    force: F32, middle: F32, width: F32, edges: Ints, rate: float, unrest: F64
) -> None:  # pragma: no cover - compiled
    """Move the median size of force, in its own sigmas, of each region a step.

    Args:
        force: shape (channel,).
        middle: its running median, shape (channel,).
        width: its running median absolute deviation, shape (channel,).
        edges: first channel of each region and the end of the last, shape (region + 1,).
        rate: of the mean.
        unrest: moved, shape (region,).
    """
    for region in range(unrest.size):
        low, high = edges[region], edges[region + 1]
        some = max(1, (high - low) // 100)
        least = np.float32(np.median(width[low:high:some]))
        size = np.empty((high - low + some - 1) // some, np.float32)
        for k in range(size.size):
            c = low + k * some
            sigma = np.float32(1.4826) * max(width[c], least)
            value = (force[c] - max(middle[c], np.float32(0.0))) / sigma
            size[k] = abs(max(value, np.float32(-1.0)))
        unrest[region] += rate * (np.float64(np.float32(np.median(size))) - unrest[region])


@njit(cache=True, nogil=True, error_model="numpy")
def find_runs(score: F32, off: float, gap: int) -> tuple[Ints, F32]:  # pragma: no cover - compiled
    """Join active channels to runs.

    Args:
        score: shape (channel,).
        off: score above which a channel is active.
        gap: quiet channels that a run may contain.

    Returns:
        First channels and ends, shape (run, 2), and the highest score of each, shape (run,).
    """
    limit = np.float32(off)
    found = np.empty((score.size // (gap + 2) + 1, 2), np.int64)
    tops = np.empty(len(found), np.float32)
    count = 0
    for c in range(score.size):
        if not score[c] > limit:
            continue
        if count == 0 or c - found[count - 1, 1] > gap:
            found[count, 0] = c
            tops[count] = score[c]
            count += 1
        found[count - 1, 1] = c + 1
        tops[count - 1] = max(tops[count - 1], score[c])
    return found[:count].copy(), tops[:count].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def keep_near(
    found: Ints, low: F64, high: F64, keep: npt.NDArray[np.bool_]
) -> None:  # pragma: no cover - compiled
    """Keep runs that overlap a stretch: ``keep``, shape (run,), is added to.

    Args:
        found: first channels and ends, shape (run, 2).
        low: first channel of each stretch, shape (stretch,).
        high: its end, shape (stretch,).
        keep: whether a run is kept, shape (run,).
    """
    for k in range(len(found)):
        for i in range(low.size):
            if found[k, 0] <= high[i] and found[k, 1] >= low[i]:
                keep[k] = True
                break


@njit(cache=True, nogil=True, error_model="numpy")
def measure_runs(
    score: F32, found: Ints, tops: F32, place: F64, wide: Ints
) -> None:  # pragma: no cover - compiled
    """Strongest channel of each run, and how many channels reach half its score.

    Args:
        score: shape (channel,).
        found: first channels and ends, shape (run, 2).
        tops: highest scores, shape (run,).
        place: out: the first strongest channel, shape (run,).
        wide: out: channels, shape (run,).
    """
    for k in range(tops.size):
        half = np.float32(0.5) * tops[k]
        place[k], wide[k] = -1.0, 0
        for c in range(found[k, 0], found[k, 1]):
            if score[c] >= half:
                wide[k] += 1
            if place[k] < 0.0 and score[c] == tops[k]:
                place[k] = c


@njit(cache=True, nogil=True, error_model="numpy")
def pair(
    place: F64, expected: F64, low: F64, high: F64, gate: F64, spacing: float, known: Ints
) -> None:  # pragma: no cover - compiled
    """Give each place in turn the free object that is expected nearest to it, within the gate.

    Args:
        place: in channels, the strongest first, shape (run,).
        expected: where each object is expected, shape (object,).
        low: first place that belongs to it in any case, shape (object,).
        high: the last, shape (object,).
        gate: how far from where it is expected it may be else, metres, shape (object,).
        spacing: of channels, metres.
        known: out: the object; -1 where none fits, shape (run,).
    """
    free = np.ones(expected.size, np.bool_)
    for k in range(place.size):
        best, distance = -1, np.inf
        for i in range(expected.size):
            off = abs(place[k] - expected[i]) * spacing
            inside = low[i] <= place[k] <= high[i]
            if free[i] and off < distance and (inside or off <= gate[i]):
                best, distance = i, off
        known[k] = best
        if best >= 0:
            free[best] = False


@njit(cache=True, nogil=True, error_model="numpy")
def slow_down(
    pace: F32, strokes: F32, stretch: Ints, units: F64, reach: int, share: float, slow: F32
) -> None:  # pragma: no cover - compiled
    """Set the factor on the floors' steps where a stretch has a rhythm.

    Args:
        pace: power of the strongest rhythm, shape (channel,).
        strokes: the same of the highest band.
        stretch: first channels and ends, shape (stretch, 2).
        units: what pace is divided by, and the least of either, shape (2,).
        reach: channels on both sides that belong to it.
        share: the factor.
        slow: out where there is a rhythm, shape (channel,).
    """
    for k in range(len(stretch)):
        low, high = stretch[k]
        feet, saw = pace[low], strokes[low]
        for c in range(low, high):
            feet, saw = max(feet, pace[c]), max(saw, strokes[c])
        if np.float64(feet) / units[0] >= units[1] or np.float64(saw) >= units[1]:
            slow[max(0, low - reach) : high + reach] = np.float32(share)


@njit(cache=True, nogil=True, error_model="numpy")
def pool(width: F32, some: int, out: F32) -> None:  # pragma: no cover - compiled
    """Median of every so many channels of each row: ``width`` (row, channel), ``out`` (row,)."""
    for row in range(out.size):
        out[row] = np.median(width[row, ::some])


@njit(cache=True, nogil=True, error_model="numpy")
def hold(
    flags: I8, held: int, settling: int, left: npt.NDArray[np.int32], good: F32
) -> None:  # pragma: no cover - compiled
    """Count a window off from those for which channels with a fault are left out.

    Args:
        flags: faults, shape (channel,).
        held: windows that a fault is held for.
        settling: windows until filters have settled; no channel is good before.
        left: windows left, shape (channel,); moved.
        good: out: 1 where a channel counts, shape (channel,).
    """
    for c in range(left.size):
        left[c] = held if flags[c] != 0 else max(left[c] - 1, 0)
        good[c] = np.float32(1.0) if settling == 0 and left[c] == 0 else np.float32(0.0)
