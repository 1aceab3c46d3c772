"""``straja calibrate``: a tap log and a recording in, a calibration table with residuals out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo.cable import Cable
from geo.calibration import DISTANCE_SIGMA_SHARE
from geo.errors import CalibrationError, ConfigError, TapLogError
from geo.site import Site
from geo.site_rows import CalibrationRow
from services.calibrate.finding import Candidate, LeftOut, candidates, match
from services.calibrate.fitting import Fit, fit
from services.calibrate.hearing import Listening, listen
from services.calibrate.placing import Spot, listening, point, spots
from services.calibrate.series import Series, series_in
from services.calibrate.taplog import TapRow, parse_log
from services.calibrate.writing import fragment, row_of
from services.events import Command, Received
from services.run.waterfall import fibre_frame

_NS = 1_000_000_000
_GRACE_NS = 30 * _NS
"""A frame may come so long after a later one."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far from where it is expected a tap is looked for.

    Attributes:
        within_m: along the cable, of where the table before puts it.
        clock_s: in time, of what the crew wrote.
    """

    within_m: float = 1_000.0
    clock_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came out.

    Attributes:
        sensor: whose cable was tapped.
        before: the cable with the table that applied so far.
        fit: the new table.
        row: the same as a row of the site.
        rows: how many the log has.
        left_out: rows and points without which it was made, in words.
        clock_s: the recorder's clock less the crew's watch.
        clock_spread_s: how exactly times were written.
        warnings: what to look at.
    """

    sensor: str
    before: Cable
    fit: Fit
    row: CalibrationRow
    rows: int
    left_out: tuple[str, ...]
    clock_s: float
    clock_spread_s: float
    warnings: tuple[str, ...]

    @property
    def rms_m(self) -> float | None:
        """Root mean square of the residuals between taps; None where there are none."""
        inner = [one.off_m for one in self.fit.residuals if not one.outer]
        return (sum(off * off for off in inner) / len(inner)) ** 0.5 if inner else None

    def lines(self) -> list[str]:
        """Say what came out, as comment lines of the table too."""
        moment = self.row.valid_from
        rms = "" if self.rms_m is None else f", {self.rms_m:.1f} m rms"
        watch = "behind" if self.clock_s > 0.0 else "ahead of"
        since = "" if moment is None else f", valid from {moment.isoformat()}"
        points = f"{len(self.fit.points)} of {self.rows} places"
        lines = [
            f"Calibration of {self.row.cable} by tap test, {points}{since}.",
            f"The crew's watch was {abs(self.clock_s):.1f} s {watch} the recorder's clock.",
            f"Times were written to {self.clock_spread_s:.1f} s.",
        ]
        if self.fit.kept:
            lines.append(f"Kept of the table before: {self.fit.kept}.")
        lines.append(f"Residuals by leave-one-out{rms}, route metres, table less measured:")
        for one in self.fit.residuals:
            outer = ", table drawn out" if one.outer else ""
            lines.append(
                f"  {one.name}: {one.off_m:+.1f} m, {one.sigma_m:.1f} m to be expected{outer}"
            )
        lines += self.left_out
        lines += [f"Warning: {one}" for one in self.warnings]
        return lines

    def text(self) -> str:
        """The table as a fragment of a site file, with what came out as comments."""
        return fragment(self.row, self.lines())

    def figures(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "cable": self.row.cable,
            "places": self.rows,
            "points": len(self.fit.points),
            "left_out": list(self.left_out),
            "warnings": list(self.warnings),
            "clock_s": round(self.clock_s, 2),
            "clock_spread_s": round(self.clock_spread_s, 2),
            "rms_m": None if self.rms_m is None else round(self.rms_m, 2),
            "residuals": [
                {
                    "name": one.name,
                    "cable_m": one.cable_m,
                    "off_m": round(one.off_m, 2),
                    "sigma_m": round(one.sigma_m, 2),
                    "outer": one.outer,
                }
                for one in self.fit.residuals
            ],
        }


