"""Where on the ground something was seen: from pixels, from range and azimuth; with covariance.

Angles in messages are from true north, the plane's from grid north; the difference is up to 1.3
degrees here, 22 m at 1 km, and is taken off once, where a camera or platform enters the plane.
The ground is flat about the camera (there is no terrain raster); its uncertainty is a setting.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from geo.crs import convergence_deg, to_plane
from geo.uncertainty import isotropic, rotate
from sensors.messages import Position
from services.events import Covariance

FloatArray = npt.NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class Ground:
    """A place on the ground.

    Attributes:
        east_m: plane metres.
        north_m: plane metres.
        covariance: of the place.
        range_m: from the sensor.
        bearing_only: range and covariance along the line are stand-ins.
    """

    east_m: float
    north_m: float
    covariance: Covariance
    range_m: float
    bearing_only: bool = False

    @property
    def covariance_m2(self) -> FloatArray:
        """Of the place, shape (2, 2)."""
        spread = self.covariance
        return np.array(((spread.ee, spread.en), (spread.en, spread.nn)))


def plane_position(position: Position) -> tuple[float, float, FloatArray]:
    """Take a message's position to the plane: (east_m, north_m, covariance of shape (2, 2))."""
    east, north = to_plane(position.longitude_deg, position.latitude_deg)
    if position.covariance_m2 is not None:
        turned = rotate(
            np.array(position.covariance_m2).reshape(2, 2),
            -convergence_deg(position.longitude_deg, position.latitude_deg),
        )
    else:
        turned = isotropic(position.accuracy_m or 1.0)
    return float(east), float(north), turned


def place_pixel(
    camera: Camera,
    x_px: float,
    y_px: float,
    *,
    pixel_sigma_px: float = 1.0,
    trusted_share: float = 0.15,
) -> Ground:
    """Place the foot of what stands in a pixel.

    The covariance is carried on linearly; the derivatives are those of the formulas, written out
    over plain numbers, since a report has one or two boxes and reports come by the thousand.

    Args:
        camera: where it is and looks.
        x_px: from the image's left edge.
        y_px: from its upper edge, the foot of the box.
        pixel_sigma_px: how well the foot is known, in both directions.
        trusted_share: where the range's sigma is a larger share of the range, or the range is
            beyond the camera's, or the ray does not come down, only the bearing is used: the
            linear covariance would no longer hold what it says.
    """
    ray, turns = _ray(camera, x_px, y_px, pixel_sigma_px)
    x, y, z = ray
    if z < 0.0:
        # Rays that just miss the ground count as very far.
        steps = 1.0 / max(-z, 1e-6)
        height = camera.above_ground_m
        east, north = height * steps * x, height * steps * y
        range_m = math.hypot(east, north)
        lift = camera.ground_sigma_m * steps
        (ee, en), (_, nn) = camera.position_m2.tolist()
        ee += (lift * x) ** 2
        en += lift * x * lift * y
        nn += (lift * y) ** 2
        for turn_x, turn_y, turn_z in turns:
            moved_east = height * steps * (turn_x + x * steps * turn_z)
            moved_north = height * steps * (turn_y + y * steps * turn_z)
            ee += moved_east * moved_east
            en += moved_east * moved_north
            nn += moved_north * moved_north
        along = east * east * ee + 2.0 * east * north * en + north * north * nn
        sigma = math.sqrt(along) / max(range_m, 1e-9)
        if range_m <= camera.range_m and sigma <= trusted_share * range_m:
            return Ground(
                camera.east_m + east, camera.north_m + north, Covariance(ee, en, nn), range_m
            )
    level2 = max(x * x + y * y, 1e-12)
    variance = sum(((y * turn_x - x * turn_y) / level2) ** 2 for turn_x, turn_y, _ in turns)
    bearing_deg = math.degrees(math.atan2(x, y))
    return place_bearing(camera, bearing_deg, math.degrees(math.sqrt(variance)))


def place_bearing(camera: Camera, bearing_deg: float, sigma_deg: float) -> Ground:
    """Stand in for what is known by bearing (from grid north) alone.

    The middle of the camera's range, as a Gaussian with the spread of an even distribution over
    it along the line, and across what the bearing leaves at the far end.
    """
    across = max(camera.range_m * math.radians(sigma_deg), 1.0)
    return _along(
        camera.east_m,
        camera.north_m,
        camera.position_m2,
        bearing_deg,
        0.5 * camera.range_m,
        camera.range_m / math.sqrt(12.0),
        across,
        bearing_only=True,
    )


