"""A vehicle's thermal camera on a pan and tilt: turns to what the radar saw, else searches."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geo.site_rows import Lens
from sensors.messages import Box, Orientation
from sensors.scenes import Weather
from sensors.simulators.eye import Eye
from sensors.simulators.motion import seeded
from sensors.simulators.thermal import Watcher
from sensors.simulators.world import Snapshot

DWELL_S = 8.0
"""So long it stays on one target, its turning included (assumed)."""

SLEW_DEGPS = 30.0
"""How fast it turns (assumed; heavy heads do 30 to 60)."""

_SEARCH_DEG, _SEARCH_S = 70.0, 120.0
"""Without a target it searches so far to each side and back in that time (assumed)."""

ENCODER_SIGMA_DEG, LEVEL_SIGMA_DEG = 0.1, 0.2
"""Errors of its angles, and of the vehicle's levelling, one sigma (assumed)."""

FARTHEST_M = 6_000.0
"""Beyond this nobody is looked for (assumed)."""


@dataclass(frozen=True)
class Aim:
    """Where it is to look: bearing from the vehicle's front, clockwise, and pitch up, degrees."""

    pan_deg: float
    pitch_deg: float


class Turret:
    """One camera.

    Args:
        seed: the scene's.
        name: the vehicle's.
        lens: of the camera.
        up_m: its height above the ground.
        weather: the scene's.
        cue: gives the radar's best plot at a time, as (azimuth_deg, range_m), or None.
    """

    def __init__(
        self,
        seed: int,
        name: str,
        lens: Lens,
        up_m: float,
        weather: Weather,
        cue: Callable[[float], tuple[float, float] | None],
    ) -> None:
        """Draw how far the vehicle is from level."""
        self._lens, self._up, self._cue = lens, up_m, cue
        self._watcher = Watcher(seed, name, weather)
        draw = seeded(seed, "turret", name)
        self._pan_error = float(draw.normal(0.0, ENCODER_SIGMA_DEG))
        self._pitch_error = float(draw.normal(0.0, LEVEL_SIGMA_DEG))
        self._aim = lru_cache(maxsize=8)(self._aimed)

    def look(
        self, t_s: float, place_m: tuple[float, float], facing_rad: float, everyone: Snapshot
    ) -> tuple[Aim, list[Box]]:
        """Give where it says that it looks, and the boxes of what it sees; none while it turns.

        Args:
            t_s: when.
            place_m: where the vehicle truly is.
            facing_rad: where it truly faces, clockwise from grid north.
            everyone: who is where.
        """
        aim, turns = self.aim(t_s)
        if turns:
            return aim, []
        yaw_deg = float(np.rad2deg(facing_rad)) + aim.pan_deg + self._pan_error
        eye = Eye(*place_m, self._up, self._lens, yaw_deg, aim.pitch_deg + self._pitch_error)
        looks = eye.looks(everyone, FARTHEST_M)
        boxes = [self._watcher.box(t_s, one, self._lens) for one in looks]
        return aim, [box for box in boxes if box is not None]

    def aim(self, t_s: float) -> tuple[Aim, bool]:
        """Where it looks at a time, and whether it turns."""
        dwell = int(t_s // DWELL_S)
        before, then = self._aim(dwell - 1), self._aim(dwell)
        turn = (then.pan_deg - before.pan_deg + 180.0) % 360.0 - 180.0
        done = SLEW_DEGPS * (t_s - dwell * DWELL_S)
        if done >= abs(turn):
            return then, False
        share = done / abs(turn)
        pitch = before.pitch_deg + share * (then.pitch_deg - before.pitch_deg)
        return Aim(before.pan_deg + share * turn, pitch), True

    def orientation(self, aim: Aim, compass_deg: float) -> Orientation:
        """Where it says that it looks, from true north."""
        return Orientation(
            yaw_deg=round((compass_deg + aim.pan_deg) % 360.0, 2) % 360.0,
            pitch_deg=round(aim.pitch_deg, 2),
            yaw_sigma_deg=0.6,  # the compass's, of which its own angle is a small part
            pitch_sigma_deg=round(float(np.hypot(ENCODER_SIGMA_DEG, LEVEL_SIGMA_DEG)), 2),
        )

    def _aimed(self, dwell: int) -> Aim:
        begins = dwell * DWELL_S
        cue = self._cue(begins)
        if cue is not None:
            return Aim(cue[0], self._down(cue[1]))
        pan = _SEARCH_DEG * float(np.sin(2.0 * np.pi * begins / _SEARCH_S))
        return Aim(pan, self._down(1_000.0))

    def _down(self, range_m: float) -> float:
        return -float(np.rad2deg(np.arctan2(self._up, range_m)))
