"""The straight way: a crossing becomes one alert, which outlives the service."""

import asyncio
import socket
import time
from collections import Counter

import httpx
import pytest

from services.correlate.settings import TrackerSettings
from tests.system.field import NS, Fibre, Walker, gateway
from tests.system.installation import Installation, Service, so, until
from tests.system.journal import check_feed, check_reports
from tests.system.operator_client import Alert, Operator

pytestmark = pytest.mark.system


async def test_a_crossing_is_one_alert_that_outlives_two_restarts(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(3), 8_000.0)
    async with (
        gateway(installation) as field,
        operator.listen() as ear,
    ):
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = await operator.alert_of(walker)
            told = await ear.until(lambda e: e.data.get("id") == alert["id"], "told in the feed")
        assert (told.name, told.data["revision"], told.data["stored"]) == ("alert", 1, True)
        assert told.id == told.data["feed"]
        assert (alert["state"], alert["mark"], alert["run"]) == ("unacknowledged", "real", "live")
        assert alert["object_class"] == "person"

        first = await operator.acknowledge(alert["id"], "command-0001")
        assert first.status_code == httpx.codes.OK
        assert first.json()["alert"]["acknowledged_by"] == "op-17"
        again = await operator.acknowledge(alert["id"], "command-0001")
        assert again.json()["alert"]["revision"] == first.json()["alert"]["revision"]

        assert service.stop() == 0
        service.start()
        await service.live()
        await _is_still_acknowledged(operator, walker, alert)
        await so(lambda: ear.connections == 2, "the listener came back")

        service.kill()
        service.start()
        await service.live()
        await _is_still_acknowledged(operator, walker, alert)
        await so(lambda: ear.connections == 3, "the listener came back again")
    what = [one["change"]["what"] for one in await operator.history(alert["id"])]
    assert what[0] == "raised"
    assert what.count("acknowledged") == 1
    await check_feed(installation)


async def _is_still_acknowledged(operator: Operator, walker: Walker, alert: Alert) -> None:
    now = await operator.alert_of(walker)
    assert (now["id"], now["acknowledged_by"]) == (alert["id"], "op-17")
    assert now["state"] in {"acknowledged", "ended"}


async def test_a_service_killed_in_mid_crossing_loses_and_doubles_nothing(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(3), 14_000.0)
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = await operator.alert_of(walker)
            service.kill()
            killed_at = len(walker.reports)
            await so(lambda: len(walker.reports) >= killed_at + 8, "reports while it is dead")
            service.start()
            await service.live()
            back_at = len(walker.reports)
            before = alert["revision"]

            async def goes_on() -> bool:
                now = await operator.alert_of(walker)
                assert now["id"] == alert["id"]
                return bool(now["revision"] > before and len(walker.reports) > back_at + 16)

            await until(goes_on, "the same alert goes on")
        await check_reports(installation, walker)
        await check_feed(installation)
        revisions = Counter(ear.revisions(alert["id"]))
        last = max(revisions)
        assert revisions == Counter(range(1, last + 1)), "told once each, without a hole"
    found = [one for one in await operator.alerts() if walker.is_about(one)]
    assert len(found) == 1


async def test_a_crossing_while_the_service_was_dead_is_one_alert_when_it_is_back(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(5), 8_000.0)
    async with gateway(installation) as field:
        await field.introduce(walker.fibre)
        service.kill()
        async with field.walking(walker):
            await so(lambda: len(walker.reports) >= 24, "somebody crosses meanwhile")
        # The broker keeps what was said: older by now than anything may be that comes late.
        await asyncio.sleep(1.2 * TrackerSettings().lateness_s)
        service.start()
        await service.live()
        alert = await operator.alert_of(walker)
    assert alert["object_class"] == "person"
    await check_reports(installation, walker)
    assert len([one for one in await operator.alerts() if walker.is_about(one)]) == 1
    metrics = await service.metrics()
    assert not [name for name in metrics if "refused_too_late" in name]


async def test_a_crossing_that_a_gateway_tells_of_late_is_one_late_alert(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(6), 8_000.0)
    async with gateway(installation) as field:
        await field.introduce(walker.fibre)
        begin_ns = time.time_ns() - 120 * NS
        for step in range(60):
            topic, payload = walker.step(begin_ns + step * NS // 2)
            await field.deliver(topic, payload)
        alert = await operator.alert_of(walker)
        raised = (await operator.history(alert["id"]))[0]["change"]
        assert "late: its reports came only now" in raised["explanation"]["text"]

        async def counted() -> bool:
            metrics = await service.metrics()
            left_out = metrics.get('straja_left_out_total{reason="late",stage="late"}')
            return left_out == len(walker.reports)

        await until(counted, "what came late is counted")
    assert len([one for one in await operator.alerts() if walker.is_about(one)]) == 1
    await check_feed(installation)


async def test_a_listener_that_does_not_read_harms_nobody(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(3), 20_000.0)
    cookie = "; ".join(f"{name}={value}" for name, value in operator.client.cookies.items())
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        deaf.connect(("127.0.0.1", service.port))
        deaf.sendall(f"GET /api/feed HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
        async with gateway(installation) as field, operator.listen() as ear:
            await so(lambda: ear.named("hello"), "the other one listens")
            assert (await service.metrics())["straja_listeners"] == 2
            await field.introduce(walker.fibre)
            async with field.walking(walker):
                alert = await operator.alert_of(walker)
                await ear.until(lambda e: e.data.get("id") == alert["id"], "told to who listens")
