"""Soils, and what a blow on them sends to a cable: surface-wave wavelets by distance.

A blow sends a Rayleigh wave. On its way its radial particle velocity falls with the square root
of distance, loses high frequencies first (constant quality factor) and spreads out in time, since
in layered soil low frequencies run deeper and faster.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from sensors.simulators.motion import Blow

FloatArray = NDArray[np.float64]
Table = NDArray[np.float32]

DENSITY_KG_M3 = 1_900.0
"""Moist soil, 1,700-2,100 (textbooks)."""

POISSON = 0.3
"""Poisson's ratio of unsaturated soil, 0.25-0.35 (textbooks)."""

RAYLEIGH_SHARE = 0.93
"""Rayleigh's speed by the shear wave's at Poisson's ratio 0.3 (textbooks)."""

NOMINAL_HZ = 25.0
"""Frequency whose phase speed gives a wavelet's travel time; footsteps lie at 10-60 Hz."""


@dataclass(frozen=True)
class Soil:
    """The top metres of the ground.

    Attributes:
        deep_mps: Rayleigh phase speed at low frequency, which feels the stiffer ground below.
        shallow_mps: at high frequency, which stays in the tilled layer.
        corner_hz: between the two.
        quality: seismic quality factor.
    """

    deep_mps: float
    shallow_mps: float
    corner_hz: float
    quality: float

    def speed_mps(self, frequency_hz: ArrayLike) -> FloatArray:
        """Phase speed of the Rayleigh wave at frequencies of any shape."""
        ratio = np.asarray(frequency_hz, dtype=np.float64) / self.corner_hz
        return self.shallow_mps + (self.deep_mps - self.shallow_mps) / (1.0 + ratio**2)

    @property
    def nominal_mps(self) -> float:
        """Phase speed at :data:`NOMINAL_HZ`."""
        return float(self.speed_mps(NOMINAL_HZ))

    @property
    def loss_s_per_m(self) -> float:
        """Amplitude falls by exp(-loss x frequency x distance)."""
        return float(np.pi / (self.quality * self.nominal_mps))

    @property
    def loudness(self) -> float:
        """How much a blow moves this soil: the inverse of the impedance, 1 at 160 m/s (assumed)."""
        return 160.0 / self.nominal_mps

    @property
    def softness_m_per_n(self) -> float:
        """(1 + nu)(1 - 2 nu) / (2 pi E) of Boussinesq's solution; E by the wave speed."""
        shear_pa = DENSITY_KG_M3 * (self.nominal_mps / RAYLEIGH_SHARE) ** 2
        young_pa = 2.0 * (1.0 + POISSON) * shear_pa
        return float((1.0 + POISSON) * (1.0 - 2.0 * POISSON) / (2.0 * np.pi * young_pa))


# Rayleigh waves in the top metres run at 100-300 m/s and Q is 5-30 in soft soil (textbooks); which
# soil has which is assumed: black earth of the plain, river clay, sand and loess.
SOILS = (
    Soil(deep_mps=240.0, shallow_mps=140.0, corner_hz=14.0, quality=15.0),
    Soil(deep_mps=170.0, shallow_mps=100.0, corner_hz=14.0, quality=22.0),
    Soil(deep_mps=300.0, shallow_mps=180.0, corner_hz=16.0, quality=9.0),
)
SOIL_SHARES = (0.55, 0.25, 0.20)
"""Of the route (assumed)."""

IMPACT_REACH_M = 60.0
"""Beyond this a blow is left out. By these constants a walker's peaks there at 3-14 nanostrain/s
where it is aside of the cable and at 14-50 in line with it, against 60 of a calm night's ground."""

TABLE_RATE_HZ = 4_000.0
"""Fine enough that the nearest sample serves at 500 Hz."""

TABLE_ROWS = 64
"""A row a metre; between two rows loss and spreading are linear."""

TABLE_SAMPLES = 2_048
"""0.5 s: a wavelet, with what dispersion draws it out to over the reach."""

EARLY_S = 0.15
"""A wavelet begins so long before its nominal arrival: low frequencies run ahead."""

HEEL_NM_PER_S = 12_000.0
"""Peak radial velocity at 1 m of a walking adult's heel; leaves 2-3 um/s at 10 m, the order that
geophones show for footsteps outdoors (assumed)."""

# Pitch and duration of a blow's ringing at 1 m, hertz and periods (all assumed; footsteps lie in
# 10-60 Hz): a heel strikes, a toe pushes, hooves are small and hard, a spade cuts, hands, knees
# and feet in water or mud press.
_RINGING = {
    Blow.HEEL: (28.0, 0.5),
    Blow.TOE: (14.0, 0.5),
    Blow.HOOF: (38.0, 0.5),
    Blow.TOOL: (45.0, 0.7),
    Blow.SOFT: (11.0, 0.5),
    Blow.SPLASH: (70.0, 2.0),
}


def travelled(
    spectrum: NDArray[np.complex128], rate_hz: float, distance_m: float, soil: Soil
) -> FloatArray:
    """Take a source's spectrum at 1 m to a distance, in its own nominal travel time."""
    count = 2 * (spectrum.size - 1)
    frequency = np.fft.rfftfreq(count, 1.0 / rate_hz)
    # The loss follows the phase speed of each frequency, as the delay against the nominal does.
    slowness = 1.0 / soil.speed_mps(frequency)
    loss = np.exp(-np.pi * frequency * (distance_m - 1.0) * slowness / soil.quality)
    late = np.exp(-2j * np.pi * frequency * distance_m * (slowness - 1.0 / soil.nominal_mps))
    return np.asarray(scipy.fft.irfft(spectrum * loss * late, n=count) / np.sqrt(distance_m))


@lru_cache(maxsize=len(SOILS))
def impact_table(soil: Soil) -> Table:
    """Velocity wavelets: shape (kind of blow, distance 1-64 m, time at 4 kHz), nm/s.

    For a blow of strength 1; the time begins :data:`EARLY_S` before the nominal arrival.
    """
    t = np.arange(TABLE_SAMPLES) / TABLE_RATE_HZ - EARLY_S
    after = np.maximum(t, 0.0)
    table = np.empty((len(_RINGING), TABLE_ROWS, TABLE_SAMPLES), dtype=np.float32)
    for kind, (pitch_hz, periods) in _RINGING.items():
        decay = periods / pitch_hz
        source = (after / decay) ** 2 * np.exp(-after / decay)
        source *= np.sin(2.0 * np.pi * pitch_hz * after)
        source *= HEEL_NM_PER_S * soil.loudness / np.abs(source).max()
        spectrum = np.fft.rfft(source)
        for row in range(TABLE_ROWS):
            table[kind, row] = travelled(spectrum, TABLE_RATE_HZ, row + 1.0, soil)
    return table
