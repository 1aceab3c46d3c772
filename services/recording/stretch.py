"""Which sensors belong to a stretch of the border line, by the site."""

import math

import shapely

from geo.errors import ConfigError
from geo.site import Site
from sensors.topics import SensorKind

_STEP_M = 50.0
"""Along a cable; shorter stretches than this may miss one that crosses them."""
_MOVING = frozenset({SensorKind.VEHICLE, SensorKind.AERIAL, SensorKind.BOAT, SensorKind.PATROL})


def sensors_between(
    site: Site, since_ns: int, to_ns: int, from_chainage_m: float, to_chainage_m: float
) -> set[str]:
    """Names of the sensors whose place or cable lies in a stretch at some time of those given.

    What moves may have been there wherever it is stationed, so all of it belongs to any stretch.

    Args:
        site: all its rows.
        since_ns: first time.
        to_ns: last time.
        from_chainage_m: where the stretch begins, metres along the border line.
        to_chainage_m: where it ends.

    Raises:
        ConfigError: where the stretch cannot be.
    """
    length_m = site.border.length_m
    for option, value in (("from", from_chainage_m), ("to", to_chainage_m)):
        if not (math.isfinite(value) and 0.0 <= value <= length_m):
            raise ConfigError(
                f"--{option}-chainage is {value:g}: wanted metres along the border line, "
                f"0 to {length_m:.0f}"
            )
    if to_chainage_m <= from_chainage_m:
        raise ConfigError(
            f"--to-chainage is {to_chainage_m:g}: wanted more than --from-chainage, "
            f"{from_chainage_m:g}"
        )
    times = (since_ns, *(at_ns for at_ns in site.changes_ns if since_ns < at_ns <= to_ns))
    return {name for at_ns in times for name in _at(site.at(at_ns), from_chainage_m, to_chainage_m)}


def _at(site: Site, from_chainage_m: float, to_chainage_m: float) -> list[str]:
    found = []
    for row in site.sensors:
        if row.kind in _MOVING:
            found.append(row.id)
            continue
        if row.cable is not None:
            line = shapely.segmentize(site.cable(row.cable).line, _STEP_M)
            east_m, north_m = shapely.get_coordinates(line).T
        elif (place := site.sensor_place(row.id)) is not None:
            east_m, north_m = place
        else:
            continue
        chainage_m, _ = site.border.chainage(east_m, north_m)
        if ((chainage_m >= from_chainage_m) & (chainage_m <= to_chainage_m)).any():
            found.append(row.id)
    return found
