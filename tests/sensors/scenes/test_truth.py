"""The truth of a scene."""

import io
from itertools import islice, pairwise
from pathlib import Path

import pytest

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import load
from sensors.simulators.course import truth
from sensors.truth import read_truth, write_truth

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(DEPLOY / "sites" / "default.toml")


def test_truth_follows_the_waypoints_and_says_when_the_fibre_was_near(site: Site) -> None:
    scene = load(DEPLOY / "scenes" / "crossing-scene.toml")
    points = list(truth(scene, site))
    assert [point.actor for point in points] == ["w1"] * 106
    first, last = points[0], points[-1]
    assert (first.at_ns - scene.start_ns, last.at_ns - scene.start_ns) == (5 * 10**9, 110 * 10**9)
    # A label, from the true line: near the waypoint's, not equal to it.
    assert abs(first.chainage_m - 81_200.0) < 200.0
    assert first.offset_m < 0.0 < last.offset_m
    near = [point for point in points if "fibre-3" in point.near]
    cable = site.cable("fibre-3")
    for point in points:
        _, aside = cable.nearest(point.east_m, point.north_m)
        assert (abs(float(aside)) <= 10.0) == (point in near)
    assert 5 < len(near) < 40


def test_truth_of_an_endless_scene_goes_on_with_new_crossings(site: Site) -> None:
    scene = load(DEPLOY / "scenes" / "demo-scene.toml")
    points = list(islice(truth(scene, site, step_s=5.0), 150))
    assert len({point.actor for point in points}) >= 3
    assert all(one.at_ns <= two.at_ns for one, two in pairwise(points))


def test_truth_is_written_as_lines_and_read_back(site: Site) -> None:
    scene = load(DEPLOY / "scenes" / "crossing-scene.toml")
    points = list(islice(truth(scene, site), 20))
    file = io.StringIO()
    assert write_truth(points, file) == 20
    assert list(read_truth(file.getvalue().splitlines())) == points


def test_a_broken_line_of_truth_is_told_with_its_number() -> None:
    with pytest.raises(SceneError, match="line 2: at is missing"):
        list(read_truth(["", "{}"]))
