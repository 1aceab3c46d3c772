"""The cast of a scene at a site: every actor's members, whenever they are there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import shapely

from geo.crs import to_plane
from geo.errors import SceneError
from geo.site import Site
from geo.site_rows import Crossing
from sensors.scenes import (
    Actor,
    ActorClass,
    Behaviour,
    Crossings,
    Patrol,
    Scene,
    top_speed_mps,
)
from sensors.simulators.motion import Body, FloatArray, Path, members, seeded
from sensors.simulators.ways import along_border, back_and_forth, behind, wandering

FARTHEST_M = 25_000.0
"""Waypoints farther than this from the border line are a slip of the pen."""

# What follows its leader in a column, and at what distance, metres: wagons from coupling to
# coupling, cars and boats by habit (assumed).
_GAPS_M = {
    ActorClass.TRAIN: 18.0,
    ActorClass.VEHICLE: 30.0,
    ActorClass.TRUCK: 50.0,
    ActorClass.BOAT: 40.0,
}


@dataclass(frozen=True)
class Group:
    """An actor as the truth knows it: what belongs together.

    Attributes:
        id: the actor's id; for one of many crossings the id and its number.
        bodies: its members, the first one on the path.
        lawful: whether it may be there without being one of ours.
    """

    id: str
    actor_class: ActorClass
    bodies: tuple[Body, ...]
    reports_every_s: float = 0.0
    lawful: bool = False

    @property
    def path(self) -> Path:
        """Path of the first member."""
        return self.bodies[0].path

    @property
    def behaviour(self) -> Behaviour:
        """What its members do."""
        return self.bodies[0].behaviour

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
        self.fixed = (
            *(self._actor(one, f"actor[{n}]") for n, one in enumerate(scene.actor)),
            *(self._patrol(one, f"patrol[{n}]") for n, one in enumerate(scene.patrol)),
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

    def everyone(self) -> Iterator[Group]:
        """Give all groups of a scene that has an end, or all but drawn crossings of one without."""
        if self.scene.duration_s is None:
            yield from self.fixed
        else:
            yield from self.between(0.0, self.scene.duration_s)

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
        top = top_speed_mps(actor.actor_class, actor.behaviour)
        if speed.max() > top:
            index = int(speed.argmax()) + 1
            raise SceneError(
                f"{self.scene.name}: {key}.waypoints[{index}] takes {speed.max():.1f} m/s to "
                f"reach: wanted at most {top:g} m/s for class {actor.actor_class} and behaviour "
                f"{actor.behaviour}; check its t_s"
            )
        path = Path(t_s, east, north)
        if actor.back_and_forth and actor.duration_s is not None:
            path = self._repeated(path, actor.duration_s, key)
        bodies = self._members(actor, path, own_force=actor.own_force)
        return Group(
            actor.id, actor.actor_class, bodies, actor.reports_position_every_s, actor.lawful
        )

    def _patrol(self, patrol: Patrol, key: str) -> Group:
        self._check_chainage(patrol.chainage_m, f"{key}.chainage_m")
        begins, ends = patrol.t_s
        there = along_border(self.site, *patrol.chainage_m, patrol.offset_m, patrol.speed_mps)
        path = Path(there.t_s + begins, there.east_m, there.north_m)
        path = self._repeated(path, ends - begins, key)
        bodies = self._members(patrol, path, own_force=True)
        return Group(patrol.id, patrol.actor_class, bodies, patrol.reports_position_every_s)

    def _repeated(self, path: Path, duration_s: float, key: str) -> Path:
        try:
            return back_and_forth(path, duration_s)
        except ValueError as error:
            raise SceneError(f"{self.scene.name}: {key} goes {error}; shorten its time") from error

    def _members(self, row: Actor | Patrol, path: Path, *, own_force: bool) -> tuple[Body, ...]:
        return self._group_of(
            row.id, row.count, row.actor_class, row.behaviour, path, own_force=own_force
        )

    def _group_of(
        self,
        name: str,
        count: int,
        actor_class: ActorClass,
        behaviour: Behaviour,
        path: Path,
        *,
        own_force: bool = False,
    ) -> tuple[Body, ...]:
        """Members of a group: a column where they drive, a herd that strays, or side by side."""
        seed = self.scene.seed
        made: Sequence[Body] = members(
            name, count, actor_class, behaviour, path, seed, own_force=own_force
        )
        gap = _GAPS_M.get(actor_class)
        if gap is not None and behaviour is Behaviour.DRIVE:
            return tuple(
                replace(body, path=behind(path, n * gap), aside_m=(0.0, 0.0)) if n else body
                for n, body in enumerate(made)
            )
        if actor_class is ActorClass.ANIMAL:
            return tuple(
                replace(body, path=wandering(path, seeded(seed, "straying", body.name)))
                if n
                else body
                for n, body in enumerate(made)
            )
        return tuple(made)

    def _on_border(self, actor: Actor, key: str) -> tuple[FloatArray, FloatArray]:
        for index, (chainage, _, _) in enumerate(actor.waypoints):
            self._check_chainage((chainage,), f"{key}.waypoints[{index}]")
        points = np.array(actor.waypoints)
        return self.site.border.point_at(points[:, 0], points[:, 1])

    def _check_chainage(self, chainage_m: Sequence[float], key: str) -> None:
        if max(chainage_m) > self.site.border.length_m:
            raise SceneError(
                f"{self.scene.name}: {key} is at chainage {max(chainage_m):g}: wanted 0 to "
                f"{self.site.border.length_m:.0f} m; metres from the tripoint near Beba Veche"
            )

    def _drawn(self, index: int) -> float:
        """Check a stream of crossings; how long one of them lasts at most, in seconds."""
        stream = self.scene.crossings[index]
        if stream.chainage_m is not None:
            places = [*stream.chainage_m, stream.first_chainage_m or 0.0]
            self._check_chainage(places, f"crossings[{index}].chainage_m")
        else:
            self._post(stream, index)
        goes = 2.0 * _length_m(stream) / stream.speed_mps[0]
        return goes + stream.stop_s[1] + stream.every_s

    def _post(self, stream: Crossings, index: int = 0) -> Crossing:
        """The border crossing that a stream goes through."""
        posts = {row.id: row for row in self.site.crossings}
        if stream.at_crossing not in posts:
            raise SceneError(
                f"{self.scene.name}: crossings[{index}].at_crossing is {stream.at_crossing!r}: "
                f"wanted a border crossing of the site ({', '.join(posts) or 'it has none'})"
            )
        return posts[stream.at_crossing]

    def _make_crossing(self, index: int, number: int) -> Group:
        stream = self.scene.crossings[index]
        draw = seeded(self.scene.seed, "crossing", stream.id, number)
        begins = stream.first_t_s + number * stream.every_s
        if number:
            begins += draw.uniform(0.0, 0.5) * stream.every_s
        if stream.chainage_m is None:
            east, north = self._through(stream)
            speed = draw.uniform(*stream.speed_mps)
        else:
            chainage = draw.uniform(*stream.chainage_m)
            if number == 0 and stream.first_chainage_m is not None:
                chainage = stream.first_chainage_m
            speed = draw.uniform(*stream.speed_mps)
        count = int(draw.integers(stream.count[0], stream.count[1] + 1))
        if stream.chainage_m is not None:
            east, north = self._across(stream, chainage, draw)
        goes = float(np.hypot(*np.subtract(*np.column_stack((east, north))))) / speed
        path = Path(np.array([begins, begins + goes]), east, north)
        if stream.stop_s[1]:
            share = stream.from_offset_m / (stream.from_offset_m - stream.to_offset_m)
            path = _stopping(path, share, draw.uniform(*stream.stop_s))
        name = f"{stream.id}-{number + 1}"
        bodies = self._group_of(name, count, stream.actor_class, stream.behaviour, path)
        return Group(name, stream.actor_class, bodies, lawful=stream.at_crossing is not None)

    def _through(self, stream: Crossings) -> tuple[FloatArray, FloatArray]:
        """Straight through the border crossing's place, at right angles to the line."""
        east, north = to_plane(*self._post(stream).position)
        chainage, _ = self.site.border.chainage(east, north)
        sides = self.site.border.point_at(np.repeat(chainage, 2), np.array([0.0, 1.0]))
        offset = np.array([stream.from_offset_m, stream.to_offset_m])
        return (
            np.asarray(east + offset * np.diff(sides[0])),
            np.asarray(north + offset * np.diff(sides[1])),
        )

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


def _stopping(path: Path, share: float, stop_s: float) -> Path:
    """A path between two places with a stop at a share of it."""
    (begins, ends), (e0, e1), (n0, n1) = path.t_s, path.east_m, path.north_m
    arrives = begins + share * (ends - begins)
    east, north = e0 + share * (e1 - e0), n0 + share * (n1 - n0)
    stop = max(stop_s, 1.0)
    return Path(
        np.array([begins, arrives, arrives + stop, ends + stop]),
        np.array([e0, east, east, e1]),
        np.array([n0, north, north, n1]),
    )


def own_vehicle(name: str, path: Path, seed: int, actor_class: ActorClass) -> Body:
    """One of ours on the move."""
    return Body(name, name, actor_class, Behaviour.DRIVE, path, seed, own_force=True)
