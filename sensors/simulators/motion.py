"""Who is where: the actors of a scene as paths in the plane.

Every position is a function of time alone, and every draw a function of (seed, name), so that
any stretch of a scene can be made without what came before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sensors.scenes import ActorClass, Behaviour

FloatArray = NDArray[np.float64]


def seeded(seed: int, *names: str | int) -> np.random.Generator:
    """Make a generator whose draws depend on the seed and the names only."""
    text = ":".join(map(str, (seed, *names))).encode()
    return np.random.Generator(
        np.random.PCG64(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little"))
    )


@dataclass(frozen=True)
class Path:
    """Straight stretches between places at times.

    Attributes:
        t_s: times from the scene's start, rising, shape (point,).
        east_m: plane metres, shape (point,).
        north_m: plane metres, shape (point,).
        endless: there and back again for ever, from ``t_s[0]`` on; else it ends.
    """

    t_s: FloatArray
    east_m: FloatArray
    north_m: FloatArray
    endless: bool = False

    @property
    def begins_s(self) -> float:
        """First moment."""
        return float(self.t_s[0])

    @property
    def ends_s(self) -> float:
        """Last moment."""
        return float("inf") if self.endless else float(self.t_s[-1])

    def at(self, t_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Positions (east_m, north_m) at times of any shape; held still beyond the ends."""
        t = np.asarray(t_s, dtype=np.float64)
        if self.endless:
            span = self.t_s[-1] - self.t_s[0]
            phase = np.mod(t - self.t_s[0], 2.0 * span)
            t = self.t_s[0] + np.where(phase > span, 2.0 * span - phase, phase)
        return (
            np.asarray(np.interp(t, self.t_s, self.east_m)),
            np.asarray(np.interp(t, self.t_s, self.north_m)),
        )

    def velocity(self, t_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Velocities (east, north) in m/s, over the 0.2 s about each time; 0 before and after."""
        t = np.asarray(t_s, dtype=np.float64)
        before = np.maximum(t - 0.1, self.begins_s)
        after = np.minimum(t + 0.1, self.ends_s)
        east, north = self.at(before)
        later_east, later_north = self.at(after)
        span = np.where(after > before, after - before, np.inf)
        return np.asarray((later_east - east) / span), np.asarray((later_north - north) / span)


class Blow(IntEnum):
    """Kinds of blows on the ground."""

    HEEL = 0
    TOE = 1
    HOOF = 2
    TOOL = 3
    SOFT = 4
    SPLASH = 5


@dataclass(frozen=True)
class Impacts:
    """Blows on the ground, in order of time; all of shape (impact,).

    Attributes:
        t_s: from the scene's start.
        east_m: plane metres.
        north_m: plane metres.
        strength: 1 is the heel of a walking adult of 75 kg.
        kind: of :class:`Blow`.
    """

    t_s: FloatArray
    east_m: FloatArray
    north_m: FloatArray
    strength: FloatArray
    kind: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Body:
    """One member of an actor; two are the same only when they are one object.

    Attributes:
        actor: the actor's id; members of a group share it.
        name: the member's own name.
        aside_m: how far to the right of the path and behind it this member goes, metres.
        wagons: of a locomotive, how many it draws; None leaves it to chance.
        drawn: a wagon that a locomotive of the scene draws, and whose weight and noise are its.
    """

    actor: str
    name: str
    actor_class: ActorClass
    behaviour: Behaviour
    path: Path
    seed: int
    own_force: bool = False
    aside_m: tuple[float, float] = (0.0, 0.0)
    wagons: int | None = None
    drawn: bool = False

    def at(self, t_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Positions (east_m, north_m) at times of any shape."""
        east, north = self.path.at(t_s)
        return east + self.aside_m[0], north + self.aside_m[1]

    def is_there(self, t_s: float) -> bool:
        """Say whether the member is in the scene at a time."""
        return self.path.begins_s <= t_s <= self.path.ends_s

    def behind(self, t_s: float, metres: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where points are at one time that follow on the path at distances, as a train's axles.

        Those that have not yet come onto the path stand on its first stretch, drawn out backwards.
        """
        run = self._run_m
        at_m = float(np.interp(t_s, self.path.t_s, run)) - np.asarray(metres, dtype=np.float64)
        before = np.minimum(at_m, 0.0)
        east = np.interp(at_m, run, self.path.east_m) + before * self._first_way[0]
        north = np.interp(at_m, run, self.path.north_m) + before * self._first_way[1]
        return np.asarray(east + self.aside_m[0]), np.asarray(north + self.aside_m[1])

    @cached_property
    def _run_m(self) -> FloatArray:
        """Length of the path up to each of its points."""
        steps = np.hypot(np.diff(self.path.east_m), np.diff(self.path.north_m))
        return np.concatenate(([0.0], np.cumsum(steps)))

    @cached_property
    def _first_way(self) -> FloatArray:
        """Unit direction in which the path begins."""
        steps = np.column_stack((np.diff(self.path.east_m), np.diff(self.path.north_m)))
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        moving = np.flatnonzero(lengths > 0.0)
        return steps[moving[0]] / lengths[moving[0]] if moving.size else np.zeros(2)

    @cached_property
    def speed_mps(self) -> float:
        """Mean speed along the path; for a path without end, there and back."""
        span = float(self.path.t_s[-1] - self.path.t_s[0])
        return float(self._run_m[-1]) / span if span > 0.0 else 0.0


def members(
    actor: str,
    count: int,
    actor_class: ActorClass,
    behaviour: Behaviour,
    path: Path,
    seed: int,
    *,
    own_force: bool = False,
) -> Sequence[Body]:
    """Make the members of an actor: the first on the path, the others a few metres beside it."""
    draw = seeded(seed, "members", actor)
    spread = 1.5 if actor_class is ActorClass.PERSON else 6.0  # metres between members (assumed)
    return [
        Body(
            actor,
            f"{actor}/{index}",
            actor_class,
            behaviour,
            path,
            seed,
            own_force,
            (float(draw.normal(0.0, spread)), float(draw.normal(0.0, spread)))
            if index
            else (0.0, 0.0),
        )
        for index in range(count)
    ]
