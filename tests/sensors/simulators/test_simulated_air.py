"""What fog, rain and vapour take from a thermal contrast, and what a contrast lets one see."""

import numpy as np
import pytest
from scipy.optimize import brentq

from sensors.scenes import Weather
from sensors.simulators.air import Air, water_vapour_g_m3
from sensors.simulators.seeing import (
    BLUR_PX,
    NETD_KELVIN,
    resolved_share,
    sees_with_probability,
    transfer,
)


def passed(range_m: float, **weather: float) -> float:
    return float(Air.of(Weather(**weather)).transmission(range_m))


@pytest.mark.parametrize(
    ("temperature_c", "saturated_g_m3"), [(-10.0, 2.36), (0.0, 4.85), (20.0, 17.3), (30.0, 30.4)]
)
def test_saturated_vapour_is_that_of_the_tables(
    temperature_c: float, saturated_g_m3: float
) -> None:
    assert water_vapour_g_m3(temperature_c, 1.0) == pytest.approx(saturated_g_m3, rel=0.01)


def test_in_dense_fog_infrared_sees_no_farther_than_the_eye() -> None:
    """Visibility is where 2 % of a contrast is left (Koschmieder)."""
    assert passed(200.0, visibility_m=200.0) == pytest.approx(0.02, rel=0.05)


def test_haze_takes_far_less_from_infrared_than_from_light() -> None:
    clear = passed(4_000.0, visibility_m=100_000.0)
    assert 0.7 < passed(4_000.0, visibility_m=4_000.0) / clear < 0.9
    assert passed(1_000.0, visibility_m=1_000.0) / passed(1_000.0) < 0.5


def test_rain_of_ten_millimetres_takes_five_decibels_a_kilometre() -> None:
    wet = Weather(rain_mm_h=10.0)
    damp = Weather(rain_mm_h=1e-9)  # as humid, without drops
    decibels = -10.0 * np.log10(
        float(Air.of(wet).transmission(1_000.0)) / float(Air.of(damp).transmission(1_000.0))
    )
    assert decibels == pytest.approx(5.03, abs=0.05)


def test_clear_air_is_between_the_good_and_the_limited_of_the_standard() -> None:
    """STANAG 4347: 0.2 per km in good conditions, 1.0 in limited ones."""
    assert 0.05 < Air.of(Weather(temperature_c=0.0)).per_km < 0.2
    assert 0.2 < Air.of(Weather(temperature_c=25.0)).per_km < 1.0


def test_transfer_is_that_of_blurred_square_pixels() -> None:
    """Against the Fourier transform of a finely sampled pixel and lens."""
    fine = 200
    x = (np.arange(-10 * fine, 10 * fine) + 0.5) / fine
    pixel = (np.abs(x) < 0.5).astype(float)
    lens = np.exp(-0.5 * (x / BLUR_PX) ** 2)
    response = np.convolve(pixel, lens / lens.sum(), mode="same") / fine
    for f in (0.1, 0.25, 0.5):
        wanted = abs(np.sum(response * np.exp(-2j * np.pi * f * x)))
        assert float(transfer(f)) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("contrast", [0.03, 0.06, 0.1])
def test_the_resolved_frequency_is_where_the_contrast_just_suffices(contrast: float) -> None:
    observer = 2.25 * np.pi**2 / (4.0 * np.sqrt(14.0)) / np.sqrt(1.8)

    def missing(f: float) -> float:
        mtf = np.sinc(f) * np.exp(-2.0 * (np.pi * BLUR_PX * f) ** 2)
        return float(NETD_KELVIN * np.hypot(observer * f / mtf, 0.5) - contrast)

    root = brentq(missing, 1e-3, 0.5)
    assert float(resolved_share(contrast, NETD_KELVIN)) == pytest.approx(root / 0.5, rel=0.01)


def test_a_warm_person_uses_the_whole_resolution_and_no_contrast_none() -> None:
    assert float(resolved_share(5.0, NETD_KELVIN)) == 1.0
    assert float(resolved_share(-5.0, NETD_KELVIN)) == 1.0
    assert float(resolved_share(0.0, NETD_KELVIN)) == 0.0


@pytest.mark.parametrize(
    ("lens_mm", "critical_m", "half_m"),
    [(19, 0.95, 752), (50, 0.95, 1979), (50, 2.3, 4792), (100, 0.95, 3958)],
)
def test_half_are_detected_at_the_ranges_of_the_field_notes(
    lens_mm: int, critical_m: float, half_m: int
) -> None:
    pixels = critical_m * lens_mm / 0.012 / half_m
    assert float(sees_with_probability(pixels)) == pytest.approx(0.5, abs=0.01)
