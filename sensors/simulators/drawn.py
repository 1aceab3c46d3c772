"""Random scenes: one or a few crossings somewhere, for statistics over hundreds of them.

A seed and a difficulty give a scene that is valid at its site, short, and narrow: each crossing is
at a cable of its own, and only what is near takes part. Difficulty makes weather worse, ways
slower and more aslant, crawling, digging and sawing more frequent, adds animals, trains and farm
work nearby, and faults of the sensors that should notice. How much of each is assumed: what is
compared is always two runs over the same scenes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

import numpy as np
import shapely

from geo.cable import Cable
from geo.crs import to_plane, to_wgs84
from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import Actor, ActorClass, Behaviour, Fault, Scene, Weather
from sensors.scenes.kinds import FaultKind
from sensors.simulators.motion import seeded
from sensors.simulators.reach import fibre_reach_m

WITHIN_M = 2_500.0
"""A camera of 2 km range and a radar see what happens."""

WINDOW_M = 250.0
"""Enough channels on each side for a detector's noise floor by neighbours."""

_START = datetime(2026, 3, 1, 1, tzinfo=UTC)
_MOST = 3  # crossings of a scene
_TRIES = 200  # to find a place, before a site is said to have none
_KEEPS_OFF_M = 700.0
"""From border crossings, whose lawful zone is 300 m about a place that is itself uncertain."""
_FROM_END_M = 600.0  # and from a cable's ends, more than its window
_ENDS_AFTER_S = 25.0  # so that what is noticed late is still told


@dataclass(frozen=True)
class _Kind:
    """A kind of crossing: weights at difficulty 0 and 1, least and most count and speed."""

    actor_class: ActorClass
    behaviour: Behaviour
    easy: float
    hard: float
    count: tuple[int, int] = (1, 1)
    speed_mps: tuple[float, float] = (0.0, 0.0)

    def weight(self, difficulty: float) -> float:
        """Weight in the draw."""
        return self.easy + difficulty * (self.hard - self.easy)


_KINDS = (
    _Kind(ActorClass.PERSON, Behaviour.WALK, 4.0, 3.0, (1, 1), (0.9, 1.6)),
    _Kind(ActorClass.PERSON, Behaviour.WALK, 4.0, 2.0, (2, 6), (0.9, 1.5)),
    _Kind(ActorClass.PERSON, Behaviour.RUN, 2.0, 1.0, (1, 3), (2.5, 4.0)),
    _Kind(ActorClass.PERSON, Behaviour.CRAWL, 0.5, 3.0, (1, 2), (0.25, 0.6)),
    _Kind(ActorClass.PERSON, Behaviour.WADE, 0.5, 1.0, (1, 4), (0.4, 0.8)),
    _Kind(ActorClass.PERSON, Behaviour.DIG, 1.0, 1.5, (1, 2)),
    _Kind(ActorClass.PERSON, Behaviour.SAW, 0.5, 1.0),
    _Kind(ActorClass.VEHICLE, Behaviour.DRIVE, 2.0, 1.0, (1, 2), (3.0, 12.0)),
    _Kind(ActorClass.TRUCK, Behaviour.DRIVE, 1.0, 0.5, (1, 2), (3.0, 9.0)),
    _Kind(ActorClass.BOAT, Behaviour.DRIVE, 1.0, 1.0, (1, 1), (1.0, 8.0)),
    _Kind(ActorClass.DRONE, Behaviour.DRIVE, 0.2, 0.5, (1, 1), (4.0, 15.0)),
)


@dataclass(frozen=True)
class _Spot:
    """A place on a cable in the plane, metres, with the unit vector from the border inwards."""

    cable: str
    chainage_m: float
    east_m: float
    north_m: float
    inwards: tuple[float, float]

    def at(self, along_m: float, inwards_m: float, t_s: float) -> tuple[float, float, float]:
        """A waypoint (longitude, latitude, t_s) so far along the border and inwards from here."""
        east, north = self.inwards
        lon, lat = to_wgs84(
            self.east_m + inwards_m * east + along_m * north,
            self.north_m + inwards_m * north - along_m * east,
        )
        return round(float(lon), 7), round(float(lat), 7), round(t_s, 1)


