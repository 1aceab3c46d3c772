"""The cast of a scene at a site: every actor's members, whenever they are there."""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from geo.crs import to_plane
from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import (
    Actor,
    ActorClass,
    Behaviour,
    Patrol,
    Scene,
    top_speed_mps,
)
from sensors.simulators.groups import Group, bodies_of
from sensors.simulators.motion import Body, FloatArray, Path
from sensors.simulators.streams import Stream, check_chainage
from sensors.simulators.ways import along_border, back_and_forth

FARTHEST_M = 25_000.0
"""Waypoints farther than this from the border line are a slip of the pen (assumed: beyond the 20 km
that offsets may have, and any sensor's reach)."""


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
        self._streams = [
            Stream(row, scene, site, f"crossings[{n}]") for n, row in enumerate(scene.crossings)
        ]

    def between(self, from_s: float, to_s: float) -> list[Group]:
        """Give all groups that are in the scene at some time of a span, in a fixed order."""
        found = [
            group
            for group in self.fixed
            if group.path.begins_s <= to_s and group.path.ends_s >= from_s
        ]
        for stream in self._streams:
            found += stream.between(from_s, to_s)
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
        bodies = self._bodies(actor, path, own_force=actor.own_force)
        return Group(
            actor.id, actor.actor_class, bodies, actor.reports_position_every_s, actor.lawful
        )

    def _patrol(self, patrol: Patrol, key: str) -> Group:
        self._check_chainage(patrol.chainage_m, f"{key}.chainage_m")
        begins, ends = patrol.t_s
        there = along_border(self.site, *patrol.chainage_m, patrol.offset_m, patrol.speed_mps)
        path = Path(there.t_s + begins, there.east_m, there.north_m)
        path = self._repeated(path, ends - begins, key)
        bodies = self._bodies(patrol, path, own_force=True)
        return Group(patrol.id, patrol.actor_class, bodies, patrol.reports_position_every_s)

    def _repeated(self, path: Path, duration_s: float, key: str) -> Path:
        try:
            return back_and_forth(path, duration_s)
        except ValueError as error:
            raise SceneError(f"{self.scene.name}: {key} goes {error}; shorten its time") from error

    def _bodies(self, row: Actor | Patrol, path: Path, *, own_force: bool) -> tuple[Body, ...]:
        return bodies_of(
            row.id,
            row.count,
            row.actor_class,
            row.behaviour,
            path,
            self.scene.seed,
            own_force=own_force,
        )

    def _on_border(self, actor: Actor, key: str) -> tuple[FloatArray, FloatArray]:
        for index, (chainage, _, _) in enumerate(actor.waypoints):
            self._check_chainage((chainage,), f"{key}.waypoints[{index}]")
        points = np.array(actor.waypoints)
        return self.site.border.point_at(points[:, 0], points[:, 1])

    def _check_chainage(self, chainage_m: Sequence[float], key: str) -> None:
        check_chainage(self.scene.name, self.site, chainage_m, key)


def own_vehicle(name: str, path: Path, seed: int, actor_class: ActorClass) -> Body:
    """One of ours on the move."""
    return Body(name, name, actor_class, Behaviour.DRIVE, path, seed, own_force=True)
