"""What the fibre says about the times of a tap log: power by channel and 50 ms.

For each row only a stretch of cable and a span of time are kept, so memory is bounded by the log,
not by the recording.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt, sosfilt_zi

from geo.errors import CalibrationError
from sensors.messages import FibreFrame

FloatArray = npt.NDArray[np.float64]

CELL_NS = 50_000_000
"""Length of a cell: a blow's wave passes a channel in about two (simulated)."""

BAND_HZ = (10.0, 100.0)
"""Where a hammer's blow is louder than ground, wind and instrument; footsteps lie at 10-60 Hz."""

_LEAST_RATE_HZ = 50.0
_NS = 1_000_000_000


@dataclass(slots=True)
class Listening:
    """A stretch of cable over a span of time.

    Attributes:
        begin_ns: of the first cell.
        first_channel: of the stretch.
        power: mean square in the band, shape (cell, channel); counts times the frame's scale.
        samples: that each cell holds, shape (cell, channel).
    """

    begin_ns: int
    first_channel: int
    power: npt.NDArray[np.float32]
    samples: npt.NDArray[np.uint16]
    _next: tuple[Any, ...] = ()
    _state: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def over(cls, begin_ns: int, end_ns: int, first_channel: int, channels: int) -> "Listening":
        """Make an empty one."""
        shape = (max((end_ns - begin_ns) // CELL_NS, 1), channels)
        return cls(begin_ns, first_channel, np.zeros(shape, np.float32), np.zeros(shape, np.uint16))

    @property
    def end_ns(self) -> int:
        """End of the last cell."""
        return self.begin_ns + len(self.power) * CELL_NS

    @property
    def heard_share(self) -> float:
        """Share of the cells that any sample fell into."""
        return float((self.samples > 0).mean())

    def push(self, frame: FibreFrame) -> None:
        """Take what falls into the stretch and span; a hole in the samples resets the filter."""
        rows, columns = frame.samples.shape
        rate = frame.sample_rate_hz
        begin, end = frame.measured_at_ns, frame.measured_at_ns + round(rows * _NS / rate)
        low = max(self.first_channel, frame.first_channel)
        high = min(self.first_channel + self.power.shape[1], frame.first_channel + columns)
        if end <= self.begin_ns or begin >= self.end_ns or low >= high or not rows:
            return
        samples = frame.samples[:, low - frame.first_channel : high - frame.first_channel]
        values = np.nan_to_num(samples.astype(np.float64), posinf=0.0, neginf=0.0) * frame.scale
        sections = _band(rate)
        expected = (frame.session, frame.first_sample, low, high, rate)
        if expected != self._next:
            self._state = sosfilt_zi(sections)[..., np.newaxis] * values[0]
        filtered, self._state = sosfilt(sections, values, axis=0, zi=self._state)
        self._next = (frame.session, frame.first_sample + rows, low, high, rate)
        offset = np.rint(np.arange(rows) * (_NS / rate)).astype(np.int64)
        cell = (begin - self.begin_ns + offset) // CELL_NS
        inside = (cell >= 0) & (cell < len(self.power))
        if inside.any():
            self._add(
                cell[inside],
                filtered[inside] ** 2,
                slice(low - self.first_channel, high - self.first_channel),
            )

    def _add(self, cell: npt.NDArray[np.int64], square: FloatArray, part: slice) -> None:
        number, first, count = np.unique(cell, return_index=True, return_counts=True)
        before = self.samples[number, part]
        after = before + count[:, np.newaxis].astype(np.uint16)
        total = self.power[number, part] * before + np.add.reduceat(square, first, axis=0)
        self.power[number, part] = total / after
        self.samples[number, part] = after


def listen(frame: FibreFrame, stretches: Sequence[Listening]) -> None:
    """Hand a frame to each stretch.

    Raises:
        CalibrationError: too few samples a second to hear a tap.
    """
    if frame.sample_rate_hz < _LEAST_RATE_HZ:
        raise CalibrationError(
            f"sample_rate_hz is {frame.sample_rate_hz:g}: wanted {_LEAST_RATE_HZ:g} or more to "
            "hear taps; record with a faster setting of the interrogator"
        )
    for one in stretches:
        one.push(frame)


def _band(rate_hz: float) -> FloatArray:
    """Second-order sections of the band, below the Nyquist frequency."""
    high = min(BAND_HZ[1], 0.45 * rate_hz)
    return np.asarray(butter(2, (BAND_HZ[0], high), "bandpass", fs=rate_hz, output="sos"))
