"""A replay carries receive time, retained flag and quality of service as recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import ConfigError
from sensors.topics import COMMAND_TOPIC, parse_replay
from services.events import Command, Received, decode
from services.replay import Replayer

T0 = 1_772_327_000_000_000_000


@given(at_ns=st.integers(0, 2**62), retained=st.booleans(), payload=st.binary(max_size=20))
def test_what_is_replayed_says_what_was_received(
    *, at_ns: int, retained: bool, payload: bytes
) -> None:
    topic = "straja/v1/g/fibre/f/status"
    item = Received(at_ns, topic, payload, retained)
    (message,) = Replayer("night-1", 1.0).messages([item])
    assert parse_replay(message.topic) == ("night-1", at_ns, retained, topic)
    assert message.payload == payload


def test_frames_go_without_acknowledgement_and_all_else_with() -> None:
    topics = ["straja/v1/g/fibre/f/frame", "straja/v1/g/fibre/f/report", "straja/odd"]
    items = [Received(T0, topic, b"") for topic in topics]
    assert [message.qos for message in Replayer("r", None).messages(items)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("factor", "due"), [(1.0, [0.0, 2.0]), (4.0, [0.0, 0.5]), (None, [0.0, 0.0])]
)
def test_the_factor_sets_when_each_message_is_due(factor: float | None, due: list[float]) -> None:
    items = [Received(T0, "a", b""), Received(T0 + 2_000_000_000, "a", b"")]
    messages = list(Replayer("r", factor).messages(items))
    assert [message.due_s for message in messages] == due
    assert [message.at_s for message in messages] == [0.0, 2.0]


def test_commands_travel_in_their_own_place() -> None:
    command = Command("c", "acknowledge", T0, "post-7", "RO", {"alert": "a"})
    (message,) = Replayer("r", 1.0).messages([command])
    assert parse_replay(message.topic) == ("r", T0, False, COMMAND_TOPIC)
    assert decode(message.payload) == command


def test_a_run_that_cannot_be_a_topic_level_is_refused() -> None:
    with pytest.raises(ConfigError, match="--run"):
        Replayer("a/b", 1.0)
    with pytest.raises(ConfigError, match="--factor"):
        Replayer("a", 0.0)
