"""What truly happened: where every actor was, and which sensors were near; as JSON Lines.

:mod:`sensors.simulators.course` gives the truth of a scene; that of a recording is written by
hand in the same form.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TextIO

from pydantic import TypeAdapter, ValidationError

from geo.errors import SceneError
from sensors.messages import ObjectClass, time_from_wire, time_to_text
from sensors.scenes import ActorClass, Behaviour
from sensors.scenes.kinds import CableEventKind

CABLE_EVENT: Literal["cable_event"] = "cable_event"
"""Class of a truth point that is something done to a cable."""


@dataclass(frozen=True, slots=True)
class TruthPoint:
    """Where an actor was at one moment, or when and where something was done to a cable.

    Attributes:
        at_ns: UTC.
        actor: its id; one of many crossings has its number behind.
        actor_class: what it is; ``cable_event`` where something is done to a cable.
        object_class: what a sensor at its best would report.
        count: how many belong to it; the place is that of the first one, who leads.
        near: names of sensors in whose reach any of them was, in the site's order.
        behaviour: what it does; None for a cable event.
        lawful: whether it may be there without being one of ours.
        event: what is done to a cable; one point, when it happens.
        cable: to which cable.
        distance_m: at which cable distance.
        others_m: places (east_m, north_m) of the others that belong to it, in the same order at
            all times; None where they are not known or there are none.
    """

    at_ns: int
    actor: str
    actor_class: ActorClass | Literal["cable_event"]
    object_class: ObjectClass
    count: int
    own_force: bool
    longitude_deg: float
    latitude_deg: float
    east_m: float
    north_m: float
    chainage_m: float
    offset_m: float
    near: tuple[str, ...]
    behaviour: Behaviour | None = None
    lawful: bool = False
    event: CableEventKind | None = None
    cable: str | None = None
    distance_m: float | None = None
    others_m: tuple[tuple[float, float], ...] | None = None


_NAMES = {"at_ns": "at", "actor_class": "class"}
KEYS = {_NAMES.get(one.name, one.name): one.name for one in dataclasses.fields(TruthPoint)}
"""Keys of a line of truth, and the fields that they are."""
_CABLE_KEYS = ("event", "cable", "distance_m")
_MAY_MISS = {"behaviour", "lawful", "others_m", *_CABLE_KEYS}
_POINT = TypeAdapter(TruthPoint)
_WANTED = "wanted one JSON object, as `straja truth` writes it"


def write_truth(points: Iterable[TruthPoint], file: TextIO) -> int:
    """Write points as JSON Lines; how many there were."""
    count = 0
    for point in points:
        row = {key: getattr(point, name) for key, name in KEYS.items()}
        row["at"] = time_to_text(point.at_ns)
        if point.event is None:
            for key in _CABLE_KEYS:
                del row[key]
        if point.others_m is None:
            del row["others_m"]
        file.write(json.dumps(row, sort_keys=True) + "\n")
        count += 1
    return count


def read_truth(file: Iterable[str]) -> Iterator[TruthPoint]:
    """Read what :func:`write_truth` wrote, or a hand wrote in its form.

    Behaviour, lawful, the others' places and the keys of cable events may be left out.

    Raises:
        SceneError: naming line and key of what cannot be read.
    """
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield _read(line, number)


def _read(line: str, number: int) -> TruthPoint:
    here = f"truth, line {number}"
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SceneError(f"{here} is {line.strip()!r:.60}: {_WANTED}") from error
    if not isinstance(row, dict):
        raise SceneError(f"{here} is {line.strip()!r:.60}: {_WANTED}")
    unknown = sorted(row.keys() - KEYS)
    if unknown:
        raise SceneError(f"{here}: {unknown[0]} is not known: wanted a key of {', '.join(KEYS)}")
    missing = [key for key in KEYS if key not in row and key not in _MAY_MISS]
    if missing:
        raise SceneError(f"{here}: {missing[0]} is missing: wanted it")
    try:
        row["at"] = time_from_wire(row["at"])
    except ValueError as error:
        raise SceneError(f"{here}: at is {row['at']!r:.60}: wanted {error}") from error
    try:
        point = _POINT.validate_python({KEYS[key]: value for key, value in row.items()})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = _NAMES.get(str(fault["loc"][0]), str(fault["loc"][0]))
        wanted = fault["msg"].removeprefix("Input should be ")
        raise SceneError(f"{here}: {key} is {fault['input']!r:.60}: wanted {wanted}") from error
    if (point.event is None) == (point.actor_class == CABLE_EVENT):
        raise SceneError(
            f"{here}: class is {point.actor_class!r} and event {point.event!r}: wanted an event "
            f"(cut, bend, disconnect) with class {CABLE_EVENT!r}, and with no other"
        )
    if len(point.others_m or ()) >= max(point.count, 1):
        raise SceneError(
            f"{here}: others_m has {len(point.others_m or ())} places and count is {point.count}: "
            "wanted one at most for each that belongs to it but the first"
        )
    return point
