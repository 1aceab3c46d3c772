"""Faults of every kind, in what every kind of sensor sends."""

import json
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.errors import WireError
from geo.site import Site
from sensors.messages import FibreFrame, GatewayStatus, Pose, Register, Report, Status, ThermalFrame
from sensors.scenes import parse
from sensors.simulators.gateway import Emission
from sensors.simulators.traffic import simulate
from sensors.topics import parse as parse_topic
from sensors.wire import decode

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
NS = 1_000_000_000
HEAD = (
    'name = "a test"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = {seconds}\n'
    "sensors = {sensors}\n"
)
PATROL = HEAD.format(seconds=60, sensors='["patrol-05"]')
# A walker on the cable, whose window keeps the frames narrow.
FIBRE = HEAD.format(seconds=20, sensors='["fibre-3"]') + (
    'fibre_window_m = 60\n[[actor]]\nid = "w1"\nclass = "person"\nbehaviour = "walk"\n'
    "waypoints = [[81200.0, 15.0, 0.0], [81230.0, 25.0, 20.0]]\n"
)
CAMERA = HEAD.format(seconds=60, sensors='["thermal-017"]') + (
    '[[actor]]\nid = "w1"\nclass = "vehicle"\nbehaviour = "drive"\n'
    "waypoints = [[85200.0, 30.0, 0.0], [86200.0, 30.0, 60.0]]\n"
)


@cache
def site() -> Site:
    return Site.load(DEPLOY / "sites" / "default.toml")


def fault(kind: str, sensor: str = "patrol-05", t_s: float = 20, duration_s: float = 20) -> str:
    return (
        f'[[fault]]\nsensor = "{sensor}"\nt_s = {t_s}\nduration_s = {duration_s}\nkind = "{kind}"\n'
    )


def sent(text: str, channel: str, rows: int = 125) -> list[Emission]:
    return [
        one
        for one in simulate(parse(text), site(), frame_rows=rows)
        if one.topic.endswith(f"/{channel}")
    ]


def message(emission: Emission) -> Any:
    return decode(parse_topic(emission.topic), emission.payload).message


def poses(text: str) -> list[Emission]:
    return sent(text, "pose")


def sequence_of(emission: Emission) -> int:
    return int(message(emission).sequence)


def samples(text: str, rows: int = 125) -> dict[str, tuple[NDArray[np.int16], NDArray[np.int64]]]:
    """All samples that a fibre sent by session, and the number each has there."""
    found: defaultdict[str, list[FibreFrame]] = defaultdict(list)
    for emission in sent(text, "frame", rows):
        frame = message(emission)
        assert isinstance(frame, FibreFrame)
        found[frame.session].append(frame)
    return {
        session: (
            np.concatenate([one.samples for one in frames]),
            np.concatenate([one.first_sample + np.arange(len(one.samples)) for one in frames]),
        )
        for session, frames in found.items()
    }


def test_a_silent_sensor_sends_nothing_and_its_sequence_shows_the_hole() -> None:
    numbers = [sequence_of(one) for one in poses(PATROL + fault("silent"))]
    assert numbers == [0, 1, 2, 3, 8, 9, 10, 11]


def test_a_duplicated_message_comes_twice_with_one_sequence() -> None:
    numbers = [sequence_of(one) for one in poses(PATROL + fault("duplicate"))]
    assert numbers == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11]


def test_reordered_messages_swap_places_and_none_is_lost() -> None:
    numbers = [sequence_of(one) for one in poses(PATROL + fault("reorder"))]
    assert sorted(numbers) == list(range(12))
    assert numbers != sorted(numbers)


def test_late_messages_are_sent_late_with_their_own_times() -> None:
    late = poses(PATROL + fault("late"))[5]
    message = decode(parse_topic(late.topic), late.payload).message
    assert isinstance(message, Pose)
    assert late.at_ns - message.measured_at_ns > 2 * NS


def test_a_skewed_clock_runs_half_a_minute_fast() -> None:
    skewed = poses(PATROL + fault("skew"))[5]
    message = decode(parse_topic(skewed.topic), skewed.payload).message
    assert isinstance(message, Pose)
    assert message.sent_at_ns - skewed.at_ns == 30 * NS


def test_a_corrupt_message_cannot_be_read() -> None:
    broken = poses(PATROL + fault("corrupt"))[5]
    with pytest.raises(WireError):
        decode(parse_topic(broken.topic), broken.payload)


