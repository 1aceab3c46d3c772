"""What services take in and conclude, and how it is written down.

All of these are plain frozen records; ``encode`` and ``decode`` turn any of them into JSON bytes
and back without loss, for the journal, the pipe between processes and snapshots. Places are in
the plane of EPSG:32634 (``east_m``, ``north_m``), times in nanoseconds since the epoch, UTC.
"""

import dataclasses
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter

from sensors.messages import AnyMessage, Mark, ObjectClass
from sensors.topics import SensorKind, Topic


@dataclass(frozen=True, slots=True)
class Received:
    """One MQTT message as it came in; the only way in from outside."""

    received_at_ns: int
    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes; travels in the same stream as everything else.

    Attributes:
        at_ns: what time it is.
        heard_ns: up to when everything that was sent has been heard, where that is not ``at_ns``:
            the broker is away, or hands over what it kept for us. What decides by event time
            waits there; who looks for silence does not.
    """

    at_ns: int
    heard_ns: int | None = None
    record: Literal["tick"] = "tick"

    @property
    def heard(self) -> "Tick":
        """The time up to which everything was heard."""
        return self if self.heard_ns is None else Tick(self.heard_ns)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that was decoded and accepted, with the time at which to believe it.

    Attributes:
        at_ns: event time; the message's measured time, or receive time for a wrong clock.
        clock_sigma_s: uncertainty of ``at_ns``.
        ignored_fields: fields of a newer schema that were left out.
    """

    topic: Topic
    message: AnyMessage
    received_at_ns: int
    at_ns: int
    retained: bool = False
    clock_sigma_s: float = 0.0
    ignored_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of one sensor and channel that never came."""

    group: str
    sensor: str
    channel: str
    session: str
    first_missing: int
    last_missing: int
    at_ns: int
    record: Literal["gap"] = "gap"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that was refused, and why; answered to its gateway."""

    topic: str
    group: str | None
    sensor: str | None
    session: str | None
    sequence: int | None
    field: str
    value: str
    wanted: str
    received_at_ns: int
    record: Literal["rejected"] = "rejected"


@dataclass(frozen=True, slots=True)
class Reception:
    """What was received of one sensor and channel since the last one of these.

    Sent by whoever decodes a sensor's traffic, at least once a second while something comes, so
    that the ledger of sensors sees raw frames without being on their way.

    Attributes:
        cover: share of the sensor's channels that hear now, where its detector says so.
    """

    group: str
    kind: SensorKind
    sensor: str
    channel: str
    at_ns: int
    messages: int
    bytes: int
    lost: int = 0
    duplicates: int = 0
    rejected: int = 0
    delay_s: float = 0.0
    clock_offset_s: float = 0.0
    faults: tuple[str, ...] = ()
    cover: float | None = None
    record: Literal["reception"] = "reception"


