"""The same store on TimescaleDB; needs a server of one's own."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import pytest_asyncio

from services.storage.backup import backup
from services.storage.migrate import migrate
from services.storage.restore import restore
from services.storage.store import Store
from tests.services.storage.samples import Clock, alert, detection, entries, proof

URL = os.environ.get("STRAJA_TEST_TIMESCALE_URL", "")
DATABASE = f"straja_test_{os.getpid()}"

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not URL, reason="STRAJA_TEST_TIMESCALE_URL names no server with TimescaleDB"
    ),
]


@pytest_asyncio.fixture
async def url() -> AsyncIterator[str]:
    """A new database on that server, dropped afterwards."""
    async with await psycopg.AsyncConnection.connect(URL, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {DATABASE}".encode())
        yield urlunsplit(urlsplit(URL)._replace(path=f"/{DATABASE}"))
        await connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())


async def test_hypertables_are_made_and_hold_what_partitions_hold(url: str, tmp_path: Path) -> None:
    done = await migrate(url)
    assert "TimescaleDB: switched on; time tables are hypertables" in done
    assert await migrate(url) == []
    store = await Store.open(url, tmp_path / "spool", "live", "RO", ["RO", "RS"], Clock())
    try:
        assert await store.append(entries(1, 500))
        assert await store.append(entries(400, 200))
        for _ in range(2):
            await store.write([alert(1), detection(), proof()], 5)
        assert [e async for e in store.read_journal(0)] == entries(1, 599)
        assert (await store.alerts.feed_head("RO"))[1] == 1
        assert await store.maintain() == []
    finally:
        await store.close()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM timescaledb_information.hypertables"
        )
        assert await cursor.fetchone() == (6,)
    manifest = await backup(url, tmp_path / "straja.backup")
    assert await restore(url, tmp_path / "straja.backup", replace=True) == manifest
