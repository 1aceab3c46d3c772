"""The ledger: what is known of every sensor's and gateway's life.

Only a live message says that a sensor lives; what the broker retained sets state and nothing
more. Counts come from receptions, so raw frames are counted without being on the ledger's way.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from geo.site import Site
from geo.site_rows import Sensor
from sensors.messages import GatewayStatus, Pose, Register, Status
from sensors.topics import PROOF_GROUP, Channel, SensorKind
from services.events import (
    Gap,
    GatewayHealth,
    Heard,
    Reception,
    Rejected,
    SensorHealth,
    SensorState,
    Tick,
)
from services.stage import read_snapshot, undamaged, write_snapshot

_S = 1_000_000_000
_STAGE = "health"
_VERSION = 1
_MAX_FAULTS = 16
_RATE_WINDOW_S = 10
_MOVED_DEG = 0.0001
"""About 10 m: below that a sensor on the map stands still."""

Event = SensorHealth | GatewayHealth
_FIXED = frozenset({SensorKind.FIBRE, SensorKind.THERMAL, SensorKind.RADAR})
_ALIVE = frozenset({SensorState.ONLINE, SensorState.DEGRADED})


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """How the ledger judges; all values assumed.

    Attributes:
        heartbeat_interval_s: of sensors that never registered one.
        silent_after: heartbeat intervals without a word; below two, so that with a tick each
            second silence shows within two.
        fault_memory_s: how long a fault shows after it was last seen.
        repeat_s: every state is told at least this often.
        move_interval_s: a moving sensor's place is told at most this often.
        max_unlisted: sensors remembered beside the site's list.
        max_gateways: gateways remembered.
    """

    heartbeat_interval_s: float = 30.0
    silent_after: float = 1.5
    fault_memory_s: float = 60.0
    repeat_s: float = 60.0
    move_interval_s: float = 5.0
    max_unlisted: int = 1_280
    max_gateways: int = 1_024


@dataclass(slots=True)
class _Sensor:
    """One sensor's line; ``current`` puts into ``health`` the times that change all the time."""

    health: SensorHealth
    listed: bool
    registered: bool = False
    status_degraded: bool = False
    status_faults: tuple[str, ...] = ()
    faults: dict[str, int] = field(default_factory=dict)
    frames_ns: int | None = None
    came: list[tuple[int, int]] = field(default_factory=list)
    told_ns: int | None = None
    told: tuple[Any, ...] = ()
    judged_ns: int = 0
    word_ns: int | None = None

    def current(self) -> SensorHealth:
        """What is known now."""
        health = self.health
        if health.at_ns != self.judged_ns or health.last_word_ns != self.word_ns:
            self.health = health = replace(health, at_ns=self.judged_ns, last_word_ns=self.word_ns)
        return health


@dataclass(slots=True)
class _Gateway:
    """One gateway's line; its time, and what was journalled since, stand beside ``health``."""

    health: GatewayHealth
    session: str | None = None
    offline_ns: int | None = None
    told_ns: int | None = None
    told: tuple[Any, ...] = ()
    at_ns: int = 0
    journalled: int = 0

    def current(self) -> GatewayHealth:
        """What is known now."""
        health = self.health
        if self.journalled or health.at_ns != self.at_ns:
            journalled = health.journalled + self.journalled
            self.health = health = replace(health, at_ns=self.at_ns, journalled=journalled)
            self.journalled = 0
        return health