@dataclass(frozen=True, slots=True)
class Covariance:
    """Symmetric 2 x 2 in m^2, over (east, north)."""

    ee: float
    en: float
    nn: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why, as a message key with parameters; rendered in the reader's language."""

    key: str
    parameters: dict[str, str | int | float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detection:
    """What one sensor's data shows at one time and place.

    Attributes:
        id: derived from sensor, session and sequence or sample number; never random.
        classes: probability by class, sums to one.
        confidence: 0 to 1, that there is anything at all.
        score: the method's own statistic (z of the floor for fibre, device score for reports).
        own_force: id of our own unit when an identified position report said it.
        bearing_only: the covariance is a stand-in along the line of sight.
        starts_track: weak sensors extend tracks and never start them.
        method: name, version and hash of settings of what found it.
        distance_m: cable distance for fibre, range for others, where there is one.
        explanation: why, where its class alone does not say it: what was done to a cable.
    """

    id: str
    group: str
    kind: SensorKind
    sensor: str
    mark: Mark
    at_ns: int
    east_m: float
    north_m: float
    covariance: Covariance
    classes: dict[ObjectClass, float]
    confidence: float
    score: float
    method: str
    own_force: str | None = None
    bearing_only: bool = False
    starts_track: bool = True
    distance_m: float | None = None
    speed_mps: float | None = None
    count: int = 1
    received_at_ns: int = 0
    explanation: Explanation | None = None
    record: Literal["detection"] = "detection"


class TrackState(StrEnum):
    """How far a track has come."""

    CONFIRMED = "confirmed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One sensor's part in a track or an incident."""

    sensor: str
    kind: SensorKind
    first_at_ns: int
    last_at_ns: int
    detections: int
    best_confidence: float


@dataclass(frozen=True, slots=True)
class Track:
    """One moving object over time; a new revision at each change worth telling.

    Attributes:
        id: the first detection's id.
        sensors: sensor names in order of first contribution.
        detections: how many took part.
        last: the detection that brought this revision, if one did.
        contributions: what each sensor gave, in the order of ``sensors``.
    """

    id: str
    revision: int
    state: TrackState
    mark: Mark
    at_ns: int
    started_at_ns: int
    east_m: float
    north_m: float
    covariance: Covariance
    velocity_east_mps: float
    velocity_north_mps: float
    classes: dict[ObjectClass, float]
    confidence: float
    sensors: tuple[str, ...]
    detections: int
    count: int = 1
    own_force: str | None = None
    last: Detection | None = None
    contributions: tuple[Contribution, ...] = ()
    record: Literal["track"] = "track"


class Severity(IntEnum):
    """EEMUA 191 priorities, danger to life before everything else."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    DANGER_TO_LIFE = 4


@dataclass(frozen=True, slots=True)
class Incident:
    """What operators deal with: tracks that belong together; a revision at each change.

    Attributes:
        id: derived from site, run, mark and the first detection; frozen once seen outside.
        merged_into: the incident that an operator or a rule joined this one to.
        chainage_m: label for people, never to compute with.
        ended: nothing has supported it for its hold time.
        late_s: how long after its last sign it became known; 0 for what was told in its time.
    """

    id: str
    revision: int
    mark: Mark
    at_ns: int
    started_at_ns: int
    east_m: float
    north_m: float
    longitude_deg: float
    latitude_deg: float
    covariance: Covariance
    chainage_m: float
    offset_m: float
    sector: str | None
    tracks: tuple[str, ...]
    contributions: tuple[Contribution, ...]
    classes: dict[ObjectClass, float]
    object_class: ObjectClass
    count: int
    confidence: float
    severity: Severity
    direction: Literal["towards", "away", "along", "unknown"]
    speed_mps: float
    reason: Explanation
    settings: str
    merged_into: str | None = None
    ended: bool = False
    late_s: float = 0.0
    record: Literal["incident"] = "incident"


@dataclass(frozen=True, slots=True)
class LoweredCount:
    """How many incidents of a class site memory lowered on a stretch of chainage."""

    object_class: str
    start_m: float
    end_m: float
    count: int


class AlertState(StrEnum):
    """ISA-18.2 states that exist so far."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of an alert's history."""

    at_ns: int
    what: Literal[
        "raised", "updated", "severity", "sensor_added", "acknowledged", "returned", "ended"
    ]
    state: AlertState
    actor: str | None
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident's state as shown to an operator; one revision, stored as an event.

    Attributes:
        id: the incident's id.
        change: what this revision changed; the history is all revisions' changes in order.
    """

    id: str
    revision: int
    run: str
    state: AlertState
    mark: Mark
    severity: Severity
    at_ns: int
    raised_at_ns: int
    incident: Incident
    change: Change
    acknowledged_by: str | None = None
    acknowledged_at_ns: int | None = None
    record: Literal["alert"] = "alert"


class SensorState(StrEnum):
    """What is known of a sensor's life."""

    ONLINE = "online"
    DEGRADED = "degraded"
    SILENT = "silent"
    OFFLINE = "offline"
    UNREGISTERED = "unregistered"
    NEVER_HEARD = "never_heard"


@dataclass(frozen=True, slots=True)
class SensorHealth:
    """A sensor's state, told at each change and at least each minute.

    Attributes:
        cover: share of its channels that hear now; None where that is not known.
    """

    group: str
    kind: SensorKind
    sensor: str
    state: SensorState
    at_ns: int
    since_ns: int
    last_word_ns: int | None
    heartbeat_interval_s: float
    received: int = 0
    lost: int = 0
    duplicates: int = 0
    rejected: int = 0
    rate_hz: float = 0.0
    delay_s: float = 0.0
    clock_offset_s: float = 0.0
    faults: tuple[str, ...] = ()
    longitude_deg: float | None = None
    latitude_deg: float | None = None
    cover: float | None = None
    record: Literal["sensor_health"] = "sensor_health"


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """A gateway's counts: what it says it sent, what we received and journalled."""

    group: str
    state: Literal["online", "offline", "unknown"]
    at_ns: int
    sent: int | None
    received: int
    journalled: int
    rejected: int
    record: Literal["gateway_health"] = "gateway_health"


@dataclass(frozen=True, slots=True)
class Proof:
    """A test item that came the whole way."""

    sensor: str
    measured_at_ns: int
    at_ns: int
    record: Literal["proof"] = "proof"


@dataclass(frozen=True, slots=True)
class Command:
    """What a person decided; travels in the same stream and is journalled.

    Attributes:
        id: chosen by who sends it, so that a repeat has no second effect.
        kind: "acknowledge" so far; merge, split, shelve and the like follow.
        actor: account.
        party: whom the account belongs to.
        parameters: for acknowledge: ``alert``.
    """

    id: str
    kind: Literal["acknowledge"]
    at_ns: int
    actor: str
    party: str
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    record: Literal["command"] = "command"


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that was not carried out, and why."""

    command: str
    at_ns: int
    explanation: Explanation
    record: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class WorkerCounts:
    """What a frame worker gave up, told now and then; shown, not journalled."""

    at_ns: int
    frames_dropped: int
    records_dropped: int
    ring_dropped: int
    ring_failures: int
    items_failed: int
    record: Literal["worker_counts"] = "worker_counts"


Conclusion = Annotated[
    Tick
    | Gap
    | Rejected
    | Reception
    | Detection
    | Track
    | Incident
    | Alert
    | SensorHealth
    | GatewayHealth
    | Proof
    | Command
    | Refused
    | WorkerCounts,
    Field(discriminator="record"),
]
"""Every record that can be written down."""

Item = Received | Conclusion
"""Everything that can enter the service."""

_codec: TypeAdapter[Conclusion] = TypeAdapter(Conclusion)
_writers: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in get_args(get_args(Conclusion)[0])
}
"""By record: finding one in the union of all takes as long as writing it."""


def encode(record: Conclusion) -> bytes:
    """Write a record as one line of JSON; the same record gives the same bytes."""
    return _writers[type(record)].dump_json(record)


def decode(line: bytes | str) -> Conclusion:
    """Read a record that ``encode`` wrote.

    Raises:
        pydantic.ValidationError: where it is none.
    """
    return _codec.validate_json(line)
