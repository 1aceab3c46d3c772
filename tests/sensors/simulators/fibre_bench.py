"""A stretch of the default site's first cable on which tests put bodies."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from geo.cable import Cable
from geo.site import Site
from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.fibre import RATE_HZ, FibreSimulator, Surroundings
from sensors.simulators.motion import Body
from sensors.simulators.motion import Path as Way
from sensors.simulators.tiles import BLOCK

SITE = Path(__file__).resolve().parents[3] / "deploy" / "sites" / "default.toml"
WINDOW = (1_000, 60)
SEED = 5


@cache
def cable() -> Cable:
    return Site.load(SITE).cable("fibre-1")


def at_channel(channel: float, offset_m: float) -> tuple[float, float]:
    east, north = cable().point_at(cable().channel_distance(channel), offset_m)
    return float(east), float(north)


def way(
    begin: tuple[float, float], end: tuple[float, float], duration_s: float, from_s: float = 0.0
) -> Way:
    """From one (channel, offset) to another."""
    (east, north), (to_east, to_north) = at_channel(*begin), at_channel(*end)
    return Way(
        np.array([from_s, from_s + duration_s]),
        np.array([east, to_east]),
        np.array([north, to_north]),
    )


def body(
    actor_class: ActorClass,
    behaviour: Behaviour,
    path: Way,
    name: str = "a/0",
    actor: str = "a",
) -> Body:
    return Body(actor, name, actor_class, behaviour, path, SEED)


def made(
    bodies: Sequence[Body] = (),
    window: tuple[int, int] | None = WINDOW,
    about: Surroundings | None = None,
    seed: int = SEED,
) -> FibreSimulator:
    return FibreSimulator(seed, "fibre-1", cable(), lambda _a, _b: bodies, 0.0, window, about)


def stretch(simulator: FibreSimulator, seconds: float, from_s: float = 0.0) -> NDArray[np.float64]:
    first, blocks = int(from_s * RATE_HZ / BLOCK), int(seconds * RATE_HZ / BLOCK)
    return np.concatenate(
        [simulator.samples(block * BLOCK, BLOCK) for block in range(first, first + blocks)]
    ).astype(np.float64)


def heard(
    one: Body,
    seconds: float,
    window: tuple[int, int] = WINDOW,
    from_s: float = 0.0,
) -> NDArray[np.float64]:
    """What a body adds to the noise, shape (time, channel)."""
    with_it = stretch(made([one], window), seconds, from_s)
    return with_it - stretch(made([], window), seconds, from_s)


def band_power(samples: NDArray[np.float64], low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Mean square by channel in a band."""
    sos = signal.butter(4, [low_hz, high_hz], "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray((signal.sosfilt(sos, samples, axis=0)[250:] ** 2).mean(axis=0))
