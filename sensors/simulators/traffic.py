"""Everything a scene's sensors send, in order of time.

Each sensor is a source that knows when it speaks next; the one whose turn it is makes its message
then and not before. There is no clock here: whoever runs this paces it.
"""

import heapq
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geo.errors import SceneError
from geo.site import Site
from geo.site_rows import Sensor
from sensors.messages import ObjectClass
from sensors.scenes import SYNTHETIC, Scene
from sensors.simulators.faults import FLOOD
from sensors.simulators.fibre import RATE_HZ, FibreSimulator, Surroundings, compile_kernels
from sensors.simulators.frames import FrameWriter
from sensors.simulators.gateway import HEARTBEAT_S, Desk, Emission, GatewayDesk, to_ns
from sensors.simulators.ground import GAUGE_M
from sensors.simulators.motion import seeded
from sensors.simulators.recorded import Recorded
from sensors.simulators.sources import Source, sources_of
from sensors.simulators.tiles import BLOCK
from sensors.simulators.world import World
from sensors.topics import Channel

_SEEN = (
    ObjectClass.PERSON,
    ObjectClass.VEHICLE,
    ObjectClass.ANIMAL,
    ObjectClass.BOAT,
    ObjectClass.TRAIN,
    ObjectClass.UNKNOWN,
)


def simulate(
    scene: Scene,
    site: Site,
    *,
    session: str = "simulated",
    start_ns: int | None = None,
    frame_rows: int = BLOCK,
    groups: Collection[str] | None = None,
    background: Recorded | None = None,
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
        background: the recording that the scene names as its background.

    Yields:
        Emissions; for ever when the scene has no duration.

    Raises:
        SceneError: what the scene names and the site does not have.
    """
    if (background is None) != (scene.background == SYNTHETIC):
        raise SceneError(
            f"{scene.name}: background is {scene.background!r}: wanted its samples beside the "
            f'scene, or "{SYNTHETIC}"'
        )
    world = World(scene, site)
    if any(row.kind == "fibre" for row in world.sensors):
        compile_kernels(scene.seed)
    begin_ns = scene.start_ns if start_ns is None else start_ns
    sources = _sources(world, session, begin_ns, frame_rows, groups, background)
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
    world: World,
    session: str,
    start_ns: int,
    frame_rows: int,
    groups: Collection[str] | None,
    background: Recorded | None,
) -> list[Source]:
    sources: list[Source] = []
    desks: dict[str, list[Desk]] = {}
    spoken: list[Source] = []
    for row in world.sensors:
        if groups is not None and row.group not in groups:
            continue
        faults = [fault for fault in world.scene.fault if fault.sensor == row.id]
        desk = Desk(row, session, start_ns, faults)
        made = _of_sensor(world, row, desk, frame_rows, background)
        if made:
            desks.setdefault(row.group, []).append(desk)
            spoken.extend(made)
    # A gateway speaks before its sensors do at the same time.
    for group, members in desks.items():
        sources.append(_GatewayWord(GatewayDesk(group, session, start_ns, members)))
    return sources + spoken


def _of_sensor(
    world: World, row: Sensor, desk: Desk, frame_rows: int, background: Recorded | None
) -> list[Source]:
    """Sources of one sensor: its registration and heartbeat first, then what it measures."""
    seed = world.scene.seed
    # Sensors do not speak in step: each has a phase of its own within the second.
    phase = float(seeded(seed, "phase", row.id).uniform(0.0, 1.0))
    if row.kind == "fibre" and row.cable is not None:
        window = world.fibre_window(row)
        if world.scene.fibre_window_m is not None and window is None:
            return []
        cable = world.site.cable(row.cable)
        about = Surroundings.of(world.scene, row.cable, background)
        simulator = FibreSimulator(seed, row.id, cable, world.bodies, phase, window, about)
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
    """Registration at the start and after each restart; a status each heartbeat."""

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
        self._starts = deque((0.0, *desk.faults.restarts_s))

    def next_s(self) -> float:
        beat_s = self._phase + self._beats * HEARTBEAT_S
        return min(beat_s, self._starts[0]) if self._starts else beat_s

    def speak(self) -> list[Emission]:
        now_s = self.next_s()
        if self._starts and self._starts[0] == now_s:
            self._starts.popleft()
            return self._desk.register(self._classes, now_s, **self._told)
        self._beats += 1
        return self._desk.status(now_s)


class _Frames:
    """Frames of a fibre: sent when their last sample is there and 10 ms have passed.

    Which samples a fault touches is a matter of their time alone: frames end at its edges.
    """

    def __init__(self, desk: Desk, simulator: FibreSimulator, rows: int) -> None:
        self._desk = desk
        self._simulator = simulator
        self._topic = desk.topic(Channel.FRAME)
        self._rows = rows
        self._edges = sorted({self._sample_at(edge_s) for edge_s in desk.faults.edges_s})
        self._base = 0
        self._session = desk.session
        self._writer = FrameWriter(desk.session, simulator)
        self._first = 0
        self._count = self._length()

    def next_s(self) -> float:
        return self._at_s(self._first + self._count) + 0.01

    def speak(self) -> list[Emission]:
        sent_s, first, rows = self.next_s(), self._first, self._count
        measured_s, within_s = self._at_s(first), self._at_s(first + 0.5)
        self._first += rows
        self._count = self._length()
        faults = self._desk.faults
        if faults.has("restart", within_s):
            return []
        self._desk.begin(within_s)
        if self._session != self._desk.session:
            self._session, self._base = self._desk.session, first
            self._writer = FrameWriter(self._session, self._simulator)
        sequence = self._desk.next_sequence(Channel.FRAME)
        if faults.has("silent", within_s):
            return []
        skew_ns = to_ns(faults.skew_s(within_s))
        sent_at_ns = self._desk.start_ns + to_ns(sent_s)
        payload = self._writer.write(
            self._samples(first, rows, faults.began_s("stuck", within_s)),
            sequence,
            first - self._base,
            self._desk.start_ns + to_ns(measured_s) + skew_ns,
            sent_at_ns + skew_ns,
        )
        return self._desk.pass_on(Emission(sent_at_ns, self._topic, payload, qos=0), within_s)

    def _samples(self, first: int, rows: int, stuck_s: float | None) -> NDArray[np.int16]:
        """Samples; of a stuck interrogator the last quarter of a second again and again."""
        if stuck_s is None:
            return self._simulator.samples(first, rows)
        since = self._sample_at(stuck_s)
        kept = self._simulator.samples(max(since - BLOCK, 0), BLOCK)
        return kept[(first - since + np.arange(rows)) % BLOCK]

    def _length(self) -> int:
        """Rows of the next frame: to the next whole frame, or the next edge of a fault."""
        rows = self._rows
        if self._desk.faults.has("flood", self._at_s(self._first + 0.5)):
            rows = max(rows // FLOOD, 1)
        ends = self._first - self._first % rows + rows
        return min([ends, *(edge for edge in self._edges if edge > self._first)]) - self._first

    def _at_s(self, sample: float) -> float:
        return self._simulator.begin_s + sample / RATE_HZ

    def _sample_at(self, t_s: float) -> int:
        """First sample that is not before a time, to a thousandth of its length."""
        return max(int(np.ceil((t_s - self._simulator.begin_s) * RATE_HZ - 1e-3)), 0)
