"""From found taps to a calibration table, with residuals and warnings.

Within the tapped stretch the table is new; a coil that was not tapped stays, moved along. Before
it the table is kept, and beyond it moved by what the cable was found to be longer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from geo.cable import Cable
from geo.calibration import MAX_STRETCH, Calibration, Coil, Tap
from geo.errors import CalibrationError, GeometryError

LONGEST_GAP_M = 1_100.0
"""Taps belong each 0.5-1 km; a tenth over is no matter."""

USUAL_SLACK = 0.05
"""Cable is laid up to 3 % longer than its route; what has more has a coil somewhere (assumed)."""

_SAME_COIL_M = 100.0
"""A coil of the table before that lies so near to a tapped one is the same (assumed)."""

_SIGMAS = 4.0
_HAIR_M = 0.01


@dataclass(frozen=True, slots=True)
class Point:
    """A place that was tapped and found.

    Attributes:
        name: its row in the log.
        cable_m: cable distance; of a coil, its middle.
        route_m: route distance.
        sigma_m: of both together, along the route.
        coil: where slack cable begins, and its length; None where there is none.
        looked_for_coil: slack cable was to be heard here: what the table before says is past.
    """

    name: str
    cable_m: float
    route_m: float
    sigma_m: float
    coil: Coil | None = None
    looked_for_coil: bool = False

    @property
    def tap(self) -> Tap:
        """As a row of the table, to the decimetre."""
        return Tap(round(self.cable_m, 1), round(self.route_m, 1), round(self.sigma_m, 1))


@dataclass(frozen=True, slots=True)
class Residual:
    """How far a point is from where the table made without it puts its cable distance.

    Attributes:
        name: of the point.
        cable_m: of it.
        off_m: the table's route distance less the measured one.
        sigma_m: that was to be expected.
        outer: it is the table's first or last point, so that the table had to be drawn out.
    """

    name: str
    cable_m: float
    off_m: float
    sigma_m: float
    outer: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A table.

    Attributes:
        table: new and kept points together.
        points: those that are new.
        residuals: of these, where one could be taken.
        left_out: names of points out of order, and why.
        kept: taps and coils of the table before that stayed, in words; empty where none did.
        warnings: what to look at.
    """

    table: Calibration
    points: tuple[Point, ...]
    residuals: tuple[Residual, ...]
    left_out: tuple[tuple[str, str], ...]
    kept: str
    warnings: tuple[str, ...]


def fit(points: Sequence[Point], before: Cable) -> Fit:
    """Make the table.

    Args:
        points: found taps, in any order.
        before: the cable with the table that applied so far.

    Raises:
        CalibrationError: fewer than two points agree, or no table can be made of them.
    """
    chosen, left_out = _in_order(points)
    if len(chosen) < 2:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out)
        raise CalibrationError(
            f"{len(chosen)} taps can be used: wanted two or more whose order along cable and "
            f"route agree{': ' + why if why else ''}; check log, sensor and times"
        )
    old = before.calibration
    ahead, behind, moved_m, passed = _kept_taps(chosen, old)
    coils, kept_coils, dropped = _coils(chosen, old, moved_m)
    taps = [*ahead, *(one.tap for one in chosen), *behind]
    try:
        table = Calibration(taps, coils)
    except GeometryError as error:
        raise CalibrationError(f"no table can be made of these taps: {error}") from error
    names = {len(ahead) + number: one.name for number, one in enumerate(chosen)}
    residuals = tuple(
        one for index in names if (one := _residual(table, index, names[index])) is not None
    )
    kept = ""
    if ahead or behind or kept_coils:
        kept = (
            f"{len(ahead)} taps before the first new one, {len(behind)} beyond the last, moved by "
            f"{moved_m:+.1f} m of cable, and {kept_coils} coils"
        )
    warnings = (*passed, *dropped, *_gaps(table), *_slack(table, names), *_outliers(residuals))
    return Fit(table, tuple(chosen), residuals, tuple(left_out), kept, warnings)


# --- order


def _in_order(points: Sequence[Point]) -> tuple[list[Point], list[tuple[str, str]]]:
    """The most points whose cable and route distances rise together, and the others with why."""
    chosen = sorted(points, key=lambda one: one.cable_m)
    left_out: list[tuple[str, str]] = []
    while True:
        longest = _longest(chosen)
        if len(longest) == len(chosen):
            return chosen, left_out
        kept = {id(one) for one in longest}
        for index, one in enumerate(chosen):
            if id(one) not in kept:
                left_out.append((one.name, _disorder(one, index, chosen)))
        # Coils of points that fall out fall out too, which changes what the others measure.
        chosen = longest


