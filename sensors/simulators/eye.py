"""A lens at a place: who is in its picture, where, how large and turned which way."""

from dataclasses import dataclass

import numpy as np

from geo.site_rows import Lens
from sensors.simulators.figures import CLASSES, size_of
from sensors.simulators.motion import Body, FloatArray
from sensors.simulators.stray import Outline
from sensors.simulators.world import Snapshot

_NEAREST_M = 5.0
"""Who is nearer along the line of sight is not drawn (assumed)."""


@dataclass(frozen=True)
class Look:
    """A body in a camera's picture.

    Attributes:
        outline: (left, top, right, bottom) in pixels, not clipped.
        range_m: from camera to foot.
        turned_rad: the body's heading, clockwise from the line of sight.
        speed_mps: of the body over ground.
        foot_px: its foot, column and row.
        scale_px: pixels a metre.
    """

    body: Body
    outline: Outline
    range_m: float
    turned_rad: float
    speed_mps: float
    foot_px: tuple[float, float]
    scale_px: float


class Eye:
    """A lens at a place that looks somewhere; the ground is flat at its foot.

    Args:
        east_m: its place in the plane.
        north_m: its place in the plane.
        up_m: above the ground.
        lens: what makes directions of pixels.
        yaw_deg: where it looks, clockwise from grid north; pitch up; roll.
    """

    def __init__(
        self,
        east_m: float,
        north_m: float,
        up_m: float,
        lens: Lens,
        yaw_deg: float,
        pitch_deg: float,
        roll_deg: float = 0.0,
    ) -> None:
        """Build its axes: forward, right, up; turned by yaw, then pitch, then roll."""
        self._east, self._north, self.up_m, self.lens = east_m, north_m, up_m, lens
        psi, theta, phi = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
        self._forward = np.array(
            [np.sin(psi) * np.cos(theta), np.cos(psi) * np.cos(theta), np.sin(theta)]
        )
        right = np.array([np.cos(psi), -np.sin(psi), 0.0])
        up = np.cross(right, self._forward)
        self._right = np.cos(phi) * right + np.sin(phi) * up
        self._upward = -np.sin(phi) * right + np.cos(phi) * up

    @property
    def horizon_px(self) -> float:
        """Row of the horizon in the middle column."""
        level = float(self._forward[2] / np.hypot(self._forward[0], self._forward[1]))
        return self.lens.height_px / 2.0 + self.lens.focal_length_px * level

    def rays(self) -> FloatArray:
        """Directions over (east, north, up) of all pixels' middles, shape (row, column, 3)."""
        lens = self.lens
        across = (np.arange(lens.width_px) + 0.5 - lens.width_px / 2.0) / lens.focal_length_px
        up = (lens.height_px / 2.0 - np.arange(lens.height_px) - 0.5) / lens.focal_length_px
        return np.asarray(
            self._forward
            + across[np.newaxis, :, np.newaxis] * self._right
            + up[:, np.newaxis, np.newaxis] * self._upward
        )

    def looks(self, everyone: Snapshot, farthest_m: float) -> list[Look]:
        """Give who is in the picture up to a distance, the nearest last."""
        lens, found = self.lens, []
        away_east, away_north = everyone.east_m - self._east, everyone.north_m - self._north
        distance = np.hypot(away_east, away_north)
        ahead = away_east * self._forward[0] + away_north * self._forward[1]
        # A cone of 26 degrees to each side is wider than any lens that sees a person at a
        # kilometre; near by, everyone in front is looked at.
        may = (distance < farthest_m) & ((ahead > 0.9 * distance) | (distance < 100.0))
        for index in np.flatnonzero(may):
            body = everyone.bodies[index]
            if body.actor_class not in CLASSES:
                continue
            foot = np.array([away_east[index], away_north[index], -self.up_m])
            depth = float(foot @ self._forward)
            if depth < _NEAREST_M:
                continue
            size = size_of(body)
            velocity = everyone.velocity_east_mps[index], everyone.velocity_north_mps[index]
            speed = float(np.hypot(*velocity))
            heading = float(np.arctan2(*velocity)) if speed > 0.01 else 0.0
            turned = heading - float(np.arctan2(away_east[index], away_north[index]))
            scale = lens.focal_length_px / depth
            x = lens.width_px / 2.0 + scale * float(foot @ self._right)
            bottom = lens.height_px / 2.0 - scale * float(foot @ self._upward)
            half = 0.5 * scale * size.across_m(turned)
            outline = (x - half, bottom - scale * size.height_m, x + half, bottom)
            inside = outline[0] < lens.width_px and outline[2] > 0.0
            if inside and outline[1] < lens.height_px and bottom > 0.0:
                range_m = float(np.hypot(distance[index], self.up_m))
                found.append(Look(body, outline, range_m, turned, speed, (x, bottom), scale))
        return sorted(found, key=lambda one: -one.range_m)
