"""Every table and key of the scene format is read, and its faults are told."""

from pathlib import Path

import pytest

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import ActorClass, Behaviour, Weather, parse
from sensors.simulators.world import World

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"
HEAD = 'name = "a test"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 600\n'
WALKER = (
    '[[actor]]\nid = "w1"\nclass = "person"\nbehaviour = "walk"\n'
    "waypoints = [[81200.0, -40.0, 0.0], [81200.0, 60.0, 60.0]]\n"
)
PATROL = '[[patrol]]\nid = "j1"\nchainage_m = [81000, 82000]\nt_s = [0, 600]\n'
LAWFUL = '[[crossings]]\nevery_s = 60\nat_crossing = "jimbolia-srpska-crnja"\n'
CUT = '[[cable_event]]\nat_cable = "fibre-3"\ndistance_m = 12040.0\nt_s = 300\nkind = "cut"\n'
FAULT = '[[fault]]\nsensor = "thermal-012"\nt_s = 100\nduration_s = 120\nkind = "silent"\n'

WRITTEN_BY_HAND = """
name = "three walkers near Jimbolia, light rain"
seed = 7
start = 2026-03-01T01:00:00Z
duration_s = 600
site = "default"                      # or a path
[weather]
wind_mps = 6.0
rain_mm_h = 2.0
temperature_c = 3.0
visibility_m = 4000
[[actor]]
id = "w1"
class = "person"                      # person, vehicle, truck, boat, animal, train, drone
count = 3
behaviour = "walk"                    # walk, run, crawl, dig, drive, stand, saw, wade
waypoints = [[81200.0, -400.0, 0.0], [81230.0, 350.0, 560.0]]
own_force = false
reports_position_every_s = 0          # own forces only
[[cable_event]]
at_cable = "fibre-3"
distance_m = 12040.0
t_s = 300
kind = "cut"                          # cut, bend, disconnect
[[fault]]
sensor = "thermal-012"
t_s = 100
duration_s = 120
kind = "silent"                       # silent, duplicate, reorder, late, skew, stuck, corrupt, ...
"""


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(SITE)


def test_the_scene_as_it_is_written_by_hand_is_read_whole(site: Site) -> None:
    scene = parse(WRITTEN_BY_HAND)
    assert scene.weather == Weather(
        wind_mps=6.0, rain_mm_h=2.0, temperature_c=3.0, visibility_m=4000.0
    )
    assert (scene.actor[0].count, scene.actor[0].behaviour) == (3, Behaviour.WALK)
    assert (scene.cable_event[0].kind, scene.cable_event[0].distance_m) == ("cut", 12040.0)
    assert (scene.fault[0].kind, scene.fault[0].duration_s) == ("silent", 120.0)
    assert World(scene, site).sensors


def test_weather_is_calm_and_clear_where_nothing_is_said() -> None:
    weather = parse(HEAD).weather
    assert (weather.wind_mps, weather.rain_mm_h) == (0.0, 0.0)
    assert (weather.temperature_c, weather.visibility_m) == (10.0, 20_000.0)


def test_the_background_is_made_or_a_recording() -> None:
    assert parse(HEAD).background == "synthetic"
    assert parse(HEAD + 'background = "night.hdf5"\n').background == "night.hdf5"


MAY = {
    "walk": "animal person",
    "run": "animal person",
    "wade": "animal person",
    "crawl": "person",
    "dig": "person",
    "saw": "person",
    "tap": "person",
    "drive": "boat drone train truck vehicle",
    "stand": "animal boat drone person train truck vehicle",
}


@pytest.mark.parametrize("behaviour", list(Behaviour))
@pytest.mark.parametrize("actor_class", list(ActorClass))
def test_behaviours_go_with_their_classes_only(
    actor_class: ActorClass, behaviour: Behaviour
) -> None:
    text = HEAD + WALKER.replace("person", actor_class).replace("walk", behaviour)
    if actor_class in MAY[behaviour].split():
        assert parse(text).actor[0].behaviour is behaviour
    else:
        with pytest.raises(SceneError) as caught:
            parse(text)
        classes = MAY[behaviour].replace(" ", ", ")
        assert f"behaviour {behaviour} only with class {classes}, not {actor_class}" in str(
            caught.value
        )


@pytest.mark.parametrize("kind", ["cut", "bend", "disconnect"])
def test_cable_events_are_under_way_from_their_time_on(kind: str) -> None:
    scene = parse(HEAD + CUT.replace("cut", kind))
    assert scene.cable_events("fibre-3", 0.0, 299.9) == ()
    assert scene.cable_events("fibre-3", 299.0, 300.0) == scene.cable_event
    assert scene.cable_events("fibre-3", 400.0, 500.0) == scene.cable_event
    assert scene.cable_events("fibre-4", 400.0, 500.0) == ()