def _runs(points: Sequence[Point]) -> list[float]:
    coils: list[Coil] = []
    for one in points:
        end = coils[-1].cable_distance_m + coils[-1].length_m if coils else 0.0
        if one.coil is not None and one.coil.cable_distance_m >= end:
            coils.append(one.coil)
    return [float(run) for run in Calibration((), coils).run([one.cable_m for one in points])]


def _agree(one: Point, two: Point, run_m: float) -> bool:
    """Whether the second can follow the first, by so much cable without coils between them."""
    route_m = two.route_m - one.route_m
    spare = _SIGMAS * (one.sigma_m + two.sigma_m)
    apart = (
        one.coil is None
        or two.coil is None
        or (one.coil.cable_distance_m + one.coil.length_m <= two.coil.cable_distance_m)
    )
    return apart and run_m > 0.1 and route_m > 0.1 and route_m <= MAX_STRETCH * run_m + spare


def _longest(points: Sequence[Point]) -> list[Point]:
    """Longest chain in which each point can follow the one before; of equals the surest."""
    runs = _runs(points)
    best: list[tuple[int, float]] = []
    last: list[int] = []
    for index, two in enumerate(points):
        score, previous = (1, -two.sigma_m), -1
        for number in range(index):
            count, surety = best[number]
            through = (count + 1, surety - two.sigma_m)
            if through > score and _agree(points[number], two, runs[index] - runs[number]):
                score, previous = through, number
        best.append(score)
        last.append(previous)
    chain = []
    index = max(range(len(points)), key=best.__getitem__, default=-1)
    while index >= 0:
        chain.append(points[index])
        index = last[index]
    return chain[::-1]


def _disorder(one: Point, index: int, points: Sequence[Point]) -> str:
    beside = [points[n].name for n in (index - 1, index + 1) if 0 <= n < len(points)]
    return (
        f"out of order: heard at {one.cable_m:.0f} m of cable and measured at {one.route_m:.0f} m "
        f"of route, which does not agree with {' and '.join(beside)}; check its place and time"
    )


# --- what is kept of the table before


def _kept_taps(
    points: Sequence[Point], old: Calibration
) -> tuple[list[Tap], list[Tap], float, list[str]]:
    """Taps before and beyond the new ones, how far these are moved, and which did not fit."""
    first, last = points[0], points[-1]
    ahead: list[Tap] = []
    passed: list[str] = []
    begin_m = float(old.run(_begin(first)))
    for tap in (one for one in old.taps if one.route_distance_m < first.route_m):
        run_m = begin_m - float(old.run(tap.cable_distance_m))
        route_m = first.route_m - tap.route_distance_m
        spare = _SIGMAS * (tap.sigma_m + first.sigma_m)
        if route_m / MAX_STRETCH - spare <= run_m <= (1.0 + USUAL_SLACK) * route_m + spare:
            ahead.append(tap)
        else:
            passed.append(
                f"the tap that the table before had at {tap.cable_distance_m:.0f} m is dropped: "
                f"{run_m:.0f} m of cable and {route_m:.0f} m of route to the first new one do not "
                "agree; tap there too"
            )
    beyond_m = float(old.cable_distance(last.route_m + _HAIR_M)) - _HAIR_M
    moved_m = round(_end(last) - beyond_m, 1)
    behind = [
        Tap(
            round(tap.cable_distance_m + moved_m, 1),
            tap.route_distance_m,
            round(math.hypot(tap.sigma_m, last.sigma_m), 1),
        )
        for tap in old.taps
        if tap.route_distance_m > last.route_m + 1.0
    ]
    return ahead, behind, moved_m, passed


def _end(point: Point) -> float:
    """Cable distance at which a point's place is left."""
    if point.coil is None:
        return point.cable_m
    return point.coil.cable_distance_m + point.coil.length_m


def _begin(point: Point) -> float:
    return point.cable_m if point.coil is None else point.coil.cable_distance_m


