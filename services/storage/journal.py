"""The journal: everything that drives the service, in the order it took effect."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import psycopg

from geo.errors import StorageError
from services.events import Command, Received, decode, encode
from services.ingest.ports import Entry
from services.storage.audit import Line, add_lines
from services.storage.link import Connection, connect
from services.storage.moments import moment

_RECEIVED, _RECORD = 0, 1
_COLUMNS = "run, position, received_at, received_at_ns, kind, retained, topic, payload"
_TYPES = ("text", "int8", "timestamptz", "int8", "int2", "bool", "bytea", "bytea")
_CHUNK = 500


class Row(NamedTuple):
    """An entry as it is kept: in the database and in the spool."""

    position: int
    received_at_ns: int
    kind: int
    retained: bool
    topic: bytes
    payload: bytes


def to_row(entry: Entry) -> Row:
    """Write an entry down."""
    item = entry.item
    if isinstance(item, Received):
        topic = item.topic.encode("utf-8", "surrogatepass")
        return Row(
            entry.position, entry.received_at_ns, _RECEIVED, item.retained, topic, item.payload
        )
    return Row(
        entry.position,
        entry.received_at_ns,
        _RECORD,
        retained=False,
        topic=b"",
        payload=encode(item),
    )


def to_entry(row: Row) -> Entry:
    """Read an entry that ``to_row`` wrote."""
    if row.kind == _RECEIVED:
        topic = row.topic.decode("utf-8", "surrogatepass")
        item = Received(row.received_at_ns, topic, row.payload, row.retained)
        return Entry(row.position, row.received_at_ns, item)
    return Entry(row.position, row.received_at_ns, decode(row.payload))


def is_plain(row: Row) -> bool:
    """Whether a row leaves no line in the audit; of such alone ``add`` is one statement."""
    return row.kind == _RECEIVED or b'"record":"command"' not in row.payload


async def add(connection: Connection, run: str, rows: Sequence[Row]) -> None:
    """Add rows that are new, the quick way.

    Raises:
        psycopg.errors.UniqueViolation: where one is there already.
    """
    await _copy(connection, "journal", run, rows)
    await _audit(connection, run, rows)


async def add_again(connection: Connection, run: str, rows: Sequence[Row]) -> None:
    """Add rows of which some may be there already; those stay as they are.

    Raises:
        psycopg.errors.UniqueViolation: where another row stands at the position of one of them, as
            after two services kept entries of one run; nothing was added then.
    """
    await connection.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS journal_again (run text, position bigint, "
        "received_at timestamptz, received_at_ns bigint, kind smallint, retained boolean, "
        "topic bytea, payload bytea) ON COMMIT DELETE ROWS"
    )
    await connection.execute("DELETE FROM journal_again")
    await _copy(connection, "journal_again", run, rows)
    # The table's own key has the time in it, as its partitions need: it would let both stand.
    cursor = await connection.execute(
        "SELECT a.position FROM journal_again a JOIN journal j USING (run, position) "
        "WHERE j.received_at_ns <> a.received_at_ns OR j.payload <> a.payload LIMIT 1"
    )
    other = await cursor.fetchone()
    if other is not None:
        raise psycopg.errors.UniqueViolation(
            f"position {other[0]} of run '{run}' is another entry's: two services kept the run"
        )
    await connection.execute(
        f"INSERT INTO journal ({_COLUMNS}) SELECT {_COLUMNS} FROM journal_again "  # noqa: S608
        "ON CONFLICT DO NOTHING"
    )
    await _audit(connection, run, rows)


async def entries(url: str, run: str, after: int = 0) -> AsyncIterator[Entry]:
    """Entries after a position, in order, also of a run that a service holds.

    Raises:
        StorageError: where the database is away.
    """
    connection = await connect(url, f"straja journal reader {run}"[:63])
    try:
        async with connection.transaction():
            async for entry in read(connection, run, after):
                yield entry
    except psycopg.Error as error:
        raise StorageError(f"database is away: {str(error).strip()}") from error
    finally:
        await connection.close()


async def read(connection: Connection, run: str, after: int) -> AsyncIterator[Entry]:
    """Entries after a position, in order, a few at a time (inside a transaction)."""
    async with connection.cursor(name="journal_reader", binary=True) as cursor:
        cursor.itersize = _CHUNK
        await cursor.execute(
            "SELECT position, received_at_ns, kind, retained, topic, payload FROM journal "
            "WHERE run = %s AND position > %s ORDER BY position",
            (run, after),
        )
        async for row in cursor:
            yield to_entry(Row(*row))


async def _copy(connection: Connection, table: str, run: str, rows: Sequence[Row]) -> None:
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(_TYPES)
        for row in rows:
            await copy.write_row(
                (
                    run,
                    row.position,
                    moment(row.received_at_ns),
                    row.received_at_ns,
                    row.kind,
                    row.retained,
                    row.topic,
                    row.payload,
                )
            )


async def _audit(connection: Connection, run: str, rows: Sequence[Row]) -> None:
    """Each command leaves its line in the audit, in the same transaction."""
    lines = []
    for row in rows:
        if not is_plain(row):
            command = decode(row.payload)
            if isinstance(command, Command):
                lines.append(
                    Line(
                        at_ns=command.at_ns,
                        actor=command.actor,
                        what=f"command {command.kind}",
                        object=command.parameters.get("alert", command.id),
                        detail={"command": command.id, **command.parameters},
                        once=f"{run} {row.position} {command.id}",
                    )
                )
    await add_lines(connection, run, lines)
