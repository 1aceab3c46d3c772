"""Engines, tyres, trains and saws: what hums, how loud, and how heavy it lies on the ground.

Each kind of hum is a circular table of noise at growing distance, at 1 m's loudness: the loss of
high frequencies is in it, geometric spreading is not. A body plays one or more of them.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.gait import mass_kg
from sensors.simulators.motion import Body, FloatArray, seeded
from sensors.simulators.soil import SOILS, Table

HUM_RATE_HZ = 1_000.0
"""Rate of the tables: twice the fibre's, since what is played faster reads on from sample to
sample."""

HUM_SAMPLES = 16_384
"""16 s: longer than anything that listens for a rhythm."""

HUM_ROWS = 81
"""Distances of a table; between two rows the loss is linear."""

GRAVITY_MPS2 = 9.81
"""Standard gravity, 9.80665 (ISO 80000-3), rounded."""


class Hum(Enum):
    """Kinds of hum: name, and reach of the table in metres.

    Reaches are assumed: about where a hum falls below a calm channel's noise.
    """

    TYRES = ("tyres", 320.0)
    ENGINE = ("engine", 320.0)
    DIESEL = ("diesel", 480.0)
    TRAIN = ("train", 1_600.0)
    SAW = ("saw", 80.0)

    @property
    def reach_m(self) -> float:
        """Beyond this it is not heard."""
        return self.value[1]

    @property
    def step_m(self) -> float:
        """Distance from row to row of the table."""
        return self.reach_m / (HUM_ROWS - 1)


@dataclass(frozen=True)
class Voice:
    """One hum of a body.

    Attributes:
        still: root mean square velocity at 1 m when it does not move, nm/s.
        moving: what 15 m/s add to that.
        power: by which power of the speed.
        pitch: how much faster than the table it is played.
        offset: where in the table it is at time 0, samples.
        behind_m: where on the path it is, behind the body's first point.
    """

    hum: Hum
    still: float
    moving: float
    power: float
    pitch: float
    offset: int
    behind_m: float = 0.0

    def loudness(self, speed_mps: ArrayLike) -> FloatArray:
        """Root mean square velocity at 1 m at speeds of any shape, nm/s."""
        share = np.asarray(speed_mps, dtype=np.float64) / 15.0
        return np.asarray(self.still + self.moving * share**self.power)


@dataclass(frozen=True)
class Rolling:
    """What a body does to the ground besides blows.

    Attributes:
        voices: its hums.
        axles_m: where its weight rests, behind its first point.
        axle_n: weight on each, newtons.
        reach_m: beyond this it is not felt.
    """

    voices: tuple[Voice, ...]
    axles_m: FloatArray
    axle_n: FloatArray
    reach_m: float


CAR_NM_PER_S = 100_000.0
"""Root mean square velocity at 1 m of a car at 15 m/s over a field or a dirt road: 0.02-0.03 mm/s
at 10 m (assumed)."""

ASPHALT = 0.35
"""The same car on an even road, as a share (assumed)."""

TRAIN_NM_PER_S = 600_000.0
"""Of each 40 m of a freight train at 15 m/s, at 1 m: with its neighbours about 0.2 mm/s at 10 m,
0.1-1 mm/s are usual beside railways (assumed)."""

SAW_NM_PER_S = 4_000.0
"""A hand saw on a fence, at its post, while it cuts (assumed)."""

SAW_CABLE_NM_PER_S = 30_000.0
"""The same on the cable itself, over one gauge: there is no soil between (assumed)."""

_LOCO_M = 20.0  # a Bo-Bo electric locomotive over its buffers
_WAGON_M = 17.0  # a freight wagon over its buffers is 14-20 m
_LOCO_KG = 84_000.0  # a Bo-Bo electric locomotive (data sheets)
_WAGON_KG = (24_000.0, 80_000.0)  # empty, and loaded to 20 t an axle (line class C)


@lru_cache(maxsize=2 * len(Hum))
def hum_table(seed: int, hum: Hum) -> Table:
    """Velocity noise of a kind of hum: shape (distance, time at 1 kHz), root mean square 1 at 1 m.

    Circular, 16 s. In the first soil; others are looked up at a distance with the same loss.
    """
    draw = seeded(seed, "hum", hum.value[0])
    frequency = np.arange(HUM_SAMPLES // 2 + 1, dtype=np.float64) * (HUM_RATE_HZ / HUM_SAMPLES)
    spectrum = np.fft.rfft(draw.normal(size=HUM_SAMPLES)) * _colour(hum, frequency)
    spectrum /= np.fft.irfft(spectrum).std()
    table = np.empty((HUM_ROWS, HUM_SAMPLES), dtype=np.float32)
    for row in range(HUM_ROWS):
        away = max(row * hum.step_m - 1.0, 0.0)
        table[row] = scipy.fft.irfft(
            spectrum * np.exp(-SOILS[0].loss_s_per_m * frequency * away), n=HUM_SAMPLES
        )
    return table


def _hump(frequency: FloatArray, middle_hz: float, width: float) -> FloatArray:
    """A hump on a logarithmic frequency axis; width in e-folds."""
    ratio = np.log(np.maximum(frequency, 0.1) / middle_hz) / width
    return np.asarray(np.exp(-0.5 * ratio**2))


def _lines(frequency: FloatArray, first_hz: float, heights: tuple[float, ...]) -> FloatArray:
    """Narrow lines at a frequency and its multiples; turning is steady to 2-3 % (assumed)."""
    lines = np.zeros(frequency.size)
    for multiple, height in enumerate(heights, start=1):
        middle = first_hz * multiple
        lines += height * np.exp(-0.5 * ((frequency - middle) / (0.012 * middle + 0.2)) ** 2)
    return lines


def _colour(hum: Hum, frequency: FloatArray) -> FloatArray:
    """Amplitude spectra; frequencies by how the things are built, heights assumed."""
    match hum:
        case Hum.TYRES:
            # Body bounce at 1.5-2 Hz and wheel hop at 10-15 Hz (vehicle dynamics), tread above.
            return _hump(frequency, 13.0, 0.5) + 0.3 * _hump(frequency, 2.0, 0.3)
        case Hum.ENGINE:
            # Four cylinders, four strokes, 1,700 turns a minute: shaft at 28 Hz, firing at 57 Hz.
            return _lines(frequency, 28.3, (1.0, 1.5, 0.2, 0.6)) + 0.02 * _hump(
                frequency, 60.0, 0.6
            )
        case Hum.DIESEL:
            # Six cylinders at 1,300 turns a minute: shaft at 22 Hz, firing at 65 Hz.
            return _lines(frequency, 21.7, (1.0, 0.3, 1.5, 0.1, 0.1, 0.5)) + 0.03 * _hump(
                frequency, 50.0, 0.6
            )
        case Hum.TRAIN:
            # At 20 m/s sleepers each 0.6 m pass at 33 Hz and axles of a bogie (1.8 m) at 11 Hz;
            # wagons (17 m) at 1.2 Hz and multiples; roughness of wheel and rail in between.
            return (
                _hump(frequency, 18.0, 0.7)
                + _lines(frequency, 33.3, (1.0,))
                + 0.8 * _lines(frequency, 11.1, (1.0, 0.5))
                + 0.5 * _lines(frequency, 1.18, (0.6, 1.0, 1.0, 1.0, 0.8, 0.6))
            )
        case Hum.SAW:
            # Teeth 1.8 mm apart that go at 0.2-0.35 m/s pass at 110-190 Hz (assumed).
            return _hump(frequency, 145.0, 0.22) + 0.1 * _hump(frequency, 60.0, 0.5)


@lru_cache(maxsize=2048)
def rolling(body: Body, *, asphalt: bool = False) -> Rolling | None:
    """Hums and weight of a body; None where it has neither (drones, boats)."""
    draw = seeded(body.seed, "engine", body.name)
    offsets = draw.integers(HUM_SAMPLES, size=128)
    pitch = float(draw.uniform(0.85, 1.2))
    # A standing engine turns at half the speed and makes a tenth of the noise (assumed).
    pitch *= 0.5 if body.behaviour is Behaviour.STAND else 1.0
    match body.actor_class:
        case ActorClass.VEHICLE | ActorClass.TRUCK:
            truck = body.actor_class is ActorClass.TRUCK
            loud = CAR_NM_PER_S * (4.0 if truck else 1.0)
            hum = Hum.DIESEL if truck else Hum.ENGINE
            road = ASPHALT if asphalt else 1.0
            voices = (
                Voice(hum, 0.1 * loud, 0.4 * loud, 1.0, pitch, int(offsets[0])),
                # Tyre noise in the ground grows about as speed to the power of 1.5 (assumed).
                Voice(Hum.TYRES, 0.0, loud * road, 1.5, 1.0, int(offsets[1])),
            )
            # A car of 1.2-2.2 t on two axles, a truck of 8-20 t on three (assumed).
            mass = draw.uniform(8_000.0, 20_000.0) if truck else draw.uniform(1_200.0, 2_200.0)
            axles = np.array([0.0, 4.5, 5.8]) if truck else np.array([0.0, 2.7])
            weight = np.full(axles.size, mass * GRAVITY_MPS2 / axles.size)
            return Rolling(voices, axles, weight, hum.reach_m)
        case ActorClass.TRAIN:
            return None if body.drawn else _train(body, offsets)
        case ActorClass.PERSON | ActorClass.ANIMAL:
            weight = np.array([mass_kg(body) * GRAVITY_MPS2])
            saws = body.behaviour is Behaviour.SAW
            voice = Voice(Hum.SAW, SAW_NM_PER_S, 0.0, 1.0, 1.0, int(offsets[0]))
            reach = 60.0 if saws else 20.0  # a body's weight bends less than 1 nm/s beyond 20 m
            return Rolling((voice,) if saws else (), np.zeros(1), weight, reach)
        case _:
            return None


def train_m(wagons: int) -> NDArray[np.float64]:
    """Where locomotive and wagons begin behind the train's front: shape (1 + wagons,), metres."""
    return np.concatenate(([0.0], _LOCO_M + _WAGON_M * np.arange(wagons)))


