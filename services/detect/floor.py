"""Running floors of one fibre sensor, and the evidence that somebody is there, by channel.

Three kinds of evidence are kept apart until the end, since noise comes by each on its own:

- rhythm: the strongest line between 1.2 and 3.3 Hz in the envelope of each channel and its
  neighbours, over some seconds. Steps keep time; bursts, gusts and fading do not.
- strokes: the same in the highest band between 1.1 and 1.9 Hz: a saw.
- force: energy that lasts, over a short and a long time: vehicles, groups, spades.

What is white in phase is the instrument, whose energy the highest band shows: its share in the
lower ones follows from the filters alone, and is counted with the floor. So fading, which makes
an instrument louder within seconds, is no rise of the ground.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from services.detect.evidence_kernels import add_up, gather, settle, weigh
from services.detect.fibre_settings import BAND_WEIGHTS, SLOW_WEIGHTS, WINDOW_S, FibreSettings
from services.detect.frontend import F32, FrontEnd, Windows
from services.detect.kernels import (
    RING_SCALE,
    SECOND_HIGHEST,
    SLOT,
    SLOT_HIGHEST,
    find_rhythm,
    follow_floor,
    stand_out,
)
from services.detect.object_kernels import hold, measure_unrest, pool, slow_down

RING_S = 8.0
"""Length of the ring of cells, for cadence: a dozen steps (assumed)."""

RING = round(RING_S / WINDOW_S)

SLOTS_A_SECOND = 4

USUAL_SLOT, USUAL_SECOND = (0.14, 0.225), (1.56, 0.17)
"""Median of the log of whitened energy, and its median absolute deviation, of a slot and of the sum
of a second's slots: what quiet noise has after minutes, to begin with."""

USUAL_WIDTH = (0.15, 0.25, 0.13)
"""Median absolute deviations of short, wide and long force, likewise."""

POWER_S = 0.5
"""Time constant of the power that centroids are taken from."""

PACES_HZ = np.arange(1.2, 3.31, 0.0625)
"""Rhythms of feet: walking 1.4-2.4 a second, running to 3.1, crawling 2.0-3.1 contacts (gait
studies). So close together that the worst pace between two loses a tenth at a memory of 5 s."""

STROKES_HZ = np.arange(1.1, 1.91, 0.0625)
"""Strokes of a saw (1.2-1.8 a second, assumed)."""

_STATE = (
    "instrument", "floor", "usual", "median", "spread", "slot_median", "slot_spread", "second",
    "second_median", "second_spread", "power", "high_floor", "bank", "pace_mean",
    "pace_variance", "saw_bank", "saw_mean", "saw_variance", "active", "unrest", "force",
    "force_middle", "force_width", "pace", "strokes", "slow", "hold", "ring", "waiting", "good",
)  # fmt: skip


def instrument_shares(coefficients: F32, sample_rate_hz: float) -> F32:
    """Energy of white phase noise, as rate, in each band by that in the last; shape (band,).

    Zero where the last band lies too low to be the instrument's.

    Args:
        coefficients: of the band-passes, shape (band, 5): gain and a1, a2 of two biquads.
        sample_rate_hz: of the samples.
    """
    at = np.linspace(0.0, np.pi, 4096)[1:-1]
    spectrum = (2.0 * np.sin(0.5 * at)) ** 2
    energy = np.empty(len(coefficients))
    for band, (gain, a1, a2, b1, b2) in enumerate(coefficients.astype(np.float64)):
        below = np.convolve((1.0, a1, a2), (1.0, b1, b2))
        _, response = signal.freqz(gain * np.array((1.0, 0.0, -2.0, 0.0, 1.0)), below, worN=at)
        energy[band] = float((np.abs(response) ** 2 * spectrum).sum())
    if sample_rate_hz < 400.0 or len(energy) < 4:
        return np.zeros(len(energy), np.float32)
    shares: F32 = (energy / energy[-1]).astype(np.float32)
    return shares


def resonators(frequencies_hz: npt.NDArray[np.float64], memory_s: float) -> F32:
    """Rotations of damped resonators: shape (resonator, 6, 2).

    The first row takes a state on by a slot, the others add the slot's windows, oldest first.
    """
    decay = np.exp(-WINDOW_S / memory_s + 2j * np.pi * frequencies_hz * WINDOW_S)
    keys = np.stack([decay**SLOT, *(decay ** (SLOT - 1 - w) for w in range(SLOT))], axis=1)
    return np.stack((keys.real, keys.imag), axis=-1).astype(np.float32)


