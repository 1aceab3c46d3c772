"""``straja bench fibre``: how much faster than life one core detects along the whole border.

The worker of the service takes frames of all interrogators in, as their gateways encode them, and
decodes, filters, follows floors and objects, and saves its state, up to detections. One process,
pinned to one core. Frames are encoded a quarter of a second of the border at a time, while no
clock runs; they are then in memory as if just received.
"""

import contextlib
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from geo.default_site import default_site_path
from geo.errors import ConfigError
from geo.site import Site
from services.bench import peers
from services.bench.border_frames import FRAME_S, BorderFrames
from services.bench.machine import machine
from services.bench.stopwatch import Stopwatch, watched
from services.config.settings import Settings
from services.detect.cable_state import CableState
from services.detect.fibre import FibreDetection, compile_kernels
from services.detect.floor import Floor
from services.detect.frontend import FrontEnd
from services.detect.objects import Objects
from services.detect.worker import FrameDetectionWorker
from services.events import Conclusion, Detection, Received
from services.ingest.intake import Intake

WARM_UP_S = 14.0
"""Before the clock starts: the detector says nothing for its first 12 s."""

MOST_S = 3_600.0

PEERS_S = 20.0
"""Of the border's time that peers get: twice their long mean."""

_DECODE, _FRONT = "decode", "front end"
_STAGES: dict[str, list[type]] = {
    _DECODE: [Intake],
    _FRONT: [FrontEnd],
    "floor": [Floor],
    "objects": [Objects],
    "cable": [CableState],
}
_REST = "rest"

Say = Callable[[str], None]


def measure(
    channels: int, rate_hz: float, seconds: float, say: Say, *, with_peers: bool = False
) -> dict[str, object]:
    """Measure with so many channels, all sensors together; see the module.

    Args:
        channels: shared evenly by the default site's interrogators.
        rate_hz: samples a second and channel.
        seconds: of the border's time, measured.
        say: told what is going on.
        with_peers: measure as well what other libraries take for less, on the same samples.

    Raises:
        ConfigError: where the arguments do not fit, a peer is missing, or detection failed.
    """
    if not FRAME_S <= seconds <= MOST_S:
        raise ConfigError(f"seconds is {seconds:g}: wanted {FRAME_S:g} to {MOST_S:g}")
    if with_peers:
        peers.check()
    site = Site.load(default_site_path())
    with _one_core():
        say(f"simulating {channels} channels")
        border = BorderFrames(site, channels, rate_hz)
        figures = run(border, site, seconds, say)
        live = channels * rate_hz / 1e6
        figures |= {
            "channels": channels,
            "sensors": border.sensors,
            "rate_hz": rate_hz,
            "msample_per_s": round(live * figures["realtime_factor"], 1),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1),
            "input_mb": round(border.bytes / 2**20, 1),
        }
        if with_peers:
            say("measuring the peers")
            samples = border.samples(0, PEERS_S).T.astype(np.float32)
            ours = {
                "chain": live * figures["cpu_realtime_factor"],
                "front_end": live * figures["front_end_cpu_realtime_factor"],
            }
            figures["peers"] = peers.measure(samples, rate_hz, ours)
    return figures | {"machine": machine()}


def run(
    border: BorderFrames, site: Site, seconds: float, say: Say, warm_up_s: float = WARM_UP_S
) -> dict[str, Any]:
    """Let the worker take so many seconds of the border, after warming up, and time it.

    Raises:
        ConfigError: where a message failed in detection.
    """
    compile_kernels()
    shell = _Shell(border.start_ns)
    settings = Settings.from_rows(site.at(border.start_ns).settings)
    watch = Stopwatch()
    warm, measured = round(warm_up_s / FRAME_S), max(1, round(seconds / FRAME_S))
    taken = np.zeros((measured, border.sensors))
    with watched(watch, _STAGES):
        worker = FrameDetectionWorker(
            source=shell,
            decode=Intake(site, settings.intake).push,
            detection=FibreDetection(site, settings.fibre),
            sink=shell,
            ring=None,
            state=shell,
            now_ns=shell.now_ns,
        )
        say(f"measuring {seconds:g} s, after {warm_up_s:g} s to warm up")
        for number in range(warm + measured):
            frames = border.frames(number)
            if number == warm:
                watch.clear()
                shell.detections = 0
            for sensor, frame in enumerate(frames):
                shell.next = frame
                begun = time.perf_counter()
                with watch.stage(_REST):
                    worker.step(0.0)
                if number >= warm:
                    taken[number - warm, sensor] = time.perf_counter() - begun
    if worker.failures:
        raise ConfigError(f"{worker.failures} messages failed in detection: the log says why")
    return _figures(watch, taken) | {"seconds": measured * FRAME_S, "detections": shell.detections}


def _figures(watch: Stopwatch, taken: Any) -> dict[str, Any]:
    """Figures of what the frames took; ``taken`` has shape (frame, sensor), seconds."""
    seconds = len(taken) * FRAME_S
    wall, cpu = sum(watch.wall_s.values()), sum(watch.cpu_s.values())
    front_wall, front_cpu = watch.wall_s[_FRONT], watch.cpu_s[_FRONT]
    return {
        "realtime_factor": round(seconds / wall, 2),
        "cpu_realtime_factor": round(seconds / cpu, 2),
        "shares": {stage: round(watch.cpu_s[stage] / cpu, 3) for stage in (*_STAGES, _REST)},
        "front_end_realtime_factor": round(seconds / front_wall, 2),
        "front_end_cpu_realtime_factor": round(seconds / front_cpu, 2),
        "longest_frame_s": round(float(taken.max()), 4),
        "longest_wait_s": round(longest_wait_s(taken), 4),
        "frame_s": FRAME_S,
    }


def longest_wait_s(taken: Any) -> float:
    """Longest time from a frame's arrival to its end, were all sensors' frames to come at once.

    Args:
        taken: seconds each frame takes, shape (frame, sensor), one core for all.
    """
    free, longest = 0.0, 0.0
    for number, took in enumerate(taken.sum(axis=1)):
        comes = number * FRAME_S
        free = max(free, comes) + float(took)
        longest = max(longest, free - comes)
    return longest


class _Shell:
    """What the worker meets outside: frames one at a time, their times, an end for what it says."""

    def __init__(self, start_ns: int) -> None:
        self.next: Received | None = None
        self.detections = 0
        self._now_ns = start_ns
        self._state: deque[bytes] = deque(maxlen=1)

    def get(self, timeout_s: float) -> list[Received]:
        del timeout_s
        if self.next is None:
            return []
        self._now_ns, frame, self.next = self.next.received_at_ns, self.next, None
        return [frame]

    def now_ns(self) -> int:
        return self._now_ns

    def send(self, events: Sequence[Conclusion]) -> None:
        self.detections += sum(isinstance(event, Detection) for event in events)

    def load(self) -> bytes | None:
        return None

    def save(self, state: bytes) -> None:
        self._state.append(state)


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
