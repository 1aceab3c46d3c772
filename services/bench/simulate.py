"""``straja bench simulate``: how much faster than life one core simulates the whole border.

One process, pinned to one core, makes every message of the default site: raw frames of all eight
interrogators, sixty cameras (two of them with raw frames), radars, drones, boats and patrols;
encoded as they go on the wire, and then dropped. Twice: on a plain night, and in a storm by day
with much going on. Times are the core's own; on a machine that is busy with other things the wall
clock, told beside it, says less.
"""

import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from geo.default_site import default_site_path
from geo.site import Site
from sensors.scenes import Scene, parse
from sensors.simulators.fibre import RATE_HZ, FibreSimulator, Surroundings
from sensors.simulators.frames import FrameWriter
from sensors.simulators.tiles import BLOCK
from sensors.simulators.traffic import simulate
from sensors.topics import Channel, SensorKind
from sensors.topics import parse as parse_topic
from services.bench.machine import machine

_NS = 1_000_000_000

WARM_UP_S = 4.0
"""Of the scene, before the clock starts: kernels, tiles and registrations."""

_FIBRE = "fibre frames"
_SPLIT_FROM = 64
_SPLIT_BLOCKS = 16
"""Blocks of each fibre by which noise and encoding are timed apart, from 16 s on."""

_ANYWHERE = """
seed = 20261
{start}
raw_thermal = ["thermal-012", "thermal-030"]

[[crossings]]
id = "walkers"
class = "person"
behaviour = "walk"
every_s = {every_s}
chainage_m = [1000.0, 299000.0]
from_offset_m = -10.0
to_offset_m = 120.0
count = [1, 3]
speed_mps = [1.0, 1.6]
"""

PLAIN = 'name = "a plain night"\n' + _ANYWHERE.format(
    start="start = 2026-03-01T01:00:00Z", every_s=15.0
)

STORM = (
    'name = "a storm by day, and much going on"\n'
    + _ANYWHERE.format(start="start = 2026-03-01T13:00:00Z", every_s=3.0)
    + """
[weather]
wind_mps = 16.0
rain_mm_h = 25.0
temperature_c = 4.0
visibility_m = 3000.0

[[actor]]
id = "train"
class = "train"
count = 24
behaviour = "drive"
waypoints = [[60000.0, 120.0, 0.0], [66000.0, 120.0, 300.0]]

[[actor]]
id = "herd"
class = "animal"
count = 30
behaviour = "walk"
waypoints = [[83500.0, -40.0, 0.0], [83600.0, 260.0, 300.0]]

[[actor]]
id = "trucks"
class = "truck"
count = 3
behaviour = "drive"
waypoints = [[120000.0, 60.0, 0.0], [123000.0, 60.0, 300.0]]

[[actor]]
id = "diggers"
class = "person"
count = 4
behaviour = "dig"
waypoints = [[150000.0, 18.0, 0.0]]
duration_s = 300.0

[[cable_event]]
at_cable = "fibre-6"
distance_m = 20000.0
t_s = 2.0
kind = "cut"

[[cable_event]]
at_cable = "fibre-7"
distance_m = 12000.0
t_s = 2.0
kind = "bend"
"""
)

Say = Callable[[str], None]


def measure(seconds: float, say: Say) -> dict[str, object]:
    """Simulate so many seconds of both scenes, on one core.

    Returns:
        Figures of each scene, and at the top those of the slower one.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        scenes: dict[str, dict[str, Any]] = {}
        for name, text in (("plain", PLAIN), ("storm", STORM)):
            say(f"simulating {seconds:g} s: {name}")
            scenes[name] = time_scene(parse(text, name), seconds)
    finally:
        os.sched_setaffinity(0, allowed)
    slower = min(scenes.values(), key=lambda one: float(one["realtime_factor"]))
    return {
        "realtime_factor": slower["realtime_factor"],
        "msample_per_s": slower["msample_per_s"],
        "shares": slower["shares"],
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1),
        "seconds": seconds,
        "scenes": scenes,
        "machine": machine(),
    }


def time_scene(scene: Scene, seconds: float) -> dict[str, Any]:
    """Time so many seconds of a scene, after its first four."""
    site = Site.load(default_site_path())
    begin_ns = scene.start_ns + round(WARM_UP_S * _NS)
    spent: Counter[str] = Counter()
    samples = 0
    emissions = simulate(scene, site)
    for emission in emissions:
        if emission.at_ns >= begin_ns:
            break
    started, cpu = time.perf_counter(), time.process_time()
    last = cpu
    for emission in emissions:
        if emission.at_ns >= begin_ns + round(seconds * _NS):
            break
        now = time.process_time()
        part = _part(emission.topic)
        spent[part] += round((now - last) * _NS)
        last = now
        if part == _FIBRE:
            samples += len(emission.payload) // 2
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    noise, encoding = _of_fibre(scene, site)
    whole = spent.pop(_FIBRE) / _NS / seconds
    spends = {
        "fibre noise and weather": noise,
        "fibre encoding": encoding,
        "fibre sources": max(whole - noise - encoding, 0.0),
        **{part: nanoseconds / _NS / seconds for part, nanoseconds in spent.items()},
    }
    total = sum(spends.values())
    return {
        "realtime_factor": round(seconds / cpu, 2),
        "realtime_factor_by_wall_clock": round(seconds / wall, 2),
        "msample_per_s": round(samples / cpu / 1e6, 1),
        "shares": {part: round(share / total, 3) for part, share in spends.items()},
    }


def _part(topic: str) -> str:
    """What a message belongs to; what lies between two messages counts for the later one."""
    parsed = parse_topic(topic)
    if parsed.channel is Channel.FRAME:
        return _FIBRE if parsed.kind is SensorKind.FIBRE else "raw cameras"
    return "cameras" if parsed.kind is SensorKind.THERMAL else "units and gateways"


def _of_fibre(scene: Scene, site: Site) -> tuple[float, float]:
    """Core seconds a second for noise alone and for encoding, of all fibres."""
    noise = encoding = 0.0
    for row in site.at(scene.start_ns).sensors:
        if row.kind != "fibre" or row.cable is None:
            continue
        about = replace(Surroundings.of(scene, row.cable), start_hour=None)
        simulator = FibreSimulator(
            scene.seed, row.id, site.cable(row.cable), lambda _from, _to: (), about=about
        )
        writer = FrameWriter("bench", simulator)
        for block in range(_SPLIT_BLOCKS):
            begin = time.process_time()
            samples = simulator.samples((_SPLIT_FROM + block) * BLOCK, BLOCK)
            middle = time.process_time()
            writer.write(samples, block, block * BLOCK, scene.start_ns, scene.start_ns)
            noise += middle - begin
            encoding += time.process_time() - middle
    split_s = _SPLIT_BLOCKS * BLOCK / RATE_HZ
    return noise / split_s, encoding / split_s
