"""Where what moves was at a time, from its poses."""

from bisect import insort
from dataclasses import dataclass

import numpy as np

from geo.crs import convergence_deg
from sensors.messages import Pose
from services.detect.placing import FloatArray, plane_position

_NS = 1_000_000_000

KEPT = 64
"""Poses kept of each platform: half a minute at 2 Hz, more than any report is late."""


@dataclass(frozen=True, slots=True, order=True)
class PoseAt:
    """A pose in the plane; ``heading_deg`` from grid north, None where it was not stated."""

    at_ns: int
    east_m: float
    north_m: float
    ee: float
    en: float
    nn: float
    heading_deg: float | None
    heading_sigma_deg: float

    @property
    def covariance_m2(self) -> FloatArray:
        """Of the position, shape (2, 2)."""
        return np.array([[self.ee, self.en], [self.en, self.nn]])


def pose_at(pose: Pose, at_ns: int, unstated_sigma_deg: float) -> PoseAt:
    """Take a message's pose to the plane."""
    east, north, covariance = plane_position(pose.position)
    heading = pose.heading_deg
    if heading is not None:
        place = pose.position
        heading = (heading - convergence_deg(place.longitude_deg, place.latitude_deg)) % 360.0
    (ee, en), (_, nn) = covariance.tolist()
    sigma = pose.heading_sigma_deg or unstated_sigma_deg
    return PoseAt(at_ns, east, north, ee, en, nn, heading, sigma)


class Poses:
    """The last poses of one platform."""

    def __init__(self, kept: list[PoseAt] | None = None) -> None:
        """Start with poses in order of time, or none."""
        self.kept: list[PoseAt] = kept or []

    def add(self, pose: PoseAt) -> None:
        """Keep a pose, also one that came late."""
        if all(one.at_ns != pose.at_ns for one in self.kept):
            insort(self.kept, pose, key=lambda one: one.at_ns)
            del self.kept[:-KEPT]

    def at(self, at_ns: int, limit_s: float) -> PoseAt | None:
        """Where it was at a time.

        Between two poses on the straight way; after the last one carried on with the last motion
        and a growing covariance.

        Returns:
            None where no pose lies within ``limit_s``: nothing may be placed by it.
        """
        later = next((one for one in self.kept if one.at_ns >= at_ns), None)
        earlier = next((one for one in reversed(self.kept) if one.at_ns <= at_ns), None)
        limit_ns = limit_s * _NS
        if earlier is not None and later is not None:
            near = min(at_ns - earlier.at_ns, later.at_ns - at_ns)
            if near > limit_ns:
                return None
            span = later.at_ns - earlier.at_ns
            return _between(earlier, later, (at_ns - earlier.at_ns) / span if span else 0.0, at_ns)
        one = earlier or later
        if one is None or abs(at_ns - one.at_ns) > limit_ns:
            return None
        if earlier is None or len(self.kept) < 2:
            return _moved(one, 0.0, 0.0, abs(at_ns - one.at_ns) / _NS, at_ns, 15.0)
        before = self.kept[-2]
        step_s = (one.at_ns - before.at_ns) / _NS
        if step_s > 2.0 * limit_s:
            return _moved(one, 0.0, 0.0, (at_ns - one.at_ns) / _NS, at_ns, 15.0)
        east, north = (one.east_m - before.east_m) / step_s, (one.north_m - before.north_m) / step_s
        return _moved(one, east, north, (at_ns - one.at_ns) / _NS, at_ns, 2.0)


def _between(a: PoseAt, b: PoseAt, share: float, at_ns: int) -> PoseAt:
    heading = a.heading_deg if a.heading_deg is not None else b.heading_deg
    if a.heading_deg is not None and b.heading_deg is not None:
        turn = (b.heading_deg - a.heading_deg + 180.0) % 360.0 - 180.0
        heading = (a.heading_deg + share * turn) % 360.0
    return PoseAt(
        at_ns,
        a.east_m + share * (b.east_m - a.east_m),
        a.north_m + share * (b.north_m - a.north_m),
        max(a.ee, b.ee),
        a.en if share < 0.5 else b.en,
        max(a.nn, b.nn),
        heading,
        max(a.heading_sigma_deg, b.heading_sigma_deg),
    )


def _moved(
    one: PoseAt, east_mps: float, north_mps: float, later_s: float, at_ns: int, sigma_mps: float
) -> PoseAt:
    """Carry a pose on; ``sigma_mps`` is how far its motion may have changed (assumed)."""
    grown = (sigma_mps * later_s) ** 2
    return PoseAt(
        at_ns,
        one.east_m + east_mps * later_s,
        one.north_m + north_mps * later_s,
        one.ee + grown,
        one.en,
        one.nn + grown,
        one.heading_deg,
        one.heading_sigma_deg + 5.0 * later_s,
    )
