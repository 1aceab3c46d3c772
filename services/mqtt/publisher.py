"""What we and our simulators publish."""

import asyncio
from types import TracebackType
from typing import Self

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from geo.errors import BrokerError
from services.mqtt.address import BrokerAddress
from services.mqtt.client import new_client


class Publisher:
    """A connection that publishes, made anew when it was lost.

    Use as an asynchronous context manager. ``publish`` waits until the broker has the message
    (QoS 1) or the socket took it (QoS 0), so whoever publishes can never run ahead of the broker.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str | None = None,
        *,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        """Set up; ``will`` is a topic and payload that the broker publishes when we vanish."""
        self._address = address
        self._client_id = client_id
        self._will = will
        self._client: aiomqtt.Client | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            BrokerError: where the broker is out of reach or refuses us.
        """
        await self._connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        async with self._connecting:
            if self._client is not None:
                await self._drop(self._client)

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish one message, connecting first where the connection was lost.

        Raises:
            BrokerError: where the broker is out of reach or did not take it; publish again later.
        """
        client = await self._connect()
        try:
            await client.publish(topic, payload, qos=qos, retain=retain)
        except (aiomqtt.MqttError, OSError) as error:
            async with self._connecting:
                # Told late, when others publish on a connection made since: that one stays.
                if self._client is client:
                    await self._drop(client)
            raise BrokerError(
                f"{self._address} did not take a message on {topic}: {error}"
            ) from error

    async def _connect(self) -> aiomqtt.Client:
        async with self._connecting:
            if self._client is not None:
                if not self._client._disconnected.done():  # noqa: SLF001 - no public way to ask
                    return self._client
                await self._drop(self._client)
            client = new_client(self._address, self._client_id, will=self._will)
            client.pending_calls_threshold = 100_000
            try:
                await client.__aenter__()
            except MqttConnectError as error:
                raise BrokerError(self._address.refusal(error.rc)) from error
            except (aiomqtt.MqttError, OSError) as error:
                raise BrokerError(self._address.out_of_reach(error)) from error
            self._client = client
            return client

    async def _drop(self, client: aiomqtt.Client) -> None:
        """Close the current connection; only for whoever holds ``_connecting``."""
        self._client = None
        lost = client._disconnected  # noqa: SLF001 - else its error is said to be unheard
        if lost.done():
            lost.exception()
        try:
            await client.__aexit__(None, None, None)
        except (aiomqtt.MqttError, OSError):
            return  # it was lost already, which is what we wanted
