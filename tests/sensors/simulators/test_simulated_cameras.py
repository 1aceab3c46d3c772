"""Cameras that detect by themselves: where boxes lie, how often, and what else they report."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

from geo.crs import convergence_deg
from geo.site_rows import Sensor
from sensors.messages import Box, ObjectClass
from sensors.scenes import ActorClass, Behaviour, Weather
from sensors.simulators.eye import Eye
from sensors.simulators.flatfield import CLOSED_S, EVERY_S, FlatField
from sensors.simulators.motion import Body
from sensors.simulators.seeing import sees_with_probability
from sensors.simulators.stray import Strays
from sensors.simulators.thermal import ThermalCamera
from services.detect.camera import Camera, place_feet
from tests.sensors.simulators.bodies import before_camera, body, exact, site, snapshot


def pitched(name: str, distance_m: float, **more: object) -> Sensor:
    """A camera that looks at the ground at a distance."""
    row = site().sensor(name)
    assert row.orientation is not None
    down = float(np.rad2deg(np.arctan2(row.height_above_ground_m or 0.0, distance_m)))
    looks = row.orientation.model_copy(update={"pitch_deg": -down})
    return exact(row.model_copy(update={"orientation": looks}), **more)


def boxes_of(camera: ThermalCamera, who: list[Body], looks: int) -> list[Box]:
    found = []
    for n in range(looks):
        t_s = float(n)
        found += camera.look(t_s, snapshot(who, t_s))
    return found


@pytest.mark.parametrize("roll", [0.0, 3.0])
@pytest.mark.parametrize(("distance_m", "aside_m"), [(200.0, -12.0), (700.0, 40.0)])
def test_what_a_pixel_shows_lies_where_the_service_places_that_pixel(
    distance_m: float, aside_m: float, roll: float
) -> None:
    """The service's way from pixel to ground is written apart from the simulator's to the pixel."""
    row = pitched("thermal-023", distance_m)
    assert row.orientation is not None
    assert row.position is not None
    assert row.lens is not None
    east, north, at_east, at_north = before_camera("thermal-023", distance_m, aside_m)
    yaw = row.orientation.yaw_deg - convergence_deg(*row.position)
    up, pitch = row.height_above_ground_m or 0.0, row.orientation.pitch_deg
    eye = Eye(east, north, up, row.lens, yaw, pitch, roll)
    look = eye.looks(snapshot([body(at_east, at_north)], 1.0), 2_000.0)[0]
    camera = Camera(
        east, north, np.eye(2), up, 0.1, yaw, pitch, roll, 0.01, 0.001, 0.001,
        row.lens.width_px, row.lens.height_px, row.lens.focal_length_px, 5_000.0,
    )  # fmt: skip
    (placed,) = place_feet(camera, [look.foot_px])
    assert not placed.bearing_only
    assert np.hypot(placed.east_m - at_east, placed.north_m - at_north) < 0.01
    assert look.range_m == pytest.approx(np.hypot(np.hypot(distance_m, aside_m), up), abs=0.01)


def test_the_rays_of_pixels_meet_what_is_seen_in_them() -> None:
    row = pitched("thermal-001", 500.0)
    assert row.lens is not None
    east, north, at_east, at_north = before_camera("thermal-001", 480.0, 15.0)
    camera = ThermalCamera(row, east, north, 1)
    look = camera.looks(snapshot([body(at_east, at_north)], 1.0))[0]
    column, line = (int(one) for one in look.foot_px)
    ray = camera.eye.rays()[line, column]
    ground = np.array([east, north]) - ray[:2] * (row.height_above_ground_m or 0.0) / ray[2]
    # One pixel is 0.1 m across at this range, and some metres along it.
    away = ground - np.array([at_east, at_north])
    along = np.array([at_east - east, at_north - north]) / np.hypot(480.0, 15.0)
    assert abs(along[0] * away[1] - along[1] * away[0]) < 0.15
    assert abs(float(along @ away)) < 4.0


@pytest.mark.parametrize(
    "weather", [Weather(), Weather(visibility_m=1_000.0, rain_mm_h=4.0, temperature_c=20.0)]
)
def test_the_share_of_looks_that_report_is_johnsons(weather: Weather) -> None:
    """Looks at one target hang together; over many targets the share is the formula's."""
    row = pitched("thermal-001", 1_700.0, range_m=1_979.0)
    assert row.lens is not None
    seen, looks = 0, 0
    east, north, at_east, at_north = before_camera("thermal-001", 1_700.0)
    camera = ThermalCamera(row, east, north, 4, weather)
    for number in range(150):
        who = [body(at_east, at_north, name=f"w{number}")]
        for t_s in (0.0, 11.0, 22.0):
            seen += sum(1 for box in camera.look(t_s, snapshot(who, t_s)) if box.top_px > 100)
            looks += 1
    look = camera.looks(snapshot([body(at_east, at_north)], 1.0))[0]
    wanted = float(sees_with_probability(camera._watcher.pixels(look, row.lens)))
    sigma = float(np.sqrt(wanted * (1.0 - wanted) / looks))
    assert 0.02 < wanted < 0.95
    assert abs(seen / looks - wanted) < norm.isf(1e-4) * sigma + 0.01


