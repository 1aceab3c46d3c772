"""Times that an alert was put before an operator: when it was first raised, and each recurrence."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensors.messages import Mark, ObjectClass
from services.events import Alert, Severity

_HARMLESS = frozenset({ObjectClass.ANIMAL, ObjectClass.TRAIN, ObjectClass.WEATHER})


@dataclass(frozen=True, eq=False)
class Raised:
    """One time that an alert was put before an operator, up to the next.

    Attributes:
        alert: its id.
        number: 0 when first raised, 1 for its first recurrence, and so on.
        at_ns: when it was raised, in event time.
        chainage_m: where, as the operator reads it.
        offset_m: likewise.
        place_ns: times of the places of its revisions, shape (revision,); the first is where it
            was raised.
        east_m: plane metres, likewise.
        north_m: likewise.
        covariance_m2: over (east, north), shape (revision, 2, 2).
        classes: what each revision said it was.
        severities: how serious each revision was.
    """

    alert: str
    number: int
    mark: Mark
    at_ns: int
    chainage_m: float
    offset_m: float
    place_ns: npt.NDArray[np.int64]
    east_m: npt.NDArray[np.float64]
    north_m: npt.NDArray[np.float64]
    covariance_m2: npt.NDArray[np.float64]
    classes: tuple[ObjectClass, ...]
    severities: tuple[Severity, ...]

    @property
    def name(self) -> str:
        """Id, and which time it was."""
        return f"{self.alert}#{self.number + 1}"

    @property
    def is_actionable(self) -> bool:
        """Whether an operator would act on it.

        One who acts on no more than he must leaves alone what says animal, train or weather at the
        lowest priority; a single revision that says anything else, or is more serious, sends
        somebody out.
        """
        shown = zip(self.classes, self.severities, strict=True)
        return any(name not in _HARMLESS or grade is not Severity.LOW for name, grade in shown)

    def says_only(self, object_class: ObjectClass) -> bool:
        """Whether it said this class and the lowest priority, all the time that it was shown."""
        return set(self.classes) == {object_class} and set(self.severities) == {Severity.LOW}


def raised_of(alerts: Iterable[Alert]) -> list[Raised]:
    """Cut alerts' revisions into the times that they were raised, in order of time and id."""
    by_name: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_name.setdefault(alert.id, []).append(alert)
    found = []
    for revisions in by_name.values():
        parts: list[list[Alert]] = []
        for revision in sorted(revisions, key=lambda one: one.revision):
            if revision.change.what == "raised" or not parts:
                parts.append([])
            parts[-1].append(revision)
        found += [_raised(part, number) for number, part in enumerate(parts)]
    return sorted(found, key=lambda one: (one.at_ns, one.alert, one.number))


def _raised(revisions: list[Alert], number: int) -> Raised:
    first = revisions[0]
    # An incident that has ended tells its end's time and no new place.
    told = [first, *(one for one in revisions[1:] if not one.incident.ended)]
    incidents = [one.incident for one in told]
    return Raised(
        alert=first.id,
        number=number,
        mark=first.mark,
        at_ns=first.at_ns,
        chainage_m=first.incident.chainage_m,
        offset_m=first.incident.offset_m,
        place_ns=np.array([one.at_ns for one in incidents], dtype=np.int64),
        east_m=np.array([one.east_m for one in incidents], dtype=np.float64),
        north_m=np.array([one.north_m for one in incidents], dtype=np.float64),
        covariance_m2=np.array(
            [
                [
                    [one.covariance.ee, one.covariance.en],
                    [one.covariance.en, one.covariance.nn],
                ]
                for one in incidents
            ],
            dtype=np.float64,
        ),
        classes=tuple(one.object_class for one in incidents),
        severities=tuple(one.severity for one in told),
    )
