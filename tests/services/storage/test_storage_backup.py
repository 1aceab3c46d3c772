"""Backup and restore, end to end."""

import stat
import zipfile
from pathlib import Path

import psycopg
import pytest

from geo.errors import BackupError, ConfigError
from geo.site import Site
from services.embedded.postgres import EmbeddedPostgres
from services.storage.backup import LEFT_OUT, TABLES, backup
from services.storage.migrate import migrate
from services.storage.restore import restore
from tests.services.storage.conftest import OpenStore, clear
from tests.services.storage.samples import ANY, alert, detection, ended, entries, proof

pytestmark = pytest.mark.system

SITE = """
name = "small"
home_party = "RO"
parties = ["RO", "RS"]
[area]
lon_min_deg = 20.0
lon_max_deg = 23.0
lat_min_deg = 44.0
lat_max_deg = 46.5
[[sensors]]
id = "patrol-1"
group = "patrols"
kind = "patrol"
valid_from = 2026-01-01T00:00:00Z
"""


async def test_restored_store_has_the_same_alerts_history_journal_and_accounts(
    server: EmbeddedPostgres, open_store: OpenStore, tmp_path: Path
) -> None:
    path = tmp_path / "straja.backup"
    site = Site.parse(SITE, "small.toml")
    async with open_store() as store:
        await store.append(entries(1, 1_000, size=400))
        await store.write([alert(1), alert(2), detection(), proof()], 10)
        await store.write([alert(1, 2), ended(2, 2)], 20)
        await store.save_snapshot(900, {"tracker": bytes(range(256))})
        await store.accounts.add_account("operator-1", "correct horse battery", "RO", "operator")
        assert await store.record_site(site)
        assert not await store.record_site(site)
        epoch = store.epoch
        before = [
            (await store.alerts.current("RO", ANY, 9)).entries,
            await store.alerts.history("RO", "incident-1"),
            await store.alerts.feed_after("RO", 0, 9),
        ]
    seen: list[tuple[str, int, int]] = []
    manifest = await backup(
        server.url, path, lambda table, done, total: seen.append((table, done, total))
    )
    assert ("journal", 1_000, 1_000) in seen
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (tmp_path / f".{path.name}.part").exists()

    await clear(server)
    assert await restore(server.owner_url, path) == manifest
    async with open_store() as store:
        assert store.epoch not in {epoch, ""}
        after = [
            (await store.alerts.current("RO", ANY, 9)).entries,
            await store.alerts.history("RO", "incident-1"),
            await store.alerts.feed_after("RO", 0, 9),
        ]
        assert [[(e.sequence, e.alert) for e in part] for part in after] == [
            [(e.sequence, e.alert) for e in part] for part in before
        ]
        assert [e async for e in store.read_journal(0)] == entries(1, 1_000, size=400)
        assert await store.load_snapshot() == (900, {"tracker": bytes(range(256))})
        assert await store.accounts.sign_in("operator-1", "correct horse battery", 1)
        assert await store.site_text(site.hash) == site.to_toml()
        [told] = await store.write([alert(1), alert(3)], 30)
        assert told.sequence == 5


async def test_restore_leaves_a_database_that_holds_something_alone_unless_told(
    server: EmbeddedPostgres, open_store: OpenStore, tmp_path: Path
) -> None:
    path = tmp_path / "straja.backup"
    async with open_store() as store:
        await store.write([alert(1)], 1)
        await backup(server.url, path)
        await store.write([alert(2)], 2)
    with pytest.raises(ConfigError, match="not empty"):
        await restore(server.owner_url, path)
    async with open_store() as store:
        assert (await store.alerts.feed_head("RO"))[1] == 2
    await restore(server.owner_url, path, replace=True)
    async with open_store() as store:
        assert (await store.alerts.feed_head("RO"))[1] == 1


async def test_damaged_backup_is_refused_before_anything_is_changed(
    server: EmbeddedPostgres, open_store: OpenStore, tmp_path: Path
) -> None:
    path, bad = tmp_path / "straja.backup", tmp_path / "bad.backup"
    async with open_store() as store:
        await store.write([alert(1)], 1)
    await backup(server.url, path)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(bad, "w") as changed:
        for name in whole.namelist():
            data = whole.read(name)
            changed.writestr(name, data.replace(b"live", b"dead") if name == "feed.copy" else data)
    with pytest.raises(BackupError, match="damaged in table feed"):
        await restore(server.owner_url, bad, replace=True)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BackupError, match="cannot be read"):
        await restore(server.owner_url, path, replace=True)
    async with open_store() as store:
        assert (await store.alerts.feed_head("RO"))[1] == 1


async def test_every_table_is_in_a_backup_or_left_out_on_purpose(
    empty: EmbeddedPostgres,
) -> None:
    await migrate(empty.owner_url)
    async with await psycopg.AsyncConnection.connect(empty.owner_url) as connection:
        cursor = await connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        there = {str(row[0]) for row in await cursor.fetchall()}
    assert there == set(TABLES) | LEFT_OUT
