"""Where messages come from: the live root, or the root of one replay."""

import dataclasses

from pydantic import ValidationError

from geo.errors import WireError
from sensors.topics import (
    COMMAND_TOPIC,
    PROOF_GROUP,
    REPLAY_ROOT,
    ROOT,
    VERSION,
    Channel,
    parse_replay,
)
from services.events import Command, Received, decode

_SMALL = (Channel.REGISTER, Channel.STATUS, Channel.REPORT, Channel.POSE)
_NOT_FRAMES = tuple(f"/{channel}" for channel in Channel if channel is not Channel.FRAME)


def prefix(replay: str | None) -> str:
    """Root of all topics; a replay's carries receive time and retained flag in two levels."""
    return f"{REPLAY_ROOT}/{replay}/+/+/{ROOT}" if replay else ROOT


def report_filters(replay: str | None) -> list[str]:
    """Filters of everything small, and of topics with too few or too many levels.

    Each names its channel, since on NATS a filter that ends in ``#`` takes twice the window. The
    wrong ones are heard so that they can be answered and counted.
    """
    base = f"{prefix(replay)}/{VERSION}"
    right = [f"{base}/+/+/+/{channel}" for channel in _SMALL]
    wrong = [f"{base}{'/+' * levels}" for levels in (1, 2, 3, 5, 6)]
    commands = [f"{REPLAY_ROOT}/{replay}/+/+/{COMMAND_TOPIC}"] if replay else []
    return [*right, *wrong, *commands]


def frame_filters(replay: str | None, groups: tuple[str, ...] | None, number: int = 0) -> list[str]:
    """Filters of frame worker ``number``: all channels, so that wrongly named ones are heard too.

    Where the groups are spread over several workers, each also takes the test items meant for it.
    """
    base = f"{prefix(replay)}/{VERSION}"
    if groups is None:
        return [f"{base}/+/+/+/+"]
    return [
        *(f"{base}/{group}/+/+/+" for group in groups),
        f"{base}/{PROOF_GROUP}/+/proof-{number}/+",
    ]


def is_for_frames(topic: str) -> bool:
    """Whether a frame worker takes a topic: frames, registrations, and wrong channels."""
    return not topic.endswith(_NOT_FRAMES) or topic.endswith("/register")


def unwrap(received: Received, replay: str | None) -> Received:
    """Give a replayed message its recorded topic, receive time and retained flag back."""
    if replay is None:
        return received
    try:
        _, received_at_ns, retained, topic = parse_replay(received.topic)
    except WireError:
        return received
    return dataclasses.replace(
        received, topic=topic, received_at_ns=received_at_ns, retained=retained
    )


def as_item(received: Received, replay: str | None) -> Received | Command:
    """Give a message as recorded, or the operator's command that a replay carries in its place."""
    item = unwrap(received, replay)
    if replay is not None and item.topic == COMMAND_TOPIC:
        try:
            command = decode(item.payload)
        except ValidationError:
            return item
        if isinstance(command, Command):
            return command
    return item
