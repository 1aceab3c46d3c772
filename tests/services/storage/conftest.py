"""A real server for all tests of a session, and an empty database for each test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
import pytest_asyncio

from services.alerts.release import release
from services.embedded.postgres import EmbeddedPostgres
from services.storage.backup import TABLES
from services.storage.feed import Release
from services.storage.migrate import migrate, schema_version
from services.storage.store import Store
from tests.services.storage.samples import Clock


class OpenStore(Protocol):
    def __call__(
        self, run: str = "live", rule: Release = release
    ) -> AbstractAsyncContextManager[Store]: ...


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="straja-test-storage-", dir="/tmp"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder, fsync=False)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    shutil.rmtree(folder)


async def clear(postgres: EmbeddedPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(
        postgres.owner_url, autocommit=True
    ) as connection:
        await connection.execute("SET client_min_messages = warning")
        await connection.execute("DROP SCHEMA public CASCADE")
        await connection.execute("CREATE SCHEMA public")


@pytest_asyncio.fixture
async def empty(postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """A server whose database has no tables."""
    if not postgres.is_alive():
        await postgres.restart()
    await clear(postgres)
    return postgres


async def clear_rows(postgres: EmbeddedPostgres) -> bool:
    """Take all rows out of a migrated database; False where it is not migrated."""
    async with await psycopg.AsyncConnection.connect(postgres.owner_url) as connection:
        if await schema_version(connection) == 0:
            return False
        for table in (*TABLES, "session", "one_time_token", "sign_in_failure"):
            if table not in {"audit_head", "site"}:
                await connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608 - names
        await connection.execute("DELETE FROM site")
        await connection.execute("UPDATE audit_head SET sequence = 0, hash = ''")
    return True


@pytest_asyncio.fixture
async def server(postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """A server whose database is migrated and has no rows."""
    if not postgres.is_alive():
        await postgres.restart()
    if not await clear_rows(postgres):
        await clear(postgres)
        await migrate(postgres.owner_url)
    return postgres


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(server: EmbeddedPostgres, tmp_path: Path, clock: Clock) -> OpenStore:
    @asynccontextmanager
    async def opened(run: str = "live", rule: Release = release) -> AsyncIterator[Store]:
        store = await Store.open(
            server.url, tmp_path / "spool", run, "RO", ["RO", "RS"], clock, release_rule=rule
        )
        try:
            yield store
        finally:
            await store.close()

    return opened


@pytest_asyncio.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store() as opened:
        yield opened
