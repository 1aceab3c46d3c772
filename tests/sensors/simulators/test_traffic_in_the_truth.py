"""Who drives on roads and railways beside a cable stands in the truth, and nobody else."""

from pathlib import Path

import pytest

from geo.site import Site
from sensors.scenes import Scene
from sensors.simulators.cases import Case, draw_case
from sensors.simulators.course import truth
from sensors.simulators.fibre import Surroundings
from sensors.simulators.roads import Roads, ways
from sensors.truth import TruthPoint

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(SITE)


def busy(site: Site) -> Scene:
    """A scene by day whose cable has a road and a railway."""
    for seed in range(200):
        scene = draw_case(Case.CALM, seed, site)
        cable = site.cable(str(site.sensor(scene.sensors[0]).cable))
        if {way.is_railway for way in ways(seed, cable)} == {True, False}:
            start = scene.start.replace(hour=14)
            return scene.model_copy(update={"start": start, "duration_s": 300.0})
    raise LookupError("wanted a land with both")


def passing(scene: Scene, points: list[TruthPoint]) -> list[TruthPoint]:
    own = {actor.id for actor in scene.actor}
    return [point for point in points if point.actor not in own]


def test_truth_names_cars_as_lawful_where_the_fibre_hears_them(site: Site) -> None:
    scene = busy(site)
    found = passing(scene, list(truth(scene, site, 5.0)))
    cars = [one for one in found if one.actor_class in {"vehicle", "truck"}]
    assert len({one.actor for one in cars}) >= 3
    assert all(one.lawful for one in cars)
    row = site.sensor(scene.sensors[0])
    cable = site.cable(str(row.cable))
    near = 0
    for one in cars:
        _, aside = cable.nearest(one.east_m, one.north_m)
        if one.near:
            near += 1
            assert one.near == (row.id,)
            assert abs(float(aside)) <= 100.1
    assert 0 < near < len(cars)
    # The same as the fibre's own traffic, place by place.
    hour = Surroundings.of(scene, str(row.cable)).start_hour
    assert hour is not None
    there = {one.name: one for one in Roads(scene.seed, cable, hour).bodies(0.0, 300.0)}
    for one in cars[::7]:
        t_s = (one.at_ns - scene.start_ns) / 1e9
        east, north = there[one.actor].at(t_s)
        assert (one.east_m, one.north_m) == pytest.approx((float(east), float(north)), abs=0.001)


def test_trains_are_not_lawful_but_trains(site: Site) -> None:
    scene = busy(site).model_copy(update={"duration_s": 3.0 * 3_600.0})
    found = passing(scene, list(truth(scene, site, 120.0)))
    trains = [one for one in found if one.actor_class == "train"]
    assert trains
    assert not any(one.lawful for one in trains)
    assert {str(one.object_class) for one in trains} == {"train"}


def test_without_roads_there_is_nobody_but_the_actors(site: Site) -> None:
    scene = busy(site).model_copy(update={"roads": False})
    assert passing(scene, list(truth(scene, site, 5.0))) == []


def test_a_window_of_channels_hears_only_what_is_beside_it(site: Site) -> None:
    scene = busy(site)
    narrow = scene.model_copy(update={"fibre_window_m": 250.0})
    wide = passing(scene, list(truth(scene, site, 5.0)))
    few = passing(narrow, list(truth(narrow, site, 5.0)))
    assert sum(bool(one.near) for one in few) <= sum(bool(one.near) for one in wide)