def _coils(
    points: Sequence[Point], old: Calibration, moved_m: float
) -> tuple[list[Coil], int, list[str]]:
    """All coils in order, how many of them were kept, and what did not fit."""
    kept: list[Coil] = []
    dropped: list[str] = []
    routes = [float(old.route_distance(one.cable_distance_m)) for one in old.coils]
    searched = [one.route_m for one in points if one.looked_for_coil]
    first, last = points[0], points[-1]
    before_m = min(_begin(first), float(old.cable_distance(first.route_m)))
    for coil, route_m in zip(old.coils, routes, strict=True):
        if any(abs(route_m - one) <= _SAME_COIL_M for one in searched):
            continue
        if route_m <= first.route_m:
            if coil.cable_distance_m + coil.length_m <= before_m:
                kept.append(coil)
            else:
                dropped.append(_no_room(coil))
        elif route_m > last.route_m:
            kept.append(Coil(round(coil.cable_distance_m + moved_m, 1), coil.length_m))
    for one, two in pairwise(points):
        inside = [
            (coil, route_m)
            for coil, route_m in zip(old.coils, routes, strict=True)
            if one.route_m < route_m <= two.route_m
            and not any(abs(route_m - place) <= _SAME_COIL_M for place in searched)
        ]
        room_m = _begin(two) - _end(one)
        passed_m = 0.0
        span_m = two.route_m - one.route_m
        for coil, route_m in inside:
            run_m = room_m - sum(each.length_m for each, _ in inside)
            if span_m > MAX_STRETCH * run_m + _SIGMAS * (one.sigma_m + two.sigma_m):
                dropped.append(_no_room(coil))
                continue
            along_m = (route_m - one.route_m) / span_m * run_m
            kept.append(Coil(round(_end(one) + along_m + passed_m, 1), coil.length_m))
            passed_m += coil.length_m
    new = [one.coil for one in points if one.coil is not None]
    return sorted([*new, *kept]), len(kept), dropped


def _no_room(coil: Coil) -> str:
    return (
        f"the coil of {coil.length_m:.0f} m that the table before had at "
        f"{coil.cable_distance_m:.0f} m is dropped: there is not so much cable between the taps; "
        "tap at it"
    )


# --- how good it is


def _residual(table: Calibration, index: int, name: str) -> Residual | None:
    taps = [tap for number, tap in enumerate(table.taps) if number != index]
    try:
        without = Calibration(taps, table.coils)
    except GeometryError:
        return None
    cable_m, route_m, sigma_m = table.taps[index]
    off_m = float(without.route_distance(cable_m)) - route_m
    expected_m = math.hypot(float(without.sigma_along(cable_m)), sigma_m)
    return Residual(name, cable_m, off_m, expected_m, index in {0, len(table.taps) - 1})


def _gaps(table: Calibration) -> list[str]:
    found = []
    for one, two in pairwise(table.taps):
        gap_m = two.cable_distance_m - one.cable_distance_m
        if gap_m > LONGEST_GAP_M:
            middle = 0.5 * (one.cable_distance_m + two.cable_distance_m)
            found.append(
                f"{gap_m:.0f} m of cable without a tap from {one.cable_distance_m:.0f} to "
                f"{two.cable_distance_m:.0f} m: sigma grows to "
                f"{float(table.sigma_along(middle)):.1f} m; tap each 0.5-1 km"
            )
    return found


def _slack(table: Calibration, new: dict[int, str]) -> list[str]:
    found = []
    runs = [float(run) for run in table.run([tap.cable_distance_m for tap in table.taps])]
    for index, (one, two) in enumerate(pairwise(table.taps)):
        run_m, route_m = runs[index + 1] - runs[index], two.route_distance_m - one.route_distance_m
        spare = _SIGMAS * (one.sigma_m + two.sigma_m)
        if run_m > (1.0 + USUAL_SLACK) * route_m + spare and {index, index + 1} & set(new):
            found.append(
                f"{run_m - route_m:.0f} m more cable than ground from {one.cable_distance_m:.0f} "
                f"to {two.cable_distance_m:.0f} m: a coil that nobody tapped?"
            )
    return found


def _outliers(residuals: Sequence[Residual]) -> list[str]:
    return [
        f"{one.name} is {one.off_m:+.1f} m off what its neighbours say, {one.sigma_m:.1f} m were "
        "to be expected: a coil nearby that nobody tapped, or a wrong place; tap again there"
        for one in residuals
        if not one.outer and abs(one.off_m) > _SIGMAS * one.sigma_m
    ]
