"""Rows in time, identity of content, and the geometry a site gives."""

from datetime import UTC, datetime

import pytest

from geo.crs import to_plane
from geo.errors import SiteError
from geo.site import Site

SITE = """\
name = "short"
home_party = "RO"
parties = ["RO", "RS"]
area = { lon_min_deg = 20.0, lon_max_deg = 23.0, lat_min_deg = 44.0, lat_max_deg = 46.5 }

[[sectors]]
id = "north"
name = "Nord"
start_m = 0.0
end_m = 60000.0

[[sectors]]
id = "south"
name = "Sud"
start_m = 60000.0
end_m = 545000.0

[[crossings]]
id = "jimbolia"
name = "Jimbolia"
name_neighbour = "Srpska Crnja"
mode = "road"
position = [20.700479, 45.750673]
position_uncertainty_m = 2500.0

[[zones]]
id = "ditch"
kind = "works"
centre = [20.70, 45.75]
radius_m = 500
valid_from = 2026-03-01T06:00:00Z
valid_to = 2026-03-02T06:00:00+02:00

[[cables]]
id = "fibre-1"
channel_count = 200
route = [[21.0, 45.0], [21.0, 45.02]]

[[calibrations]]
cable = "fibre-1"
taps = [[0, 0, 2.5], [2000, 1990, 2.5]]
valid_to = 2026-02-01T00:00:00Z

[[calibrations]]
cable = "fibre-1"
taps = [[0, 0, 2.5], [2000, 1950, 2.5]]
valid_from = 2026-02-01T00:00:00Z

[[sensors]]
id = "fibre-1"
group = "interrogator-1"
kind = "fibre"
cable = "fibre-1"

[[sensors]]
id = "patrol-01"
group = "patrol-01"
kind = "patrol"
own_force = true

[[settings]]
key = "correlate.gate"
value = 9.2
"""


def ns(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc,arg-type]


@pytest.fixture
def site() -> Site:
    return Site.parse(SITE, "short.toml")


def test_calibration_changes_at_its_moment_and_not_before(site: Site) -> None:
    change = ns(2026, 2, 1)
    before = site.at(change - 1).cable("fibre-1")
    after = site.at(change).cable("fibre-1")
    assert float(before.route_distance(2_000.0)) == pytest.approx(1_990.0)
    assert float(after.route_distance(2_000.0)) == pytest.approx(1_950.0)


def test_rows_hold_half_open_and_in_any_time_zone(site: Site) -> None:
    start, end = ns(2026, 3, 1, 6), ns(2026, 3, 2, 4)
    held = [bool(site.at(at).zones) for at in (start - 1, start, end - 1, end)]
    assert held == [False, True, True, False]
    assert site.changes_ns == (ns(2026, 2, 1), start, end)
    assert site.next_change_ns(start) == end
    assert site.next_change_ns(end) is None


def test_one_object_serves_all_times_between_two_changes(site: Site) -> None:
    assert site.at(ns(2026, 3, 5)) is site.at(ns(2027, 1, 1))
    assert site.at(ns(2026, 3, 5)) is not site.at(ns(2026, 3, 1, 12))


def test_geometry_of_several_times_at_once_is_refused(site: Site) -> None:
    with pytest.raises(SiteError, match=r"site\.at"):
        site.cable("fibre-1")


def test_what_is_not_there_is_named_with_what_is(site: Site) -> None:
    with pytest.raises(SiteError, match=r"'thermal-001'.*fibre-1, patrol-01"):
        site.sensor("thermal-001")
    assert site.has_sensor("patrol-01")
    assert not site.has_sensor("thermal-001")
    assert site.sensor("patrol-01").own_force
    assert site.setting("correlate.gate") == 9.2
    assert site.setting("correlate.other") is None


def test_the_hash_knows_content_only(site: Site) -> None:
    head, *rows = SITE.split("\n\n")
    turned = "# a comment\n" + head + "\n\n" + "\n\n".join(reversed(rows)) + "\n"
    turned = turned.replace("2026-03-02T06:00:00+02:00", "2026-03-02T04:00:00Z")
    turned = turned.replace("radius_m = 500\n", "radius_m   =   5e2 # metres\n")
    assert Site.parse(turned, "other.toml").hash == site.hash
    assert len(site.hash) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("45.02", "45.03"),
        ("1990", "1991"),
        ("own_force = true", "own_force = false"),
        ("2026-02-01T00:00:00Z\n\n[[cal", "2026-01-31T00:00:00Z\n\n[[cal"),
        ('["RO", "RS"]', '["RO", "RS", "HU"]'),
        ("9.2", "9.3"),
    ],
)
def test_any_change_of_content_changes_the_hash(site: Site, old: str, new: str) -> None:
    assert SITE.count(old) >= 1
    assert Site.parse(SITE.replace(old, new, 1), "other.toml").hash != site.hash


def test_what_is_written_reads_back_equal(site: Site) -> None:
    again = Site.parse(site.to_toml("Heading\n\nTwo lines"), "again.toml")
    assert again == site
    assert again.hash == site.hash
    assert again.to_toml() == site.to_toml()


def test_odd_text_survives_writing() -> None:
    odd = 'a "b" \\ c\ttab \u007f Đerdap'
    escaped = odd.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    text = SITE.replace('"Nord"', '"' + escaped.replace("\u007f", "\\u007f") + '"')
    site = Site.parse(text, "odd.toml")
    assert site.sector("north").name == odd
    assert Site.parse(site.to_toml(), "odd.toml") == site


def test_places_are_labelled_for_people(site: Site) -> None:
    east, north = site.border.point_at(70_000.0, 50.0)
    label = site.place_label(float(east), float(north))
    assert label.chainage_m == pytest.approx(70_000.0, abs=50.0)
    assert label.offset_m == pytest.approx(50.0, abs=5.0)
    assert (label.sector, label.sector_name) == ("south", "Sud")
    assert label.settlement == "Jimbolia"
    assert 2_000.0 < label.settlement_distance_m < 5_000.0


def test_a_sector_with_an_area_of_its_own_goes_before_chainage() -> None:
    ring = "polygon = [[20.6, 45.7], [20.8, 45.7], [20.8, 45.8], [20.6, 45.8]]\n"
    site = Site.parse(SITE.replace('name = "Nord"\n', 'name = "Nord"\n' + ring), "area.toml")
    place = (float(v) for v in to_plane(20.70, 45.75))
    sector = site.sector_at(*place)
    assert sector is not None
    assert sector.id == "north"


def test_lawful_traffic_is_where_the_crossing_is(site: Site) -> None:
    east, north = (float(v) for v in to_plane(20.700479, 45.750673))
    assert [zone.kind for zone in site.lawful_zones.at(east + 290.0, north)] == ["crossing"]
    assert site.lawful_zones.at(east + 310.0, north) == ()
    works = site.at(ns(2026, 3, 1, 12)).all_zones.at(*(float(v) for v in to_plane(20.70, 45.75)))
    assert [zone.id for zone in works] == ["ditch"]


def test_an_interrogator_stands_where_its_cable_begins(site: Site) -> None:
    now = site.at(ns(2026, 3, 5))
    assert now.sensor_place("fibre-1") == pytest.approx([float(v) for v in to_plane(21.0, 45.0)])
    assert now.sensor_place("patrol-01") is None
