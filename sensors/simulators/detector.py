"""The detector of an uncooled camera: noise of pixels, columns, rows and frames; drift; filter.

Shares of column, row and frame noise, the drift and the filter were set by six clips of a small
uncooled core at 9 frames a second, outdoors (see the test that compares them).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sensors.simulators.flatfield import FlatField
from sensors.simulators.motion import seeded

Float32 = NDArray[np.float32]

# Fields that are made once and moved about: so many that no two frames in a row are alike.
_NOISE_FRAMES, _COLUMN_FRAMES, _FLICKER_FIELDS = 16, 512, 8
_FLICKER_FRAMES = 9  # slow noise is new in each second (fitted to the clips)


@dataclass(frozen=True)
class Core:
    """What a kind of core does to a picture; noise in counts, one sigma.

    Attributes:
        kelvin_per_count: its step.
        pixel: of each pixel, new in each frame, before the filter like all that follow.
        flicker: of each pixel, slower: new in a second, between two such in a straight line.
        column: of each column, new in each frame.
        row: of each row, new in each frame.
        frame: of the whole frame, new in each.
        drift: of the whole picture, over tens of seconds.
        settling: of the whole picture just after a correction.
        pattern: of each pixel, what a flat-field correction leaves.
        pattern_column: of each column, the same.
        ageing: growth of the pattern by the next correction, of the same kind.
        smooth: share of a small change that its temporal filter lets through; 1 has no filter.
        passes: counts from which a change passes the filter.
        rounding: added to a step before it is rounded down.
    """

    kelvin_per_count: float
    pixel: float
    flicker: float
    column: float
    row: float
    frame: float
    drift: float
    settling: float
    pattern: float
    pattern_column: float
    ageing: float
    smooth: float = 1.0
    passes: float = 0.0
    rounding: float = 0.0


SMALL = Core(
    kelvin_per_count=0.025,  # NETD below 50 mK in its data sheet, two counts in the clips
    pixel=2.5,
    flicker=2.6,
    column=1.7,
    row=1.1,
    frame=1.1,
    drift=9.0,
    settling=20.0,  # one clip begins five seconds after a correction, and rises by 48
    pattern=2.5,
    pattern_column=0.3,
    ageing=2.0,
    smooth=0.125,
    passes=5.0,
    rounding=0.3,
)
"""160 x 120 pixels: smooths in time with integer arithmetic, large changes pass. Fitted to the
clips, of which the filter was inferred: two of three pixels do not change from frame to frame."""

LARGE = Core(
    kelvin_per_count=0.01,  # radiometric cores' usual step
    pixel=4.0,  # with the flicker 50 mK, data sheets
    flicker=3.0,
    column=1.0,  # a fifth of the pixels', a usual ratio of the three-dimensional noise model
    row=0.6,
    frame=0.6,
    drift=22.0,
    settling=50.0,
    pattern=6.0,
    pattern_column=1.0,
    ageing=5.0,
)
"""640 x 512 pixels, given out unfiltered: drift and pattern by kelvin as the small core's, noise as
data sheets have it (assumed where it says nothing else)."""


def core_of(width_px: int) -> Core:
    """Choose the core by the picture's width."""
    return SMALL if width_px < 320 else LARGE


