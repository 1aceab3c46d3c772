"""How blows and engines travel through the ground into a fibre.

A source sends a surface (Rayleigh) wave; its radial particle velocity falls with the square root
of distance and loses high frequencies first. A fibre's channel says the mean strain rate over its
gauge: the difference of the velocities at the gauge's two ends, taken along the cable, by the
gauge length. Directional response, gauge-length averaging and broadside silence follow from this.
A body's weight also bends the ground: quasi-static, from Boussinesq's solution.
"""

from functools import lru_cache

import numba as nb
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from sensors.simulators.motion import Impacts, seeded

FloatArray = NDArray[np.float64]
Table = NDArray[np.float32]

WAVE_SPEED_MPS = 180.0
"""Rayleigh wave in loam, 100-300 m/s by textbooks; one value for the whole plain (assumed)."""

QUALITY = 15.0
"""Seismic quality factor of the top metres, 10-20 in soft soil (assumed)."""

BURIAL_M = 0.4
"""Depth of the cable: 0.2-0.5 m (field notes)."""

HEEL_NM_PER_S = 12_000.0
"""Peak radial velocity at 1 m of a walking adult's heel; leaves 2-3 um/s at 10 m, the order that
geophones show for footsteps outdoors (assumed)."""

IMPACT_REACH_M = 60.0
"""Beyond this a blow is below a tenth of any channel's noise (by the constants above)."""

VEHICLE_NM_PER_S = 100_000.0
"""Root mean square velocity at 1 m of a car at 15 m/s: 0.02-0.03 mm/s at 10 m (assumed)."""

VEHICLE_REACH_M = 300.0
"""Cars show at tens to hundreds of metres (field notes)."""

YOUNG_PA = 1.8e8
"""Follows from the wave speed: shear wave 193 m/s, 1,900 kg/m3 give G = 71 MPa, nu = 0.3."""

SHEAR_TERM = 1.3 * 0.4 / (2.0 * np.pi * YOUNG_PA)
"""(1 + nu)(1 - 2 nu) / (2 pi E) of Boussinesq's solution with nu = 0.3, in 1/Pa."""

_IMPACT_RATE_HZ = 4_000.0
_IMPACT_ROWS = 64
_IMPACT_SAMPLES = 2_048
_VEHICLE_RATE_HZ = 1_000.0
_VEHICLE_SAMPLES = 16_384
_VEHICLE_STEP_M = 4.0
_VEHICLE_ROWS = 77


def _travelled(spectrum: NDArray[np.complex128], rate_hz: float, distance_m: float) -> FloatArray:
    """Take a source's spectrum at 1 m to a distance, in its own travel time."""
    count = 2 * (spectrum.size - 1)
    frequency = np.fft.rfftfreq(count, 1.0 / rate_hz)
    loss = np.exp(-np.pi * frequency * (distance_m - 1.0) / (QUALITY * WAVE_SPEED_MPS))
    return np.asarray(scipy.fft.irfft(spectrum * loss, n=count) / np.sqrt(distance_m))


@lru_cache(maxsize=1)
def impact_table() -> Table:
    """Velocity wavelets: shape (2 kinds, distance 1-64 m, time at 4 kHz), nm/s at strength 1.

    A blow rings for one to two periods: about 28 Hz for a heel and 14 Hz for a toe in soft soil
    (footsteps lie in 10-60 Hz; assumed).
    """
    t = np.arange(_IMPACT_SAMPLES) / _IMPACT_RATE_HZ
    table = np.empty((2, _IMPACT_ROWS, _IMPACT_SAMPLES), dtype=np.float32)
    for kind, pitch in enumerate((28.0, 14.0)):
        decay = 0.5 / pitch
        source = (t / decay) ** 2 * np.exp(-t / decay) * np.sin(2.0 * np.pi * pitch * t)
        source *= HEEL_NM_PER_S / np.abs(source).max()
        spectrum = np.fft.rfft(source)
        for row in range(_IMPACT_ROWS):
            table[kind, row] = _travelled(spectrum, _IMPACT_RATE_HZ, row + 1.0)
    return table


@lru_cache(maxsize=1)
def vehicle_table(seed: int) -> Table:
    """Engine and tyre velocity noise: shape (distance each 4 m, time at 1 kHz), nm/s at 15 m/s.

    Circular, 16 s. Tyres and suspension make a hump about 14 Hz, the engine lines at 28 Hz and
    its multiples (1,700 turns a minute, four strokes; assumed).
    """
    draw = seeded(seed, "vehicle")
    frequency = np.fft.rfftfreq(_VEHICLE_SAMPLES, 1.0 / _VEHICLE_RATE_HZ)
    colour = np.exp(-0.5 * (np.log(np.maximum(frequency, 0.1) / 14.0) / 0.5) ** 2)
    for multiple in (1, 2, 3):
        colour += 1.5 / multiple * np.exp(-0.5 * ((frequency - 28.0 * multiple) / 0.8) ** 2)
    spectrum = np.fft.rfft(draw.normal(size=_VEHICLE_SAMPLES)) * colour
    spectrum *= VEHICLE_NM_PER_S / np.fft.irfft(spectrum).std()
    table = np.empty((_VEHICLE_ROWS, _VEHICLE_SAMPLES), dtype=np.float32)
    for row in range(_VEHICLE_ROWS):
        table[row] = _travelled(spectrum, _VEHICLE_RATE_HZ, max(row * _VEHICLE_STEP_M, 1.0))
    return table


