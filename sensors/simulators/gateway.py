"""A gateway's desk: stamps, counts and encodes what its sensors say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from geo.site_rows import Sensor
from sensors.messages import (
    SCHEMA,
    AnyMessage,
    GatewayStatus,
    Lens,
    Mark,
    ObjectClass,
    Orientation,
    Position,
    Radar,
    Register,
    Status,
)
from sensors.scenes import Fault
from sensors.topics import Channel, SensorKind, Topic
from sensors.wire import encode_json

NS = 1_000_000_000
HEARTBEAT_S = 10.0
SKEW_S = 30.0
LATE_S = 2.0
SOFTWARE = "straja simulator"


@dataclass(frozen=True, slots=True)
class Emission:
    """One message on its way to the broker.

    Attributes:
        at_ns: when it is sent, UTC.
        retained: whether the broker keeps it.
        qos: MQTT quality of service.
    """

    at_ns: int
    topic: str
    payload: bytes
    retained: bool = False
    qos: int = 1


def to_ns(t_s: float) -> int:
    """Take seconds from the scene's start to nanoseconds, to the microsecond."""
    return round(t_s * 1e6) * 1_000


class Desk:
    """One sensor's side of its gateway.

    Args:
        row: the sensor, from the site.
        session: the gateway's session.
        start_ns: time of the scene's start.
        faults: the scene's faults of this sensor.
    """

    def __init__(self, row: Sensor, session: str, start_ns: int, faults: Sequence[Fault]) -> None:
        """Start counting."""
        self.row = row
        self.session = session
        self.start_ns = start_ns
        self.kind = SensorKind(row.kind)
        self.sent = 0
        self._faults = faults
        self._sequence: dict[Channel, int] = {}
        self._held: Emission | None = None

    def next_sequence(self, channel: Channel) -> int:
        """Count a message of a channel."""
        number = self._sequence.get(channel, 0)
        self._sequence[channel] = number + 1
        return number

    def topic(self, channel: Channel) -> str:
        """Topic of this sensor's channel."""
        return str(Topic(self.row.group, self.kind, self.row.id, channel))

    def stamp(self, channel: Channel, measured_s: float, sent_s: float) -> dict[str, Any]:
        """Give the fields that every message has; by a skewed clock while there is one."""
        skew = SKEW_S if self._has("skew", sent_s) else 0.0
        return {
            "schema_version": SCHEMA,
            "session": self.session,
            "sequence": self.next_sequence(channel),
            "measured_at_ns": self.start_ns + to_ns(measured_s + skew),
            "sent_at_ns": self.start_ns + to_ns(sent_s + skew),
            "mark": Mark.SIMULATED,
        }

    def send(
        self, channel: Channel, message: AnyMessage, sent_s: float, *, retained: bool = False
    ) -> list[Emission]:
        """Encode a message and put it on its way, as the faults let it."""
        at_ns = self.start_ns + to_ns(sent_s)
        return self.pass_on(
            Emission(at_ns, self.topic(channel), encode_json(message), retained), sent_s
        )

    def pass_on(self, emission: Emission, sent_s: float) -> list[Emission]:
        """Put an encoded message on its way, as the faults let it."""
        if self._has("silent", sent_s):
            return []
        out = [emission]
        if self._has("corrupt", sent_s):
            half = emission.payload[: len(emission.payload) // 2]
            out = [_changed(emission, payload=half)]
        if self._has("duplicate", sent_s):
            out.append(_changed(out[0], at_ns=out[0].at_ns + 5_000_000))
        if self._has("late", sent_s):
            out = [_changed(one, at_ns=one.at_ns + to_ns(LATE_S)) for one in out]
        if self._held is not None:
            # Goes after the one that it should have gone before.
            out.append(_changed(self._held, at_ns=out[-1].at_ns + 1_000))
            self._held = None
        elif self._has("reorder", sent_s):
            self._held = out.pop(0)
        self.sent += len(out)
        return out

    def register(self, classes: Sequence[ObjectClass], **more: Any) -> list[Emission]:
        """Say who this sensor is."""
        row = self.row
        position = None
        if row.position is not None:
            position = Position(
                longitude_deg=row.position[0],
                latitude_deg=row.position[1],
                height_m=row.height_m,
                accuracy_m=row.position_sigma_m or 5.0,
                covariance_m2=None,
            )
        orientation = None
        if row.orientation is not None:
            orientation = Orientation.model_validate(
                row.orientation.model_dump(exclude={"roll_sigma_deg"})
            )
        message = Register(
            **self.stamp(Channel.REGISTER, 0.0, 0.0),
            kind=row.kind,
            model=f"simulated {row.kind}",
            heartbeat_interval_s=HEARTBEAT_S,
            classes=tuple(classes),
            position=position,
            height_above_ground_m=row.height_above_ground_m,
            orientation=orientation,
            lens=Lens.model_validate(row.lens.model_dump()) if row.lens else None,
            radar=Radar.model_validate(row.radar.model_dump()) if row.radar else None,
            range_m=row.range_m,
            cable=row.cable,
            own_force=row.own_force,
            **more,
        )
        return self.send(Channel.REGISTER, message, 0.0, retained=True)

    def status(self, t_s: float) -> list[Emission]:
        """Say that this sensor lives, and how much it has sent with this message."""
        message = Status(
            **self.stamp(Channel.STATUS, t_s, t_s),
            state="online",
            clock="synchronised",
            messages_sent=self.sent + 1,
        )
        return self.send(Channel.STATUS, message, t_s, retained=True)

    def _has(self, kind: str, t_s: float) -> bool:
        return any(
            fault.kind == kind and fault.t_s <= t_s < fault.t_s + fault.duration_s
            for fault in self._faults
        )


class GatewayDesk:
    """A gateway's own word."""

    def __init__(self, group: str, session: str, start_ns: int, desks: Sequence[Desk]) -> None:
        """Start counting; ``desks`` are those of the gateway's sensors."""
        self._topic = str(Topic(group, None, None, Channel.STATUS))
        self._session = session
        self._start_ns = start_ns
        self._desks = desks
        self._sequence = 0

    def status(self, t_s: float) -> list[Emission]:
        """Say that the gateway is online and how much it sent, this message included."""
        at_ns = self._start_ns + to_ns(t_s)
        message = GatewayStatus.model_validate(
            {
                "schema": SCHEMA,
                "state": "online",
                "session": self._session,
                "sequence": self._sequence,
                "sent_at_ns": at_ns,
                "messages_sent": sum(desk.sent for desk in self._desks) + self._sequence + 1,
                "software": SOFTWARE,
            }
        )
        self._sequence += 1
        return [Emission(at_ns, self._topic, encode_json(message), retained=True)]


def _changed(
    emission: Emission, at_ns: int | None = None, payload: bytes | None = None
) -> Emission:
    return Emission(
        emission.at_ns if at_ns is None else at_ns,
        emission.topic,
        emission.payload if payload is None else payload,
        emission.retained,
        emission.qos,
    )
