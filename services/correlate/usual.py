"""How often something came to a place at an hour of the week: counts, exposure, and what follows.

Cells hold one count a week for the weeks that are remembered, so that forgetting is exact and an
operator can be told a number. Only cells in which something was ever seen exist. Exposure is the
time for which the service ran in each hour of each week, whatever single sensors did: where a
sensor was silent the rate comes out too low, and less is called usual.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from services.correlate.week import HOURS

_HOUR_NS = 3_600 * 1_000_000_000
_MOST_COUNT = np.iinfo(np.uint16).max
_MOST_OF_AN_HOUR = 0.5
_KEPT_SHARE = 0.75
_KEY, _COUNT, _EXPOSURE = "<i4", "<u2", "<i8"


@dataclass(frozen=True, slots=True)
class Prior:
    """Gamma prior of a rate.

    Attributes:
        seen: shape, as if so many had been seen.
        hours: rate of the gamma, as if for so many hours.
    """

    seen: float
    hours: float


@dataclass(frozen=True, slots=True)
class Usual:
    """What is known of one hour of the week at one place.

    Attributes:
        probability: that one or more come within this hour.
        tail: that more come than have come in this hour so far.
        weeks_seen: earlier weeks in which any came.
        weeks_heard: earlier weeks in which the service ran for most of this hour.
        lately: how many came in the last weeks, this one included.
    """

    probability: float
    tail: float
    weeks_seen: int
    weeks_heard: int
    lately: int


class HourCounts:
    """Counts by cell and week, and exposure by hour and week.

    Attributes:
        week: newest week, or None before the first.
        forgotten: cells given up for want of room.
    """

    def __init__(self, weeks: int, half_life_weeks: float, most_cells: int) -> None:
        """Begin empty.

        Args:
            weeks: full weeks remembered beside the present one.
            half_life_weeks: age at which a week weighs half.
            most_cells: bound of the table; the least used quarter goes when it is full.
        """
        self._columns = weeks + 1
        self._weights = 0.5 ** (np.arange(self._columns) / half_life_weeks)
        self._most = most_cells
        self._keys: NDArray[np.int32] = np.zeros(0, dtype=_KEY)
        self._counts: NDArray[np.uint16] = np.zeros((0, self._columns), dtype=_COUNT)
        self._exposure_ns: NDArray[np.int64] = np.zeros((self._columns, HOURS), dtype=_EXPOSURE)
        self.week: int | None = None
        self.forgotten = 0

    def __len__(self) -> int:
        """Number of cells."""
        return len(self._keys)

    def reach(self, week: int) -> None:
        """Go on to a week; what is older than the memory is forgotten."""
        if self.week is None:
            self.week = week
        if week <= self.week:
            return
        new = np.arange(max(self.week + 1, week - self._columns + 1), week + 1) % self._columns
        self.week = week
        self._counts[:, new] = 0
        self._exposure_ns[new] = 0
        self._keep(np.asarray(self._counts.any(axis=1)))

    def expose(self, week: int, hour: int, span_ns: int) -> None:
        """Add time for which the service ran."""
        self.reach(week)
        if self._remembers(week):
            self._exposure_ns[week % self._columns, hour] += span_ns

    def add(self, week: int, keys: NDArray[np.int32]) -> bool:
        """Count one in each of some cells, named once each; False where the week is too old.

        Args:
            week: in which it was.
            keys: of cells, shape (cell,).
        """
        self.reach(week)
        if not self._remembers(week):
            return False
        new = np.setdiff1d(keys, self._keys)
        if new.size:
            rows = np.searchsorted(self._keys, new)
            self._keys = np.insert(self._keys, rows, new)
            self._counts = np.insert(self._counts, rows, 0, axis=0)
        rows, column = np.searchsorted(self._keys, keys), week % self._columns
        self._counts[rows, column] += self._counts[rows, column] < _MOST_COUNT
        if len(self._keys) > self._most:
            self._make_room()
        return True

    def by_age(self, keys: NDArray[np.int32]) -> NDArray[np.int64]:
        """Counts of some cells, the present week first, shape (cell, week)."""
        ages = self._ages()
        found = np.zeros((len(keys), self._columns), dtype=np.int64)
        rows = np.searchsorted(self._keys, keys)
        known = rows < len(self._keys)
        known[known] = self._keys[rows[known]] == keys[known]
        found[known] = self._counts[rows[known]][:, ages]
        return found

    def hours_by_age(self, hour: int) -> NDArray[np.float64]:
        """Hours of exposure in one hour of the week, the present week first, shape (week,)."""
        return np.asarray(self._exposure_ns[self._ages(), hour] / _HOUR_NS, dtype=np.float64)

    def judge(
        self, keys: NDArray[np.int32], hour: int, prior: Prior, under_way: int, lately_weeks: int
    ) -> Usual:
        """Say how usual another one is, from the weeks before this one.

        The rate has a gamma distribution by prior and weighted counts, so the number within an
        hour is negative binomial; its upper tail is a regularised incomplete beta function.

        Args:
            keys: of the cells that are taken together, shape (cell,).
            hour: of the week, the one that the cells are of.
            prior: of the rate.
            under_way: others that are there now and not counted yet.
            lately_weeks: how far back ``Usual.lately`` goes.
        """
        counts = self.by_age(keys).sum(axis=0)
        seen = prior.seen + float(self._weights[1:] @ counts[1:])
        heard_h = self.hours_by_age(hour)
        hours = prior.hours + float(self._weights[1:] @ heard_h[1:])
        so_far = int(counts[0]) + under_way
        another = betainc(np.array([1.0, so_far + 1.0]), seen, 1.0 / (hours + 1.0))
        return Usual(
            probability=float(another[0]),
            tail=float(another[1]),
            weeks_seen=int(np.count_nonzero(counts[1:])),
            weeks_heard=int(np.count_nonzero(heard_h[1:] >= _MOST_OF_AN_HOUR)),
            lately=int(counts[: lately_weeks + 1].sum()),
        )

    def cells(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Keys of all cells in order, shape (cell,), and their counts by age."""
        return self._keys.copy(), self._counts[:, self._ages()].astype(np.int64)

    # --- state

    def state(self) -> dict[str, Any]:
        """Write down: plain values and bytes."""
        return {
            "week": self.week,
            "forgotten": self.forgotten,
            "keys": self._keys.tobytes(),
            "counts": self._counts.tobytes(),
            "exposure_ns": self._exposure_ns.tobytes(),
        }

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Read what ``state`` wrote.

        Raises:
            ValueError: it is damaged, or of another number of weeks.
        """
        keys = np.frombuffer(state["keys"], dtype=_KEY).copy()
        counts = np.frombuffer(state["counts"], dtype=_COUNT).reshape(len(keys), self._columns)
        exposure = np.frombuffer(state["exposure_ns"], dtype=_EXPOSURE)
        self._exposure_ns = exposure.reshape(self._columns, HOURS).copy()
        self._keys, self._counts = keys, counts.copy()
        self.week, self.forgotten = state["week"], int(state["forgotten"])

    def _ages(self) -> NDArray[np.int64]:
        """Columns from the present week back."""
        newest = 0 if self.week is None else self.week
        return (newest - np.arange(self._columns)) % self._columns

    def _remembers(self, week: int) -> bool:
        return self.week is not None and week > self.week - self._columns

    def _keep(self, which: NDArray[np.bool_]) -> None:
        if not which.all():
            self._keys, self._counts = self._keys[which], self._counts[which]

    def _make_room(self) -> None:
        """Give up the cells with the least weighted counts; of equal ones, the later keys."""
        worth = self._counts[:, self._ages()] @ self._weights
        best = np.argsort(-worth, kind="stable")[: int(_KEPT_SHARE * self._most)]
        which = np.zeros(len(self._keys), dtype=np.bool_)
        which[best] = True
        self.forgotten += len(self._keys) - len(best)
        self._keep(which)
