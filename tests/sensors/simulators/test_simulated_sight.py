"""Cameras, radar and positions tell of what is there, with the errors they own up to."""

from pathlib import Path

import numpy as np
import pytest

from geo.crs import convergence_deg, to_plane
from sensors.scenes import ActorClass
from sensors.simulators.mobile import Carrier
from sensors.simulators.thermal import ThermalCamera
from tests.sensors.simulators.bodies import before_camera, body, site, snapshot

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"


@pytest.mark.parametrize("name", ["thermal-001", "thermal-023", "thermal-060"])
def test_a_box_points_back_to_who_made_it(name: str) -> None:
    """By the field notes' formula, for a site's camera and the yaw and pitch the site states."""
    east, north, at_east, at_north = before_camera(name, 700.0)
    row = site().sensor(name)
    assert row.orientation is not None
    assert row.lens is not None
    camera = ThermalCamera(row, east, north, 1)
    outlines = camera.outlines(snapshot([body(at_east, at_north)], 10.0))
    assert len(outlines) == 1
    left, top, right, bottom = outlines[0][1]
    # Mounting errors: 0.15 degrees of yaw and 0.05 of pitch, one sigma, 72 pixels a degree.
    pixels_per_deg = row.lens.focal_length_px * np.deg2rad(1.0)
    assert abs(0.5 * (left + right) - 320.0) < 4.0 * 0.15 * pixels_per_deg
    down = np.rad2deg(np.arctan2(row.height_above_ground_m or 0.0, 700.0))
    expected = 256.0 + (down + row.orientation.pitch_deg) * pixels_per_deg
    assert bottom == pytest.approx(expected, abs=4.0 * 0.05 * pixels_per_deg)
    assert bottom - top == pytest.approx(1.75 * row.lens.focal_length_px / 700.0, rel=0.01)


def test_a_camera_looks_to_the_right_of_its_picture_for_what_is_clockwise() -> None:
    east, north, at_east, at_north = before_camera("thermal-001", 500.0)
    aside = np.array([at_north - north, -(at_east - east)]) / 500.0 * 15.0
    camera = ThermalCamera(site().sensor("thermal-001"), east, north, 1)
    middle = camera.outlines(snapshot([body(at_east, at_north)], 1.0))[0][1]
    right = camera.outlines(snapshot([body(at_east + aside[0], at_north + aside[1])], 1.0))[0][1]
    assert right[0] > middle[0] + 50.0


def carrier(heading: tuple[float, float] = (2.0, 0.0)) -> Carrier:
    east, north = (float(one) for one in to_plane(20.6, 45.8))
    return Carrier("vehicle-1", body(east, north, heading, ActorClass.TRUCK, "vehicle-1"), 1)


def test_positions_scatter_as_widely_as_they_say() -> None:
    mine = carrier()
    errors = []
    for t in range(200):
        position, _, _ = mine.place(float(t))
        east, north = to_plane(position.longitude_deg, position.latitude_deg)
        true_east, true_north = mine.body.at(float(t))
        errors += [float(east - true_east), float(north - true_north)]
        assert position.accuracy_m == 2.0
    assert np.std(errors) == pytest.approx(2.0, rel=0.2)
    assert abs(np.mean(errors)) < 0.5


def test_heading_is_from_true_north_and_missing_while_standing() -> None:
    mine = carrier((0.0, 3.0))
    _, heading, speed = mine.place(10.0)
    assert heading is not None
    # Grid north lies this far clockwise of true north here.
    turned = (heading - convergence_deg(20.6, 45.8) + 180.0) % 360.0 - 180.0
    assert abs(turned) < 3.0
    assert speed == pytest.approx(3.0, abs=0.1)
    assert carrier((0.0, 0.0)).place(10.0)[1] is None


def test_radar_plots_lead_back_to_the_target_and_slow_ones_are_not_seen() -> None:
    radar = site().sensor("vehicle-1").radar
    assert radar is not None
    mine = carrier()
    east, north = (float(one) for one in to_plane(20.6, 45.8))
    walker = body(east + 300.0, north + 900.0, (0.0, -1.2))
    slow = body(east - 800.0, north, (0.0, 0.05), name="b")
    hits = 0
    for t in range(60):
        here = mine.body.at(float(t))
        everyone = snapshot([walker, slow], float(t))
        for plot in mine.scan(float(t), radar, everyone):
            bearing = np.deg2rad(90.0 + plot.azimuth_deg)  # driving due (grid) east
            found = np.array(
                [here[0] + plot.range_m * np.sin(bearing), here[1] + plot.range_m * np.cos(bearing)]
            )
            away = np.hypot(found[0] - everyone.east_m, found[1] - everyone.north_m)
            if away[0] < 60.0:
                hits += 1
                assert plot.radial_speed_mps is not None
                assert plot.radial_speed_mps < -0.5  # coming nearer
            assert away[1] > 60.0 or plot.score <= 0.5
    assert hits > 45
