"""A vehicle's ground surveillance radar: signal, noise, clutter, blind sectors, what it reports."""

from functools import lru_cache

import numpy as np

from geo.site_rows import Radar
from sensors.messages import ObjectClass, Plot
from sensors.scenes import ActorClass, Behaviour, Weather
from sensors.simulators.motion import Body, FloatArray, seeded
from sensors.simulators.world import Snapshot

FREQUENCY_GHZ = 10.0
"""X band, as most ground surveillance radars (assumed)."""

FALSE_ALARM = 1e-6
"""In each cell (assumed; the order that textbooks take)."""

REFERENCE_M2 = 10.0
"""A radar's stated range is that at which it finds a car in half of all scans (assumed)."""

# Radar cross sections in X band, square metres: people about 1, cars 10 and more (Skolnik,
# Introduction to Radar Systems, table 2.2: man 1, pickup truck 200, automobile 100 at their best
# aspects; means over aspects are a tenth of that). Others assumed. Drones fly above the beam.
_CROSS_SECTION_M2 = {
    ActorClass.PERSON: 1.0,
    ActorClass.ANIMAL: 0.5,
    ActorClass.VEHICLE: 10.0,
    ActorClass.TRUCK: 30.0,
    ActorClass.BOAT: 5.0,
    ActorClass.TRAIN: 100.0,
}
_CRAWLS_M2 = 0.2
"""Low in the grass (assumed)."""

NEAREST_M = 50.0
"""Nearer, the transmitter drowns echoes (assumed)."""

BLIND_DEG = 15.0
"""Half of the sector behind it that cabin and mast hide (assumed)."""

BEAM_SIGMAS = 4.0
"""Width of its beam as a multiple of the azimuth's error (assumed)."""

_RANGE_CELL_SIGMAS = np.sqrt(12.0)
"""Length of a range cell: an even distribution over it has the stated error."""

_ELEVATION_DEG = 10.0  # its beam's height, filled with rain (assumed)
_SPEED_CELL_MPS = 0.15
"""Resolution in speed: 0.1 s on a target at 3 cm wavelength."""

_GROUND_DB = -27.0
"""Mean backscatter of low farmland in X band, per square metre (Billingsley, Low-Angle Radar Land
Clutter, 2002: -25 to -30)."""

BIRDS_PER_SCAN = 0.1
"""And echoes from beyond its range (assumed)."""

PLANTS_PER_SCAN = 20.0
"""Times the share of the ground's echo that moves faster than the least speed (assumed)."""

RAIN_PER_SCAN = 0.05
"""Times the rain in mm/h, where the wind carries it along the line of sight (assumed)."""

_TREES = 40  # about it that move in the wind, out to half its range (assumed)
_SPEED_SIGMA_MPS = 0.1
"""Error of the radial speed: a cell (assumed)."""


def moving_share(wind_mps: float) -> tuple[float, float]:
    """Share of the ground's echo that moves with plants, and the shape of its speeds.

    Billingsley's model of windblown trees: ratio of steady to moving part
    489.8 w^-1.55 f^-1.21, speeds exponential with 1/beta = 0.1048 (log10 w + 0.4147); w in
    miles per hour, f in GHz, beta in s/m.

    Returns:
        (share of the power, beta).
    """
    miles = max(wind_mps / 0.44704, 1.0)
    ratio = 489.8 * miles**-1.55 * FREQUENCY_GHZ**-1.21
    return 1.0 / (1.0 + ratio), 1.0 / (0.1048 * (np.log10(miles) + 0.4147))


def detection_probability(signal_to_noise: FloatArray | float) -> FloatArray:
    """Probability of detection of a target that fluctuates from scan to scan (Swerling 1).

    Args:
        signal_to_noise: mean, as ratio of powers, any shape.

    Returns:
        Of that shape.
    """
    ratio = np.asarray(signal_to_noise, dtype=np.float64)
    return np.asarray(FALSE_ALARM ** (1.0 / (1.0 + ratio)))


_HALF = float(np.log(FALSE_ALARM) / np.log(0.5) - 1.0)
"""Signal to noise at which half are detected: 18.9, or 12.8 dB."""


