"""How what moves looks to a thermal camera: sizes, posture with moving limbs, temperatures.

A figure is a list of strokes in the picture's plane, metres, right of and above its foot, each a
line with a radius and a temperature above the air's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sensors.scenes import ActorClass, Behaviour, Weather
from sensors.simulators.air import FOG_M
from sensors.simulators.motion import Body, FloatArray, seeded


@dataclass(frozen=True)
class Size:
    """What a class measures, metres.

    Attributes:
        height_m: from the ground.
        length_m: along its motion.
        width_m: across.
        critical_m: Johnson's critical size.
    """

    height_m: float
    length_m: float
    width_m: float
    critical_m: float

    def across_m(self, turned_rad: float) -> float:
        """Width in the picture of a box turned so far from the line of sight."""
        return self.length_m * abs(math.sin(turned_rad)) + self.width_m * abs(math.cos(turned_rad))


# The vehicle's critical size is that of NATO's standard target, 2.3 x 2.3 m (STANAG 4347); the
# others are the square root of the side view's area, a person's that of 1.8 x 0.5 m, as vendors'
# range tables take it. Dimensions: an adult (Winter, Biomechanics),
# a roe deer or a small boar, a family car, a lorry of 18 t, a work boat, a locomotive or wagon
# with 18 m between couplings (all assumed).
_SIZES = {
    ActorClass.PERSON: Size(1.75, 0.75, 0.55, 0.95),
    ActorClass.ANIMAL: Size(0.9, 1.2, 0.4, 0.9),
    ActorClass.VEHICLE: Size(1.5, 4.3, 1.8, 2.3),
    ActorClass.TRUCK: Size(3.4, 9.0, 2.5, 4.7),
    ActorClass.BOAT: Size(1.5, 6.0, 2.2, 2.6),
    ActorClass.TRAIN: Size(4.0, 17.0, 2.9, 7.0),
}

# A person who crawls or kneels shows less (assumed).
_POSTURES = {
    Behaviour.CRAWL: Size(0.4, 1.8, 0.6, 0.65),
    Behaviour.SAW: Size(1.1, 0.8, 0.6, 0.85),
    Behaviour.DIG: Size(1.5, 0.9, 0.6, 0.95),
    Behaviour.WADE: Size(1.1, 0.6, 0.6, 0.8),
    Behaviour.TAP: Size(1.5, 0.9, 0.6, 0.95),
}


def size_of(body: Body) -> Size:
    """What a body measures in the posture of what it does."""
    if body.actor_class is ActorClass.PERSON:
        return _POSTURES.get(body.behaviour, _SIZES[ActorClass.PERSON])
    return _SIZES[body.actor_class]


@dataclass(frozen=True)
class Warmth:
    """Temperatures above the air's, kelvin, in one weather.

    Attributes:
        cloth: the outside of clothes.
        skin: face and hands.
        fur: of an animal; head and legs are barer.
        engine: bonnet, exhaust, housing of an engine.
        tyre: tyres and brakes that roll.
        shell: bodywork, hull, wagon walls.
        ground: fields and soil.
    """

    cloth: float
    skin: float
    fur: float
    engine: float
    tyre: float
    shell: float
    ground: float

    @classmethod
    def of(cls, weather: Weather) -> "Warmth":
        """Work the temperatures out.

        Heat flows from skin through clothes or fur into the air; the outside takes the share that
        the air's resistance has of both. Resistance of the air: 1 / (4.7 + 8.3 v^0.6) m2K/W,
        radiation and forced convection (ASHRAE Handbook, Fundamentals, chapter Thermal comfort;
        v in m/s, at least 0.3 for who moves). Clothes: 1 clo (0.155 m2K/W) at 20 C and 0.05 clo
        more for each degree colder, up to 3 (assumed). Winter fur 0.5 m2K/W, a third of it at
        head and legs (assumed). Rain wets both: half the insulation, and evaporation cools by a
        third (assumed).
        """
        air = weather.temperature_c
        wet = weather.rain_mm_h > 0.5
        wind = weather.wind_mps
        film = 1.0 / (4.7 + 8.3 * max(wind, 0.3) ** 0.6)
        insulation = 0.155 * min(max(1.0 + 0.05 * (20.0 - air), 0.3), 3.0)
        fur = 0.5
        if wet:
            insulation, fur = 0.5 * insulation, 0.5 * fur
        cooled = 0.67 if wet else 1.0
        inside = 33.0 - air  # mean skin temperature in comfort, ISO 7730
        # Face and hands follow the air: about 25 C at 10 C of air, 15 at -15 (assumed).
        skin = max(0.45 * air + 21.0 - air, 2.0)
        return cls(
            cloth=cooled * inside * film / (film + insulation),
            skin=cooled * skin,
            fur=cooled * (38.0 - air) * film / (film + fur),
            engine=cooled * 18.0,  # a warm bonnet (assumed)
            tyre=cooled * 9.0,  # tyres after some kilometres (assumed)
            shell=1.5 if not wet else 0.3,  # heated cabin behind metal and glass (assumed)
            # Fields radiate to a clear sky and wind mixes the air above them; under cloud and in
            # fog they keep to its temperature (assumed).
            ground=-0.3 if wet or weather.visibility_m < FOG_M else -3.0 / (1.0 + wind / 3.0),
        )


CLASSES = frozenset(_SIZES)
"""What stands on the ground or the water and can be drawn."""


def mean_kelvin(body: Body, warmth: Warmth) -> float:
    """Temperature of a whole body above the air's: shares of the surface (assumed)."""
    match body.actor_class:
        case ActorClass.PERSON:
            return 0.88 * warmth.cloth + 0.12 * warmth.skin
        case ActorClass.ANIMAL:
            return 1.5 * warmth.fur
        case _:
            return 0.7 * warmth.shell + 0.15 * warmth.engine + 0.15 * warmth.tyre


