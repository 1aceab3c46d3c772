"""A real recording as a fibre's background, looped in time and tiled over channels.

The loop's end fades into its beginning, and each copy's last channels into the next copy's first,
with constant power. Copies begin at times of their own, so that nothing happens at once on all of
them.
"""

from dataclasses import dataclass
from fractions import Fraction

import numba as nb
import numpy as np
import scipy.signal
from numpy.typing import ArrayLike, NDArray

from geo.errors import SceneError
from sensors.simulators.motion import seeded
from sensors.simulators.tiles import BLOCK, TILE_RATE_HZ

SHORTEST_S = 2.0
"""A recording shorter than this would drum when it is looped (assumed)."""

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 400.0, 100_000.0
"""Brought to 500 Hz, a slower recording is silent above half its rate, where steps that are
simulated over it would stand against nothing; a faster one is no interrogator's (assumed)."""

MOST_BYTES = 1 << 30
"""A loop larger than this is refused: half of the memory that the whole demo may take."""

FADE_S = 2.0
"""The loop's end fades into its beginning over this long, or a quarter of a short recording
(assumed: eight periods of the lowest band that is listened to)."""

FADE_CHANNELS = 10
"""A copy fades into the next over so many channels, or a quarter of a narrow recording (assumed:
wider than neighbours are alike)."""

_CLIPPED = 0.001  # share of samples beyond int16 that is taken for a wrong unit (assumed)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording made into a loop.

    Attributes:
        loop: shape (time at 500 Hz, channel), nanostrain/s, circular in time.
    """

    loop: NDArray[np.int16]

    @classmethod
    def of(cls, samples: ArrayLike, rate_hz: float, name: str = "background") -> "Recorded":
        """Make a loop of a recording.

        Args:
            samples: shape (time, channel), nanostrain/s.
            rate_hz: its sample rate; brought to 500 Hz.
            name: of the recording, for messages.

        Raises:
            SceneError: too slow, too short, too large, not finite, or not in nanostrain/s.
        """
        given = np.asarray(samples)
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise SceneError(
                f"{name} has {rate_hz:g} samples a second: wanted {LOWEST_RATE_HZ:g} to "
                f"{HIGHEST_RATE_HZ:g}; take a recording of such a rate, not one decimated below it"
            )
        if given.ndim != 2 or given.shape[1] < 1 or len(given) < SHORTEST_S * rate_hz:
            raise SceneError(
                f"{name} holds {given.shape} (time, channel) at {rate_hz:g} Hz: wanted "
                f"{SHORTEST_S:g} s or more of one channel or more; take a longer one"
            )
        if given.size * 2.0 * TILE_RATE_HZ / rate_hz > MOST_BYTES:
            raise SceneError(
                f"{name} holds {given.shape} samples: wanted at most {MOST_BYTES >> 20} MiB at "
                "500 Hz; cut it"
            )
        made = given.astype(np.float32)
        if not np.isfinite(made).all():
            channels = np.flatnonzero(~np.isfinite(made).all(axis=0))
            raise SceneError(
                f"{name} holds values that are not finite in {len(channels)} of {made.shape[1]} "
                f"channels, the first of them {channels[0]}: wanted none; cut these out"
            )
        made = made - made.mean(axis=0)
        ratio = Fraction(TILE_RATE_HZ / rate_hz).limit_denominator(1_000)
        if ratio != 1:
            made = scipy.signal.resample_poly(made, ratio.numerator, ratio.denominator, axis=0)
        made = scipy.signal.detrend(made, axis=0)
        if np.mean(np.abs(made) > 32_767.0) > _CLIPPED:
            raise SceneError(
                f"{name} reaches {np.abs(made).max():.3g} nanostrain/s: wanted at most 32767; "
                "bring it to strain rate"
            )
        loop = np.clip(np.rint(_looped(made)), -32_767.0, 32_767.0)
        return cls(np.ascontiguousarray(loop, dtype=np.int16))


def _looped(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fade the end into the beginning; shorter by the fade."""
    fade = min(int(FADE_S * TILE_RATE_HZ), len(samples) // 4)
    angle = 0.5 * np.pi * (np.arange(fade, dtype=np.float32) + 0.5)[:, np.newaxis] / fade
    loop = samples[:-fade].copy()
    loop[:fade] = np.sin(angle) * samples[:fade] + np.cos(angle) * samples[-fade:]
    return loop


class Tiling:
    """A recording laid along one cable.

    Args:
        recorded: the loop.
        seed: the scene's.
        sensor: its name; each has copies of its own.
        channels: of the cable.
    """

    def __init__(self, recorded: Recorded, seed: int, sensor: str, channels: int) -> None:
        """Draw when each copy begins."""
        self._loop = recorded.loop
        length, width = self._loop.shape
        fade = min(FADE_CHANNELS, width // 4)
        self._stride = width - fade
        angle = 0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1)
        self._rise = np.sin(angle).astype(np.float32)
        copies = channels // self._stride + 1
        # By the golden ratio, near copies begin far apart in the loop.
        begin = float(seeded(seed, "recorded", sensor).uniform())
        self._begins = (
            (begin + np.arange(copies) * 0.5 * (np.sqrt(5.0) - 1.0)) % 1.0 * length
        ).astype(np.int64)

    def fill(self, block: int, first: int, out: NDArray[np.int16]) -> None:
        """Write one block.

        Args:
            block: number of the block, counted from the sensor's first sample.
            first: first channel.
            out: shape (BLOCK, channel), counts of 1 nanostrain/s, overwritten.
        """
        _lay(self._loop, self._begins, self._stride, self._rise, block * BLOCK, first, out)


@nb.njit(cache=True, nogil=True)
def _lay(
    loop: NDArray[np.int16],
    begins: NDArray[np.int64],
    stride: int,
    rise: NDArray[np.float32],
    sample: int,
    first: int,
    out: NDArray[np.int16],
) -> None:
    rows, channels = out.shape
    for copy in range(first // stride, (first + channels - 1) // stride + 1):
        low, high = max(copy * stride, first), min((copy + 1) * stride, first + channels)
        for t in range(rows):
            here = loop[(sample + t + begins[copy]) % loop.shape[0]]
            for c in range(low, high):
                out[t, c - first] = here[c - copy * stride]
            if copy == 0:
                continue
            before = loop[(sample + t + begins[copy - 1]) % loop.shape[0]]
            for c in range(low, min(copy * stride + rise.size, high)):
                column = c - copy * stride
                falling = rise[rise.size - 1 - column]
                value = rise[column] * here[column] + falling * before[stride + column]
                value = min(max(value, np.float32(-32767.0)), np.float32(32767.0))
                out[t, c - first] = np.int16(np.rint(value))
