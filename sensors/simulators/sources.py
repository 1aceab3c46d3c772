"""Cameras, radar and own forces as sources of messages: when each speaks, and what it puts in."""

from typing import Protocol

from geo.site_rows import Sensor
from sensors.messages import Pose, Report
from sensors.simulators.aerial import Observer, flight_height_m
from sensors.simulators.ais import Transponders
from sensors.simulators.gateway import Desk, Emission, to_ns
from sensors.simulators.mobile import Carrier
from sensors.simulators.rawthermal import FRAME_S, RawCamera
from sensors.simulators.thermal import ThermalCamera
from sensors.simulators.vehicle import SurveillanceVehicle
from sensors.simulators.world import World
from sensors.topics import Channel

QUIET_REPORT_EVERY = 10
"""A camera that sees nothing says so each tenth look (assumed)."""

AIS_EVERY_S = 2.0
"""A boat's receiver hands on what it heard in so long (assumed)."""

# Vehicles and aircraft, whose pose places what they see, each second; who walks a beat saves
# radio (assumed).
_POSE_EVERY_S = {"vehicle": 1.0, "patrol": 5.0, "boat": 2.0, "aerial": 1.0}


class Source(Protocol):
    """A sensor, or a part of one, that speaks at times of its own."""

    def next_s(self) -> float:
        """When it speaks next, in seconds from the scene's start."""
        ...

    def speak(self) -> list[Emission]:
        """Speak, and go on to the next time."""
        ...


def sources_of(world: World, row: Sensor, desk: Desk, phase: float) -> list[Source]:
    """Give what a camera, or one of our own forces, measures; nothing for any other sensor.

    Args:
        world: the scene at its site.
        row: the sensor.
        desk: its side of the gateway.
        phase: when within a second it speaks.
    """
    seed = world.scene.seed
    if row.kind == "thermal":
        place = world.site.sensor_place(row.id) or (0.0, 0.0)
        camera = ThermalCamera(row, *place, seed, world.scene.weather)
        if row.id in world.scene.raw_thermal:
            return [_RawFrames(desk, RawCamera(camera, seed), world, phase)]
        return [_Looks(desk, camera, world, phase)]
    if row.id not in world.own:
        return []
    every = _POSE_EVERY_S[row.kind]
    if row.id in world.reporting:
        every = world.reporting[row.id].reports_every_s
    height = flight_height_m(row, world.site) if row.kind == "aerial" else None
    carrier = Carrier(row.id, row.kind, world.own[row.id], seed, height)
    found: list[Source] = [_Poses(desk, carrier, phase, every)]
    match row.kind:
        case "vehicle":
            vehicle = SurveillanceVehicle(row, carrier, world, seed)
            found.append(_Scans(desk, vehicle, carrier, world, phase))
        case "aerial":
            observer = Observer(row, carrier, seed, world.scene.weather)
            found.append(_Overflights(desk, observer, carrier, world, phase))
        case "boat":
            found.append(_Ears(desk, Transponders(world, desk.start_ns), carrier, phase))
    return found


class _Looks:
    """Reports of a camera that detects by itself: each second, or each tenth when empty."""

    def __init__(self, desk: Desk, camera: ThermalCamera, world: World, phase: float) -> None:
        self._desk = desk
        self._camera = camera
        self._world = world
        self._phase = phase
        self._number = 0

    def next_s(self) -> float:
        return 1.0 + self._number + 0.05 + self._phase

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        # Taken on whole seconds, so that one picture of the world serves all cameras.
        t_s = 1.0 + self._number
        boxes = self._camera.look(t_s, self._world.at(t_s))
        self._number += 1
        if not boxes and self._number % QUIET_REPORT_EVERY:
            return []
        report = Report(**self._desk.stamp(Channel.REPORT, t_s, sent_s), boxes=tuple(boxes))
        return self._desk.send(Channel.REPORT, report, sent_s)


