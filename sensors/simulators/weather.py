"""Wind and rain as a buried cable hears them.

Wind shakes plants, and their roots shake the ground: noise that is alike along tens of metres at
low frequencies and over a few at high ones, grows with the wind's speed beyond about 3 m/s, and
comes in gusts that travel with the wind. Rain is many small blows: noise at high frequencies,
without likeness between neighbours, that grows with its rate.
"""

from dataclasses import dataclass
from functools import lru_cache

import numba as nb
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sensors.simulators.motion import FloatArray, seeded
from sensors.simulators.tiles import Tile, coloured, frequencies, make_tile, white


@dataclass(frozen=True)
class Sky:
    """Weather that a cable hears.

    Attributes:
        wind_mps: mean speed 10 m above the ground.
        rain_mm_h: rate.
    """

    wind_mps: float = 0.0
    rain_mm_h: float = 0.0

    @property
    def is_calm(self) -> bool:
        """Whether nothing of it is heard."""
        return self.rain_mm_h <= 0.0 and self.wind_mps <= 0.6 * WIND_FROM_MPS


WIND_FROM_MPS = 3.0
"""Wind below this does not show in the noise at the surface (BSSA 86(5) 1507, 1996)."""

WIND_TREES = 500.0
"""Under trees at a wind of 10 m/s, root mean square, nanostrain/s: 18 dB above a calm night;
20-40 dB at 10-55 Hz are seen at the surface on windy days (BSSA 86(5) 1507, 1996), less at the
depth of a cable (assumed). The excess of speed squared is taken, as the air's pressure goes."""

GUSTS = 0.25
"""Turbulence intensity: sigma of the speed by its mean; 10 m above the ground 1 / ln(10 / z0),
which is 0.19 over fields (z0 = 0.05 m) and 0.29 over hedges and trees (0.3 m; EN 1991-1-4, 4.4)."""

_GUST_CELL_M = 25.0  # plants under one gust; smaller ones are left out (assumed)
_GUST_CELLS = 512  # the map repeats each 12.8 km
_GUST_LENGTH_M = 150.0
"""Of von Karman's spectrum: 1.34 times the integral length, which is 112 m (assumed; EN 1991-1-4,
annex B, has 50-60 m at 10 m for strong wind)."""

RAIN = 25.0
"""At 10 mm/h over the fields, root mean square, nanostrain/s. Drops are heard above 80 Hz from less
than a metre, and burial takes off 8 dB each 0.1 m (The seismic signature of rain, Geophysics 82(5),
2017): 32 dB at 0.4 m. What is left is assumed."""

# Cover of the ground above the cable: how much of the wind it takes, and how much of the route has
# it. Noise by wind grows with the height of the plants (The seismic record of wind in Alaska,
# BSSA); figures assumed. Stretches are 300 m long in the mean.
_COVER = ((0.15, 0.60), (0.45, 0.25), (1.0, 0.15))
_COVER_M = 300.0  # assumed


def cover(draw: np.random.Generator, channels: int, spacing_m: float) -> NDArray[np.float32]:
    """How much of the wind each channel's plants take, 0.15-1, in stretches."""
    stretch = np.cumsum(draw.uniform(size=channels) < spacing_m / _COVER_M)
    shares = np.array([share for _, share in _COVER])
    kinds = draw.choice(len(_COVER), size=int(stretch[-1]) + 1, p=shares)
    takes = np.array([take for take, _ in _COVER])[kinds[stretch]]
    return np.asarray(takes * np.exp(draw.normal(0.0, 0.2, channels)), dtype=np.float32)


@lru_cache(maxsize=2)
def wind_tile(seed: int, columns: int) -> Tile:
    """Noise of shaken plants: trunks and stalks below 10 Hz, twigs and leaves about 25 Hz.

    Likeness along the cable falls to 1/e over half a wavelength at 150 m/s, 10 m channels, and at
    most 60 m: roots of neighbouring plants are shaken by one gust (assumed).
    """
    frequency = frequencies()
    colour = 1.0 / np.sqrt(1.0 + (frequency / 7.0) ** 4)
    colour += 0.25 * np.exp(-0.5 * (np.log(np.maximum(frequency, 0.1) / 25.0) / 0.5) ** 2)
    colour[frequency < 0.5] = 0.0
    reach = np.minimum(7.5 / np.maximum(frequency, 0.5), 6.0)
    return make_tile(seed, "wind", columns, lambda draw, n: coloured(white(draw, n), colour, reach))


@lru_cache(maxsize=2)
def rain_tile(seed: int, columns: int) -> Tile:
    """Noise of drops: a hump about 110 Hz (assumed); few large among many small make the tails."""
    frequency = frequencies()
    colour = np.exp(-0.5 * (np.log(np.maximum(frequency, 0.1) / 110.0) / 0.5) ** 2)

    def drops(draw: np.random.Generator, count: int) -> NDArray[np.float32]:
        size = np.exp(0.7 * white(draw, count))  # sizes of drops are broadly spread (assumed)
        return coloured(white(draw, count) * size, colour)

    return make_tile(seed, "rain", columns, drops)


