"""A gateway's desk: stamps, counts and encodes what its sensors say."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from sensors.simulators.faults import FLOOD, LATE_S, Faults, said_again, said_later
from sensors.topics import Channel, SensorKind, Topic
from sensors.wire import encode_json

NS = 1_000_000_000
HEARTBEAT_S = 10.0
"""What a gateway says it will keep to (assumed)."""

SOFTWARE = "straja simulator"
_MEASURED = {Channel.FRAME, Channel.REPORT, Channel.POSE}


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
        session: the gateway's session; after each restart of the sensor its number is behind it.
        start_ns: time of the scene's start.
        faults: the scene's faults of this sensor.
    """

    def __init__(self, row: Sensor, session: str, start_ns: int, faults: Sequence[Fault]) -> None:
        """Start counting."""
        self.row = row
        self.session = session
        self.start_ns = start_ns
        self.kind = SensorKind(row.kind)
        self.faults = Faults(faults)
        self._first_session = session
        self._restarts = 0
        self._sent = _Sent()
        self._sent_before = 0
        self._sequence: dict[Channel, int] = {}
        self._held: Emission | None = None
        self._last: dict[Channel, Emission] = {}
        self._interval_ns: dict[Channel, int] = {}

    def begin(self, t_s: float) -> None:
        """Take up a new session where the sensor has restarted by ``t_s``."""
        restarts = self.faults.restarts(t_s)
        if restarts > self._restarts:
            self._restarts = restarts
            self.session = f"{self._first_session}-{restarts + 1}"
            self._sent_before += self._sent.all
            self._sent = _Sent()
            self._sequence.clear()
            self._held = None

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
        self.begin(sent_s)
        skew = self.faults.skew_s(sent_s)
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

    def pass_on(self, emission: Emission, t_s: float) -> list[Emission]:
        """Put an encoded message on its way, as the faults that hold at ``t_s`` let it."""
        if self.faults.is_away(t_s):
            return []
        out = self._measured(emission, t_s)
        if self.faults.has("corrupt", t_s):
            out = [replace(one, payload=one.payload[: len(one.payload) // 2]) for one in out]
        if self.faults.has("duplicate", t_s):
            out = [copy for one in out for copy in (one, replace(one, at_ns=one.at_ns + 5_000_000))]
        if self.faults.has("late", t_s):
            out = [replace(one, at_ns=one.at_ns + to_ns(LATE_S)) for one in out]
        if self._held is not None:
            # Goes after the one that it should have gone before.
            out.append(replace(self._held, at_ns=out[-1].at_ns + 1_000))
            self._held = None
        elif self.faults.has("reorder", t_s):
            self._held = out.pop(0)
        for one in out:
            self._sent.add(one.at_ns)
        return out

    def _measured(self, emission: Emission, t_s: float) -> list[Emission]:
        """What becomes of measurements of a stuck or flooding sensor; a fibre cares for its own."""
        channel = Channel(emission.topic.rsplit("/", 1)[1])
        if channel not in _MEASURED or (channel, self.kind) == (Channel.FRAME, SensorKind.FIBRE):
            return [emission]
        last = self._last.get(channel)
        if last is not None and self.faults.has("stuck", t_s):
            emission = replace(emission, payload=said_again(last.payload, emission.payload))
        elif "stuck" in self.faults or "flood" in self.faults:
            if last is not None:
                self._interval_ns[channel] = min(emission.at_ns - last.at_ns, NS)
            self._last[channel] = emission
        if not self.faults.has("flood", t_s):
            return [emission]
        step_ns = self._interval_ns.get(channel, NS) // FLOOD
        return [emission] + [
            replace(
                emission,
                at_ns=emission.at_ns + step_ns * n,
                payload=said_later(emission.payload, self.next_sequence(channel), step_ns * n),
            )
            for n in range(1, FLOOD)
        ]

    def sent_by(self, at_ns: int) -> int:
        """How many messages of this session are sent by a time."""
        return self._sent.by(at_ns)

    def sent_in_all_by(self, at_ns: int) -> int:
        """How many messages are sent by a time, also before restarts."""
        return self._sent_before + self._sent.by(at_ns)

    def register(
        self, classes: Sequence[ObjectClass], t_s: float = 0.0, **more: Any
    ) -> list[Emission]:
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
            **self.stamp(Channel.REGISTER, t_s, t_s),
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
        return self.send(Channel.REGISTER, message, t_s, retained=True)

    def status(self, t_s: float) -> list[Emission]:
        """Say that this sensor lives, and how much it has sent with this message."""
        message = Status(
            **self.stamp(Channel.STATUS, t_s, t_s),
            state="online",
            clock="synchronised",
            messages_sent=self.sent_by(self.start_ns + to_ns(t_s)) + 1,
        )
        return self.send(Channel.STATUS, message, t_s, retained=True)


class _Sent:
    """Counts messages as sent when their time has come."""

    def __init__(self) -> None:
        self.all = 0
        self._ahead: list[int] = []

    def add(self, at_ns: int) -> None:
        self.all += 1
        heapq.heappush(self._ahead, at_ns)

    def by(self, at_ns: int) -> int:
        """How many are sent by a time; times asked for rise."""
        while self._ahead and self._ahead[0] <= at_ns:
            heapq.heappop(self._ahead)
        return self.all - len(self._ahead)


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
                "messages_sent": sum(desk.sent_in_all_by(at_ns) for desk in self._desks)
                + self._sequence
                + 1,
                "software": SOFTWARE,
            }
        )
        self._sequence += 1
        return [Emission(at_ns, self._topic, encode_json(message), retained=True)]
