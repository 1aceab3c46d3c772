"""Which detection may belong to which track, and which does.

Gating sorts tracks along the longer axis of the plane and cuts a window for each detection with
``searchsorted``: no tree, and the cost grows as n log n. Assignment takes pairs without a rival
at once and gives the rest to one sparse bipartite matching.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from services.correlate.motion import FloatArray

IndexArray = npt.NDArray[np.intp]


def windows(
    tracks: FloatArray, detections: FloatArray, reach_m: FloatArray
) -> tuple[IndexArray, IndexArray]:
    """Pairs of detections and tracks whose places are within reach along the longer axis.

    Args:
        tracks: places, shape (track, 2).
        detections: places, shape (detection, 2).
        reach_m: half width of each detection's window, shape (detection,).

    Returns:
        (detection, track) indices of the candidate pairs, sorted by detection.
    """
    if not len(tracks) or not len(detections):
        none = np.zeros(0, dtype=np.intp)
        return none, none
    axis = int(np.argmax(np.ptp(tracks, axis=0)))
    order = np.argsort(tracks[:, axis], kind="stable")
    along = tracks[order, axis]
    low = np.searchsorted(along, detections[:, axis] - reach_m, side="left")
    high = np.searchsorted(along, detections[:, axis] + reach_m, side="right")
    number = high - low
    detection = np.repeat(np.arange(len(detections), dtype=np.intp), number)
    first = np.cumsum(number) - number
    within = np.arange(len(detection), dtype=np.intp) - np.repeat(first, number)
    track = order[np.repeat(low, number) + within]
    across = np.abs(tracks[track, 1 - axis] - detections[detection, 1 - axis])
    near = across <= reach_m[detection]
    return detection[near], track[near]


def assign(
    detection: IndexArray, track: IndexArray, cost: FloatArray, unassigned: float
) -> IndexArray:
    """Choose pairs so that each detection and each track takes part at most once.

    Args:
        detection: index of each pair's detection.
        track: index of each pair's track.
        cost: lower is better; compared with ``unassigned``.
        unassigned: what it costs to leave a detection without a track.

    Returns:
        Indices of the pairs chosen, ascending.
    """
    if not len(detection):
        return np.zeros(0, dtype=np.intp)
    rivals = np.bincount(detection)[detection] + np.bincount(track)[track]
    alone = rivals == 2
    chosen = np.flatnonzero(alone)
    rest = np.flatnonzero(~alone)
    if not len(rest):
        return chosen
    _, row = np.unique(detection[rest], return_inverse=True)
    columns, column = np.unique(track[rest], return_inverse=True)
    rows = int(row.max()) + 1
    # Each detection also has a column of its own: to stay without a track. Weights have to be
    # positive, since a stored zero is no edge.
    shift = 1.0 - min(float(cost[rest].min()), unassigned)
    matrix = csr_array(
        (
            np.concatenate((cost[rest] + shift, np.full(rows, unassigned + shift))),
            (
                np.concatenate((row, np.arange(rows))),
                np.concatenate((column, len(columns) + np.arange(rows))),
            ),
        ),
        shape=(rows, len(columns) + rows),
    )
    matched_row, matched_column = min_weight_full_bipartite_matching(matrix)
    partner = np.full(rows, -1, dtype=np.intp)
    partner[matched_row] = matched_column
    return np.sort(np.concatenate((chosen, rest[partner[row] == column])))
