"""Gateways in the field: they say who they are, report, and publish again what was not taken."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from geo.default_site import default_site_path
from geo.errors import BrokerError
from geo.site import Site
from sensors.messages import (
    SCHEMA,
    CableEvent,
    Mark,
    ObjectClass,
    Register,
    Report,
    SensorMessage,
    Status,
)
from sensors.topics import Channel, SensorKind, Topic
from sensors.wire import encode_json
from services.mqtt import BrokerAddress, Publisher
from tests.system.installation import Installation
from tests.system.operator_client import Alert, HasPlace

NS = 1_000_000_000
STEP_S = 0.5
SPEED_MPS = 1.2
SITE = Site.load(default_site_path())


class Fibre:
    """An interrogator of the default site that finds by itself: ``fibre-<number>``."""

    def __init__(self, number: int, name: str | None = None, kind: str = "fibre") -> None:
        self.number = number
        self.group = f"interrogator-{number}"
        self.sensor = name or f"fibre-{number}"
        self.kind = SensorKind(kind)
        self.session = f"test-{uuid.uuid4().hex[:12]}"
        self.sequences = dict.fromkeys(Channel, 0)

    def topic(self, channel: Channel) -> str:
        return str(Topic(self.group, self.kind, self.sensor, channel))

    def head(self, channel: Channel, at_ns: int | None = None) -> dict[str, Any]:
        """What every message carries, with the next sequence."""
        now_ns = time.time_ns() if at_ns is None else at_ns
        sequence = self.sequences[channel]
        self.sequences[channel] += 1
        return {
            "schema": SCHEMA,
            "session": self.session,
            "sequence": sequence,
            "measured_at_ns": now_ns,
            "sent_at_ns": now_ns,
            "mark": Mark.REAL,
        }

    def register(self, heartbeat_interval_s: float = 30.0) -> Register:
        return Register(
            **self.head(Channel.REGISTER),
            kind=self.kind.value,
            model="test interrogator",
            heartbeat_interval_s=heartbeat_interval_s,
            cable=f"fibre-{self.number}",
            channel_count=3_825,
            channel_spacing_m=10.0,
            sample_rate_hz=500.0,
        )

    def status(self, at_ns: int | None = None) -> Status:
        return Status(**self.head(Channel.STATUS, at_ns), state="online", clock="synchronised")

    def report(self, *events: CableEvent, at_ns: int | None = None) -> Report:
        return Report(**self.head(Channel.REPORT, at_ns), events=events)


class Walker(HasPlace):
    """Someone walking along a fibre, as its interrogator reports it twice a second."""

    def __init__(self, fibre: Fibre, distance_m: float) -> None:
        self.fibre = fibre
        self.distance_m = distance_m
        self.reports: list[tuple[str, bytes]] = []
        self.delivered = 0

    def step(self, at_ns: int | None = None) -> tuple[str, bytes]:
        """The next report: topic and payload."""
        event = CableEvent(
            distance_m=self.distance_m + SPEED_MPS * STEP_S * len(self.reports),
            object_class=ObjectClass.PERSON,
            score=0.9,
        )
        payload = encode_json(self.fibre.report(event, at_ns=at_ns))
        self.reports.append((self.fibre.topic(Channel.REPORT), payload))
        return self.reports[-1]

    def is_about(self, alert: Alert) -> bool:
        """Whether an alert is of this fibre and within 300 m of the walk's beginning."""
        cable = SITE.cable(f"fibre-{self.fibre.number}")
        placed = cable.place(self.distance_m, 5.0, 5.0)
        begin_m = float(SITE.border.chainage(placed.east_m, placed.north_m)[0])
        near = abs(alert["place"]["chainage_m"] - begin_m) < 300.0
        return near and any(part["sensor"] == self.fibre.sensor for part in alert["sensors"])

    async def walk(self, gateway: "Gateway") -> None:
        """Report until cancelled."""
        begin = time.monotonic()
        while True:
            topic, payload = self.step()
            await gateway.deliver(topic, payload)
            self.delivered += 1
            await asyncio.sleep(max(0.0, begin + STEP_S * len(self.reports) - time.monotonic()))


class Gateway:
    """A connection that publishes, as often as it takes.

    Attributes:
        again: how often a message had to be published once more.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.again = 0

    async def deliver(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 until the broker says that it has the message."""
        while True:
            try:
                async with asyncio.timeout(5.0):
                    await self._publisher.publish(topic, payload, retain=retain)
            except (BrokerError, TimeoutError):
                self.again += 1
                await asyncio.sleep(0.2)
            else:
                return

    async def say(
        self, fibre: Fibre, channel: Channel, message: SensorMessage, *, retain: bool = False
    ) -> None:
        await self.deliver(fibre.topic(channel), encode_json(message), retain=retain)

    async def introduce(self, fibre: Fibre, heartbeat_interval_s: float = 30.0) -> None:
        """Say who the fibre is, and that it lives."""
        message = fibre.register(heartbeat_interval_s)
        await self.say(fibre, Channel.REGISTER, message, retain=True)
        await self.say(fibre, Channel.STATUS, fibre.status(), retain=True)

    @contextlib.asynccontextmanager
    async def walking(self, walker: Walker) -> AsyncIterator[None]:
        """Let somebody walk for as long as the block lasts; what is under way is delivered."""
        task = asyncio.create_task(walker.walk(self))
        try:
            yield
        finally:
            # Between two steps, so that everything made was also delivered.
            try:
                async with asyncio.timeout(60.0):
                    while walker.delivered < len(walker.reports) and not task.done():
                        await asyncio.sleep(0.05)
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


@contextlib.asynccontextmanager
async def gateway(installation: Installation) -> AsyncIterator[Gateway]:
    """A gateway's connection, which may speak for all groups."""
    async with Publisher(BrokerAddress.parse(installation.field_url)) as publisher:
        yield Gateway(publisher)
