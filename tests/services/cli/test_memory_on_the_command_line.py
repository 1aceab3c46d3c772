"""``straja memory`` shows the memory that the service kept, and says where there is none."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.site import Site
from sensors.messages import ObjectClass
from services.alerts.release import release
from services.cli import main
from services.correlate.site_memory import SiteMemory
from services.embedded import EmbeddedPostgres
from services.events import Tick
from services.ingest.ports import Entry
from services.storage.migrate import migrate
from services.storage.store import Store
from tests.services.alerts.app.fakes import make_alert

pytestmark = pytest.mark.system


def test_a_kept_memory_is_shown_as_a_table_and_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRAJA_SITE", raising=False)
    site = Site.load(default_site_path())
    memory = SiteMemory(site, "live")
    incident = make_alert(1).incident
    assert incident.object_class is ObjectClass.PERSON
    memory.push(incident)
    memory.push(replace(incident, revision=2, ended=True))
    data = tmp_path / "data"
    data.mkdir()
    words = ["memory", "--data", str(data)]

    async def go() -> None:
        async with EmbeddedPostgres(data) as server:
            await migrate(server.owner_url)
            assert await asyncio.to_thread(main.run, words) == 2
            assert "no memory is kept" in capsys.readouterr().err
            spool = tmp_path / "spool"
            store = await Store.open(
                server.owner_url,
                spool,
                "live",
                "RO",
                ("RO", "RS"),
                time.time_ns,
                release_rule=release,
            )
            await store.append([Entry(1, time.time_ns(), Tick(time.time_ns()))])
            assert await store.save_snapshot(1, {"memory": memory.snapshot()})
            await store.close()
            assert await asyncio.to_thread(main.run, words) == 0
            table = capsys.readouterr().out.splitlines()
            assert table[0].split()[:4] == ["mark", "class", "movement", "chainage_m"]
            assert table[1].split()[1] == "person"
            assert await asyncio.to_thread(main.run, [*words, "--json"]) == 0
            said = json.loads(capsys.readouterr().out)
            assert said["usual"] == memory.table()
            assert said["lowered"] == []

    asyncio.run(go())
