"""What is done to a cable: cut, bent, unplugged.

Beyond a cut or an open plug no light comes back: the phase is any, at each sample anew, so the
rate is spread evenly over the range that one sample to the next can show, alike on no two
channels. A bend lets light out, so the instrument's noise rises beyond it. Hands at the cable are
heard where they are.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensors.scenes import CableEvent
from sensors.simulators.ground import WRAP
from sensors.simulators.motion import seeded
from sensors.simulators.tiles import BLOCK, SPARE_COLUMNS, TILE_RATE_HZ

BEND_DB = (0.2, 1.0)
"""Loss of a bend that lets somebody listen in, one way; both ways count (assumed: 0.2 dB lets out
5 % of the light, which a receiver can use; who takes more is seen at the far end)."""

HANDS = 800.0
"""Hands that hold the cable, root mean square on its gauge, nanostrain/s (assumed)."""

BLOW = 8_000.0
"""The jerk of a cut cable, peak, nanostrain/s (assumed)."""

_LEAD_S = {"cut": 3.0, "bend": 5.0, "disconnect": 0.0}  # hands before it (assumed)
_AFTER_S = {"cut": 0.0, "bend": 3.0, "disconnect": 0.0}  # and after it (assumed)
_REACH = 8  # channels on each side; the cable passes a jerk on over 30 m (e-fold, assumed)
_EMPTY_ROWS = 1_000  # 2 s, from which each block takes a stretch by chance


@lru_cache(maxsize=2)
def empty_tile(seed: int, columns: int) -> NDArray[np.int16]:
    """What an interrogator says where no light comes back: shape (1000, columns and a spare)."""
    draw = seeded(seed, "empty")
    width = columns + SPARE_COLUMNS
    return draw.integers(-int(WRAP), int(WRAP), (_EMPTY_ROWS, width), dtype=np.int16)


class Damage:
    """The events of one cable.

    Args:
        seed: the scene's.
        sensor: its name.
        events: the scene's, of this cable.
        channels: of the cable.
        spacing_m: between channels.
        first_m: cable distance of the middle of channel 0.
    """

    def __init__(
        self,
        seed: int,
        sensor: str,
        events: Sequence[CableEvent],
        channels: int,
        spacing_m: float,
        first_m: float,
    ) -> None:
        """Find each event's channel."""
        self._seed, self._sensor = seed, sensor
        self._channels = channels
        # The first channel whose middle lies beyond the place.
        self._events = [
            (one, max(int(np.ceil((one.distance_m - first_m) / spacing_m)), 0)) for one in events
        ]

    def dim(self, t_s: float, first: int, count: int) -> NDArray[np.float32] | None:
        """By how much bends raise the instrument's noise at a time; None where there is none."""
        raised: NDArray[np.float32] | None = None
        for number, (event, channel) in enumerate(self._events):
            if event.kind == "bend" and event.t_s <= t_s < event.ends_s:
                loss = seeded(self._seed, "bend", self._sensor, number).uniform(*BEND_DB)
                raised = np.ones(count, dtype=np.float32) if raised is None else raised
                raised[max(channel - first, 0) :] *= np.float32(10.0 ** (2.0 * loss / 20.0))
        return raised

    def apply(self, block: int, t_s: float, first: int, out: NDArray[np.int16]) -> None:
        """Let hands be heard, and take away what lies beyond a cut or an open plug.

        Args:
            block: its number.
            t_s: time of its first sample in the scene.
            first: first channel.
            out: shape (BLOCK, channel), counts of 1 nanostrain/s.
        """
        for number, (event, channel) in enumerate(self._events):
            begins = event.t_s - _LEAD_S[event.kind]
            ends = event.t_s + _AFTER_S[event.kind] + 1.0
            if begins < t_s + BLOCK / TILE_RATE_HZ and t_s < ends:
                self._handle(number, event, channel - first, block, t_s, out)
        for number, (event, channel) in enumerate(self._events):
            if event.kind != "bend":
                self._empty(number, event, channel, block, t_s, first, out)

    def _handle(
        self,
        number: int,
        event: CableEvent,
        column: int,
        block: int,
        t_s: float,
        out: NDArray[np.int16],
    ) -> None:
        low, high = max(column - _REACH, 0), min(column + _REACH + 1, out.shape[1])
        if low >= high or event.kind == "disconnect":
            return
        t = t_s + np.arange(BLOCK) / TILE_RATE_HZ - event.t_s
        busy = (t >= -_LEAD_S[event.kind]) & (t < _AFTER_S[event.kind])
        draw = seeded(self._seed, "hands", self._sensor, number, block)
        # Below some 60 Hz, in a slow rhythm; the cut rings at 40 Hz for 0.06 s (all assumed).
        hands = np.convolve(draw.normal(size=BLOCK + 7), np.ones(8) / np.sqrt(8.0), mode="valid")
        heard = HANDS * hands * busy * (1.0 + np.sin(2.0 * np.pi * 0.7 * t)) / 1.2
        if event.kind == "cut":
            after = np.maximum(t, 0.0)
            heard += BLOW * (t >= 0.0) * np.exp(-after / 0.06) * np.cos(2.0 * np.pi * 40.0 * after)
        near = np.exp(-np.abs(np.arange(low, high) - column) / 3.0)
        value = out[:, low:high] + heard[:, np.newaxis] * near
        out[:, low:high] = np.rint(np.clip(value, -WRAP, WRAP)).astype(np.int16)

    def _empty(
        self,
        number: int,
        event: CableEvent,
        channel: int,
        block: int,
        t_s: float,
        first: int,
        out: NDArray[np.int16],
    ) -> None:
        t = t_s + np.arange(BLOCK) / TILE_RATE_HZ
        rows = np.flatnonzero((t >= event.t_s) & (t < event.ends_s))
        low, high = max(channel, first), first + out.shape[1]
        if not rows.size or low >= high:
            return
        tile = empty_tile(self._seed, self._channels)
        draw = seeded(self._seed, "beyond", self._sensor, number, block)
        row, spare = int(draw.integers(_EMPTY_ROWS - BLOCK)), int(draw.integers(SPARE_COLUMNS))
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        made = tile[row : row + BLOCK, spare + low : spare + high]
        out[part, low - first :] = made[part]
