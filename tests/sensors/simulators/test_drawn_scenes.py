"""Random scenes are valid, hold crossings of every kind, and are the same for the same seed."""

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import Scene, parse, write
from sensors.simulators.course import truth
from sensors.simulators.drawn import draw_scene
from sensors.simulators.world import World

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"


@cache
def site() -> Site:
    return Site.load(SITE)


def crossings(scene: Scene) -> set[str]:
    return {one.id for one in scene.actor if one.id.startswith("crossing-")}


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_every_drawn_crossing_comes_near_a_sensor(difficulty: float) -> None:
    for seed in range(12):
        scene = draw_scene(seed, difficulty, site())
        assert 1 <= len(crossings(scene)) <= 3
        points = list(truth(scene, site(), 2.0))
        near = {point.actor for point in points if point.near}
        sure = {one.id for one in scene.actor if one.actor_class != "drone"}
        assert crossings(scene) & sure <= near
        assert "crossing-1" in near


def test_drawn_scenes_are_written_and_read_back() -> None:
    for seed in range(40):
        scene = draw_scene(seed, 1.0, site())
        assert parse(write(scene)) == scene


def test_every_kind_of_crossing_is_drawn_and_hard_scenes_are_harder() -> None:
    easy, hard = ([draw_scene(seed, d, site()) for seed in range(250)] for d in (0.0, 1.0))
    kinds_of: list[Counter[str]] = []
    for scenes in (easy, hard):
        drawn = [a for s in scenes for a in s.actor if a.id in crossings(s)]
        kinds_of.append(Counter(f"{a.actor_class} {a.behaviour}" for a in drawn))
    wanted = {"walk", "run", "crawl", "wade", "dig", "saw"}
    for found in kinds_of:
        assert set(found) == {f"person {one}" for one in wanted} | {
            "vehicle drive",
            "truck drive",
            "drone drive",
        }
    share = [found["person crawl"] / found.total() for found in kinds_of]
    assert share[1] > 2.0 * share[0]
    for name in ("wind_mps", "rain_mm_h"):
        means = [np.mean([getattr(s.weather, name) for s in scenes]) for scenes in (easy, hard)]
        assert means[1] > means[0] == 0.0
    assert not any(s.fault for s in easy)
    assert len({f.kind for s in hard for f in s.fault}) >= 7
    assert any(a.actor_class == "train" for s in hard for a in s.actor)
    assert any(a.lawful for s in hard for a in s.actor)


def test_some_go_along_the_cable_within_its_reach_and_do_not_cross_it() -> None:
    least: list[float] = []
    for seed in range(60):
        scene = draw_scene(seed, 0.5, site())
        away: dict[str, float] = {}
        for point in truth(scene, site(), 3.0):
            for name in point.near if point.actor in crossings(scene) else ():
                if name.startswith("fibre-"):
                    _, here = site().cable(name).nearest(point.east_m, point.north_m)
                    away[point.actor] = min(away.get(point.actor, 1e9), abs(float(here)))
        least += away.values()
    distances = np.array(least)
    assert 0.5 < np.mean(distances < 2.5) < 0.95
    assert np.count_nonzero(distances > 3.0) >= 5
    assert np.count_nonzero(distances > 15.0) >= 1
    assert distances.max() < 100.0


def test_drawn_scenes_are_short_and_narrow() -> None:
    for seed in range(10):
        scene = draw_scene(seed, 0.7, site())
        assert scene.duration_s is not None
        assert 40.0 < scene.duration_s <= 160.0
        world = World(scene, site())
        channels = [
            (world.fibre_window(row) or (0, 0))[1] for row in world.sensors if row.kind == "fibre"
        ]
        assert 0 < sum(channels) < 1_500


def test_the_same_seed_draws_the_same_scene_and_another_another() -> None:
    one, two, other = (write(draw_scene(seed, 0.4, site())) for seed in (5, 5, 6))
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    ("seed", "difficulty", "told"),
    [(1, 1.5, "difficulty is 1.5"), (1, float("nan"), "difficulty"), (-1, 0.5, "seed is -1")],
)
def test_what_cannot_be_drawn_is_told(seed: int, difficulty: float, told: str) -> None:
    with pytest.raises(SceneError, match=told):
        draw_scene(seed, difficulty, site())


def test_a_site_without_fibre_is_told() -> None:
    bare = site().model_copy(
        update={"sensors": tuple(row for row in site().sensors if row.kind != "fibre")}
    )
    with pytest.raises(SceneError, match="has no fibre sensor"):
        draw_scene(1, 0.5, bare)
