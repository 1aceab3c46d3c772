"""The store with its database there."""

import dataclasses

import psycopg
import pytest

from services.alerts.ports import Current, Which
from services.embedded.postgres import EmbeddedPostgres
from services.events import (
    Alert,
    AlertState,
    Command,
    Conclusion,
    Received,
    Severity,
    encode,
)
from services.ingest.ports import Entry
from services.storage.migrate import migrate
from services.storage.store import Store
from tests.services.storage.conftest import OpenStore
from tests.services.storage.samples import (
    ANY,
    NOW_NS,
    alert,
    detection,
    ended,
    entries,
    gateway_health,
    incident,
    proof,
    refused,
    sensor_health,
    track,
)

pytestmark = pytest.mark.system


async def rows(server: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        return list(await (await connection.execute(statement.encode())).fetchall())


async def test_migrating_twice_does_nothing_the_second_time(empty: EmbeddedPostgres) -> None:
    first = await migrate(empty.owner_url)
    assert any("0001_tables.sql: applied" in line for line in first)
    assert await migrate(empty.owner_url) == []


async def test_journal_comes_back_in_order_as_it_went_in(store: Store) -> None:
    given = entries(1, 450)
    command = Command("c-1", "acknowledge", NOW_NS, "operator-1", "RO", {"alert": "incident-1"})
    given.append(Entry(451, NOW_NS, command))
    odd = Received(NOW_NS + 9, "straja/v1/\x00\ud800/x", b"")
    given.append(Entry(452, odd.received_at_ns, odd))
    assert await store.append(given[:200])
    assert await store.append(given[200:])
    assert await store.last_position() == 452
    assert [e async for e in store.read_journal(0)] == given
    assert [e.position async for e in store.read_journal(449)] == [450, 451, 452]


async def test_appending_the_same_entries_again_keeps_them_once(store: Store) -> None:
    assert await store.append(entries(1, 10))
    assert await store.append(entries(5, 10))
    assert [e.position async for e in store.read_journal(0)] == list(range(1, 15))
    assert store.away_since_ns is None


async def test_command_in_the_journal_leaves_one_line_in_the_audit(
    store: Store, server: EmbeddedPostgres
) -> None:
    command = Command("c-1", "acknowledge", NOW_NS, "operator-1", "RO", {"alert": "incident-1"})
    await store.append([Entry(1, NOW_NS, command)])
    await store.append([Entry(1, NOW_NS, command)])
    found = await rows(server, "SELECT actor, what, object FROM audit")
    assert found == [("operator-1", "command acknowledge", "incident-1")]


async def test_feed_is_gapless_for_each_party_and_gives_a_revision_once(
    open_store: OpenStore,
) -> None:
    def some(alert: Alert, party: str, home_party: str) -> Alert | None:
        if party == home_party:
            return alert
        return dataclasses.replace(alert, id=f"opaque-{alert.id}") if alert.revision > 1 else None

    async with open_store(rule=some) as store:
        first = await store.write([alert(1), alert(2)], 1)
        assert [(e.party, e.sequence) for e in first] == [("RO", 1), ("RO", 2)]
        again = await store.write([alert(2), alert(1, 2), alert(1, 2)], 2)
        assert sorted((e.party, e.sequence, e.alert.id) for e in again) == [
            ("RO", 3, "incident-1"),
            ("RS", 1, "opaque-incident-1"),
        ]
        assert {e.epoch for e in first + again} == {store.epoch}
        assert await store.alerts.feed_head("RO") == (store.epoch, 3)
        assert await store.alerts.feed_after("RO", 1, 10) == [first[1], again[0]]
        assert [e.sequence for e in await store.alerts.feed_after("RO", 0, 2)] == [1, 2]
        assert await store.alerts.history("RO", "incident-1") == [first[0], again[0]]
        assert await store.alerts.history("RS", "incident-1") == []
        assert [e.sequence for e in await store.alerts.history("RS", "opaque-incident-1")] == [1]
        assert await store.alerts.feed_head("HU") == (store.epoch, 0)


async def test_current_gives_last_revisions_newest_first_and_ended_ones_last_when_asked(
    store: Store,
) -> None:
    await store.write([alert(1), alert(2), alert(3)], 1)
    await store.write([alert(1, 2), ended(2, 2)], 2)
    current = (await store.alerts.current("RO", Which(), 10)).entries
    assert [(e.alert.id, e.alert.revision) for e in current] == [
        ("incident-3", 1),
        ("incident-1", 2),
    ]
    everything = (await store.alerts.current("RO", ANY, 10)).entries
    assert [e.alert.id for e in everything] == ["incident-3", "incident-1", "incident-2"]
    assert await store.alerts.current("RS", ANY, 10) == Current([], 0)


@pytest.mark.parametrize("away", [False, True])
async def test_where_there_are_more_the_gravest_come_first_and_all_are_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    grave = dataclasses.replace(alert(1), severity=Severity.DANGER_TO_LIFE)
    seen = dataclasses.replace(alert(2, 1, AlertState.ACKNOWLEDGED), severity=Severity.LOW)
    await store.write([grave, seen, *(alert(number) for number in range(3, 8)), ended(9, 1)], 1)
    monkeypatch.setattr(store.alerts, "_is_away", lambda: away)

    async def found(which: Which, limit: int) -> tuple[list[int], int]:
        current = await store.alerts.current("RO", which, limit)
        return [int(e.alert.id.rpartition("-")[2]) for e in current.entries], current.count

    assert await found(Which(), 3) == ([1, 7, 6], 7)
    assert await found(Which(), 7) == ([1, 7, 6, 5, 4, 3, 2], 7)
    assert await found(ANY, 7) == ([1, 7, 6, 5, 4, 3, 2], 8)
    assert await found(Which(severities=frozenset({Severity.LOW})), 1) == ([2], 1)
    assert await found(Which(states=frozenset({AlertState.ACKNOWLEDGED})), 1) == ([2], 1)
    assert await found(Which(states=frozenset({AlertState.ENDED})), 1) == ([9], 1)


async def test_alerts_of_an_older_schema_are_found_by_what_they_were(
    empty: EmbeddedPostgres,
) -> None:
    await migrate(empty.owner_url, to=2)
    async with await psycopg.AsyncConnection.connect(empty.owner_url) as connection:
        await connection.execute(
            "INSERT INTO alert (run, id, revision, at, raised_at, state, mark, severity) "
            "VALUES ('live', 'a', 1, now(), now(), 'acknowledged', 'real', 4)"
        )
        await connection.execute(
            "INSERT INTO feed_current (run, party, id, sequence, revision, raised_at_ns, ended) "
            "VALUES ('live', 'RO', 'a', 1, 1, 5, false)"
        )
    await migrate(empty.owner_url)
    assert await rows(empty, "SELECT state, severity FROM feed_current") == [("acknowledged", 4)]


async def test_alert_comes_back_whole_even_with_a_null_character(store: Store) -> None:
    await store.write([alert(1)], 1)
    [found] = await store.alerts.history("RO", "incident-1")
    assert encode(found.alert) == encode(alert(1))


async def test_every_kind_of_conclusion_is_kept_once(
    store: Store, server: EmbeddedPostgres
) -> None:
    events: list[Conclusion] = [
        detection(1),
        detection(2),
        track(1),
        incident(1, 2),
        incident(1, 1),
        sensor_health(),
        gateway_health(),
        proof(),
        refused(),
    ]
    for _ in range(2):
        assert await store.write(events, 7) == []
    assert store.away_since_ns is None
    for table, count in {
        "detection": 2,
        "track_position": 1,
        "incident": 1,
        "sensor_health": 1,
        "gateway_health": 1,
        "proof": 1,
        "refused": 1,
    }.items():
        found = await rows(server, f"SELECT count(*) FROM {table}")  # noqa: S608 - from above
        assert found == [(count,)], table
    assert await rows(server, "SELECT revision FROM incident") == [(2,)]
    assert await store.applied_position() == 7


async def test_runs_do_not_mix(open_store: OpenStore) -> None:
    async with open_store("live") as live, open_store("night-3") as replay:
        await live.append(entries(1, 3))
        await replay.append(entries(1, 5))
        await live.write([alert(1)], 1)
        [told] = await replay.write([alert(1, run="night-3")], 1)
        assert told.sequence == 1
        assert await live.last_position() == 3
        assert await replay.last_position() == 5
        assert len((await live.alerts.current("RO", ANY, 9)).entries) == 1


async def test_sequences_go_on_after_a_restart_and_old_revisions_are_not_told_again(
    open_store: OpenStore,
) -> None:
    async with open_store() as store:
        await store.write([alert(1), alert(2)], 1)
    async with open_store() as store:
        told = await store.write([alert(1), alert(2), alert(2, 2)], 2)
        assert [(e.alert.id, e.alert.revision, e.sequence) for e in told] == [("incident-2", 2, 3)]


async def test_snapshots_the_last_few_and_never_one_beyond_the_journal(store: Store) -> None:
    assert await store.load_snapshot() is None
    await store.append(entries(1, 40))
    for position in (10, 20, 30, 40, 50):
        assert await store.save_snapshot(position, {"tracker": bytes([position]), "empty": b""})
    assert await store.load_snapshot() == (40, {"tracker": b"\x28", "empty": b""})


async def test_positions_go_on_after_retention_emptied_the_journal(
    open_store: OpenStore, server: EmbeddedPostgres
) -> None:
    async with open_store() as store:
        await store.append(entries(1, 40))
        await store.write([proof()], 40)
        for position in (10, 20, 30):
            assert await store.save_snapshot(position, {"tracker": bytes([position])})
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute("DELETE FROM journal")
    async with open_store() as store:
        assert await store.load_snapshot() == (30, {"tracker": b"\x1e"})
        assert await store.last_position() == 40
        await store.append(entries(41, 1))
        await store.write([], 41)
        assert await store.save_snapshot(41, {"tracker": b"new"})
        assert await store.load_snapshot() == (41, {"tracker": b"new"})


async def test_snapshot_alone_keeps_positions_going_on(store: Store) -> None:
    assert await store.last_position() == 0
    assert await store.save_snapshot(7, {"tracker": b""})
    assert await store.last_position() == 7


async def test_service_role_can_rewrite_no_history(store: Store, server: EmbeddedPostgres) -> None:
    await store.append(entries(1, 3))
    await store.write([alert(1)], 1)
    async with await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        # As the service, not as the owner.
        for statement in (
            "UPDATE alert_event SET position = 9",
            "DELETE FROM journal",
            "DELETE FROM feed",
            "INSERT INTO audit SELECT * FROM audit",
            "UPDATE audit_head SET sequence = 0",
            "DROP TABLE journal",
            "UPDATE feed_epoch SET epoch = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)
