"""Against the bundled broker: nothing acknowledged is lost, nothing unacknowledged is forgotten."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.embedded import EmbeddedNats, NatsSettings
from services.mqtt import BrokerAddress, Delivery, FrameReader, Publisher, Reports
from services.mqtt.reports import _Inbox

pytestmark = pytest.mark.system

TOPIC = "straja/v1/g/patrol/p/report"


@pytest_asyncio.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    # What was not acknowledged comes again after this time, also to a new connection.
    async with EmbeddedNats(tmp_path, settings=NatsSettings(ack_wait_s=2)) as server:
        yield server


def reports(broker: EmbeddedNats, **more: float) -> Reports:
    return Reports(
        BrokerAddress.parse(broker.url),
        "straja-test",
        ["straja/v1/+/+/+/report"],
        now_ns=time.time_ns,
        retry_s=0.2,
        **more,  # type: ignore[arg-type]
    )


async def take(source: Reports, count: int, *, acknowledge: bool = True) -> list[bytes]:
    payloads: list[bytes] = []
    async with contextlib.aclosing(source.deliveries()) as deliveries:
        async for delivery in deliveries:
            payloads += [received.payload for received in delivery.received]
            if acknowledge:
                delivery.acknowledge()
            if len(payloads) >= count:
                return payloads
    return payloads


async def publish(broker: EmbeddedNats, payloads: list[bytes]) -> None:
    async with Publisher(BrokerAddress.parse(broker.url)) as publisher:
        for payload in payloads:
            await publisher.publish(TOPIC, payload)


async def test_reports_arrive_in_order_with_their_receive_time(broker: EmbeddedNats) -> None:
    sent = [b"%d" % n for n in range(50)]
    source = reports(broker)
    taking = asyncio.create_task(take(source, 50))
    while source.away_since_ns is not None:
        await asyncio.sleep(0.02)
    await publish(broker, sent)
    assert await asyncio.wait_for(taking, 10) == sent
    assert source.connections == 1


async def test_what_was_not_acknowledged_comes_again(broker: EmbeddedNats) -> None:
    await take_nothing(broker)
    await publish(broker, [b"a", b"b"])
    assert await asyncio.wait_for(take(reports(broker), 2, acknowledge=False), 10) == [b"a", b"b"]
    assert await asyncio.wait_for(take(reports(broker), 2), 10) == [b"a", b"b"]


async def test_reports_sent_while_the_service_is_away_wait_for_it(broker: EmbeddedNats) -> None:
    await take_nothing(broker)
    sent = [b"%d" % n for n in range(20)]
    await publish(broker, sent)
    assert await asyncio.wait_for(take(reports(broker), 20), 10) == sent


async def test_a_broker_killed_and_started_again_loses_no_report(broker: EmbeddedNats) -> None:
    source = reports(broker)
    got: list[bytes] = []

    async def follow() -> None:
        async with contextlib.aclosing(source.deliveries()) as deliveries:
            async for delivery in deliveries:
                got.extend(received.payload for received in delivery.received)
                delivery.acknowledge()

    following = asyncio.create_task(follow())
    while source.away_since_ns is not None:
        await asyncio.sleep(0.02)
    await publish(broker, [b"before"])
    await broker.restart()
    await publish(broker, [b"after"])
    async with asyncio.timeout(20):
        while not {b"before", b"after"} <= set(got):
            await asyncio.sleep(0.05)
    assert source.connections >= 2
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def test_a_silent_connection_is_made_anew(broker: EmbeddedNats) -> None:
    source = reports(broker, quiet_s=0.5)
    taking = asyncio.create_task(take(source, 1))
    async with asyncio.timeout(10):
        while source.connections < 2:
            await asyncio.sleep(0.05)
    await publish(broker, [b"x"])
    assert await asyncio.wait_for(taking, 10) == [b"x"]


async def test_a_full_inbox_closes_the_connection_and_nothing_is_lost(broker: EmbeddedNats) -> None:
    await take_nothing(broker)
    sent = [b"%d" % n for n in range(60)]
    await publish(broker, sent)
    source = reports(broker, inbox=8)
    got: set[bytes] = set()
    async with asyncio.timeout(20), contextlib.aclosing(source.deliveries()) as deliveries:
        async for delivery in deliveries:
            got |= {received.payload for received in delivery.received}
            if source.overflows == 0:
                # Nothing is taken until more has come than the inbox holds.
                await overflow(delivery)
            delivery.acknowledge()
            if got == set(sent):
                break
    assert got == set(sent)
    assert source.overflows > 0


async def test_acknowledging_after_a_lost_connection_touches_nothing(broker: EmbeddedNats) -> None:
    source = reports(broker)
    kept: list[Delivery] = []
    await take_nothing(broker)
    await publish(broker, [b"a"])
    async with contextlib.aclosing(source.deliveries()) as deliveries:
        async for delivery in deliveries:
            kept.append(delivery)
            break
    kept[0].acknowledge()
    assert await asyncio.wait_for(take(reports(broker), 1), 10) == [b"a"]


async def test_frames_are_drained_by_a_thread_and_the_oldest_dropped(broker: EmbeddedNats) -> None:
    reader = FrameReader(
        BrokerAddress.parse(broker.url),
        "frames",
        ["straja/v1/+/+/+/+"],
        now_ns=time.time_ns,
        wanted=lambda topic: topic.endswith("/frame"),
        queue_bytes=2_500,
    )
    reader.start()
    try:
        async with asyncio.timeout(10):
            while not reader.subscribed:
                await asyncio.sleep(0.02)
        async with Publisher(BrokerAddress.parse(broker.url)) as publisher:
            await publisher.publish("straja/v1/g/fibre/f/report", b"other")
            for number in range(4):
                payload = bytes([number]) * 1_000
                await publisher.publish("straja/v1/g/fibre/f/frame", payload, qos=0)
        async with asyncio.timeout(10):
            while reader.dropped < 2:
                await asyncio.sleep(0.02)
        assert [received.payload[0] for received in reader.get(1.0)] == [2, 3]
    finally:
        reader.stop()


async def overflow(delivery: Delivery) -> None:
    """Wait until the inbox that a delivery came from has had to refuse a message."""
    inbox = delivery._client._queue
    assert isinstance(inbox, _Inbox)
    while not inbox.overflowed:
        await asyncio.sleep(0.02)


async def take_nothing(broker: EmbeddedNats) -> None:
    """Connect once, so that the durable session exists."""
    source = reports(broker)
    taking = asyncio.create_task(take(source, 1))
    while source.away_since_ns is not None:
        await asyncio.sleep(0.02)
    taking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await taking
