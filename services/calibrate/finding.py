"""Which series of blows belongs to which row of the log, and how the crew's watch was off.

The watch is off by one amount for the whole log: the one by which most rows find a series of
about their number of taps. Then each row takes the series at its time; a row without one, or with
two, is left out and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.calibrate.series import Series
from services.calibrate.taplog import TapRow

WRITTEN_S = 10.0
"""A time in the log is right to this, apart from what the watch is off."""

_NS = 1_000_000_000
_RIVAL = 0.5
"""Another series whose fit is this share of the best's or more leaves it open which it is."""

_FAINT = 0.1
"""A series weaker than this share of the row's strongest is somebody's steps beside the taps."""

_WIDE_SIGMA = 0.5
"""Scatter of the taps about their place, in channels, above which it is told."""

_DEAF_CHANNELS = 4
"""Badly coupled channels side by side that break no plain tap into two (50 m, simulated)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A series that may be a row's.

    Attributes:
        series: the blows.
        fit: 0 to 1, by the number of taps and the distance from where the table before says.
    """

    series: Series
    fit: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that the table is made without, and why."""

    row: TapRow
    why: str

    def __str__(self) -> str:
        """Say it in one sentence."""
        return f"{self.row} is left out: {self.why}"


@dataclass(frozen=True, slots=True)
class Found:
    """Rows with their series.

    Attributes:
        pairs: in order of the log.
        left_out: rows without one.
        clock_s: the recorder's clock less the crew's watch.
        clock_spread_s: standard deviation of that over the rows; how exactly times were written.
        notes: what else is to be said of a row.
    """

    pairs: tuple[tuple[TapRow, Series], ...]
    left_out: tuple[LeftOut, ...]
    clock_s: float
    clock_spread_s: float
    notes: tuple[str, ...]


def candidates(
    row: TapRow, heard: Sequence[Series], expected: float, within: float
) -> list[Candidate]:
    """Weigh the series that a row's stretch and span hold.

    Args:
        row: of the log.
        heard: series of its stretch.
        expected: channel where the table before puts the place.
        within: channels that it may be off.
    """
    found = []
    for one in heard:
        count = min(one.taps, row.taps) / max(one.taps, row.taps)
        off = min(abs(one.channel - expected) / within, 1.0)
        if count >= 0.5:
            found.append(Candidate(one, count * (1.0 - 0.5 * off)))
    return found


def match(rows: Sequence[TapRow], heard: Sequence[Sequence[Candidate]]) -> Found:
    """Give each row its series.

    Args:
        rows: of the log.
        heard: candidates of each row.
    """
    clock_s, spread_s = _clock(rows, heard)
    pairs: list[tuple[TapRow, Series]] = []
    left_out: list[LeftOut] = []
    notes: list[str] = []
    for row, mine in zip(rows, heard, strict=True):
        near = [one for one in mine if abs(_late_s(row, one) - clock_s) <= WRITTEN_S]
        strongest = max((one.series.strength for one in near), default=0.0)
        near = [one for one in near if one.series.strength >= _FAINT * strongest]
        near.sort(key=lambda one: -one.fit)
        why = _why_not(row, near, pairs)
        if why is not None:
            left_out.append(LeftOut(row, why))
            continue
        series = near[0].series
        pairs.append((row, series))
        if series.taps != row.taps:
            notes.append(f"{row}: {series.taps} taps were heard of {row.taps}")
        if row.what.may_coil and row.coil_m is None and series.ends is None:
            notes.append(f"{row}: no slack cable of two channels or more was heard there")
        if series.sigma > _WIDE_SIGMA:
            notes.append(
                f"{row}: its taps scatter by {series.sigma:.2f} channels, wanted {_WIDE_SIGMA:g} "
                "or less: tap again, nearer to the cable"
            )
    return Found(tuple(pairs), tuple(left_out), clock_s, spread_s, tuple(notes))


def _late_s(row: TapRow, one: Candidate) -> float:
    return (one.series.begin_ns - row.at_ns) / _NS


def _clock(rows: Sequence[TapRow], heard: Sequence[Sequence[Candidate]]) -> tuple[float, float]:
    """Amount that fits most rows, and its scatter; 0 where no row has a candidate."""
    weighed = [
        (index, _late_s(row, one), one.fit)
        for index, (row, mine) in enumerate(zip(rows, heard, strict=True))
        for one in mine
    ]
    if not weighed:
        return 0.0, 0.0
    number, late, fit = (np.array(column) for column in zip(*weighed, strict=True))
    best, taken = -1.0, np.zeros(late.shape, dtype=bool)
    for about in np.unique(late):
        near = np.abs(late - about) <= 0.5 * WRITTEN_S
        by_row = np.zeros(len(rows))
        np.maximum.at(by_row, number[near], fit[near])
        total = float(by_row.sum()) - 1e-6 * abs(float(about))
        if total > best:
            best, taken = total, near & (fit >= by_row[number])
    return float(np.median(late[taken])), float(np.std(late[taken]))


def _why_not(
    row: TapRow, near: Sequence[Candidate], pairs: Sequence[tuple[TapRow, Series]]
) -> str | None:
    """Why no series can be taken for a row; None where the first can."""
    if not near:
        return (
            f"not found: no series of about {row.taps} taps at its time; "
            "tap harder, nearer to the cable, or correct its time"
        )
    series = near[0].series
    for other in near[1:]:
        if other.fit >= _RIVAL * near[0].fit:
            return (
                f"found twice: at channel {series.channel:.1f} and at {other.series.channel:.1f}; "
                "tap again when nobody else is at work there"
            )
    for taken, one in pairs:
        if abs(one.begin_ns - series.begin_ns) < _NS and abs(one.channel - series.channel) < 3.0:
            return f"its taps are those of {taken}: correct one of their times"
    if series.ends is not None and not row.what.may_coil:
        before, after = series.ends
        if after - before > _DEAF_CHANNELS:
            return (
                f"heard on both sides of channels {before:.0f} to {after:.0f}, as at a coil: "
                "write coil or splice where slack cable lies"
            )
    return None
