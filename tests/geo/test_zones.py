"""Which zone holds a place."""

import numpy as np
import pytest

from geo.errors import GeometryError
from geo.zones import Zone, Zones, circle, polygon


@pytest.fixture
def zones() -> Zones:
    return Zones(
        [
            Zone("post", "crossing", circle(0.0, 0.0, 300.0)),
            Zone("field", "works", polygon([(200, -100), (900, -100), (900, 100), (200, 100)])),
        ]
    )


def test_the_first_zone_that_holds_a_place_is_found_for_many_at_once(zones: Zones) -> None:
    east = np.array([[0.0, 250.0], [600.0, 2_000.0]])
    assert zones.first(east, np.zeros((2, 2))).tolist() == [[0, 0], [1, -1]]


def test_all_zones_of_one_place_come_in_their_order(zones: Zones) -> None:
    assert [zone.id for zone in zones.at(250.0, 0.0)] == ["post", "field"]
    assert zones.at(5_000.0, 0.0) == ()


def test_many_places_agree_with_plain_distance(zones: Zones) -> None:
    points = np.random.default_rng(5).uniform(-400.0, 400.0, (2_000, 2))
    held = zones.first(points[:, 0], points[:, 1]) == 0
    distance = np.hypot(points[:, 0], points[:, 1])
    # The circle's polygon is within 0.12 % of its radius.
    clear = np.abs(distance - 300.0) > 0.5
    assert (held[clear] == (distance[clear] < 300.0)).all()


def test_no_zones_hold_nothing() -> None:
    assert Zones([]).first([1.0, 2.0], [3.0, 4.0]).tolist() == [-1, -1]
    assert Zones([]).at(1.0, 2.0) == ()


def test_a_ring_that_crosses_itself_is_refused() -> None:
    with pytest.raises(GeometryError, match="cross"):
        polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(GeometryError, match="three vertices"):
        polygon([(0, 0), (1, 1)])
    with pytest.raises(GeometryError, match="radius_m is"):
        circle(0.0, 0.0, 0.0)
