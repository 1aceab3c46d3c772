"""Who is where: the actors of a scene as paths in the plane, and what their feet do.

Every position is a function of time alone, and every draw a function of (seed, name), so that
any stretch of a scene can be made without what came before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Impacts:
    """Blows on the ground, in order of time; all of shape (impact,).

    Attributes:
        t_s: from the scene's start.
        east_m: plane metres.
        north_m: plane metres.
        strength: 1 is the heel of a walking adult.
        kind: 0 sharp (heel, hoof, tool), 1 dull (toe).
    """

    t_s: FloatArray
    east_m: FloatArray
    north_m: FloatArray
    strength: FloatArray
    kind: NDArray[np.int64]


@dataclass(frozen=True)
class Body:
    """One member of an actor.

    Attributes:
        actor: the actor's id; members of a group share it.
        name: the member's own name.
        aside_m: how far to the right of the path and behind it this member goes, metres.
    """

    actor: str
    name: str
    actor_class: ActorClass
    behaviour: Behaviour
    path: Path
    seed: int
    own_force: bool = False
    aside_m: tuple[float, float] = (0.0, 0.0)

    def at(self, t_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Positions (east_m, north_m) at times of any shape."""
        east, north = self.path.at(t_s)
        return east + self.aside_m[0], north + self.aside_m[1]

    def is_there(self, t_s: float) -> bool:
        """Say whether the member is in the scene at a time."""
        return self.path.begins_s <= t_s <= self.path.ends_s

    @cached_property
    def impacts(self) -> Impacts | None:
        """Every blow on the ground this member makes, or None where it makes none."""
        if self.path.endless or self.actor_class not in {ActorClass.PERSON, ActorClass.ANIMAL}:
            return None
        if self.behaviour is Behaviour.DIG:
            return _dig(self)
        return None if self.behaviour is Behaviour.STAND else _steps(self)


def _steps(body: Body) -> Impacts:
    """Heel and toe of each step.

    Step rate 1.4-2.4 a second walking (interval 0.5-0.69 s is usual: JASA 129, 1306, 2011), 2.5-3
    running (assumed); an interval scatters by 4 % (gait studies find 2-6 %; assumed for rough
    ground). An animal sets four feet at irregular moments, each a third as hard (deer or boar of
    about 60 kg; assumed).
    """
    draw = seeded(body.seed, "steps", body.name)
    running = body.behaviour is Behaviour.RUN
    animal = body.actor_class is ActorClass.ANIMAL
    rate = draw.uniform(2.5, 3.0) if running else float(np.clip(draw.normal(1.85, 0.2), 1.4, 2.4))
    scatter = 0.04
    strength = float(np.clip(draw.normal(1.0, 0.2), 0.6, 1.5))  # body weight 45-110 kg
    if running:
        strength *= 2.2  # ground reaction 2.2-2.8 of body weight against 1.1 walking (assumed)
    if animal:
        rate, scatter, strength = rate * 2.0, 0.25, strength * 0.33
    count = int((body.path.ends_s - body.path.begins_s) * rate * 1.3) + 4
    intervals = np.maximum(draw.normal(1.0, scatter, count), 0.3) / rate
    heel = body.path.begins_s + draw.uniform(0.0, 1.0 / rate) + np.cumsum(intervals) - intervals[0]
    heel = heel[heel < body.path.ends_s]
    each = strength * np.exp(draw.normal(0.0, 0.2, heel.size))  # how firm the ground is underfoot
    # Toe-off follows the heel by about 60 % of a step while walking, softer by half (assumed).
    toe = heel + 0.6 / rate
    t_s = np.concatenate((heel, toe))
    order = np.argsort(t_s, kind="stable")
    east, north = body.at(t_s)
    # Feet land up to 0.15 m left and right of the path (assumed).
    sway = draw.normal(0.0, 0.1, (2, t_s.size))
    kind = np.concatenate((np.zeros(heel.size), np.ones(heel.size))).astype(np.int64)
    return Impacts(
        t_s[order],
        (east + sway[0])[order],
        (north + sway[1])[order],
        np.concatenate((each, 0.5 * each))[order],
        kind[order],
    )


def _dig(body: Body) -> Impacts:
    """Blows of pick or spade: one each 1-2 s for half a minute, then a rest (assumed).

    A blow carries about three times a heel's momentum (assumed).
    """
    draw = seeded(body.seed, "dig", body.name)
    times: list[float] = []
    t = body.path.begins_s
    while t < body.path.ends_s:
        pause = t + draw.uniform(20.0, 40.0)
        while t < min(pause, body.path.ends_s):
            times.append(t)
            t += draw.uniform(1.0, 2.0)
        t += draw.uniform(4.0, 12.0)
    t_s = np.array(times)
    east, north = body.at(t_s)
    sway = draw.normal(0.0, 0.2, (2, t_s.size))
    strength = 3.0 * np.exp(draw.normal(0.0, 0.3, t_s.size))
    return Impacts(
        t_s, east + sway[0], north + sway[1], strength, np.zeros(t_s.size, dtype=np.int64)
    )


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
