"""Rows of the log come onto the route, by satellite or chainage, and say where to listen."""

import dataclasses

import pytest

from geo.crs import to_wgs84
from geo.default_site import default_site_path
from geo.site import Site
from services.calibrate.placing import Spot, listening, point, spots
from services.calibrate.series import Series
from services.calibrate.taplog import TapRow, What

NS = 1_000_000_000
ROW = TapRow(2, 1_777_885_200 * NS, What.SPLICE, 5, 3.0)
HEARD = Series(ROW.at_ns, 5, 100.0, 300.0, 0.25, None)


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def test_a_place_by_satellite_lies_on_the_route_or_is_left_out(site: Site) -> None:
    cable = site.cable("fibre-3")
    rows = []
    for line, aside_m in ((2, 8.0), (3, 90.0)):
        east, north = cable.point_at(3_000.0, aside_m)
        lon, lat = to_wgs84(east, north)
        rows.append(dataclasses.replace(ROW, line=line, lonlat=(float(lon), float(lat))))
    (spot,), (left,) = spots(rows, cable, site.border)
    assert spot.route_m == pytest.approx(float(cable.route_distance(3_000.0)), abs=1.0)
    assert spot.channel == pytest.approx(299.5, abs=0.3)
    assert str(left).startswith("line 3 (splice) is left out: its place is 90 m from the route")
    assert "wanted 62 m or less" in str(left)


def test_a_place_by_chainage_lies_on_the_route_or_is_left_out(site: Site) -> None:
    cable = site.cable("fibre-3")
    placed = cable.place(3_000.0)
    chainage, _ = site.border.chainage(placed.east_m, placed.north_m)
    rows = [
        dataclasses.replace(ROW, line=line, chainage_m=at_m, accuracy_m=10.0)
        for line, at_m in ((2, float(chainage)), (3, 1_000.0), (4, 999_000.0))
    ]
    (spot,), left = spots(rows, cable, site.border)
    assert spot.route_m == pytest.approx(float(cable.route_distance(3_000.0)), abs=60.0)
    assert [one.row.line for one in left] == [3, 4]


def test_where_to_listen_is_bounded_by_the_cable_and_the_search(site: Site) -> None:
    cable = site.cable("fibre-3")
    one = listening(Spot(ROW, 3_000.0, 300.0), cable, 400.0, 60.0)
    assert one is not None
    assert (one.first_channel, one.power.shape[1]) == (260, 81)
    assert (ROW.at_ns - one.begin_ns, one.end_ns - ROW.at_ns) == (70 * NS, 98 * NS)
    near = listening(Spot(ROW, 0.0, 0.0), cable, 400.0, 60.0)
    assert near is not None
    assert (near.first_channel, near.power.shape[1]) == (0, 41)
    assert listening(Spot(ROW, 0.0, 9_000.0), cable, 400.0, 60.0) is None


@pytest.mark.parametrize(
    ("what", "coil_m", "ends", "coil", "cable_m"),
    [
        (What.SPLICE, None, None, None, 3_005.0),
        (What.SPLICE, 40.0, None, (2_985.0, 40.0), 3_005.0),
        (What.COIL, 40.0, (298.0, 304.0), (2_985.0, 60.0), 3_015.0),
        (What.PLAIN, None, (298.0, 301.0), None, 3_005.0),
    ],
)
def test_a_coil_is_what_was_heard_else_what_the_crew_knows(
    site: Site,
    what: What,
    coil_m: float | None,
    ends: tuple[float, float] | None,
    coil: tuple[float, float] | None,
    cable_m: float,
) -> None:
    row = dataclasses.replace(ROW, what=what, coil_m=coil_m, accuracy_m=4.0)
    heard = dataclasses.replace(HEARD, ends=ends)
    made = point(Spot(row, 2_940.0, 300.0), heard, site.cable("fibre-3"))
    assert made.coil == coil
    assert made.cable_m == pytest.approx(cable_m)
    assert made.sigma_m == pytest.approx((2.5**2 + 4.0**2) ** 0.5)
    assert made.looked_for_coil is (what is not What.PLAIN)
