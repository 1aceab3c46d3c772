"""Scene files are read strictly, and their faults are told with place and remedy."""

from pathlib import Path

import pytest

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import ActorClass, load, parse
from sensors.simulators.world import World

SCENES = Path(__file__).resolve().parents[3] / "deploy" / "scenes"
SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"

HEAD = 'name = "a test"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 60\n'
WALKER = '\n[[actor]]\nid = "w1"\nclass = "person"\nbehaviour = "walk"\n'
WAY = "waypoints = [[81200.0, -40.0, 0.0], [81200.0, 60.0, 60.0]]\n"


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(SITE)


@pytest.mark.parametrize("path", sorted(SCENES.glob("*-scene.toml")), ids=lambda p: p.stem)
def test_every_committed_scene_fits_the_default_site(path: Path, site: Site) -> None:
    world = World(load(path), site)
    assert world.sensors


def test_the_four_scenes_that_others_count_on_are_there() -> None:
    names = {path.name for path in SCENES.glob("*-scene.toml")}
    assert names >= {
        "demo-scene.toml",
        "crossing-scene.toml",
        "vehicle-scene.toml",
        "quiet-scene.toml",
    }


def test_a_scene_is_read_with_its_units_and_defaults() -> None:
    scene = parse(HEAD + WALKER + WAY)
    assert scene.start_ns == 1_772_326_800_000_000_000
    assert scene.actor[0].actor_class is ActorClass.PERSON
    assert scene.actor[0].waypoints[1] == (81200.0, 60.0, 60.0)
    assert scene.actor[0].count == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + WALKER.replace("person", "dragon") + WAY, "x.toml:8: actor[0].class is 'dragon'"),
        (HEAD + WALKER.replace("walk", "drive") + WAY, "behaviour drive only with class"),
        (HEAD + '[[cable_event]]\nkind = "cut"\n', "cable_event[0].at_cable is missing"),
        (
            HEAD + "colour = 3\n",
            "x.toml:5: colour is 3: wanted a key of the scene format, here one of name, seed",
        ),
        (HEAD.replace("seed = 1\n", ""), "seed is missing"),
        (HEAD.replace("Z\n", "\n"), "x.toml:3: start is"),
        (HEAD + WALKER, "either waypoints or waypoints_lonlat"),
        (HEAD + WALKER + WAY.replace("60.0]]", "0.0]]"), "in order of t_s"),
        (HEAD + WALKER + WAY + WALKER + WAY, "actor[1].id is 'w1': wanted an id of its own"),
        (HEAD + WALKER + WAY + "reports_position_every_s = 5\n", "own_force = true"),
        (HEAD + "within_m = 100\n", "or [[cable_event]] with within_m"),
        ("name = ", "x.toml: wanted TOML"),
    ],
)
def test_a_fault_is_told_with_line_key_value_and_wish(text: str, told: str) -> None:
    with pytest.raises(SceneError) as caught:
        parse(text, "x.toml")
    assert told in str(caught.value)


def test_several_faults_are_told_at_once() -> None:
    with pytest.raises(SceneError) as caught:
        parse(HEAD.replace("seed = 1", "seed = -1") + "colour = 3\n", "x.toml")
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"gone\.toml: wanted a readable scene file"):
        load(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (
            "waypoints = [[900000.0, 0.0, 0.0], [81200.0, 0.0, 60.0]]",
            "waypoints[0] is at chainage 900000: wanted 0 to",
        ),
        ("waypoints_lonlat = [[45.8, 20.7, 0.0], [45.8, 20.71, 60.0]]", "longitude comes first"),
        ("waypoints = [[81200.0, 0.0, 0.0], [99200.0, 0.0, 60.0]]", "check its t_s"),
    ],
)
def test_waypoints_far_from_the_site_or_too_fast_are_refused(
    way: str, told: str, site: Site
) -> None:
    scene = parse(HEAD + WALKER + way)
    with pytest.raises(SceneError) as caught:
        World(scene, site)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('sensors = ["nothing-*"]\n', "sensors holds 'nothing-*'"),
        ('raw_thermal = ["fibre-1"]\n', "raw_thermal holds 'fibre-1'"),
        (
            '[[fault]]\nsensor = "ghost-1"\nt_s = 0\nduration_s = 1\nkind = "late"\n',
            "fault[0].sensor is 'ghost-1'",
        ),
    ],
)
def test_what_the_site_does_not_have_is_refused(more: str, told: str, site: Site) -> None:
    with pytest.raises(SceneError) as caught:
        World(parse(HEAD + more), site)
    assert told in str(caught.value)
