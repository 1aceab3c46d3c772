"""Synthetic noise beside recordings: tails, restlessness, spectrum and likeness."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from services.bench.noise import pieces, read, synthetic
from services.bench.unrest import (
    BANDS_HZ,
    SCORES,
    Record,
    exceedances,
    likeness,
    octaves,
    restlessness,
)

RECORDINGS = (
    "geofon_1D_HSF.mseed",
    "geofon_9N_HSF.mseed",
    "decimated_optodas.hdf5",
    "prodml_2.0.h5",
    "valencia_febus_example.h5",
)
MIDDLE = (12.0, 45.0)


def white(seconds: float = 300.0, channels: int = 20) -> Record:
    draw = np.random.default_rng(2)
    return Record("white", draw.normal(size=(int(seconds * 500), channels)), 500.0, 10.0, 10.0)


@cache
def made() -> Record:
    return synthetic()


@cache
def in_pieces() -> Record:
    return pieces(made())


@cache
def documented(row: str) -> list[list[float]]:
    """Numbers of a row of the page's table, cell by cell."""
    page = Path(__file__).resolve().parents[3] / "docs" / "simulators" / "fibre.md"
    line = next(one for one in page.read_text().splitlines() if one.startswith(f"| **{row}** |"))
    return [[float(one) for one in cell.split(",")] for cell in line.strip("| ").split("|")[1:]]


@cache
def real(folder: Path) -> tuple[Record, ...]:
    return tuple(read(folder / "das" / name) for name in RECORDINGS)


def with_band(records: tuple[Record, ...], band: tuple[float, float]) -> list[Record]:
    return [one for one in records if band[1] < 0.45 * one.rate_hz]


def test_gaussian_noise_has_hardly_a_tail_and_a_planted_burst_is_found() -> None:
    quiet = white()
    assert exceedances(quiet, MIDDLE)[6.0] == 0.0
    burst = quiet.samples.copy()
    burst[50_000:50_250, 3] *= 20.0
    loud = exceedances(Record("burst", burst, 500.0, 10.0, 10.0), MIDDLE)
    assert loud[8.0] * quiet.hours == pytest.approx(1.0, abs=1.1)
    assert loud[8.0] > 0.0


def test_white_noise_has_even_octaves_and_no_likeness() -> None:
    quiet = white(60.0)
    assert np.abs(list(octaves(quiet).values())).max() < 0.7
    alike = likeness(quiet, MIDDLE)
    assert alike is not None
    assert abs(alike) < 0.05
    shared = quiet.samples + np.roll(quiet.samples, 1, axis=1)
    tied = likeness(Record("tied", shared, 500.0, 10.0, 10.0), MIDDLE)
    assert tied == pytest.approx(0.5, abs=0.05)


def test_channels_whose_gauges_overlap_are_counted_once() -> None:
    samples = np.zeros((500, 100))
    assert Record("dense", samples, 500.0, 1.0, 10.0).hours == pytest.approx(10.0 / 3_600.0)


def test_pieces_are_as_long_as_short_recordings() -> None:
    cut = pieces(white(60.0, 3))
    assert cut.samples.shape == (5_000, 18)


@pytest.mark.parametrize(
    ("row", "record"),
    [("synthetic, 10 min", made), ("synthetic, 10 s each", in_pieces)],
    ids=["whole", "pieces"],
)
def test_noise_is_as_documented(row: str, record: Callable[[], Record]) -> None:
    """Tails within a factor of two, the rest more nearly: the seed is the documented one's."""
    _, *tails, restless, alike = documented(row)
    assert len(tails) == len(restless) == len(alike) == len(BANDS_HZ)
    for number, band in enumerate(BANDS_HZ):
        told = list(exceedances(record(), band).values())
        for here, there in zip(told, tails[number], strict=True):
            assert 0.5 * there <= here <= 2.0 * there
        assert restlessness(record(), band) == pytest.approx(restless[number], rel=0.25)
        assert likeness(record(), band) == pytest.approx(alike[number], abs=0.03)


def test_the_spectrum_is_as_documented() -> None:
    """Within 3 dB, a factor of two in power."""
    (wanted,) = documented("synthetic, octaves")
    assert list(octaves(made()).values()) == pytest.approx(wanted, abs=3.0)


@pytest.mark.parametrize("band", BANDS_HZ)
def test_loud_half_seconds_are_as_frequent_as_on_some_recording_and_rarer_than_on_another(
    shared_data: Path, band: tuple[float, float]
) -> None:
    recorded = [exceedances(one, band) for one in with_band(real(shared_data), band)]
    ours = exceedances(made(), band)
    for score in SCORES:
        told = [each[score] for each in recorded]
        assert min(told) <= ours[score] <= max(told)
    assert ours[4.0] > 1.0
    assert ours[8.0] > 0.0  # bursts, which a Gaussian never gives


@pytest.mark.parametrize("band", BANDS_HZ)
def test_noise_is_as_restless_as_recordings(shared_data: Path, band: tuple[float, float]) -> None:
    told = [restlessness(one, band) for one in with_band(real(shared_data), band)]
    assert min(told) <= restlessness(made(), band) <= max(told)


def test_octaves_lie_among_those_of_the_recordings(shared_data: Path) -> None:
    recorded = [octaves(one) for one in real(shared_data)]
    for centre, level in octaves(made()).items():
        told = [each[centre] for each in recorded if centre in each]
        # Below 8 Hz a field at night is quieter than sea beds and towns; 3 dB are allowed.
        assert min(told) - 3.0 <= level <= max(told) + 3.0


def test_neighbours_are_alike_as_on_recordings(shared_data: Path) -> None:
    for band in BANDS_HZ[:2]:
        pairs = [likeness(one, band) for one in with_band(real(shared_data), band)]
        told = [one for one in pairs if one is not None]
        ours = likeness(made(), band)
        assert ours is not None
        assert min(told) <= ours <= max(told)
