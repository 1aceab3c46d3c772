"""Small scenes written by hand, whose score is known without computing it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sensors.messages import Mark, ObjectClass
from sensors.scenes import ActorClass, Behaviour
from sensors.topics import SensorKind
from sensors.truth import TruthPoint
from services.events import (
    Alert,
    AlertState,
    Change,
    Covariance,
    Detection,
    Explanation,
    Incident,
    Severity,
    Track,
    TrackState,
)

NS = 1_000_000_000
T0 = 1_790_000_000 * NS
EAST_M, NORTH_M = 484_000.0, 5_069_600.0
"""A place near Jimbolia; all places of the cases are metres from it."""


def points(
    actor: str,
    path: Iterable[tuple[float, float, float]],
    *,
    actor_class: str = "person",
    near: tuple[float, float] | None = (0.0, 1e6),
    sensor: str = "fibre-3",
    behind_m: Iterable[float] | None = None,
    **more: Any,
) -> list[TruthPoint]:
    """Points (second, east, north) of an actor; within reach between two seconds, or never.

    Others that belong to it are so far south of it.
    """
    is_event = actor_class == "cable_event"
    kind: Any = actor_class if is_event else ActorClass(actor_class)
    base = TruthPoint(
        at_ns=T0,
        actor=actor,
        actor_class=kind,
        object_class=ObjectClass.CABLE_ATTACK if is_event else kind.object_class,
        count=1,
        own_force=False,
        longitude_deg=20.8,
        latitude_deg=45.8,
        east_m=0.0,
        north_m=0.0,
        chainage_m=0.0,
        offset_m=0.0,
        near=(),
        behaviour=None if is_event else Behaviour.WALK,
        event="cut" if is_event else None,
    )
    gaps = None if behind_m is None else list(behind_m)
    if gaps is not None:
        base = replace(base, count=1 + len(gaps))
    return [
        replace(
            base,
            others_m=None
            if gaps is None
            else tuple((EAST_M + east, NORTH_M + north - gap) for gap in gaps),
            at_ns=T0 + round(second * NS),
            east_m=EAST_M + east,
            north_m=NORTH_M + north,
            near=(sensor,) if near and near[0] <= second <= near[1] else (),
            **more,
        )
        for second, east, north in path
    ]


def walk(
    actor: str, start: float, end: float, east: float = 0.0, speed: float = 1.0, **more: Any
) -> list[TruthPoint]:
    """An actor that goes north from 0 m, a point each second."""
    seconds = range(round(end - start) + 1)
    return points(actor, [(start + s, east, speed * s) for s in seconds], **more)


def alert(
    name: str,
    second: float,
    east: float,
    north: float,
    *,
    object_class: str = "person",
    severity: Severity = Severity.MEDIUM,
    what: Any = "raised",
    revision: int = 1,
    sigma_m: float = 5.0,
    mark: Mark = Mark.SIMULATED,
    ended: bool = False,
) -> Alert:
    at_ns = T0 + round(second * NS)
    incident = Incident(
        id=name,
        revision=revision,
        mark=mark,
        at_ns=at_ns,
        started_at_ns=at_ns,
        east_m=EAST_M + east,
        north_m=NORTH_M + north,
        longitude_deg=20.8,
        latitude_deg=45.8,
        covariance=Covariance(sigma_m**2, 0.0, sigma_m**2),
        chainage_m=80_000.0,
        offset_m=0.0,
        sector=None,
        tracks=(),
        contributions=(),
        classes={},
        object_class=ObjectClass(object_class),
        count=1,
        confidence=0.9,
        severity=severity,
        direction="towards",
        speed_mps=1.0,
        reason=Explanation("incident.reason"),
        settings="",
        ended=ended,
    )
    change = Change(at_ns, what, AlertState.UNACKNOWLEDGED, None, Explanation("change.raised"))
    return Alert(
        name,
        revision,
        "run",
        AlertState.UNACKNOWLEDGED,
        mark,
        severity,
        at_ns,
        at_ns,
        incident,
        change,
    )


def track(
    name: str,
    second: float,
    east: float,
    north: float,
    *,
    revision: int = 1,
    velocity: tuple[float, float] = (0.0, 0.0),
    object_class: str = "person",
    ended: bool = False,
    own_force: str | None = None,
    mark: Mark = Mark.SIMULATED,
) -> Track:
    return Track(
        id=name,
        revision=revision,
        state=TrackState.ENDED if ended else TrackState.CONFIRMED,
        mark=mark,
        at_ns=T0 + round(second * NS),
        started_at_ns=T0,
        east_m=EAST_M + east,
        north_m=NORTH_M + north,
        covariance=Covariance(25.0, 0.0, 25.0),
        velocity_east_mps=velocity[0],
        velocity_north_mps=velocity[1],
        classes={ObjectClass(object_class): 1.0},
        confidence=0.9,
        sensors=("fibre-3",),
        detections=3,
        own_force=own_force,
    )


def report(unit: str, second: float, east: float, north: float) -> Detection:
    """A position that one of ours reports."""
    return Detection(
        id=f"{unit}-{second}",
        group="patrols",
        kind=SensorKind.PATROL,
        sensor=unit,
        mark=Mark.SIMULATED,
        at_ns=T0 + round(second * NS),
        east_m=EAST_M + east,
        north_m=NORTH_M + north,
        covariance=Covariance(25.0, 0.0, 25.0),
        classes={ObjectClass.VEHICLE: 1.0},
        confidence=1.0,
        score=1.0,
        method="pose",
        own_force=unit,
    )
