"""One service a run: a lock while it lives, and an epoch that each of its writes is checked by.

The lock is the session's: the database frees it as soon as the connection is gone, so after a
``kill -9`` a new service starts at once, while a second one is refused. A service whose connection
broke may have been overtaken meanwhile without knowing: the database compares its epoch in every
transaction that writes (``straja_held`` in migration 0002), and it may not go on.
"""

import os
import socket

from psycopg import sql

from geo.errors import OvertakenError, StorageError
from services.storage.link import Connection

_ALIVE, _WRITING = 7_310_555, 7_310_556  # any numbers; the second stands in migration 0002 too


class RunHeldError(StorageError):
    """Another service that is alive has the run."""


class Lease:
    """A service's hold on a run; kept over all its connections."""

    def __init__(self, run: str) -> None:
        """Name the run; nothing is held yet."""
        self._run = run
        self._holder = f"{socket.gethostname()} {os.getpid()}"
        self.epoch: int | None = None

    async def hold(self, connection: Connection) -> None:
        """Take the run, or take it again after the connection broke (inside a transaction).

        Raises:
            RunHeldError: where another service has it.
            OvertakenError: where another service took it since.
            StorageError: where it was ours, and the server has not noticed yet that our former
                connection is gone.
        """
        free = await _try(connection, "pg_try_advisory_lock", self._run)
        theirs, holder = await self._row(connection)
        if self.epoch is not None and theirs not in {None, self.epoch}:
            raise OvertakenError(
                f"another service took run '{self._run}' over (epoch {theirs}, ours {self.epoch}): "
                f"end one of them"
            )
        if not free and self.epoch is not None:
            raise StorageError(
                f"database is away: a former connection still has the lock of run '{self._run}'"
            )
        if not free:
            raise RunHeldError(
                f"run '{self._run}' is held by another service ({holder or 'starting'}): end that "
                f"one first, or use another run or database"
            )
        await connection.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_WRITING, self._run)
        )
        epoch = await self._write(connection)
        await self._name(connection, epoch)
        self.epoch = epoch

    async def join(self, connection: Connection) -> None:
        """Let a further connection write under the epoch held; nothing where none is held yet."""
        if self.epoch is not None:
            await self._name(connection, self.epoch)

    async def _row(self, connection: Connection) -> tuple[int | None, str]:
        cursor = await connection.execute(
            "SELECT epoch, holder FROM lease WHERE run = %s", (self._run,)
        )
        row = await cursor.fetchone()
        return (None, "") if row is None else (int(row[0]), str(row[1]))

    async def _write(self, connection: Connection) -> int:
        if self.epoch is None:
            cursor = await connection.execute(
                "INSERT INTO lease (run, holder, epoch) VALUES (%s, %s, 1) ON CONFLICT (run) DO "
                "UPDATE SET epoch = lease.epoch + 1, holder = EXCLUDED.holder, since = now() "
                "RETURNING epoch",
                (self._run, self._holder),
            )
        else:
            # The row is missing where a new database took the old one's place: it is still ours.
            cursor = await connection.execute(
                "INSERT INTO lease (run, holder, epoch) VALUES (%s, %s, %s) ON CONFLICT (run) DO "
                "UPDATE SET holder = EXCLUDED.holder RETURNING epoch",
                (self._run, self._holder, self.epoch),
            )
        row = await cursor.fetchone()
        if row is None:
            raise StorageError(f"lease of run '{self._run}' was not written: try again")
        return int(row[0])

    async def _name(self, connection: Connection, epoch: int) -> None:
        await connection.execute(
            "SELECT set_config('straja.run', %s, false), set_config('straja.epoch', %s, false)",
            (self._run, str(epoch)),
        )


async def hold_all(connection: Connection) -> None:
    """Keep every run's service out until the transaction's end.

    Raises:
        RunHeldError: where one is running.
    """
    cursor = await connection.execute("SELECT to_regclass('lease')::text")
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        return  # the schema of a version before leases
    cursor = await connection.execute("SELECT run, holder FROM lease ORDER BY run")
    for run, holder in await cursor.fetchall():
        if not await _try(connection, "pg_try_advisory_xact_lock", run):
            raise RunHeldError(
                f"run '{run}' is held by a service ({holder}): end it before the restore"
            )


async def end_all(connection: Connection) -> None:
    """Let no service that was paused or cut off write on (inside a transaction)."""
    cursor = await connection.execute("SELECT to_regclass('lease')::text")
    row = await cursor.fetchone()
    if row is not None and row[0] is not None:
        await connection.execute("UPDATE lease SET epoch = epoch + 1, holder = 'restore'")


async def _try(connection: Connection, function: str, run: str) -> bool:
    query = sql.SQL("SELECT {}(%s, hashtext(%s))").format(sql.Identifier(function))
    row = await (await connection.execute(query, (_ALIVE, run))).fetchone()
    return row is not None and bool(row[0])
