"""The truth of a scene: where its actors are, step by step."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import shapely

from geo.crs import to_wgs84
from geo.site import Site
from sensors.messages import ObjectClass
from sensors.scenes import ActorClass, Behaviour, CableEvent, Scene
from sensors.simulators.aerial import airframe
from sensors.simulators.gateway import to_ns
from sensors.simulators.groups import Group
from sensors.simulators.thermal import ThermalCamera
from sensors.simulators.world import Snapshot, World
from sensors.truth import CABLE_EVENT, TruthPoint

_FIBRE_REACH_M = {ActorClass.VEHICLE: 100.0, ActorClass.TRUCK: 100.0, ActorClass.TRAIN: 300.0}
_FOOT_REACH_M = 10.0
_UNNOTICED = {ActorClass.DRONE, ActorClass.BOAT}


def fibre_reach_m(actor_class: ActorClass) -> float:
    """Distance to the cable from which a fibre counts as near; 0 for whom it does not notice.

    Footsteps 10 m, vehicles tens to hundreds of metres (field notes); trains assumed.
    """
    if actor_class in _UNNOTICED:
        return 0.0
    return _FIBRE_REACH_M.get(actor_class, _FOOT_REACH_M)


def truth(
    scene: Scene, site: Site, step_s: float = 1.0, *, start_ns: int | None = None
) -> Iterator[TruthPoint]:
    """Give the place of every actor of the scene at each step, in order of time.

    What is done to a cable is one point, among those of the first step that is not before it. Own
    forces that patrol without being actors of the scene are not in it: they say themselves where
    they are.

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
    near = _Near(world)
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
    for event in events:  # after the last whole step
        yield _event_point(world, *event, begin_ns)


def _point(world: World, near: "_Near", group: Group, t_s: float, begin_ns: int) -> TruthPoint:
    east, north = group.bodies[0].at(t_s)
    lon, lat = to_wgs84(east, north)
    chainage, offset = world.site.border.chainage(east, north)
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
        near=near.sensors(group, t_s),
        behaviour=group.behaviour,
        lawful=group.lawful,
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
    """Which sensors have something in reach."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cameras = {
            row.id: ThermalCamera(row, *(world.site.sensor_place(row.id) or (0.0, 0.0)), 0)
            for row in world.sensors
            if row.kind == "thermal"
        }

    def sensors(self, group: Group, t_s: float) -> tuple[str, ...]:
        found = []
        body = group.bodies[0]
        east, north = (float(one) for one in body.at(t_s))
        here = shapely.Point(east, north)
        still = np.zeros(1)
        alone = Snapshot((body,), np.array([east]), np.array([north]), still, still)
        reach_m = fibre_reach_m(group.actor_class)
        for row in self._world.sensors:
            if row.kind == "fibre" and row.cable is not None:
                line = self._world.site.cable(row.cable).line
                is_near = reach_m > 0.0 and line.dwithin(here, reach_m)
            elif row.kind == "thermal":
                camera = self._cameras[row.id]
                is_near = camera.is_within(east, north, row.range_m or 0.0) and bool(
                    camera.outlines(alone)
                )
            elif row.id in self._world.own and row.id != group.id:
                carrier = self._world.own[row.id].at(t_s)
                away = float(np.hypot(carrier[0] - east, carrier[1] - north))
                is_near = (row.radar is not None and away < row.radar.range_m) or (
                    row.kind == "aerial" and away < airframe(row).sees_m
                )
            else:
                is_near = False
            if is_near:
                found.append(row.id)
        return tuple(found)