class Detector:
    """One camera's detector.

    Args:
        core: its kind.
        shape: (rows, columns).
        seed: the scene's.
        name: the camera's.
        flat_field: when its shutter closes.
    """

    def __init__(
        self, core: Core, shape: tuple[int, int], seed: int, name: str, flat_field: FlatField
    ) -> None:
        """Make the noise that frames are taken from."""
        self.core, self._shape = core, shape
        self._seed, self._name, self._flat_field = seed, name, flat_field
        draw = seeded(seed, "detector", name)
        self._noise = draw.normal(0.0, core.pixel, (_NOISE_FRAMES, *shape)).astype(np.float32)
        fields = draw.normal(0.0, core.flicker, (_FLICKER_FIELDS, *shape))
        self._fields = fields.astype(np.float32)
        self._field = lru_cache(maxsize=3)(self._shifted)
        self._columns = draw.normal(0.0, core.column, (_COLUMN_FRAMES, shape[1]))
        self._rows = draw.normal(0.0, core.row, (_COLUMN_FRAMES, shape[0]))
        ageing = draw.normal(0.0, core.ageing, shape)
        ageing += draw.normal(0.0, core.ageing / 3.0, shape[1])
        self._ageing = ageing.astype(np.float32)
        self._pattern = lru_cache(maxsize=2)(self._left_over)
        # The housing's temperature: slow waves of 20-200 s (assumed).
        self._waves = np.stack(
            (2.0 * np.pi / draw.uniform(20.0, 200.0, 8), draw.uniform(0.0, 2.0 * np.pi, 8))
        )

    def read(self, picture: Float32, number: int, t_s: float) -> Float32:
        """Give a frame's counts, not rounded and before the filter.

        Args:
            picture: what falls on the detector, counts, shape (row, column).
            number: of the frame.
            t_s: its time.
        """
        core = self.core
        draw = seeded(self._seed, "read", self._name, number)
        noise = self._noise[draw.integers(_NOISE_FRAMES)]
        down, aside = (int(draw.integers(one)) for one in self._shape)
        columns = self._columns[draw.integers(_COLUMN_FRAMES)]
        rows = self._rows[draw.integers(_COLUMN_FRAMES)]
        correction = self._flat_field.number(t_s)
        begun = self._flat_field.begins_s(correction)
        age = (t_s - begun) / (self._flat_field.begins_s(correction + 1) - begun)
        # Settles within some seconds, as the clip that begins after a correction.
        level = core.frame * float(draw.normal()) + self.drift(t_s)
        level -= core.settling * float(np.exp(-(t_s - begun) / 4.0))
        knot, since = divmod(number, _FLICKER_FRAMES)
        part = since / _FLICKER_FRAMES
        # Equally strong between two fields as at one.
        weights = np.array([1.0 - part, part]) / np.hypot(part, 1.0 - part)
        out = np.empty(self._shape, np.float32)
        _read(
            picture, noise, down, aside, self._pattern(correction), self._ageing, np.float32(age),
            self._field(knot), self._field(knot + 1), weights.astype(np.float32),
            columns.astype(np.float32), (rows + level).astype(np.float32), out,
        )  # fmt: skip
        return out

    def drift(self, t_s: float) -> float:
        """How far the whole picture has drifted, counts."""
        omega, phase = self._waves
        return float(self.core.drift * 0.5 * np.sin(omega * t_s + phase).sum())

    def _shifted(self, knot: int) -> Float32:
        """Slow noise at a knot: one of a few fields, moved round its edges."""
        draw = seeded(self._seed, "flicker", self._name, knot)
        field = self._fields[draw.integers(_FLICKER_FIELDS)]
        return np.roll(field, tuple(int(draw.integers(one)) for one in self._shape), (0, 1))

    def _left_over(self, correction: int) -> Float32:
        """Pattern that a correction leaves: of pixels and of columns."""
        draw = seeded(self._seed, "pattern", self._name, correction)
        pattern = draw.normal(0.0, self.core.pattern, self._shape)
        pattern += draw.normal(0.0, self.core.pattern_column, self._shape[1])
        return pattern.astype(np.float32)


def smoothed(core: Core, counts: Float32, before: Float32 | None) -> Float32:
    """Give out a frame: whole counts, through the core's temporal filter where it has one."""
    if before is None or core.smooth >= 1.0:
        return np.asarray(np.rint(counts), dtype=np.float32)
    out = np.empty_like(counts)
    _smooth(
        counts, before, np.float32(core.smooth), np.float32(core.passes),
        np.float32(core.rounding), out,
    )  # fmt: skip
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _read(
    picture: Float32,
    noise: Float32,
    down: int,
    aside: int,
    pattern: Float32,
    ageing: Float32,
    age: np.float32,
    before: Float32,
    after: Float32,
    weights: Float32,
    columns: Float32,
    rows: Float32,
    out: Float32,
) -> None:  # pragma: no cover - compiled
    """Add everything; the noise is shifted by (down, aside) round its edges."""
    height, width = picture.shape
    for i in range(height):
        source = noise[(i + down) % height]
        for j in range(width - aside):
            out[i, j] = source[j + aside]
        for j in range(width - aside, width):
            out[i, j] = source[j + aside - width]
        level = rows[i]
        for j in range(width):
            fixed = picture[i, j] + pattern[i, j] + age * ageing[i, j]
            slow = weights[0] * before[i, j] + weights[1] * after[i, j]
            out[i, j] += fixed + slow + columns[j] + level


@njit(cache=True, nogil=True, error_model="numpy")
def _smooth(
    counts: Float32,
    before: Float32,
    share: np.float32,
    passes: np.float32,
    rounding: np.float32,
    out: Float32,
) -> None:  # pragma: no cover - compiled
    """Follow small changes slowly, large ones at once; integer arithmetic rounds down."""
    for i in range(counts.shape[0]):
        for j in range(counts.shape[1]):
            change = counts[i, j] - before[i, j]
            step = share * change
            if change > passes:
                step += (np.float32(1.0) - share) * (change - passes)
            elif change < -passes:
                step += (np.float32(1.0) - share) * (change + passes)
            out[i, j] = before[i, j] + np.floor(step + rounding)


def compile_kernels() -> None:
    """Compile or load this module's kernels before anything waits."""
    small = np.zeros((2, 2), np.float32)
    line = np.zeros(2, np.float32)
    _read(
        small, small, 1, 1, small, small, np.float32(0.0), small, small, line, line, line,
        small.copy(),
    )  # fmt: skip
    _smooth(small, small, np.float32(0.5), np.float32(1.0), np.float32(0.0), small.copy())
