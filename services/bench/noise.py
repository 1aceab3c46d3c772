"""``straja bench noise``: synthetic fibre noise beside recordings."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from geo.default_site import default_site_path
from geo.errors import ConfigError, RecordingError
from geo.site import Site
from sensors.simulators.fibre import RATE_HZ, FibreSimulator, Surroundings
from sensors.simulators.ground import GAUGE_M
from sensors.simulators.tiles import BLOCK
from services.bench.machine import machine
from services.bench.unrest import FloatArray, Record, figures
from services.run.das import read_patches, strain_rate

Say = Callable[[str], None]

SYNTHETIC_S = 600.0
SHORT_S = 10.0
"""DAS recordings that may be passed on last some ten seconds; synthetic noise is judged both by
ten minutes and by pieces of this length."""

WINDOWS = ((300, 40), (1_900, 40), (3_400, 40))
"""Channels near the interrogator, half-way and far out."""

_SEED = 5


def measure(files: Sequence[Path], say: Say) -> dict[str, object]:
    """Figures of recordings and of synthetic noise.

    Raises:
        RecordingError: a file cannot be read.
        ConfigError: what reads it is not installed.
    """
    told: dict[str, object] = {}
    for path in files:
        say(f"judging {path.name}")
        told[path.name] = figures(read(path))
    say(f"judging {SYNTHETIC_S:g} s of synthetic noise")
    made = synthetic()
    told["synthetic"] = figures(made)
    told["synthetic, in pieces of 10 s"] = figures(pieces(made))
    return {"noise": told, "machine": machine()}


def read(path: Path) -> Record:
    """Read a recording: any DAS file, or a single channel as miniSEED.

    Raises:
        RecordingError: it cannot be read.
        ConfigError: what reads it is not installed.
    """
    if path.suffix.lower() in {".mseed", ".miniseed"}:
        return _single(path)
    patch = max(read_patches(path), key=lambda one: len(one.samples))
    samples = strain_rate(patch).astype(np.float64)
    # Channels that never move lie beyond the cable's ends.
    samples = samples[:, samples.std(axis=0) > 0.0]
    gauge = patch.gauge_m or patch.spacing_m
    return Record(path.name, samples, patch.rate_hz, patch.spacing_m, gauge)


def _single(path: Path) -> Record:
    try:
        from pymseed import MS3TraceList  # noqa: PLC0415 - only for those who have such files
    except ImportError as error:
        raise ConfigError(
            f"{path.name} is read through pymseed, which is not installed: pip install pymseed"
        ) from error
    traces = MS3TraceList.from_file(str(path), unpack_data=True)
    parts = [part for trace in traces for part in trace]
    if not parts:
        raise RecordingError(f"{str(path)!r} holds no samples: wanted a miniSEED file with data")
    longest = max(parts, key=lambda one: len(one.datasamples))
    samples: FloatArray = np.array(longest.datasamples, dtype=np.float64)[:, np.newaxis]
    return Record(path.name, samples, float(longest.samprate), 0.0, GAUGE_M)


def synthetic(seconds: float = SYNTHETIC_S, about: Surroundings | None = None) -> Record:
    """Make noise of the default site's first cable; calm when nothing is said."""
    site = Site.load(default_site_path())
    made = []
    for window in WINDOWS:
        simulator = FibreSimulator(
            _SEED, "fibre-1", site.cable("fibre-1"), lambda _from, _to: (), 0.0, window, about
        )
        blocks = range(int(seconds * RATE_HZ / BLOCK))
        made.append(np.concatenate([simulator.samples(n * BLOCK, BLOCK) for n in blocks]))
    samples = np.concatenate(made, axis=1).astype(np.float64)
    return Record("synthetic", samples, RATE_HZ, GAUGE_M, GAUGE_M)


def pieces(record: Record) -> Record:
    """Lay short pieces of a record side by side as if they were channels."""
    rows = int(SHORT_S * record.rate_hz)
    count = len(record.samples) // rows
    cut = record.samples[: count * rows].reshape(count, rows, -1)
    beside = cut.transpose(1, 0, 2).reshape(rows, -1)
    return Record(record.name, beside, record.rate_hz, record.spacing_m, record.gauge_m)
