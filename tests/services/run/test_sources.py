"""Which topics are heard, and how a replay's are taken."""

import pytest
from paho.mqtt.client import topic_matches_sub

from sensors.topics import replay_topic
from services.events import Received
from services.run.sources import frame_filters, is_for_frames, report_filters, unwrap

RIGHT = "straja/v1/g/thermal/t-1/report"


def heard(filters: list[str], topic: str) -> int:
    return sum(topic_matches_sub(name, topic) for name in filters)


@pytest.mark.parametrize(
    "topic",
    [
        RIGHT,
        "straja/v1/g/fibre/f/register",
        "straja/v1/g/fibre/f/status",
        "straja/v1/g/patrol/p/pose",
        "straja/v1/g/gateway/status",
        "straja/v1/g/wrong-kind/f/report",
        "straja/v1/g",
        "straja/v1/g/thermal/t/report/extra",
        "straja/v1/g/thermal/t/report/extra/more",
    ],
)
def test_every_small_message_is_heard_exactly_once(topic: str) -> None:
    assert heard(report_filters(None), topic) == 1


@pytest.mark.parametrize("topic", ["straja/v1/g/fibre/f/frame", "straja/v1/g/fibre/f/reports"])
def test_frames_and_wrong_channels_are_the_frame_workers(topic: str) -> None:
    assert heard(report_filters(None), topic) == 0
    assert heard(frame_filters(None, None), topic) == 1
    assert is_for_frames(topic)


@pytest.mark.parametrize("channel", ["status", "report", "pose", "rejected"])
def test_a_frame_worker_leaves_the_other_channels_alone(channel: str) -> None:
    assert not is_for_frames(f"straja/v1/g/fibre/f/{channel}")


def test_a_live_service_hears_nothing_of_a_replay() -> None:
    topic = replay_topic("night", 5, RIGHT, retained=False)
    assert heard(report_filters(None), topic) == 0
    assert heard(frame_filters(None, None), topic) == 0
    assert heard(report_filters("night"), topic) == 1
    assert heard(report_filters("other"), topic) == 0


def test_a_replayed_message_has_its_recorded_time_and_flag() -> None:
    topic = replay_topic("night", 5, RIGHT, retained=True)
    got = unwrap(Received(99, topic, b"x"), "night")
    assert got == Received(5, RIGHT, b"x", retained=True)


def test_no_filter_ends_in_a_hash_which_would_double_the_window() -> None:
    assert not [name for name in report_filters(None) if name.endswith("#")]


def test_workers_share_the_groups_and_each_has_its_own_test_items() -> None:
    first = frame_filters(None, ("interrogator-1",), 0)
    second = frame_filters(None, (), 1)
    assert heard(first, "straja/v1/interrogator-1/fibre/fibre-1/frame") == 1
    assert heard(second, "straja/v1/interrogator-1/fibre/fibre-1/frame") == 0
    assert heard(first, "straja/v1/straja-proof/fibre/proof-1/frame") == 0
    assert heard(second, "straja/v1/straja-proof/fibre/proof-1/frame") == 1
