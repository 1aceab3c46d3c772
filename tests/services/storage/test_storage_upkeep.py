"""Partitions by time: made ahead, made for what came unexpectedly, dropped when old."""

import dataclasses
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from geo.errors import StorageError
from services.embedded.postgres import EmbeddedPostgres
from services.ingest.ports import Entry
from services.storage.migrate import migrate
from services.storage.store import Store
from tests.services.storage.conftest import OpenStore, clear
from tests.services.storage.samples import NOW_NS, Clock, S, entry

pytestmark = pytest.mark.system

DAY_NS = 86_400 * S


@pytest_asyncio.fixture
async def server(empty: EmbeddedPostgres) -> AsyncIterator[EmbeddedPostgres]:
    """A database whose partitions are those of a new one; not left to other tests."""
    await migrate(empty.owner_url)
    yield empty
    await clear(empty)


def at(position: int, at_ns: int) -> Entry:
    return dataclasses.replace(entry(position), received_at_ns=at_ns)


async def where(server: EmbeddedPostgres) -> dict[int, str]:
    """The table that each position of the journal is in."""
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        cursor = await connection.execute("SELECT position, tableoid::regclass::text FROM journal")
        return {int(row[0]): str(row[1]) for row in await cursor.fetchall()}


async def test_rows_of_an_unexpected_time_get_a_partition_of_their_own(
    store: Store, server: EmbeddedPostgres
) -> None:
    await store.append([at(1, NOW_NS), at(2, NOW_NS - 3 * DAY_NS), at(3, NOW_NS + 40 * DAY_NS)])
    assert set((await where(server)).values()) == {"journal_default"}
    done = await store.maintain()
    assert any(line.startswith("journal_") for line in done)
    tables = await where(server)
    assert len(set(tables.values())) == 3
    assert "journal_default" not in tables.values()
    assert await store.maintain() == []
    await store.append([at(4, NOW_NS + 2 * DAY_NS)])
    assert (await where(server))[4] != "journal_default"
    assert [e.position async for e in store.read_journal(0)] == [1, 2, 3, 4]


async def test_old_partitions_are_dropped_but_never_a_replays_rows(
    open_store: OpenStore, clock: Clock
) -> None:
    async with open_store() as live, open_store("night-3") as replay:
        await live.append([at(1, NOW_NS), at(2, NOW_NS - 5 * DAY_NS), at(3, NOW_NS + 20 * DAY_NS)])
        await replay.append([at(1, NOW_NS)])
        await live.maintain()
        clock.at_ns = NOW_NS + 35 * DAY_NS
        done = await live.maintain()
        assert any("journal_" in line and "dropped" in line for line in done)
        assert [e.position async for e in live.read_journal(0)] == [3]
        assert [e.position async for e in replay.read_journal(0)] == [1]


async def test_service_role_cannot_reach_a_new_partition_past_its_parent(
    store: Store, server: EmbeddedPostgres
) -> None:
    await store.append([at(1, NOW_NS)])
    await store.maintain()
    part = (await where(server))[1]
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(f"DELETE FROM {part}".encode())  # noqa: S608 - a name


async def test_store_asks_for_migration_where_it_is_due(
    empty: EmbeddedPostgres, open_store: OpenStore
) -> None:
    async with await psycopg.AsyncConnection.connect(empty.owner_url) as connection:
        await connection.execute("DELETE FROM schema_version")
    with pytest.raises(StorageError, match="straja migrate"):
        async with open_store():
            pass


async def test_migration_refuses_a_database_of_a_newer_program(server: EmbeddedPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute(
            "INSERT INTO schema_version (version, name, sha256) VALUES (9999, 'later', '')"
        )
    with pytest.raises(StorageError, match="newer program"):
        await migrate(server.owner_url)