def test_a_silent_fibre_sends_no_sample_of_its_time_however_it_is_cut() -> None:
    text = FIBRE + fault("silent", "fibre-3", 5, 4)
    (whole, _), (some, numbers) = samples(FIBRE)["simulated"], samples(text)["simulated"]
    assert sorted(set(np.diff(numbers).tolist())) == [1, 4 * 500 + 1]
    np.testing.assert_array_equal(some, whole[numbers])
    cut, same = samples(text, 333)["simulated"]
    count = min(len(numbers), len(same))
    np.testing.assert_array_equal(numbers[:count], same[:count])
    np.testing.assert_array_equal(some[:count], cut[:count])


def test_frames_that_a_silent_fibre_lost_show_as_a_hole_of_their_number() -> None:
    found = [sequence_of(one) for one in sent(FIBRE + fault("silent", "fibre-3", 5, 4), "frame")]
    jumps = [later - one for one, later in pairwise(found)]
    assert Counter(jumps).most_common(1)[0][0] == 1
    assert sorted(set(jumps)) in ([1, 17], [1, 18])


def test_a_restarted_sensor_registers_anew_and_counts_from_nought() -> None:
    text = PATROL + fault("restart")
    by_session: defaultdict[str, list[int]] = defaultdict(list)
    for one in poses(text):
        by_session[message(one).session].append(sequence_of(one))
    assert dict(by_session) == {"simulated": [0, 1, 2, 3], "simulated-2": [0, 1, 2, 3]}
    registered = [message(one) for one in sent(text, "register")]
    assert [one.session for one in registered] == ["simulated", "simulated-2"]
    begin_ns = parse(text).start_ns
    assert [one.sent_at_ns - begin_ns for one in registered] == [0, 40 * NS]
    assert all(isinstance(one, Register) for one in registered)
    for one in simulate(parse(text), site()):
        if "/gateway/" not in one.topic:
            assert not 20 * NS <= one.at_ns - begin_ns < 40 * NS


def test_counts_begin_anew_with_a_restart_but_not_those_of_the_gateway() -> None:
    all_sent, of_session = 0, Counter[str]()
    seen = 0
    for one in simulate(parse(PATROL + fault("restart")), site()):
        said = message(one)
        all_sent += 1
        if isinstance(said, GatewayStatus):
            assert said.messages_sent == all_sent
            continue
        of_session[said.session] += 1
        if isinstance(said, Status):
            assert said.messages_sent == of_session[said.session]
            seen += said.session == "simulated-2"
    assert seen == 2


def test_a_restarted_fibre_counts_samples_from_its_new_start() -> None:
    text = FIBRE + fault("restart", "fibre-3", 5, 4)
    (whole, _), parts = samples(FIBRE)["simulated"], samples(text)
    first, second = parts["simulated"], parts["simulated-2"]
    np.testing.assert_array_equal(first[0], whole[: len(first[0])])
    assert second[1][0] == 0
    back = len(first[0]) + 4 * 500
    count = min(len(second[0]), len(whole) - back)
    assert count > 4_000
    np.testing.assert_array_equal(second[0][:count], whole[back : back + count])
    frame = next(one for one in map(message, sent(text, "frame")) if one.session != "simulated")
    assert frame.sequence == 0
    assert 0 <= frame.measured_at_ns - (parse(text).start_ns + 9 * NS) < NS // 500


def test_a_stuck_patrol_says_its_last_place_under_new_numbers() -> None:
    found = [message(one) for one in poses(PATROL + fault("stuck"))]
    free = [message(one) for one in poses(PATROL)]
    assert [one.sequence for one in found] == list(range(12))
    assert {str(one.position) for one in found[3:8]} == {str(free[3].position)}
    assert [one.measured_at_ns for one in found] == [one.measured_at_ns for one in free]
    assert [one.position for one in found[8:]] == [one.position for one in free[8:]]
    assert len({str(one.position) for one in free[3:8]}) == 5


def test_a_stuck_fibre_gives_its_last_quarter_second_again_however_it_is_cut() -> None:
    text = FIBRE + fault("stuck", "fibre-3", 5, 4)
    (whole, _), (found, numbers) = samples(FIBRE)["simulated"], samples(text)["simulated"]
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    wrong = np.flatnonzero((found != whole).any(axis=1))
    since, until = wrong[0], wrong[-1] + 1
    assert until - since == pytest.approx(2_000, abs=2)
    for begin in range(since, until - 125, 125):
        np.testing.assert_array_equal(found[begin : begin + 125], whole[since - 125 : since])
    cut, _ = samples(text, 77)["simulated"]
    count = min(len(cut), len(found))
    np.testing.assert_array_equal(cut[:count], found[:count])


