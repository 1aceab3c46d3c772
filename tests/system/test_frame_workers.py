"""Frame workers die or hang: that shows, disturbs nobody else, and heals."""

import json
import os
import signal

import httpx
import pytest

from tests.system.field import Fibre, Walker, gateway
from tests.system.installation import Installation, Service, is_gone, kill, so, until
from tests.system.journal import check_reports
from tests.system.operator_client import Operator

pytestmark = pytest.mark.system

LIMIT_S = 10.0
"""Within this a screen must turn red."""


async def test_a_killed_frame_worker_is_started_again_and_disturbs_no_other_part(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(6), 16_000.0)
    before = await service.metrics()
    pid, [worker] = service.pid, service.frame_workers()
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = await operator.alert_of(walker)
            kill([worker])
            await so(lambda: is_gone(worker), "it ends")
            proofs = len(ear.named("proof"))
            killed_at, revision = len(walker.reports), alert["revision"]

            async def other() -> list[int] | None:
                found = service.frame_workers()
                return found if found and worker not in found else None

            [fresh] = await until(other, "another worker")
            await so(lambda: len(ear.named("proof")) >= proofs + 2, "proven again")

            async def goes_on() -> bool:
                now = await operator.alert_of(walker)
                return bool(now["revision"] > revision and len(walker.reports) > killed_at + 12)

            await until(goes_on, "the alert goes on meanwhile")
        await check_reports(installation, walker)
    after = await service.metrics()
    assert (service.pid, service.frame_workers()) == (pid, [fresh])
    starts = "straja_frame_worker_starts_total"
    assert after[starts] == before[starts] + 1
    for name in ("straja_broker_connections_total", "straja_items_failed_total"):
        assert after[name] == before[name], name
    await service.ready()


async def test_a_hanging_frame_worker_shows_by_the_age_of_the_last_proof(
    service: Service, operator: Operator
) -> None:
    session = await operator.get("/api/session")
    assert session["proof_limit_s"] <= LIMIT_S
    [worker] = service.frame_workers()
    os.kill(worker, signal.SIGSTOP)
    try:

        async def is_red() -> bool:
            health = (await operator.client.get("/health")).json()
            age_s = health["state"]["proof"]["age_s"]
            assert health["ready"] == (age_s < session["proof_limit_s"]), health
            return not health["ready"]

        await until(is_red, "no proof for too long")
        answer = await operator.client.get("/health/ready")
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "no test item has come the whole way" in answer.text
    finally:
        os.kill(worker, signal.SIGCONT)
    await service.ready()
    assert service.frame_workers() == [worker]


async def test_recordings_of_former_frame_workers_go_when_the_service_starts(
    service: Service,
) -> None:
    service.stop()
    former = service.folder / "ring" / "frames-7" / f"{1_772_326_800 * 10**9:020d}.mcap"
    former.parent.mkdir(parents=True)
    former.write_bytes(bytes(1_000))
    service.start()
    await service.live()
    assert not former.parent.exists()
    told = [line for line in service.last_words().splitlines() if "frames-7" in line]
    assert [json.loads(line)["bytes"] for line in told] == [1_000]
    await service.ready()
