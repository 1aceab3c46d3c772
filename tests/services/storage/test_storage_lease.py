"""One service a run: a second one is refused, an overtaken one keeps nothing more."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from geo.errors import ConfigError, OvertakenError
from services.embedded.postgres import EmbeddedPostgres
from services.storage import journal
from services.storage.backup import backup
from services.storage.lease import RunHeldError
from services.storage.migrate import migrate
from services.storage.restore import restore
from services.storage.store import Store
from tests.services.storage.conftest import OpenStore, clear
from tests.services.storage.samples import NOW_NS, Clock, alert, entries, entry

pytestmark = pytest.mark.system


async def second(server: EmbeddedPostgres, spool: Path, run: str = "live") -> Store:
    """Another service, on another machine: with a spool folder of its own."""
    return await Store.open(server.url, spool, run, "RO", ["RO", "RS"], Clock())


async def overtake(store: Store, server: EmbeddedPostgres, spool: Path) -> Store:
    """Open a second store after the first one's lock was lost with its connection."""
    await cut(server)
    other = await second(server, spool)
    assert store.away_since_ns is None  # it knows nothing yet
    return other


async def cut(server: EmbeddedPostgres, what: str = "straja journal%") -> None:
    """End connections from the server's side, and wait until they are gone."""
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        await connection.execute(  # as the service's own role: no other may
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name LIKE %s",
            (what,),
        )


async def until_overtaken(store: Store) -> str:
    for _ in range(200):
        try:
            await store.drain()
        except OvertakenError as error:
            return str(error)
        await asyncio.sleep(0.05)
    pytest.fail("the store did not find out that it was overtaken")


async def test_second_service_on_a_run_is_refused_while_the_first_is_alive(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    with pytest.raises(RunHeldError, match=r"run 'live' is held by another service .*end that one"):
        await second(server, tmp_path / "other")
    assert await store.append(entries(1, 2))
    other_run = await second(server, tmp_path / "other", "night-3")
    await other_run.close()
    assert [e async for e in journal.entries(server.url, "live")] == entries(1, 2)


async def test_overtaken_service_writes_nothing_and_is_told_so(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    assert await store.append(entries(1, 2))
    assert await store.save_snapshot(1, {"tracker": b"1"})
    other = await overtake(store, server, tmp_path / "other")
    try:
        # Its connection for conclusions is still good: the epoch alone stands in its way.
        with pytest.raises(
            OvertakenError, match=r"took run 'live' over \(epoch \d+, ours \d+\): end one of them"
        ):
            await store.write([alert(1)], 2)
        for again in (
            store.write([alert(1)], 2),
            store.append(entries(3, 1)),
            store.save_snapshot(2, {"tracker": b"2"}),
            store.drain(),
        ):
            with pytest.raises(OvertakenError):
                await again
        assert store.away_since_ns is None
        assert store.spool_bytes == 0
        assert await other.append(entries(3, 1))
        assert [told.sequence for told in await other.write([alert(1)], 3)] == [1]
        assert await other.load_snapshot() == (1, {"tracker": b"1"})
    finally:
        await other.close()


async def test_overtaken_snapshot_alone_is_refused(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    assert await store.save_snapshot(1, {"tracker": b"1"})
    other = await overtake(store, server, tmp_path / "other")
    try:
        with pytest.raises(OvertakenError):
            await store.save_snapshot(2, {"tracker": b"2"})
    finally:
        await other.close()


async def test_append_of_an_overtaken_service_is_refused_by_the_database_itself(
    store: Store, server: EmbeddedPostgres
) -> None:
    assert await store.append(entries(1, 1))
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute("UPDATE lease SET epoch = epoch + 1")
    with pytest.raises(OvertakenError):
        await store.append(entries(2, 1))
    assert [e.position async for e in journal.entries(server.url, "live")] == [1]


async def test_service_that_was_cut_off_finds_out_when_it_looks_for_the_database(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    other = await overtake(store, server, tmp_path / "other")
    try:
        assert not await store.append(entries(1, 1))  # its lock went with this connection
        assert "end one of them" in await until_overtaken(store)
        with pytest.raises(OvertakenError):
            await store.append(entries(2, 1))
        assert [e async for e in journal.entries(server.url, "live")] == []
    finally:
        await other.close()


async def test_what_an_overtaken_service_spooled_never_stands_beside_another_entry(
    open_store: OpenStore, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with open_store() as store:
        other = await overtake(store, server, tmp_path / "other")
        assert not await store.append(entries(1, 3))
        assert await other.append(entries(1, 1))
        assert await other.append([dataclasses.replace(entry(2), received_at_ns=NOW_NS)])
        await other.close()
    async with open_store() as store:  # moves what it had spooled
        assert store.set_aside == 1
        kept = [e async for e in store.read_journal(0)]
    assert [e.position for e in kept] == [1, 2, 3]
    assert kept[1].received_at_ns == NOW_NS


async def test_service_goes_on_with_its_epoch_after_the_connection_broke(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    epoch = store.lease_epoch
    await cut(server, "straja %")
    assert not await store.append(entries(1, 1))
    for _ in range(200):
        await store.drain()
        if store.away_since_ns is None:
            break
        await asyncio.sleep(0.05)
    assert await store.append(entries(2, 1))
    assert store.lease_epoch == epoch
    with pytest.raises(RunHeldError):
        await second(server, tmp_path / "other")


async def test_each_opening_counts_the_epoch_up(open_store: OpenStore) -> None:
    async with open_store() as store:
        first = store.lease_epoch
    async with open_store() as store:
        assert store.lease_epoch == first + 1


_HOLDER = """
import asyncio, sys, time
from pathlib import Path
from services.storage.store import Store

async def main():
    await Store.open(sys.argv[1], Path(sys.argv[2]), "live", "RO", ["RO"], time.time_ns)
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_run_is_free_as_soon_as_its_service_was_killed(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 - our own program
        [sys.executable, "-c", _HOLDER, server.url, str(tmp_path / "first")],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with process:
        try:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"open\n"
            with pytest.raises(RunHeldError):
                await second(server, tmp_path / "other")
        finally:
            os.kill(process.pid, signal.SIGKILL)
    other = await second(server, tmp_path / "other")
    assert await other.append(entries(1, 1))
    await other.close()


async def test_restore_is_refused_while_a_service_runs(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    path = tmp_path / "straja.backup"
    await store.write([alert(1)], 1)
    await backup(server.url, path)
    with pytest.raises(RunHeldError, match=r"run 'live' is held by a service .*: end it"):
        await restore(server.owner_url, path, replace=True)
    assert await store.append(entries(1, 1))
    await store.close()
    await restore(server.owner_url, path, replace=True)


async def test_service_that_a_restore_went_past_writes_nothing_into_it(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    path = tmp_path / "straja.backup"
    await backup(server.url, path)
    await cut(server)
    await restore(server.owner_url, path, replace=True)
    with pytest.raises(OvertakenError):
        await store.write([alert(1)], 1)


async def test_backup_from_before_leases_is_restored(
    empty: EmbeddedPostgres, tmp_path: Path
) -> None:
    await migrate(empty.owner_url, to=1)
    path = tmp_path / "straja.backup"
    manifest = await backup(empty.url, path)
    assert manifest.schema_version == 1
    await clear(empty)
    await restore(empty.owner_url, path)
    store = await second(empty, tmp_path / "spool")
    assert await store.append(entries(1, 1))
    await store.close()
    with pytest.raises(ConfigError, match="not empty"):
        await restore(empty.owner_url, path)
