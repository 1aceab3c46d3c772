"""One connection serves all who publish; a failure told late must not cost them a newer one."""

import asyncio
from types import TracebackType
from typing import Self

import aiomqtt
import pytest

from geo.errors import BrokerError
from services.mqtt import BrokerAddress, Publisher


class Connection:
    """Stands for the library's client: connected at once, fails when the test says so."""

    def __init__(self) -> None:
        self._disconnected: asyncio.Future[None] = asyncio.Future()
        self.pending_calls_threshold = 0
        self.asked = asyncio.Event()
        self.fails = asyncio.Event()
        self.published: list[bytes] = []
        self.closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closed = True

    async def publish(self, _topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        del qos, retain
        if payload == b"stuck":
            self.asked.set()
            await self.fails.wait()
            raise aiomqtt.MqttError("timed out")
        self.published.append(payload)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    made: list[Connection] = []

    def new_client(_address: BrokerAddress, _client_id: str | None, *, will: object) -> Connection:
        del will
        made.append(Connection())
        return made[-1]

    monkeypatch.setattr("services.mqtt.publisher.new_client", new_client)
    return made


async def test_a_failure_told_late_leaves_the_newer_connection_alone(
    made: list[Connection],
) -> None:
    async with Publisher(BrokerAddress("127.0.0.1", 1883)) as publisher:
        stuck = asyncio.create_task(publisher.publish("t", b"stuck"))
        await made[0].asked.wait()
        made[0]._disconnected.set_result(None)
        await publisher.publish("t", b"on the second")
        made[0].fails.set()
        with pytest.raises(BrokerError, match="did not take"):
            await stuck
        assert not made[1].closed
        await publisher.publish("t", b"still on the second")
    assert [one.published for one in made] == [[], [b"on the second", b"still on the second"]]
    assert [one.closed for one in made] == [True, True]


async def test_a_failure_of_the_current_connection_has_it_made_anew(
    made: list[Connection],
) -> None:
    async with Publisher(BrokerAddress("127.0.0.1", 1883)) as publisher:
        stuck = asyncio.create_task(publisher.publish("t", b"stuck"))
        await made[0].asked.wait()
        made[0].fails.set()
        with pytest.raises(BrokerError, match="did not take"):
            await stuck
        assert made[0].closed
        await publisher.publish("t", b"anew")
    assert [one.published for one in made] == [[], [b"anew"]]
