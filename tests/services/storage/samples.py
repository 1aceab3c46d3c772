"""Records for the storage's tests."""

import dataclasses

from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.alerts.ports import Which
from services.events import (
    Alert,
    AlertState,
    Change,
    Contribution,
    Covariance,
    Detection,
    Explanation,
    GatewayHealth,
    Incident,
    Proof,
    Received,
    Refused,
    SensorHealth,
    SensorState,
    Severity,
    Track,
    TrackState,
)
from services.ingest.ports import Entry

S = 1_000_000_000
NOW_NS = 1_790_000_000 * S + 123_456_789


class Clock:
    """A clock that stands until told."""

    def __init__(self) -> None:
        self.at_ns = NOW_NS

    def __call__(self) -> int:
        return self.at_ns


def entry(position: int, payload: bytes = b"\x00\xff") -> Entry:
    at_ns = NOW_NS + position * 1_000_001
    topic = "straja/v1/gate-1/thermal/cam-1/report"
    return Entry(position, at_ns, Received(at_ns, topic, payload, position % 7 == 0))


def entries(first: int, count: int, size: int = 32) -> list[Entry]:
    return [entry(n, n.to_bytes(8, "big") * (size // 8)) for n in range(first, first + count)]


def incident(number: int = 1, revision: int = 1) -> Incident:
    return Incident(
        id=f"incident-{number}",
        revision=revision,
        mark=Mark.REAL,
        at_ns=NOW_NS + revision * S,
        started_at_ns=NOW_NS,
        east_m=1.5,
        north_m=2.5,
        longitude_deg=20.5,
        latitude_deg=45.5,
        covariance=Covariance(4.0, 0.5, 9.0),
        chainage_m=1234.5,
        offset_m=-20.0,
        sector="jimbolia",
        tracks=("t-1",),
        contributions=(Contribution("cam-1", SensorKind.THERMAL, NOW_NS, NOW_NS + S, 3, 0.75),),
        classes={ObjectClass.PERSON: 0.75, ObjectClass.ANIMAL: 0.25},
        object_class=ObjectClass.PERSON,
        count=2,
        confidence=0.9,
        severity=Severity.HIGH,
        direction="towards",
        speed_mps=1.25,
        reason=Explanation("crossing", {"sensor": "cam-1", "odd": "\x00\u0163"}),
        settings="abc",
    )


def alert(
    number: int = 1,
    revision: int = 1,
    state: AlertState = AlertState.UNACKNOWLEDGED,
    run: str = "live",
) -> Alert:
    return Alert(
        id=f"incident-{number}",
        revision=revision,
        run=run,
        state=state,
        mark=Mark.REAL,
        severity=Severity.HIGH,
        at_ns=NOW_NS + revision * S,
        raised_at_ns=NOW_NS + number * S,
        incident=incident(number, revision),
        change=Change(
            NOW_NS + revision * S,
            "raised" if revision == 1 else "updated",
            state,
            None,
            Explanation("raised"),
        ),
    )


ANY = Which(states=frozenset(AlertState))
"""Open alerts and ended ones."""


def ended(number: int, revision: int) -> Alert:
    return dataclasses.replace(alert(number, revision), state=AlertState.ENDED)


def detection(number: int = 1) -> Detection:
    return Detection(
        id=f"d-{number}",
        group="gate-1",
        kind=SensorKind.THERMAL,
        sensor="cam-1",
        mark=Mark.REAL,
        at_ns=NOW_NS + number * 1_000,
        east_m=1.0,
        north_m=2.0,
        covariance=Covariance(1.0, 0.0, 1.0),
        classes={ObjectClass.PERSON: 1.0},
        confidence=0.5,
        score=3.5,
        method="box 1 abc",
    )


def track(revision: int = 1) -> Track:
    return Track(
        id="d-1",
        revision=revision,
        state=TrackState.CONFIRMED,
        mark=Mark.REAL,
        at_ns=NOW_NS + revision * S,
        started_at_ns=NOW_NS,
        east_m=1.0,
        north_m=2.0,
        covariance=Covariance(1.0, 0.0, 1.0),
        velocity_east_mps=1.0,
        velocity_north_mps=-1.0,
        classes={ObjectClass.PERSON: 1.0},
        confidence=0.5,
        sensors=("cam-1",),
        detections=4,
    )


def sensor_health() -> SensorHealth:
    return SensorHealth(
        group="gate-1",
        kind=SensorKind.THERMAL,
        sensor="cam-1",
        state=SensorState.ONLINE,
        at_ns=NOW_NS,
        since_ns=NOW_NS - S,
        last_word_ns=NOW_NS,
        heartbeat_interval_s=10.0,
        faults=("shutter \x00 stuck",),
    )


def gateway_health() -> GatewayHealth:
    return GatewayHealth("gate-1", "online", NOW_NS, 12, 11, 11, 0)


def proof(number: int = 0) -> Proof:
    return Proof("proof-1", NOW_NS + number, NOW_NS + number + 5_000)


def refused() -> Refused:
    return Refused("command \x00 7", NOW_NS, Explanation("not_open"))
