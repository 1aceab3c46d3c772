"""Who did what: rows that are only ever added, each one's hash covering the row before it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.storage.link import Connection
from services.storage.moments import plain


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the audit.

    Attributes:
        actor: account, or "system".
        what: what was done, for example "sign-in".
        object: what it was done to: an alert's id, an account.
        once: a line with the same ``once`` is written only the first time.
    """

    at_ns: int
    actor: str
    what: str
    object: str
    detail: dict[str, str] = field(default_factory=dict)
    once: str | None = None


async def add_lines(connection: Connection, run: str, lines: Sequence[Line]) -> None:
    """Add lines at the audit's end."""
    for line in lines:
        await connection.execute(
            "SELECT straja_audit(%s, %s, %s, %s, %s, %s, %s)",
            (
                line.at_ns,
                run,
                plain(line.actor),
                plain(line.what),
                plain(line.object),
                plain(json.dumps(line.detail, sort_keys=True)),
                None if line.once is None else plain(line.once),
            ),
        )


async def first_broken_line(connection: Connection) -> int | None:
    """Sequence of the first line whose hash does not follow from the line before; None if sound."""
    cursor = await connection.execute(
        "SELECT min(sequence) FROM ("
        " SELECT sequence, hash = straja_audit_hash(lag(hash, 1, ''::bytea) OVER following,"
        "  sequence, at_ns, run, actor, what, object, detail)"
        "  AND sequence = lag(sequence, 1, 0) OVER following + 1 AS sound"
        " FROM audit WINDOW following AS (ORDER BY sequence)) AS checked WHERE NOT sound"
    )
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])
