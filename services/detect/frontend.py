"""From samples to band energies on absolute windows, with filters kept between frames."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detect.fibre_settings import BAND_WEIGHTS, BANDS_HZ, WINDOW_S
from services.detect.filter_kernels import filter_windows
from services.detect.filters import sections
from services.detect.quasistatic import QuasiStatic, QuasiStaticPath

F32 = npt.NDArray[np.float32]


def usable_bands(sample_rate_hz: float) -> tuple[int, ...]:
    """Say which of ``BANDS_HZ`` lie below the Nyquist frequency, with a twentieth to spare."""
    nyquist = 0.5 * sample_rate_hz
    return tuple(i for i, (_, high) in enumerate(BANDS_HZ) if high < 0.95 * nyquist)


@dataclass(frozen=True, slots=True)
class Shape:
    """What may not change without a new start.

    Attributes:
        sample_rate_hz: of the frames.
        channels: how many.
        first_channel: number of the first of them.
        spacing_m: cable distance from one to the next.
        dtype: of the samples.
        scale: nanostrain/s per count.
    """

    sample_rate_hz: float
    channels: int
    first_channel: int
    spacing_m: float
    dtype: str
    scale: float


@dataclass(frozen=True, slots=True)
class Windows:
    """Mean band energies of successive windows.

    Attributes:
        first: number of the first window; window n covers samples ``edge(n)`` up to
            ``edge(n + 1)`` of the session.
        energy: shape (window, band, channel), counts squared.
        flags: faults by bit, shape (window, channel).
        quasi_static: steps of the quasi-static path that became known with these windows.
    """

    first: int
    energy: F32
    flags: npt.NDArray[np.int8]
    quasi_static: QuasiStatic

    def part(self, start: int, stop: int) -> "Windows":
        """Windows ``start`` up to ``stop - 1`` of these, counted from ``first``."""
        return Windows(
            self.first + start,
            self.energy[start:stop],
            self.flags[start:stop],
            self.quasi_static.part(self.first + start, self.first + stop),
        )


class FrontEnd:
    """Band-pass filters and window energies of one sensor, float32."""

    def __init__(self, shape: Shape) -> None:
        """Design the filters for the shape's sample rate."""
        self.shape = shape
        self.bands = usable_bands(shape.sample_rate_hz)
        self.coefficients: F32 = np.array(
            [sections(BANDS_HZ[band], shape.sample_rate_hz) for band in self.bands], np.float32
        ).reshape(len(self.bands), 5)
        weight = np.array([BAND_WEIGHTS[band] for band in self.bands], dtype=np.float64)
        self.weight: F32 = (weight / max(weight.sum(), 1e-9)).astype(np.float32)
        kind = np.dtype(shape.dtype)
        whole = np.issubdtype(kind, np.integer)
        self._limit = np.float32(np.iinfo(kind).max if whole else np.inf)
        # A fifth of the quantisation noise (1/12 count squared, spread evenly up to Nyquist),
        # so that a coarse sensor's empty windows do not become minus infinity.
        nyquist = 0.5 * shape.sample_rate_hz
        widths = [BANDS_HZ[band][1] - BANDS_HZ[band][0] for band in self.bands]
        count = 1.0 / 60.0 if whole else 1e-30
        self.least: F32 = np.array([count * width / nyquist for width in widths], np.float32)
        self.state: F32 = np.zeros((len(self.bands), 4, shape.channels), np.float32)
        self.quasi_static = QuasiStaticPath(shape.channels)
        self.carry: npt.NDArray[Any] = np.empty((0, shape.channels), kind)
        self.next_sample = -1
        """Number of the sample that follows the last one seen; -1 before the first."""

    def edge(self, window: int) -> int:
        """First sample of a window, counted from the session's start."""
        return math.ceil(window * WINDOW_S * self.shape.sample_rate_hz - 1e-6)

    def window_of(self, sample: int) -> int:
        """Number of the first window that begins at a sample or later."""
        window = math.floor(sample / (WINDOW_S * self.shape.sample_rate_hz))
        while self.edge(window) < sample:
            window += 1
        return window

    def reset(self) -> None:
        """Forget filters and unfinished windows; the next samples begin anew."""
        self.carry = self.carry[:0]
        self.next_sample = -1
        self.quasi_static.reset()

    def push(self, first_sample: int, samples: npt.NDArray[Any]) -> Windows | None:
        """Take samples that follow those before, or begin anew after :meth:`reset`.

        Args:
            first_sample: number of the first row, from the session's start.
            samples: shape (time, channel), counts.

        Returns:
            The windows that are complete now, or None.
        """
        if self.next_sample < 0:
            begin = self.edge(self.window_of(first_sample))
            if begin >= first_sample + len(samples):
                return None
            samples = samples[begin - first_sample :]
            first_sample = begin
            self._begin(samples[0])
        self.next_sample = first_sample + len(samples)
        start = first_sample - len(self.carry)
        first = self.window_of(start)
        last = self.window_of(self.next_sample + 1) - 1  # the first window that is not complete
        if last <= first:
            self.carry = np.concatenate((self.carry, samples))
            return None
        edges = np.array([self.edge(window) for window in range(first, last + 1)], np.int64)
        energy = np.empty((last - first, len(self.bands), self.shape.channels), np.float32)
        flags = np.empty((last - first, self.shape.channels), np.int8)
        means = np.empty((last - first, self.shape.channels), np.float32)
        done = 0
        if len(self.carry):
            head = int(edges[1] - first_sample)
            joined = np.concatenate((self.carry, samples[:head]))
            self._filter(joined, edges[:2] - start, energy[:1], flags[:1], means[:1])
            done = 1
        if last - first > done:
            self._filter(
                samples, edges[done:] - first_sample, energy[done:], flags[done:], means[done:]
            )
        self.carry = np.array(samples[int(edges[-1]) - first_sample :])
        return Windows(first, energy, flags, self.quasi_static.push(first, means))

    def _begin(self, row: npt.NDArray[Any]) -> None:
        """Set the states as if the first row had stood there forever: no step to ring on."""
        value = np.nan_to_num(row.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        self.state[:] = 0.0
        self.state[:, 0] = self.state[:, 1] = -self.coefficients[:, :1] * value

    def _filter(
        self,
        samples: npt.NDArray[Any],
        edges: npt.NDArray[np.int64],
        energy: F32,
        flags: npt.NDArray[np.int8],
        means: F32,
    ) -> None:
        view = np.ascontiguousarray(samples).view()
        view.flags.writeable = False  # one compiled kernel for frames and carried rows alike
        filter_windows(
            view, edges, self.coefficients, self.state, self._limit, energy, flags, means
        )