class _RawFrames:
    """Raw frames of a camera, 9 a second."""

    def __init__(self, desk: Desk, camera: RawCamera, world: World, phase: float) -> None:
        self._desk = desk
        self._camera = camera
        self._world = world
        self._phase = phase
        self._topic = desk.topic(Channel.FRAME)
        self._number = 0

    def next_s(self) -> float:
        return self._phase + self._number * FRAME_S + 0.02

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        t_s = self._phase + self._number * FRAME_S
        stamp = self._desk.stamp(Channel.FRAME, t_s, sent_s)
        payload = self._camera.frame(self._number, t_s, self._world, stamp)
        self._number += 1
        at_ns = self._desk.start_ns + to_ns(sent_s)
        return self._desk.pass_on(Emission(at_ns, self._topic, payload, qos=0), sent_s)


class _Poses:
    def __init__(self, desk: Desk, carrier: Carrier, phase: float, every_s: float) -> None:
        self._desk = desk
        self._carrier = carrier
        self._every = every_s
        self._phase = phase * every_s
        self._number = 0

    def next_s(self) -> float:
        return self._phase + self._number * self._every + 0.02

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        self._number += 1
        path = self._carrier.body.path
        if not path.begins_s <= sent_s - 0.02 <= path.ends_s:
            return []
        position, heading, speed = self._carrier.place(sent_s - 0.02)
        pose = Pose(
            **self._desk.stamp(Channel.POSE, sent_s - 0.02, sent_s),
            position=position,
            heading_deg=heading,
            heading_sigma_deg=None if heading is None else self._carrier.heading_sigma_deg(speed),
            speed_mps=speed,
        )
        return self._desk.send(Channel.POSE, pose, sent_s)


class _Scans:
    """A vehicle's radar and camera, each second."""

    def __init__(
        self,
        desk: Desk,
        vehicle: SurveillanceVehicle,
        carrier: Carrier,
        world: World,
        phase: float,
    ) -> None:
        self._desk = desk
        self._vehicle = vehicle
        self._carrier = carrier
        self._world = world
        self._phase = phase
        self._number = 0

    def next_s(self) -> float:
        return 1.0 + self._number + 0.05 + self._phase

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        t_s = 1.0 + self._number
        self._number += 1
        if not self._carrier.body.is_there(t_s):
            return []
        everyone = self._world.at(t_s)
        plots = self._vehicle.plots(t_s, everyone)
        boxes, orientation = self._vehicle.boxes(t_s, everyone)
        report = Report(
            **self._desk.stamp(Channel.REPORT, t_s, sent_s),
            plots=tuple(plots),
            boxes=tuple(boxes),
            orientation=orientation,
        )
        return self._desk.send(Channel.REPORT, report, sent_s)


class _Overflights:
    """What an aircraft's camera finds, each second."""

    def __init__(
        self, desk: Desk, observer: Observer, carrier: Carrier, world: World, phase: float
    ) -> None:
        self._desk = desk
        self._observer = observer
        self._carrier = carrier
        self._world = world
        self._phase = phase
        self._number = 0

    def next_s(self) -> float:
        return 1.0 + self._number + 0.05 + self._phase

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        t_s = 1.0 + self._number
        self._number += 1
        if not self._carrier.body.is_there(t_s):
            return []
        sightings = self._observer.sightings(t_s, self._world.at(t_s))
        report = Report(**self._desk.stamp(Channel.REPORT, t_s, sent_s), sightings=tuple(sightings))
        return self._desk.send(Channel.REPORT, report, sent_s)


class _Ears:
    """A boat's AIS receiver: what it heard in two seconds, when it heard something."""

    def __init__(
        self, desk: Desk, transponders: Transponders, carrier: Carrier, phase: float
    ) -> None:
        self._desk = desk
        self._transponders = transponders
        self._carrier = carrier
        self._phase = phase
        self._number = 0

    def next_s(self) -> float:
        return AIS_EVERY_S * (1.0 + self._number) + 0.05 + self._phase

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        t_s = AIS_EVERY_S * (1.0 + self._number)
        self._number += 1
        if not self._carrier.body.is_there(t_s):
            return []
        east, north = self._carrier.body.at(t_s)
        lines = self._transponders.heard(
            self._carrier.name, float(east), float(north), t_s - AIS_EVERY_S, t_s
        )
        if not lines:
            return []
        report = Report(**self._desk.stamp(Channel.REPORT, t_s, sent_s), nmea=tuple(lines))
        return self._desk.send(Channel.REPORT, report, sent_s)
