"""What devices found by themselves, and where our own units are, placed on the ground."""

import dataclasses
from collections import Counter
from typing import Any

import numpy as np

from geo.errors import SiteError
from geo.site import Site
from sensors.messages import (
    Box,
    CableEvent,
    Mark,
    ObjectClass,
    Plot,
    Pose,
    Register,
    Report,
    Sighting,
)
from sensors.topics import Channel, SensorKind
from services.detect.camera import place_feet
from services.detect.method import method_name, pack, unpack
from services.detect.placing import (
    FloatArray,
    Ground,
    place_plot,
    plane_position,
)
from services.detect.poses import PoseAt, Poses, pose_at
from services.detect.report_settings import ReportSettings
from services.detect.stands import Key, Stands
from services.events import Covariance, Detection, Heard, Reception, Tick
from services.stage import undamaged

__all__ = ["ReportDetection", "ReportSettings"]

_STAGE = "reports"
_VERSION = 1
_NS = 1_000_000_000

_CLASS_OF_KIND = {
    SensorKind.VEHICLE: ObjectClass.VEHICLE,
    SensorKind.PATROL: ObjectClass.PERSON,
    SensorKind.BOAT: ObjectClass.BOAT,
    SensorKind.AERIAL: ObjectClass.DRONE,
}


