"""Raw frames of the whole border for measuring: as gateways send them, without end.

Some seconds of all interrogators are simulated once and then played forth and back, so that
minutes need no more memory than seconds, and no sample stands beside one it does not belong to.
Numbers and times of the frames go on.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from geo.errors import ConfigError
from geo.site import Site
from sensors.scenes import parse
from sensors.simulators.fibre import RATE_HZ, FibreSimulator, Surroundings
from sensors.simulators.frames import FrameWriter
from sensors.simulators.tiles import BLOCK
from sensors.simulators.world import World
from sensors.topics import Channel, SensorKind, Topic
from services.events import Received

FRAME_S = BLOCK / RATE_HZ
"""Length of a frame."""

LOOP_S = 6.0
"""Simulated once; 180 MB for 30,000 channels."""

_BEGIN_S = 60.0
"""Of the scene, when people are on their way over the cables."""

_NS = 1_000_000_000
_SENT_NS, _RECEIVED_NS = 10_000_000, 20_000_000
"""After a frame's last sample; assumed."""

SCENE = """
name = "walkers, vehicles and roads along the whole border"
seed = 20264
start = 2026-03-01T06:00:00Z
own_forces = false

[[crossings]]
id = "walkers"
class = "person"
behaviour = "walk"
every_s = 3.0
chainage_m = [1000.0, 299000.0]
from_offset_m = -10.0
to_offset_m = 120.0
count = [1, 3]
speed_mps = [1.0, 1.6]

[[actor]]
id = "car"
class = "vehicle"
behaviour = "drive"
waypoints = [[20000.0, 35.0, 0.0], [22400.0, 35.0, 200.0]]

[[actor]]
id = "truck"
class = "truck"
behaviour = "drive"
waypoints = [[172000.0, 45.0, 0.0], [170000.0, 45.0, 200.0]]
"""


class BorderFrames:
    """Frames of all fibre sensors of a site, each with the same number of channels."""

    def __init__(self, site: Site, channels: int, rate_hz: float, loop_s: float = LOOP_S) -> None:
        """Simulate what is played.

        Args:
            site: whose sensors; of each cable the first channels are sent.
            channels: of all sensors together.
            rate_hz: samples a second and channel.
            loop_s: how much is simulated.

        Raises:
            ConfigError: where the sensors cannot share the channels, or measure at another rate.
        """
        scene = parse(SCENE, "fibre bench")
        world = World(scene, site)
        rows = [
            (row, row.cable)
            for row in world.sensors
            if row.kind == "fibre" and row.cable is not None
        ]
        each = _share(channels, [world.site.cable(c).settings.channel_count for _, c in rows])
        if rate_hz != RATE_HZ:
            raise ConfigError(
                f"rate is {rate_hz:g} Hz: wanted {RATE_HZ:g}, at which the simulated "
                "interrogators measure"
            )
        self.sensors = len(rows)
        self.start_ns = scene.start_ns
        self._topics: list[str] = []
        self._writers: list[FrameWriter] = []
        self._blocks: list[list[npt.NDArray[np.int16]]] = []
        first, count = round(_BEGIN_S / FRAME_S), max(1, round(loop_s / FRAME_S))
        for row, cable in rows:
            simulator = FibreSimulator(
                scene.seed,
                row.id,
                world.site.cable(cable),
                world.bodies,
                window=(0, each),
                about=Surroundings.of(scene, cable),
            )
            self._topics.append(str(Topic(row.group, SensorKind.FIBRE, row.id, Channel.FRAME)))
            self._writers.append(FrameWriter("bench", simulator))
            self._blocks.append(
                [simulator.samples((first + n) * BLOCK, BLOCK) for n in range(count)]
            )

    @property
    def bytes(self) -> int:
        """Memory of what is played."""
        return sum(block.nbytes for blocks in self._blocks for block in blocks)

    def samples(self, sensor: int, seconds: float) -> npt.NDArray[np.int16]:
        """What one sensor plays in so many seconds from the beginning; shape (time, channel)."""
        blocks = self._blocks[sensor]
        count = max(1, round(seconds / FRAME_S))
        return np.concatenate([_forth_and_back(blocks, number) for number in range(count)])

    def frames(self, number: int) -> Sequence[Received]:
        """Encode one frame of every sensor; ``number`` counts from 0."""
        begins_ns = self.start_ns + round(number * FRAME_S * _NS)
        ends_ns = begins_ns + round(FRAME_S * _NS)
        return [
            Received(
                received_at_ns=ends_ns + _RECEIVED_NS,
                topic=topic,
                payload=writer.write(
                    _forth_and_back(blocks, number),
                    number,
                    number * BLOCK,
                    begins_ns,
                    ends_ns + _SENT_NS,
                ),
            )
            for topic, writer, blocks in zip(self._topics, self._writers, self._blocks, strict=True)
        ]


def _forth_and_back(blocks: Sequence[npt.NDArray[np.int16]], number: int) -> npt.NDArray[np.int16]:
    """One block of a loop that turns round at both ends, running backwards in time then."""
    turn, at = divmod(number, len(blocks))
    return blocks[at] if turn % 2 == 0 else blocks[-1 - at][::-1]


def _share(channels: int, cables: Sequence[int]) -> int:
    """Channels of each sensor."""
    sensors = len(cables)
    if not sensors:
        raise ConfigError("the site lists no fibre sensor: wanted one at least")
    each, left = divmod(channels, sensors)
    most = min(cables)
    if left or not 1 <= each <= most:
        raise ConfigError(
            f"channels is {channels}: wanted a multiple of {sensors}, the site's interrogators, "
            f"up to {sensors * most}"
        )
    return each
