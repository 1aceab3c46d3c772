"""Tiles of coloured noise, made once per seed, from which endless noise is cut.

A tile is circular in time. Pieces of it, each from a place drawn by (sensor, piece), overlap by
half with sine weights, so that joins are seamless, power is constant and nothing repeats in order.
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sensors.simulators.motion import FloatArray, seeded

Tile = NDArray[np.int16]

BLOCK = 125
"""Samples rendered at once, on absolute sample numbers: 0.25 s at 500 Hz, a usual frame."""

PIECE = 1_000
"""Samples after which a new piece of a tile sets in, 2 s; a multiple of :data:`BLOCK`."""

TILE_ROWS = 2 * PIECE
"""Circular: 4 s, so that half a hertz has two periods."""

TILE_RATE_HZ = 500.0
"""The fibre's."""

SPARE_COLUMNS = 700
"""A tile is so much wider than a cable: with its rows 1.4 million places from which to begin."""

TILE_SIGMA = 512.0
"""Counts of a tile that stand for one standard deviation; clips at 64."""

_CHUNK = 512
"""Channels that are made at once: what is transformed stays in some ten megabytes."""

Maker = Callable[[np.random.Generator, int], NDArray[np.float32]]
"""Makes noise of shape (TILE_ROWS, channel)."""


def make_tile(seed: int, name: str, columns: int, maker: Maker) -> Tile:
    """Make a tile: shape (TILE_ROWS, columns and a spare), one standard deviation = 512 counts.

    Args:
        seed: the scene's.
        name: of the tile.
        columns: channels of the longest cable that is cut from it.
        maker: makes some hundred channels at a time.
    """
    width = columns + SPARE_COLUMNS
    made = np.empty((TILE_ROWS, width), dtype=np.int16)
    for number, start in enumerate(range(0, width, _CHUNK)):
        stop = min(start + _CHUNK, width)
        noise = maker(seeded(seed, name, number), _CHUNK)
        noise *= np.float32(TILE_SIGMA) / noise.std()
        np.clip(np.rint(noise, out=noise), -32767, 32767, out=noise)
        made[:, start:stop] = noise[:, : stop - start]
    return made


def white(draw: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Draw white noise of shape (TILE_ROWS, count)."""
    return draw.standard_normal((TILE_ROWS, count), dtype=np.float32)


def frequencies() -> FloatArray:
    """Frequencies of a tile's spectrum, hertz."""
    return np.arange(TILE_ROWS // 2 + 1, dtype=np.float64) * (TILE_RATE_HZ / TILE_ROWS)


def coloured(
    noise: NDArray[np.float32], colour: FloatArray, reach: FloatArray | None = None
) -> NDArray[np.float32]:
    """Shape noise by an amplitude spectrum, and tie neighbours together by frequency.

    Args:
        noise: shape (TILE_ROWS, channel).
        colour: amplitude by frequency, as :func:`frequencies`.
        reach: by frequency, channels over which the likeness of neighbours falls to 1/e; none
            are alike when None.

    Returns:
        Noise of standard deviation 1.
    """
    spectrum = scipy.fft.rfft(noise, axis=0)
    if reach is not None:
        keep = np.exp(-1.0 / np.maximum(reach, 1e-3)).astype(np.float32)
        fresh = np.sqrt(1.0 - keep**2)
        for column in range(1, spectrum.shape[1]):
            spectrum[:, column] = fresh * spectrum[:, column] + keep * spectrum[:, column - 1]
    spectrum *= colour[:, np.newaxis].astype(np.float32)
    shaped: NDArray[np.float32] = scipy.fft.irfft(spectrum, n=TILE_ROWS, axis=0)
    shaped /= shaped.std()
    return shaped


def place(seed: int, of: str, sensor: str, piece: int) -> tuple[int, int]:
    """Row and column of the tile at which a piece begins."""
    draw = seeded(seed, of, sensor, piece)
    return int(draw.integers(TILE_ROWS)), int(draw.integers(SPARE_COLUMNS))