@pytest.mark.parametrize("channel", ["report", "frame"])
def test_a_stuck_camera_shows_its_last_look_again(channel: str) -> None:
    raw = channel == "frame"
    seconds = 12 if raw else 60
    text = CAMERA.replace("duration_s = 60", f"duration_s = {seconds}")
    text = text.replace("[[actor]]", 'raw_thermal = ["thermal-017"]\n[[actor]]') if raw else text
    found = [
        message(one)
        for one in sent(text + fault("stuck", "thermal-017", seconds / 3, seconds / 3), channel)
    ]
    free = [message(one) for one in sent(text, channel)]
    assert len(found) == len(free) > 10
    assert [one.sequence for one in found] == list(range(len(found)))
    begin_ns = parse(text).start_ns
    last: Any = None
    repeated = 0
    for one, other in zip(found, free, strict=True):
        assert isinstance(one, ThermalFrame if raw else Report)
        stuck = seconds / 3 <= (one.sent_at_ns - begin_ns) / NS < 2 * seconds / 3
        assert one.sent_at_ns == other.sent_at_ns
        shown = content(one)
        if stuck:
            assert shown == last
            repeated += shown != content(other)
        else:
            assert shown == content(other)
            last = shown
    assert repeated > 3


def content(said: Any) -> Any:
    return said.pixels.tobytes() if isinstance(said, ThermalFrame) else said.boxes


def test_a_flooding_patrol_sends_twenty_times_as_many_with_no_hole() -> None:
    found = poses(PATROL + fault("flood"))
    numbers = [sequence_of(one) for one in found]
    assert numbers == list(range(4 + 4 * 20 + 4))
    assert [one.at_ns for one in found] == sorted(one.at_ns for one in found)
    assert all(message(one).sent_at_ns == one.at_ns for one in found)
    assert all(isinstance(message(one), Pose) for one in found)


def test_a_flooding_fibre_sends_the_same_samples_in_twenty_times_as_many_frames() -> None:
    text = FIBRE + fault("flood", "fibre-3", 5, 4)
    (whole, _), (found, numbers) = samples(FIBRE)["simulated"], samples(text)["simulated"]
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    np.testing.assert_array_equal(found, whole[: len(found)])
    more = len(sent(text, "frame")) - len(sent(FIBRE, "frame"))
    assert more == pytest.approx(4 * 4 * 20, rel=0.1)


@pytest.mark.parametrize("kind", ["duplicate", "reorder", "late", "skew", "corrupt"])
def test_frames_of_a_fibre_go_wrong_in_every_other_way(kind: str) -> None:
    text = FIBRE + fault(kind, "fibre-3", 5, 4)
    free, found = sent(FIBRE, "frame"), sent(text, "frame")
    if kind == "corrupt":
        begin_ns = parse(text).start_ns
        for one in found:
            if 5.3 < (one.at_ns - begin_ns) / NS < 9.0:
                with pytest.raises(WireError):
                    message(one)
            elif not 4.9 < (one.at_ns - begin_ns) / NS < 9.3:
                assert isinstance(message(one), FibreFrame)
        assert len(found) in {len(free), len(free) + 1, len(free) + 2}
        return
    numbers = [sequence_of(one) for one in found]
    if kind == "duplicate":
        assert sorted(set(Counter(numbers).values())) == [1, 2]
    elif kind == "reorder":
        assert sorted(numbers) == list(range(len(numbers)))
        assert numbers != sorted(numbers)
    elif kind == "late":
        delays = {round((one.at_ns - message(one).sent_at_ns) / NS, 3) for one in found}
        assert delays == {0.0, 2.0}
    else:
        skews = [message(one).sent_at_ns - one.at_ns for one in found]
        assert set(skews) == {0, 30 * NS}
        assert skews.count(30 * NS) in {16, 17}
        measured = [
            message(one).measured_at_ns - skew for one, skew in zip(found, skews, strict=True)
        ]
        assert measured == sorted(measured)


def test_a_status_counts_what_a_fault_still_holds_back_when_it_is_sent() -> None:
    text = HEAD.format(seconds=60, sensors='["vehicle-1"]') + fault("late", "vehicle-1", 5, 40)
    arrived = 0
    for one in simulate(parse(text), site()):
        topic = parse_topic(one.topic)
        if topic.sensor is None:
            continue
        arrived += 1
        said = message(one)
        if isinstance(said, Status) and one.at_ns == said.sent_at_ns:
            assert said.messages_sent == arrived


def test_every_fault_at_once_still_gives_the_same_bytes() -> None:
    kinds = ["duplicate", "reorder", "late", "skew", "stuck", "flood", "restart", "silent"]
    text = PATROL + "".join(
        fault(kind, t_s=3 + 5 * n, duration_s=9) for n, kind in enumerate(kinds)
    )
    one, two = (list(simulate(parse(text), site())) for _ in range(2))
    assert one == two
    plain = json.loads(one[0].payload)
    assert plain["session"] == "simulated"
