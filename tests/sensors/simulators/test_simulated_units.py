"""Positions, compasses, radar, turrets, aircraft: they err as they say, and see what they can."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2, norm

from geo.crs import convergence_deg, to_plane
from geo.site_rows import Radar
from geo.uncertainty import from_axes
from sensors.messages import Plot
from sensors.scenes import ActorClass, Behaviour, Weather, parse
from sensors.simulators.aerial import (
    AIRCRAFT,
    DRONE,
    HELICOPTER,
    Observer,
    airframe,
    flight_height_m,
    spread_m2,
)
from sensors.simulators.gps import RECEIVERS, Gps, Wander
from sensors.simulators.mobile import COMPASS_BIAS_DEG, Carrier, facing_rad
from sensors.simulators.motion import Body, FloatArray
from sensors.simulators.motion import Path as Way
from sensors.simulators.radar import (
    BLIND_DEG,
    GroundRadar,
    detection_probability,
    moving_share,
    rain_reflectivity,
)
from sensors.simulators.turret import DWELL_S, SLEW_DEGPS, Turret
from sensors.simulators.vehicle import SurveillanceVehicle
from sensors.simulators.world import World
from services.detect.placing import place_plot
from tests.sensors.simulators.bodies import body, site, snapshot

EAST, NORTH = (float(one) for one in to_plane(20.6, 45.8))
STILL = np.zeros(2)
HEAD = (
    'name = "a test"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 100\n'
    'sensors = ["vehicle-1"]\n'
)


def carrier(
    velocity: tuple[float, float] = (2.0, 0.0), kind: str = "vehicle", seed: int = 1
) -> Carrier:
    who = body(EAST, NORTH, velocity, ActorClass.TRUCK, "vehicle-1")
    return Carrier("vehicle-1", kind, who, seed)


@cache
def radar() -> Radar:
    found = site().sensor("vehicle-1").radar
    assert found is not None
    return found


def ground_radar(weather: Weather | None = None, seed: int = 1) -> GroundRadar:
    return GroundRadar(radar(), seed, "vehicle-1", weather or Weather())


def scans(
    one: GroundRadar,
    who: list[Body],
    times: int,
    velocity: FloatArray = STILL,
    facing_rad: float = 0.0,
) -> list[list[Plot]]:
    everyone = snapshot(who, 1.0)
    return [one.scan(float(t), (EAST, NORTH), velocity, facing_rad, everyone) for t in range(times)]


def near(plots: list[Plot], range_m: float, azimuth_deg: float) -> list[Plot]:
    return [
        plot
        for plot in plots
        if abs(plot.range_m - range_m) < 30.0
        and abs((plot.azimuth_deg - azimuth_deg + 180.0) % 360.0 - 180.0) < 3.0
    ]


# --- positions and headings


def test_a_slow_error_has_its_sigma_and_forgets_exponentially() -> None:
    """Over many: standard deviation, and correlation exp(-t / time) at any distance in time."""
    many = np.array(
        [
            [Wander(1, f"w{n}", 2.0, 60.0).at(t) for t in (0.0, 20.0, 60.0, 180.0)]
            for n in range(400)
        ]
    )
    values = many.transpose(1, 0, 2).reshape(4, -1)
    assert values.std(axis=1) == pytest.approx([2.0] * 4, rel=0.1)
    correlation = np.corrcoef(values)[0]
    assert correlation == pytest.approx(np.exp(-np.array([0.0, 20.0, 60.0, 180.0]) / 60.0), abs=0.1)


@pytest.mark.parametrize("kind", list(RECEIVERS))
def test_positions_scatter_as_widely_as_they_say(kind: str) -> None:
    squares, says = [], 0.0
    for seed in range(200):
        mine = carrier(kind=kind, seed=seed)
        position, _, _ = mine.place(100.0)
        says = position.accuracy_m or 0.0
        east, north = to_plane(position.longitude_deg, position.latitude_deg)
        true_east, true_north = mine.body.at(100.0)
        squares += [float(east - true_east) ** 2, float(north - true_north) ** 2]
    assert np.sqrt(np.mean(squares)) == pytest.approx(says, rel=0.15)


def test_position_errors_of_neighbouring_fixes_hang_together() -> None:
    gps = Gps(1, "patrol-01", RECEIVERS["patrol"])
    errors = np.array([gps.error_m(float(t)) for t in range(3_000)])
    step, spread = np.diff(errors, axis=0).std(), errors.std()
    assert step < 0.6 * spread
    assert spread == pytest.approx(RECEIVERS["patrol"].accuracy_m, rel=0.25)


def test_a_compass_errs_the_same_way_for_good_and_works_standing() -> None:
    biases = []
    for seed in range(60):
        mine = carrier((0.0, 3.0), seed=seed)
        headings = [mine.place(float(t))[1] or 0.0 for t in range(40)]
        # Grid north lies this far clockwise of true north here.
        turned = np.array(headings) - convergence_deg(20.6, 45.8)
        off = (turned + 180.0) % 360.0 - 180.0
        biases.append(float(off.mean()))
        assert off.std() == pytest.approx(0.3, rel=0.5)
    assert np.std(biases) == pytest.approx(COMPASS_BIAS_DEG, rel=0.3)
    assert carrier((0.0, 0.0)).place(10.0)[1] is not None


def test_without_compass_heading_is_the_course_and_missing_while_standing() -> None:
    _, heading, speed = carrier((3.0, 0.0), "boat").place(10.0)
    assert heading is not None
    assert heading - convergence_deg(20.6, 45.8) == pytest.approx(90.0, abs=5.0)
    assert speed == pytest.approx(3.0, abs=0.2)
    assert carrier((0.0, 0.0), "patrol").place(10.0)[1] is None


def test_who_stands_faces_where_it_came_from_also_on_the_way_back() -> None:
    t_s = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    # Stands, goes east, stands, goes north.
    east, north = np.array([0.0, 0.0, 50.0, 50.0, 50.0]), np.array([0.0, 0.0, 0.0, 0.0, 50.0])
    once = Way(t_s, east, north)
    degrees = [float(np.rad2deg(facing_rad(once, t))) for t in (5.0, 15.0, 25.0, 35.0, 99.0)]
    assert degrees == pytest.approx([90.0, 90.0, 90.0, 0.0, 0.0])
    back = Way(t_s, east, north, endless=True)
    degrees = [float(np.rad2deg(facing_rad(back, t))) for t in (25.0, 45.0, 55.0, 65.0, 75.0)]
    assert np.abs(degrees) == pytest.approx([90.0, 180.0, 180.0, 90.0, 90.0])
    assert degrees[3] < 0.0


# --- radar


def test_plots_lead_back_to_the_target_by_the_services_own_geometry() -> None:
    who = [body(EAST + 300.0, NORTH + 900.0, (0.0, -1.2))]
    facing = np.deg2rad(70.0)
    plots = [one for scan in scans(ground_radar(), who, 200, facing_rad=facing) for one in scan]
    truth = np.array([EAST + 300.0, NORTH + 900.0 - 1.2])
    errors = []
    for plot in plots:
        ground = place_plot(
            EAST, NORTH, np.eye(2) * 1e-6, 70.0 + plot.azimuth_deg, plot.range_m,
            radar().range_sigma_m, radar().azimuth_sigma_deg,
        )  # fmt: skip
        away = np.array([ground.east_m, ground.north_m]) - truth
        if np.hypot(*away) < 80.0:
            errors.append(float(away @ np.linalg.solve(ground.covariance_m2, away)))
            assert plot.radial_speed_mps == pytest.approx(-1.2 * 0.9487, abs=0.5)
    assert len(errors) > 150
    # Squared distances in sigmas of both errors: chi-squared with two degrees of freedom.
    share = np.mean(np.array(errors) < chi2.ppf(0.95, 2))
    assert abs(share - 0.95) < norm.isf(1e-4) * np.sqrt(0.95 * 0.05 / len(errors))


def test_detection_is_that_of_a_target_that_fluctuates() -> None:
    """Against random echoes over a threshold that noise alone passes with the false alarm rate."""
    random = np.random.default_rng(3)
    threshold = -np.log(1e-6)
    for mean in (3.0, 18.93, 100.0):
        power = random.exponential(1.0 + mean, 200_000)
        assert float(detection_probability(mean)) == pytest.approx(
            float((power > threshold).mean()), abs=0.005
        )
    assert float(detection_probability(18.93)) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(
    ("actor_class", "half_m"), [(ActorClass.VEHICLE, 5_000.0), (ActorClass.PERSON, 2_812.0)]
)
def test_half_are_seen_at_the_range_that_cross_section_gives(
    actor_class: ActorClass, half_m: float
) -> None:
    """A tenth of the cross section, the fourth root of a tenth of the range."""
    assert half_m == pytest.approx(5_000.0 * (1.0 if half_m == 5_000.0 else 0.1**0.25), rel=0.001)
    who = [body(EAST, NORTH + half_m, (0.0, 6.0), actor_class)]
    found = [bool(near(plots, half_m + 6.0, 0.0)) for plots in scans(ground_radar(), who, 400)]
    assert abs(np.mean(found) - 0.5) < norm.isf(1e-4) * 0.025


def test_who_goes_across_the_line_of_sight_or_stands_is_not_seen() -> None:
    for velocity, seen in (((1.4, 0.0), False), ((0.0, 0.0), False), ((0.0, 1.4), True)):
        who = [body(EAST - velocity[0], NORTH + 1_000.0 - velocity[1], velocity)]
        found = [bool(near(one, 1_000.0, 0.0)) for one in scans(ground_radar(), who, 100)]
        assert (np.mean(found) > 0.8) == seen
        assert (np.mean(found) < 0.05) != seen


def test_nobody_is_seen_in_the_blind_sector_or_too_near() -> None:
    facing = 0.0
    for azimuth_deg, range_m, seen in (
        (180.0 - BLIND_DEG - 5.0, 800.0, True),
        (180.0 - BLIND_DEG + 5.0, 800.0, False),
        (-178.0, 800.0, False),
        (0.0, 30.0, False),
    ):
        angle = np.deg2rad(azimuth_deg)
        ahead = np.array([np.sin(angle), np.cos(angle)])
        place = np.array([EAST, NORTH]) + range_m * ahead - 2.0 * ahead
        who = [body(float(place[0]), float(place[1]), (float(2 * ahead[0]), float(2 * ahead[1])))]
        found = scans(ground_radar(), who, 60, facing_rad=facing)
        share = np.mean([bool(near(one, range_m, azimuth_deg)) for one in found])
        assert (share > 0.8) == seen, azimuth_deg


def test_a_driving_radar_needs_faster_targets_to_its_side() -> None:
    one = ground_radar()
    still, driving = (one.least_speed_mps(np.array([0.0, 0.5 * np.pi]), v) for v in (0.0, 15.0))
    assert still == pytest.approx([0.3, 0.3])
    # Half a beam of 2 degrees at 15 m/s.
    assert driving == pytest.approx([0.3, 0.3 + 15.0 * np.deg2rad(1.0)], abs=1e-6)


def test_moving_plants_follow_billingsleys_table() -> None:
    """His shape parameters in s/m: light air 12, breezy 8, windy 5.7, gale 4.3."""
    for miles_per_hour, beta in ((3.0, 12.0), (10.0, 8.0), (22.0, 5.7), (40.0, 4.3)):
        assert moving_share(miles_per_hour * 0.44704)[1] == pytest.approx(beta, rel=0.2)
    shares = [moving_share(wind)[0] for wind in (0.0, 3.0, 8.0, 20.0)]
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < 0.05
    assert shares[-1] > 0.85


def test_clutter_grows_with_wind_and_rain() -> None:
    counts = []
    for weather in (Weather(), Weather(wind_mps=6.0), Weather(wind_mps=15.0)):
        plots = [p for scan in scans(ground_radar(weather), [], 400) for p in scan]
        counts.append(len(plots) / 400)
        assert all(plot.score <= 0.5 for plot in plots)
        assert all(abs(plot.radial_speed_mps or 0.0) >= 0.3 for plot in plots)
    assert 0.05 < counts[0] < 0.3
    assert counts[0] < counts[1] < counts[2] < 10.0
    rainy = Weather(wind_mps=6.0, rain_mm_h=20.0)
    wet = np.mean([len(scan) for scan in scans(ground_radar(rainy), [], 400)])
    assert wet > counts[1] + 0.3


def test_plants_of_a_standing_radar_are_always_the_same() -> None:
    plots = [p for scan in scans(ground_radar(Weather(wind_mps=15.0)), [], 400) for p in scan]
    # As many echoes again lie within five metres and two degrees as only few trees give.
    at = np.array([(plot.range_m, 20.0 * plot.azimuth_deg) for plot in plots])
    nearest = [np.sort(np.hypot(*(at - one).T))[1] for one in at]
    assert np.median(nearest) < 15.0


def test_wind_hides_slow_walkers_and_rain_far_ones() -> None:
    def seen(weather: Weather, speed: float, range_m: float) -> float:
        one = ground_radar(weather)
        who = body(EAST, NORTH + range_m, (0.0, speed))
        noise = one.noise_m2(np.array([range_m]), np.array([speed]), np.array([0.0]))
        return float(detection_probability(one.signal_m2(who, range_m) / noise[0]))

    assert seen(Weather(), 0.4, 2_500.0) > seen(Weather(wind_mps=18.0), 0.4, 2_500.0) + 0.1
    calm, storm = (seen(Weather(wind_mps=wind), 3.0, 2_500.0) for wind in (0.0, 18.0))
    assert calm == pytest.approx(storm, abs=0.01)
    dry, wet = (seen(Weather(wind_mps=0.5, rain_mm_h=rain), 0.6, 2_500.0) for rain in (0.0, 30.0))
    assert wet < dry - 0.2


def test_rain_reflects_as_much_as_radar_meteorology_has_it() -> None:
    """dBZ = 10 log10(200 R^1.6): 1 mm/h is 23 dBZ; eta = 306 x 0.93 x 1e-18 Z / lambda^4."""
    assert rain_reflectivity(1.0) == pytest.approx(
        306.0 * 0.93 * 10**2.301 * 1e-18 / 0.02998**4, rel=0.01
    )


def test_who_crawls_returns_less() -> None:
    crawls = body(0.0, 0.0, behaviour=Behaviour.CRAWL)
    assert ground_radar().signal_m2(crawls, 100.0) < 0.5 * ground_radar().signal_m2(
        body(0.0, 0.0), 100.0
    )


# --- camera on a vehicle


def turret(cues: dict[int, tuple[float, float]]) -> Turret:
    lens = site().sensor("vehicle-1").lens
    assert lens is not None
    return Turret(1, "vehicle-1", lens, 4.0, Weather(), lambda t_s: cues.get(int(t_s // DWELL_S)))


def test_the_camera_turns_to_what_the_radar_saw_and_no_faster_than_it_can() -> None:
    one = turret({3: (40.0, 800.0), 4: (-100.0, 300.0)})
    times = np.arange(3 * DWELL_S + 4.0, 5 * DWELL_S, 0.1)
    pans = np.array([one.aim(float(t))[0].pan_deg for t in times])
    turns = np.array([one.aim(float(t))[1] for t in times])
    assert pans[0] == 40.0
    assert pans[-1] == -100.0
    assert np.abs(np.diff(pans)).max() <= SLEW_DEGPS * 0.1 + 1e-6
    assert turns.sum() * 0.1 == pytest.approx(140.0 / SLEW_DEGPS, abs=0.2)
    assert one.aim(3 * DWELL_S + 7.0)[0].pitch_deg == pytest.approx(-0.286, abs=0.01)


def test_without_a_target_the_camera_searches() -> None:
    one = turret({})
    pans = [one.aim(float(t))[0].pan_deg for t in np.arange(5.0, 120.0, DWELL_S)]
    assert max(pans) > 50.0
    assert min(pans) < -50.0


def test_what_the_camera_sees_lies_where_it_says_that_it_looks() -> None:
    """Boxes, the stated orientation and the service's geometry give the bearing of the target."""
    text = HEAD + '[[actor]]\nid = "w"\nclass = "person"\nbehaviour = "walk"\n'
    world = World(parse(text + "waypoints = [[1000.0, 0.0, 0.0], [1100.0, 0.0, 90.0]]\n"), site())
    offs = []
    for seed in range(12):
        who = body(EAST, NORTH, (0.0, 1.0), ActorClass.TRUCK, "vehicle-1")
        mine = Carrier("vehicle-1", "vehicle", who, seed)
        vehicle = SurveillanceVehicle(site().sensor("vehicle-1"), mine, world, seed)
        walker = body(EAST + 420.0, NORTH + 600.0, (-0.8, -0.9))
        world.at = lambda t_s, one=walker: snapshot([one], t_s)  # type: ignore[assignment]
        for t_s in range(16, 60):
            everyone = snapshot([walker], float(t_s))
            boxes, looks = vehicle.boxes(float(t_s), everyone)
            assert looks is not None
            for box in boxes:
                middle = 0.5 * (box.left_px + box.right_px) - 320.0
                seen = looks.yaw_deg + np.rad2deg(np.arctan(middle / 4_166.7))
                dx = float(everyone.east_m[0]) - EAST
                dy = float(everyone.north_m[0]) - NORTH - t_s
                true = float(np.rad2deg(np.arctan2(dx, dy))) + convergence_deg(20.6, 45.8)
                offs.append((seen - true + 180.0) % 360.0 - 180.0)
    assert len(offs) > 100
    assert np.sqrt(np.mean(np.square(offs))) == pytest.approx(0.6, rel=0.5)