def _train(body: Body, offsets: NDArray[np.int64]) -> Rolling:
    """A locomotive with its wagons, 8-32 by chance, each on four axles, full or empty (assumed)."""
    draw = seeded(body.seed, "train", body.name)
    wagons = int(draw.integers(8, 33))
    if body.wagons is not None:
        wagons = body.wagons
    starts = train_m(wagons)
    # Bogies 2.6 m from a wagon's ends, axles 1.8 m apart (UIC standard wagons).
    inside = np.array([1.7, 3.5, _WAGON_M - 3.5, _WAGON_M - 1.7])
    mass = np.where(draw.uniform(size=wagons) < 0.6, _WAGON_KG[1], _WAGON_KG[0])
    each = np.concatenate(([_LOCO_KG], mass)) * GRAVITY_MPS2 / 4.0
    length = float(starts[-1] + _WAGON_M)
    emitters = np.arange(min(20.0, length / 2.0), length, 40.0)
    pitch = float(np.clip(body.speed_mps / 20.0, 0.2, 2.5))
    voices = tuple(
        Voice(
            Hum.TRAIN,
            0.0,
            TRAIN_NM_PER_S,
            1.0,
            pitch,
            int(offsets[index % offsets.size]),
            float(at),
        )
        for index, at in enumerate(emitters)
    )
    return Rolling(
        voices,
        (starts[:, np.newaxis] + inside).ravel(),
        np.repeat(each, 4),
        Hum.TRAIN.reach_m,
    )
