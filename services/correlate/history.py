"""The last seconds, bin by bin, so that late data can be taken in where it belongs."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.correlate.assignment import IndexArray
from services.correlate.association import take
from services.correlate.hold import NS
from services.correlate.settings import CLASSES, TrackerSettings
from services.correlate.state import Objects, Part, Rows, TrackTable, detection, from_json
from services.events import Detection, encode

_CHECKPOINT_BINS = 5


@dataclass(frozen=True, slots=True)
class Ended:
    """A confirmed track that coasted too long.

    Attributes:
        id: first detection's id.
        row: its last numbers, shape (1,).
        parts: what each sensor gave, in order of first contribution.
        own: our own unit, or None.
    """

    id: str
    row: Rows
    parts: tuple[Part, ...]
    own: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What one bin did.

    Attributes:
        at_ns: start of the bin.
        ended: confirmed tracks that ended.
        rows: rows touched; valid until the next bin.
        by: the detections that touched them.
        names: ids of those rows' tracks.
    """

    at_ns: int
    ended: list[Ended]
    rows: IndexArray
    by: Objects
    names: Objects


@dataclass(slots=True)
class Bin:
    """One bin that was gone through.

    Attributes:
        number: on the grid of event time.
        found: what was in it, by id.
        before: tracks before it, where this is a checkpoint.
    """

    number: int
    found: dict[str, Detection]
    before: TrackTable | None


def step(table: TrackTable, entry: Bin, settings: TrackerSettings, bin_ns: int) -> Step:
    """Go through one bin: end what coasted too long, then take its detections in."""
    at_ns = entry.number * bin_ns
    ended = _coast(table, at_ns, settings)
    rows, by = take(table, entry.found.values(), settings)
    return Step(at_ns, ended, rows, by, table.ids[rows])


def _coast(table: TrackTable, at_ns: int, settings: TrackerSettings) -> list[Ended]:
    rows = table.rows
    if not len(rows):
        return []
    coast = np.array([settings.motion[name].coast_s for name in CLASSES])
    patience = np.where(rows["confirmed"], rows["classes"] @ coast, settings.tentative_coast_s)
    patience = np.where(rows["own"], settings.own_coast_s, patience)
    over = (at_ns - rows["hit"]) / NS > patience
    if not over.any():
        return []
    ended = [
        Ended(str(table.ids[row]), rows[row : row + 1], table.parts[row], table.own[row])
        for row in np.flatnonzero(over & rows["confirmed"])
    ]
    table.keep(~over)
    table.distrust = {unit: until for unit, until in table.distrust.items() if until > at_ns}
    return ended


@dataclass(slots=True)
class History:
    """Tracks now, and the bins since a while ago with checkpoints among them.

    The first bin kept is always a checkpoint.
    """

    settings: TrackerSettings
    bin_ns: int
    table: TrackTable = field(default_factory=TrackTable)
    bins: list[Bin] = field(default_factory=list)

    def go(self, number: int, found: dict[str, Detection]) -> Step:
        """Go through the next bin."""
        entry = Bin(number, found, None)
        last = self.bins[-1].number if self.bins else -_CHECKPOINT_BINS
        if not self.bins or number // _CHECKPOINT_BINS > last // _CHECKPOINT_BINS:
            entry.before = self.table.copy()
        self.bins.append(entry)
        return step(self.table, entry, self.settings, self.bin_ns)

    def go_again(self, late: Iterable[Detection]) -> list[Step]:
        """Put late detections into their bins and go from there to now once more.

        Returns:
            What the bins did this time; only the last step's rows are valid.
        """
        earliest = None
        for item in late:
            number = item.at_ns // self.bin_ns
            index = bisect_left(self.bins, number, key=lambda entry: entry.number)
            if index == len(self.bins) or self.bins[index].number != number:
                self.bins.insert(index, Bin(number, {}, None))
                if index == 0:
                    after = self.bins[1].before if len(self.bins) > 1 else self.table.copy()
                    self.bins[0].before = after
            self.bins[index].found.setdefault(item.id, item)
            earliest = number if earliest is None else min(earliest, number)
        if earliest is None:
            return []
        start = bisect_right(self.bins, earliest, key=lambda entry: entry.number) - 1
        while start > 0 and self.bins[start].before is None:
            start -= 1
        return self._replay(start)

    def _replay(self, start: int) -> list[Step]:
        before = self.bins[start].before
        if before is not None:
            self.table = before.copy()
        steps = []
        for entry in self.bins[start:]:
            if entry.before is not None:
                entry.before = self.table.copy()
            steps.append(step(self.table, entry, self.settings, self.bin_ns))
        return steps

    def forget(self, number: int) -> None:
        """Drop bins that are not needed to go back to bin ``number``."""
        upto = bisect_right(self.bins, number, key=lambda entry: entry.number) - 1
        while upto > 0 and self.bins[upto].before is None:
            upto -= 1
        if upto > 0:
            del self.bins[:upto]

    def to_json(self) -> dict[str, Any]:
        """Write the oldest state and all bins since then; the rest follows from them."""
        base = self.bins[0].before if self.bins else None
        return {
            "base": (base or self.table).to_json(),
            "bins": [
                [
                    entry.number,
                    entry.before is not None,
                    [encode(item).decode() for item in entry.found.values()],
                ]
                for entry in self.bins
            ],
        }

    def from_json(self, state: dict[str, Any]) -> None:
        """Read what ``to_json`` wrote, and go through the bins again.

        Raises:
            SnapshotError: its parts do not fit together.
        """
        self.table = from_json(state["base"])
        self.bins = []
        for number, checkpoint, lines in state["bins"]:
            found = {item.id: item for item in map(detection, lines)}
            self.bins.append(Bin(number, found, TrackTable() if checkpoint else None))
        if self.bins:
            self.bins[0].before = self.table
            self._replay(0)
