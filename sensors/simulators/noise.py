"""What a fibre says when nothing happens: instrument, restless ground, weather, fading.

Tiles are made once per seed and cut anew for each sensor and time (:mod:`.tiles`). Per channel the
ground is weighted by coupling, the instrument by distance and Rayleigh fading, weather by gusts,
which are functions of channel and time. A recording may take the place of ground and instrument.
"""

from functools import lru_cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

from sensors.simulators.motion import FloatArray, seeded
from sensors.simulators.tiles import (
    BLOCK,
    PIECE,
    TILE_RATE_HZ,
    TILE_ROWS,
    TILE_SIGMA,
    Tile,
    coloured,
    frequencies,
    make_tile,
    place,
    white,
)
from sensors.simulators.weather import Sky, Weather, cover, rain_tile, wind_tile

INSTRUMENT_NEAR = 30.0
"""Root mean square over 0-250 Hz at the interrogator, nanostrain/s. Phase noise of -75 dB
rad^2/Hz (data sheets) over a 10 m gauge is 1.9 picostrain/sqrt(Hz), white; as rate, 27."""

AMBIENT = 60.0
"""Root mean square at coupling 1, nanostrain/s: ground velocity of 0.1 um/s about 15 Hz, a rural
night (assumed). The OptoDAS recording (sea bed) shows 170-900 in all."""

LOSS_DB_PER_KM = 0.38
"""Two ways through fibre of 0.19 dB/km (G.652.D data sheets). A receiver with a local oscillator
has constant noise, so phase noise grows as the light's amplitude, the root of its power, falls."""

COMMON = 4.0
"""Laser phase noise common to all channels, root mean square, nanostrain/s (assumed)."""

JOLTS_PER_HOUR = 4.0
"""Somebody works at the rack or a door slams: the laser and the reference coil shake, which all
channels show at once (assumed, with pitches of 8-60 Hz that die away in 0.05-0.3 s)."""

JOLT = 40.0
"""Median height of a jolt, nanostrain/s (assumed); sigma of the logarithm 0.7."""

BAD_DB = 10.0
"""What a stretch of bad coupling takes off (assumed)."""

COIL_COUPLING = 0.1
"""A slack coil hangs in its box: it hears a tenth of the ground, and no wave travels along it
(assumed)."""

COIL_RAIN = 4.0
"""Rain drums on a box's lid (assumed): as a factor to the fields."""


@lru_cache(maxsize=2)
def ground_tile(seed: int, columns: int) -> Tile:
    """Restless ground.

    Spectrum: the hump of cultural noise at 8-30 Hz and a slow part, shares chosen by eye after
    the spectrum of the OptoDAS recording. Tails: a log-normal envelope over time and channel
    gives a kurtosis of 4-5, as that recording has between 4 and 100 Hz.
    """
    frequency = frequencies()
    hump = np.exp(-0.5 * (np.log(np.maximum(frequency, 0.1) / 15.0) / 0.6) ** 2)
    colour = np.sqrt(hump**2 + 0.02 / (1.0 + frequency**2) + 1e-4)
    colour[0] = 0.0
    slow = np.exp(-0.5 * (frequency / 0.7) ** 2)
    # Waves tie neighbours together over a part of a wavelength. The recordings of
    # docs/simulators/fibre.md show a likeness of gauges that touch of up to 0.2 at 4-12 Hz and up
    # to 0.1 at 12-45 Hz.
    reach = np.minimum(6.0 / np.maximum(frequency, 0.5), 3.0)

    def ground(draw: np.random.Generator, count: int) -> NDArray[np.float32]:
        noise = coloured(white(draw, count), colour, reach)
        envelope = coloured(white(draw, count), slow)
        envelope[:, 1:] += envelope[:, :-1]
        envelope /= envelope.std()
        noise *= np.exp(0.25 * envelope)
        return noise

    return make_tile(seed, "tile", columns, ground)


@lru_cache(maxsize=2)
def instrument_tile(seed: int, columns: int) -> Tile:
    """Instrument: white noise of strain, as rate."""

    def rate(draw: np.random.Generator, count: int) -> NDArray[np.float32]:
        strain = white(draw, count)
        return np.asarray(strain - np.roll(strain, 1, axis=0))

    return make_tile(seed, "instrument", columns, rate)


