"""What a foreign broker allows, found by trying: on topics of our own that no service hears.

MQTT 3.1.1 has no way to ask. So a durable session takes messages without acknowledging any, is
away while others are sent, and takes the largest that the contract allows. Everything is cleaned
up after. ``probe`` waits; run it in a thread.
"""

import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from geo.errors import BrokerError
from sensors.wire import MAX_PAYLOAD_BYTES
from services.mqtt.address import BrokerAddress

WINDOW = 1_024
QUEUE = 2_000
LARGEST_BYTES = MAX_PAYLOAD_BYTES
_SMALLER_BYTES = (1024 * 1024, 256 * 1024, 64 * 1024)
_ANSWER_S = 10.0
_QUIET_S = 1.5
"""After so long without a message, no more will come."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What was found.

    Attributes:
        window: messages given to a session that acknowledges none; tried up to ``WINDOW``.
        queued: of ``QUEUE`` sent to a session that was away, those it got on its return.
        largest_bytes: largest payload that came through, of those tried up to ``LARGEST_BYTES``.
        retained: whether a retained message reaches a later subscriber.
        refused: filters to which we may not subscribe.
    """

    window: int
    queued: int
    largest_bytes: int
    retained: bool
    refused: tuple[str, ...]


def probe(address: BrokerAddress, filters: Sequence[str]) -> Limits:
    """Try a broker out.

    Args:
        address: the broker.
        filters: topic filters of the service, to see whether they are allowed.

    Raises:
        BrokerError: where it is out of reach or refuses us.
    """
    mark = uuid.uuid4().hex[:12]
    # Eight levels below v1: no service's filter has so many.
    base = f"straja/v1/straja-check/{mark}/-/-/-/-/-"
    name = f"straja-check-{mark}"
    try:
        return Limits(
            window=_window(address, name, f"{base}/window"),
            queued=_queued(address, name, f"{base}/queued"),
            largest_bytes=_largest(address, name, f"{base}/large"),
            retained=_retained(address, name, f"{base}/retained"),
            refused=_refused(address, name, filters),
        )
    finally:
        with _Connection(address, name):
            pass  # a clean session in its place removes the durable one


def _window(address: BrokerAddress, name: str, topic: str) -> int:
    with _Connection(address, name, durable=True, acknowledges=False) as taker:
        taker.subscribe([topic])
        with _Connection(address, f"{name}-sender") as sender:
            sender.publish([(topic, b"%d" % number) for number in range(WINDOW + 76)])
            return min(WINDOW, taker.count(WINDOW))


def _queued(address: BrokerAddress, name: str, topic: str) -> int:
    with _Connection(address, name):
        pass
    with _Connection(address, name, durable=True) as taker:
        taker.subscribe([topic])
    with _Connection(address, f"{name}-sender") as sender:
        sender.publish([(topic, b"%d" % number) for number in range(QUEUE)])
    with _Connection(address, name, durable=True) as taker:
        return taker.count(QUEUE)


def _largest(address: BrokerAddress, name: str, topic: str) -> int:
    for size in (LARGEST_BYTES, *_SMALLER_BYTES):
        with ExitStack() as stack:
            taker = stack.enter_context(_Connection(address, f"{name}-large"))
            sender = stack.enter_context(_Connection(address, f"{name}-sender"))
            taker.subscribe([topic])
            sender.publish([(topic, bytes(size))])
            if taker.count(1) and taker.longest == size:
                return size
    return 0


def _retained(address: BrokerAddress, name: str, topic: str) -> bool:
    with _Connection(address, f"{name}-sender") as sender:
        sender.publish([(topic, b"kept")], retain=True)
        try:
            with _Connection(address, f"{name}-late") as taker:
                taker.subscribe([topic])
                return taker.count(1) == 1 and taker.retained == 1
        finally:
            sender.publish([(topic, b"")], retain=True)


def _refused(address: BrokerAddress, name: str, filters: Sequence[str]) -> tuple[str, ...]:
    with _Connection(address, f"{name}-filters") as taker:
        return taker.subscribe(filters)


class _Connection:
    """One connection, for as long as the with statement; counts what it hears."""

    def __init__(
        self,
        address: BrokerAddress,
        name: str,
        *,
        durable: bool = False,
        acknowledges: bool = True,
    ) -> None:
        self._address = address
        self._turn = threading.Condition()
        self._connected: ReasonCode | None = None
        self._granted: list[ReasonCode] | None = None
        self._heard: set[bytes] = set()
        self._last_s = 0.0
        self._lost = False
        self.longest = 0
        self.retained = 0
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=not durable,
            manual_ack=not acknowledges,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(100)
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        context = address.tls_context()
        if context is not None:
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._address.host, self._address.port, keepalive=30)
        except OSError as error:
            raise BrokerError(self._address.out_of_reach(error)) from error
        self._client.loop_start()
        with self._turn:
            self._turn.wait_for(lambda: self._connected is not None or self._lost, _ANSWER_S)
        if self._connected is None:
            self._client.loop_stop()
            raise BrokerError(f"{self._address} hung up or gave no answer: is it an MQTT broker?")
        if self._connected.is_failure:
            self._client.loop_stop()
            raise BrokerError(self._address.refusal(self._connected))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, filters: Sequence[str]) -> tuple[str, ...]:
        """Subscribe at QoS 1; give the filters that were refused."""
        self._granted = None
        self._client.subscribe([(name, 1) for name in filters])
        with self._turn:
            self._turn.wait_for(lambda: self._granted is not None or self._lost, _ANSWER_S)
        if self._granted is None:
            return tuple(filters)
        return tuple(
            name for name, code in zip(filters, self._granted, strict=False) if code.is_failure
        )

    def publish(self, messages: Sequence[tuple[str, bytes]], *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the broker's word, unless the broker hangs up."""
        last = None
        for topic, payload in messages:
            last = self._client.publish(topic, payload, qos=1, retain=retain)
        deadline = time.monotonic() + _ANSWER_S
        while last is not None and not self._lost and time.monotonic() < deadline:
            if last.rc != paho.MQTT_ERR_SUCCESS or last.is_published():
                return
            time.sleep(0.005)

    def count(self, wanted: int) -> int:
        """Wait for so many different messages, or until no more come; give how many came."""
        self._last_s = time.monotonic()
        with self._turn:
            while len(self._heard) < wanted and not self._lost:
                left_s = self._last_s + _QUIET_S - time.monotonic()
                if left_s <= 0.0:
                    break
                self._turn.wait(left_s)
            return len(self._heard)

    def _on_connect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        with self._turn:
            self._connected = code
            self._turn.notify_all()

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _props: Any
    ) -> None:
        with self._turn:
            self._granted = codes
            self._turn.notify_all()

    def _on_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, _code: ReasonCode, _properties: Any
    ) -> None:
        with self._turn:
            self._lost = True
            self._turn.notify_all()

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if not message.topic.startswith("straja/v1/straja-check/"):
            return  # live traffic, heard while the filters are tried
        with self._turn:
            self._heard.add(bytes(message.payload[:32]))
            self.longest = max(self.longest, len(message.payload))
            self.retained += message.retain
            self._last_s = time.monotonic()
            self._turn.notify_all()
