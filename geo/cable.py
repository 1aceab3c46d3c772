"""From distance along a fibre to a place on the ground, with covariance, and back."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike

from geo.calibration import Calibration
from geo.crs import FloatArray, cumulative_length_m, to_plane
from geo.errors import GeometryError

SWATH_SIGMA_M = 5.0
"""Sigma across the cable: people are felt up to about 10 m aside (vendors' claim), assumed."""

_LEAST_SIGMA_M = 1.0  # a route is surveyed to about a metre, assumed
_MICROMETRE = 1e-6


class Placed(NamedTuple):
    """Places on the ground: plane metres, and covariances of shape (..., 2, 2)."""

    east_m: FloatArray
    north_m: FloatArray
    covariance_m2: FloatArray


@dataclass(frozen=True, slots=True)
class CableSettings:
    """What is known of a cable apart from its route and calibration.

    Attributes:
        channel_count: channels its interrogator records.
        channel_spacing_m: cable distance from one channel to the next.
        first_channel_m: cable distance of the middle of channel 0.
        swath_sigma_m: sigma across the cable of what it hears.
    """

    channel_count: int
    channel_spacing_m: float = 10.0
    first_channel_m: float = 5.0
    swath_sigma_m: float = SWATH_SIGMA_M


class Cable:
    """One interrogator's cable with the calibration table valid now; immutable.

    Attributes:
        name: the site's name of the cable.
        settings: channels and sigma across.
        calibration: taps and coils.
        line: the route in the plane, from the interrogator outwards.
        route_length_m: its geodesic length.
        length_m: cable distance that the channels cover.
    """

    def __init__(
        self,
        name: str,
        route: ArrayLike,
        settings: CableSettings,
        calibration: Calibration | None = None,
    ) -> None:
        """Check the parts against each other and prepare the geometry.

        Args:
            name: the site's name of the cable.
            route: vertices as longitude, latitude, shape (vertex, 2), interrogator first.
            settings: channels and sigma across.
            calibration: its table; None where nothing was measured yet.

        Raises:
            GeometryError: naming the vertex or tap at fault.
        """
        degrees = np.asarray(route, dtype=np.float64)
        if degrees.ndim != 2 or degrees.shape[0] < 2 or degrees.shape[1] != 2:
            raise GeometryError(
                f"route has shape {degrees.shape}: wanted (vertex, 2) with two vertices or more"
            )
        self._route_knots = cumulative_length_m(degrees[:, 0], degrees[:, 1])
        same = np.flatnonzero(np.diff(self._route_knots) <= 0.0)
        if same.size:
            index = int(same[0]) + 1
            raise GeometryError(
                f"route[{index}] is {degrees[index].tolist()}: wanted a vertex that differs from "
                "the one before it; remove it"
            )
        self.name = name
        self.settings = settings
        self.calibration = calibration or Calibration()
        self.route_length_m = float(self._route_knots[-1])
        self.length_m = settings.channel_count * settings.channel_spacing_m
        self._xy = np.column_stack(to_plane(degrees[:, 0], degrees[:, 1]))
        step = np.diff(self._xy, axis=0)
        length = np.hypot(step[:, 0], step[:, 1])
        self._unit = step / length[:, np.newaxis]
        self._plane_knots = np.concatenate(([0.0], np.cumsum(length)))
        self.line = shapely.LineString(self._xy)
        shapely.prepare(self.line)
        for index, tap in enumerate(self.calibration.taps):
            if tap.route_distance_m > self.route_length_m + 4.0 * tap.sigma_m + _LEAST_SIGMA_M:
                raise GeometryError(
                    f"taps[{index}] is {list(tap)}: wanted a route distance up to "
                    f"{self.route_length_m:.1f} m, the route's end"
                )

    def channel_distance(self, channel: ArrayLike) -> FloatArray:
        """Cable distance of the middle of channels (fractions allowed), metres."""
        spacing = self.settings.channel_spacing_m
        return self.settings.first_channel_m + spacing * np.asarray(channel, dtype=np.float64)

    def route_distance(self, cable_distance_m: ArrayLike) -> FloatArray:
        """Route distance of cable distances, metres; kept within the route's ends."""
        return np.clip(self.calibration.route_distance(cable_distance_m), 0.0, self.route_length_m)

    def place(
        self,
        cable_distance_m: ArrayLike,
        sigma_m: ArrayLike = 0.0,
        swath_sigma_m: ArrayLike | None = None,
    ) -> Placed:
        """Put cable distances on the ground.

        Args:
            cable_distance_m: metres along the fibre, any shape.
            sigma_m: the detection's own standard deviation along the cable, added in squares.
            swath_sigma_m: standard deviation across, where what was heard is known to reach
                further or less far than a person; the cable's setting when None.

        Returns:
            (east_m, north_m, covariance_m2); covariance of shape (..., 2, 2). Its axis along
            follows the route's chord over one sigma each way, and so does its length: at a bend
            the same length of cable spans less ground.

        Raises:
            GeometryError: a distance beyond the cable's ends by more than one channel, or a sigma
                that is negative or not finite.
        """
        distance = np.asarray(cable_distance_m, dtype=np.float64)
        self._check_distance(distance)
        across = np.asarray(
            self.settings.swath_sigma_m if swath_sigma_m is None else swath_sigma_m,
            dtype=np.float64,
        )
        own = np.asarray(sigma_m, dtype=np.float64)
        if not (np.isfinite(own).all() and (own >= 0.0).all()):
            raise GeometryError(f"sigma_m is {own.tolist()!r:.80}: wanted 0 or more metres")
        if not (np.isfinite(across).all() and (across > 0.0).all()):
            raise GeometryError(f"swath_sigma_m is {across.tolist()!r:.80}: wanted more than 0 m")
        route = self.route_distance(distance)
        along = np.hypot(self.calibration.sigma_along(distance), own)
        along = np.maximum(along, _LEAST_SIGMA_M)
        here = self._point(route)
        low = np.maximum(route - along, 0.0)
        high = np.minimum(route + along, self.route_length_m)
        slope = (self._point(high) - self._point(low)) / (high - low)[..., np.newaxis]
        length = np.hypot(slope[..., 0], slope[..., 1])
        # A hairpin's chord can vanish: along stays at least as long as the survey's metre.
        spread = np.maximum(length * along, _LEAST_SIGMA_M)
        tangent = self._tangent(np.interp(route, self._route_knots, self._plane_knots))
        unit = np.where(
            (length > _MICROMETRE)[..., np.newaxis],
            slope / np.maximum(length, _MICROMETRE)[..., np.newaxis],
            tangent,
        )
        normal = np.stack((-unit[..., 1], unit[..., 0]), axis=-1)
        covariance = _outer(unit, spread**2) + _outer(normal, across**2)
        return Placed(np.asarray(here[..., 0]), np.asarray(here[..., 1]), covariance)

    def point_at(
        self, cable_distance_m: ArrayLike, offset_m: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Place a cable distance and an offset from the route, as scenes give it.

        Args:
            cable_distance_m: metres along the fibre, any shape.
            offset_m: metres to the left of the route as seen from the interrogator outwards.

        Returns:
            (east_m, north_m), plane metres; the offset goes along the segment's normal.

        Raises:
            GeometryError: a distance beyond the cable's ends by more than one channel.
        """
        distance = np.asarray(cable_distance_m, dtype=np.float64)
        self._check_distance(distance)
        route = self.route_distance(distance)
        here = self._point(route)
        tangent = self._tangent(np.interp(route, self._route_knots, self._plane_knots))
        offset = np.asarray(offset_m, dtype=np.float64)
        return (
            np.asarray(here[..., 0] - offset * tangent[..., 1]),
            np.asarray(here[..., 1] + offset * tangent[..., 0]),
        )

    def nearest(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Find the cable distance nearest to positions; the inverse of :meth:`place`.

        Args:
            east_m: plane metres, any shape.
            north_m: plane metres, same shape.

        Returns:
            (cable_distance_m, offset_m) of that shape; offset positive to the left as seen from
            the interrogator outwards. At a coil it is the coil's beginning.

        Raises:
            GeometryError: a coordinate that is not finite.
        """
        route, offset = self.nearest_route(east_m, north_m)
        return self.calibration.cable_distance(route), offset

    def nearest_route(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Find the route distance nearest to positions, whatever the calibration says.

        Args:
            east_m: plane metres, any shape.
            north_m: plane metres, same shape.

        Returns:
            (route_distance_m, offset_m) of that shape; offset as in :meth:`nearest`.

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
        route = np.interp(along, self._plane_knots, self._route_knots)
        foot = self._point(route)
        tangent = self._tangent(along)
        cross = tangent[..., 0] * (north - foot[..., 1]) - tangent[..., 1] * (east - foot[..., 0])
        offset = np.asarray(shapely.distance(self.line, points), dtype=np.float64)
        return route, np.asarray(np.where(cross < 0.0, -offset, offset))

    def _point(self, route: FloatArray) -> FloatArray:
        return np.stack(
            (
                np.interp(route, self._route_knots, self._xy[:, 0]),
                np.interp(route, self._route_knots, self._xy[:, 1]),
            ),
            axis=-1,
        )

    def _tangent(self, plane_m: FloatArray) -> FloatArray:
        """Unit direction of the route at plane lengths; at a vertex the mean of both segments."""
        index = np.searchsorted(self._plane_knots, plane_m, side="right") - 1
        index = np.clip(index, 0, len(self._unit) - 1)
        at_start = np.abs(plane_m - self._plane_knots[index]) < _MICROMETRE
        before = np.where(at_start, np.maximum(index - 1, 0), index)
        both = self._unit[index] + self._unit[before]
        length = np.hypot(both[..., 0], both[..., 1])
        flat = (length < _MICROMETRE)[..., np.newaxis]  # the route turns right back
        return np.where(
            flat, self._unit[index], both / np.maximum(length, _MICROMETRE)[..., np.newaxis]
        )

    def _check_distance(self, distance: FloatArray) -> None:
        spare = self.settings.channel_spacing_m
        if not ((distance >= -spare) & (distance <= self.length_m + spare)).all():
            raise GeometryError(
                f"cable_distance_m is {distance.tolist()!r:.80} on cable {self.name!r}: wanted 0 "
                f"to {self.length_m:.0f}; check the channel count and spacing in the site"
            )


def _outer(vectors: FloatArray, weight: FloatArray) -> FloatArray:
    pairs = vectors[..., :, np.newaxis] * vectors[..., np.newaxis, :]
    return np.asarray(pairs * np.asarray(weight)[..., np.newaxis, np.newaxis])