class Ledger:
    """Stage: Heard, Reception, Gap, Rejected, Tick in; SensorHealth and GatewayHealth out."""

    def __init__(self, site: Site, settings: LedgerSettings | None = None) -> None:
        """Begin with the site's sensors, none of them heard."""
        self._site = site
        self._settings = settings or LedgerSettings()
        self._sensors: dict[tuple[str, str], _Sensor] = {}
        self._gateways: dict[str, _Gateway] = {}
        self._now_ns = 0
        self._next_change_ns: int | None = None
        self._list_sensors()

    def push(self, item: Heard | Reception | Gap | Rejected | Tick) -> list[Event]:
        """Take one item; tell what changed by it. Silence is found by ticks."""
        if isinstance(item, Tick):
            return list(self._pass_time(item.at_ns))
        if isinstance(item, Heard):
            return list(self._heard(item))
        if isinstance(item, Reception):
            return list(self._received(item))
        if isinstance(item, Rejected):
            return list(self._refused(item))
        return []  # A hole is counted by the reception that tells of it.

    def journalled(self, group: str, count: int) -> None:
        """Count messages of a gateway that are safe in the journal."""
        gateway = self._gateway(group)
        if gateway is not None:
            gateway.journalled += count

    def sensors(self) -> list[SensorHealth]:
        """The last word on each sensor, by gateway and name."""
        return [self._sensors[key].current() for key in sorted(self._sensors)]

    def gateways(self) -> list[GatewayHealth]:
        """The last word on each gateway, by name."""
        return [self._gateways[key].current() for key in sorted(self._gateways)]

    # --- what comes in

    def _heard(self, item: Heard) -> Iterator[Event]:
        topic, message = item.topic, item.message
        self._now_ns = max(self._now_ns, item.received_at_ns)
        if topic.group == PROOF_GROUP:
            return
        if isinstance(message, GatewayStatus):
            yield from self._gateway_word(topic.group, message, item)
            return
        if topic.kind is None or topic.sensor is None:
            return
        sensor = self._sensor(topic.group, topic.kind, topic.sensor)
        if not item.retained:
            self._lives(sensor, item.received_at_ns)
        if isinstance(message, Register):
            sensor.registered = True
            sensor.health = replace(
                sensor.health, heartbeat_interval_s=message.heartbeat_interval_s
            )
            if message.position is not None and sensor.health.longitude_deg is None:
                self._stands(sensor, message.position.longitude_deg, message.position.latitude_deg)
        elif isinstance(message, Status):
            sensor.status_degraded = message.state == "degraded"
            sensor.status_faults = message.faults
        elif isinstance(message, Pose) and not item.retained:
            self._stands(sensor, message.position.longitude_deg, message.position.latitude_deg)
        # What is alive anyway is judged at the next tick: reports come by the thousand.
        if sensor.health.state not in _ALIVE or isinstance(message, Register | Status):
            yield from self._judge(sensor)

    def _gateway_word(self, group: str, message: GatewayStatus, item: Heard) -> Iterator[Event]:
        gateway = self._gateway(group)
        if gateway is None:
            return
        if message.session is not None and message.session != gateway.session:
            if gateway.session is not None:
                gateway.health = replace(gateway.health, received=0, journalled=0, rejected=0)
                gateway.journalled = 0
            gateway.session = message.session
        state: Literal["online", "offline", "unknown"] = message.state
        if state == "offline":
            gateway.offline_ns = item.received_at_ns
        elif item.retained:
            state = gateway.health.state  # The broker's memory of it is no sign of life.
        sent = gateway.health.sent if message.messages_sent is None else message.messages_sent
        received = gateway.health.received + 1
        gateway.health = replace(gateway.health, state=state, sent=sent, received=received)
        yield from self._tell_gateway(gateway)
        if message.state == "offline":
            for (of, _), sensor in self._sensors.items():
                if of == group:
                    yield from self._judge(sensor)

    def _received(self, item: Reception) -> Iterator[Event]:
        self._now_ns = max(self._now_ns, item.at_ns)
        if item.group == PROOF_GROUP:
            return
        sensor = self._sensor(item.group, item.kind, item.sensor)
        health = sensor.health
        sensor.health = replace(
            health,
            received=health.received + item.messages,
            lost=max(health.lost + item.lost, 0),
            duplicates=health.duplicates + item.duplicates,
            rejected=health.rejected + item.rejected,
            delay_s=item.delay_s if item.messages else health.delay_s,
            clock_offset_s=item.clock_offset_s if item.messages else health.clock_offset_s,
            cover=health.cover if item.cover is None else item.cover,
        )
        for fault in item.faults:
            self._fault(sensor, fault)
        if item.messages:
            sensor.came.append((item.at_ns, item.messages))
            self._lives(sensor, item.at_ns)
            if item.channel == Channel.FRAME:
                sensor.frames_ns = max(sensor.frames_ns or 0, item.at_ns)
        gateway = self._gateway(item.group)
        if gateway is not None and item.messages:
            gateway.health = replace(
                gateway.health,
                received=gateway.health.received + item.messages,
                rejected=gateway.health.rejected + item.rejected,
            )
        yield from self._judge(sensor)

    def _refused(self, item: Rejected) -> Iterator[Event]:
        self._now_ns = max(self._now_ns, item.received_at_ns)
        if item.group is None or item.group == PROOF_GROUP:
            return
        if item.sensor is None:
            gateway = self._gateway(item.group)
            if gateway is not None:
                was = gateway.health
                gateway.health = replace(was, received=was.received + 1, rejected=was.rejected + 1)
            return
        sensor = self._sensors.get((item.group, item.sensor))
        if sensor is not None:
            self._fault(sensor, f"messages are refused for {item.field}")
            yield from self._judge(sensor)

    def _pass_time(self, at_ns: int) -> Iterator[Event]:
        self._now_ns = max(self._now_ns, at_ns)
        if self._next_change_ns is None or self._now_ns >= self._next_change_ns:
            self._list_sensors()
        for sensor in self._sensors.values():
            yield from self._judge(sensor)
        for gateway in self._gateways.values():
            yield from self._tell_gateway(gateway)

    # --- what follows

    def _lives(self, sensor: _Sensor, at_ns: int) -> None:
        if sensor.word_ns is None or at_ns > sensor.word_ns:
            sensor.word_ns = at_ns
        gateway = self._gateway(sensor.health.group)
        if (
            gateway is not None
            and gateway.health.state != "online"
            and (gateway.offline_ns is None or at_ns > gateway.offline_ns)
        ):
            gateway.health = replace(gateway.health, state="online")

    def _stands(self, sensor: _Sensor, longitude_deg: float, latitude_deg: float) -> None:
        sensor.health = replace(
            sensor.health, longitude_deg=longitude_deg, latitude_deg=latitude_deg
        )

    def _fault(self, sensor: _Sensor, text: str) -> None:
        sensor.faults.pop(text, None)
        sensor.faults[text] = self._now_ns
        if len(sensor.faults) > _MAX_FAULTS:
            del sensor.faults[next(iter(sensor.faults))]

    def _judge(self, sensor: _Sensor) -> Iterator[SensorHealth]:
        """Work out a sensor's state and tell it where it changed, or is due."""
        if sensor.faults:
            memory_ns = int(self._settings.fault_memory_s * _S)
            for text, at_ns in list(sensor.faults.items()):
                if at_ns + memory_ns <= self._now_ns:
                    del sensor.faults[text]
        window_ns = _RATE_WINDOW_S * _S
        sensor.came = [one for one in sensor.came if one[0] > self._now_ns - window_ns]
        rate_hz = sum(count for _, count in sensor.came) / _RATE_WINDOW_S
        state, faults = self._state(sensor)
        health = sensor.health
        sensor.judged_ns = self._now_ns
        same = state is health.state and faults == health.faults and rate_hz == health.rate_hz
        if not same or not health.since_ns:
            since_ns = health.since_ns or self._now_ns
            sensor.health = replace(
                health,
                state=state,
                since_ns=since_ns if state is health.state else self._now_ns,
                faults=faults,
                rate_hz=rate_hz,
            )
        if self._is_due(sensor):
            health = sensor.current()
            sensor.told_ns = self._now_ns
            sensor.told = (state, faults, health.longitude_deg, health.latitude_deg)
            yield health

    def _state(self, sensor: _Sensor) -> tuple[SensorState, tuple[str, ...]]:
        health = sensor.health
        if not (sensor.listed or sensor.registered):
            return SensorState.UNREGISTERED, tuple(sensor.faults)
        gateway = self._gateways.get(health.group)
        offline_ns = None if gateway is None else gateway.offline_ns
        last = sensor.word_ns
        if offline_ns is not None and (last is None or last <= offline_ns):
            return SensorState.OFFLINE, ()
        if last is None:
            return SensorState.NEVER_HEARD, ()
        patience_ns = int(self._settings.silent_after * health.heartbeat_interval_s * _S)
        if self._now_ns > last + patience_ns:
            return SensorState.SILENT, ()
        faults = [*sensor.status_faults, *sensor.faults]
        if sensor.frames_ns is not None and self._now_ns > sensor.frames_ns + patience_ns:
            faults.append("its frames have stopped")
        degraded = sensor.status_degraded or faults
        return (SensorState.DEGRADED if degraded else SensorState.ONLINE), tuple(faults)

    def _is_due(self, sensor: _Sensor) -> bool:
        health = sensor.health
        if sensor.told_ns is None or sensor.told[:2] != (health.state, health.faults):
            return True
        past_ns = self._now_ns - sensor.told_ns
        if past_ns >= self._settings.repeat_s * _S:
            return True
        before = sensor.told[2:]
        now = (health.longitude_deg, health.latitude_deg)
        if before == now or past_ns < self._settings.move_interval_s * _S:
            return False
        if None in before or None in now:
            return True
        return any(abs(a - b) > _MOVED_DEG for a, b in zip(before, now, strict=True))

    def _tell_gateway(self, gateway: _Gateway) -> Iterator[GatewayHealth]:
        gateway.at_ns = self._now_ns
        due = gateway.told_ns is None or (
            self._now_ns >= gateway.told_ns + self._settings.repeat_s * _S
        )
        if due or gateway.told != (gateway.health.state,):
            gateway.told_ns = self._now_ns
            gateway.told = (gateway.health.state,)
            yield gateway.current()

    # --- lines

    def _sensor(self, group: str, kind: SensorKind, name: str) -> _Sensor:
        key = (group, name)
        found = self._sensors.get(key)
        if found is None:
            self._make_place()
            found = self._sensors[key] = self._line(group, kind, name, listed=False)
        return found

    def _make_place(self) -> None:
        """Push out the stranger heard least lately where too many are remembered."""
        unlisted = [key for key, one in self._sensors.items() if not one.listed]
        if len(unlisted) >= self._settings.max_unlisted:
            strangers = [key for key in unlisted if not self._sensors[key].registered]
            oldest = min(strangers or unlisted, key=lambda one: self._sensors[one].word_ns or 0)
            del self._sensors[oldest]

    def _gateway(self, group: str) -> _Gateway | None:
        """A gateway's line; None for invented ones beyond what is remembered."""
        found = self._gateways.get(group)
        if found is None and group != PROOF_GROUP:
            if len(self._gateways) >= self._settings.max_gateways:
                return None
            health = GatewayHealth(group, "unknown", self._now_ns, None, 0, 0, 0)
            found = self._gateways[group] = _Gateway(health, at_ns=self._now_ns)
        return found

    def _line(self, group: str, kind: SensorKind, name: str, *, listed: bool) -> _Sensor:
        state = SensorState.NEVER_HEARD if listed else SensorState.UNREGISTERED
        interval_s = self._settings.heartbeat_interval_s
        health = SensorHealth(
            group, kind, name, state, self._now_ns, self._now_ns, None, interval_s
        )
        return _Sensor(health, listed, judged_ns=self._now_ns)

    def _list_sensors(self) -> None:
        """Bring the lines up to the site as it is valid now."""
        site = self._site.at(self._now_ns)
        following = self._site.next_change_ns(self._now_ns)
        self._next_change_ns = 2**63 if following is None else following
        rows = {(row.group, row.id): row for row in site.sensors}
        for key, row in rows.items():
            sensor = self._sensors.get(key)
            if sensor is None:
                sensor = self._line(row.group, SensorKind(row.kind), row.id, listed=True)
                self._sensors[key] = sensor
            sensor.listed = True
            place = _place(site, row)
            if place is not None and (sensor.health.longitude_deg is None or row.kind in _FIXED):
                self._stands(sensor, *place)
            self._gateway(row.group)
        for key, sensor in list(self._sensors.items()):
            if sensor.listed and key not in rows:
                sensor.listed = False
                if not sensor.registered:
                    del self._sensors[key]

    # --- snapshot

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        return write_snapshot(
            _STAGE,
            _VERSION,
            "",
            {
                "now_ns": self._now_ns,
                "sensors": [_state_of(one) for one in self._sensors.values()],
                "gateways": [_state_of(one) for one in self._gateways.values()],
            },
        )

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote; the site and settings stay our own.

        Raises:
            SnapshotError: of another version or stage; nothing is changed then.
        """
        content = read_snapshot(state, _STAGE, _VERSION, "")
        with undamaged(_STAGE):
            sensors = [_sensor_of(one) for one in content["sensors"]]
            gateways = [_gateway_of(one) for one in content["gateways"]]
            now_ns = int(content["now_ns"])
        self._now_ns = now_ns
        for one in sensors:
            if not one.registered:
                one.health = replace(
                    one.health, heartbeat_interval_s=self._settings.heartbeat_interval_s
                )
        self._sensors = {(one.health.group, one.health.sensor): one for one in sensors}
        self._gateways = {one.health.group: one for one in gateways}
        self._list_sensors()


def _place(site: Site, row: Sensor) -> tuple[float, float] | None:
    """Longitude and latitude of a listed sensor; a fibre's is its interrogator's."""
    if row.position is not None:
        return row.position
    for cable in site.cables:
        if cable.id == row.cable:
            return cable.route[0]
    return None


def _state_of(line: _Sensor | _Gateway) -> dict[str, Any]:
    """Write a line down; ``current`` has put into its health what stands beside it."""
    line.current()
    beside = {"judged_ns", "word_ns"} if isinstance(line, _Sensor) else {"at_ns", "journalled"}
    return {name: value for name, value in asdict(line).items() if name not in beside}


def _sensor_of(state: dict[str, Any]) -> _Sensor:
    health = dict(state["health"])
    health["kind"] = SensorKind(health["kind"])
    health["state"] = SensorState(health["state"])
    health["faults"] = tuple(health["faults"])
    told = list(state["told"])
    if told:
        told[:2] = [SensorState(told[0]), tuple(told[1])]
    return _Sensor(
        **{
            **state,
            "health": SensorHealth(**health),
            "status_faults": tuple(state["status_faults"]),
            "came": [(at_ns, count) for at_ns, count in state["came"]],
            "told": tuple(told),
            "judged_ns": health["at_ns"],
            "word_ns": health["last_word_ns"],
        }
    )


def _gateway_of(state: dict[str, Any]) -> _Gateway:
    health = GatewayHealth(**state["health"])
    told = tuple(state["told"])
    return _Gateway(**{**state, "health": health, "told": told, "at_ns": health.at_ns})