def add_impacts(
    impacts: Impacts, t_s: float, rate_hz: float, ends: FloatArray, out: NDArray[np.float32]
) -> None:
    """Add blows on the ground to some channels.

    Args:
        impacts: all of a body's, in order of time.
        t_s: time of the first row.
        rate_hz: of the rows.
        ends: gauge ends of these channels: shape (channel, 6), near end east and north, far end
            east and north, and the cable's unit direction; metres.
        out: shape (time, channel), nanostrain/s, added to.
    """
    longest = _IMPACT_SAMPLES / _IMPACT_RATE_HZ + IMPACT_REACH_M / WAVE_SPEED_MPS + 0.1
    low = int(np.searchsorted(impacts.t_s, t_s - longest))
    high = int(np.searchsorted(impacts.t_s, t_s + out.shape[0] / rate_hz))
    if low < high:
        part = slice(low, high)
        _impacts(
            impact_table(),
            impacts.t_s[part] - t_s,
            impacts.east_m[part],
            impacts.north_m[part],
            impacts.strength[part],
            impacts.kind[part],
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
    rate_hz: float,
    ends: FloatArray,
    out: NDArray[np.float32],
) -> None:
    rows, channels = out.shape
    for i in range(at_s.size):
        for c in range(channels):
            gauge = np.hypot(ends[c, 2] - ends[c, 0], ends[c, 3] - ends[c, 1])
            if gauge < 0.5:
                continue  # a slack coil: both ends at one place
            for end in range(2):
                dx = ends[c, 2 * end] - east[i]
                dy = ends[c, 2 * end + 1] - north[i]
                r = np.sqrt(dx * dx + dy * dy + BURIAL_M * BURIAL_M)
                if r > IMPACT_REACH_M:
                    continue
                axial = (dx * ends[c, 4] + dy * ends[c, 5]) / r
                sign = 1.0 if end == 1 else -1.0
                scale = sign * axial * strength[i] / gauge
                place = max(r - 1.0, 0.0)
                row = min(int(place), _IMPACT_ROWS - 2)
                share = min(place - row, 1.0)
                delay = at_s[i] + r / WAVE_SPEED_MPS
                for t in range(rows):
                    index = int(np.floor((t / rate_hz - delay) * _IMPACT_RATE_HZ + 0.5))
                    if 0 <= index < _IMPACT_SAMPLES:
                        near = table[kind[i], row, index]
                        far = table[kind[i], row + 1, index]
                        out[t, c] += np.float32(scale * (near + share * (far - near)))


@nb.njit(cache=True, nogil=True)
def add_rolling(
    table: Table,
    loudness: float,
    load: float,
    offset: int,
    t_s: float,
    rate_hz: float,
    track: FloatArray,
    ends: FloatArray,
    out: NDArray[np.float32],
) -> None:
    """Add something that rolls or leans on the ground to some channels.

    Args:
        table: of :func:`vehicle_table`.
        loudness: 1 is a car at 15 m/s; 0 is silent.
        load: weight in newtons.
        offset: where in the table this source is at time 0.
        t_s: time of the first row.
        rate_hz: of the rows.
        track: shape (2, 2): east and north at the block's begin and end; metres.
        ends: gauge ends, as in :func:`add_impacts`.
        out: shape (time, channel), nanostrain/s, added to.
    """
    rows, channels = out.shape
    speed_east = (track[1, 0] - track[0, 0]) * rate_hz / rows
    speed_north = (track[1, 1] - track[0, 1]) * rate_hz / rows
    for c in range(channels):
        gauge = np.hypot(ends[c, 2] - ends[c, 0], ends[c, 3] - ends[c, 1])
        if gauge < 0.5:
            continue
        for end in range(2):
            sign = (1.0 if end == 1 else -1.0) / gauge
            for t in range(rows):
                dx = ends[c, 2 * end] - track[0, 0] - speed_east * t / rate_hz
                dy = ends[c, 2 * end + 1] - track[0, 1] - speed_north * t / rate_hz
                square = dx * dx + dy * dy + 1.0
                r = np.sqrt(square)
                along = dx * ends[c, 4] + dy * ends[c, 5]
                # Displacement towards the load is k P d / r^2; its rate, in nm/s.
                closing = speed_east * ends[c, 4] + speed_north * ends[c, 5]
                turning = 2.0 * along * (dx * speed_east + dy * speed_north) / square
                value = 1e9 * SHEAR_TERM * load * (closing - turning) / square
                if loudness > 0.0 and r < VEHICLE_REACH_M:
                    place = r / _VEHICLE_STEP_M
                    row = int(place)
                    share = place - row
                    when = (t_s + t / rate_hz - r / WAVE_SPEED_MPS) * _VEHICLE_RATE_HZ
                    index = (int(np.floor(when)) + offset) % _VEHICLE_SAMPLES
                    near, far = table[row, index], table[row + 1, index]
                    value += loudness * along / r * (near + share * (far - near))
                out[t, c] += np.float32(sign * value)


@nb.njit(cache=True, nogil=True)
def add_counts(
    source: NDArray[np.float32], coupling: NDArray[np.float32], out: NDArray[np.int16]
) -> None:
    """Add strain rates to counts of 1 nanostrain/s, coupled by channel; clipped."""
    rows, channels = source.shape
    for t in range(rows):
        for c in range(channels):
            value = np.float64(out[t, c]) + np.rint(source[t, c] * coupling[c])
            out[t, c] = np.int16(min(max(value, -32767.0), 32767.0))
