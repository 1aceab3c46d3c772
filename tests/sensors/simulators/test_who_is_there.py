"""Who is in a scene and where: columns, herds, patrols by plan, lawful traffic, cable events."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.crs import to_plane
from geo.errors import SceneError
from geo.site import Site
from sensors.messages import Pose
from sensors.scenes import Behaviour, Scene, parse
from sensors.simulators.cast import Cast
from sensors.simulators.engines import rolling
from sensors.simulators.groups import Group
from sensors.simulators.motion import Path as Way
from sensors.simulators.traffic import simulate
from sensors.simulators.ways import back_and_forth, behind, halting, wandering
from sensors.simulators.world import World
from sensors.topics import parse as parse_topic
from sensors.wire import decode

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
HEAD = 'name = "a test"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 600\n'
PATROL = (
    '[[patrol]]\nid = "patrol-17"\ncount = 3\njoint = true\nchainage_m = [81000, 81300]\n'
    "t_s = [10, 590]\nspeed_mps = 1.5\n"
)
LAWFUL = (
    '[[crossings]]\nid = "cars"\nclass = "vehicle"\nbehaviour = "drive"\nevery_s = 20\n'
    'at_crossing = "jimbolia-srpska-crnja"\nfrom_offset_m = -200\nto_offset_m = 300\n'
    "speed_mps = [5, 9]\nstop_s = [20, 60]\n"
)
BENT = Way(np.array([0.0, 10.0, 20.0, 40.0]), np.array([0.0, 100.0, 100.0, 100.0]), np.zeros(4))


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(DEPLOY / "sites" / "default.toml")


def actor(more: str) -> str:
    return f'[[actor]]\nid = "a1"\n{more}\n'


def groups(text: str, site: Site, from_s: float = 0.0, to_s: float = 600.0) -> list[Group]:
    return Cast(parse(HEAD + text), site).between(from_s, to_s)


def test_wagons_follow_their_locomotive_along_its_bends(site: Site) -> None:
    (train,) = groups(
        actor(
            'class = "train"\ncount = 12\nbehaviour = "drive"\nwaypoints = '
            "[[81000, 200, 0], [81500, 220, 25], [82000, 200, 50], [82600, 200, 90]]"
        ),
        site,
    )
    assert len(train.bodies) == 12
    way = shapely.LineString(np.column_stack((train.path.east_m, train.path.north_m)))
    for t_s in (30.0, 47.0, 60.0, 85.0):
        run = [way.project(shapely.Point(*map(float, one.at(t_s)))) for one in train.bodies]
        np.testing.assert_allclose(-np.diff(run), [20.0, *[17.0] * 10], atol=0.01)
        for one in train.bodies:
            assert way.distance(shapely.Point(*map(float, one.at(t_s)))) < 0.01


@pytest.mark.parametrize("count", [1, 12])
def test_a_trains_weight_and_noise_are_its_locomotives_once(count: int, site: Site) -> None:
    (train,) = groups(
        actor(
            f'class = "train"\ncount = {count}\nbehaviour = "drive"\n'
            "waypoints = [[81000, 200, 0], [82600, 200, 90]]"
        ),
        site,
    )
    whole, *others = (rolling(one) for one in train.bodies)
    assert whole is not None
    assert whole.axles_m.size == 4 * count
    assert whole.voices
    assert others == [None] * (count - 1)


def test_what_follows_waits_where_its_leader_waits() -> None:
    follower = behind(BENT, 30.0)
    np.testing.assert_allclose(follower.at(np.array([0.0, 5.0, 10.0, 15.0]))[0], [-30, 20, 70, 70])


def test_a_herd_keeps_together_but_not_in_step(site: Site) -> None:
    (herd,) = groups(
        actor(
            'class = "animal"\ncount = 9\nbehaviour = "walk"\n'
            "waypoints = [[81000, -200, 0], [81100, 200, 500]]"
        ),
        site,
    )
    times = np.arange(0.0, 500.0, 5.0)
    east, north = np.array([one.at(times) for one in herd.bodies]).transpose(1, 0, 2)
    away = np.hypot(east - east[0], north - north[0])
    assert 2.0 < np.median(away[1:]) < 20.0
    assert away.max() < 60.0
    speed = np.hypot(np.diff(east), np.diff(north)) / 5.0
    assert (speed[1:].std(axis=1) > 0.1).all()
    assert speed.max() < 4.0


def test_a_patrol_is_on_its_stretch_at_its_time_there_and_back(site: Site) -> None:
    (patrol,) = groups(PATROL, site)
    assert (patrol.path.begins_s, patrol.path.ends_s) == (10.0, 590.0)
    assert patrol.own_force
    assert patrol.behaviour is Behaviour.WALK
    ends = site.border.point_at(np.array([81000.0, 81300.0]), np.array([40.0, 40.0]))
    way = shapely.LineString(np.column_stack(ends))
    places = np.column_stack(patrol.path.at(np.linspace(10.0, 590.0, 500)))
    away = shapely.distance(way, shapely.points(places))
    assert away.max() < 60.0
    along = np.array([way.project(shapely.Point(*place)) for place in places])
    turns = np.count_nonzero(np.diff(np.sign(np.diff(along))))
    assert 2 <= turns <= 6
    assert not groups(PATROL, site, 0.0, 9.0)


def test_a_patrol_whose_name_is_a_sensors_says_where_it_is(site: Site) -> None:
    text = HEAD + 'sensors = ["patrol-17"]\n' + PATROL + "reports_position_every_s = 10\n"
    poses = [one for one in simulate(parse(text), site) if one.topic.endswith("/pose")]
    assert len(poses) == 58
    (patrol,) = groups(PATROL, site)
    for one in poses[::10]:
        pose = decode(parse_topic(one.topic), one.payload).message
        assert isinstance(pose, Pose)
        t_s = (pose.measured_at_ns - parse(text).start_ns) / 1e9
        said = to_plane(pose.position.longitude_deg, pose.position.latitude_deg)
        assert np.hypot(*np.subtract(said, patrol.path.at(t_s))) < 10.0


def test_lawful_traffic_goes_through_the_border_crossing_and_stops_there(site: Site) -> None:
    found = groups(LAWFUL, site)
    assert len(found) >= 28
    post = np.array(to_plane(*site.crossing("jimbolia-srpska-crnja").position))
    for group in found:
        assert group.lawful
        assert not group.own_force
        times = np.linspace(group.path.begins_s, group.path.ends_s, 400)
        away = np.hypot(*(np.array(group.path.at(times)) - post[:, np.newaxis]))
        assert away[0] == pytest.approx(200.0, abs=0.1)
        assert away[-1] == pytest.approx(300.0, abs=0.1)
        waits = np.count_nonzero(away < 0.1) / 400 * (times[-1] - times[0])
        assert 18.0 < waits < 62.0


def test_farm_work_goes_back_and_forth_until_it_is_over(site: Site) -> None:
    (tractor,) = groups(
        actor(
            'class = "truck"\nbehaviour = "drive"\nlawful = true\nback_and_forth = true\n'
            "duration_s = 500\nwaypoints = [[81000, 100, 20], [81200, 100, 100]]"
        ),
        site,
    )
    assert tractor.lawful
    assert (tractor.path.begins_s, tractor.path.ends_s) == (20.0, 520.0)
    first, turned, back = (np.array(tractor.path.at(t)) for t in (20.0, 100.0, 180.0))
    np.testing.assert_allclose(first, back)
    assert np.hypot(*(turned - first)) > 150.0


@given(
    st.lists(st.floats(0.5, 50.0), min_size=1, max_size=6),
    st.floats(0.5, 400.0),
    st.floats(0.0, 100.0),
)
@example([4.0], 4.0, 28.192585651199327)
@settings(max_examples=60, deadline=None)
def test_back_and_forth_is_the_path_mirrored_at_its_ends(
    steps: list[float], duration_s: float, begins_s: float
) -> None:
    t_s = begins_s + np.concatenate(([0.0], np.cumsum(steps)))
    path = Way(t_s, np.arange(float(t_s.size)) * 3.0, np.cumsum(np.sin(t_s)))
    walked = back_and_forth(path, duration_s)
    assert walked.ends_s == pytest.approx(begins_s + duration_s)
    assert (np.diff(walked.t_s) > 0.0).all()
    times = np.linspace(begins_s, begins_s + duration_s, 101)
    endless = Way(path.t_s, path.east_m, path.north_m, endless=True)
    np.testing.assert_allclose(walked.at(times), endless.at(times), atol=1e-6)


def test_a_halting_way_stands_at_its_begin_and_each_so_many_metres() -> None:
    t_s = np.array([0.0, 50.0, 100.0, 150.0])
    driven = halting(Way(t_s, np.array([0.0, 250.0, 500.0, 750.0]), np.zeros(4)), 500.0, 60.0)
    times = np.array([0.0, 59.0, 110.0, 160.0, 219.0, 270.0])
    np.testing.assert_allclose(driven.at(times)[0], [0.0, 0.0, 250.0, 500.0, 500.0, 750.0])
    assert (np.diff(driven.t_s) > 0.0).all()
    assert driven.ends_s == 270.0


def test_a_surveillance_vehicle_stands_more_than_it_drives(site: Site) -> None:
    text = HEAD + 'sensors = ["vehicle-2"]\n'
    path = World(parse(text), site).own["vehicle-2"].path
    moves = np.hypot(*path.velocity(np.arange(0.0, 6_000.0, 5.0))) > 0.1
    assert 0.2 < moves.mean() < 0.6


def test_straying_is_the_same_for_the_same_draw() -> None:
    one, two = (wandering(BENT, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.east_m, two.east_m)


@pytest.mark.parametrize(
    "text",
    [
        actor(
            'class = "vehicle"\nbehaviour = "drive"\nback_and_forth = true\nduration_s = 1e8\n'
            "waypoints = [[81000, 100, 20], [81001, 100, 21]]"
        ),
        PATROL.replace("81300", "81001").replace("590", "1e8"),
    ],
    ids=["actor", "patrol"],
)
def test_a_way_of_too_many_legs_is_refused(text: str, site: Site) -> None:
    with pytest.raises(SceneError, match="wanted at most 10000 times"):
        groups(text, site)


def test_sensors_and_channels_near_anyones_way_or_a_cable_event_take_part(site: Site) -> None:
    text = (
        'within_m = 200\nfibre_window_m = 100\nsensors = ["fibre-*"]\n[[cable_event]]\n'
        'at_cable = "fibre-5"\ndistance_m = 9000\nt_s = 5\nkind = "cut"\n' + LAWFUL
    )
    world = World(parse(HEAD + text), site)
    assert [row.id for row in world.sensors] == ["fibre-2", "fibre-5"]
    first, count = world.fibre_window(site.sensor("fibre-5")) or (0, 0)
    assert first < 900 < first + count
    assert 10 < count < 60


def test_events_of_a_cable_are_told_to_its_fibre_alone() -> None:
    scene: Scene = parse(
        HEAD + '[[cable_event]]\nat_cable = "fibre-5"\ndistance_m = 9\nt_s = 5\nkind = "cut"\n'
    )
    assert not scene.cable_events("fibre-5", 0.0, 4.9)
    assert scene.cable_events("fibre-5", 0.0, 5.0)
    assert not scene.cable_events("fibre-6", 0.0, 600.0)
