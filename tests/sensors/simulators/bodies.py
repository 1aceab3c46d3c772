"""Bodies and moments for tests of simulated sensors."""

from functools import cache
from pathlib import Path

import numpy as np

from geo.crs import convergence_deg
from geo.site import Site
from geo.site_rows import Sensor
from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.motion import Body
from sensors.simulators.motion import Path as Way
from sensors.simulators.world import Snapshot

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"


@cache
def site() -> Site:
    return Site.load(SITE)


def body(
    east_m: float,
    north_m: float,
    velocity: tuple[float, float] = (0.0, 0.0),
    actor_class: ActorClass = ActorClass.PERSON,
    name: str = "a",
    behaviour: Behaviour = Behaviour.STAND,
) -> Body:
    t_s = np.array([0.0, 1_000.0])
    way = Way(t_s, east_m + velocity[0] * t_s, north_m + velocity[1] * t_s)
    return Body(name, f"{name}/0", actor_class, behaviour, way, 1)


def snapshot(bodies: list[Body], t_s: float) -> Snapshot:
    places = np.array([one.at(t_s) for one in bodies]).reshape(-1, 2)
    speeds = np.array([one.path.velocity(t_s) for one in bodies]).reshape(-1, 2)
    return Snapshot(tuple(bodies), places[:, 0], places[:, 1], speeds[:, 0], speeds[:, 1])


def before_camera(
    name: str, distance_m: float, aside_m: float = 0.0
) -> tuple[float, float, float, float]:
    """Camera's place, and one straight before it and so far to the right."""
    row = site().sensor(name)
    place = site().sensor_place(name)
    assert place is not None
    assert row.orientation is not None
    assert row.position is not None
    bearing = np.deg2rad(row.orientation.yaw_deg - convergence_deg(*row.position))
    ahead = np.array([np.sin(bearing), np.cos(bearing)])
    right = np.array([ahead[1], -ahead[0]])
    east, north = np.array(place) + distance_m * ahead + aside_m * right
    return *place, float(east), float(north)


def exact(row: Sensor, **more: object) -> Sensor:
    """A sensor without errors of its mounting, otherwise changed as said."""
    assert row.orientation is not None
    sure = {"yaw_sigma_deg": 1e-9, "pitch_sigma_deg": 1e-9}
    looks = row.orientation.model_copy(update=sure)
    return row.model_copy(update={"orientation": looks, **more})
