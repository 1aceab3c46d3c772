"""Cases: scenes of one kind of crossing each, or of none, for figures by condition.

A case is a distribution of scenes over one interrogator's whole cable, on a night at a land that
the seed draws (soils, coupling, restless stretches, roads). Crossings of one scene are at places
so far apart that none is heard where another is, and begin when a detector has long settled.
``calm`` and ``wind`` have nobody who crosses: only what belongs there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.cable import Cable
from geo.crs import to_plane, to_wgs84
from geo.errors import SceneError
from geo.site import Site
from geo.site_rows import Sensor
from sensors.scenes import Actor, ActorClass, Behaviour, CableEvent, Scene, Weather
from sensors.simulators.fibre import normally_coupled
from sensors.simulators.motion import FloatArray, seeded
from sensors.simulators.roads import Way, ways

LEAD_S = 45.0
"""Nothing crosses before: a detector has learned its floor by then."""

EXPOSURE_S = 600.0
"""Length of a scene without crossings."""

CLEAR_M = 30.0
"""At normal coupling there is neither slack coil nor stretch of bad coupling so near."""

HERDS = 1.0
"""Animals that come to the cable in a scene without crossings, in the mean (assumed)."""

_NIGHT = datetime(2026, 3, 1, 1, tzinfo=UTC)
_AFTER_S = 35.0
"""An alert may come 30 s after its crossing has gone."""

_BEGIN_WITHIN_S = 15.0
"""Crossings begin at a drawn moment of so long, so that none is in step with others (assumed)."""

_FROM_END_M = 400.0
"""From a cable's ends: half the way of a vehicle along it, and as far as it is heard (assumed)."""

_POST_M = 700.0
"""From border crossings, as for drawn scenes: people and cars stand about there (assumed)."""

Point = tuple[float, float, float]
Draw = np.random.Generator


class Case(StrEnum):
    """What happens in a case's scenes.

    Attributes:
        WALK: one person walks across the cable.
        PARALLEL: one person walks along it, 5 m beside.
        CRAWL: one person crawls across.
        DIG: one person digs within 5 m.
        VEHICLE: a car or truck drives across, or along it within 30 m.
        CUT: the cable is cut somewhere.
        CALM: nobody crosses; trains, herds, roads.
        WIND: as calm, at a wind of 10 m/s and rain of 5 mm/h.
    """

    WALK = "walk"
    PARALLEL = "parallel"
    CRAWL = "crawl"
    DIG = "dig"
    VEHICLE = "vehicle"
    CUT = "cut"
    CALM = "calm"
    WIND = "wind"

    @property
    def is_exposure(self) -> bool:
        """Whether nobody crosses, so that only alerts without cause are counted."""
        return self in {Case.CALM, Case.WIND}


@dataclass(frozen=True, eq=False)
class _Spot:
    """A place on a cable.

    Attributes:
        along_m: cable distance.
        here: plane metres.
        unit: direction of the cable there.
    """

    cable: Cable
    along_m: float
    here: FloatArray
    unit: FloatArray

    def at(self, along_m: float, aside_m: float, t_s: float) -> Point:
        """A waypoint so far on in the cable's direction here, and to its left."""
        across = np.array([-self.unit[1], self.unit[0]])
        return _waypoint(self.here + along_m * self.unit + aside_m * across, t_s)


def draw_case(case: Case, seed: int, site: Site) -> Scene:
    """Draw a scene of a case; the same arguments give the same scene.

    Args:
        case: what happens.
        seed: of the draw and of the scene itself.
        site: where; needs a cable with its fibre sensor.

    Raises:
        SceneError: a seed out of range, or a site without cables, or none that is long enough.
    """
    if not 0 <= seed < 2**32:
        raise SceneError(f"seed is {seed}: wanted 0 to {2**32 - 1}")
    site = site.at(round(_NIGHT.timestamp()) * 1_000_000_000)
    draw = seeded(seed, "case", case)
    fibres = sorted((r for r in site.sensors if r.kind == "fibre"), key=lambda row: row.id)
    if not fibres:
        raise SceneError(f"site {site.name!r} has no fibre sensor: wanted one to cross")
    row = fibres[int(draw.integers(len(fibres)))]
    cable = site.cable(str(row.cable))
    if case.is_exposure:
        return _exposure(case, seed, draw, row, cable)
    events: list[CableEvent] = []
    actors: list[Actor] = []
    if case is Case.CUT:
        event = CableEvent(
            at_cable=cable.name,
            distance_m=round(float(draw.uniform(_FROM_END_M, cable.length_m - _FROM_END_M)), 1),
            t_s=round(LEAD_S + float(draw.uniform(0.0, _BEGIN_WITHIN_S)), 2),
            kind="cut",
        )
        events, ends_s = [event], event.t_s
    else:
        kind = _KINDS[case]
        for spot in _spots(draw, site, cable, normally_coupled(seed, row.id, cable), kind.apart_m):
            begins = LEAD_S + float(draw.uniform(0.0, _BEGIN_WITHIN_S))
            made = kind.make(draw, spot, begins)
            if made is not None:
                who = {"id": f"{case}-{len(actors) + 1}", "class": ActorClass.PERSON}
                actors.append(Actor.model_validate(who | made))
        if not actors:
            raise SceneError(
                f"cable {cable.name!r} has no place for case {case}: wanted a longer one"
            )
        ends_s = max(_ends_s(actor) for actor in actors)
    return Scene(
        **_common(case, seed, row),
        start=_NIGHT,
        duration_s=float(np.ceil(ends_s + _AFTER_S)),
        actor=tuple(actors),
        cable_event=tuple(events),
    )


