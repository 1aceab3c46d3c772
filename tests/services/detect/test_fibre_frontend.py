"""The compiled front end against scipy's filters."""

import numpy as np
import pytest
from scipy import signal

from services.detect.fibre_settings import BANDS_HZ
from services.detect.frontend import FrontEnd, Shape, usable_bands


@pytest.mark.parametrize("rate_hz", [200.0, 250.0, 500.0, 1000.0, 2000.0])
def test_energies_are_those_of_a_double_precision_filter(rate_hz: float) -> None:
    random = np.random.default_rng(0)
    samples = random.normal(0.0, 300.0, (round(rate_hz * 2), 600)).astype(np.int16)
    samples[0] = 0
    front = FrontEnd(Shape(rate_hz, 600, 0, 10.0, "<i2", 1.0))
    windows = front.push(0, samples)
    assert windows is not None
    for row, band in enumerate(usable_bands(rate_hz)):
        sections = signal.butter(2, BANDS_HZ[band], "bandpass", fs=rate_hz, output="sos")
        filtered = signal.sosfilt(sections, samples.astype(np.float64), axis=0)
        for window in range(windows.energy.shape[0]):
            rows = slice(front.edge(window), front.edge(window + 1))
            wanted = np.mean(filtered[rows] ** 2, axis=0)
            scale = np.maximum(wanted, wanted.mean())
            # In float32 the lowest band's poles come close to 1 at high rates.
            limit = 1e-4 if rate_hz <= 500.0 else 5e-3
            assert np.max(np.abs(windows.energy[window, row] - wanted) / scale) < limit


def test_bands_beyond_nyquist_are_left_out() -> None:
    assert usable_bands(100.0) == (0, 1)
    assert usable_bands(250.0) == (0, 1, 2)
    assert usable_bands(500.0) == (0, 1, 2, 3)
    assert usable_bands(20.0) == ()


def test_a_constant_offset_makes_no_step() -> None:
    front = FrontEnd(Shape(500.0, 4, 0, 10.0, "<i2", 1.0))
    windows = front.push(0, np.full((500, 4), 20_000, np.int16))
    assert windows is not None
    assert windows.energy.max() < 1e-3
