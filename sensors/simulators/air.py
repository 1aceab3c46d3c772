"""What the air does between a thermal camera and what it looks at, 8-12 um."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from sensors.scenes import Weather
from sensors.simulators.motion import FloatArray

DRY_HUMIDITY = 0.75
"""Relative humidity on a night without rain or fog (assumed; plains of the Banat)."""

WET_HUMIDITY = 0.97
"""In rain and fog (assumed)."""

FOG_M = 1_000.0
"""Visibility below this is fog: World Meteorological Organization."""


def water_vapour_g_m3(temperature_c: float, humidity: float) -> float:
    """Absolute humidity, by Magnus' formula for the saturation pressure (Alduchov, Eskridge 1996).

    Args:
        temperature_c: of the air.
        humidity: relative, 0..1.
    """
    pressure_pa = 610.94 * np.exp(17.625 * temperature_c / (temperature_c + 243.04))
    # Ideal gas: 461.5 J/(kg K) is the gas constant of water vapour.
    return float(1_000.0 * humidity * pressure_pa / (461.5 * (temperature_c + 273.15)))


def _gas_per_km(vapour_g_m3: float) -> float:
    """Extinction by lines and continuum of water vapour over the band.

    A fit by hand whose part in the square of the vapour stands for the self-broadened continuum:
    0.06 per km at 1 g/m3, 0.17 at 7.5, 0.5 at 18 (assumed, +-30 %; STANAG 4347 takes 0.2 for
    good conditions and 1.0 for limited ones, aerosols included).
    """
    return 0.05 + 0.009 * vapour_g_m3 + 0.0009 * vapour_g_m3**2


def _aerosol_per_km(visibility_m: float) -> float:
    """Extinction by haze or fog at 10 um from the visibility.

    Koschmieder's 3.912 / V at 0.55 um and Kruse's law of the wavelength, with the exponents of
    Kim, McArthur and Korevaar (Proc. SPIE 4214, 2001): in dense fog drops are as large as the
    wavelength, and infrared sees no farther than the eye.
    """
    v = visibility_m / 1_000.0
    if v > 50.0:
        q = 1.6
    elif v > 6.0:
        q = 1.3
    elif v > 1.0:
        q = 0.16 * v + 0.34
    else:
        q = max(v - 0.5, 0.0)
    return float(3.912 / v * (0.55 / 10.0) ** q)


def _rain_per_km(rain_mm_h: float) -> float:
    """Extinction by rain: 1.076 R^0.67 dB/km (Carbonneau, Wisely 1998), as for visible light."""
    return float(1.076 * rain_mm_h**0.67 * np.log(10.0) / 10.0)


@dataclass(frozen=True)
class Air:
    """The air over the whole scene.

    Attributes:
        per_km: extinction in the band 8-12 um.
        murk_per_km: the part of haze, fog and rain.
        temperature_c: its own, which it puts in place of what it takes away.
    """

    per_km: float
    murk_per_km: float
    temperature_c: float

    @classmethod
    def of(cls, weather: Weather) -> Self:
        """Take a scene's weather; its visibility is that in haze or fog, rain comes on top."""
        wet = weather.rain_mm_h > 0.0 or weather.visibility_m < FOG_M
        vapour = water_vapour_g_m3(weather.temperature_c, WET_HUMIDITY if wet else DRY_HUMIDITY)
        murk = _aerosol_per_km(weather.visibility_m) + _rain_per_km(weather.rain_mm_h)
        return cls(_gas_per_km(vapour) + murk, murk, weather.temperature_c)

    def transmission(self, range_m: FloatArray | float) -> FloatArray:
        """Share of a contrast that arrives (Beer and Lambert), of the range's shape."""
        return np.asarray(np.exp(-self.per_km * np.asarray(range_m, dtype=np.float64) / 1_000.0))
