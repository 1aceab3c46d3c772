"""Topics: ``straja/v1/<group>/<kind>/<sensor>/<channel>`` and ``straja/v1/<group>/gateway/status``.

A replay lives under a root of its own, ``straja-replay/<run>/<received_at_ns>/<r|l>/<topic>``,
so that payload, receive time and retained flag reach the service exactly as recorded.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from geo.errors import WireError

ROOT = "straja"
VERSION = "v1"
REPLAY_ROOT = "straja-replay"
PROOF_GROUP = "straja-proof"
"""Group of the service's own test items, which prove that the whole way works."""
COMMAND_TOPIC = "straja-record/command"
"""Stands for the topic of operators' commands in recordings and their replays; never live."""

_NAME = re.compile(r"[a-z0-9-]{1,64}")


class SensorKind(StrEnum):
    """What kind of sensor a topic speaks of."""

    FIBRE = "fibre"
    THERMAL = "thermal"
    VEHICLE = "vehicle"
    AERIAL = "aerial"
    BOAT = "boat"
    RADAR = "radar"
    PATROL = "patrol"


class Channel(StrEnum):
    """What a message on a topic is."""

    REGISTER = "register"
    STATUS = "status"
    FRAME = "frame"
    REPORT = "report"
    POSE = "pose"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic.

    Attributes:
        group: feed group, the gateway's name.
        kind: sensor kind, or None for the gateway's own status.
        sensor: sensor name, or None for the gateway's own status.
        channel: channel; STATUS for the gateway's own status.
    """

    group: str
    kind: SensorKind | None
    sensor: str | None
    channel: Channel

    def __str__(self) -> str:
        """Write the topic as it stands on the wire."""
        if self.kind is None:
            return f"{ROOT}/{VERSION}/{self.group}/gateway/status"
        return f"{ROOT}/{VERSION}/{self.group}/{self.kind}/{self.sensor}/{self.channel}"


def parse(topic: str) -> Topic:
    """Read a topic.

    Raises:
        WireError: naming the level that breaks the contract.
    """
    levels = topic.split("/")
    if levels[:2] != [ROOT, VERSION]:
        raise WireError("topic", topic, f"a topic begins with {ROOT}/{VERSION}/")
    if len(levels) == 5 and levels[3:] == ["gateway", "status"]:
        return Topic(_name("topic.group", levels[2]), None, None, Channel.STATUS)
    if len(levels) != 6:
        wanted = f"{ROOT}/{VERSION}/<group>/<kind>/<sensor>/<channel>"
        raise WireError("topic", topic, f"six levels, {wanted}")
    group = _name("topic.group", levels[2])
    try:
        kind = SensorKind(levels[3])
    except ValueError:
        kinds = ", ".join(SensorKind)
        raise WireError("topic.kind", levels[3], f"one of {kinds}") from None
    sensor = _name("topic.sensor", levels[4])
    try:
        channel = Channel(levels[5])
    except ValueError:
        channels = ", ".join(Channel)
        raise WireError("topic.channel", levels[5], f"one of {channels}") from None
    return Topic(group, kind, sensor, channel)


def group_of(topic: str) -> str | None:
    """The feed group that a topic names, though the rest of it may break the contract."""
    levels = topic.split("/", 3)
    if len(levels) < 3 or levels[:2] != [ROOT, VERSION] or not _NAME.fullmatch(levels[2]):
        return None
    return levels[2]


def _name(field: str, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise WireError(field, value, "1 to 64 of a-z, 0-9 and -")
    return value


def is_name(name: str) -> bool:
    """Say whether a word can name a feed group, a sensor or a run: each is one level of topics."""
    return _NAME.fullmatch(name) is not None


def replay_topic(run: str, received_at_ns: int, topic: str, *, retained: bool) -> str:
    """Topic under which a recorded message is played back to a service of run ``run``."""
    return f"{REPLAY_ROOT}/{run}/{received_at_ns}/{'r' if retained else 'l'}/{topic}"


def parse_replay(topic: str) -> tuple[str, int, bool, str]:
    """Take a replayed topic apart: (run, received_at_ns, retained, topic as recorded).

    Raises:
        WireError: where the topic is not one of a replay.
    """
    levels = topic.split("/", 4)
    if len(levels) != 5 or levels[0] != REPLAY_ROOT or levels[3] not in {"r", "l"}:
        wanted = f"{REPLAY_ROOT}/<run>/<received_at_ns>/<r or l>/<topic>"
        raise WireError("topic", topic, wanted)
    if not levels[2].isdecimal():
        raise WireError("topic.received_at_ns", levels[2], "nanoseconds since the epoch")
    return levels[1], int(levels[2]), levels[3] == "r", levels[4]