def test_a_bend_may_be_let_go() -> None:
    scene = parse(HEAD + CUT.replace('"cut"', '"bend"\nduration_s = 60'))
    assert scene.cable_events("fibre-3", 300.0, 400.0) == scene.cable_event
    assert scene.cable_events("fibre-3", 360.0, 400.0) == ()


@pytest.mark.parametrize(
    "kind",
    ["silent", "duplicate", "reorder", "late", "skew", "stuck", "corrupt", "flood", "restart"],
)
def test_every_kind_of_fault_is_read(kind: str) -> None:
    assert parse(HEAD + FAULT.replace("silent", kind)).fault[0].kind == kind


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[weather]\nwind_mps = -1\n", "x.toml:6: weather.wind_mps is -1"),
        ("[weather]\nrain = 1\n", "here one of wind_mps, rain_mm_h, temperature_c, visibility_m"),
        (CUT.replace("cut", "nibble"), "x.toml:9: cable_event[0].kind is 'nibble'"),
        (CUT + "duration_s = 9\n", "a cut cable is not mended"),
        (CUT.replace("300", "600"), "x.toml:8: cable_event[0].t_s is 600.0: wanted a time before"),
        (FAULT.replace("silent", "tired"), "fault[0].kind is 'tired'"),
        (
            FAULT.replace("t_s = 100", "t_s = 900"),
            "x.toml:7: fault[0].t_s is 900.0: wanted a time before",
        ),
        (
            WALKER.replace("0.0], [", "700.0], [").replace("60.0]]", "800.0]]"),
            "actor[0].waypoints[0][2] is 700",
        ),
        (WALKER + "duration_s = 9\n", "no duration_s: the waypoints' times say"),
        (WALKER + "back_and_forth = true\n", "duration_s: an actor with one waypoint, or back"),
        (WALKER + "own_force = true\nlawful = true\n", "either own_force or lawful"),
        (PATROL.replace("[0, 600]", "[600, 0]"), "t_s = [from, to], the second later"),
        (PATROL + "speed_mps = 9\n", "speed_mps up to 4 for class person that does walk, not 9"),
        (PATROL + 'class = "animal"\n', "class person, vehicle, truck, boat or drone"),
        (PATROL.replace("81000, 82000", "82000, 82000"), "chainage_m = [from, to], two places"),
        (PATROL.replace('"j1"', '"w1"') + WALKER, "'w1': wanted an id of its own"),
        (LAWFUL + "chainage_m = [1, 2]\n", "either chainage_m or at_crossing"),
        (LAWFUL + "first_chainage_m = 1\n", "no first_chainage_m with at_crossing"),
        (LAWFUL + "stop_s = [9, 1]\n", "stop_s = [least, most]"),
        (LAWFUL + "stop_s = [1, 9]\nfrom_offset_m = 10\n", "on both sides: they stop at the line"),
        ("within_m = 100\n" + FAULT, "[[crossings]] or [[cable_event]] with within_m"),
        (WALKER.replace("60.0]]", "0.0]]"), "x.toml:5: actor[0] ('w1'): wanted waypoints in order"),
        ("site = 7\n", "x.toml:5: site is 7"),
    ],
)
def test_a_fault_is_told_with_line_key_value_and_wish(text: str, told: str) -> None:
    with pytest.raises(SceneError) as caught:
        parse(HEAD + text, "x.toml")
    assert told in str(caught.value)


def test_drawn_crossings_need_an_end_where_sensors_are_chosen_by_them() -> None:
    text = HEAD.replace("duration_s = 600\n", "") + "within_m = 500\n" + LAWFUL
    with pytest.raises(SceneError, match="which places they take must have an end"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CUT.replace("fibre-3", "fibre-9"), "at_cable is 'fibre-9': wanted a cable of the site"),
        (CUT.replace("12040.0", "39000.0"), "distance_m is 39000: wanted 0 to 38250 m"),
        (LAWFUL.replace("jimbolia", "nowhere"), "wanted a border crossing of the site"),
        (PATROL.replace("82000", "900000"), "patrol[0].chainage_m is at chainage 900000"),
        (PATROL + "reports_position_every_s = 5\n", "patrol[0].id is 'j1' and reports its"),
        (WALKER.replace("60.0]]", "9.0]]"), "wanted at most 4 m/s for class person and behaviour"),
    ],
)
def test_what_the_site_does_not_have_is_refused(text: str, told: str, site: Site) -> None:
    with pytest.raises(SceneError) as caught:
        World(parse(HEAD + text), site)
    assert told in str(caught.value)