class GroundRadar:
    """One radar.

    Args:
        radar: what it can do, from the site.
        seed: the scene's.
        name: whose it is.
        weather: the scene's.
    """

    def __init__(self, radar: Radar, seed: int, name: str, weather: Weather) -> None:
        """Work out what wind and rain do."""
        self.radar = radar
        self._seed, self._name, self._weather = seed, name, weather
        self._beam_rad = float(np.deg2rad(BEAM_SIGMAS * radar.azimuth_sigma_deg))
        self._cell_m = _RANGE_CELL_SIGMAS * radar.range_sigma_m
        self._share, self._beta = moving_share(weather.wind_mps)
        # The same wind for the whole scene; its direction is not in the scene (drawn).
        self._from = float(seeded(seed, "wind direction").uniform(0.0, 2.0 * np.pi))
        self._trees = lru_cache(maxsize=4)(self._standing)

    def scan(
        self,
        t_s: float,
        place_m: tuple[float, float],
        velocity_mps: FloatArray,
        facing_rad: float,
        everyone: Snapshot,
    ) -> list[Plot]:
        """Give one turn's plots.

        Args:
            t_s: when.
            place_m: where it truly is, (east, north).
            velocity_mps: its own motion, (east, north); it is taken out of what is reported.
            facing_rad: where azimuth 0 truly is, clockwise from grid north.
            everyone: who is where.

        Returns:
            Plots; radial speeds over ground, positive going away.
        """
        draw = seeded(self._seed, "radar", self._name, round(t_s * 1_000))
        return [
            *self._targets(draw, place_m, velocity_mps, facing_rad, everyone),
            *self._clutter(draw, place_m, facing_rad),
        ]

    def least_speed_mps(self, azimuth_rad: FloatArray, speed_mps: float) -> FloatArray:
        """Radial speed below which nothing is seen.

        While it drives, the ground in its beam has a spread of speeds of its own.
        """
        spread = 0.5 * speed_mps * self._beam_rad * np.abs(np.sin(azimuth_rad))
        return np.asarray(self.radar.minimum_speed_mps + spread)

    def noise_m2(
        self, range_m: FloatArray, radial_mps: FloatArray, azimuth_grid_rad: FloatArray
    ) -> FloatArray:
        """Noise and what of clutter lies in a target's cell, as a cross section at its range."""
        receiver = REFERENCE_M2 / _HALF * (range_m / self.radar.range_m) ** 4
        area = range_m * self._beam_rad * self._cell_m
        ground = 10.0 ** (_GROUND_DB / 10.0) * area * self._share
        plants = 0.5 * self._beta * np.exp(-self._beta * np.abs(radial_mps)) * _SPEED_CELL_MPS
        volume = area * range_m * np.deg2rad(_ELEVATION_DEG)
        blown = self._rain_speed(azimuth_grid_rad)
        bell = np.exp(-0.5 * (radial_mps - blown) ** 2) / np.sqrt(2.0 * np.pi)
        rain = rain_reflectivity(self._weather.rain_mm_h) * volume * bell * _SPEED_CELL_MPS
        return np.asarray(receiver + ground * plants + rain)

    def _rain_speed(self, azimuth_grid_rad: FloatArray | float) -> FloatArray:
        """Radial speed of drops, which go with the wind."""
        return np.asarray(-self._weather.wind_mps * np.cos(azimuth_grid_rad - self._from))

    def signal_m2(self, body: Body, range_m: float) -> float:
        """Cross section of a body, less what rain takes on the way there and back."""
        own = _CROSS_SECTION_M2.get(body.actor_class, 0.0)
        if body.behaviour is Behaviour.CRAWL:
            own = _CRAWLS_M2
        # Rain at 10 GHz: 0.01217 R^1.2571 dB/km (ITU-R P.838-3, horizontal polarisation).
        lost_db = 2.0 * 0.01217 * self._weather.rain_mm_h**1.2571 * range_m / 1_000.0
        return float(own * 10.0 ** (-lost_db / 10.0))

    def _targets(
        self,
        draw: np.random.Generator,
        place_m: tuple[float, float],
        velocity_mps: FloatArray,
        facing_rad: float,
        everyone: Snapshot,
    ) -> list[Plot]:
        dx, dy = everyone.east_m - place_m[0], everyone.north_m - place_m[1]
        distance = np.maximum(np.hypot(dx, dy), 1e-6)
        radial = (dx * everyone.velocity_east_mps + dy * everyone.velocity_north_mps) / distance
        bearing = np.arctan2(dx, dy)
        azimuth = (bearing - facing_rad + np.pi) % (2.0 * np.pi) - np.pi
        fast = np.abs(radial) >= self.least_speed_mps(azimuth, float(np.hypot(*velocity_mps)))
        open_ = np.abs(azimuth) < np.pi - np.deg2rad(BLIND_DEG)
        # Beyond twice the range of a car even a train is lost in noise.
        may = (distance > NEAREST_M) & (distance < 2.0 * self.radar.range_m) & fast & open_
        noise = self.noise_m2(distance, radial, bearing)
        plots = []
        for index in np.flatnonzero(may):
            signal = self.signal_m2(everyone.bodies[index], float(distance[index]))
            chance = float(detection_probability(signal / noise[index]))
            errors = draw.normal(size=4)
            if draw.random() >= chance:
                continue
            range_m = float(distance[index]) + self.radar.range_sigma_m * float(errors[0])
            seen_deg = np.rad2deg(azimuth[index]) + self.radar.azimuth_sigma_deg * errors[1]
            speed = float(radial[index]) + _SPEED_SIGMA_MPS * float(errors[2])
            score = min(max(0.3 + 0.6 * chance + 0.05 * float(errors[3]), 0.1), 0.99)
            plots.append(_plot(max(range_m, 1.0), float(seen_deg), speed, score))
        return plots

    def _clutter(
        self, draw: np.random.Generator, place_m: tuple[float, float], facing_rad: float
    ) -> list[Plot]:
        least, plots = self.radar.minimum_speed_mps, list[Plot]()
        faster = self._share * float(np.exp(-self._beta * least))
        birds, plants, drops = draw.poisson(
            (BIRDS_PER_SCAN, PLANTS_PER_SCAN * faster, RAIN_PER_SCAN * self._weather.rain_mm_h)
        )
        for _ in range(birds):
            range_m = self.radar.range_m * float(np.sqrt(draw.uniform(0.001, 1.0)))
            speed = float(draw.choice((-1.0, 1.0)) * draw.uniform(max(least, 2.0), 15.0))
            plots.append(self._false(draw, range_m, draw.uniform(-np.pi, np.pi), speed))
        trees = self._trees(round(place_m[0] / 100.0), round(place_m[1] / 100.0))
        for _ in range(plants):
            range_m, bearing = trees[draw.integers(_TREES)]
            speed = float(draw.choice((-1.0, 1.0)) * (least + draw.exponential(1.0 / self._beta)))
            plots.append(self._false(draw, range_m, bearing - facing_rad, speed))
        for _ in range(drops):
            bearing = draw.uniform(-np.pi, np.pi)
            speed = float(self._rain_speed(bearing) + draw.normal())
            if abs(speed) >= least:
                range_m = draw.uniform(NEAREST_M, 0.4 * self.radar.range_m)
                plots.append(self._false(draw, range_m, bearing - facing_rad, speed))
        return [one for one in plots if abs(one.azimuth_deg) < 180.0 - BLIND_DEG]

    def _standing(self, east: int, north: int) -> FloatArray:
        """Trees about a place, range and bearing, shape (tree, 2): the same while it stands."""
        draw = seeded(self._seed, "trees", self._name, east, north)
        ranges = draw.uniform(2.0 * NEAREST_M, 0.5 * self.radar.range_m, _TREES)
        return np.column_stack((ranges, draw.uniform(-np.pi, np.pi, _TREES)))

    def _false(
        self, draw: np.random.Generator, range_m: float, azimuth_rad: float, speed_mps: float
    ) -> Plot:
        seen = np.rad2deg(azimuth_rad) + draw.normal(0.0, self.radar.azimuth_sigma_deg)
        at = max(range_m + draw.normal(0.0, self.radar.range_sigma_m), 1.0)
        return _plot(float(at), float(seen), speed_mps, draw.uniform(0.1, 0.5))


def rain_reflectivity(rain_mm_h: float) -> float:
    """Cross section of rain in X band, square metres a cubic metre.

    pi^5 |K|^2 Z / lambda^4 with |K|^2 = 0.93 and Marshall and Palmer's Z = 200 R^1.6 mm6/m3.
    """
    wavelength_m = 0.299792458 / FREQUENCY_GHZ
    z_m3 = 200.0 * rain_mm_h**1.6 * 1e-18
    return float(np.pi**5 * 0.93 * z_m3 / wavelength_m**4)


def _plot(range_m: float, azimuth_deg: float, speed_mps: float, score: float) -> Plot:
    return Plot(
        range_m=round(range_m, 2),
        azimuth_deg=round((azimuth_deg + 180.0) % 360.0 - 180.0, 3),
        radial_speed_mps=round(speed_mps, 2),
        object_class=ObjectClass.UNKNOWN,
        score=round(float(score), 3),
    )
