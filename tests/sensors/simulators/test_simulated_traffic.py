"""A scene's messages: in order, true to the contract, the same each time, with faults on demand."""

from collections import Counter, defaultdict
from functools import cache
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from geo.site import Site
from sensors.messages import (
    FibreFrame,
    GatewayStatus,
    Mark,
    Pose,
    Register,
    Report,
    Status,
    ThermalFrame,
)
from sensors.scenes import Scene, load, parse
from sensors.simulators.gateway import Emission
from sensors.simulators.traffic import simulate
from sensors.simulators.world import World
from sensors.topics import parse as parse_topic
from sensors.wire import decode

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
NS = 1_000_000_000
HEAD = (
    'name = "a test"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = {seconds}\n'
    "sensors = {sensors}\n"
)
PATROL = HEAD.format(seconds=60, sensors='["patrol-05"]')


@cache
def site() -> Site:
    return Site.load(DEPLOY / "sites" / "default.toml")


@cache
def committed(name: str) -> Scene:
    return load(DEPLOY / "scenes" / f"{name}-scene.toml")


def poses(text: str) -> list[Emission]:
    return [one for one in simulate(parse(text), site()) if one.topic.endswith("/pose")]


@cache
def whole_border() -> tuple[Emission, ...]:
    """The demonstration's first eleven seconds, without most of its fibre frames."""
    scene = committed("demo")
    groups = {row.group for row in site().sensors if row.kind != "fibre"} | {"interrogator-3"}
    groups |= {site().sensor("fibre-3").group}
    end = scene.start_ns + 11 * NS
    return tuple(takewhile(lambda one: one.at_ns < end, simulate(scene, site(), groups=groups)))


def test_every_message_keeps_the_contract_and_is_marked_simulated() -> None:
    seen: Counter[str] = Counter()
    for emission in whole_border():
        message = decode(parse_topic(emission.topic), emission.payload).message
        seen[type(message).__name__] += 1
        if not isinstance(message, GatewayStatus):
            assert message.mark is Mark.SIMULATED
    assert set(seen) == {"Register", "Status", "GatewayStatus", "FibreFrame", "Report", "Pose"}


def test_messages_come_in_order_of_sending_registrations_first() -> None:
    emissions = whole_border()
    times = [one.at_ns for one in emissions]
    assert times == sorted(times)
    registered: set[str] = set()
    for one in emissions:
        topic = parse_topic(one.topic)
        if topic.sensor is None:
            continue
        if topic.channel == "register":
            registered.add(topic.sensor)
        assert topic.sensor in registered


def test_registrations_agree_with_the_site() -> None:
    for emission in whole_border():
        message = decode(parse_topic(emission.topic), emission.payload).message
        if isinstance(message, Register):
            row = site().sensor(str(parse_topic(emission.topic).sensor))
            assert (message.kind, message.cable, message.own_force) == (
                row.kind,
                row.cable,
                row.own_force,
            )
            if message.position is not None and row.position is not None:
                assert (message.position.longitude_deg, message.position.latitude_deg) == (
                    row.position
                )


def test_only_state_is_retained_and_only_frames_go_without_acknowledgement() -> None:
    for emission in whole_border():
        channel = emission.topic.rsplit("/", 1)[1]
        assert emission.retained == (channel in {"register", "status"})
        assert emission.qos == (0 if channel == "frame" else 1)


def test_sequences_have_no_holes_and_statuses_count_what_was_sent() -> None:
    expected: defaultdict[str, int] = defaultdict(int)
    sent: Counter[str] = Counter()
    by_gateway: Counter[str] = Counter()
    checked = 0
    for emission in whole_border():
        topic = parse_topic(emission.topic)
        message = decode(topic, emission.payload).message
        assert message.sequence == expected[emission.topic]
        expected[emission.topic] += 1
        by_gateway[topic.group] += 1
        sent[str(topic.sensor)] += 1
        if isinstance(message, Status):
            assert message.messages_sent == sent[str(topic.sensor)]
            checked += 1
        elif isinstance(message, GatewayStatus):
            assert message.messages_sent == by_gateway[topic.group]
    assert checked > 50


def test_measured_before_sent_and_sent_when_said() -> None:
    for emission in whole_border():
        message = decode(parse_topic(emission.topic), emission.payload).message
        assert message.sent_at_ns == emission.at_ns
        if not isinstance(message, GatewayStatus):
            assert message.measured_at_ns <= message.sent_at_ns


