"""Calibration tables: from cable distance to route distance.

Three lengths stay apart, as PRODML keeps them: *cable distance* runs along the fibre and through
its slack coils, *run* is cable distance without the coils, *route distance* is along the surveyed
line in the ground. Taps (at splices, bends, crossings) tie cable distance to route distance;
between taps a monotone cubic (PCHIP) carries over, and a coil, an interval of cable at one place,
is flat.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from geo.crs import FloatArray
from geo.errors import GeometryError

DISTANCE_SIGMA_SHARE = 0.002
"""Growth of sigma with the distance to the nearest tap: 0.2 % (assumed)."""

MAX_STRETCH = 1.02
"""Route metres that a metre of run can cover at most: 1 and the survey's error, assumed."""

_MICROMETRE = 1e-6
_MILLIMETRE = 1e-3


class Tap(NamedTuple):
    """A place where cable distance and route distance were both found."""

    cable_distance_m: float
    route_distance_m: float
    sigma_m: float


class Coil(NamedTuple):
    """Slack: an interval of cable that lies at one place."""

    cable_distance_m: float
    length_m: float


class Calibration:
    """One table, valid for one cable; immutable.

    Attributes:
        taps: in order of cable distance; at least one.
        coils: in order of cable distance.
    """

    def __init__(
        self,
        taps: Sequence[Tap] = (),
        coils: Sequence[Coil] = (),
        distance_sigma_share: float = DISTANCE_SIGMA_SHARE,
    ) -> None:
        """Check the table and prepare the curve.

        Args:
            taps: in order of cable distance; none means that run is route distance, known
                exactly at the interrogator only.
            coils: in order of cable distance.
            distance_sigma_share: growth of sigma with the distance to the nearest tap.

        Raises:
            GeometryError: naming the tap or coil at fault.
        """
        if not (math.isfinite(distance_sigma_share) and distance_sigma_share >= 0.0):
            raise GeometryError(
                f"distance_sigma_share is {distance_sigma_share!r}: wanted 0 or a small share"
            )
        self.taps = tuple(taps) or (Tap(0.0, 0.0, 0.0),)
        self.coils = tuple(coils)
        self._share = distance_sigma_share
        self._check_coils()
        self._coil_start = np.array([c.cable_distance_m for c in self.coils], dtype=np.float64)
        self._coil_length = np.array([c.length_m for c in self.coils], dtype=np.float64)
        before = np.cumsum(self._coil_length) - self._coil_length
        self._coil_run = self._coil_start - before
        self._cable = np.array([tap.cable_distance_m for tap in self.taps])
        self._route = np.array([tap.route_distance_m for tap in self.taps])
        self._sigma = np.array([tap.sigma_m for tap in self.taps])
        self._run = self.run(self._cable)
        self._check_taps()
        self._curve = None
        if len(self.taps) > 1:
            self._curve = PchipInterpolator(self._run, self._route, extrapolate=False)

    def run(self, cable_distance_m: ArrayLike) -> FloatArray:
        """Take the coils out of cable distances; metres, any shape."""
        cable = np.asarray(cable_distance_m, dtype=np.float64)
        into = cable[..., np.newaxis] - self._coil_start
        return np.asarray(cable - np.clip(into, 0.0, self._coil_length).sum(axis=-1))

    def route_distance(self, cable_distance_m: ArrayLike) -> FloatArray:
        """Route distances of cable distances; metres, any shape.

        Beyond the outer taps a metre of run is a metre of route.
        """
        return self._route_of_run(self.run(cable_distance_m))

    def cable_distance(self, route_distance_m: ArrayLike) -> FloatArray:
        """Cable distances of route distances, to centimetres; at a coil its beginning."""
        route = np.asarray(route_distance_m, dtype=np.float64)
        runs, routes = self._inverse
        inside = np.clip(route, routes[0], routes[-1])
        run = np.interp(inside, routes, runs) + (route - inside)
        passed = self._coil_run < (run - _MILLIMETRE)[..., np.newaxis]
        return np.asarray(run + (passed * self._coil_length).sum(axis=-1))

    def sigma_along(self, cable_distance_m: ArrayLike) -> FloatArray:
        """Standard deviation along the route that calibration leaves; metres, any shape.

        The taps' own sigma, carried over linearly, and a share (0.2 % unless set) of the
        distance to the nearest tap, added in squares.
        """
        cable = np.asarray(cable_distance_m, dtype=np.float64)
        after = np.clip(np.searchsorted(self._cable, cable), 0, len(self._cable) - 1)
        before = np.maximum(after - 1, 0)
        gap = np.minimum(np.abs(cable - self._cable[after]), np.abs(cable - self._cable[before]))
        own = np.interp(cable, self._cable, self._sigma)
        return np.asarray(np.hypot(own, self._share * gap))

    def _route_of_run(self, run: FloatArray) -> FloatArray:
        inside = np.clip(run, self._run[0], self._run[-1])
        base = self._route[0] if self._curve is None else self._curve(inside)
        return np.asarray(base + (run - inside), dtype=np.float64)

    @cached_property
    def _inverse(self) -> tuple[FloatArray, FloatArray]:
        """Runs at each metre and tap, and their route distances: straight in between."""
        each_metre = np.arange(self._run[0], self._run[-1], 1.0)
        runs = np.union1d(each_metre, self._run)
        return runs, np.maximum.accumulate(self._route_of_run(runs))

    def _check_coils(self) -> None:
        end = 0.0
        for index, coil in enumerate(self.coils):
            if not (math.isfinite(coil.length_m) and coil.length_m > 0.0):
                wanted = "a length above 0 m"
            elif not coil.cable_distance_m >= end:
                wanted = f"a start at {end:.1f} m or later, where the coil before it ends"
            else:
                end = coil.cable_distance_m + coil.length_m
                continue
            raise GeometryError(
                f"coils[{index}] is {list(coil)}: wanted {wanted}; "
                "list coils in order of cable distance"
            )

    def _check_taps(self) -> None:
        for index, tap in enumerate(self.taps):
            if not all(math.isfinite(value) and value >= 0.0 for value in tap):
                raise GeometryError(
                    f"taps[{index}] is {list(tap)}: wanted finite numbers of 0 m or more"
                )
        runs = self._run.tolist()
        for index, (one, two) in enumerate(pairwise(self.taps), start=1):
            run = runs[index] - runs[index - 1]
            route = two.route_distance_m - one.route_distance_m
            spare = 4.0 * (one.sigma_m + two.sigma_m) + _MICROMETRE
            if run <= 0.0 or route <= 0.0:
                wanted = (
                    "more cable distance (coils left out) and more route distance than the tap "
                    f"before, {list(one)}"
                )
            elif route > MAX_STRETCH * run + spare:
                wanted = (
                    f"at most {MAX_STRETCH * run + spare:.1f} m of route for {run:.1f} m of run"
                )
            else:
                continue
            raise GeometryError(
                f"taps[{index}] is {list(two)}: wanted {wanted}; "
                "measure it again or correct the coils"
            )
