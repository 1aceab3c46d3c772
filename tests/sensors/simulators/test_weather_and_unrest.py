"""Wind, rain, bursts, jolts: as they should sound, and the same however they are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from sensors.simulators.fibre import RATE_HZ, Surroundings
from sensors.simulators.noise import AMBIENT, COIL_COUPLING
from sensors.simulators.restless import SECOND, Restless
from sensors.simulators.tiles import BLOCK
from sensors.simulators.weather import Sky, Weather, cover, gust_map, rain_share
from tests.sensors.simulators.fibre_bench import (
    SEED,
    WINDOW,
    band_power,
    made,
    stretch,
)

STORM = Surroundings(sky=Sky(wind_mps=14.0, rain_mm_h=20.0))


def in_sky(wind_mps: float, rain_mm_h: float, seconds: float = 10.0) -> NDArray[np.float64]:
    about = Surroundings(sky=Sky(wind_mps, rain_mm_h))
    return stretch(made(window=(1_000, 240), about=about), seconds)


@pytest.fixture(scope="module")
def calm() -> NDArray[np.float64]:
    return in_sky(0.0, 0.0)


@pytest.fixture(scope="module")
def windy() -> NDArray[np.float64]:
    return in_sky(12.0, 0.0)


@pytest.fixture(scope="module")
def storm() -> NDArray[np.float64]:
    return stretch(made(about=STORM), 4.0)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, 1_700), st.integers(1, 300)), min_size=1, max_size=5))
def test_a_storm_has_the_same_samples_however_it_is_cut(
    storm: NDArray[np.float64], cuts: list[tuple[int, int]]
) -> None:
    simulator = made(about=STORM)
    for first, rows in cuts:
        np.testing.assert_array_equal(simulator.samples(first, rows), storm[first : first + rows])


def test_a_window_of_a_storm_holds_the_samples_of_the_whole_cable(
    storm: NDArray[np.float64],
) -> None:
    full = made(window=None, about=STORM).samples(BLOCK * 8, BLOCK)
    first, count = WINDOW
    np.testing.assert_array_equal(
        full[:, first : first + count], storm[BLOCK * 8 : BLOCK * 9].astype(np.int16)
    )


def test_a_breeze_below_the_threshold_changes_nothing(calm: NDArray[np.float64]) -> None:
    np.testing.assert_array_equal(in_sky(1.5, 0.0, 2.0), calm[:1_000])


def test_wind_grows_with_its_speed_and_most_below_45_hz(
    calm: NDArray[np.float64], windy: NDArray[np.float64]
) -> None:
    def level(samples: NDArray[np.float64], low: float, high: float) -> float:
        return float(np.mean(band_power(samples, low, high)))

    low = [level(one, 4.0, 45.0) for one in (calm, in_sky(6.0, 0.0), windy)]
    assert low[0] < low[1] < low[2]
    assert low[2] > 2.0 * low[0]
    assert level(windy, 110.0, 200.0) < 1.3 * level(calm, 110.0, 200.0)


def test_wind_ties_neighbours_together_at_low_frequencies_only(
    windy: NDArray[np.float64], calm: NDArray[np.float64]
) -> None:
    wind = windy - calm

    def likeness(low: float, high: float, apart: int) -> float:
        sos = signal.butter(2, [low, high], "bandpass", fs=RATE_HZ, output="sos")
        part = signal.sosfilt(sos, wind, axis=0)[500:]
        pairs = range(0, part.shape[1] - apart, 3)
        return float(np.median([np.corrcoef(part[:, c], part[:, c + apart])[0, 1] for c in pairs]))

    assert likeness(1.0, 4.0, 1) > 0.5
    assert likeness(1.0, 4.0, 1) > likeness(1.0, 4.0, 6)
    assert likeness(4.0, 12.0, 1) > likeness(20.0, 40.0, 1) + 0.1


def test_gusts_travel_over_the_land_with_the_wind() -> None:
    ones = np.ones(600, dtype=np.float32)
    way = Weather(SEED, Sky(10.0, 0.0), np.zeros((600, 2)), ones, ones)._way
    downwind = 10.0 * np.arange(600)[:, np.newaxis] * way
    weather = Weather(SEED, Sky(10.0, 0.0), downwind, ones, ones)
    now, later = weather.gains(100.0)[0], weather.gains(112.0)[0]
    assert now.std() > 0.2 * now.mean()
    # 120 m in 12 s: twelve channels further down.
    np.testing.assert_allclose(later[12:], now[:-12], rtol=1e-3)
    assert np.corrcoef(later, now)[0, 1] < 0.9


def test_gusts_have_the_spectrum_of_turbulence_along_a_line() -> None:
    """Kolmogorov's -5/3 between the length scale and the map's cells of 25 m."""
    power = (np.abs(np.fft.rfft(gust_map(SEED), axis=1)) ** 2).mean(axis=0)
    wave = 2.0 * np.pi * np.fft.rfftfreq(512, 25.0)
    inside = (wave > 1.0 / 60.0) & (wave < 1.0 / 12.0)
    slope = np.polyfit(np.log(wave[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-5.0 / 3.0, abs=0.2)


def test_rain_grows_with_its_rate_and_lies_high(calm: NDArray[np.float64]) -> None:
    light, heavy = in_sky(0.0, 4.0), in_sky(0.0, 40.0)

    def level(samples: NDArray[np.float64], low: float, high: float) -> float:
        return float(np.mean(band_power(samples, low, high)))

    high = [level(one, 80.0, 160.0) for one in (calm, light, heavy)]
    assert high[0] < high[1] < high[2]
    assert level(heavy, 4.0, 30.0) < 1.05 * level(calm, 4.0, 30.0)


def test_louder_rain_by_number_and_momentum_of_drops() -> None:
    assert rain_share(0.0) == 0.0
    assert rain_share(10.0) == pytest.approx(1.0)
    # Power goes about as rate to 1.5, as drops' number and size say.
    assert np.log(rain_share(20.0) ** 2) / np.log(2.0) == pytest.approx(1.5, abs=0.25)


def test_trees_stand_in_stretches() -> None:
    plants = cover(np.random.default_rng(1), 3_825, 10.0)
    assert plants.min() > 0.05
    near = np.corrcoef(plants[:-1], plants[1:])[0, 1]
    far = np.corrcoef(plants[:-200], plants[200:])[0, 1]
    assert near > 0.5 > far


def test_bursts_come_in_some_stretches_often_and_in_most_seldom() -> None:
    coupling = np.ones(3_825, dtype=np.float32)
    restless = Restless(SEED, "fibre-1", coupling)
    count = np.zeros(3_825)
    hours = 0.25
    for second in range(int(hours * 3_600)):
        np.add.at(count, restless._bursts(second)[1], 1)
    an_hour = count.reshape(-1, 25).mean(axis=1) / hours
    low, middle, high = np.percentile(an_hour, [10, 50, 95])
    assert low < 0.5 * middle
    assert high > 4.0 * middle
    assert 5.0 < an_hour.mean() < 80.0


def test_a_burst_runs_on_over_blocks_without_a_break() -> None:
    coupling = np.ones(400, dtype=np.float32)
    restless = Restless(SEED, "fibre-1", coupling)
    blocks = []
    for block in range(40):
        out = np.zeros((BLOCK, 400), dtype=np.int16)
        restless.add(block, 0, out)
        blocks.append(out)
    alone = np.concatenate(blocks).astype(float)
    steps = np.abs(np.diff(alone, axis=0))
    at_seams = steps[BLOCK - 1 :: BLOCK]
    assert alone.any()
    assert at_seams.mean() < 2.0 * steps.mean() + 1e-9
    assert SECOND % BLOCK == 0


def test_a_jolt_of_the_interrogator_is_on_all_channels_at_once() -> None:
    simulator = made(window=(0, 400))
    noise = simulator._noise
    jolts = np.concatenate([noise._jolts(minute) for minute in range(200)])
    begin, height = jolts[jolts[:, 1].argmax()][:2]
    samples = stretch(simulator, 1.0, float(np.floor(begin)))
    together = np.median(samples, axis=1)
    before = np.median(stretch(simulator, 1.0, float(np.floor(begin)) - 3.0), axis=1)
    assert np.abs(together).max() > max(0.2 * height, 2.0 * np.abs(before).max())


def test_a_slack_coil_does_not_hear_the_restless_ground() -> None:
    simulator = made(window=None)
    coupling = simulator._noise.coupling
    coils = np.flatnonzero(np.isclose(coupling, COIL_COUPLING))
    assert coils.size > 30
    assert (simulator._noise._ambient[coils] <= 1.01 * COIL_COUPLING * AMBIENT).all()
