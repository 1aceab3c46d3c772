"""Cable distance to ground, against known places and Monte Carlo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

from geo.cable import Cable, CableSettings
from geo.calibration import Calibration, Coil, Tap
from geo.crs import FloatArray, to_wgs84
from geo.default_site import default_site_path
from geo.errors import GeometryError
from geo.site import Site
from geo.uncertainty import checked, mahalanobis2

TAPS = [Tap(0.0, 0.0, 1.0), Tap(510.0, 495.0, 2.0), Tap(1_020.0, 998.0, 2.0)]
COILS = [Coil(500.0, 20.0)]


def straight(calibration: Calibration | None = None, **settings: float) -> Cable:
    """Cable of 1,100 channel metres due north from (500000, 5000000) over 1,000 ground metres."""
    lon, lat = to_wgs84([500_000.0, 500_000.0], [5_000_000.0, 5_000_000.0 + 0.9996 * 1_000.0])
    route = np.column_stack((lon, lat))
    return Cable("fibre-1", route, CableSettings(110, **settings), calibration)


def bent() -> Cable:
    """Cable of 2 km with a right angle to the east at 1 km."""
    lon, lat = to_wgs84([500_000.0, 500_000.0, 501_000.0], [5_000_000.0, 5_001_000.0, 5_001_000.0])
    return Cable("fibre-2", np.column_stack((lon, lat)), CableSettings(200))


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def test_taps_and_coils_lie_where_the_table_says() -> None:
    table = Calibration(TAPS, COILS)
    assert table.route_distance([0.0, 510.0, 1_020.0]) == pytest.approx([0.0, 495.0, 998.0])
    # The whole coil is at one place.
    assert table.route_distance([500.0, 507.0, 520.0]) == pytest.approx([495.0] * 3)
    cable = straight(table)
    placed = cable.place([500.0, 520.0])
    assert placed.north_m[0] == pytest.approx(placed.north_m[1], abs=1e-6)


def test_between_taps_the_curve_never_turns_back() -> None:
    table = Calibration(
        [Tap(0, 0, 1), Tap(100, 99, 1), Tap(200, 100, 1), Tap(300, 199, 1), Tap(400, 299, 1)]
    )
    steps = np.diff(table.route_distance(np.arange(0.0, 400.0, 0.5)))
    assert (steps >= 0.0).all()


def test_without_a_table_cable_distance_is_route_distance() -> None:
    cable = straight()
    assert cable.route_distance([0.0, 250.0, 1_000.0]) == pytest.approx([0.0, 250.0, 1_000.0])
    placed = cable.place(250.0)
    assert float(placed.north_m) == pytest.approx(5_000_000.0 + 0.9996 * 250.0, abs=0.01)


def test_sigma_along_grows_with_the_distance_to_the_nearest_tap() -> None:
    table = Calibration([Tap(0.0, 0.0, 3.0), Tap(2_000.0, 1_990.0, 3.0)])
    at = table.sigma_along([0.0, 500.0, 1_000.0, 1_500.0, 2_000.0])
    # 0.2 % of the gap, in squares with the taps' 3 m.
    assert at == pytest.approx([3.0, np.hypot(3, 1), np.hypot(3, 2), np.hypot(3, 1), 3.0])


def test_the_covariance_is_along_and_across_the_cable() -> None:
    cable = straight(Calibration(TAPS, COILS), swath_sigma_m=6.0)
    covariance = checked(cable.place(800.0, sigma_m=8.0).covariance_m2)
    along = np.hypot(cable.calibration.sigma_along(800.0), 8.0)
    assert covariance == pytest.approx(np.diag([36.0, (0.9996 * along) ** 2]), rel=1e-3, abs=1e-3)
    wide = cable.place(800.0, sigma_m=8.0, swath_sigma_m=60.0).covariance_m2
    assert wide[0, 0] == pytest.approx(3_600.0)


@pytest.mark.parametrize(("at_m", "least", "most"), [(500.0, 0.94, 0.96), (995.0, 0.90, 1.0)])
def test_drawn_places_fall_into_the_ellipse_as_often_as_it_says(
    at_m: float, least: float, most: float
) -> None:
    # The truth: a place on the route whose cable distance is off by the sigma stated, and a
    # person off the cable by the swath. Straight route: 95 %. At a right angle: about that.
    cable = bent()
    random = default_rng(11)
    sigma = 7.0
    placed = cable.place(at_m, sigma_m=sigma)
    along = float(np.hypot(cable.calibration.sigma_along(at_m), sigma))
    cable_m = at_m + along * random.standard_normal(20_000)
    aside = 5.0 * random.standard_normal(20_000)
    east, north = cable.point_at(cable_m, aside)
    delta = np.column_stack((east - placed.east_m, north - placed.north_m))
    share = (mahalanobis2(delta, placed.covariance_m2) < 5.991).mean()
    assert least <= share <= most


def test_at_a_bend_the_axis_along_follows_the_chord() -> None:
    covariance = bent().place(1_000.0 / 0.9996, sigma_m=20.0).covariance_m2
    # Half of it north, half of it east: a chord at 45 degrees, shortened by the corner.
    # (The plane is 0.04 % short.)
    assert covariance[0, 0] == pytest.approx(covariance[1, 1], rel=0.05)
    assert covariance[0, 1] > 0.0
    assert np.trace(covariance) < 20.0**2 + 25.0


@given(st.floats(0.0, 1_015.0), st.floats(-200.0, 200.0))
def test_a_place_beside_the_cable_comes_back(distance: float, offset: float) -> None:
    cable = straight(Calibration(TAPS, COILS))
    back, aside = cable.nearest(*cable.point_at(distance, offset))
    expected = 500.0 if 500.0 <= distance <= 520.0 else distance
    assert float(aside) == pytest.approx(offset, abs=1e-4)
    assert float(back) == pytest.approx(expected, abs=1e-3)


def test_the_left_of_the_cable_is_positive() -> None:
    cable = straight()
    _, offset = cable.nearest(500_000.0 - 30.0, 5_000_500.0)  # it runs north: west is left
    assert float(offset) == pytest.approx(30.0, abs=1e-3)


def test_channels_and_cable_distance_agree() -> None:
    cable = straight()
    assert cable.channel_distance([0, 1, 99.5]) == pytest.approx([5.0, 15.0, 1_000.0])
    assert cable.length_m == pytest.approx(1_100.0)


def test_the_default_cables_cover_their_spans_with_all_channels(site: Site) -> None:
    for number in range(1, 9):
        cable = site.cable(f"fibre-{number}")
        assert cable.settings.channel_count == 3_825
        inner, outer = ((number - 1) * 37_500.0, number * 37_500.0)[:: -1 if number % 2 else 1]
        ends = cable.place([0.0, cable.length_m])
        chainage, offset = site.border.chainage(ends.east_m, ends.north_m)
        # Odd numbers run against chainage: pairs look away from each other.
        assert chainage == pytest.approx([inner, outer], abs=60.0)
        assert offset == pytest.approx([20.0, 20.0], abs=15.0)
        covariance = cable.place(cable.channel_distance(np.arange(3_825))).covariance_m2
        checked(covariance)


def test_default_cables_come_back_from_places_beside_them_except_where_they_bend(
    site: Site,
) -> None:
    random = default_rng(3)
    for number in (2, 6):
        cable = site.cable(f"fibre-{number}")
        distance = random.uniform(100.0, cable.length_m - 100.0, 400)
        error = _round_trip(cable, distance, 5.0)
        assert np.percentile(error, 90) < 25.0


def test_places_drawn_all_along_a_winding_default_cable_fall_into_their_ellipses(
    site: Site,
) -> None:
    random = default_rng(1)
    cable = site.cable("fibre-6")
    distance = random.uniform(200.0, cable.length_m - 200.0, 20_000)
    placed = cable.place(distance, sigma_m=8.0)
    along = np.hypot(cable.calibration.sigma_along(distance), 8.0)
    east, north = cable.point_at(
        distance + along * random.standard_normal(distance.size),
        5.0 * random.standard_normal(distance.size),
    )
    delta = np.stack((east - placed.east_m, north - placed.north_m), axis=-1)
    share = (mahalanobis2(delta, placed.covariance_m2) < 5.991).mean()
    assert share == pytest.approx(0.95, abs=0.01)


def test_the_inverse_of_a_table_with_uneven_taps_is_true_to_centimetres() -> None:
    table = Calibration(
        [Tap(0, 0, 2), Tap(40, 39, 2), Tap(300, 200, 2), Tap(1_000, 890, 2)], [Coil(600, 20)]
    )
    cable = np.setdiff1d(np.linspace(0.0, 1_100.0, 997), np.linspace(600.0, 620.0, 3))
    cable = cable[(cable < 600.0) | (cable > 620.0)]
    back = table.cable_distance(table.route_distance(cable))
    assert np.abs(table.route_distance(back) - table.route_distance(cable)).max() < 1e-2
    assert np.abs(back - cable).max() < 0.05


def _round_trip(cable: Cable, distance: FloatArray, offset: float) -> FloatArray:
    back, _ = cable.nearest(*cable.point_at(distance, offset))
    return np.abs(cable.route_distance(back) - cable.route_distance(distance))


@pytest.mark.parametrize(
    ("taps", "coils", "word"),
    [
        ([Tap(0, 0, 1), Tap(500, 490, 1), Tap(400, 495, 1)], [], r"taps\[2\]"),
        ([Tap(0, 0, 1), Tap(500, 700, 1)], [], r"taps\[1\] .*at most"),
        ([Tap(0, 0, -1)], [], r"taps\[0\]"),
        ([Tap(0, 0, 1), Tap(500, 490, 1), Tap(510, 495, 1)], [Coil(495, 20)], r"taps\[2\]"),
        ([], [Coil(500, 20), Coil(510, 20)], r"coils\[1\]"),
        ([], [Coil(500, 0)], r"coils\[0\]"),
        ([Tap(0, float("nan"), 1)], [], r"taps\[0\]"),
    ],
)
def test_a_table_that_cannot_be_names_its_row(
    taps: list[Tap], coils: list[Coil], word: str
) -> None:
    with pytest.raises(GeometryError, match=word):
        Calibration(taps, coils)


def test_a_tap_beyond_the_route_names_itself() -> None:
    with pytest.raises(GeometryError, match=r"taps\[1\] .*route's end"):
        straight(Calibration([Tap(0, 0, 1), Tap(1_090, 1_080, 1)]))


def test_a_repeated_vertex_names_itself() -> None:
    with pytest.raises(GeometryError, match=r"route\[1\]"):
        Cable("fibre-1", [(21.0, 45.0), (21.0, 45.0), (21.0, 45.1)], CableSettings(10))


@pytest.mark.parametrize("distance", [-20.0, 1_200.0, float("nan")])
def test_a_distance_off_the_cable_is_refused(distance: float) -> None:
    with pytest.raises(GeometryError, match="cable_distance_m is"):
        straight().place(distance)
