"""Roads and railways that run beside the cable at places, and who drives there.

Which cables have one, where and how far off is drawn from the scene's seed and the cable: another
seed is another land. What drives there is noise to a border: it is lawful and no actor of the
scene; the truth names it (:mod:`.passing`).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geo.cable import Cable
from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.motion import Body, FloatArray, Path, seeded

ROAD_SHARE, RAILWAY_SHARE = 0.5, 0.25
"""Share of cables of some 37 km that have a road, or a railway, beside them (assumed)."""

ROAD_M, RAILWAY_M = (3_000.0, 6_000.0), (4_000.0, 8_000.0)
"""How far they run along (assumed)."""

ROAD_OFFSET_M, RAILWAY_OFFSET_M = (40.0, 150.0), (80.0, 250.0)
"""How far from the cable (assumed)."""

CARS_A_DAY = 800.0
"""On a county road of the plain, both ways (order of national traffic counts; assumed)."""

TRUCKS = 0.12
"""Share of trucks among them (assumed)."""

TRAINS_A_DAY = 8.0
"""On a branch line of the region, both ways (timetables' order; assumed)."""

# Share of a day's road traffic in each hour of local time: a working day's two humps (order of
# traffic counts; assumed). Trains keep going all day and night.
_HOURS = np.array([0.8, 0.5, 0.4, 0.4, 0.8, 2.0, 4.5, 6.5, 6.3, 5.6, 5.5, 5.6])
_HOURS = np.concatenate((_HOURS, [5.7, 5.8, 6.2, 6.8, 7.2, 6.9, 5.8, 4.6, 3.6, 2.7, 2.0, 1.4]))
_HOURS /= _HOURS.mean()
_LOCAL_H = 2.0  # hours ahead of UTC: Eastern European Time; summer time is left aside

_SLOT_S = 300.0
"""Drivers are drawn for so long at once."""

_SPUR_M = 700.0
"""How far inland a way begins and ends (assumed: beyond the reach of cars and trucks; a train
begins within its own, faint)."""


@dataclass(frozen=True, eq=False)
class Way:
    """A road or a railway beside a cable.

    Attributes:
        name: of the way.
        is_railway: what it is.
        from_m: cable distance at which it comes near.
        to_m: cable distance at which it leaves.
        offset_m: from the cable; positive to its left as seen from the interrogator.
        east_m: course, both spurs included, shape (point,).
        north_m: course, shape (point,).
    """

    name: str
    is_railway: bool
    from_m: float
    to_m: float
    offset_m: float
    east_m: FloatArray
    north_m: FloatArray


def ways(seed: int, cable: Cable) -> tuple[Way, ...]:
    """Give the roads and railways beside a cable."""
    draw = seeded(seed, "ways", cable.name)
    kinds = (
        (False, ROAD_SHARE, ROAD_M, ROAD_OFFSET_M),
        (True, RAILWAY_SHARE, RAILWAY_M, RAILWAY_OFFSET_M),
    )
    found = []
    for is_railway, share, lengths, offsets in kinds:
        there, where, side = draw.uniform(size=3)
        length = min(float(draw.uniform(*lengths)), 0.5 * cable.length_m)
        offset = float(draw.uniform(*offsets)) * (1.0 if side < 0.5 else -1.0)
        if there >= share:
            continue
        start = where * (cable.length_m - length)
        along = np.linspace(start, start + length, max(int(length / 100.0), 2))
        east, north = cable.point_at(along, np.full(along.size, offset))
        # It comes from inland and goes back there, so that nothing appears beside the cable.
        far = offset + np.sign(offset) * _SPUR_M
        first = cable.point_at(start, far)
        last = cable.point_at(start + length, far)
        found.append(
            Way(
                f"{cable.name}-{'railway' if is_railway else 'road'}",
                is_railway,
                float(start),
                float(start + length),
                offset,
                np.concatenate(([first[0]], east, [last[0]])),
                np.concatenate(([first[1]], north, [last[1]])),
            )
        )
    return tuple(found)


class Roads:
    """Traffic beside one cable.

    Args:
        seed: the scene's.
        cable: beside which it runs.
        start_hour: hour of the day at the scene's start, UTC.
    """

    def __init__(self, seed: int, cable: Cable, start_hour: float) -> None:
        """Draw the ways."""
        self._seed, self._start_hour = seed, start_hour
        self.ways = ways(seed, cable)
        self._slot = lru_cache(maxsize=64)(self._drivers)

    def bodies(self, from_s: float, to_s: float) -> list[Body]:
        """Everyone who drives at some time of a span."""
        found = []
        for number, way in enumerate(self.ways):
            longest = _length_m(way) / 8.0
            first = int((from_s - longest) // _SLOT_S)
            for slot in range(first, int(to_s // _SLOT_S) + 1):
                found += [
                    body
                    for body in self._slot(number, slot)
                    if body.path.begins_s <= to_s and body.path.ends_s >= from_s
                ]
        return found

    def _drivers(self, number: int, slot: int) -> tuple[Body, ...]:
        way = self.ways[number]
        draw = seeded(self._seed, "drivers", way.name, slot)
        hour = (self._start_hour + _LOCAL_H + slot * _SLOT_S / 3_600.0) % 24.0
        a_day = TRAINS_A_DAY if way.is_railway else CARS_A_DAY * _HOURS[int(hour)]
        count = int(draw.poisson(a_day * _SLOT_S / 86_400.0))
        found = []
        for index in range(count):
            begins = slot * _SLOT_S + float(draw.uniform(0.0, _SLOT_S))
            # Freight and local trains, 50-80 km/h; cars 45-90 km/h (assumed).
            speed = float(draw.uniform(14.0, 22.0) if way.is_railway else draw.uniform(12.5, 25.0))
            truck = bool(draw.uniform() < TRUCKS)
            step = -1 if draw.uniform() < 0.5 else 1
            east, north = way.east_m[::step], way.north_m[::step]
            run = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))
            name = f"{way.name}-{slot}-{index}"
            kind = ActorClass.TRUCK if truck else ActorClass.VEHICLE
            if way.is_railway:
                kind = ActorClass.TRAIN
            path = Path(begins + run / speed, east, north)
            found.append(Body(name, name, kind, Behaviour.DRIVE, path, self._seed))
        return tuple(found)


def _length_m(way: Way) -> float:
    return float(np.hypot(np.diff(way.east_m), np.diff(way.north_m)).sum())
