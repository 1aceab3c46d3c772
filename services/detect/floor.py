"""Running floors, common mode and persistence of one fibre sensor."""

from typing import Any

import numpy as np
import numpy.typing as npt

from services.detect.fibre_settings import WINDOW_S, FibreSettings
from services.detect.frontend import F32, FrontEnd, Windows
from services.detect.kernels import RING_SCALE, follow_floor

RING_S = 8.0
"""Length of the ring of cells, for cadence: a dozen steps (assumed)."""

RING = round(RING_S / WINDOW_S)

POWER_S = 0.5
"""Time constant of the power that centroids are taken from."""

_STATE = (
    "floor", "excess", "median", "spread", "score", "common", "middle", "width", "common_middle",
    "common_width", "power",
    "slow", "hold", "ring",
)  # fmt: skip


class Floor:
    """What is usual at each channel, and how far above it each channel is now.

    The score is an exponential mean over ``persist_s`` of cells (log of whitened energy in
    running sigmas, clipped, summed over neighbours, less the region's mean), in running sigmas of
    its own. Clipping and integrating is the persistence test: one heavy-tailed spike moves the
    score by about one sigma, footsteps move it by ten.
    """

    def __init__(self, front: FrontEnd, settings: FibreSettings) -> None:
        """Start with nothing known."""
        self._front = front
        self._settings = settings
        bands, n = len(front.bands), front.shape.channels
        spacing = front.shape.spacing_m
        self.half = (max(1, round(settings.sum_m / spacing)) - 1) // 2
        self.region = max(1, round(0.5 * settings.region_m / spacing))
        self.seen = 0
        """Windows the floor was moved by."""
        self.settling = round(settings.settle_s / WINDOW_S)
        """Windows to leave out still."""
        self.floor: F32 = np.ones((bands, n), np.float32)
        self.excess: F32 = np.ones((bands, n), np.float32)
        self.median: F32 = np.zeros(n, np.float32)
        self.spread: F32 = np.full(n, 0.3, np.float32)
        self.score: F32 = np.zeros(n, np.float32)
        self.common: F32 = np.zeros(n, np.float32)
        self.middle: F32 = np.zeros(n, np.float32)
        self.width: F32 = np.full(n, 0.1, np.float32)
        self.common_middle: F32 = np.zeros(n, np.float32)
        self.common_width: F32 = np.full(n, 0.1, np.float32)
        self.power: F32 = np.zeros(n, np.float32)
        self.slow: F32 = np.ones(n, np.float32)
        self.hold: npt.NDArray[np.int32] = np.zeros(n, np.int32)
        self.ring: npt.NDArray[np.int8] = np.zeros((RING, n), np.int8)
        self._pooled = 0.1
        self._rates = np.array(
            [WINDOW_S / settings.persist_s, WINDOW_S / settings.persist_s, WINDOW_S / POWER_S],
            np.float32,
        )

    @property
    def warm(self) -> bool:
        """Whether the floor is known well enough to judge by."""
        return self.seen * WINDOW_S >= self._settings.warm_up_s

    def reset_filters(self) -> None:
        """Leave the next windows out while filters settle; the floor is kept."""
        self.settling = round(self._settings.settle_s / WINDOW_S)

    def push(self, windows: Windows) -> None:
        """Move on by windows, all of one decision at most."""
        energy, flags, first = windows.energy, windows.flags, windows.first
        left_out = min(self.settling, len(energy))
        self.settling -= left_out
        if left_out == len(energy):
            return
        energy, flags, first = energy[left_out:], flags[left_out:], first + left_out
        if self.seen == 0:
            self.floor[:] = np.maximum(energy[0] + self._front.least[:, np.newaxis], 1e-30)
        count = np.arange(self.seen, self.seen + len(energy))
        # Robbins-Monro: steps of 2/n find a median quickly from anywhere, then walk slowly.
        steps = np.maximum(2.0 / (count + 4.0), self._settings.floor_step).astype(np.float32)
        follow_floor(
            energy,
            flags,
            self._front.weight,
            self._front.least,
            steps,
            self.slow,
            np.where(self.slow < 1.0, self._settings.busy_width_share, 1.0).astype(np.float32),
            self.hold,
            round(2.0 / WINDOW_S),
            self.floor,
            self.excess,
            self.median,
            self.spread,
            self.half,
            self.region,
            self._rates,
            self.score,
            self.common,
            self.middle,
            self.width,
            self.common_middle,
            self.common_width,
            self.power,
            self.ring,
            first % RING,
        )
        was_warm = self.warm
        self.seen += len(energy)
        if self.warm and not was_warm:
            self._calm()

    def _calm(self) -> None:
        """Keep what moved during the warm-up from becoming what is usual.

        A channel that truly is more restless than twice the sensor's median will be learned so
        within minutes.
        """
        for values in (self.spread, self.width):
            np.minimum(values, 2.0 * np.median(values), out=values)
        middle, width = float(np.median(self.middle)), float(np.median(self.width))
        np.minimum(self.middle, middle + 2.0 * width, out=self.middle)

    def scores(self) -> tuple[F32, F32]:
        """How far above its floor each channel is, in sigmas; shape (channel,) twice.

        Returns:
            The score with the region's share taken off, and the score with the common mode put
            back, by which a disturbance of a whole region is known.
        """
        good = self.hold == 0
        if good.any():
            self._pooled = float(np.median(self.width[good]))
        sigma = 1.4826 * np.maximum(self.width, self._pooled)
        own = (self.score - self.middle) / sigma
        # In the common mode's own sigmas, since an interrogator's jitter is always there.
        wide = 1.4826 * np.maximum(self.common_width, 0.05)
        common = np.maximum(self.common - self.common_middle, 0.0) / wide
        off = self._settings.region_share * common
        return np.where(good, own - off, 0.0), np.where(good, own + common, 0.0)

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