def place_plot(
    east_m: float,
    north_m: float,
    position_m2: FloatArray,
    bearing_deg: float,
    range_m: float,
    range_sigma_m: float,
    bearing_sigma_deg: float,
) -> Ground:
    """Place a radar's find.

    Args:
        east_m: of the radar.
        north_m: of the radar.
        position_m2: covariance of that, shape (2, 2).
        bearing_deg: of the find, clockwise from grid north (heading and azimuth added).
        range_m: along the ground.
        range_sigma_m: of that.
        bearing_sigma_deg: of the bearing, heading's and azimuth's together.
    """
    across = max(range_m * math.radians(bearing_sigma_deg), 0.1)
    return _along(east_m, north_m, position_m2, bearing_deg, range_m, range_sigma_m, across)


def _along(
    east_m: float,
    north_m: float,
    position_m2: FloatArray,
    bearing_deg: float,
    range_m: float,
    along_m: float,
    across_m: float,
    *,
    bearing_only: bool = False,
) -> Ground:
    """Go a range along a bearing; sigmas along and across it are added to the start's."""
    angle = math.radians(bearing_deg)
    x, y = math.sin(angle), math.cos(angle)
    (ee, en), (_, nn) = position_m2.tolist()
    along2, across2 = along_m * along_m, across_m * across_m
    return Ground(
        east_m + range_m * x,
        north_m + range_m * y,
        Covariance(
            ee + along2 * x * x + across2 * y * y,
            en + (along2 - across2) * x * y,
            nn + along2 * y * y + across2 * x * x,
        ),
        range_m,
        bearing_only,
    )


_Vector = tuple[float, float, float]


@lru_cache(maxsize=1_024)
def _axes(
    yaw_deg: float, pitch_deg: float, roll_deg: float
) -> tuple[float, float, float, float, float, float]:
    """Sines and cosines of a camera's three angles, which it keeps for all its boxes."""
    psi, theta, phi = math.radians(yaw_deg), math.radians(pitch_deg), math.radians(roll_deg)
    return (
        math.sin(psi), math.cos(psi), math.sin(theta), math.cos(theta), math.sin(phi), math.cos(phi)
    )  # fmt: skip


def _ray(
    camera: Camera, x_px: float, y_px: float, pixel_sigma_px: float
) -> tuple[_Vector, tuple[_Vector, ...]]:
    """Ray through a pixel over (east, north, up), and what one sigma of each part turns it by.

    The parts are yaw, pitch, roll and the pixel's two directions.
    """
    sin_psi, cos_psi, sin_theta, cos_theta, sin_phi, cos_phi = _axes(
        camera.yaw_deg, camera.pitch_deg, camera.roll_deg
    )
    focal = camera.focal_length_px
    across = (x_px - 0.5 * camera.width_px) / focal
    upward = (0.5 * camera.height_px - y_px) / focal
    # Over the level axis (cos psi, -sin psi, 0), the one above the line of sight, and that line.
    u = across * cos_phi - upward * sin_phi
    v = across * sin_phi + upward * cos_phi
    above_x, above_y = -sin_psi * sin_theta, -cos_psi * sin_theta
    forward_x, forward_y = sin_psi * cos_theta, cos_psi * cos_theta
    x = u * cos_psi + v * above_x + forward_x
    y = -u * sin_psi + v * above_y + forward_y
    z = v * cos_theta + sin_theta
    yaw = math.radians(camera.yaw_sigma_deg)
    pitch = math.radians(camera.pitch_sigma_deg)
    roll = math.radians(camera.roll_sigma_deg)
    pixel = pixel_sigma_px / focal
    return (x, y, z), (
        (yaw * y, -yaw * x, 0.0),
        (
            pitch * (above_x - v * forward_x),
            pitch * (above_y - v * forward_y),
            pitch * (cos_theta - v * sin_theta),
        ),
        (
            roll * (u * above_x - v * cos_psi),
            roll * (u * above_y + v * sin_psi),
            roll * u * cos_theta,
        ),
        # Both directions are equally uncertain, so they may be taken along the level axis and
        # the one above, whatever the roll.
        (pixel * cos_psi, -pixel * sin_psi, 0.0),
        (pixel * above_x, pixel * above_y, pixel * cos_theta),
    )
