"""What can be in a scene: classes, behaviours, which go together, how fast they are at most."""

from enum import StrEnum
from typing import Literal

from sensors.messages import ObjectClass

CableEventKind = Literal["cut", "bend", "disconnect"]
FaultKind = Literal[
    "silent", "duplicate", "reorder", "late", "skew", "stuck", "corrupt", "flood", "restart"
]


class ActorClass(StrEnum):
    """What an actor is."""

    PERSON = "person"
    VEHICLE = "vehicle"
    TRUCK = "truck"
    BOAT = "boat"
    ANIMAL = "animal"
    TRAIN = "train"
    DRONE = "drone"

    @property
    def object_class(self) -> ObjectClass:
        """The class that a sensor at its best would report."""
        return ObjectClass.VEHICLE if self is ActorClass.TRUCK else ObjectClass(self.value)


class Behaviour(StrEnum):
    """How an actor moves and what it does to the ground."""

    WALK = "walk"
    RUN = "run"
    CRAWL = "crawl"
    DIG = "dig"
    DRIVE = "drive"
    STAND = "stand"
    SAW = "saw"
    WADE = "wade"
    TAP = "tap"

    @property
    def stays(self) -> bool:
        """Whether it is done at one place."""
        return self in {Behaviour.STAND, Behaviour.DIG, Behaviour.SAW, Behaviour.TAP}


_ON_FOOT = frozenset({ActorClass.PERSON, ActorClass.ANIMAL})
_MAY = {
    Behaviour.WALK: _ON_FOOT,
    Behaviour.RUN: _ON_FOOT,
    Behaviour.CRAWL: frozenset({ActorClass.PERSON}),
    Behaviour.DIG: frozenset({ActorClass.PERSON}),
    Behaviour.DRIVE: frozenset(ActorClass) - _ON_FOOT,
    Behaviour.STAND: frozenset(ActorClass),
    Behaviour.SAW: frozenset({ActorClass.PERSON}),
    Behaviour.WADE: _ON_FOOT,
    Behaviour.TAP: frozenset({ActorClass.PERSON}),
}

# Top speeds, m/s; faster is a slip of the pen. On foot by behaviour (a sprinter runs 12, a deer
# 20), else by class: 200 km/h on a road, 120 for trucks, 160 for trains on the region's lines, a
# fast patrol boat, a small aircraft. All assumed.
_FOOT_MPS = {
    Behaviour.WALK: 4.0,
    Behaviour.CRAWL: 2.0,
    Behaviour.WADE: 3.0,
    Behaviour.RUN: 12.0,
}
_CLASS_MPS = {
    ActorClass.VEHICLE: 56.0,
    ActorClass.TRUCK: 34.0,
    ActorClass.BOAT: 25.0,
    ActorClass.TRAIN: 45.0,
    ActorClass.DRONE: 90.0,
}
_ANIMAL_RUNS_MPS = 20.0
_SHUFFLES_MPS = 1.0
"""Who stands, digs, saws or taps may still move a little between its waypoints (assumed)."""


def check_pair(actor_class: ActorClass, behaviour: Behaviour) -> None:
    """Refuse a behaviour that a class does not have.

    Raises:
        ValueError: saying which classes have it.
    """
    if actor_class not in _MAY[behaviour]:
        classes = ", ".join(sorted(_MAY[behaviour]))
        raise ValueError(f"behaviour {behaviour} only with class {classes}, not {actor_class}")


def top_speed_mps(actor_class: ActorClass, behaviour: Behaviour) -> float:
    """How fast an actor may be at most."""
    if behaviour.stays:
        return _SHUFFLES_MPS
    if behaviour is Behaviour.RUN and actor_class is ActorClass.ANIMAL:
        return _ANIMAL_RUNS_MPS
    return _CLASS_MPS.get(actor_class) or _FOOT_MPS[behaviour]
