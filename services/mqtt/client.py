"""How every asynchronous connection to the broker is set up."""

import asyncio
from typing import Any

import aiomqtt
import paho.mqtt.client as paho

from services.mqtt.address import BrokerAddress
from services.mqtt.topics import make_readable

_KEEPALIVE_S = 15


def new_client(
    address: BrokerAddress,
    client_id: str | None,
    *,
    durable: bool = False,
    will: tuple[str, bytes] | None = None,
    queue_type: type[asyncio.Queue[aiomqtt.Message]] | None = None,
    queue_size: int | None = None,
) -> aiomqtt.Client:
    """Set up a client that is not connected yet.

    Args:
        address: the broker.
        client_id: names the session; where None the library invents one.
        durable: whether the broker keeps the session while we are away.
        will: topic and payload, retained, that the broker publishes when we vanish.
        queue_type: of what holds messages until they are taken; the library's own where None.
        queue_size: how many messages it holds at most.
    """
    client = aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        tls_context=address.tls_context(),
        identifier=client_id,
        clean_session=not durable,
        keepalive=_KEEPALIVE_S,
        will=aiomqtt.Will(*will, qos=1, retain=True) if will else None,
        queue_type=queue_type,
        max_queued_incoming_messages=queue_size,
    )
    library = client._client  # noqa: SLF001 - aiomqtt reads the topic before anybody is asked
    hand_over: Any = library.on_message

    def on_message(paho_client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        make_readable(message)
        hand_over(paho_client, data, message)

    library.on_message = on_message
    return client
