"""Which stretches of a cable can hear now, and which cannot: cover.

A channel is deaf where nothing comes back, where it is faulty, where it is part of a whole region's
disturbance, where its noise drowns what its neighbours hear (faded), or is far above its own
calmest (weather), and where it hears far less than its surroundings (badly coupled: a duct, a coil
in a box). How well a channel is coupled can only be seen where the ground is heard above the
instrument's noise: far out on a long cable a tap test has to say it.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detect.frontend import F32

LOOK_BEATS = 20
"""Beats between two looks, 10 s."""

_MAIN_BAND = 1
"""12 to 45 Hz, in which footsteps are heard best."""

_RATE = 0.05
"""Of the mean level, a beat: 10 s."""

_MOST_RISE = 4.0
"""A beat counts as so many times the level at most."""

_DROWNED, _DROWNED_OFF = 0.3, 0.45
"""What is left of a sound over the floor by the noise of this channel, as a share of what it is in
its surroundings, by the detector's own weights of the bands. Backscatter that fades to half its
mean amplitude leaves a quarter where the instrument's noise is all there is; assumed."""

_QUIET, _QUIET_OFF = 8.0, 6.0
"""How many times less than its surroundings a badly coupled channel hears (9 dB; installation
changes a signal by up to 10 dB, assumed)."""

_STORM, _STORM_OFF = 16.0, 10.0
"""Energy above the channel's own calmest at which footsteps drown; assumed."""

_CALM_RISE = 1.0 + 1.0 / 2_160.0
"""A look: what is calmest is learned anew within about six hours."""

_SURROUNDINGS_M = 2_000.0
_CELL_M = 100.0
"""Cover is told in such steps, so that its words stay the same while little changes."""

_LOW, _LOW_OFF = 0.5, 0.65
"""Share of a cell's channels, and of half a cell's on each side, that hear: below the first its
cover is lowered, above the second it is whole again."""

_LOOKS = 3
"""Looks for which that has to be so, so that nothing flaps."""

_STATE = ("level", "calm", "deaf", "low", "turning")


@dataclass(frozen=True, slots=True)
class Cover:
    """How much of a cable can hear.

    Attributes:
        share: of its channels.
        stretches: first channel and end of each stretch whose cover is lowered, counted from the
            frames' first channel.
    """

    share: float
    stretches: tuple[tuple[int, int], ...]


class Hearing:
    """Keeps which channels of one sensor can hear."""

    def __init__(self, weight: F32, channels: int, spacing_m: float) -> None:
        """Start with all of them hearing.

        Args:
            weight: of the bands, shape (band,).
            channels: of the sensor.
            spacing_m: between them.
        """
        self._weight = weight / weight.sum()
        self._main = min(_MAIN_BAND, weight.size - 1)
        self._block = max(4, round(_SURROUNDINGS_M / spacing_m))
        self._cell = max(1, round(_CELL_M / spacing_m))
        self.beats = 0
        self.level: F32 = np.zeros((weight.size, channels), np.float32)
        self.calm: F32 = np.full(channels, np.inf, np.float32)
        self.deaf: npt.NDArray[np.bool_] = np.zeros(channels, np.bool_)
        cells = -(-channels // self._cell)
        self.low: npt.NDArray[np.bool_] = np.zeros(cells, np.bool_)
        self.turning: npt.NDArray[np.int8] = np.zeros(cells, np.int8)

    def push(self, energy: F32, blank: npt.NDArray[np.bool_]) -> None:
        """Take a beat.

        Args:
            energy: mean energies, shape (band, channel).
            blank: channels that are faulty or lost, whose level stays as it was.
        """
        rate = np.float32(max(_RATE, 1.0 / (self.beats + 1)))
        if self.beats:
            # One loud beat, such as the first beyond a cut, does not deafen for a minute.
            energy = np.minimum(energy, np.float32(_MOST_RISE) * self.level)
        self.level += np.where(blank, np.float32(0.0), rate * (energy - self.level))
        self.beats += 1

    def look(
        self,
        lost: npt.NDArray[np.bool_],
        blank: npt.NDArray[np.bool_],
        disturbed: npt.NDArray[np.bool_],
    ) -> Cover:
        """Say which channels hear now.

        Args:
            lost: nothing comes back from them.
            blank: faulty.
            disturbed: part of a region's disturbance.
        """
        levels = np.maximum(self.level, np.float32(1e-30))
        level = levels[self._main]
        sound = ~(lost | blank)
        usual = np.stack([self._surroundings(band, sound) for band in levels])
        # What hears far less than its surroundings is not calm.
        taken = sound & (level * _QUIET_OFF >= usual[self._main])
        lower = np.minimum(self.calm * np.float32(_CALM_RISE), level)
        self.calm = np.where(taken, lower, self.calm)
        heard = self._weight @ np.minimum(usual / levels, np.float32(2.0))
        was = self.deaf
        self.deaf = (
            ~sound
            | disturbed
            | (heard < np.where(was, _DROWNED_OFF, _DROWNED))
            | (level * np.where(was, _QUIET_OFF, _QUIET) < usual[self._main])
            | (level > self.calm * np.where(was, _STORM_OFF, _STORM))
        )
        self._turn(lost)
        share = float(np.count_nonzero(~self.deaf)) / self.deaf.size
        return Cover(round(share, 2), self._stretches())

    def _surroundings(self, level: F32, sound: npt.NDArray[np.bool_]) -> F32:
        """Median level about each channel, straight between the middles of blocks."""
        size = level.size
        edges = np.linspace(0, size, max(2, round(size / self._block) + 1)).astype(np.int64)
        middles = [
            float(np.median(known)) if (known := level[low:high][sound[low:high]]).size else np.nan
            for low, high in pairwise(edges)
        ]
        at = 0.5 * (edges[:-1] + edges[1:] - 1)
        fine = np.isfinite(middles)
        if not fine.any():
            return level
        between = np.interp(np.arange(size), at[fine], np.array(middles)[fine])
        return np.asarray(between, np.float32)

    def _turn(self, lost: npt.NDArray[np.bool_]) -> None:
        """Let cells become low, or whole again, where that lasts or nothing comes back."""
        size, cell = self.deaf.size, self._cell
        total = np.concatenate(([0], np.cumsum(~self.deaf)))
        begin = np.arange(self.low.size) * cell
        first, end = np.maximum(begin - cell // 2, 0), np.minimum(begin + cell + cell // 2, size)
        share = (total[end] - total[first]) / (end - first)
        other = np.where(self.low, share > _LOW_OFF, share < _LOW)
        self.turning = np.where(other, self.turning + 1, 0).astype(np.int8)
        turned = (self.turning >= _LOOKS) | (other & lost[begin])
        self.low = self.low ^ turned
        self.turning[turned] = 0

    def _stretches(self) -> tuple[tuple[int, int], ...]:
        index = np.flatnonzero(self.low)
        if not index.size:
            return ()
        split = np.flatnonzero(np.diff(index) > 1) + 1
        first = index[np.concatenate(([0], split))] * self._cell
        last = (index[np.concatenate((split, [index.size])) - 1] + 1) * self._cell
        return tuple(zip(first.tolist(), np.minimum(last, self.deaf.size).tolist(), strict=True))

    def state(self) -> tuple[int, dict[str, npt.NDArray[Any]]]:
        """Beats taken, and arrays of the whole state."""
        return self.beats, {f"cover.{name}": getattr(self, name) for name in _STATE}

    def set_state(self, beats: int, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave."""
        self.beats = beats
        for name in _STATE:
            getattr(self, name)[:] = arrays[f"cover.{name}"]
