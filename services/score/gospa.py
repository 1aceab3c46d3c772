"""GOSPA: how far a set of tracks is from the set of true places, and in what.

Generalized optimal sub-pattern assignment with alpha = 2 (Rahmathullah, Garcia-Fernandez,
Svensson: Generalized optimal sub-pattern assignment metric, FUSION 2017): the least sum over all
assignments of d^p for each pair nearer than c and of c^p / 2 for each target without a track and
each track without a target; the distance is the p-th root of that sum.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gospa:
    """One comparison of two sets.

    Attributes:
        localisation: sum of d^p over the pairs, metres^p.
        pairs: number of targets that have a track.
        missed: targets without one.
        false: tracks without a target.
        track_of: for each target its track, or -1.
    """

    localisation: float
    pairs: int
    missed: int
    false: int
    track_of: IntArray

    def distance(self, cut_off: float, order: float) -> float:
        """The metric, in metres."""
        total = self.localisation + 0.5 * cut_off**order * (self.missed + self.false)
        return float(total ** (1.0 / order))


def gospa(apart: FloatArray, cut_off: float, order: float) -> Gospa:
    """Compare tracks with the truth of one moment.

    Args:
        apart: from each target to each track, shape (target, track), metres.
        cut_off: c, metres.
        order: p.
    """
    targets, tracks = apart.shape
    track_of = np.full(targets, -1, dtype=np.int64)
    if not apart.size:
        return Gospa(0.0, 0, targets, tracks, track_of)
    # A pair at the cut-off costs what missing one and inventing one costs, so a full assignment
    # of capped distances is the optimum over partial ones.
    cost = np.minimum(apart, cut_off) ** order
    rows, columns = linear_sum_assignment(cost)
    near = apart[rows, columns] < cut_off
    track_of[rows[near]] = columns[near]
    pairs = int(near.sum())
    return Gospa(
        localisation=float(cost[rows[near], columns[near]].sum()),
        pairs=pairs,
        missed=targets - pairs,
        false=tracks - pairs,
        track_of=track_of,
    )