# --- aircraft


@pytest.mark.parametrize("frame", [DRONE, HELICOPTER, AIRCRAFT])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_error_ellipse_holds_what_it_says(frame: object, share: float) -> None:
    """Against tilted rays put through the ground, with the errors drawn anew."""
    assert isinstance(frame, type(DRONE))
    row = site().sensor("drone-1").model_copy(update={"height_above_ground_m": frame.height_m})
    assert airframe(row) == frame
    away, bearing = share * frame.sees_m, 0.8
    aim = away * np.array([np.sin(bearing), np.cos(bearing)])
    who = [body(EAST + float(aim[0]), NORTH + float(aim[1]), actor_class=ActorClass.VEHICLE)]
    inside, total = 0, 0
    for seed in range(250):
        me = body(EAST, NORTH, actor_class=ActorClass.DRONE, name="drone-1")
        observer = Observer(row, Carrier("drone-1", "aerial", me, seed), seed, Weather())
        for sighting in observer.sightings(50.0, snapshot(who, 1.0))[:1]:
            place = sighting.position
            assert place.covariance_m2 is not None
            east, north = to_plane(place.longitude_deg, place.latitude_deg)
            miss = np.array([float(east) - EAST, float(north) - NORTH]) - aim
            covariance = np.array(place.covariance_m2).reshape(2, 2)
            turn = np.deg2rad(convergence_deg(place.longitude_deg, place.latitude_deg))
            spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            # From true north to the plane: the vector of the miss is turned the other way.
            true_miss = spin.T @ miss
            inside += float(true_miss @ np.linalg.solve(covariance, true_miss)) < chi2.ppf(0.95, 2)
            total += 1
    assert total > 200
    assert abs(inside / total - 0.95) < 0.045


