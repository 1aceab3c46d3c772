"""What a score is made of: a row for each crossing and for each time an alert was raised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sensors.messages import ObjectClass
from services.events import Severity
from services.score.tracking import TrackFigures


class Verdict(StrEnum):
    """What an alert was raised for.

    Attributes:
        CROSSING: a crossing.
        LAWFUL: one who may be there, as the truth says.
        NAMED: an animal or a train, and it said so all the time, at the lowest priority.
        WEATHER: nobody was there, and it said weather all the time, at the lowest priority.
        OWN_FORCE: one of ours.
        CAUSELESS: nothing, or an animal or a train that it took for something else.
    """

    CROSSING = "crossing"
    LAWFUL = "lawful"
    NAMED = "named"
    WEATHER = "weather"
    OWN_FORCE = "own_force"
    CAUSELESS = "causeless"


@dataclass(frozen=True, slots=True)
class CrossingRow:
    """How one crossing fared.

    Attributes:
        kind: its class, or digging, crawling, sawing, cable_event.
        object_class: what an alert should have said.
        cable_m: least distance of any member to a cable of the site while within reach; None
            without cables.
        lawful_zone: all the while within reach all of it was in a zone where traffic is lawful.
        group: the first actor of those that it goes together with.
        delay_s: from entering the reach of any sensor to the alert; None where there was none.
        error_m: from the alert, where it was raised, to the nearest member of its group then.
        said_first: what the alert said when it was raised.
        said: what it said in the end.
        alerts: times that an alert was raised for its group.
        actionable: of these, the alerts that an operator would act on.
        faults: kinds of faults that a sensor had which it was within reach of at that time.
        blinded: all its time within reach every such sensor had a fault.
    """

    run: str
    actor: str
    kind: str
    object_class: ObjectClass
    count: int
    enter_ns: int
    chainage_m: float
    cable_m: float | None
    lawful_zone: bool
    group: str
    alerts: int
    actionable: int
    delay_s: float | None
    error_m: float | None
    said_first: ObjectClass | None
    said: ObjectClass | None
    faults: tuple[str, ...]
    blinded: bool

    @property
    def alerted(self) -> bool:
        """Whether any alert was raised for it."""
        return self.alerts > 0


@dataclass(frozen=True, slots=True)
class AlertRow:
    """What one alert was, at one time that it was raised.

    Attributes:
        actor: whom it was for or, where it is causeless, whom it took for something else.
        away_m: least distance to a member of that actor.
    """

    run: str
    alert: str
    number: int
    at_ns: int
    chainage_m: float
    offset_m: float
    east_m: float
    north_m: float
    said: ObjectClass
    severity: Severity
    verdict: Verdict
    actor: str | None
    away_m: float | None


@dataclass(frozen=True, slots=True)
class NuisanceRow:
    """How an animal or a train within reach fared: what was said of it last, if anything."""

    run: str
    actor: str
    object_class: ObjectClass
    said: ObjectClass | None


@dataclass(frozen=True, slots=True)
class Scored:
    """One run against its truth.

    Attributes:
        km: length of border that was watched; None where it is not known.
        days: length of the run.
        other_marks: alerts of other marks, which are left out.
    """

    run: str
    crossings: tuple[CrossingRow, ...]
    nuisances: tuple[NuisanceRow, ...]
    alerts: tuple[AlertRow, ...]
    tracks: TrackFigures
    km: float | None
    days: float
    other_marks: int = 0
    messages_lost: int = 0
    messages_rejected: int = 0


def details(runs: Sequence[Scored]) -> list[dict[str, Any]]:
    """Rows of crossings and alerts, run by run: what two scores are compared by."""
    return [
        {
            "run": run.run,
            "crossings": [_crossing(row) for row in run.crossings],
            "alerts": [_alert(row) for row in run.alerts],
        }
        for run in runs
    ]


def _crossing(row: CrossingRow) -> Mapping[str, Any]:
    return {
        "actor": row.actor,
        "kind": row.kind,
        "object_class": str(row.object_class),
        "count": row.count,
        "group": row.group,
        "enter_ns": row.enter_ns,
        "chainage_m": round(row.chainage_m, 1),
        "cable_m": None if row.cable_m is None else round(row.cable_m, 2),
        "lawful_zone": row.lawful_zone,
        "alerts": row.alerts,
        "actionable": row.actionable,
        "delay_s": None if row.delay_s is None else round(row.delay_s, 3),
        "error_m": None if row.error_m is None else round(row.error_m, 2),
        "said": None if row.said is None else str(row.said),
        "faults": list(row.faults),
    }


def _alert(row: AlertRow) -> Mapping[str, Any]:
    return {
        "alert": row.alert,
        "number": row.number,
        "at_ns": row.at_ns,
        "chainage_m": round(row.chainage_m, 1),
        "offset_m": round(row.offset_m, 1),
        "east_m": round(row.east_m, 2),
        "north_m": round(row.north_m, 2),
        "said": str(row.said),
        "severity": row.severity.name.lower(),
        "verdict": str(row.verdict),
        "actor": row.actor,
        "away_m": None if row.away_m is None else round(row.away_m, 2),
    }
