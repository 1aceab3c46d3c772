"""Reports, poses and statuses: a durable session at QoS 1, acknowledged only when journalled.

``aiomqtt``'s own queue has no limit, and a limited one drops the newest message after
acknowledging it; so acknowledging is by hand, and the inbox is our own: where it overflows, the
connection is closed and the broker sends again what was not acknowledged.
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

import aiomqtt
import structlog
from paho.mqtt.reasoncodes import ReasonCode

from geo.errors import BrokerError
from services.events import Received
from services.mqtt.address import BrokerAddress
from services.mqtt.buffered import buffer_reads
from services.mqtt.client import new_client

_log = structlog.get_logger()

_PUBACK = 0x40
"""First byte of an acknowledgement, MQTT 3.1.1 section 3.4."""

_REFUSED = 0x80
"""SUBACK code of a refused subscription, MQTT 3.1.1 section 3.9.3."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Messages in the order received, to be acknowledged once they are journalled."""

    received: Sequence[Received]
    _tokens: Sequence[tuple[int, int]]
    _client: aiomqtt.Client
    _connected: Callable[[], bool]

    def acknowledge(self) -> None:
        """Acknowledge in the order received; after a lost connection the broker sends again."""
        if not self._connected():
            return
        mids = [mid for mid, qos in self._tokens if qos == 1]
        if not mids:
            return
        # All in one packet of bytes: the library's own ``ack`` costs two calls to the system for
        # each message, a tenth of the time of a report.
        packets = b"".join(struct.pack("!BBH", _PUBACK, 2, mid) for mid in mids)
        paho = self._client._client  # noqa: SLF001 - aiomqtt has no way to acknowledge by hand
        paho._packet_queue(_PUBACK, packets, mids[-1], 1)  # noqa: SLF001 - nor paho one for many


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Takes what the library hands over, stamps the receive time, and knows its limit."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__()
        self.limit = maxsize
        self.overflowed = False
        self.filled = asyncio.Event()
        self.now_ns: Callable[[], int] = lambda: 0
        self._held: deque[tuple[int, aiomqtt.Message]] = deque()

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self.filled.set()
        if len(self._held) >= self.limit:
            self.overflowed = True
        else:
            self._held.append((self.now_ns(), item))

    def take(self, limit: int) -> list[tuple[int, aiomqtt.Message]]:
        taken = [self._held.popleft() for _ in range(min(limit, len(self._held)))]
        if not self._held and not self.overflowed:
            self.filled.clear()
        return taken


class Reports:
    """An endless stream of deliveries that survives the broker.

    Attributes:
        away_since_ns: since when the broker is out of reach, or None.
        connections: how often a connection was made.
        overflows: how often the inbox was full and the connection closed for it.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        *,
        now_ns: Callable[[], int],
        inbox: int = 8_192,
        batch: int = 1_024,
        quiet_s: float | None = 15.0,
        retry_s: float = 1.0,
    ) -> None:
        """Set up; nothing is connected yet.

        Args:
            address: the broker.
            client_id: names the durable session; whoever connects with it takes it over.
            filters: topic filters; on NATS none may end in ``#``, which doubles the window.
            now_ns: the clock, read once for each message.
            inbox: how many messages may wait here.
            batch: how many are delivered together at most.
            quiet_s: silence after which the connection is made anew; the service's own test
                items come far more often. None where silence is no sign of anything.
            retry_s: pause between attempts to connect.
        """
        self._address = address
        self._client_id = client_id
        self._filters = list(filters)
        self._now_ns = now_ns
        self._inbox = inbox
        self._batch = batch
        self._quiet_s = quiet_s
        self._retry_s = retry_s
        self.away_since_ns: int | None = now_ns()
        self.connections = 0
        self.overflows = 0

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield what comes, connecting again whenever the connection is lost."""
        while True:
            try:
                async with contextlib.aclosing(self._connection()) as connection:
                    async for delivery in connection:
                        yield delivery
            except (aiomqtt.MqttError, OSError, BrokerError) as error:
                if self.away_since_ns is None:
                    self.away_since_ns = self._now_ns()
                _log.warning("broker away", broker=str(self._address), reason=str(error))
                await asyncio.sleep(self._retry_s)

    async def _connection(self) -> AsyncGenerator[Delivery, None]:
        client = new_client(
            self._address,
            self._client_id,
            durable=True,
            queue_type=_Inbox,
            queue_size=self._inbox,
        )
        inbox = client._queue  # noqa: SLF001 - our own class, made by the client
        if not isinstance(inbox, _Inbox):
            raise BrokerError("the MQTT library made a queue of its own; pin its version")
        inbox.now_ns = self._now_ns
        # Whoever takes from the inbox needs a few turns for it; before that it must not be full.
        buffer_reads(client._client, self._inbox // 64)  # noqa: SLF001 - as above
        client._client.manual_ack_set(True)  # noqa: FBT003, SLF001 - no public way
        connected = True
        async with client:
            await self._subscribe(client)
            self.connections += 1
            self.away_since_ns = None
            try:
                while True:
                    delivery = await self._next(client, inbox, lambda: connected)
                    yield delivery
            finally:
                connected = False

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        codes = await client.subscribe([(name, 1) for name in self._filters])
        for name, code in zip(self._filters, codes, strict=True):
            value = code.value if isinstance(code, ReasonCode) else code
            if isinstance(value, int) and value >= _REFUSED:
                raise BrokerError(
                    f"the broker refused the subscription to {name!r}: "
                    "allow it for this user in the broker's access rules"
                )

    async def _next(
        self, client: aiomqtt.Client, inbox: _Inbox, connected: Callable[[], bool]
    ) -> Delivery:
        await self._wait(client, inbox)
        if inbox.overflowed:
            self.overflows += 1
            raise BrokerError(
                f"more than {self._inbox} messages waited: connecting again, the broker resends"
            )
        taken = inbox.take(self._batch)
        received = [
            Received(stamp, str(message.topic), bytes(message.payload), retained=message.retain)
            for stamp, message in taken
        ]
        return Delivery(received, [(m.mid, m.qos) for _, m in taken], client, connected)

    async def _wait(self, client: aiomqtt.Client, inbox: _Inbox) -> None:
        """Wait until something is in the inbox, the connection is lost, or it is too quiet."""
        lost = client._disconnected  # noqa: SLF001 - the future that the library's iterator uses
        if inbox.filled.is_set() and not lost.done():
            return
        arrival = asyncio.ensure_future(inbox.filled.wait())
        try:
            done, _ = await asyncio.wait(
                (arrival, lost), timeout=self._quiet_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            arrival.cancel()
        if lost in done:
            raise BrokerError("the connection was lost") from lost.exception()
        if not done:
            raise BrokerError(f"nothing was heard for {self._quiet_s:g} s: connecting again")