def draw_scene(seed: int, difficulty: float, site: Site) -> Scene:
    """Draw a scene; the same arguments give the same scene.

    Args:
        seed: of the draw and of the scene itself.
        difficulty: 0 (calm, dry, upright) to 1.
        site: where; needs a cable with its fibre sensor.

    Returns:
        A scene of 60 to 150 s with one to three crossings that come within reach of a cable.

    Raises:
        SceneError: a difficulty or seed out of range, or a site without cables.
    """
    if not 0.0 <= difficulty <= 1.0:
        raise SceneError(f"difficulty is {difficulty}: wanted 0 to 1")
    if not 0 <= seed < 2**32:
        raise SceneError(f"seed is {seed}: wanted 0 to {2**32 - 1}")
    site = site.at(round(_START.timestamp()) * 1_000_000_000)
    draw = seeded(seed, "drawn scene", repr(difficulty))
    fibres = {row.cable: row.id for row in site.sensors if row.kind == "fibre" and row.cable}
    if not fibres:
        raise SceneError(f"site {site.name!r} has no fibre sensor: wanted one to cross")
    cables = draw.permutation(sorted(fibres))[: int(draw.integers(1, _MOST + 1))]
    actors: list[Actor] = []
    faults: list[Fault] = []
    for number, name in enumerate(map(str, cables), start=1):
        spot = _spot(draw, site, site.cable(name), name)
        crossing = _crossing(draw, site, spot, number, difficulty)
        actors += [crossing, *_others(draw, spot, number, difficulty)]
        if draw.random() < 0.3 * difficulty:
            faults.append(_fault(draw, site, spot, fibres[name]))
    ends = max(_ends_s(actor) for actor in actors)
    return Scene(
        name=f"drawn with seed {seed} and difficulty {difficulty:g}",
        seed=seed,
        start=_START,
        duration_s=float(np.ceil(ends + _ENDS_AFTER_S)),
        within_m=WITHIN_M,
        fibre_window_m=WINDOW_M,
        own_forces=False,
        weather=_weather(draw, difficulty),
        roads=bool(draw.random() < difficulty),
        actor=tuple(actors),
        fault=tuple(faults),
    )


def _spot(draw: np.random.Generator, site: Site, cable: Cable, name: str) -> _Spot:
    """Draw a place on a cable that is away from its ends and from border crossings."""
    posts = [to_plane(*row.position) for row in site.crossings]
    margin = min(_FROM_END_M, cable.length_m / 4.0)
    for _ in range(_TRIES):
        place = cable.place(draw.uniform(margin, cable.length_m - margin))
        east, north = float(place.east_m), float(place.north_m)
        if all(np.hypot(east - e, north - n) > _KEEPS_OFF_M for e, n in posts):
            here = shapely.Point(east, north)
            away = shapely.shortest_line(site.border.line, here)
            first, last = np.array(away.coords)
            length = float(np.hypot(*(last - first)))
            if length > 1.0:
                inwards = (last - first) / length
                chainage, _ = site.border.chainage(east, north)
                return _Spot(name, float(chainage), east, north, tuple(inwards.tolist()))
    raise SceneError(
        f"cable {name!r} lies on the line or at border crossings: wanted one that does not"
    )


def _crossing(
    draw: np.random.Generator, site: Site, spot: _Spot, number: int, difficulty: float
) -> Actor:
    on_water = any(
        part.name == "danube" and part.start_m <= spot.chainage_m <= part.end_m
        for part in site.border.parts
    )
    weights = np.array([one.weight(difficulty) for one in _KINDS])
    for index, one in enumerate(_KINDS):
        if (one.actor_class is ActorClass.BOAT and not on_water) or (
            one.actor_class is ActorClass.DRONE and number == 1
        ):
            weights[index] = 0.0
    kind = _KINDS[int(draw.choice(len(_KINDS), p=weights / weights.sum()))]
    count = int(draw.integers(kind.count[0], kind.count[1] + 1))
    begins = draw.uniform(8.0, 25.0)
    way = _stay if kind.behaviour.stays else _way
    return Actor.model_validate(
        {
            "id": f"crossing-{number}",
            "class": kind.actor_class,
            "behaviour": kind.behaviour,
            "count": count,
            **way(draw, kind, spot, begins, difficulty),
        }
    )


def _stay(
    draw: np.random.Generator, _kind: _Kind, spot: _Spot, begins: float, difficulty: float
) -> dict[str, object]:
    """Dig or saw at some metres from the cable."""
    aside = draw.uniform(0.5, 3.0 + 5.0 * difficulty) * draw.choice([-1.0, 1.0])
    return {
        "waypoints_lonlat": [spot.at(0.0, aside, begins)],
        "duration_s": float(np.round(draw.uniform(50.0, 100.0), 1)),
    }


