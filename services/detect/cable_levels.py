"""How loud each channel of a cable is, beat by beat: what its state is judged by.

A beat is half a second of whole energy windows, on absolute window numbers. Nothing here looks at
samples: the front end's window energies are added up once.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from services.detect.frontend import F32, Windows

BEAT = 10
"""Windows a beat."""

MEAN_BEATS = 4
"""Beats in the mean that a cut is judged by: in 2 s even the band from 12 to 45 Hz has some 130
degrees of freedom, so that what is equally loud differs by 0.12 nats."""

TREND_BEATS = 28
"""Beats of which the highest band's level is kept for a bend."""

_LEAST = np.float32(1e-30)
_STATE = ("sums", "totals", "bad", "recent", "recent_of", "trend", "trend_of", "heard", "blank")


class Levels:
    """Energies of one sensor's last beats.

    Attributes:
        beat: number of the beat that is being filled; -1 before the first.
        recent: mean energies of the last beats, shape (MEAN_BEATS, band, channel).
        trend: log energy of the highest band, shape (TREND_BEATS, channel); NaN where not known.
        totals: energies of all bands in the last beat, shape (BEAT, channel).
        blank: faulty for most of the last beat, shape (channel,).
        heard: ever without fault since the start, shape (channel,).
    """

    def __init__(self, bands: int, channels: int) -> None:
        """Start with nothing heard."""
        self.beat = -1
        self.count = 0
        self.sums: F32 = np.zeros((bands, channels), np.float32)
        self.totals: F32 = np.zeros((BEAT, channels), np.float32)
        self.bad: npt.NDArray[np.int16] = np.zeros(channels, np.int16)
        self.recent: F32 = np.zeros((MEAN_BEATS, bands, channels), np.float32)
        self.recent_of: npt.NDArray[np.int64] = np.full(MEAN_BEATS, -1, np.int64)
        self.trend: F32 = np.full((TREND_BEATS, channels), np.nan, np.float32)
        self.trend_of: npt.NDArray[np.int64] = np.full(TREND_BEATS, -1, np.int64)
        self.heard: npt.NDArray[np.bool_] = np.zeros(channels, np.bool_)
        self.blank: npt.NDArray[np.bool_] = np.zeros(channels, np.bool_)

    def push(self, windows: Windows) -> list[int]:
        """Take windows in; say which beats are complete by them."""
        done: list[int] = []
        first, last = windows.first, windows.first + len(windows.energy)
        while first < last:
            beat = first // BEAT
            if beat != self.beat:
                # What a gap left unfinished is judged where it is at least half a beat.
                done += self._close()
                self.beat = beat
            stop = min(last, (beat + 1) * BEAT)
            part = slice(first - windows.first, stop - windows.first)
            add_windows(
                windows.energy[part],
                windows.flags[part],
                first % BEAT,
                self.sums,
                self.totals,
                self.bad,
            )
            self.count += stop - first
            if stop == (beat + 1) * BEAT:
                done += self._close()
            first = stop
        return done

    def energy(self, beat: int) -> F32:
        """Mean energies of one of the last beats, shape (band, channel)."""
        return np.asarray(self.recent[beat % MEAN_BEATS])

    def mean(self, beat: int) -> F32 | None:
        """Mean energies over the last beats, shape (band, channel); None where too few are known.

        Args:
            beat: the last of them.
        """
        known = self.recent_of > beat - MEAN_BEATS
        if np.count_nonzero(known) < MEAN_BEATS - 1:
            return None
        return np.asarray(self.recent[known].mean(axis=0))

    def change(self, beat: int, later: int, between: int) -> F32 | None:
        """How much louder the highest band became, in nats, shape (channel,); NaN where not known.

        Args:
            beat: the last one.
            later: beats of the later mean.
            between: beats left out before it; all others kept make the earlier mean.
        """
        age = beat - self.trend_of
        known = (self.trend_of >= 0) & (age < TREND_BEATS)
        new, old = known & (age < later), known & (age >= later + between)
        if np.count_nonzero(new) < later or 2 * np.count_nonzero(old) < TREND_BEATS - later:
            return None
        return np.asarray(self.trend[new].mean(axis=0) - self.trend[old].mean(axis=0))

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Plain values and arrays of the whole state."""
        arrays = {f"cable.{name}": getattr(self, name) for name in _STATE}
        return {"beat": self.beat, "count": self.count}, arrays

    def set_state(self, values: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave."""
        self.beat, self.count = values["beat"], values["count"]
        for name in _STATE:
            getattr(self, name)[:] = arrays[f"cable.{name}"]

    def _close(self) -> list[int]:
        """Finish the beat that is being filled."""
        count, self.count = self.count, 0
        beat, whole = self.beat, 2 * count >= BEAT
        if whole:
            energy = self.sums / np.float32(count)
            slot = beat % MEAN_BEATS
            self.recent[slot], self.recent_of[slot] = energy, beat
            self.blank = 5 * self.bad >= 4 * count
            self.heard |= ~self.blank
            slot = beat % TREND_BEATS
            level = np.log(energy[-1] + _LEAST)
            self.trend[slot] = np.where(self.bad > 0, np.float32(np.nan), level)
            self.trend_of[slot] = beat
        self.sums[:] = 0.0
        self.bad[:] = 0
        return [beat] if whole else []


@njit(cache=True, nogil=True, error_model="numpy")
def add_windows(
    energy: F32, flags: npt.NDArray[np.int8], slot: int, sums: F32, totals: F32,
    bad: npt.NDArray[np.int16],
) -> None:  # fmt: skip # pragma: no cover - compiled
    """Add windows up.

    Args:
        energy: shape (window, band, channel).
        flags: faults, shape (window, channel).
        slot: row of ``totals`` for the first window.
        sums: by band and channel, added to.
        totals: of all bands, shape (BEAT, channel).
        bad: windows with a fault, shape (channel,), added to.
    """
    for w in range(energy.shape[0]):
        total = totals[slot + w]
        flag = flags[w]
        for c in range(total.size):
            total[c] = 0.0
            bad[c] += np.int16(1) if flag[c] != 0 else np.int16(0)
        for b in range(energy.shape[1]):
            e, s = energy[w, b], sums[b]
            for c in range(total.size):
                s[c] += e[c]
                total[c] += e[c]
