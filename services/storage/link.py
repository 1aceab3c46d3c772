"""Connections to the database on which nothing can wait longer than it was told to.

Cancelling a query in psycopg asks the server to end it and waits for the answer, up to 10 s where
the server does not answer at all. So a use that has run out of its time is not cancelled: its
socket is shut down, which ends it at once, and the connection is thrown away.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from geo.errors import OvertakenError, StorageError

Connection = psycopg.AsyncConnection
T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]

CONNECT_LIMIT_S = 3.0
_LOOK_S = 0.05
"""How often we look whether we ourselves kept the event loop from its work meanwhile."""
_OWN_SHARE = 2.0
"""Such time of our own is left out up to so many times the limit."""
_SETTLE_S = 1.0

# What is wrong with the item itself, however often it is tried; anything else is "away".
BAD_ITEM = (psycopg.DataError, psycopg.IntegrityError)


TAKEN = "ST001"
"""SQLSTATE of a write by a service that was overtaken (migration 0002)."""


async def connect(url: str, name: str, limit_s: float = CONNECT_LIMIT_S) -> Connection:
    """Open a connection in autocommit mode.

    Args:
        url: ``postgresql://...``.
        name: shown by the server as the application's name.
        limit_s: seconds it may take.

    Raises:
        StorageError: where the database refuses or does not answer in time.
    """
    try:
        async with asyncio.timeout(limit_s):
            connection = await Connection.connect(url, autocommit=True, application_name=name)
    except (psycopg.Error, OSError) as error:
        said = str(error).strip().split("\n", 1)[0]
        raise StorageError(f"database is away: {said}: start it, or correct its address") from error
    except TimeoutError as error:
        raise StorageError(
            f"database is away: no connection within {limit_s:.0f} s: start it, or correct its "
            f"address"
        ) from error
    return connection


def sever(connection: Connection) -> None:
    """Shut a connection's socket down; whoever waits on it is told at once."""
    with contextlib.suppress(psycopg.Error, OSError):
        copy = socket.socket(fileno=os.dup(connection.fileno()))
        with copy:
            copy.shutdown(socket.SHUT_RDWR)


