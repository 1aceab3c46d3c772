"""What truly happened: where every actor was, and which sensors were near; as JSON Lines.

:mod:`sensors.simulators.course` gives the truth of a scene; that of a recording is written by
hand in the same form.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TextIO

from geo.errors import SceneError
from sensors.messages import ObjectClass, time_from_wire, time_to_text
from sensors.scenes import ActorClass


@dataclass(frozen=True, slots=True)
class TruthPoint:
    """Where an actor was at one moment.

    Attributes:
        at_ns: UTC.
        actor: its id; one of many crossings has its number behind.
        count: how many belong to it; the place is that of the first one.
        near: names of sensors in whose reach it was, in the site's order.
    """

    at_ns: int
    actor: str
    actor_class: ActorClass
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


def write_truth(points: Iterable[TruthPoint], file: TextIO) -> int:
    """Write points as JSON Lines; how many there were."""
    count = 0
    for point in points:
        row = asdict(point)
        row["at"] = time_to_text(row.pop("at_ns"))
        row["class"] = row.pop("actor_class")
        file.write(json.dumps(row, sort_keys=True) + "\n")
        count += 1
    return count


def read_truth(file: Iterable[str]) -> Iterator[TruthPoint]:
    """Read what :func:`write_truth` wrote, or a hand wrote in its form.

    Raises:
        SceneError: naming line and key of what cannot be read.
    """
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield _read(line, number)


def _read(line: str, number: int) -> TruthPoint:
    try:
        row = json.loads(line)
        row["at_ns"] = time_from_wire(row.pop("at"))
        row["actor_class"] = ActorClass(row.pop("class"))
        row["object_class"] = ObjectClass(row["object_class"])
        row["near"] = tuple(row["near"])
        return TruthPoint(**row)
    except KeyError as error:
        raise SceneError(f"truth, line {number}: {error.args[0]} is missing: wanted it") from error
    except (TypeError, ValueError) as error:
        raise SceneError(f"truth, line {number}: wanted a truth point ({error})") from error
