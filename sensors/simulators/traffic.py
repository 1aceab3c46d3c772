"""Everything a scene's sensors send, in order of time.

Each sensor is a source that knows when it speaks next; the one whose turn it is makes its message
then and not before. There is no clock here: whoever runs this paces it.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence

from geo.site import Site
from geo.site_rows import Sensor
from sensors.messages import ObjectClass
from sensors.scenes import Scene
from sensors.simulators.fibre import GAUGE_M, RATE_HZ, FibreSimulator, FrameWriter, compile_kernels
from sensors.simulators.gateway import HEARTBEAT_S, Desk, Emission, GatewayDesk, to_ns
from sensors.simulators.motion import seeded
from sensors.simulators.noise import BLOCK
from sensors.simulators.sources import Source, sources_of
from sensors.simulators.world import World
from sensors.topics import Channel

_SEEN = (ObjectClass.PERSON, ObjectClass.VEHICLE, ObjectClass.ANIMAL, ObjectClass.UNKNOWN)


def simulate(
    scene: Scene,
    site: Site,
    *,
    session: str = "simulated",
    start_ns: int | None = None,
    frame_rows: int = BLOCK,
    groups: Collection[str] | None = None,
) -> Iterator[Emission]:
    """Give all messages of a scene in order of the time they are sent.

    Args:
        scene: what happens.
        site: where; taken as valid at the scene's start.
        session: the gateways' session.
        start_ns: time of the scene's start where it is not the one written in the scene, as for
            a live demonstration; UTC.
        frame_rows: samples in a fibre frame; the samples are the same however they are cut.
        groups: only these feed groups; all when None.

    Yields:
        Emissions; for ever when the scene has no duration.

    Raises:
        SceneError: what the scene names and the site does not have.
    """
    world = World(scene, site)
    if any(row.kind == "fibre" for row in world.sensors):
        compile_kernels(scene.seed)
    begin_ns = scene.start_ns if start_ns is None else start_ns
    sources = _sources(world, session, begin_ns, frame_rows, groups)
    duration = float("inf") if scene.duration_s is None else scene.duration_s
    turns = [(to_ns(source.next_s()), index) for index, source in enumerate(sources)]
    heapq.heapify(turns)
    # Messages that a fault holds back wait here for their time.
    waiting: list[tuple[int, int, Emission]] = []
    count = 0
    while turns or waiting:
        if waiting and (not turns or waiting[0][0] <= begin_ns + turns[0][0]):
            yield heapq.heappop(waiting)[2]
            continue
        now, index = heapq.heappop(turns)
        source = sources[index]
        for emission in source.speak():
            count += 1
            heapq.heappush(waiting, (emission.at_ns, count, emission))
        later = source.next_s()
        if later <= duration:
            heapq.heappush(turns, (max(to_ns(later), now), index))


def _sources(
    world: World, session: str, start_ns: int, frame_rows: int, groups: Collection[str] | None
) -> list[Source]:
    sources: list[Source] = []
    desks: dict[str, list[Desk]] = {}
    spoken: list[Source] = []
    for row in world.sensors:
        if groups is not None and row.group not in groups:
            continue
        faults = [fault for fault in world.scene.fault if fault.sensor == row.id]
        desk = Desk(row, session, start_ns, faults)
        made = _of_sensor(world, row, desk, frame_rows)
        if made:
            desks.setdefault(row.group, []).append(desk)
            spoken.extend(made)
    # A gateway speaks before its sensors do at the same time.
    for group, members in desks.items():
        sources.append(_GatewayWord(GatewayDesk(group, session, start_ns, members)))
    return sources + spoken


def _of_sensor(world: World, row: Sensor, desk: Desk, frame_rows: int) -> list[Source]:
    """Sources of one sensor: its registration and heartbeat first, then what it measures."""
    seed = world.scene.seed
    # Sensors do not speak in step: each has a phase of its own within the second.
    phase = float(seeded(seed, "phase", row.id).uniform(0.0, 1.0))
    if row.kind == "fibre" and row.cable is not None:
        window = world.fibre_window(row)
        if world.scene.fibre_window_m is not None and window is None:
            return []
        cable = world.site.cable(row.cable)
        simulator = FibreSimulator(seed, row.id, cable, world.bodies, phase, window)
        told = {
            "channel_count": cable.settings.channel_count,
            "channel_spacing_m": cable.settings.channel_spacing_m,
            "sample_rate_hz": RATE_HZ,
            "gauge_length_m": GAUGE_M,
        }
        return [
            _Life(desk, phase, (ObjectClass.UNKNOWN,), told),
            _Frames(desk, simulator, frame_rows),
        ]
    watching = sources_of(world, row, desk, phase)
    return [_Life(desk, phase, _SEEN, {}), *watching] if watching else []


class _GatewayWord:
    def __init__(self, desk: GatewayDesk) -> None:
        self._desk = desk
        self._next = 0.0

    def next_s(self) -> float:
        return self._next

    def speak(self) -> list[Emission]:
        out = self._desk.status(self._next)
        self._next += HEARTBEAT_S
        return out


class _Life:
    """Registration at the start, then a status each heartbeat."""

    def __init__(
        self,
        desk: Desk,
        phase: float,
        classes: Sequence[ObjectClass],
        told: Mapping[str, float],
    ) -> None:
        self._desk = desk
        self._classes = classes
        self._told = told
        self._phase = phase
        self._beats = 0

    def next_s(self) -> float:
        return self._phase + (self._beats - 1) * HEARTBEAT_S if self._beats else 0.0

    def speak(self) -> list[Emission]:
        if self._beats:
            out = self._desk.status(self.next_s())
        else:
            out = self._desk.register(self._classes, **self._told)
        self._beats += 1
        return out


class _Frames:
    """Frames of a fibre: sent when their last sample is there and 10 ms have passed."""

    def __init__(self, desk: Desk, simulator: FibreSimulator, rows: int) -> None:
        self._desk = desk
        self._simulator = simulator
        self._writer = FrameWriter(desk.session, simulator)
        self._topic = desk.topic(Channel.FRAME)
        self._rows = rows
        self._number = 0

    def next_s(self) -> float:
        return self._simulator.begin_s + (self._number + 1) * self._rows / RATE_HZ + 0.01

    def speak(self) -> list[Emission]:
        sent_s = self.next_s()
        first = self._number * self._rows
        self._number += 1
        sent_at_ns = self._desk.start_ns + to_ns(sent_s)
        payload = self._writer.write(
            self._simulator.samples(first, self._rows),
            self._desk.next_sequence(Channel.FRAME),
            first,
            self._desk.start_ns + to_ns(self._simulator.begin_s + first / RATE_HZ),
            sent_at_ns,
        )
        return self._desk.pass_on(Emission(sent_at_ns, self._topic, payload, qos=0), sent_s)