def _common(case: Case, seed: int, row: Sensor) -> dict[str, Any]:
    return {
        "name": f"case {case} with seed {seed}",
        "seed": seed,
        "sensors": (row.id,),
        "own_forces": False,
    }


def _spots(
    draw: Draw, site: Site, cable: Cable, normal: NDArray[np.bool_], apart_m: float
) -> Iterator[_Spot]:
    """Places of normal coupling, one in each stretch of ``apart_m``, at least 0.8 of that apart."""
    posts = [to_plane(*row.position) for row in site.crossings]
    middles = cable.channel_distance(np.arange(normal.size))
    stretch = 0.2 * apart_m
    first = _FROM_END_M + float(draw.uniform(0.0, 0.8 * apart_m))
    before: list[FloatArray] = []
    for begin in np.arange(first, cable.length_m - _FROM_END_M - stretch, apart_m):
        along = float(begin + draw.uniform(0.0, stretch))
        ends = cable.place(np.array([along - 5.0, along, along + 5.0]))
        places = np.column_stack((ends.east_m, ends.north_m))
        way = places[2] - places[0]
        if (
            not normal[np.abs(middles - along) <= CLEAR_M].all()
            or float(np.hypot(*way)) < 1.0
            or any(float(np.hypot(*(places[1] - post))) < _POST_M for post in posts)
            or any(float(np.hypot(*(places[1] - one))) < 0.5 * apart_m for one in before)
        ):
            continue
        before.append(places[1])
        yield _Spot(cable, along, places[1], way / np.hypot(*way))


def _walk(draw: Draw, spot: _Spot, begins: float) -> dict[str, Any]:
    return _across(draw, spot, begins, float(draw.uniform(0.9, 1.6)), 40.0)


def _crawl(draw: Draw, spot: _Spot, begins: float) -> dict[str, Any]:
    found = _across(draw, spot, begins, float(draw.uniform(0.25, 0.6)), 15.0)
    return found | {"behaviour": Behaviour.CRAWL}


def _across(
    draw: Draw, spot: _Spot, begins: float, speed_mps: float, from_m: float
) -> dict[str, Any]:
    """Go over the cable, up to 30 degrees aslant, from so far on either side."""
    side = float(draw.choice([-1.0, 1.0]))
    slant = np.tan(np.deg2rad(draw.uniform(-30.0, 30.0)))
    lasts = 2.0 * from_m * float(np.hypot(1.0, slant)) / speed_mps
    return {
        "behaviour": Behaviour.WALK,
        "waypoints_lonlat": [
            spot.at(-from_m * slant, -side * from_m, begins),
            spot.at(from_m * slant, side * from_m, begins + lasts),
        ],
    }


def _parallel(draw: Draw, spot: _Spot, begins: float) -> dict[str, Any] | None:
    speed = float(draw.uniform(0.9, 1.6))
    aside = 5.0 * float(draw.choice([-1.0, 1.0]))
    way = _along(draw, spot, 60.0 * speed, speed, aside, begins)
    path = shapely.LineString(np.column_stack(to_plane(*np.array(way)[:, :2].T)))
    if float(path.distance(spot.cable.line)) < 4.0:
        return None  # inside a sharp bend
    return {"behaviour": Behaviour.WALK, "waypoints_lonlat": way}


def _dig(draw: Draw, spot: _Spot, begins: float) -> dict[str, Any]:
    aside = float(draw.uniform(0.0, 5.0) * draw.choice([-1.0, 1.0]))
    return {
        "behaviour": Behaviour.DIG,
        "waypoints_lonlat": [spot.at(0.0, aside, begins)],
        "duration_s": 60.0,
    }


def _vehicle(draw: Draw, spot: _Spot, begins: float) -> dict[str, Any]:
    truck = bool(draw.random() < 0.4)
    who = {"class": ActorClass.TRUCK if truck else ActorClass.VEHICLE}
    if draw.random() < 0.5:
        speed = float(draw.uniform(3.0, 12.0))
        return who | _across(draw, spot, begins, speed, 150.0) | {"behaviour": Behaviour.DRIVE}
    speed = float(draw.uniform(3.0, 16.0 if truck else 20.0))
    aside = float(draw.uniform(2.0, 30.0) * draw.choice([-1.0, 1.0]))
    way = _along(draw, spot, 400.0, speed, aside, begins)
    return who | {"behaviour": Behaviour.DRIVE, "waypoints_lonlat": way}


