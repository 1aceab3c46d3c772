"""Places on the ground: the covariance holds what it says."""

import dataclasses

import numpy as np
import pytest

from geo.crs import convergence_deg
from geo.uncertainty import mahalanobis2
from sensors.messages import Position
from services.detect.camera import Camera, place_feet
from services.detect.placing import FloatArray, Ground, place_plot, plane_position

CAMERA = Camera(
    east_m=500_000.0,
    north_m=5_000_000.0,
    position_m2=np.eye(2),
    above_ground_m=30.0,
    ground_sigma_m=0.5,
    yaw_deg=40.0,
    pitch_deg=-2.0,
    roll_deg=1.0,
    yaw_sigma_deg=0.15,
    pitch_sigma_deg=0.05,
    roll_sigma_deg=0.1,
    width_px=640,
    height_px=512,
    focal_length_px=4167.0,
    range_m=2500.0,
)
LIMIT_95 = 5.991


def placed(camera: Camera, x_px: float, y_px: float, pixel_sigma_px: float = 1.0) -> Ground:
    (ground,) = place_feet(camera, [(x_px, y_px)], pixel_sigma_px=pixel_sigma_px)
    return ground


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> FloatArray:
    """Axes of a camera as columns right, up, forward over (east, north, up); shape (3, 3)."""
    psi, theta, phi = np.radians((yaw_deg, pitch_deg, roll_deg))
    forward = np.array([np.sin(psi) * np.cos(theta), np.cos(psi) * np.cos(theta), np.sin(theta)])
    level = np.array([np.cos(psi), -np.sin(psi), 0.0])
    above = np.cross(level, forward)
    right = np.cos(phi) * level + np.sin(phi) * above
    up = -np.sin(phi) * level + np.cos(phi) * above
    return np.column_stack((right, up, forward))


def seen_from(camera: Camera, at: FloatArray) -> FloatArray:
    """Offset on the ground for (height, yaw, pitch, roll, x, y), shape (2,)."""
    middle_x, middle_y = 0.5 * camera.width_px, 0.5 * camera.height_px
    focal = camera.focal_length_px
    inside = np.array([(at[4] - middle_x) / focal, (middle_y - at[5]) / focal, 1.0])
    ray = rotation(float(at[1]), float(at[2]), float(at[3])) @ inside
    return np.asarray(-at[0] / ray[2] * ray[:2])


@pytest.mark.parametrize(("x_px", "y_px"), [(320.0, 256.0), (60.0, 400.0), (600.0, 200.0)])
def test_the_ellipse_of_a_camera_holds_95_percent(x_px: float, y_px: float) -> None:
    random = np.random.default_rng(1)
    ground = placed(CAMERA, x_px, y_px, pixel_sigma_px=1.0)
    assert not ground.bearing_only
    inside = 0
    count = 4000
    for _ in range(count):
        e = random.standard_normal(8)
        truly = dataclasses.replace(
            CAMERA,
            east_m=CAMERA.east_m + e[0],
            north_m=CAMERA.north_m + e[1],
            above_ground_m=CAMERA.above_ground_m + 0.5 * e[2],
            yaw_deg=CAMERA.yaw_deg + 0.15 * e[3],
            pitch_deg=CAMERA.pitch_deg + 0.05 * e[4],
            roll_deg=CAMERA.roll_deg + 0.1 * e[5],
            range_m=1e6,
        )
        angles = rotation(truly.yaw_deg, truly.pitch_deg, truly.roll_deg)
        ray = angles @ np.array(
            [(x_px + e[6] - 320.0) / 4167.0, (256.0 - y_px - e[7]) / 4167.0, 1.0]
        )
        step = -truly.above_ground_m / ray[2]
        delta = (
            truly.east_m + step * ray[0] - ground.east_m,
            truly.north_m + step * ray[1] - ground.north_m,
        )
        inside += bool(mahalanobis2(delta, ground.covariance_m2) < LIMIT_95)
    assert 0.93 < inside / count < 0.97


@pytest.mark.parametrize("yaw_deg", [40.0, 137.0, 290.0])
@pytest.mark.parametrize("roll_deg", [-12.0, 0.0, 5.0])
@pytest.mark.parametrize(("x_px", "y_px"), [(320.0, 256.0), (60.0, 400.0), (600.0, 500.0)])
def test_places_and_covariances_are_those_of_numeric_differences(
    yaw_deg: float, roll_deg: float, x_px: float, y_px: float
) -> None:
    own = np.array([[4.0, 1.0], [1.0, 3.0]])
    camera = dataclasses.replace(
        CAMERA, yaw_deg=yaw_deg, pitch_deg=-9.0, roll_deg=roll_deg, position_m2=own
    )
    at = np.array([camera.above_ground_m, yaw_deg, -9.0, roll_deg, x_px, y_px])
    sigmas = np.array([0.5, 0.15, 0.05, 0.1, 1.5, 1.5])
    steps = np.eye(6) * 1e-4
    columns = [
        (seen_from(camera, at + step) - seen_from(camera, at - step)) / 2e-4 for step in steps
    ]
    jacobian = np.column_stack(columns)
    ground = placed(camera, x_px, y_px, pixel_sigma_px=1.5)
    offset = (ground.east_m - camera.east_m, ground.north_m - camera.north_m)
    assert offset == pytest.approx(seen_from(camera, at), rel=1e-9)
    wanted = own + jacobian @ np.diag(sigmas**2) @ jacobian.T
    assert ground.covariance_m2 == pytest.approx(wanted, rel=1e-6)