class ReportDetection:
    """Reports and poses in, placed detections out; a pure stage."""

    def __init__(self, site: Site, settings: ReportSettings) -> None:
        """Start with nothing heard."""
        self._site = site
        self._settings = settings
        self._method = method_name("report", _VERSION, settings)
        self._stands = Stands(site, settings)
        self._faults: dict[tuple[str, SensorKind, str], Counter[str]] = {}
        self._not_placed: Counter[str] = Counter()
        self._told_ns = 0

    def push(self, item: Heard | Tick) -> list[Detection | Reception]:
        """Take a report, a pose, a registration or the time; faults are told once a second."""
        if isinstance(item, Tick):
            return [*self._tell(item.at_ns)]
        sensor, kind = item.topic.sensor, item.topic.kind
        if sensor is None or kind is None:
            return []
        key = (item.topic.group, sensor)
        match item.message:
            case Register() as register:
                self._stands.registers[key] = register
            case Pose() as pose:
                sigma = self._settings.heading_sigma_deg
                placed = pose_at(pose, item.at_ns, sigma)
                self._stands.poses.setdefault((*key, pose.mark), Poses()).add(placed)
                if self._stands.own_force(key, item.at_ns):
                    return [self._own(item, kind, placed, pose)]
            case Report() as report:
                return [*self._report(item, kind, report)]
        return []

    @property
    def not_placed(self) -> dict[str, int]:
        """How many items could not be used since the start, by fault."""
        return dict(self._not_placed)

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        header: dict[str, Any] = {
            "told_ns": self._told_ns,
            "registers": [
                [*key, one.model_dump_json(by_alias=True)]
                for key, one in sorted(self._stands.registers.items())
            ],
            "poses": [
                [*key, [dataclasses.astuple(one) for one in poses.kept]]
                for key, poses in sorted(self._stands.poses.items())
            ],
            "not_placed": dict(sorted(self._not_placed.items())),
            "faults": [
                [*key, dict(sorted(count.items()))] for key, count in sorted(self._faults.items())
            ],
        }
        return pack(_STAGE, self._method, header, {})

    def restore(self, state: bytes) -> None:
        """Go on from a state that :meth:`snapshot` wrote.

        Raises:
            SnapshotError: damaged, or of another stage, version or setting.
        """
        header, _ = unpack(_STAGE, self._method, state)
        with undamaged(_STAGE):
            told_ns, not_placed = int(header["told_ns"]), Counter(header["not_placed"])
            registers = {
                (group, name): Register.model_validate_json(text)
                for group, name, text in header["registers"]
            }
            poses = {
                (group, name, Mark(mark)): Poses([PoseAt(*one) for one in kept])
                for group, name, mark, kept in header["poses"]
            }
            faults = {
                (group, SensorKind(kind), name): Counter(count)
                for group, kind, name, count in header["faults"]
            }
        self._told_ns, self._not_placed, self._faults = told_ns, not_placed, faults
        self._stands.registers, self._stands.poses = registers, poses

    # --- what it found

    def _report(self, heard: Heard, kind: SensorKind, report: Report) -> list[Detection]:
        key = (heard.topic.group, heard.topic.sensor or "")
        out = [
            *self._events(key, heard, kind, report.events),
            *self._boxes(key, heard, kind, report),
            *self._plots(key, heard, kind, report),
            *(
                self._sighting(heard, kind, index, one)
                for index, one in enumerate(report.sightings)
            ),
        ]
        if report.nmea:
            self._fault(heard, kind, "nmea-not-read", len(report.nmea))
        return out

    def _events(
        self, key: Key, heard: Heard, kind: SensorKind, events: tuple[CableEvent, ...]
    ) -> list[Detection]:
        if not events:
            return []
        row, register = self._stands.known(key, heard.at_ns)
        name = (row and row.cable) or (register and register.cable)
        try:
            cable = self._site.at(heard.at_ns).cable(name or "")
        except SiteError:
            self._fault(heard, kind, "cable-unknown", len(events))
            return []
        out = []
        for index, event in enumerate(events):
            if event.distance_m > cable.length_m:
                self._fault(heard, kind, "beyond-cable", 1)
                continue
            sigma = max(self._settings.cable_sigma_m, event.extent_m / 4.0)
            swath = max(cable.settings.swath_sigma_m, event.extent_m / 4.0)
            placed = cable.place(event.distance_m, sigma, swath)
            ground = Ground(
                float(placed.east_m),
                float(placed.north_m),
                _covariance(placed.covariance_m2),
                event.distance_m,
            )
            speed = None if event.speed_mps is None else abs(event.speed_mps)
            out.append(self._found(heard, kind, f"event.{index}", ground, event, speed))
        return out

    def _boxes(self, key: Key, heard: Heard, kind: SensorKind, report: Report) -> list[Detection]:
        if not report.boxes:
            return []
        camera = self._stands.camera(key, heard.at_ns, report)
        if isinstance(camera, str):
            self._fault(heard, kind, camera, len(report.boxes))
            return []
        grounds = place_feet(
            camera,
            [(0.5 * (box.left_px + box.right_px), box.bottom_px) for box in report.boxes],
            pixel_sigma_px=self._settings.pixel_sigma_px,
            trusted_share=self._settings.trusted_share,
        )
        return [
            self._found(heard, kind, f"box.{index}", ground, box, None)
            for index, (ground, box) in enumerate(zip(grounds, report.boxes, strict=True))
        ]

    def _plots(self, key: Key, heard: Heard, kind: SensorKind, report: Report) -> list[Detection]:
        if not report.plots:
            return []
        pose = self._stands.place(key, heard.at_ns, report.mark)
        if isinstance(pose, str):
            self._fault(heard, kind, pose, len(report.plots))
            return []
        if pose.heading_deg is None:
            self._fault(heard, kind, "heading-unknown", len(report.plots))
            return []
        row, register = self._stands.known(key, heard.at_ns)
        radar = (row and row.radar) or (register and register.radar)
        settings = self._settings
        range_sigma = radar.range_sigma_m if radar else settings.radar_range_sigma_m
        azimuth_sigma = radar.azimuth_sigma_deg if radar else settings.radar_azimuth_sigma_deg
        sigma = float(np.hypot(azimuth_sigma, pose.heading_sigma_deg))
        out = []
        for index, plot in enumerate(report.plots):
            bearing = pose.heading_deg + plot.azimuth_deg
            ground = place_plot(
                pose.east_m,
                pose.north_m,
                pose.covariance_m2,
                bearing,
                plot.range_m,
                range_sigma,
                sigma,
            )
            speed = None if plot.radial_speed_mps is None else abs(plot.radial_speed_mps)
            out.append(self._found(heard, kind, f"plot.{index}", ground, plot, speed))
        return out

    def _sighting(
        self, heard: Heard, kind: SensorKind, index: int, sighting: Sighting
    ) -> Detection:
        east, north, covariance = plane_position(sighting.position)
        found = self._found(
            heard,
            kind,
            f"sighting.{index}",
            Ground(east, north, _covariance(covariance), 0.0),
            sighting,
            sighting.speed_mps,
        )
        return dataclasses.replace(found, count=sighting.count, distance_m=None)

    def _found(
        self,
        heard: Heard,
        kind: SensorKind,
        what: str,
        ground: Ground,
        said: CableEvent | Box | Plot | Sighting,
        speed_mps: float | None,
    ) -> Detection:
        classes = {said.object_class: 1.0}
        if said.object_class is not ObjectClass.UNKNOWN:
            sure = min(max(said.score, 0.2), 0.95)
            classes = {said.object_class: sure, ObjectClass.UNKNOWN: 1.0 - sure}
        strong = said.score >= self._settings.start_score
        return self._detection(
            heard,
            kind,
            what,
            ground,
            classes=classes,
            confidence=said.score,
            score=said.score,
            starts_track=strong and not ground.bearing_only,
            speed_mps=speed_mps,
        )

    def _own(self, heard: Heard, kind: SensorKind, placed: PoseAt, pose: Pose) -> Detection:
        covariance = Covariance(placed.ee, placed.en, placed.nn)
        ground = Ground(placed.east_m, placed.north_m, covariance, 0.0)
        detection = self._detection(
            heard,
            kind,
            "pose",
            ground,
            classes={_CLASS_OF_KIND.get(kind, ObjectClass.UNKNOWN): 1.0},
            confidence=1.0,
            score=1.0,
            starts_track=True,
            speed_mps=pose.speed_mps,
        )
        return dataclasses.replace(detection, own_force=heard.topic.sensor, distance_m=None)

    def _detection(
        self,
        heard: Heard,
        kind: SensorKind,
        what: str,
        ground: Ground,
        *,
        classes: dict[ObjectClass, float],
        confidence: float,
        score: float,
        starts_track: bool,
        speed_mps: float | None,
    ) -> Detection:
        topic, message = heard.topic, heard.message
        if not isinstance(message, Report | Pose) or topic.sensor is None:
            raise TypeError(f"message is {type(message).__name__}: wanted Report or Pose")
        covariance = ground.covariance
        if heard.clock_sigma_s:
            covariance = _widened(covariance, heard.clock_sigma_s, speed_mps)
        name = f"{topic.group}/{topic.sensor}/{message.mark}/{message.session}"
        return Detection(
            id=f"{name}/{message.sequence}.{what}",
            group=topic.group,
            kind=kind,
            sensor=topic.sensor,
            mark=message.mark,
            at_ns=heard.at_ns,
            east_m=ground.east_m,
            north_m=ground.north_m,
            covariance=covariance,
            classes=classes,
            confidence=confidence,
            score=score,
            method=self._method,
            bearing_only=ground.bearing_only,
            starts_track=starts_track,
            distance_m=ground.range_m,
            speed_mps=speed_mps,
            received_at_ns=heard.received_at_ns,
        )

    # --- what could not be used

    def _fault(self, heard: Heard, kind: SensorKind, what: str, count: int) -> None:
        key = (heard.topic.group, kind, heard.topic.sensor or "")
        self._faults.setdefault(key, Counter())[what] += count
        self._not_placed[what] += count

    def _tell(self, at_ns: int) -> list[Reception]:
        if at_ns - self._told_ns < _NS:
            return []
        self._told_ns = at_ns
        told = [
            Reception(
                group=group,
                kind=kind,
                sensor=sensor,
                channel=Channel.REPORT,
                at_ns=at_ns,
                messages=0,
                bytes=0,
                faults=tuple(sorted(count)),
            )
            for (group, kind, sensor), count in sorted(self._faults.items())
        ]
        self._faults.clear()
        return told


def _covariance(matrix: FloatArray) -> Covariance:
    """Take a covariance of shape (2, 2) as the record has it."""
    (ee, en), (_, nn) = matrix.tolist()
    return Covariance(ee, en, nn)


def _widened(covariance: Covariance, clock_sigma_s: float, speed_mps: float | None) -> Covariance:
    """Add what a wrong clock leaves of a moving thing's place (5 m/s where no speed is known)."""
    extra = clock_sigma_s * (5.0 if speed_mps is None else speed_mps)
    return Covariance(covariance.ee + extra**2, covariance.en, covariance.nn + extra**2)
