"""One fibre interrogator: raw frames of strain rate.

Samples are made in blocks of 0.25 s on absolute sample numbers, each a function of the scene,
the sensor and the block's number alone; a frame of any length is cut from them, so that cutting
changes no sample.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geo.cable import Cable
from sensors.scenes import ActorClass, Behaviour, CableEvent, Scene
from sensors.simulators.damage import Damage
from sensors.simulators.felt import Felt, Presence
from sensors.simulators.ground import GAUGE_M
from sensors.simulators.motion import Body, FloatArray, Path, seeded
from sensors.simulators.noise import Noise, badly_coupled, ground_tile, instrument_tile
from sensors.simulators.recorded import Recorded, Tiling
from sensors.simulators.restless import Restless
from sensors.simulators.roads import Roads
from sensors.simulators.soil import SOIL_SHARES, SOILS
from sensors.simulators.tiles import BLOCK
from sensors.simulators.weather import Sky

RATE_HZ = 500.0
"""Samples a second: light needs 0.4 ms there and back over 40 km, which allows five times as many;
500 keep what the ground passes on (assumed)."""

SCALE = 1.0
"""Nanostrain/s per count: a thirtieth of the least noise, and what wraps still fits into int16."""

_SOIL_M = 2_000.0
"""Soils change along the route each so many metres in the mean (assumed)."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is about a cable besides the bodies of the scene.

    Attributes:
        sky: the weather.
        events: what is done to this cable.
        start_hour: hour of the day at the scene's start, UTC, by which road and railway beside
            the cable are busy; None leaves them out.
        recorded: a recording in the place of instrument, ground, weather and traffic.
    """

    sky: Sky = field(default_factory=Sky)
    events: tuple[CableEvent, ...] = ()
    start_hour: float | None = None
    recorded: Recorded | None = None

    @classmethod
    def of(cls, scene: Scene, cable: str, recorded: Recorded | None = None) -> Self:
        """Take from a scene what concerns one cable of its site."""
        start = scene.start
        return cls(
            sky=Sky(scene.weather.wind_mps, scene.weather.rain_mm_h),
            events=tuple(one for one in scene.cable_event if one.at_cable == cable),
            start_hour=start.hour + start.minute / 60.0 if scene.roads else None,
            recorded=recorded,
        )


class FibreSimulator:
    """Frames of one interrogator.

    Args:
        seed: the scene's.
        sensor: its name.
        cable: its cable, with the site's geometry.
        bodies: gives the members that may be about between two times (seconds from the start of
            the scene).
        begin_s: time of the first sample, from the scene's start.
        window: first channel and count; the whole cable when None.
        about: what else is about; calm and quiet when None.
    """

    def __init__(
        self,
        seed: int,
        sensor: str,
        cable: Cable,
        bodies: Callable[[float, float], Sequence[Body]],
        begin_s: float = 0.0,
        window: tuple[int, int] | None = None,
        about: Surroundings | None = None,
    ) -> None:
        """Lay out the channels and draw their noise."""
        about = about or Surroundings()
        settings = cable.settings
        channels = settings.channel_count
        self.sensor = sensor
        self.spacing_m = settings.channel_spacing_m
        self.begin_s = begin_s
        self.first_channel, self.channels = window or (0, channels)
        self._bodies = bodies
        ends = _gauge_ends(cable)
        coils = _in_coils(ends)
        middle = 0.5 * (ends[:, 0:2] + ends[:, 2:4])
        self._noise = Noise(seed, sensor, middle, self.spacing_m, coils, about.sky)
        self._recorded: Tiling | None = None
        self._restless: Restless | None = None
        self._roads: Roads | None = None
        if about.recorded is not None:
            self._recorded = Tiling(about.recorded, seed, sensor, channels)
        else:
            self._restless = Restless(seed, sensor, self._noise.coupling)
            if about.start_hour is not None:
                self._roads = Roads(seed, cable, about.start_hour)
        self._damage = Damage(
            seed, sensor, about.events, channels, self.spacing_m, settings.first_channel_m
        )
        part = slice(self.first_channel, self.first_channel + self.channels)
        soils = _soils(seed, sensor, channels, self.spacing_m)
        self._felt = Felt(seed, ends[part], self._noise.coupling[part], soils[part], RATE_HZ)
        self._block = lru_cache(maxsize=2)(self._new_block)
        self._near = lru_cache(maxsize=2)(self._presences)

    def samples(self, first_sample: int, rows: int) -> NDArray[np.int16]:
        """Give any stretch of samples, shape (rows, channels), counts of 1 nanostrain/s.

        A whole block is returned as it is kept: do not write to it.
        """
        block, into = divmod(first_sample, BLOCK)
        if into == 0 and rows == BLOCK:
            return self._block(block)
        out = np.empty((rows, self.channels), dtype=np.int16)
        done = 0
        while done < rows:
            take = min(BLOCK - into, rows - done)
            out[done : done + take] = self._block(block)[into : into + take]
            done, block, into = done + take, block + 1, 0
        return out

    def _new_block(self, block: int) -> NDArray[np.int16]:
        out = np.empty((BLOCK, self.channels), dtype=np.int16)
        first = self.first_channel
        t_s = self.begin_s + block * BLOCK / RATE_HZ
        if self._recorded is not None:
            self._recorded.fill(block, first, out)
        else:
            dim = self._damage.dim(t_s, first, self.channels)
            self._noise.fill(block, first, out, t_s, dim)
        if self._restless is not None:
            self._restless.add(block, first, out)
        for one in self._near(int(np.floor(t_s)) if t_s >= 0.0 else 0):
            self._felt.add(one, t_s, out)
        self._damage.apply(block, t_s, first, out)
        return out

    def _presences(self, second: int) -> tuple[Presence, ...]:
        """Who may be felt on this cable during a second and what follows at once."""
        middle_s = second + 0.5
        found = [
            self._felt.near(body, middle_s) for body in self._bodies(second - 1.5, second + 1.5)
        ]
        if self._roads is not None:
            found += [
                self._felt.near(body, middle_s, asphalt=True)
                for body in self._roads.bodies(second - 1.5, second + 1.5)
            ]
        return tuple(one for one in found if one is not None)


def compile_kernels(seed: int, channels: int = 3_825) -> None:
    """Compile or load every kernel and make a scene's noise, so that no frame has to wait.

    Args:
        seed: of the scene that comes next.
        channels: of its cables.
    """
    few = 4
    samples = np.zeros((BLOCK, few), dtype=np.int16)
    for sky in (Sky(), Sky(wind_mps=8.0, rain_mm_h=1.0)):
        noise = Noise(seed, "compile", np.zeros((few, 2)), GAUGE_M, None, sky)
        noise.fill(0, 0, samples, 0.0)
    Restless(seed, "compile", noise.coupling).add(0, 0, samples)
    Tiling(Recorded.of(np.zeros((1_000, few)), RATE_HZ), seed, "compile", few).fill(0, 0, samples)
    near = GAUGE_M * np.arange(few)
    ends = np.column_stack((near, 0 * near, near + GAUGE_M, 0 * near, 0 * near + 1.0, 0 * near))
    felt = Felt(seed, ends, noise.coupling, np.zeros(few, dtype=np.int64), RATE_HZ)
    path = Path(np.array([0.0, 10.0]), np.array([0.0, 10.0]), np.array([5.0, 5.0]))
    for kind, behaviour in (
        (ActorClass.PERSON, Behaviour.WALK),
        (ActorClass.VEHICLE, Behaviour.DRIVE),
        (ActorClass.TRUCK, Behaviour.DRIVE),
    ):
        one = felt.near(Body("compile", "compile", kind, behaviour, path, seed), 0.5)
        if one is not None:
            felt.add(one, 0.5, samples)
    ground_tile(seed, channels)
    instrument_tile(seed, channels)


def _gauge_ends(cable: Cable) -> FloatArray:
    """Both ends of each channel's gauge and its direction: shape (channel, 6), metres.

    In a slack coil both ends lie at one place and the channel is deaf to the ground (assumed).
    """
    middle = cable.channel_distance(np.arange(cable.settings.channel_count))
    near = cable.place(np.clip(middle - 0.5 * GAUGE_M, 0.0, cable.length_m))
    far = cable.place(np.clip(middle + 0.5 * GAUGE_M, 0.0, cable.length_m))
    dx, dy = far.east_m - near.east_m, far.north_m - near.north_m
    length = np.maximum(np.hypot(dx, dy), 1e-9)
    return np.column_stack(
        (near.east_m, near.north_m, far.east_m, far.north_m, dx / length, dy / length)
    )


def normally_coupled(seed: int, sensor: str, cable: Cable) -> NDArray[np.bool_]:
    """Which channels lie as a cable should: in no slack coil and no stretch of bad coupling."""
    channels = cable.settings.channel_count
    return ~(_in_coils(_gauge_ends(cable)) | badly_coupled(seed, sensor, channels))


def _in_coils(ends: FloatArray) -> NDArray[np.bool_]:
    """Where both ends of the gauge lie at one place, but for what a survey rounds."""
    return np.asarray(np.hypot(*(ends[:, 2:4] - ends[:, 0:2]).T) < 0.5)


def _soils(seed: int, sensor: str, channels: int, spacing_m: float) -> NDArray[np.int64]:
    """Number of each channel's soil, in stretches."""
    draw = seeded(seed, "soils", sensor)
    stretch = np.cumsum(draw.uniform(size=channels) < spacing_m / _SOIL_M)
    return draw.choice(len(SOILS), size=int(stretch[-1]) + 1, p=SOIL_SHARES)[stretch]
