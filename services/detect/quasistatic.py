"""The quasi-static path: how the ground sinks under a load that passes, 0.08 to 1 Hz.

Windows of the front end are its first decimation (a box of 50 ms, 20 Hz), four of them its second
(5 Hz). In this band a vehicle shows as one slow swing on each channel it passes, without the
rumble's fading; it is assumed to be the best band for vehicles.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from services.detect.fibre_settings import WINDOW_S
from services.detect.filters import sections
from services.detect.kernels import F32

QUASI_STATIC_HZ = (0.08, 1.0)
"""Butterworth band-pass of order 2 (assumed)."""

STEP_WINDOWS = 4
"""Windows a step: 0.2 s."""

STEP_S = STEP_WINDOWS * WINDOW_S

ENERGY_STEPS = 3
"""Steps over which energy is averaged: 0.6 s, told anew with each step."""

_ROWS = 8
"""Rows of the state: four of the filters, then unfinished step, last step, two squares."""


@dataclass(frozen=True, slots=True)
class QuasiStatic:
    """Successive steps of the quasi-static path.

    Attributes:
        first: number of the first step; step n is known with window ``4 n + 3`` and covers
            windows ``4 n`` up to that.
        value: shape (step, channel), counts, signed; 0 until a channel has given a whole step.
        energy: mean square of ``value`` over this step and the two before, shape (step, channel).
    """

    first: int
    value: F32
    energy: F32

    def part(self, first_window: int, end_window: int) -> "QuasiStatic":
        """Steps that became known with windows ``first_window`` up to ``end_window - 1``."""
        start = max(first_window // STEP_WINDOWS - self.first, 0)
        stop = max(end_window // STEP_WINDOWS - self.first, 0)
        return QuasiStatic(self.first + start, self.value[start:stop], self.energy[start:stop])


class QuasiStaticPath:
    """Filters and unfinished steps of one sensor, float32.

    A step that lacks windows (the first after a reset) or holds what is not a number is taken to
    be as the one before it, so that it makes no swing of its own.
    """

    def __init__(self, channels: int) -> None:
        """Design the filter; nothing is known of any channel."""
        self._coefficients = sections(QUASI_STATIC_HZ, 1.0 / STEP_S)
        self.state: F32 = np.empty((_ROWS, channels), np.float32)
        """All that is kept between calls; not a number where nothing is known."""
        self.reset()

    def reset(self) -> None:
        """Forget everything; each channel begins as if its first step had stood there forever."""
        self.state[:] = np.nan

    def push(self, first_window: int, means: F32) -> QuasiStatic:
        """Take windows that follow those before, or begin anew after :meth:`reset`.

        Args:
            first_window: number of the first.
            means: mean sample of each window, shape (window, channel).
        """
        first = first_window // STEP_WINDOWS
        steps = (first_window + len(means)) // STEP_WINDOWS - first
        value = np.empty((steps, means.shape[1]), np.float32)
        energy = np.empty_like(value)
        follow_load(
            means, first_window % STEP_WINDOWS, self._coefficients, self.state, value, energy
        )
        return QuasiStatic(first, value, energy)


@njit(cache=True, nogil=True, error_model="numpy")
def _step(
    total: F32, last: F32, p: F32, q: F32, r: F32, s: F32, k: F32, value: F32
) -> None:  # pragma: no cover - compiled
    """Filter one step (direct form II transposed, numerators 1 - z^-2); shapes (channel,)."""
    g, a1, a2, b1, b2 = k[0], k[1], k[2], k[3], k[4]
    zero = np.float32(0.0)
    for c in range(value.size):
        x = total[c] * np.float32(1.0 / STEP_WINDOWS)
        x = x if abs(x) < np.float32(np.inf) else last[c]
        new = np.isnan(last[c])
        v = x * g
        s0 = -v if new else p[c]
        s1 = -v if new else q[c]
        s2 = zero if new else r[c]
        s3 = zero if new else s[c]
        o = v + s0
        y = o + s2
        p[c], q[c] = s1 - a1 * o, -v - a2 * o
        r[c], s[c] = s3 - b1 * y, -o - b2 * y
        last[c] = x
        value[c] = zero if np.isnan(y) else y


@njit(cache=True, nogil=True, error_model="numpy")
def _square(value: F32, before: F32, earlier: F32, energy: F32) -> None:  # pragma: no cover
    """Mean square over three steps; ``before`` and ``earlier`` are the squares of the last two."""
    zero = np.float32(0.0)
    for c in range(value.size):
        new = value[c] * value[c]
        one = zero if np.isnan(before[c]) else before[c]
        two = zero if np.isnan(earlier[c]) else earlier[c]
        energy[c] = (new + one + two) * np.float32(1.0 / ENERGY_STEPS)
        earlier[c] = one
        before[c] = new


@njit(cache=True, nogil=True, error_model="numpy")
def follow_load(
    means: F32, phase: int, coefficients: F32, state: F32, value: F32, energy: F32
) -> None:  # pragma: no cover - compiled
    """Decimate windows to steps and filter these.

    Args:
        means: mean sample of each window, shape (window, channel).
        phase: how many windows of its step lie before the first.
        coefficients: gain, then a1, a2 of both biquads, shape (5,).
        state: kept between calls, shape (8, channel).
        value: filtered steps, shape (step, channel).
        energy: their mean squares, shape (step, channel).
    """
    total, step = state[4], 0
    for w in range(means.shape[0]):
        mean = means[w]
        if (phase + w) % STEP_WINDOWS == 0:
            for c in range(total.size):
                total[c] = mean[c]
        else:
            for c in range(total.size):
                total[c] += mean[c]
        if (phase + w) % STEP_WINDOWS == STEP_WINDOWS - 1:
            _step(
                total, state[5], state[0], state[1], state[2], state[3], coefficients, value[step]
            )
            _square(value[step], state[6], state[7], energy[step])
            step += 1
