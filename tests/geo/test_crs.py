"""Plane and ellipsoid."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.crs import (
    convergence_deg,
    cumulative_length_m,
    geodesic_length_m,
    grid_to_true_deg,
    scale,
    to_plane,
    to_wgs84,
    true_to_grid_deg,
)
from geo.errors import GeometryError

LON = st.floats(19.9, 23.1)
LAT = st.floats(44.0, 46.4)


@given(LON, LAT)
def test_a_place_goes_to_the_plane_and_back(lon: float, lat: float) -> None:
    back_lon, back_lat = to_wgs84(*to_plane(lon, lat))
    assert float(back_lon) == pytest.approx(lon, abs=1e-9)
    assert float(back_lat) == pytest.approx(lat, abs=1e-9)


def test_the_central_meridian_lies_at_500_km_east_without_convergence() -> None:
    east, _ = to_plane(21.0, 45.0)
    assert float(east) == pytest.approx(500_000.0, abs=1e-6)
    assert convergence_deg(21.0, 45.0) == pytest.approx(0.0, abs=1e-9)
    assert scale(21.0, 45.0) == pytest.approx(0.9996, abs=1e-9)


def test_arrays_keep_their_shape() -> None:
    lon = np.full((2, 3), 21.5)
    east, north = to_plane(lon, np.full((2, 3), 45.5))
    assert east.shape == north.shape == (2, 3)


@given(LON, LAT, st.floats(0.0, 359.0))
def test_a_true_bearing_becomes_the_bearing_seen_in_the_plane(
    lon: float, lat: float, bearing: float
) -> None:
    # Step 10 m on the ellipsoid along the true bearing, then measure the step in the plane.
    step = 10.0 / 6_378_137.0
    # Radii of curvature of WGS84, to turn metres into degrees exactly enough.
    e2 = 0.00669437999014
    sine2 = math.sin(math.radians(lat)) ** 2
    meridian = (1 - e2) / (1 - e2 * sine2) ** 1.5
    normal = 1 / math.sqrt(1 - e2 * sine2)
    lat2 = lat + math.degrees(step * math.cos(math.radians(bearing)) / meridian)
    lon2 = lon + math.degrees(
        step * math.sin(math.radians(bearing)) / (normal * math.cos(math.radians(lat)))
    )
    east, north = to_plane([lon, lon2], [lat, lat2])
    seen = math.degrees(math.atan2(east[1] - east[0], north[1] - north[0]))
    expected = true_to_grid_deg(bearing, lon, lat)
    assert abs((seen - expected + 180.0) % 360.0 - 180.0) < 1e-3
    assert abs((grid_to_true_deg(expected, lon, lat) - bearing + 180.0) % 360.0 - 180.0) < 1e-9


def test_scale_stays_within_a_tenth_of_a_percent_over_the_area() -> None:
    for lon in (20.2, 21.0, 22.7):
        for lat in (44.2, 46.2):
            assert abs(scale(lon, lat) - 1.0) < 1e-3
            # A metre of the ellipsoid is `scale` metres in the plane.
            east, north = to_plane([lon, lon], [lat, lat + 0.001])
            ground = geodesic_length_m([lon, lon], [lat, lat + 0.001])
            assert math.hypot(east[1] - east[0], north[1] - north[0]) / ground == pytest.approx(
                scale(lon, lat), abs=1e-6
            )


def test_a_degree_of_the_meridian_has_its_known_length() -> None:
    # 45 to 46 N on WGS84: 111,141.5 m (meridian arc).
    assert cumulative_length_m([21.0, 21.0], [45.0, 46.0])[1] == pytest.approx(111_141.5, abs=0.5)


@pytest.mark.parametrize(
    ("lon", "lat", "word"),
    [
        (float("nan"), 45.0, "finite"),
        (45.0, 121.0, "swapped"),
        (np.zeros(2), np.zeros(3), "shapes"),
    ],
)
def test_what_is_no_place_is_refused_with_a_reason(lon: object, lat: object, word: str) -> None:
    with pytest.raises(GeometryError, match=word):
        to_plane(lon, lat)  # type: ignore[arg-type]


def test_one_vertex_is_no_line() -> None:
    with pytest.raises(GeometryError, match="two vertices"):
        cumulative_length_m([21.0], [45.0])
