"""Figures of noise that decide how often a detector cries wolf: tails, spectrum, likeness.

The same figures of recordings and of synthetic noise, so that the two can be laid side by side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

FloatArray = NDArray[np.float64]

BANDS_HZ = ((4.0, 12.0), (12.0, 45.0), (45.0, 100.0))
"""Bands of the fibre detector below 100 Hz; higher ones many recordings do not have."""

SCORES = (4.0, 6.0, 8.0)
WINDOW_S = 0.5
"""Log band energy each half second, by running median and deviation: some footsteps or a stab of a
spade (assumed)."""

RUNNING_S = 60.0
"""Of the running median; a shorter record is judged by its own median (assumed)."""

OCTAVES_HZ = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


@dataclass(frozen=True, eq=False)
class Record:
    """Samples to judge.

    Attributes:
        samples: shape (time, channel), any unit of strain rate or velocity.
        spacing_m: between channels; 0 where there is one only.
        gauge_m: of each channel.
    """

    name: str
    samples: FloatArray
    rate_hz: float
    spacing_m: float
    gauge_m: float

    @property
    def hours(self) -> float:
        """Channel hours of channels whose gauges do not overlap."""
        channels = int(self.samples[:1, :: self.stride].size)
        return channels * len(self.samples) / self.rate_hz / 3_600.0

    @property
    def stride(self) -> int:
        """Channels from one gauge to the next that does not overlap with it."""
        return max(round(self.gauge_m / self.spacing_m), 1) if self.spacing_m > 0.0 else 1


def log_energy(samples: FloatArray, rate_hz: float, band_hz: tuple[float, float]) -> FloatArray:
    """Logarithm of the mean square in a band: shape (half second, channel)."""
    sos = signal.butter(2, band_hz, "bandpass", fs=rate_hz, output="sos")
    heard = signal.sosfilt(sos, samples - samples[:1], axis=0)[int(0.5 * rate_hz) :]
    rows = int(WINDOW_S * rate_hz)
    count = len(heard) // rows
    power = (heard[: count * rows].reshape(count, rows, -1) ** 2).mean(axis=1)
    return np.asarray(np.log(np.maximum(power, 1e-30)))


def scores(energy: FloatArray) -> FloatArray:
    """How many deviations each log energy lies over its running median; same shape."""
    width = int(RUNNING_S / WINDOW_S) + 1
    if len(energy) > 2 * width:
        middle = ndimage.median_filter(energy, size=(width, 1), mode="reflect")
        spread = ndimage.median_filter(np.abs(energy - middle), size=(width, 1), mode="reflect")
    else:
        middle = np.median(energy, axis=0)
        spread = np.median(np.abs(energy - middle), axis=0)
    return np.asarray((energy - middle) / np.maximum(1.4826 * spread, 1e-3))


def exceedances(record: Record, band_hz: tuple[float, float]) -> dict[float, float]:
    """How often an hour and channel a score lies above each of :data:`SCORES`."""
    energy = log_energy(record.samples[:, :: record.stride], record.rate_hz, band_hz)
    found = scores(energy)
    hours = found.size * WINDOW_S / 3_600.0
    return {score: float((found > score).sum() / hours) for score in SCORES}


def restlessness(record: Record, band_hz: tuple[float, float]) -> float:
    """Robust standard deviation of the log energy: median over channels."""
    energy = log_energy(record.samples[:, :: record.stride], record.rate_hz, band_hz)
    off = np.abs(energy - np.median(energy, axis=0))
    return float(np.median(1.4826 * np.median(off, axis=0)))


def likeness(record: Record, band_hz: tuple[float, float]) -> float | None:
    """Median correlation of neighbours whose gauges touch; None for a single channel."""
    step = record.stride
    if record.samples.shape[1] <= step:
        return None
    sos = signal.butter(2, band_hz, "bandpass", fs=record.rate_hz, output="sos")
    heard = signal.sosfilt(sos, record.samples - record.samples[:1], axis=0)
    heard = heard[int(0.5 * record.rate_hz) :]
    heard = (heard - heard.mean(axis=0)) / np.maximum(heard.std(axis=0), 1e-30)
    return float(np.median((heard[:, :-step] * heard[:, step:]).mean(axis=0)))


def octaves(record: Record) -> dict[float, float]:
    """Level of each octave in decibels, by the one at 16 Hz: median over channels."""
    segment = min(int(2.0 * record.rate_hz), len(record.samples))
    frequency, power = signal.welch(record.samples, record.rate_hz, nperseg=segment, axis=0)
    middle = np.median(power, axis=1)

    def level(centre_hz: float) -> float:
        inside = (frequency >= centre_hz / np.sqrt(2.0)) & (frequency < centre_hz * np.sqrt(2.0))
        return float(middle[inside].mean())

    top = 0.45 * record.rate_hz
    return {
        centre: 10.0 * float(np.log10(level(centre) / level(16.0)))
        for centre in OCTAVES_HZ
        if centre * np.sqrt(2.0) <= top
    }


def figures(record: Record) -> dict[str, object]:
    """Everything of a record that is compared, rounded for reading."""
    bands = [band for band in BANDS_HZ if band[1] < 0.45 * record.rate_hz + 1e-9]
    return {
        "seconds": round(len(record.samples) / record.rate_hz, 1),
        "channel_hours": round(record.hours, 3),
        "exceed_per_hour": _by_band(bands, {b: _rounded(exceedances(record, b)) for b in bands}),
        "restlessness": _by_band(bands, {b: round(restlessness(record, b), 2) for b in bands}),
        "likeness": _by_band(
            bands,
            {b: None if (r := likeness(record, b)) is None else round(r, 2) for b in bands},
        ),
        "octaves_db": _rounded(octaves(record)),
    }


def _by_band(
    bands: Iterable[tuple[float, float]], values: Mapping[tuple[float, float], object]
) -> dict[str, object]:
    return {f"{low:g}-{high:g} Hz": values[low, high] for low, high in bands}


def _rounded(values: Mapping[float, float]) -> dict[str, float]:
    return {f"{key:g}": round(value, 1) for key, value in values.items()}
