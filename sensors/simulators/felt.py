"""What a body does to the channels near it: blows, hums and weight brought together."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensors.scenes import Behaviour
from sensors.simulators import ground
from sensors.simulators.engines import (
    HUM_RATE_HZ,
    SAW_CABLE_NM_PER_S,
    Rolling,
    Voice,
    hum_table,
    rolling,
)
from sensors.simulators.gait import CHUNK_S, LATEST_S, beats_the_ground, blows, strokes
from sensors.simulators.motion import Body, FloatArray
from sensors.simulators.soil import EARLY_S, IMPACT_REACH_M, SOILS, Soil
from sensors.simulators.tiles import BLOCK

_NEAR_S = 1.5
"""A body's channels are looked for so long before and after."""

_ON_CABLE_M = 1.5
"""Who saws this near to the cable saws the cable, else a fence or the like (assumed)."""

_ALONG_M = 15.0
"""A saw on the cable is heard along it: e-fold of the sheath's vibration (assumed)."""


@dataclass(frozen=True, eq=False)
class Presence:
    """A body near a cable for a while.

    Attributes:
        hums: what it does besides blows.
        columns: channels that may feel it: a slice, or numbers where the cable bends back.
        soil: under it.
    """

    body: Body
    hums: Rolling | None
    columns: slice | NDArray[np.int64]
    soil: Soil