def _along(
    draw: Draw, spot: _Spot, length_m: float, speed_mps: float, aside_m: float, begins: float
) -> list[Point]:
    """Follow the cable at a distance for a length."""
    sign = float(draw.choice([-1.0, 1.0]))
    steps = np.linspace(-0.5 * length_m, 0.5 * length_m, max(int(length_m / 10.0), 2))
    places = np.column_stack(
        spot.cable.point_at(
            np.clip(spot.along_m + sign * steps, 0.0, spot.cable.length_m),
            np.full(steps.size, aside_m),
        )
    )
    return _evenly(places, speed_mps, begins)


@dataclass(frozen=True)
class _Kind:
    """How crossings of a case are made (None where the place will not do), and how far apart."""

    make: Callable[[Draw, _Spot, float], dict[str, Any] | None]
    apart_m: float


# A vehicle is heard over some 200 m; detectors take away what a stretch of cable has in common, so
# there is never more than one in a few kilometres.
_KINDS = {
    Case.WALK: _Kind(_walk, 1_250.0),
    Case.PARALLEL: _Kind(_parallel, 1_500.0),
    Case.CRAWL: _Kind(_crawl, 1_250.0),
    Case.DIG: _Kind(_dig, 1_250.0),
    Case.VEHICLE: _Kind(_vehicle, 3_500.0),
}


def _exposure(case: Case, seed: int, draw: Draw, row: Sensor, cable: Cable) -> Scene:
    start = _NIGHT + timedelta(hours=float(np.round(draw.uniform(0.0, 24.0), 2)))
    windy = case is Case.WIND
    actors = [_herd(draw, cable, number) for number in range(1, int(draw.poisson(HERDS)) + 1)]
    actors += [_train(draw, way) for way in ways(seed, cable) if way.is_railway]
    return Scene(
        **_common(case, seed, row),
        start=start,
        duration_s=EXPOSURE_S,
        weather=Weather(wind_mps=10.0, rain_mm_h=5.0) if windy else Weather(),
        actor=tuple(actors),
    )


def _herd(draw: Draw, cable: Cable, number: int) -> Actor:
    """One to eight animals that come over the cable, or along it within 30 m."""
    along = float(draw.uniform(_FROM_END_M, cable.length_m - _FROM_END_M))
    ends = cable.place(np.array([along - 20.0, along + 20.0]))
    places = np.column_stack((ends.east_m, ends.north_m))
    way = places[1] - places[0]
    middle = places.mean(axis=0)
    spot = _Spot(cable, along, middle, way / max(float(np.hypot(*way)), 1e-9))
    begins = LEAD_S + float(draw.uniform(0.0, EXPOSURE_S - LEAD_S - 180.0))
    speed = float(draw.uniform(0.4, 1.6))
    if draw.random() < 0.7:
        found = _across(draw, spot, begins, speed, 60.0)["waypoints_lonlat"]
    else:
        aside = float(draw.uniform(3.0, 30.0) * draw.choice([-1.0, 1.0]))
        found = _along(draw, spot, 120.0, speed, aside, begins)
    return Actor.model_validate(
        {
            "id": f"herd-{number}",
            "class": ActorClass.ANIMAL,
            "count": int(draw.integers(1, 9)),
            "behaviour": Behaviour.WALK,
            "waypoints_lonlat": found,
        }
    )


def _train(draw: Draw, way: Way) -> Actor:
    """A train on a railway, besides those that the railway's own hours bring."""
    step = int(draw.choice([-1, 1]))
    places = np.column_stack((way.east_m, way.north_m))[::step]
    return Actor.model_validate(
        {
            "id": "train",
            "class": ActorClass.TRAIN,
            "count": int(draw.integers(4, 25)),
            "behaviour": Behaviour.DRIVE,
            "waypoints_lonlat": _evenly(
                places, float(draw.uniform(14.0, 22.0)), float(draw.uniform(LEAD_S, 150.0))
            ),
        }
    )


def _evenly(places: FloatArray, speed_mps: float, begins: float) -> list[Point]:
    """Waypoints at a speed; where the cable lies in a coil the ground does not go on."""
    apart = np.hypot(*np.diff(places, axis=0).T)
    keep = np.concatenate(([True], apart > 1.0))
    t_s = begins + np.concatenate(([0.0], np.cumsum(apart))) / speed_mps
    return [_waypoint(place, float(t)) for place, t in zip(places[keep], t_s[keep], strict=True)]


def _waypoint(place: Sequence[float] | FloatArray, t_s: float) -> Point:
    lon, lat = to_wgs84(place[0], place[1])
    return round(float(lon), 7), round(float(lat), 7), round(t_s, 3)


def _ends_s(actor: Actor) -> float:
    return max(actor.begins_s + (actor.duration_s or 0.0), actor.waypoints_lonlat[-1][2])
