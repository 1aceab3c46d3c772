"""A mobile surveillance vehicle: pose, radar, and a camera that turns to what the radar sees."""

from functools import lru_cache

from geo.site_rows import Sensor
from sensors.messages import Box, Orientation, Plot
from sensors.scenes import Weather
from sensors.simulators.mobile import Carrier
from sensors.simulators.radar import GroundRadar
from sensors.simulators.turret import Turret
from sensors.simulators.world import Snapshot, World

_CAMERA_UP_M = 4.0
"""Of a vehicle whose height the site does not state: a mast on the roof (assumed)."""


class SurveillanceVehicle:
    """What a vehicle's radar and camera find.

    Args:
        row: the vehicle, from the site; what it carries is stated there.
        carrier: how it moves and what it knows of that.
        world: who is where.
        seed: the scene's.
    """

    def __init__(self, row: Sensor, carrier: Carrier, world: World, seed: int) -> None:
        """Put radar and camera on it."""
        self._carrier, self._world = carrier, world
        weather: Weather = world.scene.weather
        self._radar = None if row.radar is None else GroundRadar(row.radar, seed, row.id, weather)
        up = row.height_above_ground_m or _CAMERA_UP_M
        self._turret = (
            None
            if row.lens is None
            else Turret(seed, row.id, row.lens, up, weather, lru_cache(maxsize=8)(self._cue))
        )

    def plots(self, t_s: float, everyone: Snapshot) -> list[Plot]:
        """Give the radar's plots of one turn; none where it has no radar."""
        if self._radar is None:
            return []
        carrier = self._carrier
        return self._radar.scan(
            t_s, self._place(t_s), carrier.velocity_mps(t_s), carrier.facing_rad(t_s), everyone
        )

    def boxes(self, t_s: float, everyone: Snapshot) -> tuple[list[Box], Orientation | None]:
        """Give what the camera sees, and where it says that it looks; None without a camera."""
        if self._turret is None:
            return [], None
        carrier = self._carrier
        aim, boxes = self._turret.look(t_s, self._place(t_s), carrier.facing_rad(t_s), everyone)
        return boxes, self._turret.orientation(aim, carrier.compass_deg(t_s))

    def _place(self, t_s: float) -> tuple[float, float]:
        east, north = self._carrier.body.at(t_s)
        return float(east), float(north)

    def _cue(self, t_s: float) -> tuple[float, float] | None:
        """The plot with the best score."""
        if t_s < 0.0 or not self._carrier.body.is_there(t_s):
            return None
        best = max(self.plots(t_s, self._world.at(t_s)), key=lambda plot: plot.score, default=None)
        return None if best is None else (best.azimuth_deg, best.range_m)
