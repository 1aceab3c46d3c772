"""What sensors may notice: the scene's cast and our own forces, and which sensors take part."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache

import numpy as np
import shapely

from geo.cable import Placed
from geo.errors import SceneError
from geo.site import Site
from geo.site_rows import Sensor
from sensors.scenes import ActorClass, CableEvent, Scene
from sensors.simulators.cast import Cast, own_vehicle
from sensors.simulators.motion import Body, FloatArray, seeded
from sensors.simulators.ways import about, halting

MOBILE = ("vehicle", "patrol", "boat", "aerial")

# How each kind of own force moves when nothing else is said (all assumed): offset from the
# border line, reach to each side of its station along the border, speed.
_BEATS = {
    "patrol": (600.0, 4_000.0, 9.0),
    "vehicle": (800.0, 2_000.0, 3.0),
    "boat": (60.0, 6_000.0, 5.0),
    "aerial": (400.0, 8_000.0, 15.0),
}
_STANDS_EACH_M, _STANDS_S = 1_000.0, 600.0
"""A surveillance vehicle stands and watches for ten minutes, then drives on (assumed)."""

# What each looks like to sensors (assumed: a surveillance vehicle is as large as a lorry).
_CLASSES = {
    "patrol": ActorClass.VEHICLE,
    "vehicle": ActorClass.TRUCK,
    "boat": ActorClass.BOAT,
    "aerial": ActorClass.DRONE,
}


@dataclass(frozen=True)
class Snapshot:
    """Everyone at one moment; arrays of shape (body,), plane metres and m/s."""

    bodies: tuple[Body, ...]
    east_m: FloatArray
    north_m: FloatArray
    velocity_east_mps: FloatArray
    velocity_north_mps: FloatArray


class World:
    """The scene at its site.

    Raises:
        SceneError: what the scene names and the site does not have.
    """

    def __init__(self, scene: Scene, site: Site) -> None:
        """Bring cast, own forces and sensors together."""
        self.scene = scene
        self.site = site.at(scene.start_ns)
        self.cast = Cast(scene, self.site)
        self.reporting = {
            group.id: group
            for group in self.cast.fixed
            if group.own_force and group.reports_every_s > 0.0
        }
        self._check()
        self.sensors = self._taking_part()
        self.own = {row.id: self._own(row) for row in self.sensors if row.kind in MOBILE}
        self.at = lru_cache(maxsize=4)(self._snapshot)

    def bodies(self, from_s: float, to_s: float) -> list[Body]:
        """Everyone who may be about at some time of a span (seconds from the scene's start)."""
        found = [body for group in self.cast.between(from_s, to_s) for body in group.bodies]
        found += [body for name, body in self.own.items() if name not in self.reporting]
        return found

    def _snapshot(self, t_s: float) -> Snapshot:
        there = [body for body in self.bodies(t_s, t_s) if body.is_there(t_s)]
        places = np.array([body.at(t_s) for body in there]).reshape(-1, 2)
        speeds = np.array([body.path.velocity(t_s) for body in there]).reshape(-1, 2)
        return Snapshot(tuple(there), places[:, 0], places[:, 1], speeds[:, 0], speeds[:, 1])

    def _own(self, row: Sensor) -> Body:
        if row.id in self.reporting:
            return self.reporting[row.id].bodies[0]
        place = self.site.sensor_place(row.id)
        if place is None:
            raise SceneError(
                f"{self.scene.name}: sensor {row.id!r} has no position in the site: wanted its "
                "station; add position, or leave it out with sensors = [...]"
            )
        offset, reach, speed = _BEATS[row.kind]
        draw = seeded(self.scene.seed, "beat", row.id)
        path = about(
            self.site,
            *place,
            offset,
            reach * draw.uniform(0.6, 1.0),
            speed * draw.uniform(0.8, 1.2),
        )
        if row.kind == "vehicle":
            path = halting(path, _STANDS_EACH_M, _STANDS_S)
        return own_vehicle(row.id, path, self.scene.seed, _CLASSES[row.kind])

    def _check(self) -> None:
        site, name = self.site, self.scene.name
        for index, fault in enumerate(self.scene.fault):
            if not site.has_sensor(fault.sensor):
                raise SceneError(
                    f"{name}: fault[{index}].sensor is {fault.sensor!r}: wanted a sensor "
                    "of the site"
                )
        for index, event in enumerate(self.scene.cable_event):
            cables = {row.id: row for row in site.cables}
            if event.at_cable not in cables:
                raise SceneError(
                    f"{name}: cable_event[{index}].at_cable is {event.at_cable!r}: wanted a cable "
                    f"of the site ({', '.join(cables)})"
                )
            length = site.cable(event.at_cable).length_m
            if event.distance_m > length:
                raise SceneError(
                    f"{name}: cable_event[{index}].distance_m is {event.distance_m:g}: wanted "
                    f"0 to {length:.0f} m, the length of {event.at_cable}"
                )
        keyed = [(f"actor[{n}]", row.id) for n, row in enumerate(self.scene.actor)]
        keyed += [(f"patrol[{n}]", row.id) for n, row in enumerate(self.scene.patrol)]
        for key, one in keyed:
            if one in self.reporting and not self._is_mobile(one):
                raise SceneError(
                    f"{name}: {key}.id is {one!r} and reports its position: wanted the name of a "
                    "patrol, vehicle, boat or drone of the site"
                )
        for camera in self.scene.raw_thermal:
            if not site.has_sensor(camera) or site.sensor(camera).kind != "thermal":
                raise SceneError(
                    f"{name}: raw_thermal holds {camera!r}: wanted thermal cameras of the site"
                )

    def _is_mobile(self, name: str) -> bool:
        return self.site.has_sensor(name) and self.site.sensor(name).kind in MOBILE

    def _taking_part(self) -> tuple[Sensor, ...]:
        scene = self.scene
        rows: Sequence[Sensor] = self.site.sensors
        if not scene.own_forces:
            rows = [r for r in rows if r.kind not in MOBILE or r.id in self.reporting]
        if scene.sensors:
            for pattern in scene.sensors:
                if not any(fnmatchcase(row.id, pattern) for row in rows):
                    raise SceneError(
                        f"{scene.name}: sensors holds {pattern!r}: wanted the name or pattern of a "
                        "sensor of the site, such as thermal-0*"
                    )
            rows = [r for r in rows if any(fnmatchcase(r.id, p) for p in scene.sensors)]
        if scene.within_m is not None:
            rows = [r for r in rows if self._distance_m(r) <= scene.within_m]
        if not rows:
            raise SceneError(
                f"{scene.name}: no sensor takes part: wanted one at least; widen sensors "
                "or within_m"
            )
        return tuple(rows)

    def _distance_m(self, row: Sensor) -> float:
        """From a sensor, or its cable, to where anything happens."""
        if row.id in self.reporting:
            return 0.0
        if row.kind == "fibre" and row.cable is not None:
            return float(shapely.distance(self.site.cable(row.cable).line, self.places))
        place = self.site.sensor_place(row.id)
        if place is None:
            return float("inf")
        return float(shapely.distance(shapely.Point(*place), self.places))

    @cached_property
    def places(self) -> shapely.GeometryCollection:
        """Where anything happens, in the plane: everyone's ways, and cable events."""
        ways = [
            shapely.LineString(np.column_stack((group.path.east_m, group.path.north_m)))
            for group in self.cast.everyone()
        ]
        events = [
            shapely.Point(float(placed.east_m), float(placed.north_m))
            for placed in map(self.place_of, self.scene.cable_event)
        ]
        return shapely.GeometryCollection([*ways, *events])

    def place_of(self, event: CableEvent) -> Placed:
        """Where in the plane something is done to a cable."""
        return self.site.cable(event.at_cable).place(event.distance_m)

    def fibre_window(self, row: Sensor) -> tuple[int, int] | None:
        """First channel and count that a fibre sends; None for all, or where none is near."""
        reach = self.scene.fibre_window_m
        if reach is None or row.cable is None:
            return None
        cable = self.site.cable(row.cable)
        placed = cable.place(cable.channel_distance(np.arange(cable.settings.channel_count)))
        channels = shapely.points(np.column_stack((placed.east_m, placed.north_m)))
        found = np.flatnonzero(shapely.distance(channels, self.places) <= reach)
        if not found.size:
            return None
        return int(found[0]), int(found[-1] - found[0]) + 1