def _shares(weights: tuple[float, ...], bands: tuple[int, ...]) -> F32:
    """Weights of the bands that there are, adding up to one; shape (band,)."""
    some = np.array([weights[band] for band in bands])
    return (some / max(float(some.sum()), 1e-9)).astype(np.float32)


class Floor:
    """What is usual at each channel, and what speaks for somebody being there now."""

    def __init__(self, front: FrontEnd, settings: FibreSettings) -> None:
        """Start with nothing known."""
        self._front = front
        self._settings = settings
        bands, n = len(front.bands), front.shape.channels
        spacing = front.shape.spacing_m
        self.half = (max(1, round(settings.sum_m / spacing)) - 1) // 2
        self._beside = max(1, self.half)
        self.region = max(1, round(0.5 * settings.region_m / spacing))
        self._guard = max(2, round(settings.guard_m / spacing))
        self._reach = max(8, round(settings.neighbour_m / spacing))
        self._wide_half = max(1, round(settings.vehicle_m / spacing / 2.0))
        self._wide_guard = max(4, round(settings.wide_guard_m / spacing))
        self._wide_reach = max(16, round(settings.wide_m / spacing))
        self.seen = 0
        """Windows the floor was moved by."""
        self.settling = round(settings.settle_s / WINDOW_S)
        """Windows to leave out still."""
        self._kappa = instrument_shares(front.coefficients, front.shape.sample_rate_hz)
        self._weight = _shares(BAND_WEIGHTS, front.bands)
        self._slow_weight = _shares(SLOW_WEIGHTS, front.bands)
        self._keys = resonators(PACES_HZ, settings.pace_s)
        self._saw_keys = resonators(STROKES_HZ, settings.pace_s)
        decay = np.exp(-2.0 * WINDOW_S / settings.pace_s)
        self._unit = np.float32(1.0 - decay)
        self.waiting: F32 = np.zeros((SLOT, bands, n), np.float32)
        """Energies of the slot that is not complete."""
        self.good: F32 = np.zeros((SLOT, n), np.float32)
        """Which of them count."""
        self.instrument: F32 = np.ones(n, np.float32)
        self.floor: F32 = np.ones((bands, n), np.float32)
        """Running medians of energy that the instrument does not explain."""
        self.usual: F32 = np.ones((bands, n), np.float32)
        """Running medians of energy."""
        self.median: F32 = np.zeros(n, np.float32)
        self.spread: F32 = np.full(n, 0.33, np.float32)
        self.slot_median: F32 = np.full(n, USUAL_SLOT[0], np.float32)
        self.slot_spread: F32 = np.full(n, USUAL_SLOT[1], np.float32)
        self.second: F32 = np.zeros(n, np.float32)
        """Sum of the slots of the second that is not complete."""
        self.second_median: F32 = np.full(n, USUAL_SECOND[0], np.float32)
        self.second_spread: F32 = np.full(n, USUAL_SECOND[1], np.float32)
        self.power: F32 = np.zeros(n, np.float32)
        self.high_floor: F32 = np.zeros(n, np.float32)
        self.bank: F32 = np.zeros((len(PACES_HZ), 2, n), np.float32)
        self.pace_mean: F32 = np.zeros(n, np.float32)
        self.pace_variance: F32 = np.ones(n, np.float32)
        self.saw_bank: F32 = np.zeros((len(STROKES_HZ), 2, n), np.float32)
        self.saw_mean: F32 = np.zeros(n, np.float32)
        self.saw_variance: F32 = np.ones(n, np.float32)
        self.active: F32 = np.zeros(n, np.float32)
        self.force: F32 = np.zeros((3, n), np.float32)
        """Short, wide and long."""
        self.force_middle: F32 = np.zeros((3, n), np.float32)
        self.force_width: F32 = np.repeat(np.array(USUAL_WIDTH, np.float32), n).reshape(3, n)
        self.pooled: F32 = np.array(USUAL_WIDTH, np.float32)
        """The sensor's median of those, as of the last scores."""
        self.pace: F32 = np.zeros(n, np.float32)
        self.strokes: F32 = np.zeros(n, np.float32)
        self.slow: F32 = np.ones(n, np.float32)
        self.hold: npt.NDArray[np.int32] = np.zeros(n, np.int32)
        self.ring: npt.NDArray[np.int8] = np.zeros((RING, n), np.int8)
        self._high: F32 = np.zeros((SLOT, n), np.float32)
        self._cells: F32 = np.zeros((SLOT, n), np.float32)
        self._sums: F32 = np.zeros((SLOT, n), np.float32)
        self._slot: F32 = np.zeros(n, np.float32)
        count = max(1, round(n * spacing / 4_000.0))
        self._edges = np.array([round(n * k / count) for k in range(count + 1)], np.int64)
        self._sizes = np.diff(self._edges)
        self.unrest = np.full(count, 0.67)
        """Median size of short force in each region of some 4 km."""
        self._mean: F32 = np.zeros(n, np.float32)
        self._around: F32 = np.zeros((3, n), np.float32)
        self.score: F32 = np.zeros(n, np.float32)
        self._units = np.array(
            [
                settings.pace_unit,
                settings.short_unit,
                settings.wide_unit,
                settings.long_unit,
                settings.others_share,
            ],
            np.float32,
        )
        self._room = np.zeros(n + 1, np.float64)

    @property
    def warm(self) -> bool:
        """Whether the floor is known well enough to judge by."""
        return self.seen * WINDOW_S >= self._settings.warm_up_s

    def reset_filters(self) -> None:
        """Leave the next windows out while filters settle; the floor is kept."""
        self.settling = round(self._settings.settle_s / WINDOW_S)

    def push(self, windows: Windows) -> None:
        """Move on by windows of one slot at most."""
        held = round(2.0 / WINDOW_S)
        for index in range(len(windows.energy)):
            number = windows.first + index
            at = number % SLOT
            hold(windows.flags[index], held, self.settling, self.hold, self.good[at])
            self.settling = max(self.settling - 1, 0)
            self.waiting[at] = windows.energy[index]
            if at == SLOT - 1:
                self._take(number - at)
                self.good[:] = 0.0

    def _take(self, first: int) -> None:
        """Take the slot that begins with a window."""
        if not self.good.any():
            return
        settings = self._settings
        if self.seen == 0:
            self._begin()
        count = np.arange(self.seen, self.seen + SLOT)
        # Robbins-Monro: steps of 2/n find a median quickly from anywhere, then walk slowly.
        steps = np.maximum(2.0 / (count + 4.0), settings.floor_step).astype(np.float32)
        rates = np.array([0.05, WINDOW_S / POWER_S, settings.high_step], np.float32)
        follow_floor(
            self.waiting,
            self.good,
            self._weight,
            self._slow_weight,
            self._front.least,
            self._kappa,
            steps,
            self.slow,
            rates,
            self.instrument,
            self.floor,
            self.usual,
            self.median,
            self.spread,
            self.power,
            self.high_floor,
            self._cells,
            self._high,
            self._mean,
            self.second,
        )
        gather(
            self._cells, self._beside, self.region, self._room, self._sums, self.ring, first % RING
        )
        young = np.float32(max(4.0 / (self.seen + 40.0), settings.variance_step))
        pace_rates = np.array([WINDOW_S / 2.0, young], np.float32)
        find_rhythm(
            self._sums, self._keys, self.bank, self.pace_mean, self.pace_variance, pace_rates,
            self._unit, self.pace,
        )  # fmt: skip
        find_rhythm(
            self._high, self._saw_keys, self.saw_bank, self.saw_mean, self.saw_variance,
            pace_rates, self._unit, self.strokes,
        )  # fmt: skip
        self._add_force(first)
        was_warm = self.warm
        self.seen += SLOT
        if self.warm and not was_warm:
            self._forget_what_moved()

    def _forget_what_moved(self) -> None:
        """Keep what moved during the warm-up from becoming what is usual.

        A channel that truly is more restless will be learned so within a minute.
        """
        for spread in (self.spread, self.slot_spread, self.second_spread, *self.force_width):
            np.minimum(spread, 1.5 * np.median(spread), out=spread)
        for middle in (self.slot_median, self.second_median, *self.force_middle):
            np.minimum(middle, np.median(middle) + 0.2, out=middle)

    def _add_force(self, first: int) -> None:
        """Add the slot to short and wide force, and with a second's last slot that to the long."""
        settings, slot_s = self._settings, SLOT * WINDOW_S
        fine = self.good[SLOT - 1]
        step = np.float32(max(8.0 / (self.seen + 40.0), settings.slot_step))
        rise = np.minimum(np.log(np.maximum(self._mean, 1e-6)) - self.slot_median, 5.0)
        stand_out(
            self._mean, self.slot_median, self.slot_spread, step, self.slow, fine, SLOT_HIGHEST,
            self._slot,
        )  # fmt: skip
        self.active += np.float32(0.125) * (rise * fine - self.active)
        near = (self._beside, self._guard, self._reach)
        around = (self._wide_half, self._wide_guard, self._wide_reach)
        measure_unrest(
            self.force[0], self.force_middle[0], self.force_width[0], self._edges, 0.025,
            self.unrest,
        )  # fmt: skip
        width_step = np.float32(max(8.0 / (self.seen + 40.0), settings.width_step))
        for row, (beside, memory_s) in enumerate(
            ((near, settings.short_s), (around, settings.wide_s))
        ):
            rate = np.float32(slot_s / memory_s)
            add_up(self._slot, *beside, rate, self._room, self._around, self.force[row])
            settle(
                self.force[row], self.force_middle[row], self.force_width[row], width_step,
                self.slow,
            )  # fmt: skip
        if first // SLOT % SLOTS_A_SECOND != SLOTS_A_SECOND - 1:
            return
        stand_out(
            self.second, self.second_median, self.second_spread,
            np.float32(min(SLOTS_A_SECOND * float(step), 0.5)), self.slow, fine, SECOND_HIGHEST,
            self._slot,
        )  # fmt: skip
        self.second[:] = 0.0
        add_up(
            self._slot, *near, np.float32(1.0 / settings.long_s), self._room, self._around,
            self.force[2],
        )  # fmt: skip
        settle(
            self.force[2], self.force_middle[2], self.force_width[2],
            np.float32(SLOTS_A_SECOND) * width_step, self.slow,
        )  # fmt: skip

    def _begin(self) -> None:
        energy = self.waiting + self._front.least[:, np.newaxis]
        fine = self.good.any(axis=0)
        start = np.where(fine, energy.mean(axis=0), 1.0).astype(np.float32)
        self.instrument[:] = start[-1]
        own = self._kappa[:, np.newaxis] * start[-1]
        self.floor[:] = np.maximum(start - own, 0.05 * start)
        self.usual[:] = start
        self.high_floor[:] = np.log(start[-1])

    def scores(self) -> F32:
        """How much speaks for somebody at each channel, shape (channel,); kept until asked anew.

        In units of which each more is e times rarer in quiet noise.
        """
        settings = self._settings
        pool(self.force_width, max(1, self.score.size // 512), self.pooled)
        weigh(
            self.pace,
            self.strokes,
            self.force,
            self.force_middle,
            self.force_width,
            self.pooled,
            self._units,
            self._wide_guard,
            self._wide_reach,
            np.float32(settings.usual_force),
            self._calm(),
            self.hold == 0,
            self._room,
            self._around,
            self.score,
        )
        return self.score

    def _calm(self) -> F32:
        """Factor on force by the weather: below 1 where half of a region's channels are restless.

        By a median, so that what is on a few hundred metres does not count; a short piece of cable
        may be filled by one vehicle and says nothing of the weather.
        """
        usual = self._settings.usual_unrest
        if self._edges[-1] < self._wide_reach * 4:
            return np.ones(self._edges[-1], np.float32)
        factor = np.minimum((usual / np.maximum(self.unrest, 1e-6)) ** 3, 1.0)
        return np.repeat(factor.astype(np.float32), self._sizes)

    def spare(self, objects: list[tuple[int, int]]) -> None:
        """Have floors learn slowly where something with a rhythm is.

        Not where there is only force: what a gust or a machine does must become usual, or the
        detector would never grow quiet there.

        Args:
            objects: first channel and end of each.
        """
        self.slow[:] = 1.0
        stretches = np.array(objects, np.int64).reshape(-1, 2)
        units = np.array([self._settings.pace_unit, self._settings.busy_score])
        slow_down(
            self.pace, self.strokes, stretches, units, self.half + 2, self._settings.busy_share,
            self.slow,
        )  # fmt: skip

    def envelope(self, low: int, high: int, window: int, count: int) -> npt.NDArray[np.float64]:
        """Mean cell over channels low..high - 1 in the last windows, oldest first, in sigmas."""
        slots = np.arange(window - count + 1, window + 1) % RING
        return np.asarray(self.ring[slots, low:high].mean(axis=1) / float(RING_SCALE))

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Plain values and arrays of the whole state."""
        return (
            {"seen": self.seen, "settling": self.settling},
            {name: getattr(self, name) for name in _STATE},
        )

    def set_state(self, values: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave."""
        self.seen, self.settling = values["seen"], values["settling"]
        for name in _STATE:
            getattr(self, name)[:] = arrays[name]
