"""Reports and poses become placed detections, or a fault that is said."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geo.crs import convergence_deg, to_plane, to_wgs84
from geo.site import Site
from sensors.messages import Mark, ObjectClass, Pose, Register, Report
from sensors.topics import Channel, SensorKind, Topic
from services.detect.reports import ReportDetection, ReportSettings
from services.events import Detection, Heard, Reception, Tick, encode

SITE = Path(__file__).parents[3] / "deploy" / "sites" / "default.toml"
AT = 1_780_000_000_000_000_000
SECOND = 1_000_000_000


@lru_cache(maxsize=1)
def site() -> Site:
    return Site.load(SITE)


def stage() -> ReportDetection:
    return ReportDetection(site(), ReportSettings())


def heard(of: str, sensor: str, channel: str, at_ns: int = AT, /, **content: Any) -> Heard:
    models: dict[str, type[Report | Pose | Register]] = {
        "report": Report,
        "pose": Pose,
        "register": Register,
    }
    common = {
        "schema": 0,
        "session": "s1",
        "sequence": (at_ns - AT) // 1_000_000 + 1_000_000,
        "measured_at_ns": at_ns,
        "sent_at_ns": at_ns,
        "mark": Mark.SIMULATED,
    }
    message = models[channel].model_validate(common | content)
    topic = Topic("gateway-9", SensorKind(of), sensor, Channel(channel))
    return Heard(topic, message, at_ns + SECOND // 10, at_ns)


def detections(events: list[Detection | Reception]) -> list[Detection]:
    return [event for event in events if isinstance(event, Detection)]


def faults(one: ReportDetection) -> set[str]:
    told = one.push(Tick(AT + 1000 * SECOND))
    return {fault for event in told if isinstance(event, Reception) for fault in event.faults}


def pose(at_ns: int, east_m: float, north_m: float, heading_deg: float = 90.0) -> Heard:
    lon, lat = to_wgs84(east_m, north_m)
    return heard(
        "vehicle",
        "vehicle-x",
        "pose",
        at_ns,
        position={"longitude_deg": float(lon), "latitude_deg": float(lat), "accuracy_m": 2.0},
        heading_deg=heading_deg,
        heading_sigma_deg=0.5,
        speed_mps=10.0,
    )


PLOT = {"range_m": 800.0, "azimuth_deg": 30.0, "object_class": "person", "score": 0.8}


def test_a_fibre_vendors_event_lies_on_its_cable() -> None:
    event = {"distance_m": 5_000.0, "extent_m": 20.0, "object_class": "digging", "score": 0.7}
    [found] = detections(stage().push(heard("fibre", "fibre-1", "report", events=[event])))
    placed = site().cable("fibre-1").place(5_000.0)
    assert found.east_m == pytest.approx(float(placed.east_m))
    assert found.north_m == pytest.approx(float(placed.north_m))
    assert found.classes == {ObjectClass.DIGGING: 0.7, ObjectClass.UNKNOWN: pytest.approx(0.3)}
    assert found.distance_m == 5_000.0
    assert found.starts_track


def test_an_event_of_an_unknown_cable_or_beyond_its_end_is_counted_not_placed() -> None:
    one = stage()
    event = {"distance_m": 5_000.0}
    assert one.push(heard("fibre", "fibre-new", "report", events=[event])) == []
    assert one.push(heard("fibre", "fibre-1", "report", events=[{"distance_m": 90_000.0}])) == []
    assert one.not_placed == {"cable-unknown": 1, "beyond-cable": 1}
    assert faults(one) == {"cable-unknown", "beyond-cable"}
    assert faults(one) == set()


def test_a_plot_is_placed_from_the_pose_between_two() -> None:
    one = stage()
    east, north = (float(v) for v in to_plane(21.2, 45.2))
    one.push(pose(AT - SECOND, east, north))
    one.push(pose(AT + SECOND, east + 20.0, north))
    [found] = detections(one.push(heard("vehicle", "vehicle-x", "report", plots=[PLOT])))
    bearing = np.radians(90.0 + 30.0 - convergence_deg(21.2, 45.2))
    assert found.east_m == pytest.approx(east + 10.0 + 800.0 * np.sin(bearing), abs=0.1)
    assert found.north_m == pytest.approx(north + 800.0 * np.cos(bearing), abs=0.1)
    assert found.distance_m == 800.0
    assert found.received_at_ns == AT + SECOND // 10


@pytest.mark.parametrize("late_s", [10, -10])
def test_nothing_is_placed_by_a_pose_that_is_too_old(late_s: int) -> None:
    one = stage()
    one.push(pose(AT, 500_000.0, 5_000_000.0))
    at_ns = AT + late_s * SECOND
    assert one.push(heard("vehicle", "vehicle-x", "report", at_ns, plots=[PLOT, PLOT])) == []
    assert one.not_placed == {"pose-too-old": 2}
    assert faults(one) == {"pose-too-old"}


def test_a_pose_of_another_mark_places_nothing() -> None:
    one = stage()
    one.push(pose(AT, 500_000.0, 5_000_000.0))
    report = heard("vehicle", "vehicle-x", "report", plots=[PLOT], mark=Mark.REAL)
    assert one.push(report) == []
    assert faults(one) == {"position-unknown"}


def test_a_camera_of_the_site_is_trusted_before_its_registration() -> None:
    row = site().sensor("thermal-001")
    assert row.orientation is not None
    assert row.lens is not None
    one = stage()
    away = {"longitude_deg": 22.0, "latitude_deg": 45.0, "accuracy_m": 5.0}
    registration: dict[str, Any] = {
        "kind": "thermal",
        "model": "m",
        "heartbeat_interval_s": 10.0,
        "position": away,
        "height_above_ground_m": 20.0,
        "orientation": {
            "yaw_deg": 0.0, "pitch_deg": -10.0, "yaw_sigma_deg": 1.0, "pitch_sigma_deg": 1.0,
        },
        "lens": {"width_px": 640, "height_px": 512, "focal_length_px": 1000.0},
    }  # fmt: skip
    one.push(heard("thermal", "thermal-001", "register", **registration))
    one.push(heard("thermal", "thermal-new", "register", **registration))
    box = {"left_px": 310.0, "top_px": 480.0, "right_px": 330.0, "bottom_px": 511.0}
    [known] = detections(one.push(heard("thermal", "thermal-001", "report", boxes=[box])))
    [new] = detections(one.push(heard("thermal", "thermal-new", "report", boxes=[box])))
    assert row.position is not None
    home = [float(v) for v in to_plane(*row.position)]
    there = [float(v) for v in to_plane(22.0, 45.0)]
    assert np.hypot(known.east_m - home[0], known.north_m - home[1]) < 2_500.0
    assert np.hypot(new.east_m - there[0], new.north_m - there[1]) < 100.0
    bearing = np.degrees(np.arctan2(new.east_m - there[0], new.north_m - there[1]))
    assert bearing == pytest.approx(-convergence_deg(22.0, 45.0), abs=0.05)


def looking(yaw_deg: float, pitch_deg: float = -10.0) -> dict[str, float]:
    return {
        "yaw_deg": yaw_deg,
        "pitch_deg": pitch_deg,
        "yaw_sigma_deg": 1.0,
        "pitch_sigma_deg": 1.0,
    }


def test_a_new_registration_or_orientation_moves_what_a_camera_sees_from_then_on() -> None:
    registration: dict[str, Any] = {
        "kind": "thermal",
        "model": "m",
        "heartbeat_interval_s": 10.0,
        "position": {"longitude_deg": 22.0, "latitude_deg": 45.0, "accuracy_m": 5.0},
        "height_above_ground_m": 20.0,
        "orientation": looking(0.0),
        "lens": {"width_px": 640, "height_px": 512, "focal_length_px": 1000.0},
    }
    box = {"left_px": 310.0, "top_px": 480.0, "right_px": 330.0, "bottom_px": 511.0}
    one = stage()

    def seen(**content: Any) -> tuple[float, float]:
        [found] = detections(one.push(heard("thermal", "new", "report", boxes=[box], **content)))
        return found.east_m, found.north_m

    def alone(register: dict[str, Any], **content: Any) -> tuple[float, float]:
        fresh = stage()
        fresh.push(heard("thermal", "new", "register", **register))
        [found] = detections(fresh.push(heard("thermal", "new", "report", boxes=[box], **content)))
        return found.east_m, found.north_m

    one.push(heard("thermal", "new", "register", **registration))
    first = seen()
    assert seen(orientation=looking(90.0)) == alone(registration, orientation=looking(90.0))
    assert seen(orientation=looking(180.0)) == alone(registration, orientation=looking(180.0))
    assert seen() == first == alone(registration)
    moved = registration | {"orientation": looking(0.0, -20.0)}
    one.push(heard("thermal", "new", "register", **moved))
    assert seen() == alone(moved) != first


def test_another_row_of_the_site_places_a_camera_anew_from_its_hour_on() -> None:
    text = SITE.read_text(encoding="utf-8")
    first, _, _ = text.partition('id = "thermal-001"')
    row = first.rindex("[[sensors]]")
    end = text.index("[[", row + 2)
    block = text[row:end]
    change = "2026-06-01T00:00:00Z"
    before = block.replace("[[sensors]]", f"[[sensors]]\nvalid_to = {change}")
    after = block.replace("[[sensors]]", f"[[sensors]]\nvalid_from = {change}")
    after = re.sub(r"yaw_deg = [-0-9.]+", "yaw_deg = 12.5", after)
    changed = Site.parse(text[:row] + before + after + text[end:], "two-rows")
    change_ns = changed.changes_ns[0]
    one = ReportDetection(changed, ReportSettings())
    box = {"left_px": 310.0, "top_px": 480.0, "right_px": 330.0, "bottom_px": 511.0}

    def seen(at_ns: int) -> tuple[float, float]:
        report = heard("thermal", "thermal-001", "report", at_ns, boxes=[box])
        [found] = detections(one.push(report))
        return found.east_m, found.north_m

    old, new = seen(change_ns - SECOND), seen(change_ns + SECOND)
    assert np.hypot(old[0] - new[0], old[1] - new[1]) > 10.0
    # A report of before the change that comes after it is placed as things were then.
    assert seen(change_ns - SECOND // 2) == old
    assert seen(change_ns + SECOND // 2) == new


def test_bearing_only_and_weak_finds_start_no_track() -> None:
    box = {"left_px": 310.0, "top_px": 5.0, "right_px": 330.0, "bottom_px": 10.0, "score": 0.9}
    one = stage()
    [far] = detections(one.push(heard("thermal", "thermal-001", "report", boxes=[box])))
    assert far.bearing_only
    assert not far.starts_track
    event = {"distance_m": 100.0, "score": 0.1}
    [weak] = detections(one.push(heard("fibre", "fibre-1", "report", events=[event])))
    assert not weak.starts_track


def test_our_own_units_are_known_by_their_poses() -> None:
    one = stage()
    position = {"longitude_deg": 21.3, "latitude_deg": 45.2, "accuracy_m": 5.0}
    own = site().sensor("patrol-01")
    assert own.own_force
    [found] = detections(one.push(heard("patrol", "patrol-01", "pose", position=position)))
    assert found.own_force == "patrol-01"
    assert found.classes == {ObjectClass.PERSON: 1.0}
    assert one.push(heard("aerial", "somebody", "pose", position=position)) == []
    one.push(
        heard(
            "aerial",
            "somebody",
            "register",
            kind="aerial",
            model="m",
            heartbeat_interval_s=5.0,
            own_force=True,
        )
    )
    [drone] = detections(one.push(heard("aerial", "somebody", "pose", position=position)))
    assert drone.own_force == "somebody"
    assert drone.classes == {ObjectClass.DRONE: 1.0}


def test_sightings_keep_their_count_and_nmea_lines_do_not_vanish() -> None:
    one = stage()
    sighting = {
        "position": {"longitude_deg": 21.3, "latitude_deg": 44.8, "accuracy_m": 20.0},
        "object_class": "group",
        "score": 0.9,
        "count": 6,
    }
    [found] = detections(
        one.push(heard("boat", "boat-1", "report", sightings=[sighting], nmea=["!AIVDM", "x"]))
    )
    assert found.count == 6
    assert found.covariance.ee == pytest.approx(400.0)
    assert one.not_placed == {"nmea-not-read": 2}
    assert faults(one) == {"nmea-not-read"}


def test_a_wrong_clock_widens_the_place() -> None:
    event = {"distance_m": 5_000.0, "score": 0.7, "speed_mps": -10.0}
    report = heard("fibre", "fibre-1", "report", events=[event])
    [sure] = detections(stage().push(report))
    late = Heard(report.topic, report.message, AT, AT, clock_sigma_s=3.0)
    [unsure] = detections(stage().push(late))
    assert unsure.covariance.ee == pytest.approx(sure.covariance.ee + 900.0)


def test_a_restored_state_goes_on_as_if_nothing_had_been() -> None:
    items: list[Heard | Tick] = [
        pose(AT - SECOND, 500_000.0, 5_000_000.0),
        pose(AT, 500_010.0, 5_000_000.0),
        heard("vehicle", "vehicle-x", "report", AT + SECOND // 2, plots=[PLOT]),
        heard("vehicle", "vehicle-y", "report", AT + SECOND // 2, plots=[PLOT]),
        Tick(AT + 2 * SECOND),
    ]
    whole = stage()
    wanted = [encode(event) for item in items for event in whole.push(item)]
    for cut in range(len(items)):
        first, second = stage(), stage()
        before = [event for item in items[:cut] for event in first.push(item)]
        second.restore(first.snapshot())
        after = [event for item in items[cut:] for event in second.push(item)]
        assert [encode(event) for event in [*before, *after]] == wanted
    assert len(wanted) == 2
