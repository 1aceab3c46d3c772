"""A broker that passes on topics which are no UTF-8 stops nobody: the next message is read too."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from geo.errors import WireError
from sensors.topics import parse
from services.mqtt import BrokerAddress, FrameReader, Reports

GOOD = b"straja/v1/g/fibre/s/frame"
BAD = b"straja/v1/g/fibre/s\xff/frame"
READABLE = "straja/v1/g/fibre/s\\xff/frame"
_CONNACK, _SUBACK, _SUBSCRIBE, _PUBLISH, _PUBACK = 0x20, 0x90, 0x82, 0x30, 0x40


def _packet(first: int, body: bytes) -> bytes:
    assert len(body) < 128  # one byte of length
    return bytes([first, len(body)]) + body


def _publish(topic: bytes, mid: int, qos: int) -> bytes:
    identifier = struct.pack("!H", mid) if qos else b""
    return _packet(
        _PUBLISH | qos << 1, struct.pack("!H", len(topic)) + topic + identifier + b"%d" % mid
    )


class LaxBroker:
    """Speaks as much MQTT 3.1.1 as it takes to give a subscriber three messages.

    Attributes:
        acknowledged: identifiers of the messages that the subscriber acknowledged, in order.
        connections: how often somebody connected.
    """

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, length = await reader.readexactly(2)
                body = await reader.readexactly(length)
                if first == _SUBSCRIBE:
                    qos = body[-1]
                    writer.write(_packet(_SUBACK, body[:2] + bytes([qos])))
                    for mid, topic in enumerate((GOOD, BAD, GOOD), 1):
                        writer.write(_publish(topic, mid, qos))
                elif first == _PUBACK:
                    self.acknowledged.append(int.from_bytes(body, "big"))
                elif first & 0xF0 == 0x10:
                    writer.write(_packet(_CONNACK, b"\x00\x00"))
                else:
                    break
        writer.close()


@pytest_asyncio.fixture
async def lax() -> AsyncIterator[tuple[LaxBroker, BrokerAddress]]:
    broker = LaxBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield broker, BrokerAddress.parse(f"mqtt://127.0.0.1:{port}")
    finally:
        server.close()


async def test_frames_after_it_are_read_and_it_is_handed_over_legibly(
    lax: tuple[LaxBroker, BrokerAddress],
) -> None:
    reader = FrameReader(lax[1], "frames", ["straja/#"], now_ns=time.time_ns)
    reader.start()
    found: list[tuple[str, bytes]] = []
    try:
        deadline = time.monotonic() + 10.0
        while len(found) < 3 and time.monotonic() < deadline:
            got = await asyncio.to_thread(reader.get, 0.1)
            found += [(one.topic, one.payload) for one in got]
    finally:
        await asyncio.to_thread(reader.stop)
    good = GOOD.decode()
    assert found == [(good, b"1"), (READABLE, b"2"), (good, b"3")]
    assert lax[0].connections == 1


async def test_reports_after_it_are_read_and_it_is_acknowledged_in_its_turn(
    lax: tuple[LaxBroker, BrokerAddress],
) -> None:
    broker, address = lax
    reports = Reports(address, "reports", ["straja/#"], now_ns=time.time_ns, retry_s=0.1)
    found: list[str] = []

    async def take() -> None:
        async with contextlib.aclosing(reports.deliveries()) as deliveries:
            async for delivery in deliveries:
                found.extend(one.topic for one in delivery.received)
                delivery.acknowledge()
                while len(found) >= 3 and len(broker.acknowledged) < 3:
                    await asyncio.sleep(0.01)
                if len(found) >= 3:
                    return

    await asyncio.wait_for(take(), 10.0)
    assert found == [GOOD.decode(), READABLE, GOOD.decode()]
    assert broker.acknowledged == [1, 2, 3]
    assert broker.connections == 1


def test_what_is_handed_over_for_it_breaks_the_contract() -> None:
    parse(GOOD.decode())
    with pytest.raises(WireError) as caught:
        parse(READABLE)
    assert caught.value.field == "topic.sensor"
