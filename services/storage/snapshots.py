"""States of all stages at a position of the journal; the last few are kept.

They live in the database, beside the journal they belong to: while it is away none is taken, and a
restart then goes over more of the journal.
"""

from collections.abc import Mapping

from services.storage.link import Connection

KEPT = 3


async def save(
    connection: Connection, run: str, position: int, states: Mapping[str, bytes]
) -> None:
    """Keep the stages' states, and forget all but the last few sets (inside a transaction)."""
    await connection.execute(
        "DELETE FROM snapshot WHERE run = %s AND position = %s", (run, position)
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO snapshot (run, position, stage, state) VALUES (%s, %s, %s, %b)",
            [(run, position, stage, state) for stage, state in states.items()],
        )
    await connection.execute(
        "DELETE FROM snapshot WHERE run = %(run)s AND position NOT IN (SELECT DISTINCT position "
        "FROM snapshot WHERE run = %(run)s ORDER BY position DESC LIMIT %(kept)s)",
        {"run": run, "kept": KEPT},
    )


async def load(connection: Connection, run: str) -> tuple[int, dict[str, bytes]] | None:
    """The newest set that the journal, or what was applied of it, reaches; None without one.

    Retention may have emptied the journal of a run that stood still: then `applied` alone says how
    far it once went.
    """
    cursor = await connection.execute(
        "SELECT position, stage, state FROM snapshot WHERE run = %(run)s AND position = "
        "(SELECT max(position) FROM snapshot WHERE run = %(run)s AND position <= greatest("
        "(SELECT position FROM journal WHERE run = %(run)s ORDER BY position DESC LIMIT 1), "
        "(SELECT position FROM applied WHERE run = %(run)s)))",
        {"run": run},
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    return int(rows[0][0]), {str(stage): bytes(state) for _, stage, state in rows}
