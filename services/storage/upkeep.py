"""Partitions: the next ones made in time, old ones dropped. The rules stand in the database."""

from datetime import datetime

import psycopg

_ROUNDS = 16  # each round takes at most 64 partitions of each default partition


async def make_due(connection: psycopg.AsyncConnection, now: datetime) -> list[str]:
    """Make partitions that will be needed, and drop those past their keeping time.

    Each is a short transaction of its own; one that does not get its lock within 300 ms, because
    the table is busy, is left for the next time, so that nobody who writes waits for it.

    Returns:
        What was done, in words.
    """
    done: list[str] = []
    tried: set[tuple[str, str, datetime]] = set()
    for _ in range(_ROUNDS):
        cursor = await connection.execute("SELECT * FROM straja_due(%s)", (now,))
        due = [row for row in await cursor.fetchall() if row not in tried]
        if not due:
            break
        for action, name, moment in due:
            tried.add((action, name, moment))
            made = action == "make"
            function = "straja_make_partition" if made else "straja_drop_partition"
            try:
                async with connection.transaction():
                    cursor = await connection.execute(
                        f"SELECT {function}(%s, %s)",
                        (name, moment),
                    )
                    row = await cursor.fetchone()
            except psycopg.errors.LockNotAvailable:
                done.append(f"{name}: busy, left for the next time")
                continue
            if row is not None and row[0] is not None:
                done.append(f"{row[0]}: {'made' if made else 'dropped'}")
    return done