@lru_cache(maxsize=2)
def gust_map(seed: int) -> NDArray[np.float32]:
    """Gusts over the land: shape (512, 512), cells of 25 m, circular, sigma 1.

    The spectrum falls beyond the length scale as von Karman's of turbulence does: -5/3 along a
    line, -8/3 in the two dimensions of wave numbers.
    """
    wave = 2.0 * np.pi * np.fft.fftfreq(_GUST_CELLS, _GUST_CELL_M)
    square = wave[:, np.newaxis] ** 2 + wave[np.newaxis, : _GUST_CELLS // 2 + 1] ** 2
    shape = (1.0 + square * _GUST_LENGTH_M**2) ** (-8.0 / 12.0)  # of the amplitude: half of -8/3
    spectrum = np.fft.rfft2(seeded(seed, "gusts").normal(size=(_GUST_CELLS, _GUST_CELLS)))
    field = scipy.fft.irfft2(spectrum * shape, s=(_GUST_CELLS, _GUST_CELLS))
    field -= field.mean()
    return np.asarray(field / field.std(), dtype=np.float32)


def rain_share(rate_mm_h: float) -> float:
    """How loud rain of a rate is, by rain of 10 mm/h.

    Power adds up over drops: their number by Marshall and Palmer (J. Meteorol. 5, 165, 1948), each
    with the square of its momentum at its falling speed (Atlas, Rev. Geophys. 11, 1, 1973).
    """
    diameter_mm = np.linspace(0.2, 6.0, 200)
    speed = 9.65 - 10.3 * np.exp(-0.6 * diameter_mm)

    def power(rate: float) -> float:
        number = np.exp(-4.1 * rate**-0.21 * diameter_mm)
        return float((number * speed * (diameter_mm**3 * speed) ** 2).sum())

    return float(np.sqrt(power(rate_mm_h) / power(10.0))) if rate_mm_h > 0.0 else 0.0


class Weather:
    """How loud wind and rain are on each channel at any time.

    Args:
        seed: the scene's; the same gusts pass over all cables.
        sky: the weather.
        middle: places of the channels, shape (channel, 2), metres.
        plants: of :func:`cover`, times the channel's coupling.
        coupling: of the ground, for rain.
    """

    def __init__(
        self,
        seed: int,
        sky: Sky,
        middle: FloatArray,
        plants: NDArray[np.float32],
        coupling: NDArray[np.float32],
    ) -> None:
        """Draw where the wind comes from."""
        self._sky = sky
        self._map = gust_map(seed)
        angle = float(seeded(seed, "wind from").uniform(0.0, 2.0 * np.pi))
        self._way = np.array([np.cos(angle), np.sin(angle)])
        self._cells = middle / _GUST_CELL_M
        self._wind = (WIND_TREES * plants).astype(np.float32)
        self._rain = (RAIN * rain_share(sky.rain_mm_h) * coupling).astype(np.float32)

    def gains(self, t_s: float) -> NDArray[np.float32]:
        """Root mean square of wind and rain at a time: shape (2, channel), nanostrain/s.

        Gusts travel with the mean wind (frozen turbulence); showers thin out and thicken by a
        third, by the same map far off (assumed).
        """
        out = np.empty((2, self._wind.size), dtype=np.float32)
        moved = self._way * (self._sky.wind_mps * t_s / _GUST_CELL_M)
        _loudness(self._map, self._cells, moved, self._sky.wind_mps, self._wind, self._rain, out)
        return out


@nb.njit(cache=True, nogil=True)
def _loudness(
    gusts: NDArray[np.float32],
    cells: FloatArray,
    moved: FloatArray,
    wind_mps: float,
    wind: NDArray[np.float32],
    rain: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    size = gusts.shape[0]
    calm = WIND_FROM_MPS * WIND_FROM_MPS
    unit = 100.0 - calm
    for c in range(out.shape[1]):
        x, y = cells[c, 0] - moved[0], cells[c, 1] - moved[1]
        column, row = int(np.floor(x)), int(np.floor(y))
        dx, dy = x - column, y - row
        column, row = column % size, row % size
        right, up = (column + 1) % size, (row + 1) % size
        low = gusts[row, column] + dx * (gusts[row, right] - gusts[row, column])
        high = gusts[up, column] + dx * (gusts[up, right] - gusts[up, column])
        gust = low + dy * (high - low)
        speed = max(wind_mps * (1.0 + GUSTS * gust), 0.0)
        out[0, c] = wind[c] * max(speed * speed - calm, 0.0) / unit
        far = gusts[(row + size // 2) % size, (column + size // 2) % size]
        out[1, c] = rain[c] * max(1.0 + 0.33 * far, 0.2)