class Link:
    """One connection, used by one at a time, each use a transaction with a time limit."""

    def __init__(self, url: str, name: str, on_open: Work[None] | None = None) -> None:
        """Name the database; nothing is opened yet.

        Args:
            url: ``postgresql://...``.
            name: shown by the server as the application's name.
            on_open: what each new connection begins with, in a transaction; one on which it fails
                is not used.
        """
        self._url = url
        self._name = name
        self._on_open = on_open
        self._connection: Connection | None = None
        self._busy = asyncio.Lock()
        self._opening = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self._connection is not None and not self._connection.closed

    async def open(self, limit_s: float = CONNECT_LIMIT_S) -> None:
        """Connect, unless that is done.

        Raises:
            StorageError: where the database is away.
        """
        async with self._opening:
            if self.is_open:
                return
            await self.close()
            connection = await connect(self._url, self._name, limit_s)
            self._connection = connection
            try:
                # What we gave up on must not go on in the server for long.
                await self.run(_set_limits, limit_s)
                if self._on_open is not None:
                    await self.run(self._on_open, limit_s)
            except BaseException:
                await self.close()
                raise

    async def check(self, limit_s: float = CONNECT_LIMIT_S) -> None:
        """Make sure of a connection that works: one may be from before the server's restart.

        Raises:
            StorageError: where the database is away.
        """
        if self.is_open:
            with contextlib.suppress(StorageError):
                await self.run(_ask, limit_s)
        await self.open(limit_s)

    async def close(self) -> None:
        """Close the connection, if there is one; never waits for the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def run(self, work: Work[T], limit_s: float, *, single: bool = False) -> T:
        """Do something in a transaction of its own.

        Args:
            work: what to do with the connection.
            limit_s: seconds until it must be committed, waiting for the connection included.
            single: it is one statement, which is a transaction by itself: two ways to the
                database less.

        Raises:
            StorageError: where there is no connection, it broke, or the time ran out; whether the
                transaction was committed is then not known, and the connection is gone.
            OvertakenError: where another service took the run over.
            psycopg.DataError, psycopg.IntegrityError: where the items themselves are at fault.
        """
        deadline = asyncio.get_running_loop().time() + limit_s
        try:
            async with asyncio.timeout(limit_s):
                await self._busy.acquire()
        except TimeoutError as error:
            raise StorageError(f"database is busy: no turn within {limit_s} s") from error
        try:
            connection = self._connection
            if connection is None or connection.closed:
                raise StorageError("database is away: not connected")
            return await self._bounded(connection, work if single else _within(work), deadline)
        finally:
            self._busy.release()

    async def _bounded(self, connection: Connection, work: Work[T], deadline: float) -> T:
        task = asyncio.ensure_future(work(connection))
        try:
            await _answered(task, deadline)
        except asyncio.CancelledError:
            await self._abandon(connection, task)
            raise
        if not task.done():
            await self._abandon(connection, task)
            raise StorageError("database is away: no answer in time")
        try:
            return task.result()
        except BAD_ITEM:
            if connection.closed:
                await self.close()
            raise
        except StorageError:
            if connection.closed:
                await self.close()
            raise
        except (psycopg.Error, OSError) as error:
            await self.close()
            said = str(error).strip().split("\n", 1)[0]
            if isinstance(error, psycopg.Error) and error.diag.sqlstate == TAKEN:
                raise OvertakenError(said) from error
            if isinstance(error, psycopg.errors.UndefinedTable):
                raise StorageError(
                    f"database has no such table ({said}): run `straja migrate`"
                ) from error
            raise StorageError(f"database is away: {said}") from error

    async def _abandon(self, connection: Connection, task: "asyncio.Future[T]") -> None:
        sever(connection)
        await asyncio.wait({task}, timeout=_SETTLE_S)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_SETTLE_S)
        if task.done() and not task.cancelled():
            task.exception()  # looked at: it says no more than that we severed it
        await self.close()


class Links:
    """A few links for questions; each opened when first needed, and anew after it broke."""

    def __init__(self, url: str, name: str, size: int = 4) -> None:
        """Name the database; nothing is opened yet."""
        self._links = [Link(url, f"{name} {number + 1}") for number in range(size)]
        self._free: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for link in self._links:
            self._free.put_nowait(link)

    async def run(self, work: Work[T], limit_s: float = 5.0) -> T:
        """Do something in a transaction of its own, on any free link.

        Raises:
            StorageError: where the database is away or no link came free in time.
            psycopg.DataError, psycopg.IntegrityError: where the values themselves are at fault.
        """
        deadline = asyncio.get_running_loop().time() + limit_s
        try:
            async with asyncio.timeout(limit_s):
                link = await self._free.get()
        except TimeoutError as error:
            raise StorageError(f"database is busy: no turn within {limit_s} s") from error
        try:
            await link.check(limit_s / 2)
            return await link.run(work, max(0.05, deadline - asyncio.get_running_loop().time()))
        finally:
            self._free.put_nowait(link)

    async def close(self) -> None:
        """Close all connections."""
        for link in self._links:
            await link.close()


async def _answered(task: "asyncio.Future[T]", deadline: float) -> None:
    """Wait until a task is done, or the database had its time.

    While something else in this process holds the event loop, an answer that came long ago is
    not read: that is no sign of a database that is away, so such time does not count.
    """
    now = asyncio.get_running_loop().time
    begun = now()
    last = deadline + _OWN_SHARE * max(0.0, deadline - begun)
    while not task.done() and begun < deadline:
        look_s = min(_LOOK_S, deadline - begun)
        await asyncio.wait({task}, timeout=look_s)
        ended = now()
        held_s = ended - begun - look_s
        if held_s > _LOOK_S:
            deadline = min(deadline + held_s, last)
        begun = ended


def _within(work: Work[T]) -> Work[T]:
    """Put something into a transaction."""

    async def transaction(connection: Connection) -> T:
        async with connection.transaction():
            return await work(connection)

    return transaction


async def _ask(connection: Connection) -> None:
    await connection.execute("SELECT 1")


async def _set_limits(connection: Connection) -> None:
    await connection.execute(
        "SELECT set_config('statement_timeout', '15s', false), "
        "set_config('idle_in_transaction_session_timeout', '15s', false), "
        "set_config('synchronous_commit', 'on', false), "
        "set_config('client_min_messages', 'warning', false), "
        # A machine that is gone without a word frees its locks after half a minute.
        "set_config('tcp_keepalives_idle', '15', false), "
        "set_config('tcp_keepalives_interval', '5', false), "
        "set_config('tcp_keepalives_count', '3', false)"
    )
