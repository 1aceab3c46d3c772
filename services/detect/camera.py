"""Where on the ground stands what a camera sees, with covariance.

The ground is flat about the camera (there is no terrain raster); its uncertainty is a setting.
Derivatives are those of the formulas, written out and compiled: reports come by the thousand, and
the linear covariance is checked against Monte Carlo.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from services.detect.placing import FloatArray, Ground, along_bearing
from services.events import Covariance


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera in the plane.

    Attributes:
        east_m: its place.
        north_m: its place.
        position_m2: covariance of that, shape (2, 2).
        above_ground_m: height above the ground it looks at.
        ground_sigma_m: how well that ground's height is known.
        yaw_deg: clockwise from grid north.
        pitch_deg: up.
        roll_deg: clockwise as seen from behind.
        yaw_sigma_deg: one sigma, as the following.
        pitch_sigma_deg: of the pitch.
        roll_sigma_deg: of the roll.
        width_px: of the image.
        height_px: of the image.
        focal_length_px: equal in both directions.
        range_m: how far it is of use.
        numbers: all of this but place and range for :func:`_feet`, shape (17,).
    """

    east_m: float
    north_m: float
    position_m2: FloatArray
    above_ground_m: float
    ground_sigma_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    yaw_sigma_deg: float
    pitch_sigma_deg: float
    roll_sigma_deg: float
    width_px: int
    height_px: int
    focal_length_px: float
    range_m: float
    numbers: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out what the kernel takes, once: a camera places many boxes."""
        yaw, pitch, roll = (
            math.radians(one) for one in (self.yaw_deg, self.pitch_deg, self.roll_deg)
        )
        numbers = np.array(
            (
                *(math.sin(yaw), math.cos(yaw), math.sin(pitch), math.cos(pitch)),
                *(math.sin(roll), math.cos(roll)),
                math.radians(self.yaw_sigma_deg),
                math.radians(self.pitch_sigma_deg),
                math.radians(self.roll_sigma_deg),
                0.5 * self.width_px,
                0.5 * self.height_px,
                self.focal_length_px,
                self.above_ground_m,
                self.ground_sigma_m,
                *(self.position_m2[0, 0], self.position_m2[0, 1], self.position_m2[1, 1]),
            )
        )
        object.__setattr__(self, "numbers", numbers)


def place_feet(
    camera: Camera,
    feet_px: Sequence[tuple[float, float]],
    *,
    pixel_sigma_px: float = 1.0,
    trusted_share: float = 0.15,
) -> list[Ground]:
    """Place the feet of what stands in pixels.

    Args:
        camera: where it is and looks.
        feet_px: from the image's left and upper edge, each the foot of a box.
        pixel_sigma_px: how well a foot is known, in both directions.
        trusted_share: where the range's sigma is a larger share of the range, or the range is
            beyond the camera's, or the ray does not come down, only the bearing is used: the
            linear covariance would no longer hold what it says.
    """
    found = _feet(camera.numbers, np.array(feet_px, dtype=np.float64), pixel_sigma_px)
    placed = []
    for east, north, ee, en, nn, range_m, sigma_m, bearing, bearing_sigma in found.tolist():
        if range_m <= camera.range_m and sigma_m <= trusted_share * range_m:
            covariance = Covariance(ee, en, nn)
            placed.append(Ground(camera.east_m + east, camera.north_m + north, covariance, range_m))
        else:
            degrees = math.degrees(bearing), math.degrees(bearing_sigma)
            placed.append(place_bearing(camera, *degrees))
    return placed


def place_bearing(camera: Camera, bearing_deg: float, sigma_deg: float) -> Ground:
    """Stand in for what is known by bearing (from grid north) alone.

    The middle of the camera's range, as a Gaussian with the spread of an even distribution over
    it along the line, and across what the bearing leaves at the far end.
    """
    across = max(camera.range_m * math.radians(sigma_deg), 1.0)
    return along_bearing(
        camera.east_m,
        camera.north_m,
        camera.position_m2,
        bearing_deg,
        0.5 * camera.range_m,
        camera.range_m / math.sqrt(12.0),
        across,
        bearing_only=True,
    )


@njit(cache=True, error_model="numpy")
def _feet(
    camera: FloatArray, feet_px: FloatArray, pixel_sigma_px: float
) -> FloatArray:  # pragma: no cover - compiled
    """Place feet, and say how well.

    Args:
        camera: as in :attr:`Camera.numbers`.
        feet_px: shape (foot, 2).
        pixel_sigma_px: one sigma of each.

    Returns:
        Shape (foot, 9): east and north from the camera, covariance ee, en and nn, range and its
        sigma (infinite where the ray does not come down), bearing from grid north and its sigma
        in radians.
    """
    sin_psi, cos_psi, sin_theta, cos_theta = camera[0], camera[1], camera[2], camera[3]
    sin_phi, cos_phi = camera[4], camera[5]
    yaw, pitch, roll = camera[6], camera[7], camera[8]
    focal, height, ground_sigma = camera[11], camera[12], camera[13]
    # Over the level axis (cos psi, -sin psi, 0), the one above the line of sight, and that line.
    above_x, above_y = -sin_psi * sin_theta, -cos_psi * sin_theta
    forward_x, forward_y = sin_psi * cos_theta, cos_psi * cos_theta
    pixel = pixel_sigma_px / focal
    # What one sigma of yaw, pitch, roll and the pixel's two directions turns the ray by.
    turns = np.empty((5, 3))
    out = np.empty((feet_px.shape[0], 9))
    for foot in range(feet_px.shape[0]):
        across = (feet_px[foot, 0] - camera[9]) / focal
        upward = (camera[10] - feet_px[foot, 1]) / focal
        u = across * cos_phi - upward * sin_phi
        v = across * sin_phi + upward * cos_phi
        x = u * cos_psi + v * above_x + forward_x
        y = -u * sin_psi + v * above_y + forward_y
        z = v * cos_theta + sin_theta
        turns[0] = yaw * y, -yaw * x, 0.0
        turns[1, 0] = pitch * (above_x - v * forward_x)
        turns[1, 1] = pitch * (above_y - v * forward_y)
        turns[1, 2] = pitch * (cos_theta - v * sin_theta)
        turns[2, 0] = roll * (u * above_x - v * cos_psi)
        turns[2, 1] = roll * (u * above_y + v * sin_psi)
        turns[2, 2] = roll * u * cos_theta
        # Both directions are equally uncertain, so they may be taken along the level axis and
        # the one above, whatever the roll.
        turns[3] = pixel * cos_psi, -pixel * sin_psi, 0.0
        turns[4] = pixel * above_x, pixel * above_y, pixel * cos_theta
        # Rays that just miss the ground count as very far.
        steps = 1.0 / max(-z, 1e-6)
        east, north = height * steps * x, height * steps * y
        lift = ground_sigma * steps
        ee = camera[14] + (lift * x) ** 2
        en = camera[15] + lift * x * lift * y
        nn = camera[16] + (lift * y) ** 2
        level2 = max(x * x + y * y, 1e-12)
        turned = 0.0
        for part in range(5):
            turn_x, turn_y, turn_z = turns[part]
            moved_east = height * steps * (turn_x + x * steps * turn_z)
            moved_north = height * steps * (turn_y + y * steps * turn_z)
            ee += moved_east * moved_east
            en += moved_east * moved_north
            nn += moved_north * moved_north
            turned += ((y * turn_x - x * turn_y) / level2) ** 2
        range_m = math.hypot(east, north)
        along = east * east * ee + 2.0 * east * north * en + north * north * nn
        sigma = math.sqrt(along) / max(range_m, 1e-9) if z < 0.0 else np.inf
        out[foot, :6] = east, north, ee, en, nn, range_m
        out[foot, 6:] = sigma, math.atan2(x, y), math.sqrt(turned)
    return out


def compile_kernels() -> None:
    """Compile or load this module's kernel before anything waits for it."""
    _feet(np.ones(17), np.ones((1, 2)), 1.0)