def test_looks_at_one_target_hang_together() -> None:
    row = pitched("thermal-001", 2_000.0)
    east, north, at_east, at_north = before_camera("thermal-001", 2_000.0)
    camera = ThermalCamera(row, east, north, 9)
    who = [body(at_east, at_north)]
    seen = np.array([bool(camera.look(float(t), snapshot(who, 1.0))) for t in range(2_000)])
    p = seen.mean()
    again = seen[1:][seen[:-1]].mean()
    assert 0.3 < p < 0.7
    assert again > p + 0.1


def test_fog_hides_what_a_clear_night_shows() -> None:
    row = pitched("thermal-001", 600.0)
    east, north, at_east, at_north = before_camera("thermal-001", 600.0)
    shares = []
    for visibility_m in (20_000.0, 600.0, 200.0):
        camera = ThermalCamera(row, east, north, 1, Weather(visibility_m=visibility_m))
        found = boxes_of(camera, [body(at_east, at_north)], 100)
        shares.append(len(found) / 100)
    assert shares[0] > 0.9
    assert shares[2] < 0.05
    assert shares[0] >= shares[1] >= shares[2]


def test_who_crawls_is_reported_less_far() -> None:
    row = pitched("thermal-001", 1_500.0)
    east, north, at_east, at_north = before_camera("thermal-001", 1_500.0)
    camera = ThermalCamera(row, east, north, 2)
    counts = []
    for behaviour in (Behaviour.WALK, Behaviour.CRAWL):
        who = [body(at_east, at_north, (0.3, 0.0), behaviour=behaviour)]
        counts.append(len(boxes_of(camera, who, 200)))
    assert counts[1] < 0.75 * counts[0]


def test_boxes_scatter_about_the_outline_and_grass_hides_the_foot() -> None:
    row = pitched("thermal-001", 300.0)
    assert row.lens is not None
    east, north, at_east, at_north = before_camera("thermal-001", 300.0)
    camera = ThermalCamera(row, east, north, 1)
    who = [body(at_east, at_north)]
    _, (left, top, right, bottom) = camera.outlines(snapshot(who, 1.0))[0]
    found = np.array(
        [
            (box.left_px, box.top_px, box.right_px, box.bottom_px)
            for box in boxes_of(camera, who, 500)
        ]
    )
    hidden = 0.15 * row.lens.focal_length_px / 300.0
    bias = found.mean(axis=0) - (left, top, right, bottom - hidden)
    assert np.abs(bias).max() < 0.15
    high, wide = bottom - top - hidden, right - left
    sigma = np.hypot(0.5, 0.04 * np.array([wide, high, wide, high]))
    assert found.std(axis=0) == pytest.approx(sigma, rel=0.15)


