"""Questions about alerts: the feed and its parties, current alerts, histories."""

from collections.abc import Callable
from typing import TypeVar

from geo.errors import StorageError
from services.alerts.ports import Current, FeedEntry, Which
from services.events import Alert, AlertState, decode
from services.storage.link import Connection, Links, Work
from services.storage.recent import Recent

T = TypeVar("T")

_RECORD = "coalesce(f.record, e.record)::text"
_URGENCY = "c.ended, c.severity DESC, c.raised_at_ns DESC, c.id DESC"
"""As ``by_urgency`` sorts."""

MOST_COUNTED = 100_000
_EVENT = "JOIN alert_event e ON e.run = f.run AND e.id = f.id AND e.revision = f.revision"


class AlertQueries:
    """``AlertReader`` of one run. While the database is away, memory answers as far as it goes."""

    def __init__(
        self,
        links: Links,
        run: str,
        recent: Recent,
        is_away: Callable[[], bool],
        heads: Callable[[], tuple[str, dict[str, int]]],
    ) -> None:
        """Take what is needed to ask.

        Args:
            links: connections for questions.
            run: "live" or a replay's name.
            recent: what was last shown.
            is_away: whether alerts are shown from the spool now.
            heads: epoch, and last sequence told by party.
        """
        self._links = links
        self._run = run
        self._recent = recent
        self._is_away = is_away
        self._heads = heads

    async def feed_head(self, party: str) -> tuple[str, int]:
        """Epoch and last sequence of a party's feed; 0 where it has none."""
        epoch, heads = self._heads()
        if self._is_away() and party in heads:
            return epoch, heads[party]

        async def ask(connection: Connection) -> tuple[str, int]:
            cursor = await connection.execute(
                "SELECT epoch, (SELECT sequence FROM feed_head WHERE run = %s AND party = %s) "
                "FROM feed_epoch",
                (self._run, party),
            )
            row = await cursor.fetchone()
            return ("", 0) if row is None else (str(row[0]), int(row[1] or 0))

        try:
            return await self._links.run(ask, 2.0)
        except StorageError:
            if party in heads:
                return epoch, heads[party]
            raise

    async def feed_after(self, party: str, sequence: int, limit: int) -> list[FeedEntry]:
        """Entries after ``sequence``, in order.

        Raises:
            StorageError: where the database is away and memory does not reach back that far.
        """

        async def ask(connection: Connection) -> list[FeedEntry]:
            return await self._entries(
                connection,
                party,
                f"SELECT f.sequence, {_RECORD} FROM feed f {_EVENT} "  # noqa: S608 - constants
                "WHERE f.run = %s AND f.party = %s AND f.sequence > %s "
                "ORDER BY f.sequence LIMIT %s",
                (self._run, party, sequence, limit),
            )

        def remembered() -> list[FeedEntry]:
            lines = self._recent.after(party, sequence, limit)
            if lines is None and self._heads()[1].get(party, -1) <= sequence:
                return []
            if lines is None:
                raise StorageError(
                    f"database is away: the feed of {party} after {sequence} must wait for it"
                )
            return lines

        return await self._ask(ask, remembered)

    async def current(self, party: str, which: Which, limit: int) -> Current:
        """Last revisions of alerts in the order of ``by_urgency``, at most ``limit``.

        They are counted up to ``MOST_COUNTED``, which then means: so many or more.
        """
        wanted = (
            "FROM feed_current c WHERE c.run = %s AND c.party = %s AND c.ended = ANY(%s) "
            "AND c.state = ANY(%s) AND c.severity = ANY(%s)"
        )
        values = (
            self._run,
            party,
            list({state is AlertState.ENDED for state in which.states}),
            list(which.states),
            [int(severity) for severity in which.severities],
        )

        async def ask(connection: Connection) -> Current:
            entries = await self._entries(
                connection,
                party,
                f"SELECT f.sequence, {_RECORD} FROM (SELECT * {wanted} "  # noqa: S608 - constants
                f"ORDER BY {_URGENCY} LIMIT %s) AS c "
                "JOIN feed f ON f.run = c.run AND f.party = c.party AND f.sequence = c.sequence "
                f"{_EVENT} ORDER BY {_URGENCY}",
                (*values, limit),
            )
            if len(entries) < limit:
                return Current(entries, len(entries))
            cursor = await connection.execute(
                f"SELECT count(*) FROM (SELECT {wanted} LIMIT %s) AS c".encode(),  # noqa: S608
                (*values, MOST_COUNTED),
            )
            row = await cursor.fetchone()
            return Current(entries, max(len(entries), int(row[0]) if row else 0))

        return await self._ask(ask, lambda: self._recent.current(party, which, limit))

    async def history(self, party: str, alert_id: str) -> list[FeedEntry]:
        """All revisions of one alert, oldest first; empty where the party has none.

        While the database is away: the revisions since the service started, and the one before.
        """

        async def ask(connection: Connection) -> list[FeedEntry]:
            return await self._entries(
                connection,
                party,
                f"SELECT f.sequence, {_RECORD} FROM feed f {_EVENT} "  # noqa: S608 - constants
                "WHERE f.run = %s AND f.party = %s AND f.shown_id = %s ORDER BY f.revision",
                (self._run, party, alert_id),
            )

        return await self._ask(ask, lambda: self._recent.history(party, alert_id))

    async def _ask(
        self,
        ask: Work[T],
        remembered: Callable[[], T],
    ) -> T:
        if not self._is_away():
            try:
                return await self._links.run(ask, 2.0)
            except StorageError:
                pass  # the next write will find that it is away; until then memory answers
        return remembered()

    async def _entries(
        self, connection: Connection, party: str, statement: str, values: tuple[object, ...]
    ) -> list[FeedEntry]:
        epoch = self._heads()[0]
        cursor = await connection.execute(statement.encode(), values)
        return [
            FeedEntry(party, epoch, int(sequence), _alert(record))
            for sequence, record in await cursor.fetchall()
        ]


def _alert(record: str) -> Alert:
    alert = decode(record)
    if not isinstance(alert, Alert):
        raise StorageError(f"feed holds a record {alert.record!r}: alerts are wanted")
    return alert
