"""Cameras, radar and positions tell of what is there, with the errors they own up to."""

from pathlib import Path

import numpy as np
import pytest

from sensors.simulators.thermal import ThermalCamera
from tests.sensors.simulators.bodies import before_camera, body, site, snapshot

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"


@pytest.mark.parametrize("name", ["thermal-001", "thermal-023", "thermal-060"])
def test_a_box_points_back_to_who_made_it(name: str) -> None:
    """By rays worked out here anew, for a site's camera and the yaw and pitch the site states."""
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