def test_names_come_near_and_are_seldom_wrong() -> None:
    shares = []
    for distance_m in (300.0, 1_500.0):
        row = pitched("thermal-001", distance_m)
        east, north, at_east, at_north = before_camera("thermal-001", distance_m)
        camera = ThermalCamera(row, east, north, 1)
        found = boxes_of(camera, [body(at_east, at_north)], 600)
        classes = Counter(box.object_class for box in found)
        shares.append(classes[ObjectClass.PERSON] / len(found))
        assert classes[ObjectClass.ANIMAL] < 0.06 * len(found)
    # Recognition, 8 pixels on 0.95 m, in half of all looks at 495 m (Johnson).
    assert 0.75 < shares[0] < 0.9
    assert shares[1] < 0.1


def test_scores_say_how_well_a_target_is_seen() -> None:
    means = []
    for distance_m in (300.0, 1_900.0):
        row = pitched("thermal-001", distance_m)
        east, north, at_east, at_north = before_camera("thermal-001", distance_m)
        camera = ThermalCamera(row, east, north, 1)
        found = boxes_of(camera, [body(at_east, at_north)], 300)
        means.append(float(np.mean([box.score for box in found])))
    assert means[0] > means[1] + 0.3


def test_a_drone_and_what_is_behind_are_not_in_view() -> None:
    east, north, at_east, at_north = before_camera("thermal-001", 300.0)
    camera = ThermalCamera(site().sensor("thermal-001"), east, north, 1)
    drone = body(at_east, at_north, actor_class=ActorClass.DRONE)
    behind = body(2 * east - at_east, 2 * north - at_north)
    assert not camera.outlines(snapshot([drone, behind], 1.0))


def strays(weather: Weather, seed: int = 1) -> Strays:
    return Strays(seed, "thermal-001", (512, 640), 180.0, 4_166.7 * 15.0, 4_166.7, weather)


@pytest.mark.parametrize(
    ("weather", "per_hour"),
    [(Weather(), 0.25), (Weather(wind_mps=10.0), 2.25), (Weather(rain_mm_h=10.0), 1.25)],
)
def test_false_reports_are_as_frequent_as_the_weather_makes_them(
    weather: Weather, per_hour: float
) -> None:
    one = strays(weather)
    assert one.per_hour == pytest.approx(per_hour)
    hours = 400.0 / per_hour / 4.0
    events = sum(len(one._events(slot)) for slot in range(int(hours * 60.0)))
    assert events == pytest.approx(100.0, abs=norm.isf(1e-4) * 10.0)


def test_plants_report_at_the_same_places_and_small_animals_go_on() -> None:
    windy = strays(Weather(wind_mps=12.0))
    found = [windy.at(float(t)) for t in range(40_000)]
    plants = [box for look in found for box, kind, _ in look if kind is ObjectClass.UNKNOWN]
    middles = np.array([0.5 * (box[0] + box[2]) for box in plants])
    near = np.abs(middles[:, np.newaxis] - windy._bushes[:, 0]).min(axis=1)
    assert np.median(near) < 8.0
    calm = strays(Weather())
    runs = [event for slot in range(20_000) for event in calm._events(slot) if event.drift_pxps]
    assert len(runs) > 20
    assert all(event.lasts_s <= 30.0 for event in runs)
    assert {event.object_class for event in runs} >= {ObjectClass.ANIMAL, ObjectClass.UNKNOWN}


def test_the_shutter_closes_for_half_a_second_each_few_minutes() -> None:
    shutter = FlatField(3, "thermal-001")
    times = np.arange(0.0, 3_600.0, 0.05)
    closed = np.array([shutter.is_closed(float(t)) for t in times])
    begins = times[1:][closed[1:] & ~closed[:-1]]
    assert len(begins) == pytest.approx(3_600.0 / EVERY_S, abs=1)
    assert np.diff(begins).min() > 150.0
    assert closed.sum() * 0.05 == pytest.approx(len(begins) * CLOSED_S, rel=0.2)


def test_a_closed_shutter_reports_nothing() -> None:
    east, north, at_east, at_north = before_camera("thermal-001", 300.0)
    camera = ThermalCamera(pitched("thermal-001", 300.0), east, north, 1)
    shut = camera.flat_field.begins_s(2) + 0.1
    who = snapshot([body(at_east, at_north)], shut)
    assert camera.looks(who)
    assert not camera.look(shut, who)
