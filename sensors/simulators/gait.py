"""What feet, hands and tools do to the ground: blows as a function of time alone.

A rhythm numbers its beats from the body's first moment; beat ``n`` falls at ``(n + wander(n) +
jitter(n)) / rate``. Wander is a sum of slow sines and jitter is drawn by the number, so any stretch
can be made without what came before it, and the cadence is as irregular as a real one: it drifts
over tens of seconds and each interval scatters about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.motion import Blow, Body, FloatArray, Impacts, seeded

CHUNK_S = 30.0
"""Blows are made and kept for so long at once, some forty steps."""

LATEST_S = 2.0
"""A beat's last blow falls within this long after it; a spade's earth, after 0.9 s, is last."""

ADULT_KG = 75.0
"""Body weight whose heel has strength 1."""

_DRAWN = 64  # beats that share a generator
_COLUMNS = 6  # normal draws a beat

_STUMBLE = 2.13
"""A beat whose draw is above this is a stumble: one in sixty, a quarter of a step late and
1.6 times as hard (assumed)."""

# Roe deer, boar, red deer, fallow deer or sheep, dog: kilograms and their share (both assumed).
_SPECIES = ((22.0, 0.35), (80.0, 0.25), (130.0, 0.15), (60.0, 0.15), (18.0, 0.10))


@dataclass(frozen=True)
class _Gait:
    """A rhythm and the blows of each beat.

    Attributes:
        rate_hz: beats a second.
        jitter: standard deviation of a beat's moment, in beats.
        blows: of each beat: kind, strength, how much later in seconds, how far aside in metres.
        work: least and most seconds of work and of rest; without pauses when None.
    """

    rate_hz: float
    jitter: float
    blows: tuple[tuple[Blow, float, float, float], ...]
    work: tuple[float, float, float, float] | None = None


@lru_cache(maxsize=4096)
def mass_kg(body: Body) -> float:
    """Body weight: of the adults of a country 75 kg, sigma 14 (statistics); animals by species.

    A herd is of one species; its members differ by 15 %.
    """
    if body.actor_class is not ActorClass.ANIMAL:
        drawn = seeded(body.seed, "weight", body.name).normal(ADULT_KG, 14.0)
        return float(np.clip(drawn, 45.0, 120.0))
    shares = np.array([share for _, share in _SPECIES])
    kind = int(seeded(body.seed, "species", body.actor).choice(len(_SPECIES), p=shares))
    return float(_SPECIES[kind][0] * seeded(body.seed, "weight", body.name).uniform(0.85, 1.15))


@lru_cache(maxsize=4096)
def _gait(body: Body) -> _Gait | None:
    """How a body beats the ground; None where it does not."""
    if body.actor_class is ActorClass.ANIMAL:
        return _animal(body)
    if body.actor_class is not ActorClass.PERSON:
        return None
    draw = seeded(body.seed, "gait", body.name)
    hard = mass_kg(body) / ADULT_KG
    match body.behaviour:
        case Behaviour.WALK:
            # Walk ratio: step length / step rate is 0.0065 m min for adults at any pace (gait
            # studies), so rate = sqrt(speed / 0.39 m s). 1.4-2.4 a second; an interval of
            # 0.5-0.69 s is usual (JASA 129, 1306, 2011). An interval scatters by 2-6 %. Toe-off
            # follows the heel by 60 % of a step (gait studies), softer by half (assumed).
            usual = np.sqrt(max(body.speed_mps, 0.1) / 0.39) * draw.normal(1.0, 0.05)
            rate = float(np.clip(usual, 1.4, 2.4))
            return _Gait(
                rate, 0.025, ((Blow.HEEL, hard, 0.0, 0.0), (Blow.TOE, 0.5 * hard, 0.6 / rate, 0.0))
            )
        case Behaviour.RUN:
            # 2.5-3.1 steps a second; ground reaction 2.2-2.8 of body weight against 1.1 walking
            # (gait studies); the toe 0.12 s later, softer by 0.4 (assumed).
            rate = float(draw.uniform(2.5, 3.1))
            return _Gait(
                rate,
                0.025,
                ((Blow.HEEL, 2.2 * hard, 0.0, 0.0), (Blow.TOE, 0.9 * hard, 0.12, 0.0)),
            )
        case Behaviour.CRAWL:
            # Hands and knees: four soft contacts a cycle of 1.3-2 s, each an eighth of a step
            # (assumed; crawlers are known to be the hardest to hear).
            return _Gait(float(draw.uniform(2.0, 3.1)), 0.15, ((Blow.SOFT, 0.12 * hard, 0.0, 0.3),))
        case Behaviour.WADE:
            # Slow steps whose fall the water brakes, with a splash that stays mostly in the water
            # (assumed).
            rate = float(draw.uniform(0.8, 1.3))
            return _Gait(
                rate,
                0.08,
                (
                    (Blow.SOFT, 0.35 * hard, 0.0, 0.0),
                    (Blow.SPLASH, 0.06 * hard, 0.25 / rate, 0.3),
                ),
            )
        case Behaviour.DIG:
            # A stab of the spade each 1.6-2.6 s, with twice a heel's momentum, and earth that
            # falls a second later a step aside; half a minute of work, then a rest (assumed).
            return _Gait(
                float(draw.uniform(0.38, 0.62)),
                0.12,
                ((Blow.TOOL, 2.0, 0.0, 0.2), (Blow.SOFT, 0.5, 0.9, 1.2)),
                (20.0, 40.0, 4.0, 12.0),
            )
        case Behaviour.TAP:
            # A tap test: a sledgehammer of 5 kg on a plate each 1.8-2.2 s. At 7 m/s, and with a
            # rebound of a third, it has four times the momentum of a spade's stab (assumed).
            return _Gait(float(draw.uniform(0.45, 0.55)), 0.04, ((Blow.TOOL, 8.0, 0.0, 0.1),))
        case Behaviour.STAND:
            # Shifts the weight each 5-12 s (assumed).
            return _Gait(float(draw.uniform(0.08, 0.2)), 0.3, ((Blow.SOFT, 0.15 * hard, 0.0, 0.2),))
        case _:
            return None


def _animal(body: Body) -> _Gait:
    """Four feet at irregular moments; a third of the body's weight on each (assumed).

    A slow animal stops to feed; a running one gallops, four feet within the first 40 % of a
    stride (assumed).
    """
    draw = seeded(body.seed, "gait", body.name)
    hard = 0.33 * mass_kg(body) / ADULT_KG
    if body.behaviour is Behaviour.RUN:
        rate = float(draw.uniform(2.0, 2.6))
        feet = tuple((Blow.HOOF, 2.2 * hard, share / rate, 0.1) for share in (0.0, 0.1, 0.25, 0.4))
        return _Gait(rate, 0.08, feet)
    if body.behaviour is Behaviour.STAND:
        return _Gait(float(draw.uniform(0.1, 0.5)), 0.35, ((Blow.HOOF, 0.7 * hard, 0.0, 0.3),))
    grazes = body.speed_mps < 0.8
    return _Gait(
        float(draw.uniform(3.0, 4.4)),
        0.25,
        ((Blow.HOOF, hard, 0.0, 0.1),),
        (3.0, 15.0, 1.0, 8.0) if grazes else None,
    )


def beats_the_ground(body: Body) -> bool:
    """Say whether a body makes blows at any time."""
    return _gait(body) is not None


@lru_cache(maxsize=4096)
def blows(body: Body, chunk: int) -> Impacts | None:
    """Every blow a body makes in a chunk of :data:`CHUNK_S`, counted from the scene's start.

    None where it makes none at any time.
    """
    gait = _gait(body)
    if gait is None:
        return None
    from_s = max(chunk * CHUNK_S, body.path.begins_s)
    to_s = min((chunk + 1) * CHUNK_S, body.path.ends_s)
    number, at_s = _beats(body, gait, from_s, to_s)
    drawn = _normals(body, number)
    # How firm the ground is underfoot: each blow differs by 20 % (assumed).
    firm = np.exp(0.2 * drawn[:, 1]) * np.where(drawn[:, 2] > _STUMBLE, 1.6, 1.0)
    parts = []
    for index, (kind, strength, later_s, aside_m) in enumerate(gait.blows):
        east, north = body.at(at_s + later_s)
        sway = drawn[:, 3:5] * max(aside_m, 0.1)  # feet land up to 0.2 m beside the path (assumed)
        parts.append(
            (
                at_s + later_s,
                east + sway[:, 0],
                north + sway[:, 1],
                strength * firm * (1.0 if index == 0 else np.exp(0.2 * drawn[:, 5])),
                np.full(at_s.size, int(kind)),
            )
        )
    t_s, east_m, north_m, hard, kinds = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    order = np.argsort(t_s, kind="stable")
    return Impacts(t_s[order], east_m[order], north_m[order], hard[order], kinds[order])


def strokes(body: Body, t_s: FloatArray) -> NDArray[np.float32]:
    """How hard a saw is pressed at times: 0 to 1, shape of ``t_s``.

    Strokes of 1.2-1.8 a second, a half-sine each on the pushing half; 15-40 s of work, then a
    rest (assumed).
    """
    draw = seeded(body.seed, "saw", body.name)
    rate = float(draw.uniform(1.2, 1.8))
    # The rhythm drifts by a few per cent over ten to twenty seconds.
    wander = 0.3 * np.sin(2.0 * np.pi * t_s / draw.uniform(10.0, 20.0) + draw.uniform(0.0, 6.28))
    push = np.maximum(np.sin(2.0 * np.pi * (rate * t_s + wander)), 0.0)
    low, high = float(t_s[0]), float(t_s[-1])
    at_work = np.zeros(t_s.shape)
    for begin, end in _work(body, (15.0, 40.0, 5.0, 15.0), low, high):
        at_work[(t_s >= begin) & (t_s < end)] = 1.0
    return (push * at_work).astype(np.float32)


def _beats(
    body: Body, gait: _Gait, from_s: float, to_s: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """Numbers and moments of the beats of a span."""
    begins = body.path.begins_s
    first = max(int((from_s - begins) * gait.rate_hz) - 4, 0)
    last = max(int((to_s - begins) * gait.rate_hz) + 4, first)
    number = np.arange(first, last + 1)
    draw = seeded(body.seed, "wander", body.name)
    at = number + draw.uniform(0.0, 1.0) + gait.jitter * _normals(body, number)[:, 0]
    stumbles = _normals(body, number)[:, 2] > _STUMBLE
    at = at + 0.25 * stumbles
    for beats in (13.0, 37.0, 89.0):
        # Each sine changes the cadence by up to 2 % (stride intervals drift so: gait studies).
        at = at + 0.02 * beats / 6.28 * np.sin(6.28 * number / beats + draw.uniform(0.0, 6.28))
    at_s = begins + at / gait.rate_hz
    inside = (at_s >= from_s) & (at_s < to_s)
    if gait.work is not None:
        busy = np.zeros(at_s.size, dtype=bool)
        for begin, end in _work(body, gait.work, from_s, to_s):
            busy |= (at_s >= begin) & (at_s < end)
        inside &= busy
    return number[inside], at_s[inside]


def _normals(body: Body, number: NDArray[np.int64]) -> FloatArray:
    """Normal draws by the beat's number: shape (beat, 6)."""
    if not number.size:
        return np.empty((0, _COLUMNS))
    first, last = int(number[0]) // _DRAWN, int(number[-1]) // _DRAWN
    drawn = np.concatenate(
        [
            seeded(body.seed, "beats", body.name, group).normal(size=(_DRAWN, _COLUMNS))
            for group in range(first, last + 1)
        ]
    )
    return drawn[number - first * _DRAWN]


_SHIFT_S = 600.0
"""Work is drawn anew each ten minutes; after the first, three in ten end with a long rest of
60-150 s (assumed)."""


def _work(
    body: Body, lasts: tuple[float, float, float, float], from_s: float, to_s: float
) -> Iterator[tuple[float, float]]:
    """Stretches of work about a span; drawn anew each ten minutes, which may end in a long rest."""
    begins = body.path.begins_s
    for shift in range(
        max(int((from_s - begins) // _SHIFT_S), 0), int((to_s - begins) // _SHIFT_S) + 1
    ):
        draw = seeded(body.seed, "work", body.name, shift)
        least, most, shortest, longest = lasts
        spans = draw.uniform((least, shortest), (most, longest), size=(64, 2)).ravel()
        edges = np.concatenate(([0.0], np.cumsum(spans)))
        stop = _SHIFT_S - (draw.uniform(60.0, 150.0) if shift and draw.uniform() < 0.3 else 0.0)
        for index, (begin, end) in enumerate(pairwise(edges)):
            if index % 2 == 0 and begin < stop:
                yield begins + shift * _SHIFT_S + begin, begins + shift * _SHIFT_S + min(end, stop)
