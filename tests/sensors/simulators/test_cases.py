"""Cases are what they say: one kind of crossing each, far apart, at places of normal coupling."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import Scene, parse, write
from sensors.simulators.cases import CLEAR_M, LEAD_S, Case, draw_case
from sensors.simulators.course import truth
from sensors.simulators.fibre import normally_coupled
from sensors.simulators.noise import Noise, badly_coupled
from sensors.simulators.roads import ways

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"
CROSSED = [case for case in Case if not case.is_exposure]


@cache
def site() -> Site:
    return Site.load(SITE)


@cache
def drawn(case: Case, seed: int = 5) -> Scene:
    return draw_case(case, seed, site())


@cache
def away_m(case: Case, seed: int = 5) -> dict[str, np.ndarray]:
    """For each actor its distances to the cable, second by second; roads are left out."""
    scene = drawn(case, seed)
    scene = scene.model_copy(update={"roads": False})
    row = site().sensor(scene.sensors[0])
    cable = site().cable(str(row.cable))
    found: dict[str, list[float]] = {}
    for point in truth(scene, site(), 1.0):
        _, aside = cable.nearest(point.east_m, point.north_m)
        found.setdefault(point.actor, []).append(abs(float(aside)))
    return {name: np.array(some) for name, some in found.items()}


@pytest.mark.parametrize("case", list(Case))
def test_a_seed_gives_one_scene_that_can_be_written(case: Case) -> None:
    scene = drawn(case)
    assert parse(write(scene)) == scene == draw_case(case, 5, site())
    assert write(scene) != write(drawn(case, 6))
    assert len(scene.sensors) == 1
    assert scene.sensors[0].startswith("fibre-")


@pytest.mark.parametrize(
    ("case", "least", "most"),
    [
        (Case.WALK, 0.0, 2.0),
        (Case.PARALLEL, 4.0, 5.1),
        (Case.CRAWL, 0.0, 1.0),
        (Case.DIG, 0.0, 5.1),
        (Case.VEHICLE, 0.0, 30.1),
    ],
)
def test_crossings_come_as_near_as_the_case_says(case: Case, least: float, most: float) -> None:
    nearest = np.array([some.min() for some in away_m(case).values()])
    assert nearest.size >= 8
    assert (nearest >= least).all()
    # A vehicle's second is many metres long.
    assert (nearest <= most + (6.0 if case is Case.VEHICLE else 0.0)).all()


def test_who_goes_parallel_stays_at_five_metres_for_a_minute() -> None:
    for some in away_m(Case.PARALLEL).values():
        assert some.size >= 55
        assert 4.5 < np.median(some) < 5.1


def test_vehicles_of_both_kinds_go_across_and_along() -> None:
    scenes = [drawn(Case.VEHICLE, seed) for seed in range(5, 9)]
    assert {str(one.actor_class) for s in scenes for one in s.actor} == {"vehicle", "truck"}
    ranges = np.array([a.max() for n in range(5, 9) for a in away_m(Case.VEHICLE, n).values()])
    assert np.count_nonzero(ranges > 100.0) > 5
    assert np.count_nonzero(ranges < 60.0) > 5


@pytest.mark.parametrize("case", [one for one in CROSSED if one is not Case.CUT])
def test_crossings_are_at_normal_coupling_far_apart_and_late(case: Case) -> None:
    for seed in (5, 6):
        scene = drawn(case, seed)
        row = site().sensor(scene.sensors[0])
        cable = site().cable(str(row.cable))
        normal = normally_coupled(seed, row.id, cable)
        channels = cable.channel_distance(np.arange(normal.size))
        places = []
        of: dict[str, list[tuple[float, float]]] = {}
        for point in truth(scene, site(), 5.0):
            of.setdefault(point.actor, []).append((point.east_m, point.north_m))
        for actor in scene.actor:
            assert actor.begins_s >= LEAD_S
            east, north = np.array(of[actor.id]).T
            along, aside = cable.nearest(east, north)
            places.append((east.mean(), north.mean()))
            if case in {Case.WALK, Case.DIG, Case.CRAWL}:
                at = float(along[np.abs(aside).argmin()])
                near = np.abs(channels - at) <= 0.5 * CLEAR_M
                assert normal[near].all()
        apart = np.hypot(*(np.array(places)[:, np.newaxis] - np.array(places)).T)
        apart[np.diag_indices(len(places))] = np.inf
        assert apart.min() > 500.0


def test_some_channels_are_not_normal() -> None:
    cable = site().cable("fibre-1")
    normal = normally_coupled(5, "fibre-1", cable)
    coils = 2 * len(cable.calibration.coils)
    assert coils <= np.count_nonzero(~normal) <= coils + 3 * 20


def test_channels_said_to_be_badly_coupled_are_those_that_hear_less() -> None:
    channels = 3_825
    bad = badly_coupled(5, "fibre-1", channels)
    coupling = Noise(5, "fibre-1", np.zeros((channels, 2)), 10.0).coupling
    assert 20 <= np.count_nonzero(bad) <= 60
    assert np.median(coupling[bad]) < 0.5 * np.median(coupling[~bad])


def test_cuts_are_anywhere_on_any_cable() -> None:
    events = [drawn(Case.CUT, seed).cable_event[0] for seed in range(60)]
    assert {one.kind for one in events} == {"cut"}
    assert len({one.at_cable for one in events}) == 8
    distances = np.array([one.distance_m for one in events])
    assert distances.min() < 6_000.0
    assert distances.max() > 32_000.0


def test_exposure_has_animals_and_trains_only_at_any_hour() -> None:
    scenes = [drawn(Case.CALM, seed) for seed in range(40)]
    classes = [str(one.actor_class) for s in scenes for one in s.actor]
    assert set(classes) == {"animal", "train"}
    assert 20 <= classes.count("animal") <= 65
    for seed, scene in enumerate(scenes):
        cable = site().cable(str(site().sensor(scene.sensors[0]).cable))
        railways = [way for way in ways(seed, cable) if way.is_railway]
        assert sum(one.actor_class == "train" for one in scene.actor) == len(railways)
    assert len({scene.start.hour for scene in scenes}) > 12
    assert drawn(Case.CALM).weather.wind_mps == 0.0
    wind = drawn(Case.WIND).weather
    assert (wind.wind_mps, wind.rain_mm_h) == (10.0, 5.0)


def test_what_cannot_be_drawn_is_told() -> None:
    with pytest.raises(SceneError, match="seed is -1"):
        draw_case(Case.WALK, -1, site())
    bare = site().model_copy(
        update={"sensors": tuple(row for row in site().sensors if row.kind != "fibre")}
    )
    with pytest.raises(SceneError, match="has no fibre sensor"):
        draw_case(Case.WALK, 1, bare)
