"""The store while its database is killed, frozen, and comes back."""

import asyncio
import contextlib
import dataclasses
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psutil
import psycopg
import pytest
import pytest_asyncio

from geo.errors import StorageError
from services.alerts.ports import FeedEntry, Which
from services.embedded.postgres import EmbeddedPostgres
from services.events import Conclusion
from services.storage import journal, mover
from services.storage.feed import Shown
from services.storage.link import Connection, Work
from services.storage.spool import unframe
from services.storage.spooled import Write, decode_body
from services.storage.store import LIMIT_S, Store
from tests.services.storage.conftest import OpenStore
from tests.services.storage.samples import (
    NOW_NS,
    Clock,
    S,
    alert,
    detection,
    entries,
    entry,
    proof,
    track,
)

pytestmark = pytest.mark.system


@pytest_asyncio.fixture(autouse=True)
async def _server_is_there_again(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    yield
    if not postgres.is_alive():
        await postgres.restart()


def kill(server: EmbeddedPostgres) -> None:
    """Kill the server and all it started: a worker left alone may answer one more question."""
    first = psutil.Process(server.pid)
    for process in (first, *first.children()):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def freeze(server: EmbeddedPostgres, number: signal.Signals) -> None:
    """Stop or continue the server and all it started."""
    for process in (*psutil.Process(server.pid).children(), psutil.Process(server.pid)):
        process.send_signal(number)


async def drained(store: Store) -> list[FeedEntry]:
    """Call `drain` until the database has taken over; a bound on the calls, no measure."""
    told: list[FeedEntry] = []
    for _ in range(600):
        told += await store.drain()
        if store.away_since_ns is None:
            return told
        await asyncio.sleep(0.05)
    pytest.fail("the spool was not drained")


async def check_feed(server: EmbeddedPostgres, alerts: int, revisions: int) -> None:
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        cursor = await connection.execute(
            "SELECT sequence, id, revision FROM feed WHERE party = 'RO' ORDER BY sequence"
        )
        lines = await cursor.fetchall()
        cursor = await connection.execute("SELECT count(*) FROM alert_event")
        events = await cursor.fetchone()
    assert [line[0] for line in lines] == list(range(1, alerts * revisions + 1))
    assert len({line[1:] for line in lines}) == len(lines)
    by_alert: dict[str, list[int]] = {}
    for _, alert_id, revision in lines:
        by_alert.setdefault(alert_id, []).append(revision)
    assert all(found == list(range(1, revisions + 1)) for found in by_alert.values())
    assert events == (alerts * revisions,)


async def test_server_killed_in_a_stream_loses_and_doubles_nothing(
    store: Store, server: EmbeddedPostgres
) -> None:
    batches, size, told = 60, 50, list[FeedEntry]()
    acknowledged: list[int] = []
    stop = asyncio.Event()

    async def append() -> None:
        for number in range(batches):
            batch = entries(1 + number * size, size)
            await store.append(batch)
            acknowledged.extend(entry.position for entry in batch)
            await asyncio.sleep(0.02)

    async def write() -> None:
        for revision in range(1, batches + 1):
            told.extend(
                await store.write([alert(1, revision), detection(revision), alert(2, revision)], 1)
            )
            await asyncio.sleep(0.02)

    async def drain() -> None:
        while not stop.is_set():
            told.extend(await store.drain())
            await asyncio.sleep(0.1)

    async def fault() -> None:
        await asyncio.sleep(0.4)
        kill(server)
        await asyncio.sleep(2.0)
        await server.restart()

    draining = asyncio.create_task(drain())
    await asyncio.gather(append(), write(), fault())
    stop.set()
    await draining
    told += await drained(store)

    assert acknowledged == list(range(1, batches * size + 1))
    kept = [entry async for entry in store.read_journal(0)]
    assert kept == entries(1, batches * size)
    await check_feed(server, 2, batches)
    # Listeners: every sequence once, in order; what was shown from the spool came again with one.
    sequences = [entry.sequence for entry in told if entry.party == "RO" and entry.stored]
    assert sequences == list(range(1, 2 * batches + 1))
    assert any(not entry.stored for entry in told)
    assert store.spool_bytes == 0
    assert store.set_aside == 0


async def test_frozen_server_delays_an_append_by_about_the_limit_and_later_ones_not_at_all(
    store: Store, server: EmbeddedPostgres, clock: Clock
) -> None:
    freeze(server, signal.SIGSTOP)
    try:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert not await store.append(entries(1, 5))
        assert loop.time() - started < LIMIT_S + 5.0  # else it hung: a bound, no measure
        assert store.away_since_ns == clock()
        # Nobody tries the database on the caller's path now: a loop's turn, not a time-out.
        async with asyncio.timeout(LIMIT_S / 2):
            assert not await store.append(entries(6, 5))
            [shown, _] = await store.write([alert(1), alert(2)], 3)
        assert shown.sequence is None
        assert not shown.stored
        assert await store.write([alert(1)], 3) == []
        current = (await store.alerts.current("RO", Which(), 9)).entries
        assert [entry.alert.id for entry in current] == ["incident-2", "incident-1"]
        assert await store.alerts.feed_after("RO", 0, 9) == []
        assert not await store.save_snapshot(3, {"tracker": b""})
    finally:
        freeze(server, signal.SIGCONT)
    assert [entry.sequence for entry in await drained(store)] == [1, 2]
    assert await store.append(entries(11, 1))
    assert [e.position async for e in store.read_journal(0)] == list(range(1, 12))


async def test_process_killed_between_commit_and_truncation_moves_nothing_twice(
    open_store: OpenStore, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with open_store() as store:
        await store.write([alert(1)], 1)
        kill(server)
        assert not await store.append(entries(1, 300))
        await store.write([alert(1, 2), alert(2), proof()], 300)
        folder = tmp_path / "spool" / "live"
        as_it_was = {path.name: path.read_bytes() for path in folder.glob("*.spool")}
        await server.restart()
        told = await drained(store)
        assert [(e.alert.id, e.sequence) for e in told] == [("incident-1", 2), ("incident-2", 3)]
        assert list(folder.glob("*.spool")) == []
    for name, data in as_it_was.items():
        (folder / name).write_bytes(data)
    async with open_store() as store:
        assert store.spool_bytes == 0
        assert store.away_since_ns is None
        assert [e async for e in store.read_journal(0)] == entries(1, 300)
        [next_one] = await store.write([alert(3)], 301)
        assert next_one.sequence == 4


async def test_service_killed_while_the_database_is_away_goes_on_from_the_spool(
    open_store: OpenStore, server: EmbeddedPostgres
) -> None:
    async with open_store() as store:
        await store.append(entries(1, 10))
        kill(server)
        await store.append(entries(11, 10))
        await store.write([alert(1)], 20)
    with pytest.raises(StorageError, match="away"):
        async with open_store():
            pass
    await server.restart()
    async with open_store() as store:
        assert await store.last_position() == 20
        assert await store.applied_position() == 20
        assert [e.sequence for e in await store.alerts.history("RO", "incident-1")] == [1]


async def test_what_the_database_never_takes_is_set_aside_and_holds_up_nothing(
    store: Store, tmp_path: Path
) -> None:
    # A position the table refuses stands for whatever else may be wrong with one item.
    assert await store.append([*entries(1, 1), entry(-5), *entries(2, 1)])
    assert store.away_since_ns is None
    assert [e.position async for e in store.read_journal(0)] == [1, 2]
    assert store.set_aside == 1
    assert (tmp_path / "spool" / "live" / "aside.frames").stat().st_size > 0


async def test_one_event_that_the_database_refuses_takes_no_other_with_it(
    store: Store, tmp_path: Path
) -> None:
    refused = dataclasses.replace(track(), revision=2**63)
    given: list[Conclusion] = [alert(1), detection(1), refused, proof(), alert(2), detection(2)]
    told = await store.write(given, 5)
    assert [(e.alert.id, e.sequence) for e in told] == [("incident-1", 1), ("incident-2", 2)]
    assert store.away_since_ns is None
    assert store.set_aside == 1
    aside = unframe((tmp_path / "spool" / "live" / "aside.frames").read_bytes())
    assert aside is not None
    assert decode_body(aside[0]) == Write(5, (refused,))


async def test_spooled_event_that_the_database_refuses_takes_no_other_with_it(
    store: Store, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    kill(server)
    assert not await store.append([*entries(1, 3), entry(-5)])
    refused = dataclasses.replace(track(), revision=2**63)
    await store.write([alert(1), refused, detection(1), alert(2)], 3)
    folder = tmp_path / "spool" / "live"
    store._spool.append([b"Z not ours"])
    await server.restart()
    told = await drained(store)
    assert [(e.alert.id, e.sequence) for e in told] == [("incident-1", 1), ("incident-2", 2)]
    assert [e.position async for e in store.read_journal(0)] == [1, 2, 3]
    assert store.set_aside == 3
    data, at, found = (folder / "aside.frames").read_bytes(), 0, []
    while got := unframe(data, at):
        found.append(got[0])
        at = got[1]
    assert decode_body(found[1]) == Write(3, (refused,))
    assert found[2] == b"Z not ours"
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        cursor = await connection.execute("SELECT count(*) FROM detection")
        assert await cursor.fetchall() == [(1,)]


async def slow_down(server: EmbeddedPostgres, row_s: float) -> None:
    """Let the database take so long for each row of the journal."""
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute(
            f"CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
            f"PERFORM pg_sleep({row_s}); RETURN NEW; END $body$"
        )
        await connection.execute("DROP TRIGGER IF EXISTS slow ON journal")
        if row_s:
            await connection.execute(
                "CREATE TRIGGER slow BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION slow()"
            )


@pytest.mark.parametrize("who", ["the service", "the next service"])
async def test_spool_is_drained_by_a_database_too_slow_for_a_whole_batch(
    open_store: OpenStore, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr(mover, "MOVE_LIMIT_S", 0.6)
    await slow_down(server, 0.02)
    try:
        async with open_store() as store:
            store._gone(StorageError("away, for this test"))
            for first in range(1, 101, 10):
                assert not await store.append(entries(first, 10))
                await store.write([alert(1, first)], first)
            if who == "the service":
                assert [e.sequence for e in await drained(store)] == list(range(1, 11))
        async with open_store() as store:
            assert store.away_since_ns is None
            assert [e async for e in store.read_journal(0)] == entries(1, 100)
            await check_last(server, 10)
    finally:
        await slow_down(server, 0.0)


async def check_last(server: EmbeddedPostgres, sequence: int) -> None:
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        cursor = await connection.execute("SELECT sequence FROM feed_head WHERE party = 'RO'")
        assert await cursor.fetchall() == [(sequence,)]


async def test_rows_between_writes_are_copied_together_and_batches_grow_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[int] = []
    real = journal.add_again

    async def counted(connection: Connection, run: str, rows: Sequence[journal.Row]) -> None:
        copies.append(len(rows))
        await real(connection, run, rows)

    monkeypatch.setattr(journal, "add_again", counted)
    monkeypatch.setattr(store._mover, "_frames", 2)
    store._gone(StorageError("away, for this test"))
    for position in range(1, 31):
        await store.append(entries(position, 1))
        await store.write([proof(position)], position)
    await drained(store)
    assert copies == [1, 2, 4, 8, 15]


async def test_long_outage_is_told_piece_by_piece(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.storage.store.TOLD_AT_ONCE", 10)
    store._gone(StorageError("away, for this test"))
    for number in range(1, 13):
        await store.write([alert(3 * number), alert(3 * number + 1), alert(3 * number + 2)], number)
    pieces: list[list[FeedEntry]] = []
    for _ in range(600):
        pieces.append(await store.drain())
        if store.away_since_ns is None:
            break
        # What is written meanwhile comes after what was not told yet.
        if pieces[-1] and len(pieces[-1]) == 10 and not store._spool.is_empty:
            pytest.fail("one batch holds all of it")
        await asyncio.sleep(0.02)
    assert max(map(len, pieces)) <= 10
    assert [e.sequence for piece in pieces for e in piece] == list(range(1, 37))
    [told] = await store.write([alert(99)], 99)
    assert told.sequence == 37


async def test_what_is_written_while_lines_are_still_untold_comes_after_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.storage.store.TOLD_AT_ONCE", 2)
    store._gone(StorageError("away, for this test"))
    await store.write([alert(number) for number in range(1, 6)], 1)
    told: list[FeedEntry] = []
    while not told:
        told = await store.drain()
        await asyncio.sleep(0.02)
    [written] = await store.write([alert(6)], 2)
    assert written.sequence is None
    told += await drained(store)
    assert [e.sequence for e in told] == [1, 2, 3, 4, 5, 6]


async def test_snapshots_that_must_wait_take_no_connection_from_questions(
    store: Store, server: EmbeddedPostgres
) -> None:
    await store.append(entries(1, 5))
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute("LOCK TABLE snapshot IN EXCLUSIVE MODE")
        saving = [asyncio.create_task(store.save_snapshot(n, {"tracker": b""})) for n in range(4)]
        await asyncio.sleep(0.2)
        # As many as there are connections for questions.
        assert await store.applied_position() == 0
        assert not any(task.done() for task in saving)
    await asyncio.gather(*saving)


async def test_snapshot_that_must_wait_too_long_is_left_out(
    store: Store, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.storage.store.SNAPSHOT_LIMIT_S", 0.4)
    await store.append(entries(1, 5))
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute("LOCK TABLE snapshot IN EXCLUSIVE MODE")
        saving = [asyncio.create_task(store.save_snapshot(n, {"tracker": b""})) for n in range(3)]
        assert await asyncio.gather(*saving) == [False] * 3
    assert store.away_since_ns is None
    for _ in range(100):
        if await store.save_snapshot(5, {"tracker": b"5"}):
            break
        await asyncio.sleep(0.05)
    assert await store.load_snapshot() == (5, {"tracker": b"5"})


async def test_signed_in_stay_signed_in_while_the_database_is_away(
    store: Store, server: EmbeddedPostgres
) -> None:
    await store.accounts.add_account("operator-1", "correct horse battery", "RO", "operator")
    entered = await store.accounts.sign_in("operator-1", "correct horse battery", NOW_NS)
    assert entered is not None
    assert await store.accounts.session(entered[0], NOW_NS) == entered[1]
    kill(server)
    assert await store.accounts.session(entered[0], NOW_NS + 60 * S) == entered[1]
    with pytest.raises(StorageError):
        await store.accounts.session("never seen", NOW_NS)
    assert await store.accounts.session(entered[0], entered[1].expires_at_ns) is None


async def test_cancelled_append_leaves_the_store_usable(
    store: Store, server: EmbeddedPostgres
) -> None:
    freeze(server, signal.SIGSTOP)
    task = asyncio.create_task(store.append(entries(1, 3)))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    freeze(server, signal.SIGCONT)
    await store.append(entries(1, 3))
    await drained(store)
    assert [e.position async for e in store.read_journal(0)] == [1, 2, 3]


async def test_write_whose_answer_was_lost_is_shown_once_with_the_sequence_it_had_got(
    store: Store, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store._conclusions.run

    async def committed_but_unanswered(work: Work[list[Shown]], limit_s: float) -> list[Shown]:
        await real(work, limit_s)
        raise StorageError("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(store._conclusions, "run", committed_but_unanswered)
        [shown] = await store.write([alert(1)], 1)
    assert shown.sequence is None
    await store.write([alert(1, 2)], 2)
    told = await drained(store)
    assert [(e.alert.revision, e.sequence) for e in told] == [(1, 1), (2, 2)]
    await check_feed(server, 1, 2)


async def test_database_restored_while_it_was_away_brings_its_own_epoch_and_sequences(
    store: Store, server: EmbeddedPostgres
) -> None:
    await store.write([alert(1), alert(2)], 1)
    before = store.epoch
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute("UPDATE feed_epoch SET epoch = 'another'")
        await connection.execute("DELETE FROM feed WHERE sequence = 2")
        await connection.execute("DELETE FROM alert_event WHERE id = 'incident-2'")
        await connection.execute("DELETE FROM feed_current WHERE sequence = 2")
        await connection.execute("UPDATE feed_head SET sequence = 1 WHERE party = 'RO'")
    store._gone(StorageError("the server was stopped for a restore"))
    await store.write([alert(3)], 2)
    told = await drained(store)
    assert before != "another"
    assert [(e.epoch, e.sequence, e.alert.id) for e in told] == [("another", 2, "incident-3")]
    assert await store.alerts.feed_head("RO") == ("another", 2)
