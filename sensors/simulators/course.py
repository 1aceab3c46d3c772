"""The truth of a scene: where its actors are, step by step."""

from collections import deque
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.crs import to_wgs84
from geo.site import Site
from geo.site_rows import Sensor
from sensors.messages import ObjectClass
from sensors.scenes import ActorClass, Behaviour, CableEvent, Scene
from sensors.simulators.aerial import airframe
from sensors.simulators.gateway import to_ns
from sensors.simulators.groups import Group
from sensors.simulators.motion import FloatArray
from sensors.simulators.passing import Passing
from sensors.simulators.reach import fibre_reach_m
from sensors.simulators.thermal import ThermalCamera
from sensors.simulators.world import Snapshot, World
from sensors.truth import CABLE_EVENT, TruthPoint


def truth(
    scene: Scene, site: Site, step_s: float = 1.0, *, start_ns: int | None = None
) -> Iterator[TruthPoint]:
    """Give the place of every actor of the scene at each step, in order of time.

    What is done to a cable is one point, among those of the first step that is not before it. Own
    forces that patrol without being actors of the scene are not in it: they say themselves where
    they are. Of a group each member's place is told, and sensors are near that have any of them in
    reach. Traffic beside the cables is in it too: lawful, or a train.

    Args:
        scene: what happens.
        site: where.
        step_s: between two points of an actor.
        start_ns: time of the scene's start where it is not the one written in the scene.

    Yields:
        Points; for ever when the scene has no duration.

    Raises:
        SceneError: what the scene names and the site does not have.
    """
    world = World(scene, site)
    near, passing = _Near(world), Passing(world)
    begin_ns = scene.start_ns if start_ns is None else start_ns
    events = deque(sorted(enumerate(scene.cable_event), key=lambda one: one[1].t_s))
    step = 0
    while scene.duration_s is None or step * step_s <= scene.duration_s:
        t_s = step * step_s
        step += 1
        while events and events[0][1].t_s <= t_s:
            yield _event_point(world, *events.popleft(), begin_ns)
        for group in world.cast.between(t_s, t_s):
            yield _point(world, near, group, t_s, begin_ns)
        yield from passing.points(t_s, begin_ns)
    for event in events:  # after the last whole step
        yield _event_point(world, *event, begin_ns)


def _point(world: World, near: "_Near", group: Group, t_s: float, begin_ns: int) -> TruthPoint:
    members = np.array([body.at(t_s) for body in group.bodies])
    east, north = members[0]
    lon, lat = to_wgs84(east, north)
    chainage, offset = world.site.border.chainage(east, north)
    # A train by itself is told from one whose wagons nobody wrote down.
    is_told = len(members) > 1 or group.actor_class is ActorClass.TRAIN
    return TruthPoint(
        at_ns=begin_ns + to_ns(t_s),
        actor=group.id,
        actor_class=group.actor_class,
        object_class=_object_class(group),
        count=len(group.bodies),
        own_force=group.own_force,
        longitude_deg=round(float(lon), 8),
        latitude_deg=round(float(lat), 8),
        east_m=round(float(east), 3),
        north_m=round(float(north), 3),
        chainage_m=round(float(chainage), 2),
        offset_m=round(float(offset), 2),
        near=near.sensors(group, members, t_s),
        behaviour=group.behaviour,
        lawful=group.lawful,
        others_m=tuple((round(e, 3), round(n, 3)) for e, n in members[1:].tolist())
        if is_told
        else None,
    )


def _object_class(group: Group) -> ObjectClass:
    if group.behaviour is Behaviour.DIG:
        return ObjectClass.DIGGING
    return group.actor_class.object_class


