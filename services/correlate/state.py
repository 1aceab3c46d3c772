"""Tracks as a struct of arrays, and everything else that a bin of detections changes.

A state is copied for going back over late data and written down for snapshots, so it holds only
arrays and flat tables.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.errors import SnapshotError
from services.correlate.settings import CLASSES, KINDS
from services.events import Detection, decode, encode

ROW = np.dtype(
    [
        ("t", "<i8"),  # time of the state
        ("born", "<i8"),
        ("hit", "<i8"),  # last detection
        ("x", "<f8", (4,)),
        ("p", "<f8", (4, 4)),
        ("classes", "<f8", (len(CLASSES),)),
        ("llr", "<f8"),
        ("mark", "<i8"),
        ("confirmed", "?"),
        ("own", "?"),
        ("count", "<i8"),
        ("detections", "<i8"),
        ("starter", "<i8"),  # index of the sensor that began it
        ("seen", "<i8", (len(KINDS),)),  # last detection by kind; 0 is never
    ]
)
"""One track's numbers; times in ns UTC, metres, m/s."""

Rows = npt.NDArray[np.void]
Objects = npt.NDArray[np.object_]


Part = tuple[str, str, int, int, int, float]
"""What one sensor gave to a track: name, kind, first and last time, number, best confidence."""


def joined(parts: tuple[Part, ...], item: Detection) -> tuple[Part, ...]:
    """Add a detection to what each sensor gave."""
    for index, (sensor, kind, first, last, number, best) in enumerate(parts):
        if sensor == item.sensor:
            begin, end = min(first, item.at_ns), max(last, item.at_ns)
            more = (sensor, kind, begin, end, number + 1, max(best, item.confidence))
            return (*parts[:index], more, *parts[index + 1 :])
    part = (item.sensor, str(item.kind), item.at_ns, item.at_ns, 1, item.confidence)
    return (*parts, part)


