"""From backup to restore by the commands alone: what was known is back, listeners start anew."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.system.field import Fibre, Walker, gateway
from tests.system.installation import ROOT, STRAJA, Installation, Service
from tests.system.journal import check_feed
from tests.system.operator_client import Operator, signed_in

pytestmark = pytest.mark.system


def straja(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STRAJA, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_a_restore_brings_alerts_back_and_makes_listeners_start_anew(
    installation: Installation, service: Service, operator: Operator, tmp_path: Path
) -> None:
    kept, lost = Walker(Fibre(2), 16_000.0), Walker(Fibre(2), 24_000.0)
    file, data = tmp_path / "night.straja", str(installation.folder)
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(kept.fibre)
        async with field.walking(kept):
            alert = await operator.alert_of(kept)
        await operator.acknowledge(alert["id"])
        done = straja("backup", str(file), "--data", data, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["tables"]["alert"] >= 1

        async with field.walking(lost):
            later = await operator.alert_of(lost)
        place = (await ear.until(lambda e: e.data.get("id") == later["id"] and e.id, "told")).id
    assert service.stop() == 0

    refused = straja("restore", str(file), "--data", data)
    assert refused.returncode == 2
    assert "--replace" in refused.stderr
    twice = straja("backup", str(file), "--data", data)
    assert twice.returncode == 2
    assert "exists" in twice.stderr
    torn = tmp_path / "torn.straja"
    torn.write_bytes(file.read_bytes()[:-100])
    unread = straja("restore", str(torn), "--data", data, "--replace")
    assert unread.returncode == 4
    assert "cannot be read" in unread.stderr
    done = straja("restore", str(file), "--data", data, "--replace", "--json")
    assert done.returncode == 0, done.stderr
    service.start()
    await service.ready()

    async with signed_in(service) as again, again.listen(after=place) as ear:
        resync = await ear.until(lambda e: e.name == "resync", "told to start anew")
        assert resync.data["reason"] == "epoch"
        assert place is not None
        assert resync.data["feed"].partition(":")[0] != place.partition(":")[0]
        history = await again.history(alert["id"])
        assert [one["change"]["what"] for one in history].count("acknowledged") == 1
        assert later["id"] not in {one["id"] for one in await again.alerts()}
    await check_feed(installation)
