"""AIS of the boats about: what a receiver on a patrol boat hears, as NMEA lines.

Lawful boats of a scene carry a transponder, class A if they are fast or large, class B if not;
others are silent, which is the point of looking for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from pyais import encode_dict

from geo.crs import convergence_deg, to_wgs84
from sensors.scenes import ActorClass
from sensors.simulators.gps import RECEIVERS, Gps
from sensors.simulators.groups import Group
from sensors.simulators.mobile import facing_rad
from sensors.simulators.motion import Body, seeded
from sensors.simulators.world import World

HEARD_M = 20_000.0
"""VHF over water between antennas of 10 and 4 m: 4.12 (sqrt 10 + sqrt 4) km to the horizon with
standard refraction, 21 km (assumed)."""

LOST = 0.05
"""Share of messages that collide or fade (assumed)."""

_STATIC_S = 360.0
"""Name and size each six minutes: ITU-R M.1371-5, table 1."""

_KNOT = 1_852.0 / 3_600.0  # m/s: a nautical mile an hour (ISO 80000-3)


@dataclass(frozen=True)
class Ship:
    """A boat that carries a transponder.

    Attributes:
        mmsi: begins with the country's digits: 264 Romania, 279 Serbia.
        large: class A, a ship; else class B, a small boat.
        phase: when in its period it sends, 0 to 1.
    """

    body: Body
    mmsi: int
    large: bool
    phase: float

    @property
    def name(self) -> str:
        """What it calls itself: at most twenty capitals, digits and spaces."""
        return self.body.name.upper().replace("/", " ").replace("-", " ")[:20]


class Transponders:
    """All transponders of a scene, heard at a place.

    Args:
        world: the scene.
        start_ns: time of the scene's start, UTC.
    """

    def __init__(self, world: World, start_ns: int) -> None:
        """Start with the boats of the scene."""
        self._world, self._seed = world, world.scene.seed
        self._start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start_ns // 1_000)
        self._fitted = lru_cache(maxsize=256)(self._drawn)
        self._gps = lru_cache(maxsize=256)(lambda name: Gps(self._seed, name, RECEIVERS["boat"]))

    def heard(
        self, listener: str, east_m: float, north_m: float, from_s: float, to_s: float
    ) -> list[str]:
        """Give the lines that a receiver hears in a time, in the order in which they were sent.

        Args:
            listener: who listens; each loses messages of its own.
            east_m: where.
            north_m: where.
            from_s: after this.
            to_s: up to this.
        """
        sent = [
            (t_s, ship, static)
            for ship in self.ships(from_s, to_s)
            for t_s, static in self._times(ship, from_s, to_s)
        ]
        lines: list[str] = []
        for t_s, ship, static in sorted(sent, key=lambda one: (one[0], one[1].mmsi)):
            east, north = ship.body.at(t_s)
            if np.hypot(east - east_m, north - north_m) > HEARD_M or not ship.body.is_there(t_s):
                continue
            draw = seeded(self._seed, "ais", listener, ship.mmsi, round(t_s * 1_000))
            if draw.random() >= LOST:
                lines += self._static(ship, t_s) if static else self._dynamic(ship, t_s)
        return lines

    def ships(self, from_s: float, to_s: float) -> list[Ship]:
        """Give who carries a transponder."""
        return [
            Ship(body, *self._fitted(body.name))
            for group in self._world.cast.between(from_s, to_s)
            if _transmits(group)
            for body in group.bodies
        ]

    def _drawn(self, name: str) -> tuple[int, bool, float]:
        """Number, class and phase of a transponder."""
        draw = seeded(self._seed, "transponder", name)
        mmsi = int(draw.choice((264, 279))) * 1_000_000 + int(draw.integers(1_000_000))
        return mmsi, bool(draw.random() < 0.5), float(draw.random())

    def _times(self, ship: Ship, from_s: float, to_s: float) -> Iterator[tuple[float, bool]]:
        """When it sends: dynamic data by class and speed, ITU-R M.1371-5 tables 1 and 2."""
        speed = float(np.hypot(*ship.body.path.velocity(to_s))) / _KNOT
        if ship.large:
            every = 180.0 if speed < 0.2 else 10.0 if speed <= 14.0 else 6.0
        else:
            every = 180.0 if speed <= 2.0 else 30.0
        for static, period in ((False, every), (True, _STATIC_S)):
            first = int(np.floor(from_s / period - ship.phase)) + 1
            last = int(np.floor(to_s / period - ship.phase))
            for number in range(first, last + 1):
                yield (number + ship.phase) * period, static

    def _dynamic(self, ship: Ship, t_s: float) -> list[str]:
        east, north = ship.body.at(t_s)
        gps = self._gps(f"ais {ship.body.name}")
        error = gps.error_m(t_s)
        lon, lat = (float(one) for one in to_wgs84(east + error[0], north + error[1]))
        velocity = np.array(ship.body.path.velocity(t_s)) + gps.velocity_error_mps(t_s)
        course = np.rad2deg(np.arctan2(*velocity)) + convergence_deg(lon, lat)
        heading = np.rad2deg(facing_rad(ship.body.path, t_s)) + convergence_deg(lon, lat)
        said = {
            "msg_type": 1 if ship.large else 18,
            "mmsi": ship.mmsi,
            "lon": lon,
            "lat": lat,
            "speed": min(round(float(np.hypot(*velocity)) / _KNOT, 1), 102.2),
            "course": round(float(course) % 360.0, 1) % 360.0,
            "heading": round(float(heading) % 360.0) % 360 if ship.large else 511,
            "second": (self._start + timedelta(seconds=t_s)).second,
            "accuracy": 0,
        }
        return _lines(said, ship, t_s)

    def _static(self, ship: Ship, t_s: float) -> list[str]:
        said: dict[str, str | float] = {"mmsi": ship.mmsi, "shipname": ship.name}
        if ship.large:
            # A cargo vessel of the Danube, 95 m by 11 m (assumed); its antenna is aft.
            said |= {
                "msg_type": 5, "ship_type": 70, "to_bow": 80, "to_stern": 15, "to_port": 5,
                "to_starboard": 6, "draught": 2.5, "callsign": f"Y{ship.mmsi % 10_000:04d}",
            }  # fmt: skip
        else:
            said |= {"msg_type": 24, "partno": 0}
        return _lines(said, ship, t_s)


def _transmits(group: Group) -> bool:
    return group.actor_class is ActorClass.BOAT and group.lawful and not group.own_force


def _lines(said: Mapping[str, str | float], ship: Ship, t_s: float) -> list[str]:
    """Encode; the two channels take turns."""
    turn = int(t_s / 2.0) + ship.mmsi
    return [
        str(line)
        for line in encode_dict(
            dict(said),
            talker_id="AI",
            sentence_type="VDM",
            radio_channel="AB"[turn % 2],
            seq_id=turn % 10,
        )
    ]
