"""The tap log: what a crew writes down in the field, one row a place.

A table as text (CSV). Its first line names the columns; lines that begin with ``#`` and empty ones
are passed over. A sheet saved with semicolons and decimal commas is read as well.
"""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from geo.errors import Fault, TapLogError
from geo.site_rows import to_ns

MAX_ROWS = 1_000
_NEEDED = ("time_utc", "what", "taps", "accuracy_m")
_PLACES = ("chainage_m", "longitude_deg", "latitude_deg")
_OPTIONAL = ("coil_m", "note")
COLUMNS = (*_NEEDED, *_PLACES, *_OPTIONAL)
"""Every column's name."""

_T = TypeVar("_T")


class What(StrEnum):
    """What is at a tapped place."""

    SPLICE = "splice"
    COIL = "coil"
    BEND = "bend"
    CROSSING = "crossing"
    PLAIN = "plain"

    @property
    def may_coil(self) -> bool:
        """Whether slack cable lies there, so that the taps are heard on both sides of it."""
        return self in {What.SPLICE, What.COIL}


@dataclass(frozen=True, slots=True)
class TapRow:
    """One place that was tapped.

    Attributes:
        line: of the log, from 1.
        at_ns: first tap by the crew's watch, ns UTC.
        what: is there.
        taps: how many.
        accuracy_m: standard deviation of the place.
        chainage_m: along the border line; None where it was measured by satellite.
        lonlat: longitude and latitude in degrees, WGS84; None where the chainage is given.
        coil_m: length of the slack cable there, where the crew knows it.
    """

    line: int
    at_ns: int
    what: What
    taps: int
    accuracy_m: float
    chainage_m: float | None = None
    lonlat: tuple[float, float] | None = None
    coil_m: float | None = None

    def __str__(self) -> str:
        """Name it as people find it in the log."""
        return f"line {self.line} ({self.what})"


def parse_log(text: str, name: str) -> tuple[TapRow, ...]:
    """Read a tap log.

    Args:
        text: the log.
        name: what to call it in faults, such as its path.

    Returns:
        Its rows, in order of time.

    Raises:
        TapLogError: naming line, column and value of each fault, and what was wanted.
    """
    lines = [
        (number, line)
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1)
        if line.strip(" ;,\t") and not line.lstrip().startswith("#")
    ]
    if not lines:
        fault = Fault(name, 1, "the log", "empty", "a line that names the columns", "write it")
        raise TapLogError.of([fault])
    separator = ";" if ";" in lines[0][1] else ","
    head = [one.strip().lower() for one in _cells(lines[0][1], separator)]
    faults = _head_faults(head, lines[0][0], name)
    if not faults and len(lines) - 1 > MAX_ROWS:
        wanted = f"{MAX_ROWS} rows or fewer"
        faults = [Fault(name, 1, "the log", f"{len(lines) - 1} rows", wanted, "split it")]
    if faults:
        raise TapLogError.of(faults)
    rows = []
    for number, line in lines[1:]:
        cells = _cells(line, separator)
        reader = _Reader(name, number, separator)
        if len(cells) > len(head):
            wanted = f"{len(head)} cells, one for each column"
            reader.fault("the row", f"{len(cells)} cells", wanted)
        row = reader.row(dict(zip(head, (cell.strip() for cell in cells), strict=False)))
        faults += reader.faults
        if row is not None:
            rows.append(row)
    if not rows and not faults:
        faults = [Fault(name, 1, "the log", "no row", "a row for each place", "write them")]
    if faults:
        raise TapLogError.of(faults)
    return tuple(sorted(rows, key=lambda row: row.at_ns))


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator))


def _head_faults(head: list[str], line: int, name: str) -> list[Fault]:
    faults = []
    for column in head:
        if column not in COLUMNS:
            wanted = f"one of the columns {', '.join(COLUMNS)}"
            faults.append(Fault(name, line, "columns", repr(column), wanted, "correct the name"))
    missing = [column for column in _NEEDED if column not in head]
    if "chainage_m" not in head and not {"longitude_deg", "latitude_deg"} <= set(head):
        missing.append("longitude_deg and latitude_deg, or chainage_m")
    twice = {column for column in head if head.count(column) > 1}
    faults += [
        Fault(name, line, "columns", "missing", f"the column {one}", "add it") for one in missing
    ]
    return faults + [
        Fault(name, line, "columns", repr(one), "each column once", "remove one") for one in twice
    ]


class _Reader:
    """Reads one row and collects what is wrong with it."""

    def __init__(self, name: str, line: int, separator: str) -> None:
        self._name = name
        self._line = line
        self._comma = separator == ";"
        self.faults: list[Fault] = []

    def fault(self, key: str, value: str, wanted: str, do: str = "correct the row") -> None:
        self.faults.append(Fault(self._name, self._line, key, value, wanted, do))

    def row(self, cells: Mapping[str, str]) -> TapRow | None:
        at_ns = self._read(cells, "time_utc", _moment, "a time such as 2026-05-04 09:31:20")
        what = self._read(cells, "what", What, f"one of {', '.join(What)}")
        taps = self._read(cells, "taps", _count, "how many times it was tapped, 2 to 100")
        accuracy = self._number(cells, "accuracy_m", 0.01, 200.0, needed=True)
        coil = self._number(cells, "coil_m", 0.1, 1_000.0)
        chainage = self._number(cells, "chainage_m", 0.0, 1_000_000.0)
        lon = self._number(cells, "longitude_deg", -180.0, 180.0)
        lat = self._number(cells, "latitude_deg", -90.0, 90.0)
        named = [one for one in _PLACES if cells.get(one)]
        if named not in (["chainage_m"], ["longitude_deg", "latitude_deg"]):
            wanted = "either chainage_m, or longitude_deg and latitude_deg"
            self.fault("the place", ", ".join(named) or "missing", wanted)
        if coil is not None and what is not None and not what.may_coil:
            self.fault(
                "coil_m", repr(cells["coil_m"]), "none where what is neither splice nor coil"
            )
        if self.faults or at_ns is None or what is None or taps is None or accuracy is None:
            return None
        lonlat = None if lon is None or lat is None else (lon, lat)
        return TapRow(self._line, at_ns, what, taps, accuracy, chainage, lonlat, coil)

    def _read(
        self, cells: Mapping[str, str], key: str, read: Callable[[str], _T], wanted: str
    ) -> _T | None:
        text = cells.get(key, "")
        if not text:
            self.fault(key, "missing", wanted)
            return None
        try:
            return read(text)
        except ValueError:
            self.fault(key, repr(text), wanted)
            return None

    def _number(
        self,
        cells: Mapping[str, str],
        key: str,
        least: float,
        most: float,
        *,
        needed: bool = False,
    ) -> float | None:
        def read(text: str) -> float:
            value = float(text.replace(",", ".") if self._comma else text)
            if not (math.isfinite(value) and least <= value <= most):
                raise ValueError(text)
            return value

        if not (needed or cells.get(key)):
            return None
        return self._read(cells, key, read, f"a number from {least:g} to {most:g}")


def _moment(text: str) -> int:
    read = datetime.fromisoformat(text)
    return to_ns(read if read.tzinfo is not None else read.replace(tzinfo=UTC))


def _count(text: str) -> int:
    value = int(text)
    if not 2 <= value <= 100:
        raise ValueError(text)
    return value
