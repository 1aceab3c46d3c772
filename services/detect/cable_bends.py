"""Bends: a step of the instrument's noise along the cable, that stays.

A bend lets light out, so everything beyond it is heard with more of the instrument's own noise,
by the same factor on each channel. That noise fills the highest band, where the ground is quiet.
Weather, traffic and fading change it too, but never alike on all channels up to the cable's end.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.detect.cable_levels import Levels
from services.detect.cable_settings import CableStateSettings
from services.detect.frontend import F32

_OUTLIER_NATS = 0.8
"""A channel that changed by more is disturbed by itself and says nothing of a bend; assumed."""

_LEAST_CHANNELS = 15
"""On each side of a step; fewer do not average fading away."""

_SEGMENTS = 6

_HANDS = 4.0
"""Sigma in channels by the hands that made the bend: where they are heard, levels say nothing.
Measured in simulated scenes."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step along the cable.

    Attributes:
        place: first channel beyond it.
        sigma: of that, channels.
        nats: by how much it is louder beyond; negative where it is quieter.
    """

    place: int
    sigma: float
    nats: float


def find_step(change: F32, settings: CableStateSettings) -> Step | None:
    """Find the one place from which on all channels changed alike, and none before it.

    Args:
        change: of log energy, shape (channel,); NaN where not known.
        settings: limits.

    Returns:
        The step, or None where there is none or it is something else.
    """
    index = np.flatnonzero(np.abs(change) < _OUTLIER_NATS)
    count = index.size
    if count < 2 * _LEAST_CHANNELS:
        return None
    value = change[index].astype(np.float64)
    spread = _spread(value)
    before = np.arange(_LEAST_CHANNELS, count - _LEAST_CHANNELS + 1)
    total = np.concatenate(([0.0], np.cumsum(value)))
    near = total[before] / before
    far = (total[-1] - total[before]) / (count - before)
    gain = (far - near) ** 2 * before * (count - before) / count
    best = int(np.argmax(gain))
    split, step = int(before[best]), float(far[best] - near[best])
    size = abs(step)
    if not settings.bend_least_nats <= size <= settings.bend_most_nats:
        return None
    if np.sqrt(gain[best]) < settings.bend_sigmas * spread:
        return None
    if abs(near[best]) > 0.35 * size + 3.0 * spread / np.sqrt(split):
        return None
    if not (_alike(value[:split], size, spread) and _alike(value[split:], size, spread)):
        return None
    # Places of a likelihood of at least exp(-2) of the best's, which is two sigmas to both sides.
    close = before[np.flatnonzero(gain[best] - gain < 4.0 * spread**2)]
    sigma = float(np.hypot(_HANDS, 0.25 * (index[close[-1]] - index[close[0]])))
    return Step(int(index[split]), sigma, step)


def _spread(value: npt.NDArray[np.float64]) -> float:
    """Standard deviation between channels without steps: the larger of two scales' robust ones.

    Neighbours that fade or are rained on together make the differences of means of ten larger.
    """
    fine = _robust(np.diff(value)) * math.sqrt(0.5)
    blocks = value[: value.size // 10 * 10].reshape(-1, 10).mean(axis=1)
    return max(fine, _robust(np.diff(blocks)) * math.sqrt(5.0) if blocks.size >= 10 else 0.0)


def _robust(value: npt.NDArray[np.float64]) -> float:
    """Standard deviation about zero by the median, whatever a few channels do."""
    return 1.4826 * float(np.median(np.abs(value)))


def _alike(value: npt.NDArray[np.float64], size: float, spread: float) -> bool:
    """Whether one side of a step is level all along."""
    parts = np.array_split(value, max(1, min(_SEGMENTS, value.size // _LEAST_CHANNELS)))
    middle = float(np.median(value))
    return all(
        abs(float(np.median(part)) - middle) <= 0.3 * size + 4.0 * spread / np.sqrt(part.size)
        for part in parts
    )


class Bends:
    """Looks for bends once a second, and for their being let go."""

    def __init__(self, settings: CableStateSettings) -> None:
        """Start with none."""
        self._settings = settings
        self.seen: list[int] = []
        self.place = -1
        """First channel beyond the bend that is there now; -1 where there is none."""
        self.sigma = 0.0

    def push(self, beat: int, levels: Levels) -> None:
        """Look at the levels after a beat."""
        if beat % 2:
            return
        settings = self._settings
        change = levels.change(
            beat, round(2.0 * settings.bend_later_s), round(2.0 * settings.bend_between_s)
        )
        step = None if change is None else find_step(change, settings)
        if step is None or (step.nats > 0.0) == (self.place >= 0):
            self.seen = []
            return
        reach = max(5.0, 4.0 * step.sigma)
        if self.place >= 0 and abs(step.place - self.place) > reach + 4.0 * self.sigma:
            self.seen = []
            return
        if self.seen and abs(step.place - self.seen[-1]) > reach:
            self.seen = []
        self.seen.append(step.place)
        if len(self.seen) >= settings.bend_seen:
            self.place = step.place if self.place < 0 else -1
            self.sigma = step.sigma
            self.seen = []
