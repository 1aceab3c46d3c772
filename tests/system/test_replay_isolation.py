"""What is replayed stays with the service that was started for it, and goes to nobody else."""

import time
import uuid
from collections.abc import Iterator

import pytest

from sensors.messages import time_to_text
from sensors.topics import Channel, replay_topic
from sensors.wire import encode_json
from services.mqtt import BrokerAddress, Publisher
from tests.system.field import NS, Fibre, Walker
from tests.system.installation import OTHER, Installation, Service, until
from tests.system.operator_client import Operator, signed_in

pytestmark = pytest.mark.system

LONG_AGO_NS = 1_772_326_800 * NS
"""2026-03-01 01:00 UTC."""
STEPS = 80


@pytest.fixture
def run() -> str:
    return f"night-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def replaying(installation: Installation, run: str) -> Iterator[Service]:
    service = installation.service("--replay", run, name=f"data-{run}")
    service.start()
    yield service
    service.end()


def _recorded(walker: Walker) -> list[tuple[int, str, bytes]]:
    """A recorded crossing: receive time, topic and payload of each message."""
    fibre = walker.fibre
    head = fibre.head(Channel.REGISTER, LONG_AGO_NS)
    register = fibre.register().model_copy(
        update={"measured_at_ns": head["measured_at_ns"], "sent_at_ns": head["sent_at_ns"]}
    )
    items = [(LONG_AGO_NS, fibre.topic(Channel.REGISTER), encode_json(register))]
    for number in range(1, STEPS + 1):
        at_ns = LONG_AGO_NS + number * NS // 2
        items.append((at_ns + 2_000_000, *walker.step(at_ns)))
    return items


async def test_a_replay_raises_alerts_of_its_own_run_and_reaches_nobody_else(
    installation: Installation, service: Service, operator: Operator, replaying: Service, run: str
) -> None:
    walker = Walker(Fibre(2), 8_000.0)
    await replaying.live()

    async def listens() -> bool:
        return (await replaying.metrics())["straja_broker_away"] == 0

    await until(listens, "the replaying service hears the broker")
    before = {one["id"] for one in await operator.alerts()}
    started = time_to_text(time.time_ns())
    async with operator.listen() as ear, signed_in(replaying) as watching:
        async with Publisher(BrokerAddress.parse(installation.broker.url)) as publisher:
            for at_ns, topic, payload in _recorded(walker):
                name = replay_topic(run, at_ns, topic, retained=False)
                await publisher.publish(name, payload)
        alert = await watching.alert_of(walker)
        assert (alert["run"], alert["mark"]) == (run, "replay")
        end_ns = LONG_AGO_NS + STEPS * NS
        assert time_to_text(LONG_AGO_NS) <= alert["started_at"] < alert["raised_at"]
        assert alert["raised_at"] < time_to_text(end_ns)
        answer = await watching.acknowledge(alert["id"])
        acknowledged_at = answer.json()["alert"]["acknowledged_at"]
        assert alert["raised_at"] <= acknowledged_at <= time_to_text(end_ns)
        session = await watching.get("/api/session")
        assert session["banner"] == "replay"

        # A test item sent after all of it has come the whole way: the live service had its time.
        await ear.until(
            lambda e: e.name == "proof" and e.data["measured_at"] > started, "a later proof"
        )
        assert {one["id"] for one in await operator.alerts()} == before
        assert not [e for e in ear.alerts() if e.data["run"] != "live"]
    rows = await installation.rows("SELECT run, party FROM feed WHERE id = %s", alert["id"])
    assert set(rows) == {(run, "RO")}
    assert not await installation.rows(
        "SELECT position FROM journal WHERE run = 'live' AND (starts_with(convert_from(topic, "
        "'UTF8'), 'straja-replay') OR strpos(encode(payload, 'escape'), %s) > 0)",
        walker.fibre.session,
    )
    async with signed_in(replaying, OTHER) as other, signed_in(service, OTHER) as live:
        assert await other.alerts() == []
        assert not [one for one in await live.alerts() if one["id"] == alert["id"]]
    replaying.kill()
    replaying.start()
    await replaying.live()
    async with signed_in(replaying) as watching:
        now = (await watching.state())["now"]
    assert acknowledged_at <= now <= time_to_text(end_ns), "it is still where it had come to"
