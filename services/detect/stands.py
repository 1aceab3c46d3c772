"""Where sensors stand and how they look, from the site, their registrations and their poses."""

import dataclasses
from dataclasses import dataclass

from geo.crs import convergence_deg, to_plane, to_wgs84
from geo.site import Site
from geo.site_rows import Lens as SiteLens
from geo.site_rows import Orientation as SiteOrientation
from geo.site_rows import Sensor
from geo.uncertainty import isotropic
from sensors.messages import Lens, Mark, Orientation, Register, Report
from services.detect.camera import Camera
from services.detect.placing import plane_position
from services.detect.poses import PoseAt, Poses
from services.detect.report_settings import ReportSettings

Key = tuple[str, str]
"""Gateway and sensor."""


@dataclass(frozen=True, slots=True)
class _Stand:
    """A fixed sensor in the plane, kept while the same row and registration hold.

    Attributes:
        row: of the site, as it was worked out from.
        register: the same.
        pose: where it stands; its time says nothing.
        orientation: that a report gave, or None.
        camera: how it looks by that orientation, once asked for.
    """

    row: Sensor | None
    register: Register | None
    pose: PoseAt
    orientation: Orientation | None = None
    camera: Camera | None = None


class Stands:
    """What is known of each sensor's place and lens.

    Order of trust: the site, then what it registered; for what turns, the orientation in the
    report itself before both. What a fixed sensor's row and registration give is worked out once.

    Attributes:
        registers: the last registration of each sensor.
        poses: of what moves, by mark.
    """

    def __init__(self, site: Site, settings: ReportSettings) -> None:
        """Start with the site alone."""
        self._site = site
        self._settings = settings
        self._listed: tuple[Site | None, dict[str, Sensor]] = (None, {})
        self._fixed: dict[Key, _Stand] = {}
        self.registers: dict[Key, Register] = {}
        self.poses: dict[tuple[str, str, Mark], Poses] = {}

    def known(self, key: Key, at_ns: int) -> tuple[Sensor | None, Register | None]:
        """A sensor's row in the site of a time, and its registration."""
        return self._row(key, at_ns), self.registers.get(key)

    def _row(self, key: Key, at_ns: int) -> Sensor | None:
        site = self._site.at(at_ns)
        if self._listed[0] is not site:
            self._listed = (site, {row.id: row for row in site.sensors})
        return self._listed[1].get(key[1])

    def own_force(self, key: Key, at_ns: int) -> bool:
        """Whether a sensor is a unit of our own."""
        row, register = self.known(key, at_ns)
        if row is not None:
            return row.own_force
        return register is not None and register.own_force

    def place(self, key: Key, at_ns: int, mark: Mark) -> PoseAt | str:
        """Where a sensor was: by its poses if it has any, else by site or registration."""
        poses = self.poses.get((*key, mark))
        if poses is not None:
            return poses.at(at_ns, self._settings.pose_limit_s) or "pose-too-old"
        stand = self._stand(key, at_ns)
        return "position-unknown" if stand is None else stand.pose

    def _stand(self, key: Key, at_ns: int) -> _Stand | None:
        """Where a fixed sensor stands by the site or its registration, or None."""
        row, register = self.known(key, at_ns)
        stand = self._fixed.get(key)
        if stand is not None and stand.row is row and stand.register is register:
            return stand
        if row is not None and row.position is not None and row.kind in {"thermal", "radar"}:
            east, north = (float(value) for value in to_plane(*row.position))
            own = isotropic(row.position_sigma_m or self._settings.sensor_sigma_m)
            place, yaw = row.position, row.orientation
        elif register is not None and register.position is not None and row is None:
            position = register.position
            east, north, own = plane_position(position)
            place, yaw = (position.longitude_deg, position.latitude_deg), None
        else:
            return None
        # A radar on a mast that states no orientation counts its azimuths from true north.
        heading = (0.0 if yaw is None else yaw.yaw_deg) - convergence_deg(*place)
        (ee, en), (_, nn) = own.tolist()
        pose = PoseAt(at_ns, east, north, ee, en, nn, heading, 0.0)
        stand = self._fixed[key] = _Stand(row, register, pose)
        return stand

    def camera(self, key: Key, at_ns: int, report: Report) -> Camera | str:
        """The camera as it was at the report's time, or what is not known of it."""
        if (*key, report.mark) in self.poses:
            pose = self.place(key, at_ns, report.mark)
            return pose if isinstance(pose, str) else self._look(key, at_ns, report, pose)
        stand = self._stand(key, at_ns)
        if stand is None:
            return "position-unknown"
        if stand.camera is not None and stand.orientation == report.orientation:
            return stand.camera
        camera = self._look(key, at_ns, report, stand.pose)
        if isinstance(camera, Camera):
            orientation = report.orientation
            self._fixed[key] = dataclasses.replace(stand, orientation=orientation, camera=camera)
        return camera

    def _look(self, key: Key, at_ns: int, report: Report, pose: PoseAt) -> Camera | str:
        """A camera at a pose, or what is not known of how it looks."""
        settings = self._settings
        row, register = self.known(key, at_ns)
        looks: Orientation | SiteOrientation | None = report.orientation
        lens: Lens | SiteLens | None = None
        for known in (row, register):
            if known is not None:
                looks, lens = looks or known.orientation, lens or known.lens
        if looks is None or lens is None:
            return "orientation-unknown" if looks is None else "lens-unknown"
        height = row.height_above_ground_m if row is not None else None
        if height is None and register is not None:
            height = register.height_above_ground_m
        range_m = (row and row.range_m) or (register and register.range_m)
        turn = _convergence(pose)
        return Camera(
            east_m=pose.east_m,
            north_m=pose.north_m,
            position_m2=pose.covariance_m2,
            above_ground_m=height or settings.camera_height_m,
            ground_sigma_m=settings.ground_sigma_m,
            yaw_deg=looks.yaw_deg - turn,
            pitch_deg=looks.pitch_deg,
            roll_deg=looks.roll_deg,
            yaw_sigma_deg=looks.yaw_sigma_deg,
            pitch_sigma_deg=looks.pitch_sigma_deg,
            roll_sigma_deg=looks.roll_sigma_deg if isinstance(looks, SiteOrientation) else 0.1,
            width_px=lens.width_px,
            height_px=lens.height_px,
            focal_length_px=lens.focal_length_px,
            range_m=range_m or settings.camera_range_m,
        )


def _convergence(pose: PoseAt) -> float:
    """Grid convergence where a pose is, in degrees."""
    lon, lat = to_wgs84(pose.east_m, pose.north_m)
    return convergence_deg(float(lon), float(lat))
