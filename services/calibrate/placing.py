"""Rows of the log on the ground and on the fibre: route distance, and where to listen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geo.border import Border
from geo.cable import Cable
from geo.calibration import Coil
from geo.crs import to_plane
from geo.errors import GeometryError
from services.calibrate.finding import WRITTEN_S, LeftOut
from services.calibrate.fitting import Point
from services.calibrate.hearing import Listening
from services.calibrate.series import Series
from services.calibrate.taplog import TapRow

_ASIDE_M = 50.0
_CHAINAGE_ASIDE_M = 150.0
"""A place by satellite is at most so far from the route, one by chainage so far, and their own
accuracy: routes run up to tens of metres off the border line (default site)."""

_EACH_TAP_S = 4.0
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A row with its place.

    Attributes:
        row: of the log.
        route_m: route distance.
        channel: where the table before expects it, fractions.
    """

    row: TapRow
    route_m: float
    channel: float


def spots(rows: Sequence[TapRow], cable: Cable, border: Border) -> tuple[list[Spot], list[LeftOut]]:
    """Put rows on a cable's route; those that lie elsewhere are left out."""
    found: list[Spot] = []
    left_out: list[LeftOut] = []
    settings = cable.settings
    for row in rows:
        try:
            if row.lonlat is not None:
                east, north = to_plane(*row.lonlat)
            else:
                east, north = border.point_at(row.chainage_m or 0.0, 0.0)
        except GeometryError as error:
            left_out.append(LeftOut(row, str(error)))
            continue
        route, offset = cable.nearest_route(east, north)
        aside_m, allowed_m = abs(float(offset)), 4.0 * row.accuracy_m
        allowed_m += _CHAINAGE_ASIDE_M if row.lonlat is None else _ASIDE_M
        distance = float(cable.calibration.cable_distance(route))
        channel = (distance - settings.first_channel_m) / settings.channel_spacing_m
        if aside_m > allowed_m:
            why = (
                f"its place is {aside_m:.0f} m from the route of {cable.name}, wanted "
                f"{allowed_m:.0f} m or less; check its place, or name another sensor"
            )
            left_out.append(LeftOut(row, why))
        else:
            found.append(Spot(row, float(route), channel))
    return found, left_out


def listening(spot: Spot, cable: Cable, within_m: float, clock_s: float) -> Listening | None:
    """Make the stretch and span in which to listen for a row; None beyond the cable's channels.

    Args:
        spot: the row.
        cable: with the table before.
        within_m: how far from where that puts it.
        clock_s: how far the crew's watch may be off.
    """
    reach = within_m / cable.settings.channel_spacing_m
    low = max(int(np.floor(spot.channel - reach)), 0)
    high = min(int(np.ceil(spot.channel + reach)) + 1, cable.settings.channel_count)
    if low >= high:
        return None
    spare = round((clock_s + WRITTEN_S) * _NS)
    lasts = round(_EACH_TAP_S * (spot.row.taps + 2) * _NS)
    begin = spot.row.at_ns - spare
    return Listening.over(begin, spot.row.at_ns + spare + lasts, low, high - low)


def point(spot: Spot, series: Series, cable: Cable) -> Point:
    """Bring place and series together."""
    row, spacing = spot.row, cable.settings.channel_spacing_m
    channel, sigma, coil = series.channel, series.sigma, None
    length_m = row.coil_m or 0.0
    if row.what.may_coil and series.ends is not None:
        channel = 0.5 * sum(series.ends)
        length_m = (series.ends[1] - series.ends[0]) * spacing
    middle_m = float(cable.channel_distance(channel))
    if length_m:
        begin_m = round(max(middle_m - 0.5 * length_m, 0.0), 1)
        coil = Coil(begin_m, round(length_m, 1))
        middle_m = begin_m + 0.5 * length_m
    return Point(
        str(row),
        middle_m,
        spot.route_m,
        float(np.hypot(sigma * spacing, row.accuracy_m)),
        coil,
        looked_for_coil=row.what.may_coil,
    )
