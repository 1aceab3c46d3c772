"""How probably a thermal camera's own detection notices a target: Johnson, limited by contrast."""

from functools import lru_cache

import numpy as np

from sensors.simulators.motion import FloatArray

NETD_KELVIN = 0.05
"""Noise-equivalent temperature difference: 40-60 mK in data sheets of uncooled cores at f/1."""

BLUR_PX = 0.5
"""Standard deviation of the lens's blur: diffraction of 10 um at f/1.2 on 12 um pixels, with
aberrations (assumed)."""

_CYCLES_PER_PIXEL = np.linspace(0.01, 0.5, 99)
"""Up to Nyquist's limit."""

_OBSERVER = 2.25 * np.pi**2 / (4.0 * np.sqrt(14.0)) / np.sqrt(0.2 * 9.0)
"""Factor of the minimum resolvable temperature: threshold of the signal to noise ratio 2.25, bars
of 7:1, integration over 0.2 s of 9 frames a second (Lloyd, Thermal Imaging Systems, 1975)."""


def sees_with_probability(pixels: FloatArray | float) -> FloatArray:
    """Target transfer probability function, 50 % at 2 pixels on the critical size (Johnson).

    Args:
        pixels: on the critical size, any shape.

    Returns:
        Probability of detection in one look, same shape.
    """
    ratio = np.asarray(pixels, dtype=np.float64) / 2.0
    power = ratio ** (2.7 + 0.7 * ratio)
    return np.asarray(power / (1.0 + power))


def transfer(cycles_per_pixel: FloatArray | float) -> FloatArray:
    """Modulation transfer of square pixels and a Gaussian blur, of the argument's shape."""
    f = np.asarray(cycles_per_pixel, dtype=np.float64)
    return np.asarray(np.sinc(f) * np.exp(-2.0 * (np.pi * BLUR_PX * f) ** 2))


PATTERN_SHARE = 0.5
"""What fixed pattern and clutter ask for at any frequency, as a share of the noise (assumed)."""


@lru_cache(maxsize=4)
def _least_contrast(netd_kelvin: float) -> FloatArray:
    f = _CYCLES_PER_PIXEL
    return np.asarray(netd_kelvin * np.hypot(_OBSERVER * f / transfer(f), PATTERN_SHARE))


def resolved_share(contrast_kelvin: FloatArray | float, netd_kelvin: float) -> FloatArray:
    """How much of the detector's resolution a contrast lets one use.

    The highest spatial frequency whose minimum resolvable temperature is below the contrast, as a
    share of Nyquist's.

    Args:
        contrast_kelvin: target against background as it arrives, any shape, either sign.
        netd_kelvin: noise of the camera.

    Returns:
        0 to 1, of the contrast's shape.
    """
    least = _least_contrast(netd_kelvin)
    contrast = np.abs(np.asarray(contrast_kelvin, dtype=np.float64))
    return np.asarray(np.interp(contrast, least, _CYCLES_PER_PIXEL, left=0.0) / 0.5)
