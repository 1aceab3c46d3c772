"""Raw frames: a clean session at QoS 0, drained by a thread that never waits.

A reader that is blocked for 2 s at 30 MB/s is cut off by the broker. So the thread only appends
to a bounded queue; where whoever takes from it is too slow, the oldest frame is dropped and
counted.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from services.events import Received
from services.mqtt.address import BrokerAddress
from services.mqtt.topics import make_readable

_log = structlog.get_logger()


class FrameReader:
    """Frames as they come.

    Attributes:
        dropped: frames that were given up because the queue was full.
        refused: topic filters that the broker refused.
        refusal: why the broker refused the last connection; None where it did not.
        subscribed: whether the broker has answered the subscriptions of this connection.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        *,
        now_ns: Callable[[], int],
        wanted: Callable[[str], bool] = lambda _: True,
        queue_bytes: int = 128 * 1024 * 1024,
        qos: int = 0,
    ) -> None:
        """Set up; ``start`` connects.

        Args:
            address: the broker.
            client_id: names the connection; nothing of it outlives it.
            filters: topic filters.
            now_ns: the clock, read once for each message.
            wanted: says of a topic whether its messages are kept.
            queue_bytes: bounds what may wait here.
            qos: of the subscriptions; 1 for a recording, which takes reports as they were sent.
        """
        self._wanted = wanted
        self._address = address
        self._filters = list(filters)
        self._now_ns = now_ns
        self._limit = queue_bytes
        self._qos = qos
        self._held: deque[Received] = deque()
        self._held_bytes = 0
        self._filled = threading.Condition()
        self._stopping = False
        self.dropped = 0
        self.refused: list[str] = []
        self.refusal: str | None = None
        self.subscribed = False
        self.away_since_ns: int | None = now_ns()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True
        )
        if address.username is not None:
            self._client.username_pw_set(address.username, address.password)
        context = address.tls_context()
        if context is not None:
            self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 5)

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._client.connect_async(self._address.host, self._address.port, keepalive=15)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._stopping = True
        self._client.disconnect()
        self._client.loop_stop()

    def get(self, timeout_s: float) -> list[Received]:
        """Take all that waits, in order; empty where nothing came within ``timeout_s``."""
        with self._filled:
            self._filled.wait_for(lambda: bool(self._held), timeout_s)
            taken = list(self._held)
            self._held.clear()
            self._held_bytes = 0
        return taken

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            _log.warning("broker refused us", broker=str(self._address), reason=str(code))
            self.refusal = str(code)
            return
        self.refusal = None
        self.away_since_ns = None
        client.subscribe([(name, self._qos) for name in self._filters])

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _props: Any
    ) -> None:
        self.refused = [
            name for name, code in zip(self._filters, codes, strict=False) if code.is_failure
        ]
        for name in self.refused:
            _log.error("broker refused the subscription", filter=name)
        self.subscribed = True

    def _on_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        self.away_since_ns = self._now_ns()
        self.subscribed = False
        if self._stopping:
            return
        _log.warning("broker away", broker=str(self._address), reason=str(code))

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        make_readable(message)
        topic = message.topic
        if not self._wanted(topic):
            return
        received = Received(
            self._now_ns(), topic, bytes(message.payload), retained=bool(message.retain)
        )
        with self._filled:
            self._held.append(received)
            self._held_bytes += len(received.payload)
            while self._held_bytes > self._limit:
                self._held_bytes -= len(self._held.popleft().payload)
                self.dropped += 1
            self._filled.notify()
