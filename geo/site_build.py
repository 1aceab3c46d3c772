"""From rows of the site to geometry in the plane."""

from collections.abc import Sequence

from geo.cable import Cable, CableSettings
from geo.calibration import Calibration, Coil, Tap
from geo.crs import to_plane
from geo.errors import GeometryError
from geo.site_rows import CableRow, CalibrationRow, LonLat
from geo.zones import Zone, circle, polygon


def build_cable(row: CableRow, table: CalibrationRow | None) -> Cable:
    """Build a cable's geometry from its rows.

    Raises:
        GeometryError: naming the vertex, tap or coil at fault.
    """
    calibration = None
    if table is not None:
        calibration = Calibration(
            [Tap(*tap) for tap in table.taps],
            [Coil(*coil) for coil in table.coils],
            table.distance_sigma_share,
        )
    settings = CableSettings(
        row.channel_count, row.channel_spacing_m, row.first_channel_m, row.swath_sigma_m
    )
    return Cable(row.id, row.route, settings, calibration)


def build_zone(
    name: str,
    kind: str,
    ring: Sequence[LonLat] | None,
    centre: LonLat | None,
    radius_m: float | None,
) -> Zone:
    """Build a zone in the plane from a ring, or from a centre and radius.

    Raises:
        GeometryError: a ring that crosses itself, or no shape at all.
    """
    if ring is not None:
        lon, lat = zip(*ring, strict=True)
        return Zone(name, kind, polygon(list(zip(*to_plane(lon, lat), strict=True))))
    if centre is None or radius_m is None:
        raise GeometryError(f"zone {name!r} has no shape: wanted polygon, or centre and radius_m")
    east, north = to_plane(*centre)
    return Zone(name, kind, circle(float(east), float(north), radius_m))
