"""The database dies in mid-crossing: alerts go on, marked, and nothing is missing afterwards."""

import asyncio
from collections import Counter

import httpx
import pytest

from tests.system.field import Fibre, Walker, gateway
from tests.system.installation import Installation, Service, so, until
from tests.system.journal import check_feed, check_reports
from tests.system.operator_client import Ear, Operator

pytestmark = pytest.mark.system

AWAY_S = 60.0


async def test_a_database_away_for_a_minute_loses_nothing_and_alerts_go_on(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker, second = Walker(Fibre(5), 6_000.0), Walker(Fibre(5), 12_000.0)
    second.fibre = Fibre(6)
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(walker.fibre)
        await field.introduce(second.fibre)
        async with field.walking(walker):
            known = await operator.alert_of(walker)
            await installation.kill_database()
            clock = asyncio.get_running_loop().time
            back_at = clock() + AWAY_S

            await ear.until(
                lambda e: e.name == "state" and e.data["database_away_since"], "database away"
            )
            assert (await service.metrics())["straja_database_away"] == 1
            proofs = len(ear.named("proof"))
            async with field.walking(second):
                raised = await ear.until(
                    lambda e: e.name == "alert" and second.is_about(e.data), "raised while away"
                )
                assert (raised.data["stored"], raised.id) == (False, None)
                delivered = walker.delivered
                await so(lambda: walker.delivered >= delivered + 20, "reports are acknowledged")
                assert field.again == 0
                told = await operator.get("/api/alerts", include_ended=True)
                assert not told["complete"]
                ids = {one["id"] for one in told["alerts"]}
                assert {known["id"], raised.data["id"]} <= ids
                health = await operator.client.get("/health/ready")
                assert health.status_code == httpx.codes.SERVICE_UNAVAILABLE
                assert len(ear.named("proof")) == proofs, "nothing is proven without the database"
                acknowledged = await operator.acknowledge(raised.data["id"])
                assert acknowledged.json()["alert"]["acknowledged_by"] == "op-17"
                assert not acknowledged.json()["alert"]["stored"]
                while clock() < back_at:
                    state = await operator.state()
                    assert state["database_away_since"]
                    await asyncio.sleep(1.0)

                await installation.postgres.restart()
                await ear.until(lambda e: e.name == "state" and _is_back(e.data, ear), "it is back")
                await so(lambda: len(ear.named("proof")) > proofs, "proven again")
        await _all_is_there(installation, operator, ear, [walker, second])
        history = await operator.history(raised.data["id"])
        assert [one["change"]["what"] for one in history].count("acknowledged") == 1
        assert all(one["stored"] for one in history)
        assert (await operator.alert_of(walker))["id"] == known["id"]
        assert (await operator.alert_of(second))["id"] == raised.data["id"]


def _is_back(state: dict[str, object], ear: Ear) -> bool:
    away = [e for e in ear.named("state") if e.data["database_away_since"]]
    return (
        state["database_away_since"] is None
        and bool(away)
        and str(state["now"]) > str(away[-1].data["now"])
    )


async def test_a_service_killed_with_a_spool_has_everything_when_both_are_back(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(5), 20_000.0)
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = await operator.alert_of(walker)
            await installation.kill_database()
            await so(
                lambda: any(not e.data["stored"] for e in ear.alerts(alert["id"])),
                "a revision from the spool",
            )
            spooled = max(e.data["revision"] for e in ear.alerts(alert["id"]))
            service.kill()
            killed_at = len(walker.reports)
            await so(lambda: len(walker.reports) >= killed_at + 4, "reports while both are dead")
            await installation.postgres.restart()
            service.start()
            await service.live()

            async def goes_on() -> bool:
                now = await operator.alert_of(walker)
                assert now["id"] == alert["id"]
                return bool(now["revision"] > spooled + 1)

            await until(goes_on, "the same alert goes on")
        await _all_is_there(installation, operator, ear, [walker])


async def _all_is_there(
    installation: Installation, operator: Operator, ear: Ear, walkers: list[Walker]
) -> None:
    """Journal, feed and listener agree: all of it, in order, once."""
    for walker in walkers:
        await check_reports(installation, walker)
        alert = (await operator.alert_of(walker))["id"]
        last = (await operator.history(alert))[-1]["revision"]
        await so(
            lambda alert=alert, last=last: last in ear.revisions(alert),  # type: ignore[misc]
            "told again with its place",
        )
        revisions = Counter(ear.revisions(alert))
        assert set(revisions) == set(range(1, max(revisions) + 1)), "a revision was never told"
        assert max(revisions.values()) == 1, f"told twice with its place: {revisions}"
    sequences = ear.sequences()
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    await check_feed(installation)