def objects(values: list[Any]) -> Objects:
    """Array of python objects, one per value, whatever the values are."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array


@dataclass(slots=True)
class TrackTable:
    """All tracks, confirmed and not, in order of their beginning.

    Attributes:
        rows: numbers, shape (track,), of ``ROW``.
        ids: first detection's id.
        own: our own unit's id, or None.
        parts: tuple of what each sensor gave, in order of first contribution; see ``joined``.
        last: last detection.
        own_row: row by (mark, unit) of own-force tracks.
        sensor_index: number of each sensor ever seen.
        clutter: detections per second that no confirmed track explained, by sensor number.
        kind: sensor kind by sensor number.
        starts_per_s: rate of new unconfirmed tracks.
        rates_at_ns: time of both rates; 0 before the first bin.
        distrust: until when a unit's reports suppress nothing, by mark number and unit.
        counts: what was left out, by reason.
    """

    rows: Rows = field(default_factory=lambda: np.zeros(0, dtype=ROW))
    ids: Objects = field(default_factory=lambda: objects([]))
    own: Objects = field(default_factory=lambda: objects([]))
    parts: Objects = field(default_factory=lambda: objects([]))
    last: Objects = field(default_factory=lambda: objects([]))
    own_row: dict[tuple[int, str], int] = field(default_factory=dict)
    sensor_index: dict[str, int] = field(default_factory=dict)
    clutter: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    kind: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    starts_per_s: float = 1.0
    rates_at_ns: int = 0
    distrust: dict[tuple[int, str], int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "TrackTable":
        """Copy that shares nothing that changes."""
        return TrackTable(
            self.rows.copy(),
            self.ids.copy(),
            self.own.copy(),
            self.parts.copy(),
            self.last.copy(),
            dict(self.own_row),
            dict(self.sensor_index),
            self.clutter.copy(),
            self.kind.copy(),
            self.starts_per_s,
            self.rates_at_ns,
            dict(self.distrust),
            dict(self.counts),
        )

    def tally(self, reason: str, number: int = 1) -> None:
        """Count what was left out."""
        if number:
            self.counts[reason] = self.counts.get(reason, 0) + number

    def number_of(self, sensor: str, kind: int, clutter_per_s: float) -> int:
        """Number of a sensor; the first time it is given one with the rate to begin with."""
        number = self.sensor_index.get(sensor)
        if number is None:
            number = self.sensor_index[sensor] = len(self.sensor_index)
            self.clutter = np.append(self.clutter, clutter_per_s)
            self.kind = np.append(self.kind, kind)
        return number

    def append(self, rows: Rows, found: Objects, own: list[str | None]) -> None:
        """Begin tracks with their first detections."""
        first = len(self.rows)
        self.rows = np.concatenate((self.rows, rows))
        self.ids = np.concatenate((self.ids, objects([item.id for item in found])))
        self.own = np.concatenate((self.own, objects(list(own))))
        parts = objects([joined((), item) for item in found])
        self.parts = np.concatenate((self.parts, parts))
        self.last = np.concatenate((self.last, found))
        for offset, unit in enumerate(own):
            if unit is not None:
                self.own_row[int(rows["mark"][offset]), unit] = first + offset

    def keep(self, chosen: npt.NDArray[np.bool_]) -> None:
        """Leave out the tracks that are not chosen."""
        self.rows = self.rows[chosen]
        self.ids = self.ids[chosen]
        self.own = self.own[chosen]
        self.parts = self.parts[chosen]
        self.last = self.last[chosen]
        self.own_row = {
            (int(self.rows["mark"][row]), str(self.own[row])): int(row)
            for row in np.flatnonzero(self.rows["own"])
        }

    def to_json(self) -> dict[str, Any]:
        """Write down; floats exactly."""
        return {
            "rows": _text(self.rows),
            "ids": list(self.ids),
            "own": list(self.own),
            "parts": list(self.parts),
            "last": [encode(item).decode() for item in self.last],
            "sensor_index": self.sensor_index,
            "clutter": _text(self.clutter),
            "kind": _text(self.kind),
            "starts_per_s": self.starts_per_s,
            "rates_at_ns": self.rates_at_ns,
            "distrust": [[mark, unit, until] for (mark, unit), until in self.distrust.items()],
            "counts": self.counts,
        }


def from_json(state: dict[str, Any]) -> TrackTable:
    """Read what ``to_json`` wrote.

    Raises:
        SnapshotError: its parts do not fit together.
    """
    rows: Rows = np.frombuffer(base64.b64decode(state["rows"]), dtype=ROW).copy()
    table = TrackTable(
        rows=rows,
        ids=objects(state["ids"]),
        own=objects(state["own"]),
        parts=objects([tuple(map(tuple, parts)) for parts in state["parts"]]),
        last=objects([detection(line) for line in state["last"]]),
        sensor_index=dict(state["sensor_index"]),
        clutter=np.frombuffer(base64.b64decode(state["clutter"]), dtype=np.float64).copy(),
        kind=np.frombuffer(base64.b64decode(state["kind"]), dtype=np.int64).copy(),
        starts_per_s=float(state["starts_per_s"]),
        rates_at_ns=int(state["rates_at_ns"]),
        distrust={(mark, unit): until for mark, unit, until in state["distrust"]},
        counts=dict(state["counts"]),
    )
    if not len(table.ids) == len(table.own) == len(table.parts) == len(table.last) == len(rows):
        raise SnapshotError(
            f"tracker snapshot has {len(rows)} rows and {len(table.ids)} ids: wanted one id each; "
            "start without the snapshot and read the journal"
        )
    table.keep(np.ones(len(rows), dtype=np.bool_))
    return table


def detection(line: str) -> Detection:
    """Read a detection that ``events.encode`` wrote.

    Raises:
        SnapshotError: it is another record.
    """
    record = decode(line)
    if not isinstance(record, Detection):
        raise SnapshotError(
            f"tracker snapshot holds a {record.record}: wanted a detection; "
            "start without the snapshot and read the journal"
        )
    return record


def _text(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