Strokes = FloatArray
"""Shape (stroke, 6): x0, y0, x1, y1, radius in metres, kelvin above the air; later ones cover."""

_Limb = tuple[float, float, float, float, float, float, float, float]


def figure(
    body: Body, turned_rad: float, t_s: float, speed_mps: float, warmth: Warmth
) -> tuple[Strokes, Size]:
    """Draw a body at a moment.

    Args:
        body: whom.
        turned_rad: its heading, clockwise from the camera's line of sight.
        t_s: when; limbs move with it.
        speed_mps: over ground.
        warmth: temperatures in the weather.

    Returns:
        Its strokes, and what it measures.
    """
    size = size_of(body)
    limbs = _DRAWN[body.actor_class](_Moment(body, t_s, speed_mps, warmth, size))
    ahead, aside = math.sin(turned_rad), math.cos(turned_rad)
    strokes = np.array(
        [
            (f0 * ahead + l0 * aside, z0, f1 * ahead + l1 * aside, z1, radius, kelvin)
            for f0, l0, z0, f1, l1, z1, radius, kelvin in limbs
        ]
    )
    return strokes, size


@dataclass(frozen=True)
class _Moment:
    body: Body
    t_s: float
    speed_mps: float
    warmth: Warmth
    size: Size

    def phase(self, stride_m: float) -> float:
        """Angle of the gait's cycle; a standing body keeps still."""
        return _gait(self.body.seed, self.body.name) + (
            2.0 * math.pi * self.t_s * self.speed_mps / stride_m
        )

    @property
    def moves(self) -> bool:
        return self.speed_mps > 0.1


@lru_cache(maxsize=256)
def _gait(seed: int, name: str) -> float:
    return float(seeded(seed, "gait", name).uniform(0.0, 2.0 * math.pi))


