"""The real line: lengths, labels, and what bends do to them."""

import json
from pathlib import Path

import numpy as np
import pytest

from geo.border import SMOOTHING_M, Border, shipped_border
from geo.crs import cumulative_length_m, to_plane, to_wgs84
from geo.errors import GeometryError


@pytest.fixture(scope="module")
def border() -> Border:
    return shipped_border()


def test_both_parts_have_their_known_lengths(border: Border) -> None:
    land, danube = border.parts
    assert (land.name, danube.name) == ("land", "danube")
    assert land.length_m / 1_000.0 == pytest.approx(310.03, abs=0.005)
    assert danube.length_m / 1_000.0 == pytest.approx(234.96, abs=0.005)
    assert border.length_m / 1_000.0 == pytest.approx(544.99, abs=0.005)


def test_chainage_agrees_with_the_published_five_kilometre_points(
    border: Border, shared_data: Path
) -> None:
    text = (shared_data / "geo" / "border_chainage_5km.geojson").read_text(encoding="utf-8")
    features = json.loads(text)["features"]
    places = np.array([feature["geometry"]["coordinates"] for feature in features])
    known = np.array([feature["properties"]["km"] * 1_000.0 for feature in features])
    chainage, offset = border.chainage(*to_plane(places[:, 0], places[:, 1]))
    assert len(known) > 100
    assert np.abs(chainage - known).max() < 0.5
    assert np.abs(offset).max() < 0.5


def test_towns_lie_on_their_own_country_s_side(border: Border) -> None:
    towns = {"Jimbolia": (20.71722, 45.79139), "Oravița": (21.68944, 45.0325)}
    neighbours = {"Kikinda": (20.46528, 45.82972), "Vršac": (21.30361, 45.11667)}
    for lon, lat in [*towns.values(), (22.65288, 44.62693)]:
        assert border.chainage(*to_plane(lon, lat))[1] > 0.0
    for lon, lat in [*neighbours.values(), (22.60955, 44.61147)]:
        assert border.chainage(*to_plane(lon, lat))[1] < 0.0


def test_the_line_begins_at_the_tripoint_and_ends_at_the_timok(border: Border) -> None:
    first = to_wgs84(*border.point_at(0.0, 0.0))
    assert [float(v) for v in first] == pytest.approx([20.264275, 46.126354], abs=1e-6)
    last = border.point_at(border.length_m, 0.0)
    assert float(border.chainage(*last)[0]) == pytest.approx(border.length_m, abs=0.01)


def test_point_at_is_the_mean_of_the_line_over_the_window_and_then_its_normal(
    border: Border,
) -> None:
    for at in (5_000.0, 68_000.0, 194_000.0, 400_000.0):
        dense = np.linspace(at - SMOOTHING_M, at + SMOOTHING_M, 20_001)
        knots = border.vertex_chainage_m
        xy = np.asarray(border.line.coords)
        east, north = np.interp(dense, knots, xy[:, 0]), np.interp(dense, knots, xy[:, 1])
        on = np.array(border.point_at(at, 0.0))
        assert on == pytest.approx([east.mean(), north.mean()], abs=0.05)
        out = np.array(border.point_at(at, 300.0))
        chord = np.array([east[-1] - east[0], north[-1] - north[0]])
        assert np.hypot(*(out - on)) == pytest.approx(300.0)
        assert np.dot(out - on, chord) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "start_m", "end_m"),
    [("Jimbolia", 61_000.0, 75_000.0), ("Vršac", 188_000.0, 262_000.0)],
)
def test_near_the_bends_a_placed_point_comes_back_to_its_label(
    border: Border, name: str, start_m: float, end_m: float
) -> None:
    # Close to the line the label comes back within the smoothing window. It is never exact: the
    # offset starts from the smoothed line, the label looks for the nearest point of the true one.
    del name
    chainage = np.arange(start_m, end_m, 30.0)
    for side in (20.0, -20.0):
        back, offset = border.chainage(*border.point_at(chainage, side))
        error = np.abs(back - chainage)
        assert np.median(error) < 5.0
        assert np.percentile(error, 99) < SMOOTHING_M
        assert np.mean(np.sign(offset) == np.sign(side)) > 0.8
        assert np.percentile(np.abs(offset - side), 90) < 60.0


def test_far_from_the_line_labels_jump_so_nobody_computes_with_them(border: Border) -> None:
    chainage = np.arange(1_000.0, 300_000.0, 30.0)
    steps = np.abs(np.diff(border.chainage(*border.point_at(chainage, 400.0))[0]))
    assert 0.02 < np.mean(steps > 100.0) < 0.10
    near = np.abs(np.diff(border.chainage(*border.point_at(chainage, 20.0))[0]))
    assert np.mean(near > 100.0) < np.mean(steps > 100.0)


def test_a_straight_line_gives_exact_labels_on_both_sides() -> None:
    # Due south along the central meridian: Romania's side, left, is east.
    straight = Border([("land", [(21.0, 45.2), (21.0, 45.1), (21.0, 45.0)])])
    east, north = straight.point_at([5_000.0, 11_113.0, 15_000.0], [120.0, -80.0, 0.0])
    assert east == pytest.approx([500_120.0, 499_920.0, 500_000.0], abs=1e-3)
    chainage, offset = straight.chainage(east, north)
    assert chainage == pytest.approx([5_000.0, 11_113.0, 15_000.0], abs=0.5)
    assert offset == pytest.approx([120.0, -80.0, 0.0], abs=1e-3)


def test_the_side_of_a_corner_s_outside_is_told_from_both_segments() -> None:
    # East and then back west-north-west: a sharp corner that points east.
    corner = Border([("land", [(21.0, 45.0), (21.1, 45.0), (21.0, 45.01)])])
    tip_east, tip_north = (float(v) for v in to_plane(21.1, 45.0))
    chainage, offset = corner.chainage([tip_east + 50.0] * 2, [tip_north + 5.0, tip_north - 5.0])
    # The line turns left, so what lies beyond the tip is on its right: the neighbour's side.
    assert (offset < 0.0).all()
    assert chainage == pytest.approx([corner.vertex_chainage_m[1]] * 2)


def test_many_places_are_labelled_as_one_by_one(border: Border) -> None:
    east, north = border.point_at(np.linspace(0.0, border.length_m, 50), 75.0)
    chainage, offset = border.chainage(east.reshape(5, 10), north.reshape(5, 10))
    assert chainage.shape == (5, 10)
    for index in range(50):
        one = border.chainage(east[index], north[index])
        assert float(one[0]) == chainage.ravel()[index]
        assert float(one[1]) == offset.ravel()[index]


def test_a_stretch_for_the_map_has_the_length_of_its_chainage(border: Border) -> None:
    lon, lat = to_wgs84(*border.line_between(61_005.0, 102_645.0).T)
    assert cumulative_length_m(lon, lat)[-1] == pytest.approx(102_645.0 - 61_005.0, abs=0.5)


def test_a_chainage_off_the_line_is_refused(border: Border) -> None:
    for at in (-1.0, border.length_m + 1.0, float("nan")):
        with pytest.raises(GeometryError, match="chainage_m is"):
            border.point_at(at, 0.0)
    with pytest.raises(GeometryError, match="end_m is"):
        border.line_between(10.0, 10.0)


def test_parts_that_do_not_meet_are_refused() -> None:
    with pytest.raises(GeometryError, match="'danube' begins at"):
        Border([("land", [(21.0, 45.0), (21.0, 45.1)]), ("danube", [(21.0, 45.2), (21.0, 45.3)])])
