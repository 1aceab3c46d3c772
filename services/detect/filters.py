"""Coefficients of the fibre detector's band-passes."""

import numpy as np
from scipy import signal

from services.detect.kernels import F32


def sections(band_hz: tuple[float, float], sample_rate_hz: float) -> F32:
    """Design a Butterworth band-pass of order 2 as two biquads of numerator 1 - z^-2.

    That numerator is both biquads', since such a band-pass has two zeros at 0 Hz and two at
    Nyquist.

    Returns:
        Gain, then a1, a2 of both biquads; shape (5,).
    """
    _, poles, gain = signal.butter(2, band_hz, "bandpass", fs=sample_rate_hz, output="zpk")
    first, second = sorted((p for p in np.asarray(poles) if p.imag > 0.0), key=abs)
    return np.array(
        (
            float(np.real(gain)),
            -2.0 * first.real,
            abs(first) ** 2,
            -2.0 * second.real,
            abs(second) ** 2,
        ),
        np.float32,
    )
