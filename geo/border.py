"""The Romanian-Serbian border line and its labels of chainage.

Chainage is metres along the line from the tripoint near Beba Veche: geodesic, as it is known and
published, and a label for people. It jumps where the line bends (see :meth:`Border.chainage`), so
gate, sort and compute in the plane and put the label on last.

The line runs from north to south and then down the Danube with Romania on its left; offsets are
metres from it, positive on the Romanian side.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import ArrayLike

from geo.crs import FloatArray, cumulative_length_m, to_plane
from geo.errors import GeometryError
from geo.resources import read_geojson

SMOOTHING_M = 250.0
"""Half the window over which the line is averaged before its normal is taken (border notes)."""

_ON_VERTEX_M = 1e-6
_LEAST_WINDOW_M = 0.5


@dataclass(frozen=True, slots=True)
class BorderPart:
    """A named stretch of the line.

    Attributes:
        name: ``"land"`` or ``"danube"``.
        start_m: chainage where it begins.
        end_m: chainage where it ends.
    """

    name: str
    start_m: float
    end_m: float

    @property
    def length_m(self) -> float:
        """Geodesic length."""
        return self.end_m - self.start_m


class Border:
    """A border line in the plane with its chainage.

    Attributes:
        parts: stretches in order of chainage.
        length_m: geodesic length of the whole line.
        line: the line in the plane.
        vertex_chainage_m: chainage of each vertex, shape (vertex,).
    """

    def __init__(self, parts: list[tuple[str, ArrayLike]]) -> None:
        """Build from parts in order of chainage.

        Args:
            parts: (name, vertices of shape (vertex, 2) as longitude, latitude); each part begins
                where the one before it ends.

        Raises:
            GeometryError: a part that is no line, or does not begin where the last one ended.
        """
        degrees: list[FloatArray] = []
        named: list[BorderPart] = []
        start_m = 0.0
        for name, vertices in parts:
            array = np.asarray(vertices, dtype=np.float64)
            if array.ndim != 2 or array.shape[1] != 2:
                raise GeometryError(
                    f"border part {name!r} has shape {array.shape}: wanted (vertex, 2)"
                )
            if degrees and not np.array_equal(degrees[-1][-1], array[0]):
                raise GeometryError(
                    f"border part {name!r} begins at {array[0].tolist()}: wanted it to begin at "
                    f"{degrees[-1][-1].tolist()}, where the part before it ends"
                )
            length_m = float(cumulative_length_m(array[:, 0], array[:, 1])[-1])
            named.append(BorderPart(name, start_m, start_m + length_m))
            start_m += length_m
            degrees.append(array[1:] if degrees else array)
        if not degrees:
            raise GeometryError("border has 0 parts: wanted at least one line")
        vertices_deg = np.concatenate(degrees)
        east, north = to_plane(vertices_deg[:, 0], vertices_deg[:, 1])
        self.parts = tuple(named)
        self.length_m = start_m
        self.vertex_chainage_m = cumulative_length_m(vertices_deg[:, 0], vertices_deg[:, 1])
        self._xy = np.column_stack((east, north))
        self.line = shapely.LineString(self._xy)
        shapely.prepare(self.line)
        step = np.diff(self._xy, axis=0)
        length = np.hypot(step[:, 0], step[:, 1])
        self._plane_m = np.concatenate(([0.0], np.cumsum(length)))
        self._tangent = step / length[:, np.newaxis]
        # Integral of the position over chainage at each vertex: makes the moving mean exact.
        span = np.diff(self.vertex_chainage_m)[:, np.newaxis]
        trapezoid = 0.5 * (self._xy[1:] + self._xy[:-1]) * span
        self._integral = np.concatenate(([[0.0, 0.0]], np.cumsum(trapezoid, axis=0)))

    def chainage(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Label positions with the nearest point of the line.

        The label jumps where two points of the line are equally near: 400 m away from it by
        more than 100 m in about 4 % of 30 m steps along it. Never compute with it.

        Args:
            east_m: plane metres, any shape.
            north_m: plane metres, same shape.

        Returns:
            (chainage_m, offset_m), each of that shape; offset positive on the Romanian side.

        Raises:
            GeometryError: a coordinate that is not finite.
        """
        east, north = np.broadcast_arrays(
            np.asarray(east_m, dtype=np.float64), np.asarray(north_m, dtype=np.float64)
        )
        if not (np.isfinite(east).all() and np.isfinite(north).all()):
            raise GeometryError("(east_m, north_m) holds a value that is not finite: leave it out")
        points = shapely.points(east, north)
        along = np.asarray(shapely.line_locate_point(self.line, points), dtype=np.float64)
        distance = np.asarray(shapely.distance(self.line, points), dtype=np.float64)
        last = len(self._tangent) - 1
        segment = np.clip(np.searchsorted(self._plane_m, along, side="right") - 1, 0, last)
        # At a vertex the side is that of the mean of both segments' directions.
        at_start = np.abs(along - self._plane_m[segment]) < _ON_VERTEX_M
        at_end = np.abs(along - self._plane_m[segment + 1]) < _ON_VERTEX_M
        tangent = (
            self._tangent[segment]
            + np.where(at_start[..., np.newaxis], self._tangent[np.maximum(segment - 1, 0)], 0.0)
            + np.where(at_end[..., np.newaxis], self._tangent[np.minimum(segment + 1, last)], 0.0)
        )
        foot = self._point_on(along)
        cross = tangent[..., 0] * (north - foot[..., 1]) - tangent[..., 1] * (east - foot[..., 0])
        chainage = np.interp(along, self._plane_m, self.vertex_chainage_m)
        return np.asarray(chainage), np.asarray(np.where(cross < 0.0, -distance, distance))

    def point_at(self, chainage_m: ArrayLike, offset_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Place a chainage and offset as scenes and site files mean it.

        The line is averaged over 250 m each way (less towards its ends, which stay where they
        are); from the averaged point the offset goes along the normal of the window's chord.
        Meant for places named once; motion between them is straight in the plane. Measured every
        30 m of the land border, the label of such a place is 0.3 m off its chainage in the
        middle and 77 m at the 99th percentile for 20 m of offset; for 400 m it is 10 m and
        1.2 km, since it jumps. Where the line winds, smoothing cuts its corners: of places at
        20 m one in nine lies on the other side of the true line.

        Args:
            chainage_m: 0 to the line's length, any shape.
            offset_m: positive to the Romanian side, same shape.

        Returns:
            (east_m, north_m), plane metres, of that shape.

        Raises:
            GeometryError: a chainage outside the line, or not finite.
        """
        chainage, offset = np.broadcast_arrays(
            np.asarray(chainage_m, dtype=np.float64), np.asarray(offset_m, dtype=np.float64)
        )
        self._check(chainage)
        if not np.isfinite(offset).all():
            raise GeometryError(f"offset_m is {offset.tolist()!r:.80}: wanted finite metres")
        half = np.minimum(SMOOTHING_M, np.minimum(chainage, self.length_m - chainage))
        at_end = half < _LEAST_WINDOW_M
        half = np.maximum(half, _LEAST_WINDOW_M)
        low = np.clip(chainage - half, 0.0, self.length_m)
        high = np.clip(chainage + half, 0.0, self.length_m)
        middle = (self._integral_at(high) - self._integral_at(low)) / (high - low)[..., np.newaxis]
        middle = np.where(at_end[..., np.newaxis], self._point_at_chainage(chainage), middle)
        chord = self._point_at_chainage(high) - self._point_at_chainage(low)
        chord /= np.hypot(chord[..., 0], chord[..., 1])[..., np.newaxis]
        east = middle[..., 0] - offset * chord[..., 1]
        north = middle[..., 1] + offset * chord[..., 0]
        return np.asarray(east), np.asarray(north)

    def line_between(self, start_m: float, end_m: float) -> FloatArray:
        """Cut the true line out between two chainages, for the map.

        Returns:
            Vertices in the plane, shape (vertex, 2), both ends included.

        Raises:
            GeometryError: an end outside the line, or no length between them.
        """
        self._check(np.array([start_m, end_m]))
        if not start_m < end_m:
            raise GeometryError(f"end_m is {end_m}: wanted more than start_m, {start_m}")
        inside = (self.vertex_chainage_m > start_m) & (self.vertex_chainage_m < end_m)
        ends = self._point_at_chainage(np.array([start_m, end_m]))
        return np.concatenate((ends[:1], self._xy[inside], ends[1:]))

    def _check(self, chainage: FloatArray) -> None:
        if not ((chainage >= 0.0) & (chainage <= self.length_m)).all():
            raise GeometryError(
                f"chainage_m is {chainage.tolist()!r:.80}: wanted 0 to {self.length_m:.1f}; "
                "metres, not kilometres, from the tripoint near Beba Veche"
            )

    def _point_on(self, plane_m: FloatArray) -> FloatArray:
        return _interpolate(plane_m, self._plane_m, self._xy)

    def _point_at_chainage(self, chainage: FloatArray) -> FloatArray:
        return _interpolate(chainage, self.vertex_chainage_m, self._xy)

    def _integral_at(self, chainage: FloatArray) -> FloatArray:
        last = len(self._tangent) - 1
        knots = self.vertex_chainage_m
        segment = np.clip(np.searchsorted(knots, chainage, side="right") - 1, 0, last)
        into = (chainage - knots[segment])[..., np.newaxis]
        here = self._point_at_chainage(chainage)
        return np.asarray(self._integral[segment] + 0.5 * (self._xy[segment] + here) * into)


def _interpolate(at: FloatArray, knots: FloatArray, points: FloatArray) -> FloatArray:
    return np.stack(
        (np.interp(at, knots, points[:, 0]), np.interp(at, knots, points[:, 1])), axis=-1
    )


@lru_cache(maxsize=1)
def shipped_border() -> Border:
    """Build the border from the shipped OpenStreetMap lines: the land part, then the Danube."""
    return Border(
        [
            (name, read_geojson(f"ro_rs_{name}_border.geojson")[0]["geometry"]["coordinates"])
            for name in ("land", "danube")
        ]
    )