def test_the_same_scene_gives_the_same_bytes() -> None:
    one, two = (list(simulate(committed("crossing"), site())) for _ in range(2))
    assert one == two
    assert len(one) > 400


def test_another_seed_gives_other_bytes() -> None:
    text = HEAD.format(seconds=3, sensors='["vehicle-1"]')
    one = [e.payload for e in simulate(parse(text), site())]
    two = [e.payload for e in simulate(parse(text.replace("seed = 1", "seed = 2")), site())]
    assert one != two


def test_frames_cut_otherwise_hold_the_same_samples_at_the_same_times() -> None:
    def samples(rows: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int16]], set[int]]:
        frames: list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]] = []
        starts: set[int] = set()
        for emission in simulate(committed("crossing"), site(), frame_rows=rows):
            if emission.topic.endswith("fibre/fibre-3/frame"):
                frame = decode(parse_topic(emission.topic), emission.payload).message
                assert isinstance(frame, FibreFrame)
                assert frame.first_sample == sum(len(one) for one in frames)
                starts.add(frame.measured_at_ns - frame.first_sample * 2_000_000)
                frames.append(frame.samples)
            if len(frames) * rows > 4_000:
                break
        return np.concatenate(frames)[:4_000], starts

    one, starts = samples(125)
    two, other_starts = samples(333)
    np.testing.assert_array_equal(one, two)
    assert starts == other_starts
    assert len(starts) == 1


def test_a_live_start_moves_all_times_and_nothing_else() -> None:
    scene = parse(HEAD.format(seconds=5, sensors='["patrol-0*", "thermal-001"]'))
    shift = 86_400 * NS
    one = list(simulate(scene, site()))
    two = list(simulate(scene, site(), start_ns=scene.start_ns + shift))
    assert [a.at_ns + shift for a in one] == [b.at_ns for b in two]
    for a, b in zip(one, two, strict=True):
        if a.topic.endswith("/pose"):
            first = decode(parse_topic(a.topic), a.payload).message
            later = decode(parse_topic(b.topic), b.payload).message
            assert isinstance(first, Pose)
            assert isinstance(later, Pose)
            assert first.position == later.position


def test_groups_give_the_share_of_one_gateway() -> None:
    scene = parse(HEAD.format(seconds=15, sensors='["patrol-0*"]'))
    mine = [e for e in simulate(scene, site()) if "/patrol-03/" in e.topic]
    assert mine == list(simulate(scene, site(), groups={"patrol-03"}))


def test_an_endless_scene_goes_on_and_a_finite_one_ends() -> None:
    scene = parse(PATROL)
    last = list(simulate(scene, site()))[-1]
    assert last.at_ns <= scene.start_ns + 60 * NS
    endless = parse(PATROL.replace("duration_s = 60\n", ""))
    end = scene.start_ns + 5_000 * NS
    some = list(takewhile(lambda one: one.at_ns < end, simulate(endless, site())))
    assert some[-1].at_ns > end - 20 * NS


def test_one_of_ours_in_the_scene_says_where_it_is() -> None:
    text = HEAD.format(seconds=60, sensors='["patrol-05"]') + (
        '[[actor]]\nid = "patrol-05"\nclass = "vehicle"\nbehaviour = "drive"\n'
        "own_force = true\nreports_position_every_s = 10\n"
        "waypoints = [[60000.0, 300.0, 5.0], [60400.0, 300.0, 55.0]]\n"
    )
    found = poses(text)
    assert 4 <= len(found) <= 6
    message = decode(parse_topic(found[0].topic), found[0].payload).message
    assert isinstance(message, Pose)
    way = World(parse(text), site()).cast.fixed[0].path
    length_m = float(np.hypot(way.east_m[1] - way.east_m[0], way.north_m[1] - way.north_m[0]))
    assert message.speed_mps == pytest.approx(length_m / 50.0, abs=0.25)


def test_a_camera_told_to_sends_raw_frames_in_place_of_reports() -> None:
    text = HEAD.format(seconds=4, sensors='["thermal-001"]') + 'raw_thermal = ["thermal-001"]\n'
    frames = []
    for emission in simulate(parse(text), site()):
        message = decode(parse_topic(emission.topic), emission.payload).message
        assert not isinstance(message, Report)
        if isinstance(message, ThermalFrame):
            frames.append(message)
    assert frames[0].pixels.shape == (512, 640)
    assert 25 <= len(frames) <= 37
    sky, soil = frames[0].pixels[:40], frames[0].pixels[-40:]
    assert sky.mean() < soil.mean() - 500
