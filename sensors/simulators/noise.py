"""What a fibre says when nothing happens: instrument noise, restless ground, fading.

Two tiles are made once per seed: restless ground (coloured, heavy-tailed) and the instrument.
Pieces of the ground's tile, each from a place in it drawn by (sensor, piece), overlap by half
with sine weights, so that joins are seamless, power is constant, and nothing repeats in order.
Per channel the ground is weighted by coupling, the instrument by distance and Rayleigh fading,
which are functions of channel and time.
"""

from functools import lru_cache

import numba as nb
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sensors.simulators.motion import seeded

BLOCK = 125
"""Samples rendered at once, on absolute sample numbers: 0.25 s at 500 Hz."""

PIECE = 1_000
"""Samples after which a new piece of the tile sets in; a multiple of :data:`BLOCK`."""

TILE_ROWS = 2 * PIECE
_SPARE_COLUMNS = 700
_TILE_SIGMA = 512.0
"""Counts of the tile that stand for one standard deviation; clips at 64."""

INSTRUMENT_NEAR = 30.0
"""Root mean square over 0-250 Hz at the interrogator, nanostrain/s. Phase noise of -75 dB
rad^2/Hz (data sheets) over a 10 m gauge is 1.9 picostrain/sqrt(Hz), white; as rate, 27."""

AMBIENT = 60.0
"""Root mean square at coupling 1, nanostrain/s: ground velocity of 0.1 um/s about 15 Hz, a rural
night (assumed). The OptoDAS recording (sea bed) shows 170-900 in all."""

LOSS_DB_PER_KM = 0.38
"""Two ways through fibre of 0.19 dB/km (G.652.D data sheets); phase noise grows as the
amplitude's square, which is the power, falls."""

COMMON = 4.0
"""Laser phase noise common to all channels, root mean square, nanostrain/s (assumed)."""


@lru_cache(maxsize=2)
def tile(seed: int, columns: int) -> NDArray[np.int16]:
    """Make the ground's tile: shape (TILE_ROWS, columns + a spare), unit sigma = 512 counts.

    Spectrum: the hump of cultural noise at 8-30 Hz and a slow part, shares chosen by eye after
    the spectrum of the OptoDAS recording. Tails: a log-normal envelope over time and channel
    gives a kurtosis of 4-5, as that recording has between 4 and 100 Hz.
    """
    width = columns + _SPARE_COLUMNS
    frequency = np.fft.rfftfreq(TILE_ROWS, 1.0 / 500.0)
    hump = np.exp(-0.5 * (np.log(np.maximum(frequency, 0.1) / 15.0) / 0.6) ** 2)
    colour = np.sqrt(hump**2 + 0.02 / (1.0 + frequency**2) + 1e-4)
    colour[0] = 0.0
    slow = np.exp(-0.5 * (frequency / 0.7) ** 2)
    made = np.empty((TILE_ROWS, width), dtype=np.int16)
    chunk = 512
    for number, start in enumerate(range(0, width, chunk)):
        draw = seeded(seed, "tile", number)
        stop = min(start + chunk, width)
        white = draw.standard_normal((TILE_ROWS, chunk), dtype=np.float32)
        noise = _coloured(white, colour)
        # Overlap of gauges and the ground itself tie neighbours together a little (assumed).
        noise[:, 1:] += 0.2 * noise[:, :-1]
        envelope = _coloured(draw.standard_normal((TILE_ROWS, chunk), dtype=np.float32), slow)
        envelope[:, 1:] += envelope[:, :-1]
        envelope /= envelope.std()
        noise *= np.exp(0.4 * envelope)
        noise *= _TILE_SIGMA / noise.std()
        np.clip(np.rint(noise, out=noise), -32767, 32767, out=noise)
        made[:, start:stop] = noise[:, : stop - start]
    return made


@lru_cache(maxsize=2)
def instrument_tile(seed: int, columns: int) -> NDArray[np.int16]:
    """Make the instrument's tile: white strain noise as rate; shape and unit as :func:`tile`."""
    width = columns + _SPARE_COLUMNS
    made = np.empty((TILE_ROWS, width), dtype=np.int16)
    for start in range(0, width, 512):
        draw = seeded(seed, "instrument", start)
        strain = draw.standard_normal((TILE_ROWS, 512), dtype=np.float32)
        rate = (strain - np.roll(strain, 1, axis=0)) * np.float32(_TILE_SIGMA / np.sqrt(2.0))
        made[:, start : start + 512] = np.rint(rate)[:, : width - start]
    return made


def _coloured(white: NDArray[np.float32], colour: NDArray[np.float64]) -> NDArray[np.float32]:
    spectrum = scipy.fft.rfft(white, axis=0)
    spectrum *= colour[:, np.newaxis].astype(np.float32)
    shaped: NDArray[np.float32] = scipy.fft.irfft(spectrum, n=len(white), axis=0)
    shaped /= shaped.std()
    return shaped


