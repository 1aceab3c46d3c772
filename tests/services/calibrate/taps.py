"""Frames of noise with blows in them, for tests of what is heard of a tap test."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sensors.messages import SCHEMA, FibreFrame, Mark

START_NS = 1_777_885_200_000_000_000
RATE_HZ = 500.0
Samples = npt.NDArray[np.float32]


def noise(seconds: float, channels: int, seed: int = 3) -> Samples:
    random = np.random.default_rng(seed)
    return random.standard_normal((round(seconds * RATE_HZ), channels), dtype=np.float32)


def add_taps(
    samples: Samples, channel: float, at_s: Sequence[float], deaf: tuple[int, int] = (0, 0)
) -> None:
    """Add blows at a fraction of a channel; ``deaf`` channels from-to lie in a coil there."""
    t = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    pulse = 60.0 * np.sin(2.0 * np.pi * 40.0 * t) * np.exp(-t / 0.04)
    number = np.arange(samples.shape[1], dtype=np.float64)
    length = deaf[1] - deaf[0]
    ground = np.where(number >= deaf[1], number - length, number)
    gain = np.exp(-np.abs(ground - (channel if not length else deaf[0] - 0.5)) / 1.2)
    if length:
        gain[deaf[0] : deaf[1]] = 0.0
    for one in at_s:
        first = round(one * RATE_HZ)
        samples[first : first + len(pulse)] += (pulse[:, np.newaxis] * gain).astype(np.float32)


def frames(
    samples: Samples, edges: Sequence[int] | None = None, session: str = "s"
) -> list[FibreFrame]:
    bounds = [0, *(range(125, len(samples), 125) if edges is None else edges), len(samples)]
    found = []
    for sequence, (low, high) in enumerate(pairwise(bounds)):
        at_ns = START_NS + round(low * 1e9 / RATE_HZ)
        found.append(
            FibreFrame(
                schema=SCHEMA,
                session=session,
                sequence=sequence,
                measured_at_ns=at_ns,
                sent_at_ns=at_ns,
                mark=Mark.SIMULATED,
                sample_rate_hz=RATE_HZ,
                first_sample=low,
                first_channel=100,
                channel_spacing_m=10.0,
                samples=samples[low:high],
            )
        )
    return found
