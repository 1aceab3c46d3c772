"""The truth of a scene."""

import io
import json
from itertools import islice, pairwise
from math import hypot
from pathlib import Path

import pytest

from geo.errors import SceneError
from geo.site import Site
from sensors.messages import ObjectClass
from sensors.scenes import Behaviour, load, parse
from sensors.simulators.course import truth
from sensors.truth import TruthPoint, read_truth, write_truth

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


def test_an_event_after_the_last_whole_step_is_in_the_truth(site: Site) -> None:
    scene = parse(
        'name = "cut"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nroads = false\nduration_s = 12.6\n'
        '[[cable_event]]\nat_cable = "fibre-3"\ndistance_m = 900.0\nt_s = 12.3\nkind = "cut"\n'
    )
    for step_s in (1.0, 5.0):
        (event,) = truth(scene, site, step_s=step_s)
        assert event.at_ns == scene.start_ns + 12_300_000_000


def test_truth_is_written_as_lines_and_read_back(site: Site) -> None:
    scene = load(DEPLOY / "scenes" / "crossing-scene.toml")
    points = list(islice(truth(scene, site), 20))
    file = io.StringIO()
    assert write_truth(points, file) == 20
    assert list(read_truth(file.getvalue().splitlines())) == points


HEAD = """
name = "a test"
seed = 1
start = 2026-03-01T01:00:00Z
duration_s = 60
roads = false
"""
DIGGER = """
[[actor]]
id = "d1"
class = "person"
behaviour = "dig"
lawful = true
waypoints = [[81200.0, 20.0, 0.0]]
duration_s = 30
"""
BEND = """
[[cable_event]]
at_cable = "fibre-3"
distance_m = 12040.0
t_s = 10.5
kind = "bend"
"""


@pytest.fixture
def with_events(site: Site) -> list[TruthPoint]:
    return list(truth(parse(HEAD + DIGGER + BEND), site))


def test_truth_says_what_an_actor_does_and_whether_it_may(with_events: list[TruthPoint]) -> None:
    digging = [point for point in with_events if point.actor == "d1"]
    assert len(digging) == 31
    for point in digging:
        assert (point.behaviour, point.object_class) == (Behaviour.DIG, ObjectClass.DIGGING)
        assert point.lawful
        assert point.event is None


def test_an_event_of_a_cable_is_a_point_of_its_own(
    with_events: list[TruthPoint], site: Site
) -> None:
    index, event = next((n, one) for n, one in enumerate(with_events) if one.event)
    assert (event.event, event.cable, event.distance_m) == ("bend", "fibre-3", 12040.0)
    assert (event.actor_class, event.object_class) == ("cable_event", ObjectClass.CABLE_ATTACK)
    assert event.near == ("fibre-3",)
    assert event.behaviour is None
    assert event.at_ns % 10**9 == 5 * 10**8
    assert with_events[index - 1].at_ns < event.at_ns < with_events[index + 1].at_ns
    distance, aside = site.cable("fibre-3").nearest(event.east_m, event.north_m)
    assert (float(distance), float(aside)) == pytest.approx((12040.0, 0.0), abs=0.01)


def test_truth_has_the_keys_that_others_read(with_events: list[TruthPoint]) -> None:
    file = io.StringIO()
    write_truth(with_events, file)
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    common = {
        *("at", "actor", "class", "object_class", "behaviour", "count", "own_force", "lawful"),
        *("longitude_deg", "latitude_deg", "east_m", "north_m", "chainage_m", "offset_m", "near"),
    }
    for row in rows:
        event = row["class"] == "cable_event"
        assert set(row) == common | ({"event", "cable", "distance_m"} if event else set())
    assert list(read_truth(file.getvalue().splitlines())) == with_events


ALONE = (
    '{"actor": "w1", "at": "2026-03-01T01:00:05.000000000Z", "behaviour": "walk", '
    '"chainage_m": 81200.0, "class": "person", "count": 1, "east_m": 483062.049, '
    '"latitude_deg": 45.77971278, "lawful": false, "longitude_deg": 20.78211776, "near": [], '
    '"north_m": 5069595.625, "object_class": "person", "offset_m": -40.0, "own_force": false}'
)
"""A line as it was before members had places of their own."""


def test_who_is_alone_has_the_line_that_it_always_had(site: Site) -> None:
    scene = load(DEPLOY / "scenes" / "crossing-scene.toml")
    file = io.StringIO()
    write_truth(islice(truth(scene, site), 1), file)
    assert file.getvalue() == ALONE + "\n"


MEMBERS = """
[[actor]]
id = "some"
class = "{actor_class}"
count = {count}
behaviour = "{behaviour}"
waypoints = [[81200.0, {begins}, 0.0], [81210.0, {ends}, 60.0]]
"""


