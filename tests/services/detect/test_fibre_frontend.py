"""The compiled front end against scipy's filters."""

import numpy as np
import pytest
from scipy import signal

from services.detect.fibre_settings import BANDS_HZ
from services.detect.frontend import FrontEnd, Shape, usable_bands
from services.detect.kernels import CLIPPED_BIT, NAN_BIT, STUCK_BIT


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


def test_faulty_channels_are_flagged_each_by_itself_and_come_back() -> None:
    samples = np.random.default_rng(2).normal(0.0, 30.0, (3_000, 600)).astype(np.float32)
    samples[700:720, 5] = np.nan
    samples[500:2_000, 7] = 12.0
    alone = np.delete(samples, [5, 7], axis=1)
    windows = FrontEnd(Shape(500.0, 600, 0, 10.0, "<f4", 1.0)).push(0, samples)
    others = FrontEnd(Shape(500.0, 598, 0, 10.0, "<f4", 1.0)).push(0, alone)
    assert windows is not None
    assert others is not None
    assert np.flatnonzero(windows.flags[:, 5] & NAN_BIT).tolist() == [28]
    stuck = np.flatnonzero(windows.flags[:, 7] & STUCK_BIT)
    assert stuck[0] < 60  # once its filters have come to rest
    assert stuck.tolist() == list(range(stuck[0], 80))
    rest = np.delete(windows.energy, [5, 7], axis=2)
    assert rest.tobytes() == others.energy.tobytes()
    assert not others.flags.any()


def test_full_scale_is_told_as_clipped() -> None:
    samples = np.zeros((100, 3), np.int16)
    samples[30, 0], samples[30, 1] = 32_767, -32_768
    windows = FrontEnd(Shape(500.0, 3, 0, 10.0, "<i2", 1.0)).push(0, samples)
    assert windows is not None
    assert (windows.flags & CLIPPED_BIT != 0).tolist() == [
        [False] * 3, [True, True, False], [False] * 3, [False] * 3,
    ]  # fmt: skip
