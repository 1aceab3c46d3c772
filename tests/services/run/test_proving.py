"""Test items go on whatever becomes of the machine's clock and of the broker."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from geo.errors import BrokerError
from sensors.messages import FibreFrame
from sensors.topics import parse
from sensors.wire import decode_sensor
from services.run.clock import StreamClock
from services.run.proof import FRAME_NS, ProofFibre
from services.run.proving import prove

S = 1_000_000_000


class Broker:
    """Takes frames, unless it is away."""

    def __init__(self) -> None:
        self.frames: list[FibreFrame] = []
        self.refused = 0
        self.away = False

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        if self.away:
            self.refused += 1
            raise BrokerError("away")
        message = decode_sensor(parse(topic), payload)[0]
        assert qos == (0 if isinstance(message, FibreFrame) else 1)
        if isinstance(message, FibreFrame):
            self.frames.append(message)

    async def has(self, frames: int) -> None:
        async with asyncio.timeout(10.0):
            while len(self.frames) < frames:
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def proving(broker: Broker) -> AsyncIterator[None]:
    task = asyncio.create_task(prove([ProofFibre(0, "s-1")], broker, StreamClock().now_ns))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_clock_set_back_by_an_hour_stops_no_test_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall_ns, ahead_ns = time.time_ns, 0
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + ahead_ns)
    broker = Broker()
    async with proving(broker):
        await broker.has(2)
        ahead_ns = -3_600 * S
        await broker.has(5)
    measured_ns = [frame.measured_at_ns for frame in broker.frames]
    steps = [(later - before) / FRAME_NS for before, later in pairwise(measured_ns)]
    assert all(step >= 1 and step == int(step) for step in steps), "no time comes twice"


async def test_a_clock_set_ahead_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ns, ahead_ns = time.time_ns, 0
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + ahead_ns)
    broker = Broker()
    async with proving(broker):
        await broker.has(1)
        ahead_ns = 3_600 * S
        await broker.has(3)
    first, *_, last = broker.frames
    assert last.measured_at_ns - first.measured_at_ns >= 3_600 * S
    assert last.first_sample - first.first_sample >= 3_600 * first.sample_rate_hz


async def test_a_broker_that_is_away_is_tried_again_frame_by_frame() -> None:
    broker = Broker()
    broker.away = True
    async with proving(broker):
        async with asyncio.timeout(10.0):
            while broker.refused < 2:
                await asyncio.sleep(0.02)
        broker.away = False
        await broker.has(1)
    assert broker.frames[0].sequence >= 2
