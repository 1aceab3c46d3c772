"""What moves and says where it is; the radar of surveillance vehicles; a drone's sightings."""

import numpy as np

from geo.crs import convergence_deg, to_wgs84
from geo.site_rows import Radar
from sensors.messages import ObjectClass, Plot, Position, Sighting
from sensors.scenes import ActorClass
from sensors.simulators.motion import Body, seeded
from sensors.simulators.world import Snapshot

GPS_SIGMA_M = 2.0
"""Each axis, open sky (assumed)."""

HEADING_SIGMA_DEG = 0.5
"""Of a two-antenna or gyro compass at one moment (assumed)."""

HEADING_BIAS_DEG = 0.3
"""Standard deviation of its constant error (assumed; a degree already matters, field notes)."""

CLUTTER_PER_SCAN = 0.3
"""Plots of nothing: plants, birds, second-time echoes (assumed)."""

DRONE_HEIGHT_M = 120.0
DRONE_SEES_M = 300.0
DRONE_SIGMA_M = 8.0
DRONE_CHANCE = 0.8
"""A drone's camera with detection on board (assumed)."""

# Share of the radar's range at which each class gives a plot in half of all scans; for a radar
# whose stated range is for vehicles, people about 60 % (fourth root of the cross sections 1 and
# 10 m^2).
_REACH = {
    ActorClass.PERSON: 0.6,
    ActorClass.ANIMAL: 0.5,
    ActorClass.VEHICLE: 1.0,
    ActorClass.TRUCK: 1.2,
    ActorClass.BOAT: 0.8,
}


class Carrier:
    """Something of ours that moves.

    Args:
        name: the sensor's name.
        body: its motion.
        seed: the scene's.
        height_m: of the ground above the ellipsoid, or None where not known.
    """

    def __init__(self, name: str, body: Body, seed: int, height_m: float | None = None) -> None:
        """Draw the compass's constant error."""
        self.body = body
        self._name, self._seed, self._height = name, seed, height_m
        self._bias = float(seeded(seed, "compass", name).normal(0.0, HEADING_BIAS_DEG))

    def place(self, t_s: float) -> tuple[Position, float | None, float]:
        """Give position as its GPS has it, heading (None while it stands) and speed."""
        draw = seeded(self._seed, "gps", self._name, round(t_s * 1_000))
        error = draw.normal(0.0, GPS_SIGMA_M, 2)
        east, north = self.body.at(t_s)
        lon, lat = to_wgs84(east + error[0], north + error[1])
        vx, vy = self.body.path.velocity(t_s)
        speed = float(np.hypot(vx, vy))
        heading = None
        if speed > 0.2:
            true = float(np.rad2deg(np.arctan2(vx, vy))) + convergence_deg(float(lon), float(lat))
            error_deg = self._bias + draw.normal(0.0, HEADING_SIGMA_DEG)
            heading = round((true + error_deg) % 360.0, 3) % 360.0
        position = Position(
            longitude_deg=round(float(lon), 7),
            latitude_deg=round(float(lat), 7),
            height_m=self._height,
            accuracy_m=GPS_SIGMA_M,
            covariance_m2=None,
        )
        return position, heading, round(speed, 2)

    def scan(self, t_s: float, radar: Radar, everyone: Snapshot) -> list[Plot]:
        """Give one turn's radar plots: azimuth from the vehicle's true forward direction."""
        draw = seeded(self._seed, "radar", self._name, round(t_s * 1_000))
        east, north = self.body.at(t_s)
        vx, vy = self.body.path.velocity(t_s)
        forward = np.arctan2(vx, vy)
        dx, dy = everyone.east_m - east, everyone.north_m - north
        distance = np.hypot(dx, dy)
        plots = []
        for index in np.flatnonzero((distance < radar.range_m) & (distance > 20.0)):
            body = everyone.bodies[index]
            reach = _REACH.get(body.actor_class)
            # Along the line of sight over ground: the radar takes its own motion out.
            radial = float(
                (
                    dx[index] * everyone.velocity_east_mps[index]
                    + dy[index] * everyone.velocity_north_mps[index]
                )
                / distance[index]
            )
            if reach is None or abs(radial) < radar.minimum_speed_mps:
                continue
            # Signal falls with the fourth power of range.
            share = distance[index] / (reach * radar.range_m)
            chance = 0.95 / (1.0 + 0.9 * share**4)
            errors = draw.normal(size=3)
            if draw.random() >= chance:
                continue
            azimuth = np.rad2deg(np.arctan2(dx[index], dy[index]) - forward)
            azimuth += radar.azimuth_sigma_deg * errors[0]
            plots.append(
                Plot(
                    range_m=round(max(distance[index] + radar.range_sigma_m * errors[1], 1.0), 2),
                    azimuth_deg=round(float((azimuth + 180.0) % 360.0 - 180.0), 3),
                    radial_speed_mps=round(radial + 0.1 * errors[2], 2),
                    score=round(float(chance), 3),
                )
            )
        plots.extend(
            Plot(
                range_m=round(radar.range_m * float(np.sqrt(draw.uniform(0.001, 1.0))), 2),
                azimuth_deg=round(draw.uniform(-180.0, 180.0), 3),
                radial_speed_mps=round(draw.normal(0.0, 1.0), 2),
                score=round(draw.uniform(0.1, 0.5), 3),
            )
            for _ in range(int(draw.poisson(CLUTTER_PER_SCAN)))
        )
        return plots

    def sightings(self, t_s: float, everyone: Snapshot) -> list[Sighting]:
        """Give what a drone's camera sees below it."""
        draw = seeded(self._seed, "sightings", self._name, round(t_s * 1_000))
        east, north = self.body.at(t_s)
        distance = np.hypot(everyone.east_m - east, everyone.north_m - north)
        seen = []
        for index in np.flatnonzero(distance < DRONE_SEES_M):
            body = everyone.bodies[index]
            error = draw.normal(0.0, DRONE_SIGMA_M, 2)
            if body.actor_class is ActorClass.DRONE or draw.random() >= DRONE_CHANCE:
                continue
            lon, lat = to_wgs84(
                everyone.east_m[index] + error[0], everyone.north_m[index] + error[1]
            )
            named = draw.random() < 0.8
            seen.append(
                Sighting(
                    position=Position(
                        longitude_deg=round(float(lon), 7),
                        latitude_deg=round(float(lat), 7),
                        height_m=None,
                        accuracy_m=DRONE_SIGMA_M,
                        covariance_m2=None,
                    ),
                    object_class=body.actor_class.object_class if named else ObjectClass.UNKNOWN,
                    score=0.8 if named else 0.5,
                    count=1,
                    speed_mps=None,
                )
            )
        return seen
