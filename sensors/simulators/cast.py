"""The cast of a scene at a site: every actor's members, whenever they are there."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely

from geo.crs import to_plane
from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import MAX_SPEED_MPS, Actor, ActorClass, Behaviour, Crossings, Scene
from sensors.simulators.motion import Body, FloatArray, Path, members, seeded

FARTHEST_M = 25_000.0
"""Waypoints farther than this from the border line are a slip of the pen."""


@dataclass(frozen=True)
class Group:
    """An actor as the truth knows it: what belongs together.

    Attributes:
        id: the actor's id; for one of many crossings the id and its number.
        bodies: its members, the first one on the path.
    """

    id: str
    actor_class: ActorClass
    bodies: tuple[Body, ...]
    reports_every_s: float = 0.0

    @property
    def path(self) -> Path:
        """Path of the first member."""
        return self.bodies[0].path

    @property
    def own_force(self) -> bool:
        """Whether it is one of ours."""
        return self.bodies[0].own_force


class Cast:
    """Everyone in a scene. Own forces that patrol without being in the scene are not in it.

    Raises:
        SceneError: a waypoint that cannot be at this site.
    """

    def __init__(self, scene: Scene, site: Site) -> None:
        """Put the scene's actors on the ground."""
        self.scene = scene
        self.site = site
        self.fixed = tuple(
            self._actor(actor, f"actor[{index}]") for index, actor in enumerate(scene.actor)
        )
        self._places = [self._drawn(index) for index in range(len(scene.crossings))]
        self._crossing = lru_cache(maxsize=512)(self._make_crossing)

    def between(self, from_s: float, to_s: float) -> list[Group]:
        """Give all groups that are in the scene at some time of a span, in a fixed order."""
        found = [
            group
            for group in self.fixed
            if group.path.begins_s <= to_s and group.path.ends_s >= from_s
        ]
        for index, stream in enumerate(self.scene.crossings):
            longest = self._places[index]
            first = int((from_s - longest - stream.first_t_s) // stream.every_s) - 1
            last = int((to_s - stream.first_t_s) // stream.every_s)
            for number in range(max(first, 0), last + 1):
                group = self._crossing(index, number)
                if group.path.begins_s <= to_s and group.path.ends_s >= from_s:
                    found.append(group)
        return found

    def _actor(self, actor: Actor, key: str) -> Group:
        if actor.waypoints:
            east, north = self._on_border(actor, key)
            t_s = np.array([point[2] for point in actor.waypoints])
        else:
            points = np.array(actor.waypoints_lonlat)
            east, north = to_plane(points[:, 0], points[:, 1])
            t_s = points[:, 2]
            away = shapely.distance(self.site.border.line, shapely.points(east, north))
            if away.max() > FARTHEST_M:
                index = int(away.argmax())
                raise SceneError(
                    f"{self.scene.name}: {key}.waypoints_lonlat[{index}] is "
                    f"{list(actor.waypoints_lonlat[index])}: wanted a place within "
                    f"{FARTHEST_M / 1_000:g} km of the border; longitude comes first"
                )
        if len(t_s) == 1:
            t_s = np.array([t_s[0], t_s[0] + (actor.duration_s or 0.0)])
            east, north = np.repeat(east, 2), np.repeat(north, 2)
        speed = np.hypot(np.diff(east), np.diff(north)) / np.diff(t_s)
        if speed.max() > MAX_SPEED_MPS:
            index = int(speed.argmax()) + 1
            raise SceneError(
                f"{self.scene.name}: {key}.waypoints[{index}] takes {speed.max():.0f} m/s to "
                f"reach: wanted at most {MAX_SPEED_MPS:g} m/s; check its t_s"
            )
        path = Path(t_s, east, north)
        bodies = members(
            actor.id,
            actor.count,
            actor.actor_class,
            actor.behaviour,
            path,
            self.scene.seed,
            own_force=actor.own_force,
        )
        return Group(actor.id, actor.actor_class, tuple(bodies), actor.reports_position_every_s)

    def _on_border(self, actor: Actor, key: str) -> tuple[FloatArray, FloatArray]:
        border = self.site.border
        for index, (chainage, _, _) in enumerate(actor.waypoints):
            if chainage > border.length_m:
                raise SceneError(
                    f"{self.scene.name}: {key}.waypoints[{index}] is "
                    f"{list(actor.waypoints[index])}: wanted a chainage of 0 to "
                    f"{border.length_m:.0f} m; metres from the tripoint near Beba Veche"
                )
        points = np.array(actor.waypoints)
        return border.point_at(points[:, 0], points[:, 1])

    def _drawn(self, index: int) -> float:
        """Check a stream of crossings; how long one of them lasts at most, in seconds."""
        stream = self.scene.crossings[index]
        places = [*stream.chainage_m, stream.first_chainage_m or 0.0]
        if max(places) > self.site.border.length_m:
            raise SceneError(
                f"{self.scene.name}: crossings[{index}].chainage_m is {places}: wanted 0 to "
                f"{self.site.border.length_m:.0f} m; metres from the tripoint near Beba Veche"
            )
        return 2.0 * _length_m(stream) / stream.speed_mps[0] + stream.every_s

    def _make_crossing(self, index: int, number: int) -> Group:
        stream = self.scene.crossings[index]
        seed = self.scene.seed
        draw = seeded(seed, "crossing", stream.id, number)
        begins = stream.first_t_s + number * stream.every_s
        if number:
            begins += draw.uniform(0.0, 0.5) * stream.every_s
        chainage = draw.uniform(*stream.chainage_m)
        if number == 0 and stream.first_chainage_m is not None:
            chainage = stream.first_chainage_m
        speed = draw.uniform(*stream.speed_mps)
        count = int(draw.integers(stream.count[0], stream.count[1] + 1))
        east, north = self._across(stream, chainage, draw)
        duration = float(np.hypot(*np.subtract(*np.column_stack((east, north))))) / speed
        path = Path(np.array([begins, begins + duration]), east, north)
        name = f"{stream.id}-{number + 1}"
        bodies = members(name, count, stream.actor_class, stream.behaviour, path, seed)
        return Group(name, stream.actor_class, tuple(bodies))

    def _across(
        self, stream: Crossings, chainage: float, draw: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """From one offset to the other, up to 20 degrees aslant (assumed)."""
        length = _length_m(stream)
        slant = length * np.tan(np.deg2rad(draw.uniform(-20.0, 20.0)))
        offset = np.array([stream.from_offset_m, stream.to_offset_m])
        east, north = self.site.border.point_at(np.array([chainage, chainage]), offset)
        # Aside along the border, at right angles to the way across.
        forward = np.array([east[1] - east[0], north[1] - north[0]])
        forward /= max(float(np.hypot(*forward)), 1e-9)
        return (
            np.array([east[0], east[1] - slant * forward[1]]),
            np.array([north[0], north[1] + slant * forward[0]]),
        )


def _length_m(stream: Crossings) -> float:
    return abs(stream.to_offset_m - stream.from_offset_m)


def along_border(
    site: Site, east_m: float, north_m: float, offset_m: float, reach_m: float, speed_mps: float
) -> Path:
    """Path of a patrol: along the border about its station, there and back for ever.

    A road 250 m from the line, bent as the smoothed border is; places are taken each 250 m.
    """
    chainage, _ = site.border.chainage(east_m, north_m)
    low = max(float(chainage) - reach_m, 0.0)
    high = min(float(chainage) + reach_m, site.border.length_m)
    stops = np.linspace(low, high, max(int((high - low) / 250.0) + 1, 2))
    east, north = site.border.point_at(stops, np.full(stops.size, offset_m))
    run = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))
    return Path(run / speed_mps, east, north, endless=True)


def own_vehicle(name: str, path: Path, seed: int, actor_class: ActorClass) -> Body:
    """One of ours on the move."""
    return Body(name, name, actor_class, Behaviour.DRIVE, path, seed, own_force=True)
