"""Small disturbances of no importance: what gives real noise its tails.

Soil settles, roots and pipes knock, mice and birds are about, something falls, somebody in the
distance slams a door: short bursts on one to three channels, on some stretches many, on most few.
"""

from functools import lru_cache

import numba as nb
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sensors.simulators.motion import seeded
from sensors.simulators.tiles import BLOCK

Bursts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""First sample from the second's begin, channel, kind, height in nanostrain/s; in order drawn."""

PER_HOUR = 12.0
"""Median over channels of bursts an hour. With the spread it was chosen so that loud half seconds
come about as often as on the recordings of docs/simulators/fibre.md; they differ among
themselves by more than a factor of ten."""

SPREAD = 1.5
"""Sigma of the logarithm of that rate along the cable, alike over about 200 m (assumed)."""

HEIGHT = 90.0
"""Least height at coupling 1, nanostrain/s: one and a half times the restless ground (assumed)."""

STEEPNESS = 1.5
"""Heights are distributed as a power law with this exponent, up to a hundredfold (assumed; sizes
of noise bursts have no scale of their own)."""

_KINDS = 48  # shapes, so that two alike are rare
_SAMPLES = 1_024  # 2 s, as long as the longest burst
_RATE_HZ = 500.0  # the fibre's
SECOND = 500
"""Samples for which bursts are drawn at once."""

BACK = 3
"""Bursts of so many seconds before may still be heard."""


@lru_cache(maxsize=2)
def burst_table(seed: int) -> NDArray[np.float32]:
    """Shapes of bursts: (kind, time at 500 Hz), peak 1.

    A third each: knocks that ring at 12-80 Hz for 0.05-0.3 s, scrapes of 0.3-1 s at 30-150 Hz,
    rumbles of 0.5-2 s at 4-25 Hz (all assumed).
    """
    t = np.arange(_SAMPLES) / _RATE_HZ
    table = np.empty((_KINDS, _SAMPLES), dtype=np.float32)
    frequency = np.fft.rfftfreq(_SAMPLES, 1.0 / _RATE_HZ)
    for kind in range(_KINDS):
        draw = seeded(seed, "burst", kind)
        if kind % 3 == 0:
            decay = draw.uniform(0.02, 0.1)
            pitch = np.exp(draw.uniform(np.log(12.0), np.log(80.0)))
            shape = np.sin(2.0 * np.pi * pitch * t) * np.exp(-t / decay)
        else:
            scrapes = kind % 3 == 1
            lasts = draw.uniform(0.3, 1.0) if scrapes else draw.uniform(0.5, 2.0)
            middle = np.exp(draw.uniform(*np.log((30.0, 150.0) if scrapes else (4.0, 25.0))))
            colour = np.exp(-0.5 * (np.log(np.maximum(frequency, 0.1) / middle) / 0.35) ** 2)
            noise = scipy.fft.irfft(np.fft.rfft(draw.normal(size=_SAMPLES)) * colour, n=_SAMPLES)
            shape = noise * np.clip(np.sin(np.pi * np.minimum(t / lasts, 1.0)), 0.0, None)
        table[kind] = shape / np.abs(shape).max()
    return table


class Restless:
    """The bursts of one cable.

    Args:
        seed: the scene's.
        sensor: its name.
        coupling: of all its channels.
    """

    def __init__(self, seed: int, sensor: str, coupling: NDArray[np.float32]) -> None:
        """Draw which stretches are restless."""
        self._seed, self._sensor = seed, sensor
        self._table = burst_table(seed)
        self._coupling = coupling
        draw = seeded(seed, "restless", sensor)
        alike = np.convolve(draw.normal(size=coupling.size + 20), np.ones(21) / np.sqrt(21.0))
        rate = PER_HOUR * np.exp(SPREAD * alike[20 : 20 + coupling.size])
        self._along = np.cumsum(rate)
        self._bursts = lru_cache(maxsize=BACK + 3)(self._drawn)

    def add(self, block: int, first: int, out: NDArray[np.int16]) -> None:
        """Add the bursts that fall into a block to counts of 1 nanostrain/s.

        Args:
            block: its number.
            first: first channel.
            out: shape (BLOCK, channel).
        """
        sample = block * BLOCK
        second = sample // SECOND
        for earlier in range(second - BACK, second + 1):
            start, channel, kind, height = self._bursts(earlier)
            if start.size:
                _add(
                    self._table,
                    start + earlier * SECOND - sample,
                    channel - first,
                    kind,
                    height,
                    out,
                )

    def _drawn(self, second: int) -> Bursts:
        draw = seeded(self._seed, "bursts", self._sensor, second)
        count = int(draw.poisson(self._along[-1] / 3_600.0))
        channel = np.searchsorted(self._along, draw.uniform(0.0, self._along[-1], count))
        start = draw.integers(SECOND, size=count)
        kind = draw.integers(_KINDS, size=count)
        height = HEIGHT * np.minimum(draw.uniform(1e-6, 1.0, count) ** (-1.0 / STEEPNESS), 100.0)
        sign = draw.choice((-1.0, 1.0), count)
        height = height * sign * self._coupling[channel]
        return start, channel, kind, height.astype(np.float32)


@nb.njit(cache=True, nogil=True)
def _add(
    table: NDArray[np.float32],
    start: NDArray[np.int64],
    channel: NDArray[np.int64],
    kind: NDArray[np.int64],
    height: NDArray[np.float32],
    out: NDArray[np.int16],
) -> None:
    rows, channels = out.shape
    for i in range(start.size):
        begin, end = max(start[i], 0), min(start[i] + table.shape[1], rows)
        if begin >= end:
            continue
        for aside in range(-1, 2):
            c = channel[i] + aside
            if 0 <= c < channels:
                # A source a few metres off is felt by a third in the gauges beside (assumed).
                scale = height[i] * np.float32(1.0 if aside == 0 else -0.35)
                for t in range(begin, end):
                    value = np.float32(out[t, c]) + scale * table[kind[i], t - start[i]]
                    value = min(max(value, np.float32(-32767.0)), np.float32(32767.0))
                    out[t, c] = np.int16(np.rint(value))
