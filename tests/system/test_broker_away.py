"""The broker dies in mid-crossing: nothing is lost, nothing is doubled, and everybody is told."""

from collections import Counter

import pytest

from tests.system.field import Fibre, Walker, gateway
from tests.system.installation import Installation, Service, so, until
from tests.system.journal import check_feed, check_reports
from tests.system.operator_client import Operator

pytestmark = pytest.mark.system


async def test_a_broker_killed_in_mid_crossing_costs_no_report_and_doubles_no_alert(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(4), 6_000.0)
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = await operator.alert_of(walker)
            installation.kill_broker()
            await ear.until(
                lambda e: e.name == "state" and e.data["broker_away_since"], "broker away"
            )
            assert (await operator.state())["broker_away_since"]
            assert (await service.metrics())["straja_broker_away"] == 1
            await so(lambda: field.again >= 3, "the gateway tries again")

            await installation.broker.restart()
            back_at, before = len(walker.reports), alert["revision"]
            # As after any lost connection: what may not have arrived is published again.
            for topic, payload in walker.reports[-4:]:
                await field.deliver(topic, payload)

            async def goes_on() -> bool:
                now = await operator.alert_of(walker)
                assert now["id"] == alert["id"]
                return bool(now["revision"] > before and len(walker.reports) > back_at + 16)

            await until(goes_on, "the same alert goes on")
            assert (await operator.state())["broker_away_since"] is None
        counts = await check_reports(installation, walker)
        doubled = sum(counts.values()) - len(counts)
        assert doubled >= 3

        async def dropped() -> bool:
            sensor = await operator.sensor(walker.fibre.sensor)
            assert sensor is not None
            return bool(sensor["duplicates"] == doubled)

        await until(dropped, f"{doubled} duplicates are counted")
        sensor = await operator.sensor(walker.fibre.sensor)
        assert sensor is not None
        assert sensor["lost"] == 0
        await check_feed(installation)
        revisions = Counter(ear.revisions(alert["id"]))
        assert revisions == Counter(range(1, max(revisions) + 1)), "told once each, without a hole"
    assert len([one for one in await operator.alerts() if walker.is_about(one)]) == 1
    await service.ready()
