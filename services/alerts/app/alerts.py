"""Alerts: what is current, what became of one, and acknowledging it."""

from collections.abc import Awaitable, Sequence
from http import HTTPStatus
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from geo.errors import StorageError
from services.alerts.app import views
from services.alerts.app.guard import Guard, language_of, may_acknowledge
from services.alerts.app.problems import AnswerT, Problem, answer
from services.alerts.app.settings import Outside
from services.alerts.language import Language, render
from services.alerts.ports import OPEN, Current, FeedEntry, Session, Which, by_urgency
from services.events import AlertState, Command, Refused, Severity

SeverityName = Literal["low", "medium", "high", "danger_to_life"]
SEVERITIES: tuple[SeverityName, ...] = get_args(SeverityName)
AlertId = Annotated[str, Path(min_length=1, max_length=300)]


class Acknowledge(BaseModel):
    """A command's id, chosen by who sends it: sent twice, it takes effect once."""

    model_config = ConfigDict(extra="forbid")
    command: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Shown:
    """Reads what a party is shown, from the store or, while that is away, from memory."""

    def __init__(self, outside: Outside) -> None:
        """Read from outside."""
        self._reader = outside.reader
        self._feed = outside.feed
        self._picture = outside.picture
        self._settings = outside.settings

    @property
    def from_memory(self) -> bool:
        """Whether the database is away: a store then answers from what it remembers."""
        return self._picture.database_away_since_ns() is not None

    def view(self, entry: FeedEntry, party: str, language: Language) -> views.AlertView | None:
        """Show one entry to a party; None where no rule releases it."""
        return views.alert(entry, language, party=party, home_party=self._settings.home_party)

    async def current(self, party: str, which: Which, limit: int) -> tuple[str | None, Current]:
        """Last revisions by urgency, and the place in the feed that they are current at.

        The place is asked for first: what is stored between the two questions is then in both,
        never in neither.
        """
        place: str | None = None
        stored = Current([], 0)
        try:
            epoch, sequence = await self._ask(self._reader.feed_head(party))
            stored = await self._ask(self._reader.current(party, which, limit))
            place = views.feed_id(epoch, sequence)
        except StorageError:
            stored = Current([], 0)
        latest = {entry.alert.id: entry for entry in stored.entries}
        for entry in self._feed.latest(party):
            known = latest.get(entry.alert.id)
            # Where the store answered, it is asked no more than what it cannot know yet.
            if (known is None and (place is None or not entry.stored)) or (
                known is not None and entry.alert.revision > known.alert.revision
            ):
                latest[entry.alert.id] = entry
        entries = [entry for entry in latest.values() if which.has(entry.alert)]
        entries.sort(key=by_urgency, reverse=True)
        beyond = stored.count - len(stored.entries)
        return place, Current(entries[:limit], len(entries) + beyond)

    async def history(self, party: str, alert: str) -> tuple[bool, list[FeedEntry]]:
        """All revisions of one alert, oldest first; and whether the store said so.

        Raises:
            Problem: the party has no such alert, or it cannot be known now.
        """
        complete = not self.from_memory
        try:
            entries = await self._ask(self._reader.history(party, alert))
        except StorageError:
            complete, entries = False, []
        last = entries[-1].alert.revision if entries else -1
        entries += [
            entry
            for entry in self._feed.latest(party)
            if entry.alert.id == alert and entry.alert.revision > last
        ]
        if not entries and not complete:
            raise StorageError("the store is away: wanted an alert's history; try again")
        if not entries:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "no-such-alert",
                f"There is no alert {alert[:80]}: ask GET /api/alerts for what there is.",
            )
        return complete, entries

    async def _ask(self, question: Awaitable[AnswerT]) -> AnswerT:
        return await answer(question, self._settings.store_timeout_s)


def router(outside: Outside, guard: Guard) -> APIRouter:
    """Make the routes below /api/alerts."""
    routes = APIRouter(prefix="/api/alerts", tags=["alerts"])
    shown = Shown(outside)
    language_in = language_of(outside.settings.language)
    SignedIn = Annotated[Session, Depends(guard.session)]  # noqa: N806 it is a type
    Changing = Annotated[Session, Depends(guard.change)]  # noqa: N806 it is a type
    In = Annotated[Language, Depends(language_in)]  # noqa: N806 it is a type

    @routes.get("", summary="Current alerts")
    async def alerts(
        session: SignedIn,
        language: In,
        state: Annotated[list[AlertState] | None, Query()] = None,
        severity: Annotated[list[SeverityName] | None, Query()] = None,
        *,
        include_ended: bool = False,
        limit: Annotated[int, Query(ge=1, le=2_000)] = 1_000,
    ) -> views.AlertsView:
        """Give the last revision of each alert: open ones first, the graver first, then the newer.

        Where there are more than `limit`, `complete` is false and `count` says how many there are.
        """
        party = session.account.party
        every = frozenset(AlertState) if include_ended else OPEN
        which = Which(
            frozenset(state) if state else every,
            frozenset(Severity[name.upper()] for name in severity or SEVERITIES),
        )
        place, found = await shown.current(party, which, limit)
        chosen = [shown.view(entry, party, language) for entry in found.entries]
        alerts = [one for one in chosen if one is not None]
        count = found.count - (len(chosen) - len(alerts))
        known = place is not None and not shown.from_memory
        return views.AlertsView(
            feed=place, complete=known and count == len(alerts), count=count, alerts=alerts
        )

    @routes.get("/{alert}", summary="One alert with its history")
    async def one(session: SignedIn, language: In, alert: AlertId) -> views.HistoryView:
        """Give all revisions of one alert, oldest first."""
        party = session.account.party
        complete, entries = await shown.history(party, alert)
        return _history(shown, entries, party, language, complete=complete)

    @routes.post("/{alert}/acknowledge", summary="Acknowledge an alert")
    async def acknowledge(
        session: Changing, language: In, alert: AlertId, body: Acknowledge
    ) -> views.HistoryView:
        """Say that this alert has been seen and is being dealt with; it stays open."""
        account = session.account
        if not may_acknowledge(session):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                f"The role {account.role} may not acknowledge: sign in as an operator.",
            )
        # A party can only decide on what it is shown.
        complete, entries = await shown.history(account.party, alert)
        _history(shown, entries, account.party, language, complete=complete)
        outcome = await outside.commands.submit(
            Command(
                # Ids of one account cannot stand in the way of another's.
                id=f"{account.name}/{body.command}",
                kind="acknowledge",
                at_ns=outside.stream_ns(),
                actor=account.name,
                party=account.party,
                parameters={"alert": alert},
            )
        )
        for result in outcome:
            if isinstance(result, Refused):
                raise Problem(HTTPStatus.CONFLICT, "refused", render(result.explanation, language))
        complete, entries = await shown.history(account.party, alert)
        return _history(shown, entries, account.party, language, complete=complete)

    return routes


def _history(
    shown: Shown, entries: Sequence[FeedEntry], party: str, language: Language, *, complete: bool
) -> views.HistoryView:
    revisions = [view for view in (shown.view(entry, party, language) for entry in entries) if view]
    if not revisions:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "no-such-alert",
            "There is no such alert: ask GET /api/alerts for what there is.",
        )
    return views.HistoryView(alert=revisions[-1], complete=complete, history=revisions)