class Noise:
    """The noise of one interrogator.

    Args:
        seed: the scene's.
        sensor: its name.
        middle: places of all its channels, shape (channel, 2), metres.
        spacing_m: between channels.
        coils: which channels lie in a slack coil; none when None.
        sky: the weather.
    """

    def __init__(
        self,
        seed: int,
        sensor: str,
        middle: FloatArray,
        spacing_m: float,
        coils: NDArray[np.bool_] | None = None,
        sky: Sky | None = None,
    ) -> None:
        """Draw what stays the same all the time."""
        channels = len(middle)
        sky = sky or Sky()
        draw = seeded(seed, "channels", sensor)
        self._tiles = [ground_tile(seed, channels), instrument_tile(seed, channels)]
        self._seed, self._sensor = seed, sensor
        self.coupling = _coupling(draw, channels)
        distance_km = np.arange(channels) * spacing_m / 1_000.0
        self._instrument = (INSTRUMENT_NEAR * 10.0 ** (LOSS_DB_PER_KM * distance_km / 20.0)).astype(
            np.float32
        )
        # Backscatter adds up from many scatterers: amplitude is Rayleigh-distributed along the
        # fibre. It drifts as the soil warms and cools: at 0.4 m the daily wave (15 K at the
        # surface, damped by e each 0.12 m) moves by 0.13 K/h at most, and 10 m of fibre turn by
        # 830 rad/K, which is one turn in 200 s; slower at other hours and depths (assumed).
        still = draw.normal(size=(2, channels))
        moving = draw.normal(size=(2, channels))
        self._fading = np.stack(
            (
                *still,
                *moving,
                2.0 * np.pi / np.exp(draw.uniform(np.log(200.0), np.log(2_000.0), channels)),
                draw.uniform(0.0, 2.0 * np.pi, channels),
            )
        )
        # The laser's frequency noise is 1/f in power; as rate it grows with the root of frequency.
        common = coloured(white(draw, 1), np.sqrt(np.arange(TILE_ROWS // 2 + 1) / TILE_ROWS))[:, 0]
        self._common = common * np.float32(COMMON)
        self._jolts = lru_cache(maxsize=8)(self._jolt)
        in_coils = np.zeros(channels, dtype=bool) if coils is None else coils
        rained = np.where(in_coils, COIL_RAIN, self.coupling)
        self.coupling = np.where(in_coils, COIL_COUPLING, self.coupling).astype(np.float32)
        self._ambient = (AMBIENT * self.coupling).astype(np.float32)
        self._weather = None
        if not sky.is_calm:
            plants = cover(seeded(seed, "plants", sensor), channels, spacing_m) * self.coupling
            self._weather = Weather(seed, sky, middle, plants, rained.astype(np.float32))
            self._tiles += [wind_tile(seed, channels), rain_tile(seed, channels)]

    def gain(self, t_s: float, first: int, count: int) -> NDArray[np.float32]:
        """Instrument noise of each channel at a time, nanostrain/s, shape (count,)."""
        part = slice(first, first + count)
        gain = np.empty(count, dtype=np.float32)
        _gain(self._instrument[part], self._fading[:, part], t_s, gain)
        return gain

    def fill(
        self,
        block: int,
        first: int,
        out: NDArray[np.int16],
        t_s: float,
        dim: NDArray[np.float32] | None = None,
    ) -> None:
        """Write one block of noise.

        Args:
            block: number of the block, counted from the sensor's first sample.
            first: first channel.
            out: shape (BLOCK, channel), counts of 1 nanostrain/s, overwritten.
            t_s: time of the first sample in the scene, for the weather.
            dim: by how much the instrument's noise is raised by lost light, by channel.
        """
        count = out.shape[1]
        part = slice(first, first + count)
        since_s = block * BLOCK / TILE_RATE_HZ
        later_s = BLOCK / TILE_RATE_HZ
        unit = np.float32(1.0 / TILE_SIGMA)
        gains = [
            self._ambient[part] * unit,
            self.gain(since_s, first, count) * unit,
            self.gain(since_s + later_s, first, count) * unit,
        ]
        if dim is not None:
            gains[1], gains[2] = gains[1] * dim, gains[2] * dim
        places = [*self._pieces("ground", block), self._pieces("instrument", block)[1]]
        if self._weather is None:
            _fill(
                self._tiles[0],
                self._tiles[1],
                np.array(places) + np.array([0, first]),
                self._weights(block),
                np.stack(gains),
                out,
            )
            return
        begin, end = self._weather.gains(t_s), self._weather.gains(t_s + later_s)
        gains += [begin[0][part] * unit, end[0][part] * unit]
        gains += [begin[1][part] * unit, end[1][part] * unit]
        places += [*self._pieces("wind", block), self._pieces("rain", block)[1]]
        _fill_in_weather(
            self._tiles[0],
            self._tiles[1],
            self._tiles[2],
            self._tiles[3],
            np.array(places) + np.array([0, first]),
            self._weights(block),
            np.stack(gains),
            out,
        )

    def _weights(self, block: int) -> NDArray[np.float32]:
        """What the falling and the rising piece count, and the common noise: (3, BLOCK)."""
        sample = block * BLOCK
        angle = 0.5 * np.pi * (sample % PIECE + np.arange(BLOCK)) / PIECE
        common = self._common[(sample + np.arange(BLOCK)) % TILE_ROWS]
        minute = int(sample / TILE_RATE_HZ // 60.0)
        for jolt in (self._jolts(minute - 1), self._jolts(minute)):
            common = common + _ring(jolt, sample / TILE_RATE_HZ)
        return np.stack((np.cos(angle), np.sin(angle), common)).astype(np.float32)

    def _jolt(self, minute: int) -> FloatArray:
        """Jolts of a minute: shape (jolt, 4): begin, height, pitch and decay."""
        draw = seeded(self._seed, "jolts", self._sensor, minute)
        count = int(draw.poisson(JOLTS_PER_HOUR / 60.0))
        return np.column_stack(
            (
                60.0 * minute + draw.uniform(0.0, 60.0, count),
                JOLT * np.exp(draw.normal(0.0, 0.7, count)),
                np.exp(draw.uniform(np.log(8.0), np.log(60.0), count)),
                draw.uniform(0.05, 0.3, count),
            )
        )

    def _pieces(self, of: str, block: int) -> tuple[list[int], list[int]]:
        """Where in a tile the falling and the rising piece are at a block: row and column."""
        piece, into = divmod(block * BLOCK, PIECE)
        old_row, old_column = place(self._seed, of, self._sensor, piece - 1)
        new_row, new_column = place(self._seed, of, self._sensor, piece)
        return (
            [(old_row + PIECE + into) % TILE_ROWS, old_column],
            [(new_row + into) % TILE_ROWS, new_column],
        )


def _ring(jolts: FloatArray, since_s: float) -> FloatArray:
    """What jolts do in a block, shape (BLOCK,)."""
    t = since_s + np.arange(BLOCK) / TILE_RATE_HZ
    out = np.zeros(BLOCK)
    for begin, height, pitch, decay in jolts:
        if begin - 0.5 < t[-1] and t[0] < begin + 3.0:
            after = np.maximum(t - begin, 0.0)
            out += height * np.exp(-after / decay) * np.sin(2.0 * np.pi * pitch * after)
    return out


def badly_coupled(seed: int, sensor: str, channels: int) -> NDArray[np.bool_]:
    """Which channels lie in the stretches of bad coupling; slack coils are left aside."""
    return _laid(seeded(seed, "channels", sensor), channels)[1] > 0


def _coupling(draw: np.random.Generator, channels: int) -> NDArray[np.float32]:
    """How much of the ground's strain each channel feels, 0.1-1.5."""
    decibel, bad = _laid(draw, channels)
    decibel -= BAD_DB * bad
    coupling: NDArray[np.float32] = np.clip(10.0 ** (decibel / 20.0), 0.1, 1.5).astype(np.float32)
    return coupling


def _laid(draw: np.random.Generator, channels: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """How well the cable was laid: decibels by channel, and how many bad stretches lie there.

    A log-normal of 3 dB that is alike over about 50 m, and a stretch of bad coupling of some 200 m
    each 10 km, as under a road or in a duct (all assumed: backfill differs by trench and season,
    and no survey of a cable like this one is at hand).
    """
    raw = np.convolve(draw.normal(size=channels + 4), np.ones(5) / np.sqrt(5.0), mode="valid")
    bad = np.zeros(channels, dtype=np.int64)
    for start in draw.integers(0, max(channels - 20, 1), max(channels // 1_000, 0)):
        bad[start : start + 20] += 1
    return 3.0 * raw[:channels], bad


@nb.njit(cache=True, nogil=True)
def _gain(
    instrument: NDArray[np.float32],
    fading: NDArray[np.float64],
    t_s: float,
    out: NDArray[np.float32],
) -> None:
    for c in range(out.size):
        angle = fading[4, c] * t_s + fading[5, c]
        real = fading[0, c] + fading[2, c] * np.cos(angle)
        imaginary = fading[1, c] + fading[3, c] * np.sin(angle)
        # Mean square is 4 for the sum of two unit complex numbers; deaf at worst by a factor 8,
        # since interrogators join several frequencies or polarisations (assumed).
        amplitude = max(np.sqrt(0.25 * (real * real + imaginary * imaginary)), 0.125)
        out[c] = instrument[c] / amplitude


@nb.njit(cache=True, nogil=True)
def _fill_row(
    old: NDArray[np.int16],
    new: NDArray[np.int16],
    own: NDArray[np.int16],
    weights: NDArray[np.float32],
    gains: NDArray[np.float32],
    share: np.float32,
    out: NDArray[np.int16],
) -> None:
    falling, rising, common = weights[0], weights[1], weights[2]
    low, high = np.float32(-32767.0), np.float32(32767.0)
    for c in range(out.size):
        ambient = gains[0, c] * (falling * np.float32(old[c]) + rising * np.float32(new[c]))
        instrument = gains[1, c] + share * (gains[2, c] - gains[1, c])
        value = ambient + instrument * np.float32(own[c]) + common
        out[c] = np.int16(np.rint(min(max(value, low), high)))


@nb.njit(cache=True, nogil=True)
def _weather_row(
    old: NDArray[np.int16],
    new: NDArray[np.int16],
    own: NDArray[np.int16],
    wind_old: NDArray[np.int16],
    wind_new: NDArray[np.int16],
    rain: NDArray[np.int16],
    weights: NDArray[np.float32],
    gains: NDArray[np.float32],
    share: np.float32,
    out: NDArray[np.int16],
) -> None:
    falling, rising, common = weights[0], weights[1], weights[2]
    low, high = np.float32(-32767.0), np.float32(32767.0)
    for c in range(out.size):
        ambient = gains[0, c] * (falling * np.float32(old[c]) + rising * np.float32(new[c]))
        instrument = gains[1, c] + share * (gains[2, c] - gains[1, c])
        wind = gains[3, c] + share * (gains[4, c] - gains[3, c])
        wind *= falling * np.float32(wind_old[c]) + rising * np.float32(wind_new[c])
        drops = (gains[5, c] + share * (gains[6, c] - gains[5, c])) * np.float32(rain[c])
        value = ambient + instrument * np.float32(own[c]) + wind + drops + common
        out[c] = np.int16(np.rint(min(max(value, low), high)))


@nb.njit(cache=True, nogil=True)
def _row(
    tile: NDArray[np.int16], places: NDArray[np.int64], which: int, t: int, count: int
) -> NDArray[np.int16]:
    row, column = (places[which, 0] + t) % tile.shape[0], places[which, 1]
    return tile[row, column : column + count]


@nb.njit(cache=True, nogil=True)
def _fill(
    ground: NDArray[np.int16],
    instrument: NDArray[np.int16],
    places: NDArray[np.int64],
    weights: NDArray[np.float32],
    gains: NDArray[np.float32],
    out: NDArray[np.int16],
) -> None:
    """Write a block.

    ``places`` holds row and column at which the old piece, the new piece and the instrument's
    begin; ``weights`` (3, time) what the old and new piece count and the common noise; ``gains``
    (3, channel) ambient, and the instrument's at begin and end.
    """
    rows, count = out.shape
    for t in range(rows):
        _fill_row(
            _row(ground, places, 0, t, count),
            _row(ground, places, 1, t, count),
            _row(instrument, places, 2, t, count),
            weights[:, t],
            gains,
            np.float32(t) / np.float32(rows),
            out[t],
        )


@nb.njit(cache=True, nogil=True)
def _fill_in_weather(
    ground: NDArray[np.int16],
    instrument: NDArray[np.int16],
    wind: NDArray[np.int16],
    rain: NDArray[np.int16],
    places: NDArray[np.int64],
    weights: NDArray[np.float32],
    gains: NDArray[np.float32],
    out: NDArray[np.int16],
) -> None:
    """Write a block as :func:`_fill` does, with wind and rain.

    ``places`` goes on with the old and new piece of the wind and that of the rain; ``gains`` with
    wind and rain, each at begin and end.
    """
    rows, count = out.shape
    for t in range(rows):
        _weather_row(
            _row(ground, places, 0, t, count),
            _row(ground, places, 1, t, count),
            _row(instrument, places, 2, t, count),
            _row(wind, places, 3, t, count),
            _row(wind, places, 4, t, count),
            _row(rain, places, 5, t, count),
            weights[:, t],
            gains,
            np.float32(t) / np.float32(rows),
            out[t],
        )