class Felt:
    """The channels of one cable that feel bodies.

    Args:
        seed: the scene's.
        ends: gauge ends of the channels: shape (channel, 6), see :mod:`.ground`.
        coupling: of the channels.
        soils: number of each channel's soil.
        rate_hz: of the samples.
    """

    def __init__(
        self,
        seed: int,
        ends: FloatArray,
        coupling: NDArray[np.float32],
        soils: NDArray[np.int64],
        rate_hz: float,
    ) -> None:
        """Measure out the box around the channels."""
        self._seed = seed
        self._ends, self._coupling, self._soils = ends, coupling, soils
        self._rate_hz = rate_hz
        self._middle = np.ascontiguousarray(0.5 * (ends[:, 0:2] + ends[:, 2:4]).T)
        low, high = self._middle.min(axis=1), self._middle.max(axis=1)
        self._bounds = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))

    def near(self, body: Body, t_s: float, *, asphalt: bool = False) -> Presence | None:
        """Find the channels that may feel a body about a time; None where none does."""
        hums = rolling(body, asphalt=asphalt)
        steps = beats_the_ground(body)
        if hums is None and not steps:
            return None
        reach = max(hums.reach_m if hums else 0.0, IMPACT_REACH_M if steps else 0.0)
        length = float(hums.axles_m[-1]) if hums else 0.0
        spare = reach + length + ground.GAUGE_M
        west, east, south, north = _box(body, t_s)
        west, east, south, north = west - spare, east + spare, south - spare, north + spare
        bounds = self._bounds
        if east < bounds[0] or west > bounds[1] or north < bounds[2] or south > bounds[3]:
            return None
        x, y = self._middle[0], self._middle[1]
        numbers = np.flatnonzero((x > west) & (x < east) & (y > south) & (y < north))
        if not numbers.size:
            return None
        first, last = int(numbers[0]), int(numbers[-1]) + 1
        # Where the cable bends back, take only what is near, not what lies between.
        scattered = last - first > 2 * numbers.size
        place = body.at(t_s)
        closest = numbers[np.hypot(x[numbers] - place[0], y[numbers] - place[1]).argmin()]
        soil = SOILS[int(self._soils[closest])]
        return Presence(body, hums, numbers if scattered else slice(first, last), soil)

    def add(self, one: Presence, t_s: float, out: NDArray[np.int16]) -> None:
        """Add what a body does in a block to counts of 1 nanostrain/s.

        Args:
            one: the body and its channels.
            t_s: time of the first sample.
            out: shape (BLOCK, channel).
        """
        ends, coupling = self._ends[one.columns], self._coupling[one.columns]
        target = np.ascontiguousarray(out[:, one.columns])
        source = np.zeros(target.shape, dtype=np.float32)
        later = BLOCK / self._rate_hz
        if beats_the_ground(one.body):
            earliest = t_s - ground.LONGEST_S - LATEST_S
            for chunk in range(
                int(earliest // CHUNK_S), int((t_s + later + EARLY_S) // CHUNK_S) + 1
            ):
                impacts = blows(one.body, chunk)
                if impacts is not None:
                    ground.add_impacts(impacts, one.soil, t_s, self._rate_hz, ends, source)
        if one.hums is not None and one.body.is_there(t_s):
            self._roll(one, one.hums, t_s, ends, source)
        ground.add_counts(source, coupling, target)
        out[:, one.columns] = target

    def _roll(
        self,
        one: Presence,
        hums: Rolling,
        t_s: float,
        ends: FloatArray,
        source: NDArray[np.float32],
    ) -> None:
        body, soil = one.body, one.soil
        later = t_s + BLOCK / self._rate_hz
        behind = np.array([voice.behind_m for voice in hums.voices])
        behind = np.concatenate((hums.axles_m, behind))
        begins, finishes = _places(body, t_s, behind), _places(body, later, behind)
        axles = hums.axles_m.size
        ground.add_weights(
            soil.softness_m_per_n,
            hums.axle_n,
            begins[:, :axles],
            finishes[:, :axles],
            self._rate_hz,
            ends,
            source,
        )
        if not hums.voices:
            return
        if body.behaviour is Behaviour.SAW:
            pressed = strokes(body, t_s + np.arange(BLOCK) / self._rate_hz)
            away_m = _away(ends, begins[:, axles])
            if away_m.min() < _ON_CABLE_M:
                self._saw_cable(hums.voices[0], pressed, t_s, away_m, source)
                return
            shape = np.stack((pressed, 0.0 * pressed))
        else:
            shape = np.linspace((1.0, 0.0), (0.0, 1.0), BLOCK, endpoint=False, dtype=np.float32).T
        speeds = np.hypot(*body.path.velocity(np.array([t_s, later])))
        for number, voice in enumerate(hums.voices, start=axles):
            loud = (soil.loudness * voice.loudness(speeds)).astype(np.float32)
            if not loud.any():
                continue
            ground.add_hum(
                hum_table(self._seed, voice.hum),
                voice.hum.step_m,
                # The table's loss is that of its own frequencies; played faster, they lie higher.
                voice.pitch * soil.loss_s_per_m / SOILS[0].loss_s_per_m,
                1.0 / soil.nominal_mps,
                loud @ shape,
                HUM_RATE_HZ * voice.pitch,
                voice.offset + t_s * HUM_RATE_HZ * voice.pitch,
                hums.reach_m,
                self._rate_hz,
                np.stack((begins[:, number], finishes[:, number])),
                ends,
                source,
            )

    def _saw_cable(
        self,
        voice: Voice,
        pressed: NDArray[np.float32],
        t_s: float,
        away_m: FloatArray,
        source: NDArray[np.float32],
    ) -> None:
        """Add a saw on the cable itself, whose sheath passes its vibration on."""
        table = hum_table(self._seed, voice.hum)
        start = voice.offset + t_s * HUM_RATE_HZ
        sample = (start + np.arange(BLOCK) * HUM_RATE_HZ / self._rate_hz).astype(np.int64)
        heard = SAW_CABLE_NM_PER_S / ground.GAUGE_M * pressed * table[0, sample % table.shape[1]]
        along = np.abs(np.arange(away_m.size) - away_m.argmin()) * ground.GAUGE_M
        source += np.outer(heard, np.exp(-along / _ALONG_M)).astype(np.float32)


@lru_cache(maxsize=1024)
def _box(body: Body, t_s: float) -> tuple[float, float, float, float]:
    """West, east, south and north of where a body is about a time; asked for by every cable."""
    east, north = body.at(np.linspace(t_s - _NEAR_S, t_s + _NEAR_S, 5))
    return float(east.min()), float(east.max()), float(north.min()), float(north.max())


def _places(body: Body, t_s: float, behind_m: FloatArray) -> FloatArray:
    """Where parts of a body are at a time: shape (2, part), east and north."""
    if not body.path.endless:
        return np.stack(body.behind(t_s, behind_m))
    east, north = body.at(t_s)
    way = np.array(body.path.velocity(t_s))
    way /= max(float(np.hypot(*way)), 1e-9)
    return np.stack((east - behind_m * way[0], north - behind_m * way[1]))


def _away(ends: FloatArray, place: FloatArray) -> FloatArray:
    """Distance of a place from each gauge, shape (channel,), metres."""
    span = ends[:, 2:4] - ends[:, 0:2]
    square = np.maximum((span**2).sum(axis=1), 1e-9)
    share = np.clip(((place - ends[:, 0:2]) * span).sum(axis=1) / square, 0.0, 1.0)
    foot = ends[:, 0:2] + share[:, np.newaxis] * span
    return np.asarray(np.hypot(*(foot - place).T))
