"""Between WGS84 degrees and the working plane, metres of UTM zone 34N (EPSG:32634).

All geometry is computed in the plane; degrees stand only in files and messages. Lengths that
people know (of the border, of a cable's route) are geodesic, on the WGS84 ellipsoid: the plane is
up to 0.04 % short near its central meridian (21 E) and within 0.1 % over the whole area.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod, Proj, Transformer

from geo.errors import GeometryError

FloatArray = NDArray[np.float64]

PLANE_CRS = "EPSG:32634"
"""UTM zone 34N, 18-24 E: the border's 20.2-22.7 E lie in it."""

WGS84_CRS = "EPSG:4326"

_GEOD = Geod(ellps="WGS84")


@lru_cache(maxsize=1)
def _forward() -> Transformer:
    return Transformer.from_crs(WGS84_CRS, PLANE_CRS, always_xy=True)


@lru_cache(maxsize=1)
def _inverse() -> Transformer:
    return Transformer.from_crs(PLANE_CRS, WGS84_CRS, always_xy=True)


@lru_cache(maxsize=1)
def _projection() -> Proj:
    return Proj(PLANE_CRS)


def _pair(first: ArrayLike, second: ArrayLike, names: str) -> tuple[FloatArray, FloatArray]:
    x = np.asarray(first, dtype=np.float64)
    y = np.asarray(second, dtype=np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise GeometryError(
            f"{names} is ({x.ravel()[:3]}, {y.ravel()[:3]}): wanted finite numbers; "
            "leave out points that are not known"
        )
    try:
        x, y = np.broadcast_arrays(x, y)
    except ValueError as error:
        raise GeometryError(
            f"{names} have shapes {x.shape} and {y.shape}: wanted equal shapes; give one of each"
        ) from error
    return x, y


def to_plane(lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Take WGS84 degrees to the plane.

    Args:
        lon_deg: longitudes, any shape.
        lat_deg: latitudes, of the same shape.

    Returns:
        (east_m, north_m), each of that shape (0-d arrays for two numbers).

    Raises:
        GeometryError: not finite, shapes that do not fit, or not on the globe.
    """
    lon, lat = _pair(lon_deg, lat_deg, "(lon_deg, lat_deg)")
    if (np.abs(lon) > 180.0).any() or (np.abs(lat) > 90.0).any():
        raise GeometryError(
            f"(lon_deg, lat_deg) is ({lon.ravel()[:3]}, {lat.ravel()[:3]}): wanted longitudes in "
            "-180..180 and latitudes in -90..90; check that they are not swapped"
        )
    east, north = _forward().transform(lon, lat)
    return np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)


def to_wgs84(east_m: ArrayLike, north_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Take plane metres to WGS84 degrees; the inverse of :func:`to_plane`.

    Returns:
        (lon_deg, lat_deg), each of the inputs' shape.

    Raises:
        GeometryError: not finite, or shapes that do not fit.
    """
    east, north = _pair(east_m, north_m, "(east_m, north_m)")
    lon, lat = _inverse().transform(east, north)
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def cumulative_length_m(lon_deg: ArrayLike, lat_deg: ArrayLike) -> FloatArray:
    """Geodesic length from a line's first vertex to each of its vertices.

    Args:
        lon_deg: longitudes, shape (vertex,).
        lat_deg: latitudes, shape (vertex,).

    Returns:
        Metres, shape (vertex,), starting at 0.

    Raises:
        GeometryError: fewer than two vertices, or not finite.
    """
    lon, lat = _pair(lon_deg, lat_deg, "(lon_deg, lat_deg)")
    if lon.ndim != 1 or lon.size < 2:
        raise GeometryError(f"line has shape {lon.shape}: wanted two vertices or more in one row")
    _, _, steps = _GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    return np.concatenate(([0.0], np.cumsum(np.asarray(steps, dtype=np.float64))))


def geodesic_length_m(lon_deg: ArrayLike, lat_deg: ArrayLike) -> float:
    """Geodesic length of a whole line in metres; see :func:`cumulative_length_m`."""
    return float(cumulative_length_m(lon_deg, lat_deg)[-1])


def convergence_deg(lon_deg: float, lat_deg: float) -> float:
    """Grid convergence at a point: how far grid north lies clockwise of true north, in degrees.

    Positive east of 21 E; within 1.3 degrees over the area, which is 22 m at 1 km. A bearing in
    the plane is the true bearing minus this.
    """
    return float(_projection().get_factors(lon_deg, lat_deg).meridian_convergence)


def true_to_grid_deg(bearing_deg: float, lon_deg: float, lat_deg: float) -> float:
    """Turn a bearing from true north (as in messages) to one from grid north, in 0..360."""
    return (bearing_deg - convergence_deg(lon_deg, lat_deg)) % 360.0


def grid_to_true_deg(bearing_deg: float, lon_deg: float, lat_deg: float) -> float:
    """Turn a bearing from grid north (as in the plane) to one from true north, in 0..360."""
    return (bearing_deg + convergence_deg(lon_deg, lat_deg)) % 360.0


def scale(lon_deg: float, lat_deg: float) -> float:
    """Plane metres per metre on the ellipsoid at a point (equal in all directions there)."""
    return float(_projection().get_factors(lon_deg, lat_deg).meridional_scale)