def _way(
    draw: np.random.Generator, kind: _Kind, spot: _Spot, begins: float, difficulty: float
) -> dict[str, object]:
    """Go over the cable from outside to inside, or along it at a distance within its reach."""
    least, most = kind.speed_mps
    speed = most - (most - least) * draw.uniform(0.0, 1.0) ** (1.5 - difficulty)
    lasts = draw.uniform(50.0, 100.0) if most < 5.0 else draw.uniform(30.0, 50.0)
    slant = np.deg2rad(draw.uniform(-15.0, 15.0) + difficulty * draw.uniform(-45.0, 45.0))
    share = draw.uniform(0.35, 0.5)
    aside = draw.uniform(0.3, 0.9) * draw.choice([-1.0, 1.0]) * fibre_reach_m(kind.actor_class)
    if draw.random() < 0.15 + 0.2 * difficulty:
        slant, share = np.pi / 2.0, 0.5
    else:
        aside = 0.0
    along, across = speed * lasts * np.sin(slant), speed * lasts * np.cos(slant)
    return {
        "waypoints_lonlat": [
            spot.at(-share * along, aside - share * across, begins),
            spot.at((1.0 - share) * along, aside + (1.0 - share) * across, begins + lasts),
        ]
    }


def _others(
    draw: np.random.Generator, spot: _Spot, number: int, difficulty: float
) -> Sequence[Actor]:
    """What is about as well, some hundred metres off: a herd, farm work, a train."""
    found = []
    side = float(draw.choice([-1.0, 1.0]))
    away = side * draw.uniform(150.0, 400.0)
    wants = draw.random(3)
    if wants[0] < 0.1 + 0.4 * difficulty:
        begins = draw.uniform(0.0, 20.0)
        lasts = draw.uniform(60.0, 100.0)
        length = lasts * draw.uniform(0.4, 1.2)
        found.append(
            {
                "id": f"herd-{number}",
                "class": ActorClass.ANIMAL,
                "count": int(draw.integers(1, 9)),
                "behaviour": Behaviour.WALK,
                "waypoints_lonlat": [
                    spot.at(away, -0.5 * length, begins),
                    spot.at(away + 20.0, 0.5 * length, begins + lasts),
                ],
            }
        )
    if wants[1] < 0.1 + 0.3 * difficulty:
        begins, lasts = draw.uniform(0.0, 20.0), draw.uniform(60.0, 100.0)
        found.append(
            {
                "id": f"tractor-{number}",
                "class": ActorClass.TRUCK,
                "behaviour": Behaviour.DRIVE,
                "lawful": True,
                "back_and_forth": True,
                "duration_s": round(lasts, 1),
                "waypoints_lonlat": [
                    spot.at(away, 60.0, begins),
                    spot.at(away + side * 150.0, 60.0, begins + 50.0),
                ],
            }
        )
    if wants[2] < 0.3 * difficulty:
        begins, speed = draw.uniform(0.0, 20.0), draw.uniform(12.0, 25.0)
        found.append(
            {
                "id": f"train-{number}",
                "class": ActorClass.TRAIN,
                "count": int(draw.integers(4, 20)),
                "behaviour": Behaviour.DRIVE,
                "waypoints_lonlat": [
                    spot.at(-25.0 * speed, 180.0, begins),
                    spot.at(25.0 * speed, 180.0, begins + 50.0),
                ],
            }
        )
    return [Actor.model_validate(one) for one in found]


def _fault(draw: np.random.Generator, site: Site, spot: _Spot, fibre: str) -> Fault:
    """A fault of the fibre, or of the camera that is nearest."""
    near = [
        (float(np.hypot(place[0] - spot.east_m, place[1] - spot.north_m)), row.id)
        for row in site.sensors
        if row.kind == "thermal" and (place := site.sensor_place(row.id)) is not None
    ]
    sensor = min(near)[1] if near and draw.random() < 0.5 else fibre
    kinds = get_args(FaultKind)
    return Fault(
        sensor=sensor,
        t_s=round(draw.uniform(10.0, 50.0), 1),
        duration_s=round(draw.uniform(5.0, 30.0), 1),
        kind=kinds[int(draw.integers(len(kinds)))],
    )


def _weather(draw: np.random.Generator, difficulty: float) -> Weather:
    wet, dim = draw.random(2)
    drawn = {
        "wind_mps": difficulty * draw.uniform(2.0, 14.0),
        "rain_mm_h": draw.uniform(0.5, 8.0) if wet < 0.6 * difficulty else 0.0,
        "temperature_c": draw.uniform(-5.0, 25.0),
        "visibility_m": 20_000.0 * (draw.uniform(0.02, 0.5) if dim < 0.6 * difficulty else 1.0),
    }
    return Weather(**{key: float(np.round(value, 1)) for key, value in drawn.items()})


def _ends_s(actor: Actor) -> float:
    return max(actor.begins_s + (actor.duration_s or 0.0), actor.waypoints_lonlat[-1][2])