def read_log(path: Path) -> tuple[TapRow, ...]:
    """Read a tap log file.

    Raises:
        TapLogError: with its faults, or where it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TapLogError(f"{path}: wanted a readable tap log in UTF-8 ({error})") from error
    return parse_log(text, str(path))


def calibrate(
    rows: Sequence[TapRow],
    items: Iterable[Received | Command],
    timeline: Site,
    sensor: str,
    *,
    search: Search | None = None,
    valid_from: datetime | None = None,
) -> Calibrated:
    """Make a table.

    Args:
        rows: of the log.
        items: of the recording, in the order received.
        timeline: the site with all its rows; the one at the log's begin says which table applied.
        sensor: a fibre sensor of it.
        search: how far taps are looked for.
        valid_from: when the table begins to hold; the log's first second when None.

    Raises:
        ConfigError: the sensor is no fibre of the site.
        CalibrationError: no table can be made, or the frames do not fit the site.
    """
    search = search or Search()
    site = timeline.at(rows[0].at_ns)
    cable = _cable(site, sensor)
    placed, left_out = spots(rows, cable, site.border)
    heard: dict[int, list[Candidate]] = {}
    silent: list[LeftOut] = []
    for index, heard_share, found in _hear(items, placed, cable, sensor, search):
        spot = placed[index]
        if heard_share == 0.0:
            silent.append(LeftOut(spot.row, f"no frames of {sensor} at its time and place"))
            continue
        reach = search.within_m / cable.settings.channel_spacing_m
        heard[index] = candidates(spot.row, found, spot.channel, reach)
    known = sorted(heard)
    matched = match([placed[index].row for index in known], [heard[index] for index in known])
    by_line = {spot.row.line: spot for spot in placed}
    points = [point(by_line[row.line], series, cable) for row, series in matched.pairs]
    words = [str(one) for one in (*left_out, *silent, *matched.left_out)]
    try:
        made = fit(points, cable)
    except CalibrationError as error:
        raise CalibrationError("\n".join([str(error), *words])) from error
    words += [f"{name} is left out: {why}" for name, why in made.left_out]
    begins = valid_from or datetime.fromtimestamp(rows[0].at_ns // _NS, UTC)
    share = next(
        (one.distance_sigma_share for one in site.calibrations if one.cable == cable.name),
        DISTANCE_SIGMA_SHARE,
    )
    return Calibrated(
        sensor=sensor,
        before=cable,
        fit=made,
        row=row_of(made, cable.name, share, begins, timeline),
        rows=len(rows),
        left_out=tuple(words),
        clock_s=matched.clock_s,
        clock_spread_s=matched.clock_spread_s,
        warnings=(*matched.notes, *made.warnings),
    )


def _cable(site: Site, sensor: str) -> Cable:
    fibres = {row.id: row.cable for row in site.sensors if row.kind == "fibre"}
    name = fibres.get(sensor)
    if name is None:
        raise ConfigError(
            f"--sensor is {sensor!r}: wanted a fibre sensor of the site {site.name!r} at the "
            f"log's time ({', '.join(fibres) or 'there is none'})"
        )
    return site.cable(name)


def _hear(
    items: Iterable[Received | Command],
    placed: Sequence[Spot],
    cable: Cable,
    sensor: str,
    search: Search,
) -> Iterator[tuple[int, float, list[Series]]]:
    """For each row: its number, the share of its time that was heard, and the series in it."""
    waiting: dict[int, Listening] = {}
    for index, spot in enumerate(placed):
        one = listening(spot, cable, search.within_m, search.clock_s)
        if one is None:
            yield index, 0.0, []
        else:
            waiting[index] = one
    for item in items:
        read = fibre_frame(item, lambda name: name == sensor)
        if read is None:
            continue
        frame = read[1]
        if abs(frame.channel_spacing_m - cable.settings.channel_spacing_m) > 1e-3:
            raise CalibrationError(
                f"channel_spacing_m of {sensor} is {frame.channel_spacing_m:g}: the site says "
                f"{cable.settings.channel_spacing_m:g}; correct the site's cable {cable.name}"
            )
        listen(frame, list(waiting.values()))
        over = frame.measured_at_ns - _GRACE_NS
        for index in [n for n, one in waiting.items() if one.end_ns < over]:
            one = waiting.pop(index)
            yield index, one.heard_share, series_in(one)
        if not waiting:
            return
    for index, one in waiting.items():
        yield index, one.heard_share, series_in(one)