def _event_point(world: World, index: int, event: CableEvent, begin_ns: int) -> TruthPoint:
    place = world.place_of(event)
    lon, lat = to_wgs84(place.east_m, place.north_m)
    chainage, offset = world.site.border.chainage(place.east_m, place.north_m)
    return TruthPoint(
        at_ns=begin_ns + to_ns(event.t_s),
        actor=f"cable-event-{index + 1}",
        actor_class=CABLE_EVENT,
        object_class=ObjectClass.CABLE_ATTACK,
        count=1,
        own_force=False,
        longitude_deg=round(float(lon), 8),
        latitude_deg=round(float(lat), 8),
        east_m=round(float(place.east_m), 3),
        north_m=round(float(place.north_m), 3),
        chainage_m=round(float(chainage), 2),
        offset_m=round(float(offset), 2),
        near=tuple(row.id for row in world.sensors if row.cable == event.at_cable),
        event=event.kind,
        cable=event.at_cable,
        distance_m=event.distance_m,
    )


class _Near:
    """Which sensors have any of a group in reach."""

    def __init__(self, world: World) -> None:
        rows, site = world.sensors, world.site
        self._names = [row.id for row in rows]
        fibres = [n for n, row in enumerate(rows) if row.kind == "fibre" and row.cable is not None]
        self._fibres = np.array(fibres, dtype=np.int64)
        self._lines = np.array([site.cable(str(rows[n].cable)).line for n in fibres], dtype=object)
        shapely.prepare(self._lines)
        self._cameras = {
            n: ThermalCamera(row, *(site.sensor_place(row.id) or (0.0, 0.0)), 0)
            for n, row in enumerate(rows)
            if row.kind == "thermal"
        }
        self._stands = np.array(
            [
                (*(site.sensor_place(rows[n].id) or (0.0, 0.0)), rows[n].range_m or 0.0)
                for n in self._cameras
            ]
        ).reshape(-1, 3)
        carried = {n: _carried_reach_m(row) for n, row in enumerate(rows) if row.id in world.own}
        self._carried = np.array([n for n, sees_m in carried.items() if sees_m], dtype=np.int64)
        self._sees_m = np.array([sees_m for sees_m in carried.values() if sees_m])
        self._carriers = [world.own[self._names[n]] for n in self._carried]
        self._carrier_ids = np.array([body.actor for body in self._carriers], dtype=np.str_)
        self._carriers_at = lru_cache(maxsize=1)(self._carrier_places)

    def sensors(self, group: Group, members: FloatArray, t_s: float) -> tuple[str, ...]:
        """Names of those sensors.

        Args:
            group: who.
            members: their places, shape (member, 2), plane metres.
            t_s: when.
        """
        found = np.zeros(len(self._names), dtype=np.bool_)
        reach_m = fibre_reach_m(group.actor_class)
        if reach_m > 0.0:
            reached = shapely.dwithin(self._lines[:, np.newaxis], shapely.points(members), reach_m)
            found[self._fibres] = reached.any(axis=1)
        apart = self._stands[:, np.newaxis, :2] - members
        within = np.hypot(apart[..., 0], apart[..., 1]) <= self._stands[:, 2:]
        for camera, some in zip(self._cameras, within, strict=True):
            if some.any():
                found[camera] = self._sees(camera, group, members, some)
        apart = self._carriers_at(t_s)[:, np.newaxis] - members
        away = np.hypot(apart[..., 0], apart[..., 1]).min(axis=1)
        # What carries a sensor is not in that sensor's reach.
        found[self._carried] = (away < self._sees_m) & (self._carrier_ids != group.id)
        return tuple(self._names[n] for n in np.flatnonzero(found))

    def _carrier_places(self, t_s: float) -> FloatArray:
        """Places of what sees on the move, shape (carrier, 2)."""
        return np.array([body.at(t_s) for body in self._carriers]).reshape(-1, 2)

    def _sees(
        self, camera: int, group: Group, members: FloatArray, some: NDArray[np.bool_]
    ) -> bool:
        """Whether any of some members is in a camera's picture."""
        chosen = np.flatnonzero(some)
        still = np.zeros(chosen.size)
        bodies = tuple(group.bodies[n] for n in chosen)
        there = Snapshot(bodies, members[chosen, 0], members[chosen, 1], still, still)
        return bool(self._cameras[camera].outlines(there))


def _carried_reach_m(row: Sensor) -> float:
    """How far a sensor on the move sees; 0 where it only says where it is."""
    radar_m = row.radar.range_m if row.radar is not None else 0.0
    return max(radar_m, airframe(row).sees_m if row.kind == "aerial" else 0.0)
