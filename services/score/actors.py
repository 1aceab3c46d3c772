"""Actors, put together from truth points: where each was when, and when within reach."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from geo.errors import SceneError
from sensors.messages import ObjectClass
from sensors.scenes import ActorClass
from sensors.truth import TruthPoint
from services.events import Detection

NS = 1_000_000_000

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Role(StrEnum):
    """What an actor is to the score.

    A crossing is an actor, not of our own, that comes within reach of any sensor; animals and
    trains are none, nor is who may be there by the truth's own word.
    """

    CROSSING = "crossing"
    LAWFUL = "lawful"
    NUISANCE = "nuisance"
    OWN_FORCE = "own_force"
    OUT_OF_REACH = "out_of_reach"


_NUISANCES = frozenset({"animal", "train"})
_KINDS = {"dig": "digging", "crawl": "crawling", "saw": "sawing"}
"""Behaviours that make a crossing of a kind of its own."""


@dataclass(frozen=True, eq=False)
class Actor:
    """An actor of the truth, or one of ours as its own reports say.

    Attributes:
        kind: kind of crossing: its class, or digging, crawling, sawing, cable_event.
        object_class: what an alert should say; a group where several persons belong to it.
        at_ns: times of its points, ascending, shape (point,).
        east_m: plane metres of each member, the first one leads, shape (point, member).
        north_m: likewise.
        near: sensors in whose reach any member was, for each point.
        lawful: it may be there without being one of ours.
        known_ns: for so long before and after a point its place is known; None throughout.
        head_only: it is a train, and where its wagons are is not known.
    """

    id: str
    kind: str
    object_class: ObjectClass
    count: int
    own_force: bool
    at_ns: IntArray
    east_m: FloatArray
    north_m: FloatArray
    near: tuple[tuple[str, ...], ...]
    lawful: bool = False
    known_ns: int | None = None
    head_only: bool = False

    @cached_property
    def within(self) -> BoolArray:
        """For each point, whether it was within reach of any sensor."""
        return np.array([bool(names) for names in self.near], dtype=np.bool_)

    @property
    def role(self) -> Role:
        """What it is to the score."""
        if self.own_force:
            return Role.OWN_FORCE
        if self.kind in _NUISANCES:
            return Role.NUISANCE
        if self.lawful:
            return Role.LAWFUL
        return Role.CROSSING if self.within.any() else Role.OUT_OF_REACH

    @cached_property
    def enter_ns(self) -> int:
        """When it first comes within reach; its first point where it never does."""
        return int(self.at_ns[int(np.argmax(self.within))])

    @cached_property
    def exit_ns(self) -> int:
        """When it is last within reach; its last point where it never is."""
        last = len(self.within) - 1 - int(np.argmax(self.within[::-1]))
        return int(self.at_ns[last])

    def places(self, at_ns: npt.ArrayLike) -> FloatArray:
        """Places of all members, shape (*times, member, 2): metres over (east, north).

        Straight between points, still beyond them; times of any shape.
        """
        # Seconds since the first point: nanoseconds since the epoch are too long for a float.
        at_s = (np.asarray(at_ns, dtype=np.int64) - self.at_ns[0]) / NS
        knots_s = (self.at_ns - self.at_ns[0]) / NS
        members = [
            np.stack([np.interp(at_s, knots_s, east), np.interp(at_s, knots_s, north)], axis=-1)
            for east, north in zip(self.east_m.T, self.north_m.T, strict=True)
        ]
        return np.stack(members, axis=-2)

    def is_within(self, at_ns: npt.ArrayLike) -> BoolArray:
        """Whether it is there and within reach, as its last point up to each time says."""
        at = np.asarray(at_ns, dtype=np.int64)
        index = np.searchsorted(self.at_ns, at, side="right") - 1
        there = (index >= 0) & (at <= self.at_ns[-1])
        return np.asarray(there & self.within[np.maximum(index, 0)])

    def is_known(self, at_ns: npt.ArrayLike) -> BoolArray:
        """Whether a point is near enough in time to say where it is."""
        at = np.asarray(at_ns, dtype=np.int64)
        if self.known_ns is None:
            return np.ones(at.shape, dtype=np.bool_)
        after = np.searchsorted(self.at_ns, at).clip(0, len(self.at_ns) - 1)
        before = np.maximum(after - 1, 0)
        apart = np.minimum(np.abs(self.at_ns[after] - at), np.abs(self.at_ns[before] - at))
        return np.asarray(apart <= self.known_ns)


def actors_of(points: Iterable[TruthPoint]) -> list[Actor]:
    """Put points together into actors, in order of their first point and name.

    Raises:
        SceneError: an actor that is at two places at one time, or changes what it is or how many.
    """
    by_name: dict[str, list[TruthPoint]] = {}
    for point in points:
        by_name.setdefault(point.actor, []).append(point)
    actors = [_actor(name, found) for name, found in by_name.items()]
    return sorted(actors, key=lambda actor: (int(actor.at_ns[0]), actor.id))


def _actor(name: str, points: Sequence[TruthPoint]) -> Actor:
    points = sorted(points, key=lambda point: point.at_ns)
    for earlier, later in pairwise(points):
        if earlier.at_ns == later.at_ns:
            raise SceneError(
                f"truth: actor {name!r} stands twice at {later.at_ns} ns: wanted one place at a "
                "time; give the other another name"
            )
        if (earlier.actor_class, earlier.own_force) != (later.actor_class, later.own_force):
            raise SceneError(
                f"truth: actor {name!r} is {earlier.actor_class} and later {later.actor_class}, or "
                "ours and later not: wanted one actor for each name"
            )
        if len(earlier.others_m or ()) != len(later.others_m or ()):
            raise SceneError(
                f"truth: actor {name!r} has {len(earlier.others_m or ())} places in others_m and "
                f"later {len(later.others_m or ())}: wanted as many in all its lines, in one order"
            )
    first, telling = points[0], _telling(points)
    count = max(point.count for point in points)
    places = np.array(
        [((point.east_m, point.north_m), *(point.others_m or ())) for point in points],
        dtype=np.float64,
    )
    several = count > 1 and telling.object_class is ObjectClass.PERSON
    return Actor(
        id=name,
        kind=_KINDS.get(str(telling.behaviour), str(telling.actor_class)),
        object_class=ObjectClass.GROUP if several else telling.object_class,
        count=count,
        own_force=first.own_force,
        at_ns=np.array([point.at_ns for point in points], dtype=np.int64),
        east_m=places[..., 0],
        north_m=places[..., 1],
        near=tuple(point.near for point in points),
        lawful=all(point.lawful for point in points),
        head_only=first.actor_class is ActorClass.TRAIN and first.others_m is None,
    )


def _telling(points: Sequence[TruthPoint]) -> TruthPoint:
    """The point that says what an actor is: the first where it does something of its own kind."""
    return next((point for point in points if str(point.behaviour) in _KINDS), points[0])


def own_units(detections: Iterable[Detection], known_s: float) -> list[Actor]:
    """Where our own units were, as their own reports say, in order of their names.

    Args:
        detections: those that name an own force count.
        known_s: how long a report says where its unit is.
    """
    by_name: dict[str, dict[int, Detection]] = {}
    for one in detections:
        if one.own_force is not None:
            by_name.setdefault(one.own_force, {})[one.at_ns] = one
    units = []
    for name, reports in sorted(by_name.items()):
        found = [reports[at_ns] for at_ns in sorted(reports)]
        units.append(
            Actor(
                id=name,
                kind="own_force",
                object_class=ObjectClass.UNKNOWN,
                count=1,
                own_force=True,
                at_ns=np.array([one.at_ns for one in found], dtype=np.int64),
                east_m=np.array([[one.east_m] for one in found], dtype=np.float64),
                north_m=np.array([[one.north_m] for one in found], dtype=np.float64),
                near=((),) * len(found),
                known_ns=round(known_s * NS),
            )
        )
    return units
