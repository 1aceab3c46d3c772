"""Settlements: names and heights."""

import numpy as np
import pytest

from geo.crs import to_plane
from geo.errors import GeometryError
from geo.places import Place, Places, shipped_places
from geo.resources import data_root, read_geojson


def test_the_nearest_settlement_names_a_place() -> None:
    east, north = (float(v) for v in to_plane(20.72, 45.79))
    place, distance_m = shipped_places().nearest(east, north)
    assert place.name == "Jimbolia"
    assert distance_m < 500.0


def test_ground_is_exact_at_a_settlement_and_in_the_plain_s_range_between() -> None:
    places = shipped_places()
    east, north = to_plane(20.71722, 45.79139)
    assert float(places.ground_height(east, north)) == pytest.approx(83.0, abs=0.1)
    lon = np.linspace(20.3, 21.2, 10)
    heights = places.ground_height(*to_plane(lon, np.full(10, 45.6)))
    assert ((heights > 70.0) & (heights < 100.0)).all()


def test_a_settlement_of_unknown_height_is_left_out_of_heights() -> None:
    places = Places([Place("A", "RO", 21.0, 45.0, 80.0), Place("B", "RO", 21.1, 45.0, None)])
    assert float(places.ground_height(*to_plane(21.1, 45.0))) == pytest.approx(80.0)


def test_no_settlements_are_refused() -> None:
    with pytest.raises(GeometryError, match="0 settlements"):
        Places([])


def test_the_map_s_files_are_shipped() -> None:
    for name in ("countries", "country_lines", "places", "water"):
        assert read_geojson(f"basemap/{name}.geojson")
    for face in ("Noto Sans Regular", "Noto Sans Bold"):
        assert data_root().joinpath("glyphs", face, "1024-1279.pbf").is_file()
    with pytest.raises(GeometryError, match="no-such"):
        read_geojson("no-such.geojson")
