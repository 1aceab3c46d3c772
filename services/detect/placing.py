"""Where on the ground something was seen, by range and azimuth or as stated; with covariance.

Angles in messages are from true north, the plane's from grid north; the difference is up to 1.3
degrees here, 22 m at 1 km, and is taken off once, where a camera or platform enters the plane.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.crs import convergence_deg, to_plane
from geo.uncertainty import isotropic, rotate
from sensors.messages import Position
from services.events import Covariance

FloatArray = npt.NDArray[np.float64]


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
    return along_bearing(east_m, north_m, position_m2, bearing_deg, range_m, range_sigma_m, across)


def along_bearing(
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