def test_the_ellipse_is_long_when_looking_far_aside_and_round_below() -> None:
    below = spread_m2(DRONE, 1.0, 0.0, 1.3)
    aside = spread_m2(DRONE, 280.0, 0.0, 1.3)
    assert below[0, 0] == pytest.approx(below[1, 1], rel=0.1)
    assert aside[1, 1] > 1.5 * aside[0, 0]
    turned = spread_m2(DRONE, 280.0, 0.5, 0.0)
    values = np.sqrt(np.linalg.eigvalsh(turned))
    np.testing.assert_allclose(turned, from_axes(values[1], values[0], np.rad2deg(0.5)), rtol=1e-9)


def test_a_drone_sees_people_below_and_nobody_beyond_its_reach_or_in_fog() -> None:
    row = site().sensor("drone-1")
    me = body(EAST, NORTH, actor_class=ActorClass.DRONE, name="drone-1")
    who = [body(EAST + 60.0, NORTH), body(EAST + DRONE.sees_m + 20.0, NORTH, name="b")]
    counts = []
    for weather in (Weather(), Weather(visibility_m=80.0)):
        observer = Observer(row, Carrier("drone-1", "aerial", me, 1), 1, weather)
        found = [observer.sightings(float(t), snapshot(who, 1.0)) for t in range(100)]
        counts.append(sum(len(one) for one in found))
        for one in found:
            for sighting in one:
                east, _ = to_plane(sighting.position.longitude_deg, sighting.position.latitude_deg)
                assert abs(float(east) - EAST - 60.0) < 40.0 or sighting.score < 0.5
    assert counts[0] > 70
    assert counts[1] < 10


def test_positions_of_aircraft_have_their_height_above_the_ellipsoid() -> None:
    height = flight_height_m(site().sensor("drone-1"), site())
    assert height is not None
    # The plain lies at 74-91 m, the geoid 43 m above the ellipsoid, a drone flies at 120 m.
    assert 230.0 < height < 265.0