class Noise:
    """The noise of one interrogator.

    Args:
        seed: the scene's.
        sensor: its name.
        channels: how many it has.
        spacing_m: between channels.
    """

    def __init__(self, seed: int, sensor: str, channels: int, spacing_m: float) -> None:
        """Draw what stays the same all the time."""
        draw = seeded(seed, "channels", sensor)
        self._tile = tile(seed, channels)
        self._instrument_tile = instrument_tile(seed, channels)
        self._seed, self._sensor = seed, sensor
        self.coupling = _coupling(draw, channels)
        distance_km = np.arange(channels) * spacing_m / 1_000.0
        self._instrument = (INSTRUMENT_NEAR * 10.0 ** (LOSS_DB_PER_KM * distance_km / 20.0)).astype(
            np.float32
        )
        self._ambient = (AMBIENT * self.coupling).astype(np.float32)
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
        common = _coloured(
            draw.standard_normal((TILE_ROWS, 1), dtype=np.float32),
            np.sqrt(np.arange(TILE_ROWS // 2 + 1) / TILE_ROWS),
        )[:, 0]
        self._common = common * np.float32(COMMON)

    def gain(self, t_s: float, first: int, count: int) -> NDArray[np.float32]:
        """Instrument noise of each channel at a time, nanostrain/s, shape (count,)."""
        part = slice(first, first + count)
        gain = np.empty(count, dtype=np.float32)
        _gain(self._instrument[part], self._fading[:, part], t_s, gain)
        return gain

    def fill(self, block: int, first: int, out: NDArray[np.int16], rate_hz: float) -> None:
        """Write one block of noise.

        Args:
            block: number of the block, counted from the sensor's first sample.
            first: first channel.
            out: shape (BLOCK, channel), counts of 1 nanostrain/s, overwritten.
            rate_hz: sample rate.
        """
        count = out.shape[1]
        sample = block * BLOCK
        piece, into = divmod(sample, PIECE)
        old_row, old_column = self._place("ground", piece - 1)
        new_row, new_column = self._place("ground", piece)
        own_row, own_column = self._place("instrument", piece)
        angle = 0.5 * np.pi * (into + np.arange(BLOCK)) / PIECE
        rise = (sample + np.arange(BLOCK)) % TILE_ROWS
        unit = np.float32(1.0 / _TILE_SIGMA)
        _fill(
            self._tile,
            self._instrument_tile,
            np.array(
                [
                    [(old_row + PIECE + into) % TILE_ROWS, old_column + first],
                    [(new_row + into) % TILE_ROWS, new_column + first],
                    [(own_row + into) % TILE_ROWS, own_column + first],
                ]
            ),
            np.stack((np.cos(angle), np.sin(angle), self._common[rise])).astype(np.float32),
            np.stack(
                (
                    self._ambient[first : first + count] * unit,
                    self.gain(sample / rate_hz, first, count) * unit,
                    self.gain((sample + BLOCK) / rate_hz, first, count) * unit,
                )
            ),
            out,
        )

    def _place(self, of: str, piece: int) -> tuple[int, int]:
        draw = seeded(self._seed, of, self._sensor, piece)
        return int(draw.integers(TILE_ROWS)), int(draw.integers(_SPARE_COLUMNS))


def _coupling(draw: np.random.Generator, channels: int) -> NDArray[np.float32]:
    """How much of the ground's strain each channel feels, 0.1-1.5.

    Installation changes the signal by up to 10 dB along a cable (field notes): a log-normal of
    3 dB that is alike over about 50 m, and a stretch of bad coupling (-10 dB) of some 200 m each
    10 km, as under a road or in a duct (assumed).
    """
    raw = np.convolve(draw.normal(size=channels + 4), np.ones(5) / np.sqrt(5.0), mode="valid")
    decibel = 3.0 * raw[:channels]
    for start in draw.integers(0, max(channels - 20, 1), max(channels // 1_000, 0)):
        decibel[start : start + 20] -= 10.0
    coupling: NDArray[np.float32] = np.clip(10.0 ** (decibel / 20.0), 0.1, 1.5).astype(np.float32)
    return coupling


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
    height = ground.shape[0]
    for t in range(rows):
        _fill_row(
            ground[(places[0, 0] + t) % height, places[0, 1] : places[0, 1] + count],
            ground[(places[1, 0] + t) % height, places[1, 1] : places[1, 1] + count],
            instrument[(places[2, 0] + t) % height, places[2, 1] : places[2, 1] + count],
            weights[:, t],
            gains,
            np.float32(t) / np.float32(rows),
            out[t],
        )
