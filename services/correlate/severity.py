"""How serious an incident is, by a table; never danger to life, which a rule has to say.

Priorities are those of EEMUA 191; the first table is assumed and meant to be judged by the load
it makes (EEMUA 191: about 5 % high, 15 % medium, 80 % low).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from sensors.messages import ObjectClass
from services.events import Severity

Direction = Literal["towards", "away", "along", "unknown"]

BASE: Mapping[ObjectClass, Severity] = MappingProxyType(
    {
        ObjectClass.PERSON: Severity.MEDIUM,
        ObjectClass.GROUP: Severity.HIGH,
        ObjectClass.DIGGING: Severity.HIGH,
        ObjectClass.VEHICLE: Severity.MEDIUM,
        ObjectClass.ANIMAL: Severity.LOW,
        ObjectClass.TRAIN: Severity.LOW,
        ObjectClass.BOAT: Severity.MEDIUM,
        ObjectClass.DRONE: Severity.HIGH,
        ObjectClass.WEATHER: Severity.LOW,
        ObjectClass.MACHINERY: Severity.LOW,
        ObjectClass.CABLE_ATTACK: Severity.HIGH,
        ObjectClass.UNKNOWN: Severity.LOW,
    }
)

NUISANCE = frozenset(
    {ObjectClass.ANIMAL, ObjectClass.WEATHER, ObjectClass.TRAIN, ObjectClass.MACHINERY}
)
"""Classes that stay lowest, whatever else is known."""


def severity(
    object_class: ObjectClass, direction: Direction, kinds: int, sure_kinds: int
) -> Severity:
    """Severity from class, direction and support.

    Args:
        object_class: the likeliest class.
        direction: with respect to the Romanian side.
        kinds: how many kinds of sensors saw it.
        sure_kinds: from how many on it counts as well supported.
    """
    base = BASE[object_class]
    if object_class in NUISANCE:
        return base
    steps = int(direction == "towards" and kinds >= sure_kinds)
    if object_class is ObjectClass.UNKNOWN:
        # What nobody could name is raised by its movement towards us or by a second kind of
        # sensor, one step for each.
        steps = int(direction == "towards") + int(kinds >= sure_kinds)
    return Severity(min(base + steps, Severity.HIGH))
