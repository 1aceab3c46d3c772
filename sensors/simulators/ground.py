"""How blows, hums and weights reach a fibre's channels.

A channel says the mean strain rate over its gauge: the difference of the ground's velocities at
the gauge's two ends, taken along the cable, by the gauge length. Directional response,
gauge-length averaging and broadside silence follow from this. A weight also bends the ground:
quasi-static, from Boussinesq's solution. A phase that turns by more than half a turn from one
sample to the next comes out wrapped, as it does from an interrogator.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from sensors.simulators.motion import FloatArray, Impacts
from sensors.simulators.soil import (
    EARLY_S,
    IMPACT_REACH_M,
    TABLE_RATE_HZ,
    TABLE_SAMPLES,
    Soil,
    Table,
    impact_table,
)

GAUGE_M = 10.0
"""Gauge length: as long as the channel spacing, usual for 40-50 km (assumed)."""

BURIAL_M = 0.4
"""Depth of the cable: 0.15-0.7 m are recommended for people on the ground (Senstar, FiberPatrol
FP1150 product guide)."""

WRAP = 16_900.0
"""Nanostrain/s at which the phase turns by pi from sample to sample: strain per radian is
1550 nm / (4 pi x 1.468 x 0.78 x 10 m) = 10.8 nanostrain (fibre data sheets), times pi times
500 Hz."""

ROWS_A_STEP = 25
"""Distances of what moves are taken so often, rows; in between they are linear. In 0.05 s a train
at 45 m/s goes 2 m, a fifth of the gauge."""

LONGEST_S = TABLE_SAMPLES / TABLE_RATE_HZ + IMPACT_REACH_M / 110.0
"""A blow is over this long after it fell, in the slowest soil."""


def add_impacts(
    impacts: Impacts,
    soil: Soil,
    t_s: float,
    rate_hz: float,
    ends: FloatArray,
    out: NDArray[np.float32],
) -> None:
    """Add blows on the ground to some channels.

    Args:
        impacts: blows in any order; those too early or too late are left out.
        soil: through which they travel.
        t_s: time of the first row.
        rate_hz: of the rows.
        ends: gauge ends of these channels: shape (channel, 6), near end east and north, far end
            east and north, and the cable's unit direction; metres.
        out: shape (time, channel), nanostrain/s, added to.
    """
    part = (impacts.t_s > t_s - LONGEST_S) & (impacts.t_s < t_s + out.shape[0] / rate_hz + EARLY_S)
    if part.any():
        _impacts(
            impact_table(soil),
            impacts.t_s[part] - t_s - EARLY_S,
            impacts.east_m[part],
            impacts.north_m[part],
            impacts.strength[part],
            impacts.kind[part],
            1.0 / soil.nominal_mps,
            rate_hz,
            ends,
            out,
        )


@nb.njit(cache=True, nogil=True)
def _impacts(
    table: Table,
    at_s: FloatArray,
    east: FloatArray,
    north: FloatArray,
    strength: FloatArray,
    kind: NDArray[np.int64],
    slowness: float,
    rate_hz: float,
    ends: FloatArray,
    out: NDArray[np.float32],
) -> None:
    rows, channels = out.shape
    for i in range(at_s.size):
        for c in range(channels):
            if np.hypot(ends[c, 2] - ends[c, 0], ends[c, 3] - ends[c, 1]) < 0.5:
                continue  # a slack coil: both ends at one place
            for end in range(2):
                dx = ends[c, 2 * end] - east[i]
                dy = ends[c, 2 * end + 1] - north[i]
                r = np.sqrt(dx * dx + dy * dy + BURIAL_M * BURIAL_M)
                if r > IMPACT_REACH_M:
                    continue
                axial = (dx * ends[c, 4] + dy * ends[c, 5]) / r
                sign = 1.0 if end == 1 else -1.0
                scale = sign * axial * strength[i] / GAUGE_M
                place = max(r - 1.0, 0.0)
                row = min(int(place), table.shape[1] - 2)
                share = np.float32(min(place - row, 1.0))
                near, far = table[kind[i], row], table[kind[i], row + 1]
                delay = at_s[i] + r * slowness
                first = max(int(np.ceil(delay * rate_hz)), 0)
                last = min(int(np.floor((delay + near.size / TABLE_RATE_HZ) * rate_hz)), rows - 1)
                for t in range(first, last + 1):
                    index = min(int((t / rate_hz - delay) * TABLE_RATE_HZ + 0.5), near.size - 1)
                    value = near[index] + share * (far[index] - near[index])
                    out[t, c] += np.float32(scale) * value


@nb.njit(cache=True, nogil=True)
def add_hum(
    table: Table,
    step_m: float,
    loss_share: float,
    slowness: float,
    loudness: NDArray[np.float32],
    pitch_hz: float,
    start: float,
    reach_m: float,
    rate_hz: float,
    track: FloatArray,
    ends: FloatArray,
    out: NDArray[np.float32],
) -> None:
    """Add a hum that may move to some channels.

    Args:
        table: noise at growing distance, circular in time: shape (distance, time).
        step_m: from row to row of the table.
        loss_share: loss in this soil at the frequencies played, by that in the table.
        slowness: of the waves, s/m.
        loudness: velocity at 1 m, shape (time,), nm/s.
        pitch_hz: samples of the table a second.
        start: sample of the table at the first row, for a listener beside the source.
        reach_m: beyond this it is not heard.
        rate_hz: of the rows.
        track: shape (2, 2): east and north at the block's begin and end; metres.
        ends: gauge ends, as in :func:`add_impacts`.
        out: shape (time, channel), nanostrain/s, added to.
    """
    rows, channels = out.shape
    length = table.shape[1]
    for c in range(channels):
        if np.hypot(ends[c, 2] - ends[c, 0], ends[c, 3] - ends[c, 1]) < 0.5:
            continue
        for end in range(2):
            sign = (1.0 if end == 1 else -1.0) / GAUGE_M
            for first in range(0, rows, ROWS_A_STEP):
                last = min(first + ROWS_A_STEP, rows)
                half = 0.5 * (first + last) / rows
                dx = ends[c, 2 * end] - track[0, 0] - half * (track[1, 0] - track[0, 0])
                dy = ends[c, 2 * end + 1] - track[0, 1] - half * (track[1, 1] - track[0, 1])
                r = np.sqrt(dx * dx + dy * dy + 1.0)
                if r > reach_m:
                    continue
                closing = (dx * (track[1, 0] - track[0, 0]) + dy * (track[1, 1] - track[0, 1])) / (
                    r * rows
                )  # metres a row by which it comes nearer
                axial = (dx * ends[c, 4] + dy * ends[c, 5]) / r
                place = min(r * loss_share / step_m, table.shape[0] - 1.001)
                row = int(place)
                share = np.float32(place - row)
                near, far = table[row], table[row + 1]
                scale = np.float32(sign * axial / np.sqrt(r))
                middle = 0.5 * (first + last)
                a_row = pitch_hz * (1.0 / rate_hz + closing * slowness)
                when = (
                    start + pitch_hz * (middle / rate_hz - r * slowness) - a_row * (middle - first)
                )
                for t in range(first, last):
                    index = int(np.floor(when)) % length
                    value = near[index] + share * (far[index] - near[index])
                    out[t, c] += scale * loudness[t] * value
                    when += a_row


@nb.njit(cache=True, nogil=True)
def add_weights(
    softness: float,
    newtons: FloatArray,
    begins: FloatArray,
    finishes: FloatArray,
    rate_hz: float,
    ends: FloatArray,
    out: NDArray[np.float32],
) -> None:
    """Add the quasi-static bending by weights that move to some channels.

    Displacement of the ground towards a weight P is softness P / r; its rate is added.

    Args:
        softness: of the soil, m/N.
        newtons: weights, shape (weight,).
        begins: east and north at the block's begin, shape (2, weight), metres.
        finishes: the same at its end.
        rate_hz: of the rows.
        ends: gauge ends, as in :func:`add_impacts`.
        out: shape (time, channel), nanostrain/s, added to.
    """
    rows, channels = out.shape
    steps = (rows + ROWS_A_STEP - 1) // ROWS_A_STEP
    rates = np.empty(steps + 1)
    for c in range(channels):
        if np.hypot(ends[c, 2] - ends[c, 0], ends[c, 3] - ends[c, 1]) < 0.5:
            continue
        for step in range(steps + 1):
            share = min(step * ROWS_A_STEP, rows) / rows
            rate = 0.0
            for i in range(newtons.size):
                east = (finishes[0, i] - begins[0, i]) * rate_hz / rows
                north = (finishes[1, i] - begins[1, i]) * rate_hz / rows
                closing = east * ends[c, 4] + north * ends[c, 5]
                for end in range(2):
                    x = begins[0, i] + share * (finishes[0, i] - begins[0, i])
                    y = begins[1, i] + share * (finishes[1, i] - begins[1, i])
                    dx, dy = ends[c, 2 * end] - x, ends[c, 2 * end + 1] - y
                    square = dx * dx + dy * dy + 1.0
                    along = dx * ends[c, 4] + dy * ends[c, 5]
                    turning = 2.0 * along * (dx * east + dy * north) / square
                    sign = 1.0 if end == 1 else -1.0
                    rate += sign * newtons[i] * (closing - turning) / square
            rates[step] = 1e9 * softness * rate / GAUGE_M
        for t in range(rows):
            step = t // ROWS_A_STEP
            share = (t - step * ROWS_A_STEP) / ROWS_A_STEP
            out[t, c] += np.float32(rates[step] + share * (rates[step + 1] - rates[step]))


@nb.njit(cache=True, nogil=True)
def add_counts(
    source: NDArray[np.float32], coupling: NDArray[np.float32], out: NDArray[np.int16]
) -> None:
    """Add strain rates to counts of 1 nanostrain/s, coupled by channel; wrapped."""
    rows, channels = source.shape
    for t in range(rows):
        for c in range(channels):
            value = np.float64(out[t, c]) + source[t, c] * coupling[c]
            if value > WRAP or value < -WRAP:
                value -= 2.0 * WRAP * np.rint(value / (2.0 * WRAP))
            out[t, c] = np.int16(np.rint(value))
