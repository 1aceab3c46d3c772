"""What was watched, in kilometres of border."""

import pytest

from geo.default_site import default_site_path
from geo.site import Site
from services.score.coverage import watched_km


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def test_all_fibres_watch_the_whole_line(site: Site) -> None:
    fibres = {row.id: None for row in site.sensors if row.kind == "fibre"}
    assert watched_km(site, fibres) == pytest.approx(300.0, rel=0.03)


def test_part_of_a_fibre_watches_as_much(site: Site) -> None:
    assert watched_km(site, {"fibre-3": (1_000, 200)}) == pytest.approx(2.0, abs=0.4)
    both = {"fibre-3": (1_000, 200), "fibre-2": (1_000, 200)}
    assert watched_km(site, both) == pytest.approx(4.0, abs=0.8)


def test_camera_watches_less_than_its_range_and_what_a_fibre_watches_counts_once(
    site: Site,
) -> None:
    row = next(one for one in site.sensors if one.kind == "thermal" and one.range_m)
    alone = watched_km(site, {row.id: None})
    assert 0.0 < alone <= 2.0 * (row.range_m or 0.0) / 1_000.0
    fibres = {one.id: None for one in site.sensors if one.kind == "fibre"}
    assert watched_km(site, {**fibres, row.id: None}) <= watched_km(site, fibres) + 1.0


def test_what_moves_and_what_is_unknown_watches_nothing(site: Site) -> None:
    patrol = next(one.id for one in site.sensors if one.kind == "patrol")
    assert watched_km(site, {patrol: None, "nobody": None}) == 0.0
    assert watched_km(site, {}) == 0.0
