"""Operators' commands of a time, out of the journal, for a recording of that time."""

import psycopg

from geo.errors import StorageError
from services.events import Command, decode
from services.storage.link import Connection, connect
from services.storage.moments import moment

_LIMIT_S = 30.0
_MARGIN_NS = 1_000
"""The journal's timestamps are cut to microseconds."""


async def commands_between(url: str, run: str, since_ns: int, to_ns: int) -> list[Command]:
    """Read what people decided from ``since_ns`` to ``to_ns``, in the order it took effect.

    Args:
        url: of the database.
        run: whose journal.
        since_ns: first time.
        to_ns: last time, included.

    Raises:
        StorageError: where the database is away or not migrated.
    """
    connection = await connect(url, f"straja record {run}"[:63])
    try:
        await connection.execute(f"SET statement_timeout = '{int(_LIMIT_S)}s'")
        return await _read(connection, run, since_ns, to_ns)
    except psycopg.Error as error:
        said = str(error).strip().split("\n", 1)[0]
        raise StorageError(f"commands cannot be read from the journal: {said}") from error
    finally:
        await connection.close()


async def _read(connection: Connection, run: str, since_ns: int, to_ns: int) -> list[Command]:
    cursor = await connection.execute(
        "SELECT payload FROM journal WHERE run = %s AND kind = 1 "
        "AND received_at >= %s AND received_at <= %s AND received_at_ns BETWEEN %s AND %s "
        "AND position(%s::bytea IN payload) > 0 ORDER BY position",
        (
            run,
            moment(since_ns - _MARGIN_NS),
            moment(to_ns + _MARGIN_NS),
            since_ns,
            to_ns,
            b'"record":"command"',
        ),
    )
    records = [decode(row[0]) for row in await cursor.fetchall()]
    return [record for record in records if isinstance(record, Command)]