def _person(now: "_Moment") -> list[_Limb]:
    """Segments as shares of the stature: Winter, Biomechanics and Motor Control, figure 4.1."""
    body, warmth, h = now.body, now.warmth, _SIZES[ActorClass.PERSON].height_m
    if body.behaviour is Behaviour.CRAWL:
        reach = 0.15 * math.sin(now.phase(0.8))
        return [
            (-0.9, 0.12, 0.10, -0.1 + reach, 0.12, 0.15, 0.08, warmth.cloth),
            (-0.9, -0.12, 0.10, -0.1 - reach, -0.12, 0.15, 0.08, warmth.cloth),
            (-0.2, 0.0, 0.20, 0.45, 0.0, 0.24, 0.16, warmth.cloth),
            (0.4, 0.2, 0.20, 0.75 + reach, 0.2, 0.08, 0.05, warmth.cloth),
            (0.4, -0.2, 0.20, 0.75 - reach, -0.2, 0.08, 0.05, warmth.cloth),
            (0.65, 0.0, 0.28, 0.70, 0.0, 0.30, 0.11, warmth.skin),
        ]
    # Stride of 0.83 statures walking and up to 1.6 running (assumed); hips swing 20 or 35 degrees.
    runs = body.behaviour is Behaviour.RUN
    phase = now.phase((1.6 if runs else 0.83) * h)
    swing = math.radians(35.0 if runs else 20.0) if now.moves else 0.0
    bend = math.radians(80.0 if runs else 45.0) if now.moves else 0.0
    sunk = 0.53 * h - 0.3 if body.behaviour is Behaviour.WADE else 0.0
    lean = 0.0
    if body.behaviour in {Behaviour.DIG, Behaviour.SAW, Behaviour.TAP}:
        # Bent over; the blow or the stroke takes a second (assumed).
        lean = math.radians(35.0 + 15.0 * math.sin(2.0 * math.pi * now.t_s / 1.2))
        sunk = 0.245 * h if body.behaviour is Behaviour.SAW else 0.0
    hip, limbs = 0.53 * h - sunk, list[_Limb]()
    for side, beat in ((1.0, 0.0), (-1.0, math.pi)):
        thigh = swing * math.sin(phase + beat)
        shank = thigh - bend * max(0.0, math.cos(phase + beat))
        knee_f, knee_z = 0.245 * h * math.sin(thigh), hip - 0.245 * h * math.cos(thigh)
        foot_f = knee_f + 0.27 * h * math.sin(shank)
        foot_z = knee_z - 0.27 * h * math.cos(shank)
        at = side * 0.0955 * h
        limbs.append((0.0, at, hip, knee_f, at, max(knee_z, 0.0), 0.085, warmth.cloth))
        foot = (foot_f, at, max(foot_z, 0.0))
        limbs.append((knee_f, at, max(knee_z, 0.0), *foot, 0.06, warmth.cloth))
    shoulder_f = 0.288 * h * math.sin(lean)
    shoulder_z = hip + 0.288 * h * math.cos(lean)
    limbs.append((0.0, 0.0, hip, shoulder_f, 0.0, shoulder_z, 0.17, warmth.cloth))
    for side, beat in ((1.0, math.pi), (-1.0, 0.0)):
        arm = lean + 0.8 * swing * math.sin(phase + beat)
        at = side * 0.129 * h
        elbow = (shoulder_f + 0.186 * h * math.sin(arm), shoulder_z - 0.186 * h * math.cos(arm))
        hand = (elbow[0] + 0.2 * h * math.sin(arm + 0.3), elbow[1] - 0.2 * h * math.cos(arm + 0.3))
        limbs.append((shoulder_f, at, shoulder_z, elbow[0], at, elbow[1], 0.05, warmth.cloth))
        limbs.append((elbow[0], at, elbow[1], hand[0], at, hand[1], 0.045, warmth.cloth))
        limbs.append((hand[0], at, hand[1], hand[0], at, hand[1], 0.05, warmth.skin))
    head_f = shoulder_f + 0.12 * h * math.sin(lean)
    head_z = shoulder_z + 0.12 * h * math.cos(lean)
    limbs.append((head_f, 0.0, head_z - 0.04, head_f, 0.0, head_z, 0.1, warmth.skin))
    return limbs


def _animal(now: "_Moment") -> list[_Limb]:
    """Four legs, a barrel and a head; legs and head are barer than the flanks."""
    warmth, size, runs = now.warmth, now.size, now.body.behaviour is Behaviour.RUN
    phase = now.phase(2.4 if runs else 1.3)  # stride, assumed
    swing = math.radians(35.0 if runs else 18.0) if now.moves else 0.0
    bare, limbs = 2.0 * warmth.fur, list[_Limb]()
    belly = 0.55 * size.height_m
    for at, side, beat in (
        (0.40, 0.12, 0.0),
        (0.40, -0.12, math.pi),
        (-0.40, 0.12, 0.5 * math.pi),
        (-0.40, -0.12, 1.5 * math.pi),
    ):
        leg = swing * math.sin(phase + beat)
        foot = (at + belly * math.sin(leg), belly * (1.0 - math.cos(leg)))
        limbs.append((at, side, belly, foot[0], side, foot[1], 0.04, bare))
    limbs.append((-0.42, 0.0, belly + 0.14, 0.42, 0.0, belly + 0.14, 0.18, warmth.fur))
    limbs.append((0.45, 0.0, belly + 0.2, 0.58, 0.0, size.height_m - 0.1, 0.08, warmth.fur))
    limbs.append((0.58, 0.0, size.height_m - 0.1, 0.72, 0.0, size.height_m - 0.16, 0.07, bare))
    return limbs


