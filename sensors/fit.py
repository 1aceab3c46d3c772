"""Which kind of sensor says what, on which channel."""

from geo.errors import WireError
from sensors.faults import Shown
from sensors.messages import AnyMessage, GatewayStatus, Mark, Register, Report
from sensors.topics import Channel, SensorKind, Topic

FRAME_KINDS = frozenset({SensorKind.FIBRE, SensorKind.THERMAL})
POSE_KINDS = frozenset({SensorKind.VEHICLE, SensorKind.AERIAL, SensorKind.BOAT, SensorKind.PATROL})
REPORT_LISTS: dict[SensorKind, frozenset[str]] = {
    SensorKind.FIBRE: frozenset({"events"}),
    SensorKind.THERMAL: frozenset({"boxes"}),
    SensorKind.VEHICLE: frozenset({"plots", "boxes"}),
    SensorKind.AERIAL: frozenset({"sightings"}),
    SensorKind.BOAT: frozenset({"sightings", "nmea"}),
    SensorKind.RADAR: frozenset({"plots"}),
    SensorKind.PATROL: frozenset({"sightings"}),
}
"""Which lists of a report each kind fills."""

_KINDS_OF = {Channel.FRAME: FRAME_KINDS, Channel.POSE: POSE_KINDS}
_LISTS = ("events", "boxes", "plots", "sightings", "nmea")
_EMPTY_LISTS = {
    kind: tuple(name for name in _LISTS if name not in filled)
    for kind, filled in REPORT_LISTS.items()
}


def check_topic(topic: Topic) -> None:
    """Refuse a channel that this kind of sensor has not.

    Raises:
        WireError: naming the kinds that have it.
    """
    if topic.kind is None:
        return
    if topic.channel is Channel.REJECTED:
        wanted = "a channel gateways publish on: register, status, frame, report, pose"
        raise WireError("topic.channel", Shown("rejected"), wanted)
    kinds = _KINDS_OF.get(topic.channel)
    if kinds is not None and topic.kind not in kinds:
        having = ", ".join(sorted(kinds))
        hint = "; a sensor that stands still says where in register" * (
            topic.channel is Channel.POSE
        )
        wanted = f"a channel of a {topic.kind} sensor; {topic.channel} is for {having}{hint}"
        raise WireError("topic.channel", Shown(topic.channel), wanted)


def check_content(topic: Topic, message: AnyMessage) -> None:
    """Refuse content that does not fit the topic's kind.

    Raises:
        WireError: naming the field.
    """
    if topic.kind is None:
        return
    if not isinstance(message, GatewayStatus) and message.mark is Mark.REPLAY:
        raise WireError("mark", message.mark.value, "real, exercise or simulated")
    if isinstance(message, Register):
        if message.kind != topic.kind:
            wanted = f"{topic.kind}, as in the topic; publish under the kind's own topic"
            raise WireError("kind", message.kind, wanted)
    elif isinstance(message, Report):
        for name in _EMPTY_LISTS[topic.kind]:
            if getattr(message, name):
                having = " and ".join(sorted(REPORT_LISTS[topic.kind]))
                found = Shown(f"{len(getattr(message, name))} entries long")
                raise WireError(name, found, f"empty: a {topic.kind} sensor reports {having}")
