"""Alerts into the database, and into each party's feed: gapless, in commit order, each once.

The row of the party's head is locked while sequences are given out, so that two writers wait for
each other and no sequence is left out or given twice; a rolled back transaction gives its back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.events import Alert, AlertState, encode
from services.storage.link import Connection
from services.storage.moments import moment

Release = Callable[[Alert, str, str], Alert | None]
"""(alert, party, home party) -> what the party may see of it, or None."""


@dataclass(frozen=True, slots=True)
class Showing:
    """Who is shown what of a run's alerts."""

    run: str
    home_party: str
    parties: tuple[str, ...]
    release: Release

    def shown(self, alert: Alert) -> list[tuple[str, Alert]]:
        """Each party that may see an alert, with what it may see of it."""
        released = [(party, self.release(alert, party, self.home_party)) for party in self.parties]
        return [(party, seen) for party, seen in released if seen is not None]


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a party's feed, as it is in the database."""

    party: str
    sequence: int
    alert: Alert


async def open_heads(connection: Connection, showing: Showing) -> tuple[str, dict[str, int]]:
    """Make the heads of parties that have none; the epoch, and the last sequence by party."""
    for party in showing.parties:
        await connection.execute(
            "INSERT INTO feed_head (run, party, sequence) VALUES (%s, %s, 0) "
            "ON CONFLICT DO NOTHING",
            (showing.run, party),
        )
    cursor = await connection.execute("SELECT epoch FROM feed_epoch")
    row = await cursor.fetchone()
    epoch = "" if row is None else str(row[0])
    cursor = await connection.execute(
        "SELECT party, sequence FROM feed_head WHERE run = %s AND party = ANY(%s)",
        (showing.run, list(showing.parties)),
    )
    return epoch, {party: int(sequence) for party, sequence in await cursor.fetchall()}


async def add_alerts(
    connection: Connection, showing: Showing, alerts: Sequence[Alert], position: int
) -> list[Shown]:
    """Add alerts' revisions (inside a transaction); those there already stay as they are.

    Returns:
        The feed's lines of all revisions named, first those found, then the new ones; each
        party's in the order of its sequence.
    """
    if not alerts:
        return []
    cursor = await connection.execute(
        "SELECT party, sequence FROM feed_head WHERE run = %s AND party = ANY(%s) "
        "ORDER BY party FOR UPDATE",
        (showing.run, list(showing.parties)),
    )
    heads = {party: int(sequence) for party, sequence in await cursor.fetchall()}
    known = await _known(connection, showing.run, alerts)
    by_key = {(alert.id, alert.revision): alert for alert in alerts}
    new = [alert for key, alert in by_key.items() if key not in known]
    lines = [line for alert in new for line in _lines(showing, alert, heads)]
    if new:
        await _insert(connection, showing.run, new, lines, position)
        for party, sequence in heads.items():
            await connection.execute(
                "UPDATE feed_head SET sequence = %s WHERE run = %s AND party = %s",
                (sequence, showing.run, party),
            )
    found = await _found(connection, showing, [by_key[key] for key in by_key if key in known])
    return found + [shown for _, shown in lines]


def _lines(showing: Showing, alert: Alert, heads: dict[str, int]) -> list[tuple[Alert, Shown]]:
    lines = []
    for party, seen in showing.shown(alert):
        heads[party] += 1
        lines.append((alert, Shown(party, heads[party], seen)))
    return lines


async def _known(connection: Connection, run: str, alerts: Sequence[Alert]) -> set[tuple[str, int]]:
    cursor = await connection.execute(
        "SELECT e.id, e.revision FROM unnest(%s::text[], %s::bigint[]) AS asked (id, revision) "
        "JOIN alert_event e ON e.run = %s AND e.id = asked.id AND e.revision = asked.revision",
        ([alert.id for alert in alerts], [alert.revision for alert in alerts], run),
    )
    return {(str(row[0]), int(row[1])) for row in await cursor.fetchall()}


async def _found(connection: Connection, showing: Showing, alerts: Sequence[Alert]) -> list[Shown]:
    if not alerts:
        return []
    by_key = {(alert.id, alert.revision): alert for alert in alerts}
    cursor = await connection.execute(
        "SELECT f.party, f.sequence, f.id, f.revision "
        "FROM unnest(%s::text[], %s::bigint[]) AS asked (id, revision) "
        "JOIN feed f ON f.run = %s AND f.party = ANY(%s) AND f.id = asked.id "
        "AND f.revision = asked.revision",
        (
            [alert.id for alert in by_key.values()],
            [alert.revision for alert in by_key.values()],
            showing.run,
            list(showing.parties),
        ),
    )
    found = []
    for party, sequence, alert_id, revision in await cursor.fetchall():
        seen = showing.release(by_key[alert_id, revision], party, showing.home_party)
        if seen is not None:
            found.append(Shown(party, sequence, seen))
    return sorted(found, key=lambda line: line.sequence)


async def _insert(
    connection: Connection,
    run: str,
    new: Sequence[Alert],
    lines: Sequence[tuple[Alert, Shown]],
    position: int,
) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO alert_event (run, id, revision, at, position, record) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [(run, a.id, a.revision, moment(a.at_ns), position, encode(a).decode()) for a in new],
        )
        await cursor.executemany(
            "INSERT INTO alert (run, id, revision, at, raised_at, state, mark, severity, sector) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (run, id) DO UPDATE SET revision = EXCLUDED.revision, at = EXCLUDED.at, "
            "raised_at = EXCLUDED.raised_at, state = EXCLUDED.state, mark = EXCLUDED.mark, "
            "severity = EXCLUDED.severity, sector = EXCLUDED.sector "
            "WHERE alert.revision < EXCLUDED.revision",
            [
                (
                    run,
                    a.id,
                    a.revision,
                    moment(a.at_ns),
                    moment(a.raised_at_ns),
                    a.state,
                    a.mark,
                    int(a.severity),
                    a.incident.sector,
                )
                for a in new
            ],
        )
        await cursor.executemany(
            "INSERT INTO feed (run, party, sequence, id, revision, shown_id, record) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    run,
                    shown.party,
                    shown.sequence,
                    a.id,
                    a.revision,
                    shown.alert.id,
                    None if shown.alert == a else encode(shown.alert).decode(),
                )
                for a, shown in lines
            ],
        )
        await cursor.executemany(
            "INSERT INTO feed_current "
            "(run, party, id, sequence, revision, raised_at_ns, ended, state, severity) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (run, party, id) DO UPDATE SET "
            "sequence = EXCLUDED.sequence, revision = EXCLUDED.revision, "
            "raised_at_ns = EXCLUDED.raised_at_ns, ended = EXCLUDED.ended, "
            "state = EXCLUDED.state, severity = EXCLUDED.severity "
            "WHERE feed_current.revision < EXCLUDED.revision",
            [
                (
                    run,
                    shown.party,
                    a.id,
                    shown.sequence,
                    a.revision,
                    shown.alert.raised_at_ns,
                    shown.alert.state is AlertState.ENDED,
                    shown.alert.state,
                    int(shown.alert.severity),
                )
                for a, shown in lines
            ],
        )