def _wheeled(now: "_Moment") -> list[_Limb]:
    """Bodywork, cabin, a warm bonnet in front, wheels; rolling makes tyres warm."""
    body, warmth, size = now.body, now.warmth, now.size
    half, wide, high = 0.5 * size.length_m, 0.5 * size.width_m, size.height_m
    tyre = warmth.tyre if now.moves or body.behaviour is Behaviour.DRIVE else 0.0
    radius = 0.32 if high < 2.0 else 0.5
    car = body.actor_class is ActorClass.VEHICLE
    limbs = _slab(-half, half, wide, radius, 0.62 * high if car else high, warmth.shell)
    if car:
        limbs += _slab(-0.32 * size.length_m, 0.18 * size.length_m, 0.9 * wide, 0.6 * high, high,
                       0.5 * warmth.shell)  # fmt: skip
    front = 0.3 * size.length_m if car else half - 1.2
    limbs += _slab(front, half, 0.8 * wide, radius, 0.6 * high if car else 0.4 * high,
                   warmth.engine)  # fmt: skip
    for at in (-0.32 * size.length_m, 0.32 * size.length_m):
        limbs += [
            (at, side, radius, at, side, radius, radius, tyre)
            for side in (wide - radius, radius - wide)
        ]
    limbs.append((-half, 0.3 * wide, 0.3, -half, 0.3 * wide, 0.3, 0.08, 2.0 * warmth.engine))
    return limbs


def _boat(now: "_Moment") -> list[_Limb]:
    """Hull near the water's temperature, an outboard engine, somebody at the helm."""
    warmth, size = now.warmth, now.size
    half, wide = 0.5 * size.length_m, 0.5 * size.width_m
    return [
        *_slab(-half, half, wide, 0.0, 0.7, 0.5 * warmth.shell),
        *_slab(-half, -half + 0.6, 0.3, 0.3, 1.1, warmth.engine),
        (-0.5, 0.0, 0.7, -0.5, 0.0, 1.2, 0.2, warmth.cloth),
        (-0.5, 0.0, 1.4, -0.5, 0.0, 1.45, 0.1, warmth.skin),
    ]


def _train(now: "_Moment") -> list[_Limb]:
    """A wagon or engine: walls, warm bogies below."""
    warmth, size = now.warmth, now.size
    half, wide = 0.5 * size.length_m, 0.5 * size.width_m
    limbs = _slab(-half, half, wide, 1.0, size.height_m, warmth.shell)
    for at in (-0.35 * size.length_m, 0.35 * size.length_m):
        limbs += _slab(at - 1.2, at + 1.2, wide, 0.1, 1.0, warmth.tyre)
    if now.body.name.endswith("/0"):
        limbs += _slab(-2.0, 3.0, 0.8 * wide, 2.0, size.height_m, warmth.engine)
    return limbs


def _slab(
    back_m: float, front_m: float, wide_m: float, low_m: float, high_m: float, kelvin: float
) -> list[_Limb]:
    """A box as strokes lying along it, one over the other, on both sides and across its ends."""
    count = max(round((high_m - low_m) / 0.5), 1)
    radius = 0.5 * (high_m - low_m) / count
    back, front = back_m + radius, front_m - radius
    limbs: list[_Limb] = []
    for n in range(count):
        z = low_m + (2 * n + 1) * radius
        side, sides = wide_m - radius, (wide_m - radius, -wide_m + radius)
        limbs += [(back, at, z, front, at, z, radius, kelvin) for at in sides]
        limbs += [(end, -side, z, end, side, z, radius, kelvin) for end in (back, front)]
    return limbs


_DRAWN: dict[ActorClass, Callable[[_Moment], list[_Limb]]] = {
    ActorClass.PERSON: _person,
    ActorClass.ANIMAL: _animal,
    ActorClass.VEHICLE: _wheeled,
    ActorClass.TRUCK: _wheeled,
    ActorClass.BOAT: _boat,
    ActorClass.TRAIN: _train,
}