@pytest.mark.parametrize(
    ("actor_class", "count", "behaviour", "begins", "ends", "reach_m"),
    [
        ("truck", 5, "drive", -100.0, 500.0, 100.0),
        ("train", 24, "drive", -300.0, 800.0, 300.0),
        ("animal", 7, "walk", -40.0, 80.0, 10.0),
    ],
)
def test_a_sensor_is_near_that_has_any_of_them_in_reach(
    site: Site,
    actor_class: str,
    count: int,
    behaviour: str,
    begins: float,
    ends: float,
    reach_m: float,
) -> None:
    text = MEMBERS.format(
        actor_class=actor_class, count=count, behaviour=behaviour, begins=begins, ends=ends
    )
    points = list(truth(parse(HEAD + 'sensors = ["fibre-3"]\n' + text), site))
    cable = site.cable("fibre-3")
    only_later = 0
    for point in points:
        members = [(point.east_m, point.north_m), *(point.others_m or ())]
        assert len(members) == count
        _, aside = cable.nearest([one[0] for one in members], [one[1] for one in members])
        assert point.near == (("fibre-3",) if (abs(aside) <= reach_m).any() else ())
        only_later += bool(point.near) and abs(aside[0]) > reach_m
    assert only_later > 5


def test_a_camera_is_near_that_sees_any_of_them(site: Site) -> None:
    text = """
[[actor]]
id = "some"
class = "truck"
count = {count}
behaviour = "drive"
waypoints = [[83100.0, 100.0, 0.0], [84000.0, 100.0, 60.0]]
"""
    head = HEAD + 'sensors = ["thermal-0*"]\n'
    column = list(truth(parse(head + text.format(count=10)), site))
    first = list(truth(parse(head + text.format(count=1)), site))
    assert all(set(a.near) <= set(b.near) for a, b in zip(first, column, strict=True))
    assert any(set(a.near) < set(b.near) for a, b in zip(first, column, strict=True))


def test_columns_and_trains_say_where_their_ends_are_and_go_on_as_lines(site: Site) -> None:
    for actor_class, count, length_m in (("truck", 5, 200.0), ("train", 24, 394.0)):
        text = MEMBERS.format(
            actor_class=actor_class, count=count, behaviour="drive", begins=-500.0, ends=500.0
        )
        points = list(truth(parse(HEAD + text), site))
        for point in points:
            last = (point.others_m or ())[-1]
            away = hypot(last[0] - point.east_m, last[1] - point.north_m)
            assert away == pytest.approx(length_m, abs=0.01)
        file = io.StringIO()
        write_truth(points, file)
        assert list(read_truth(file.getvalue().splitlines())) == points


def test_a_locomotive_alone_is_told_from_a_train_of_unknown_length(site: Site) -> None:
    text = MEMBERS.format(
        actor_class="train", count=1, behaviour="drive", begins=-500.0, ends=500.0
    )
    file = io.StringIO()
    write_truth(truth(parse(HEAD + text), site), file)
    for line in file.getvalue().splitlines():
        assert json.loads(line)["others_m"] == []


LINE = {
    "at": "2026-03-01T01:00:00Z",
    "actor": "w1",
    "class": "person",
    "object_class": "person",
    "count": 1,
    "own_force": False,
    "longitude_deg": 20.7,
    "latitude_deg": 45.8,
    "east_m": 1.0,
    "north_m": 2.0,
    "chainage_m": 3.0,
    "offset_m": 4.0,
    "near": [],
}


def test_what_a_hand_need_not_write_may_be_left_out() -> None:
    (point,) = read_truth([json.dumps(LINE)])
    assert (point.behaviour, point.lawful, point.event) == (None, False, None)
    assert point.others_m is None


def test_a_hand_may_say_where_the_others_are() -> None:
    (point,) = read_truth([json.dumps({**LINE, "count": 3, "others_m": [[1.0, 7.5]]})])
    assert point.others_m == ((1.0, 7.5),)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"class": "dragon"}, "line 1: class is 'dragon': wanted"),
        ({"behaviour": "fly"}, "line 1: behaviour is 'fly': wanted"),
        ({"at": "yesterday"}, "line 1: at is 'yesterday': wanted"),
        ({"count": "many"}, "line 1: count is 'many': wanted"),
        ({"colour": "red"}, "line 1: colour is not known: wanted a key of at, actor"),
        ({"others_m": [[1.0, 2.0]]}, "line 1: others_m has 1 places and count is 1: wanted"),
        ({"count": 2, "others_m": [[1.0]]}, "line 1: others_m is [1.0]: wanted"),
        ({"class": "cable_event"}, "wanted an event"),
        ({"event": "cut"}, "with no other"),
    ],
)
def test_a_wrong_value_of_truth_is_told_with_line_and_key(
    change: dict[str, object], told: str
) -> None:
    with pytest.raises(SceneError) as caught:
        list(read_truth([json.dumps({**LINE, **change})]))
    assert told in str(caught.value)


def test_a_broken_line_of_truth_is_told_with_its_number() -> None:
    with pytest.raises(SceneError, match="line 2: at is missing"):
        list(read_truth(["", "{}"]))
    with pytest.raises(SceneError, match=r"line 1 is '\{': wanted one JSON object"):
        list(read_truth(["{"]))
