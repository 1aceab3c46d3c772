"""Zones in the plane: where traffic is lawful, where works go on; and which one holds a place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.errors import GeometryError

_CIRCLE_QUADRANT = 16  # segments a quadrant: a circle's polygon is within 0.12 % of its radius


@dataclass(frozen=True, slots=True)
class Zone:
    """An area with a meaning.

    Attributes:
        id: its name in the site.
        kind: what it means, such as ``"crossing"`` or ``"works"``.
        shape: its area in the plane.
    """

    id: str
    kind: str
    shape: shapely.Polygon


def circle(east_m: float, north_m: float, radius_m: float) -> shapely.Polygon:
    """Area within a radius of a place in the plane.

    Raises:
        GeometryError: a radius that is not positive.
    """
    if not radius_m > 0.0:
        raise GeometryError(f"radius_m is {radius_m!r}: wanted more than 0 m")
    return shapely.Point(east_m, north_m).buffer(radius_m, quad_segs=_CIRCLE_QUADRANT)


def polygon(vertices_m: ArrayLike, field: str = "polygon") -> shapely.Polygon:
    """Area within a ring of plane vertices, shape (vertex, 2); it closes by itself.

    Raises:
        GeometryError: fewer than three vertices, or a ring that crosses itself.
    """
    ring = np.asarray(vertices_m, dtype=np.float64)
    if ring.ndim != 2 or ring.shape[0] < 3 or ring.shape[1] != 2:
        raise GeometryError(f"{field} has shape {ring.shape}: wanted three vertices or more")
    area = shapely.Polygon(ring)
    if not area.is_valid:
        reason = shapely.is_valid_reason(area)
        raise GeometryError(
            f"{field} is no simple ring ({reason}): wanted one that does not cross itself; "
            "list its corners in order around it"
        )
    return area


class Zones:
    """A set of zones with an index for many places at once; immutable."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        """Index the zones; their order decides where several hold one place."""
        self.zones = tuple(zones)
        self._tree = shapely.STRtree([zone.shape for zone in self.zones])

    def first(self, east_m: ArrayLike, north_m: ArrayLike) -> NDArray[np.int64]:
        """Index of the first zone that holds each place, -1 where none does.

        Args:
            east_m: plane metres, any shape.
            north_m: plane metres, same shape.

        Returns:
            Indices into :attr:`zones`, of that shape.
        """
        points, shape = _points(east_m, north_m)
        found = np.full(points.size, len(self.zones), dtype=np.int64)
        place, zone = self._tree.query(points, predicate="intersects")
        np.minimum.at(found, place, zone)
        return np.where(found == len(self.zones), -1, found).reshape(shape)

    def at(self, east_m: float, north_m: float) -> tuple[Zone, ...]:
        """All zones that hold a place, in their order."""
        points, _ = _points(east_m, north_m)
        _, zone = self._tree.query(points, predicate="intersects")
        return tuple(self.zones[index] for index in sorted(zone.tolist()))


def _points(east_m: ArrayLike, north_m: ArrayLike) -> tuple[NDArray[np.object_], tuple[int, ...]]:
    east, north = np.broadcast_arrays(
        np.asarray(east_m, dtype=np.float64), np.asarray(north_m, dtype=np.float64)
    )
    if not (np.isfinite(east).all() and np.isfinite(north).all()):
        raise GeometryError("(east_m, north_m) holds a value that is not finite: leave it out")
    return np.asarray(shapely.points(east.ravel(), north.ravel()), dtype=object), east.shape
