"""Noise and a physical-ish model of walkers and vehicles, for the fibre detector's tests."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sensors.messages import FibreFrame, Mark, Register
from sensors.topics import Channel, SensorKind, Topic
from services.events import Heard

Samples = npt.NDArray[np.float32]
START_NS = 1_780_000_000_000_000_000
GROUP = "gateway-1"


def gaussian(seconds: float, channels: int, seed: int, rate_hz: int = 500) -> Samples:
    random = np.random.default_rng(seed)
    return random.standard_normal((round(seconds * rate_hz), channels), dtype=np.float32)


def mirrored(recording: Samples, seconds: float, rate_hz: float) -> Samples:
    """A short recording forth and back without steps, as long as wanted."""
    count = int(np.ceil(seconds * rate_hz / len(recording)))
    parts = [recording if k % 2 == 0 else recording[::-1] for k in range(count)]
    return np.concatenate(parts)[: round(seconds * rate_hz)]


def wandering(recording: Samples, seconds: float, rate_hz: float) -> Samples:
    """A short recording as long as wanted, without steps and without a beat of its own.

    It is read forth and back like :func:`mirrored`, but turns at random moments: turning always at
    the ends would give a recording of 0.3 s a rhythm as steady as a walk's.
    """
    random = np.random.default_rng(3)
    count, wanted = len(recording), round(seconds * rate_hz)
    order: list[npt.NDArray[np.int64]] = []
    have, at = 0, 0
    while have < wanted:
        goal = int(random.integers(count))
        step = 1 if goal > at else -1
        order.append(np.arange(at, goal, step))
        have, at = have + abs(goal - at), goal
    return recording[np.concatenate(order)[:wanted]]


def near(distance_m: npt.NDArray[np.float64], reach_m: float) -> npt.NDArray[np.float64]:
    """Amplitude by distance: geometric spreading and loss in soil."""
    return (3.0 / np.maximum(distance_m, 3.0)) ** 0.7 * np.exp(-distance_m / reach_m)


def add_walker(
    samples: Samples,
    *,
    start_s: float,
    end_s: float,
    place_m: float,
    speed_mps: float = 1.3,
    aside_m: float = 4.0,
    strength: float = 8.0,
    pace_s: float = 0.58,
    spacing_m: float = 10.0,
    rate_hz: float = 500.0,
) -> None:
    """Add footsteps: a decaying burst of 24 Hz at each step, strength in sigmas of the noise."""
    channels = np.arange(samples.shape[1]) * spacing_m
    sigma = samples.std(axis=0)
    pulse_t = np.arange(round(0.25 * rate_hz)) / rate_hz
    pulse = np.sin(2 * np.pi * 24.0 * pulse_t) * np.exp(-pulse_t / 0.045)
    for number in range(int((end_s - start_s) / pace_s)):
        at_s = start_s + number * pace_s
        here = place_m + speed_mps * (at_s - start_s)
        gain = strength * near(np.hypot(channels - here, aside_m), 18.0) * sigma
        first = round(at_s * rate_hz)
        samples[first : first + len(pulse)] += (pulse[:, np.newaxis] * gain).astype(np.float32)


def add_vehicle(
    samples: Samples,
    *,
    start_s: float,
    end_s: float,
    place_m: float,
    speed_mps: float,
    aside_m: float = 15.0,
    strength: float = 6.0,
    spacing_m: float = 10.0,
    rate_hz: float = 500.0,
) -> None:
    """Add the continuous rumble of wheels, the same source heard along the cable."""
    channels = np.arange(samples.shape[1]) * spacing_m
    sigma = samples.std(axis=0)
    first, last = round(start_s * rate_hz), round(end_s * rate_hz)
    t = np.arange(first, last) / rate_hz
    rumble = np.random.default_rng(77).standard_normal(len(t))
    rumble = np.convolve(rumble, np.hanning(9) / 3.0, mode="same")
    here = place_m + speed_mps * (t - start_s)
    gain = strength * near(np.hypot(channels - here[:, np.newaxis], aside_m), 40.0) * sigma
    samples[first:last] += (rumble[:, np.newaxis] * gain).astype(np.float32)


def frames(
    samples: npt.NDArray[np.generic],
    *,
    sensor: str = "fibre-1",
    group: str = GROUP,
    rate_hz: float = 500.0,
    spacing_m: float = 10.0,
    first_channel: int = 0,
    cuts: list[int] | None = None,
    session: str = "s1",
    first_sample: int = 0,
    mark: Mark = Mark.SIMULATED,
) -> list[Heard]:
    """Frames of 0.25 s, or cut where told."""
    step = round(0.25 * rate_hz)
    edges = cuts if cuts is not None else list(range(step, len(samples), step))
    heard = []
    bounds = [0, *edges, len(samples)]
    for number, (low, high) in enumerate(pairwise(bounds)):
        if high <= low:
            continue
        at_ns = START_NS + round((first_sample + low) * 1e9 / rate_hz)
        message = FibreFrame(
            schema=0,
            session=session,
            sequence=number,
            measured_at_ns=at_ns,
            sent_at_ns=at_ns,
            mark=mark,
            sample_rate_hz=rate_hz,
            first_sample=first_sample + low,
            first_channel=first_channel,
            channel_spacing_m=spacing_m,
            samples=samples[low:high],
        )
        topic = Topic(group, SensorKind.FIBRE, sensor, Channel.FRAME)
        heard.append(Heard(topic, message, at_ns, at_ns))
    return heard


def registration(sensor: str, cable: str, channels: int, spacing_m: float) -> Heard:
    message = Register(
        schema=0,
        session="s1",
        sequence=0,
        measured_at_ns=START_NS,
        sent_at_ns=START_NS,
        mark=Mark.SIMULATED,
        kind="fibre",
        model="test",
        heartbeat_interval_s=10.0,
        cable=cable,
        channel_count=channels,
        channel_spacing_m=spacing_m,
        sample_rate_hz=500.0,
    )
    topic = Topic(GROUP, SensorKind.FIBRE, sensor, Channel.REGISTER)
    return Heard(topic, message, START_NS, START_NS)


def counts(samples: Samples) -> npt.NDArray[np.int16]:
    return (samples * 200.0).clip(-32768, 32767).astype(np.int16)
