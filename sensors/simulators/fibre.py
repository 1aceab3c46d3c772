"""One fibre interrogator: raw frames of strain rate.

Samples are made in blocks of 0.25 s on absolute sample numbers, each a function of the scene,
the sensor and the block's number alone; a frame of any length is cut from them, so that cutting
changes no sample.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import cbor2
import numpy as np
from numpy.typing import NDArray

from geo.cable import Cable
from sensors.messages import SCHEMA, Mark
from sensors.scenes import ActorClass
from sensors.simulators import ground
from sensors.simulators.motion import Body, Impacts, seeded
from sensors.simulators.noise import BLOCK, Noise

RATE_HZ = 500.0
GAUGE_M = 10.0
"""Gauge length: as long as the channel spacing, usual for 40-50 km (assumed)."""

SCALE = 1.0
"""Nanostrain/s per count: full scale 33 microstrain/s."""

# Mass in kilograms and loudness (1 is a car at 15 m/s) by class; assumed.
_ROLLING = {
    ActorClass.VEHICLE: (1_800.0, 1.0),
    ActorClass.TRUCK: (12_000.0, 4.0),
    ActorClass.PERSON: (75.0, 0.0),
    ActorClass.ANIMAL: (60.0, 0.0),
}
_GRAVITY = 9.81


class FibreSimulator:
    """Frames of one interrogator.

    Args:
        seed: the scene's.
        sensor: its name.
        cable: its cable, with the site's geometry.
        bodies: gives the members that may be about between two times (seconds from the start of
            the scene).
        begin_s: time of the first sample, from the scene's start.
        window: first channel and count; the whole cable when None.
    """

    def __init__(
        self,
        seed: int,
        sensor: str,
        cable: Cable,
        bodies: Callable[[float, float], Sequence[Body]],
        begin_s: float = 0.0,
        window: tuple[int, int] | None = None,
    ) -> None:
        """Lay out the channels and draw their noise."""
        settings = cable.settings
        self.sensor = sensor
        self.spacing_m = settings.channel_spacing_m
        self.begin_s = begin_s
        self.first_channel, self.channels = window or (0, settings.channel_count)
        self._seed = seed
        self._bodies = bodies
        self._noise = Noise(seed, sensor, settings.channel_count, self.spacing_m)
        self._ends = _gauge_ends(cable)[self.first_channel : self.first_channel + self.channels]
        self._middle = 0.5 * (self._ends[:, 0:2] + self._ends[:, 2:4])
        self._box = (self._middle.min(axis=0), self._middle.max(axis=0))
        self._coupling = self._noise.coupling[
            self.first_channel : self.first_channel + self.channels
        ]
        self._block = lru_cache(maxsize=2)(self._new_block)
        self._near = lru_cache(maxsize=2)(self._bodies_near)

    def samples(self, first_sample: int, rows: int) -> NDArray[np.int16]:
        """Give any stretch of samples, shape (rows, channels), counts of 1 nanostrain/s.

        A whole block is returned as it is kept: do not write to it.
        """
        block, into = divmod(first_sample, BLOCK)
        if into == 0 and rows == BLOCK:
            return self._block(block)
        out = np.empty((rows, self.channels), dtype=np.int16)
        done = 0
        while done < rows:
            take = min(BLOCK - into, rows - done)
            out[done : done + take] = self._block(block)[into : into + take]
            done, block, into = done + take, block + 1, 0
        return out

    def _new_block(self, block: int) -> NDArray[np.int16]:
        out = np.empty((BLOCK, self.channels), dtype=np.int16)
        self._noise.fill(block, self.first_channel, out, RATE_HZ)
        t_s = self.begin_s + block * BLOCK / RATE_HZ
        for body in self._near(int(np.floor(t_s)) if t_s >= 0.0 else 0):
            self._add(body, t_s, out)
        return out

    def _bodies_near(self, second: int) -> tuple[Body, ...]:
        """Members that may be felt on this cable during a second and what follows at once."""
        found = []
        for body in self._bodies(second - 1.5, second + 1.5):
            if body.actor_class in _ROLLING:
                east, north = body.at(float(second))
                spare = _reach(body) + 150.0
                low, high = self._box[0] - spare, self._box[1] + spare
                if low[0] < east < high[0] and low[1] < north < high[1]:
                    found.append(body)
        return tuple(found)

    def _add(self, body: Body, t_s: float, out: NDArray[np.int16]) -> None:
        later = t_s + BLOCK / RATE_HZ
        (east, after_east), (north, after_north) = body.at(np.array([t_s, later]))
        reach = _reach(body)
        away = np.hypot(self._middle[:, 0] - east, self._middle[:, 1] - north)
        near = np.flatnonzero(away < reach + GAUGE_M)
        if not near.size:
            return
        low, high = int(near[0]), int(near[-1]) + 1
        scattered = high - low > 4 * (reach / GAUGE_M + 2)
        if scattered:
            # The cable bends back: take only what is near, not what lies between.
            ends, coupling = self._ends[near], self._coupling[near]
            target = np.ascontiguousarray(out[:, near])
        else:
            ends, coupling = self._ends[low:high], self._coupling[low:high]
            target = out[:, low:high]
        source = np.zeros(target.shape, dtype=np.float32)
        impacts = body.impacts
        if impacts is not None:
            ground.add_impacts(impacts, t_s, RATE_HZ, ends, source)
        if body.is_there(t_s):
            mass, loudness = _ROLLING[body.actor_class]
            speed = np.hypot(after_east - east, after_north - north) * RATE_HZ / BLOCK
            # An engine idles at a tenth of the noise of driving (assumed).
            driven = loudness * max(float(speed) / 15.0, 0.1) if loudness else 0.0
            ground.add_rolling(
                ground.vehicle_table(self._seed),
                driven,
                mass * _GRAVITY,
                _offset(body.seed, body.name),
                t_s,
                RATE_HZ,
                np.array([[east, north], [after_east, after_north]]),
                ends,
                source,
            )
        ground.add_counts(source, coupling, target)
        if scattered:
            out[:, near] = target


def compile_kernels(seed: int, channels: int = 3_825) -> None:
    """Compile or load every kernel and make a scene's noise, so that no frame has to wait.

    Args:
        seed: of the scene that comes next.
        channels: of its cables.
    """
    once = np.zeros(1)
    samples = np.zeros((BLOCK, 2), dtype=np.int16)
    noise = Noise(seed, "compile", channels, GAUGE_M)
    noise.fill(0, 0, samples[:, :1], RATE_HZ)
    noise.fill(0, 0, samples[:, :1].copy(), RATE_HZ)
    source = np.zeros((BLOCK, 1), dtype=np.float32)
    ends = np.array([[0.0, 0.0, 10.0, 0.0, 1.0, 0.0]])
    impacts = Impacts(once, once, once + 5.0, once, np.zeros(1, dtype=np.int64))
    ground.add_impacts(impacts, 0.0, RATE_HZ, ends, source)
    table = ground.vehicle_table(seed)
    ground.add_rolling(table, 1.0, 1.0, 0, 0.0, RATE_HZ, np.zeros((2, 2)), ends, source)
    coupling = np.ones(1, dtype=np.float32)
    ground.add_counts(source, coupling, samples[:, :1])
    ground.add_counts(source, coupling, samples[:, :1].copy())


def _reach(body: Body) -> float:
    loudness = _ROLLING[body.actor_class][1]
    return ground.VEHICLE_REACH_M if loudness else ground.IMPACT_REACH_M


@lru_cache(maxsize=512)
def _offset(seed: int, name: str) -> int:
    return int(seeded(seed, "engine", name).integers(16_000))


def _gauge_ends(cable: Cable) -> NDArray[np.float64]:
    """Both ends of each channel's gauge and its direction: shape (channel, 6), metres.

    In a slack coil both ends lie at one place and the channel is deaf to the ground (assumed).
    """
    middle = cable.channel_distance(np.arange(cable.settings.channel_count))
    near = cable.place(np.clip(middle - 0.5 * GAUGE_M, 0.0, cable.length_m))
    far = cable.place(np.clip(middle + 0.5 * GAUGE_M, 0.0, cable.length_m))
    dx, dy = far.east_m - near.east_m, far.north_m - near.north_m
    length = np.maximum(np.hypot(dx, dy), 1e-9)
    return np.column_stack(
        (near.east_m, near.north_m, far.east_m, far.north_m, dx / length, dy / length)
    )


class FrameWriter:
    """Writes frames as CBOR: a header about the samples, which are copied once.

    The header's length is made even, so that a decoder can use the samples where they lie.
    """

    def __init__(self, session: str, simulator: FibreSimulator) -> None:
        """Prepare what is the same in every frame."""
        fixed = {
            "session": session,
            "mark": Mark.SIMULATED.value,
            "sample_rate_hz": RATE_HZ,
            "first_channel": simulator.first_channel,
            "channel_spacing_m": simulator.spacing_m,
            "gauge_length_m": GAUGE_M,
            "scale": SCALE,
        }
        self._fields = len(fixed) + 6
        self._fixed = b"".join(cbor2.dumps(key) + cbor2.dumps(fixed[key]) for key in fixed)

    def write(
        self,
        samples: NDArray[np.int16],
        sequence: int,
        first_sample: int,
        measured_at_ns: int,
        sent_at_ns: int,
    ) -> bytes:
        """Write one frame; ``samples`` has shape (time, channel), little-endian int16."""
        counted = {
            "sequence": sequence,
            "first_sample": first_sample,
            "measured_at_ns": measured_at_ns,
            "sent_at_ns": sent_at_ns,
        }
        rows, columns = samples.shape
        data = np.ascontiguousarray(samples, dtype="<i2").data.cast("B")
        size = data.nbytes
        # Tag 40 on [[rows, columns], tag 77 on bytes] (RFC 8746), then the byte string's head.
        array = b"\xd8\x28\x82" + cbor2.dumps([rows, columns]) + b"\xd8\x4d"
        array += b"\x5a" + size.to_bytes(4, "big")
        body = b"".join(
            (
                self._fixed,
                *(cbor2.dumps(key) + cbor2.dumps(value) for key, value in counted.items()),
            )
        )
        start = bytes([0xA0 + self._fields]) + cbor2.dumps("schema")
        tail = cbor2.dumps("samples") + array
        odd = (len(start) + 1 + len(body) + len(tail)) % 2
        schema = bytes([0x18, SCHEMA]) if odd else bytes([SCHEMA])
        return b"".join((start, schema, body, tail, data))