def test_a_bearing_southwards_is_known_as_well_as_one_northwards() -> None:
    north, south = (
        placed(dataclasses.replace(CAMERA, pitch_deg=3.0, roll_deg=0.0, yaw_deg=yaw), 320, 256)
        for yaw in (0.0, 180.0)
    )
    assert north.bearing_only
    assert south.bearing_only
    assert south.covariance_m2 == pytest.approx(north.covariance_m2, rel=1e-9, abs=1e-6)


def test_the_notes_figures_at_300_m_come_out() -> None:
    pitch = -np.degrees(np.arctan2(30.0, 300.0))
    camera = dataclasses.replace(
        CAMERA,
        pitch_deg=float(pitch),
        roll_deg=0.0,
        yaw_deg=0.0,
        position_m2=np.eye(2) * 0.01,
        ground_sigma_m=1.75,
    )
    ground = placed(camera, 320.0, 256.0)
    assert ground.range_m == pytest.approx(300.0, abs=0.1)
    assert ground.east_m == pytest.approx(camera.east_m, abs=0.1)
    assert np.sqrt(ground.covariance_m2[0, 0]) == pytest.approx(0.8, abs=0.3)
    assert np.sqrt(ground.covariance_m2[1, 1]) == pytest.approx(18.0, abs=2.0)


@pytest.mark.parametrize("pitch_deg", [5.0, 0.0, -0.1])
def test_beyond_use_only_the_bearing_is_used(pitch_deg: float) -> None:
    camera = dataclasses.replace(CAMERA, pitch_deg=pitch_deg, yaw_deg=90.0, roll_deg=0.0)
    ground = placed(camera, 320.0, 256.0)
    assert ground.bearing_only
    random = np.random.default_rng(3)
    reach = random.uniform(0.0, camera.range_m, 4000)
    bearing = np.radians(90.0 + 0.15 * random.standard_normal(4000))
    delta = np.column_stack(
        (
            camera.east_m + reach * np.sin(bearing) - ground.east_m,
            camera.north_m + reach * np.cos(bearing) - ground.north_m,
        )
    )
    inside = mahalanobis2(delta, ground.covariance_m2) < LIMIT_95
    assert inside.mean() > 0.95


def test_the_ellipse_of_a_radar_plot_holds_95_percent() -> None:
    random = np.random.default_rng(2)
    count = 20_000
    own = np.array([[4.0, 1.0], [1.0, 3.0]])
    sigma_deg = float(np.hypot(0.8, 1.0))
    ground = place_plot(1000.0, 2000.0, own, 75.0, 900.0, 6.0, sigma_deg)
    at = random.multivariate_normal((1000.0, 2000.0), own, count)
    angle = np.radians(75.0 + 0.8 * random.standard_normal(count) + random.standard_normal(count))
    reach = 900.0 + 6.0 * random.standard_normal(count)
    delta = np.column_stack(
        (
            at[:, 0] + reach * np.sin(angle) - ground.east_m,
            at[:, 1] + reach * np.cos(angle) - ground.north_m,
        )
    )
    inside = mahalanobis2(delta, ground.covariance_m2) < LIMIT_95
    assert 0.93 < inside.mean() < 0.97


def test_a_stated_covariance_is_turned_from_true_to_grid_north() -> None:
    position = Position(longitude_deg=22.5, latitude_deg=44.7, covariance_m2=(100.0, 0.0, 0.0, 1.0))
    _, _, covariance = plane_position(position)
    angle = np.radians(convergence_deg(22.5, 44.7))
    # True east lies that much anticlockwise of grid east: its long axis points a little north.
    assert covariance[0, 1] == pytest.approx(99.0 * np.sin(angle) * np.cos(angle), rel=1e-6)
    assert np.linalg.det(covariance) == pytest.approx(100.0)


def test_many_feet_of_one_image_are_placed_as_each_alone() -> None:
    feet = [(60.0, 400.0), (320.0, -9_000.0), (600.0, 200.0)]
    assert place_feet(CAMERA, feet) == [placed(CAMERA, *foot) for foot in feet]
    assert [ground.bearing_only for ground in place_feet(CAMERA, feet)] == [False, True, False]
