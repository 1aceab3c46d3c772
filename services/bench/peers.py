"""What other libraries take for a band-pass and a ratio of short to long mean, on our samples.

Each gets the layout and the blocks in which it was found quickest (blocks of 0.5 s where it can
keep its state between them, else the whole), as float32, converted beforehand. All but scipy are
optional packages.
"""

import importlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from geo.errors import ConfigError

BAND_HZ = (5.0, 100.0)
ORDER = 4
SHORT_S, LONG_S = 0.5, 10.0
"""Band of footsteps, and means as an STA/LTA trigger has them (assumed)."""

_BLOCK_S = 0.5

_TIMES = 3
"""Each peer is told by its best of so many runs; ours by the mean of one long one."""

F32 = npt.NDArray[np.float32]
Ratio = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """One library.

    Attributes:
        does: what of it is used.
        work: takes samples of shape (channel, time) and the sample rate; gives the ratio, same
            shape. What it makes ready from the samples comes back as a call without arguments,
            so that only that call is timed.
        channels: at most so many, since it is slow.
        needs: packages beyond our own.
    """

    does: str
    work: Callable[[F32, float], Callable[[], Ratio]]
    channels: int
    needs: tuple[str, ...] = ()


def measure(samples: F32, rate_hz: float, ours: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Time every peer.

    Args:
        samples: shape (channel, time), one core for all.
        rate_hz: of them.
        ours: Msample/s of processor time by name, that each peer is set against.

    Returns:
        By library: what it did, how many channels it got, Msample/s of processor time, and how
        many times that ours do.
    """
    check()
    figures: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        part = np.ascontiguousarray(samples[: peer.channels])
        peer.work(part[:2], rate_hz)()  # what it compiles
        work = peer.work(part, rate_hz)
        speed = part.size / min(_cpu_s(work) for _ in range(_TIMES)) / 1e6
        figures[name] = {
            "does": peer.does,
            "channels": len(part),
            "msample_per_s": round(speed, 2),
            **{f"{one}_times": round(of / speed, 2) for one, of in ours.items()},
        }
    return figures


def _cpu_s(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def check() -> None:
    """Refuse to begin where a peer is missing.

    Raises:
        ConfigError: naming what to install.
    """
    needed = sorted({package for peer in PEERS.values() for package in peer.needs})
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"peers need {', '.join(missing)}: pip install 'straja[peers]', or leave --peers out"
        )


def _scipy(samples: F32, rate_hz: float) -> Callable[[], Ratio]:
    sections = signal.butter(ORDER, BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    sections = sections.astype(np.float32)
    rates = (1.0 / (SHORT_S * rate_hz), 1.0 / (LONG_S * rate_hz))
    means = [(np.array([a], np.float32), np.array([1.0, a - 1.0], np.float32)) for a in rates]
    rows, block = np.ascontiguousarray(samples.T), round(_BLOCK_S * rate_hz)

    def work() -> Ratio:
        channels = rows.shape[1]
        filters: Any = np.zeros((len(sections), 2, channels), np.float32)
        kept: list[Any] = [np.zeros((1, channels), np.float32) for _ in means]
        out = np.empty_like(rows)
        for begin in range(0, len(rows), block):
            heard, filters = signal.sosfilt(sections, rows[begin : begin + block], 0, filters)
            energy = heard * heard
            short, kept[0] = signal.lfilter(*means[0], energy, 0, kept[0])
            long, kept[1] = signal.lfilter(*means[1], energy, 0, kept[1])
            np.divide(short, long, out=out[begin : begin + block], where=long > 0.0)
        return out.T

    return work


def _xdas(samples: F32, rate_hz: float) -> Callable[[], Ratio]:
    xdas = importlib.import_module("xdas")
    atoms = importlib.import_module("xdas.atoms")
    block = round(_BLOCK_S * rate_hz)
    chunks = [
        xdas.DataArray(
            np.ascontiguousarray(samples[:, begin : begin + block]),
            {
                "distance": np.arange(float(len(samples))),
                "time": {
                    "tie_indices": [0, min(block, samples.shape[1] - begin) - 1],
                    "tie_values": [
                        begin / rate_hz,
                        (min(begin + block, samples.shape[1]) - 1) / rate_hz,
                    ],
                    "sampling_interval": 1.0 / rate_hz,
                },
            },
        )
        for begin in range(0, samples.shape[1], block)
    ]

    def work() -> Ratio:
        chain = atoms.Sequential(
            [
                atoms.IIRFilter(ORDER, BAND_HZ, "bandpass", dim="time"),
                atoms.STALTA(SHORT_S, LONG_S, dim="time"),
            ]
        )
        return np.concatenate([chain(one, chunk_dim="time").values for one in chunks], axis=1)

    return work


def _obspy(samples: F32, rate_hz: float) -> Callable[[], Ratio]:
    filters = importlib.import_module("obspy.signal.filter")
    trigger = importlib.import_module("obspy.signal.trigger")
    short, long = round(SHORT_S * rate_hz), round(LONG_S * rate_hz)

    def work() -> Ratio:
        out = np.empty_like(samples)
        for channel, trace in enumerate(samples):
            heard = filters.bandpass(trace, *BAND_HZ, rate_hz, corners=ORDER)
            out[channel] = trigger.recursive_sta_lta(heard, short, long)
        return out

    return work


def _dascore(samples: F32, rate_hz: float) -> Callable[[], Ratio]:
    dascore = importlib.import_module("dascore")
    coords = {
        "distance": np.arange(float(len(samples))),
        "time": np.arange(samples.shape[1]) / rate_hz,
    }
    patch = dascore.Patch(data=samples, coords=coords, dims=("distance", "time"))

    def work() -> Ratio:
        heard = patch.pass_filter(time=BAND_HZ, corners=ORDER, zerophase=False)
        energy = heard.new(data=heard.data**2)
        return np.asarray(energy.stalta(time=(SHORT_S, LONG_S)).data)

    return work


PEERS = {
    "xdas": Peer("streaming IIRFilter, recursive STALTA", _xdas, 3_750, ("xdas",)),
    "scipy": Peer("streaming sosfilt, two lfilter, float32", _scipy, 3_750),
    "obspy": Peer("bandpass, recursive_sta_lta, by trace", _obspy, 1_000, ("obspy",)),
    "dascore": Peer("pass_filter, stalta (running means)", _dascore, 50, ("dascore",)),
}
