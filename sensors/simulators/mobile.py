"""What moves and says where it is: position, heading and speed with their errors."""

import numpy as np

from geo.crs import convergence_deg, to_wgs84
from sensors.messages import Position
from sensors.simulators.gps import RECEIVERS, Gps
from sensors.simulators.motion import Body, FloatArray, Path, seeded

COMPASS_SIGMA_DEG = 0.3
"""Of a compass of two antennas a metre apart, at one moment (assumed)."""

COMPASS_BIAS_DEG = 0.5
"""Standard deviation of its constant error: how the antennas are mounted (assumed: 9 mm over
the metre between them)."""

_STANDS_MPS = 0.2
"""Slower than this it stands, and faces where it came from (assumed)."""

_COURSE_MPS = 0.5
"""Below this the course over ground of a receiver without compass says nothing (assumed: ten times
the error of its speed)."""


class Carrier:
    """Something of ours that moves.

    Args:
        name: the sensor's name.
        kind: vehicle (with a compass, which also works standing), patrol, boat or aerial.
        body: its motion.
        seed: the scene's.
        height_m: above the ellipsoid, or None where it is not known.
    """

    def __init__(
        self, name: str, kind: str, body: Body, seed: int, height_m: float | None = None
    ) -> None:
        """Draw what errs for good."""
        self.name, self.body, self.height_m = name, body, height_m
        self.gps = Gps(seed, name, RECEIVERS[kind])
        self._has_compass = kind in {"vehicle", "aerial"}
        self._seed = seed
        self._bias = float(seeded(seed, "compass", name).normal(0.0, COMPASS_BIAS_DEG))

    def place(self, t_s: float) -> tuple[Position, float | None, float]:
        """Give position as its receiver has it, heading where it is known, and speed."""
        east, north = self.body.at(t_s)
        error = self.gps.error_m(t_s)
        lon, lat = to_wgs84(east + error[0], north + error[1])
        velocity = np.array(self.body.path.velocity(t_s)) + self.gps.velocity_error_mps(t_s)
        speed = float(np.hypot(*velocity))
        position = Position(
            longitude_deg=round(float(lon), 7),
            latitude_deg=round(float(lat), 7),
            height_m=self.height_m,
            accuracy_m=self.gps.receiver.accuracy_m,
            covariance_m2=None,
        )
        heading: float | None = None
        if self._has_compass:
            heading = self.compass_deg(t_s)
        elif speed > _COURSE_MPS:
            grid = float(np.rad2deg(np.arctan2(*velocity)))
            heading = grid + convergence_deg(float(lon), float(lat))
        if heading is not None:
            heading = round(heading % 360.0, 2) % 360.0
        return position, heading, round(speed, 2)

    def heading_sigma_deg(self, speed_mps: float) -> float:
        """How well the heading is known, as it is stated."""
        if self._has_compass:
            return round(float(np.hypot(COMPASS_SIGMA_DEG, COMPASS_BIAS_DEG)), 2)
        return round(float(np.rad2deg(self.gps.receiver.speed_mps / max(speed_mps, 0.1))), 2)

    def compass_deg(self, t_s: float) -> float:
        """Heading by its compass, from true north."""
        draw = seeded(self._seed, "compass", self.name, round(t_s * 1_000))
        error = self._bias + draw.normal(0.0, COMPASS_SIGMA_DEG)
        east, north = self.body.at(t_s)
        lon, lat = to_wgs84(east, north)
        grid = float(np.rad2deg(self.facing_rad(t_s)))
        return (grid + convergence_deg(float(lon), float(lat)) + error) % 360.0

    def facing_rad(self, t_s: float) -> float:
        """Where it truly faces, clockwise from grid north, also while it stands."""
        return facing_rad(self.body.path, t_s)

    def velocity_mps(self, t_s: float) -> FloatArray:
        """True velocity (east, north)."""
        return np.array(self.body.path.velocity(t_s))


def facing_rad(path: Path, t_s: float) -> float:
    """Direction of motion, while standing that of the last one; before any, of the first.

    Returns:
        Clockwise from grid north; 0 for a path that never moves.
    """
    east, north = (float(one) for one in path.velocity(t_s))
    if np.hypot(east, north) > _STANDS_MPS:
        return float(np.arctan2(east, north))
    steps = np.stack((np.diff(path.east_m), np.diff(path.north_m)))
    moves = np.flatnonzero(np.hypot(*steps) > 0.0)
    if not moves.size:
        return 0.0
    span, since, turned = path.ends_s - path.begins_s, t_s - path.begins_s, False
    if path.endless:
        span = float(path.t_s[-1] - path.t_s[0])
        since = float(np.mod(since, 2.0 * span))
        turned = since > span
        since = 2.0 * span - since if turned else since
    # On the way back its past lies ahead on the path.
    past = moves[path.t_s[moves + 1] - path.t_s[0] >= since] if turned else (
        moves[path.t_s[moves] - path.t_s[0] <= since]
    )  # fmt: skip
    step = steps[:, (past[0] if turned else past[-1]) if past.size else moves[-1 if turned else 0]]
    sign = -1.0 if turned else 1.0
    return float(np.arctan2(sign * step[0], sign * step[1]))
