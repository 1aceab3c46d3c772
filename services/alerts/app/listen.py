"""The route of the live feed."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from services.alerts.app.guard import Guard, cookie_name, language_of
from services.alerts.app.problems import Problem
from services.alerts.app.settings import Outside
from services.alerts.app.stream import FeedStream
from services.alerts.app.views import parse_feed_id
from services.alerts.language import Language
from services.alerts.ports import Session

_DESCRIPTION = """
Server-sent events, for as long as you listen. The id of an `alert` is its place in your party's
feed, `<epoch>:<sequence>`; connect again with `Last-Event-ID` (browsers do) or `?after=` and
nothing is missed and nothing told twice.

| event | data |
|---|---|
| `hello` | where the feed begins, and the state of the service |
| `alert` | an alert's new revision; without id and `stored: false` while only the spool holds it |
| `proof` | a test item came the whole way |
| `sensor`, `gateway` | a state that changed; only to the party whose they are |
| `state` | database or broker away or back; and as a sign of life every few seconds |
| `resync` | start anew: ask `GET /api/alerts`, and go on listening |
| `bye` | the last event, and why: `ended`, `slow`, `signed_out` |
"""


def router(outside: Outside, guard: Guard) -> APIRouter:
    """Make the route of the feed."""
    routes = APIRouter(prefix="/api", tags=["alerts"])
    language_in = language_of(outside.settings.language)

    @routes.get(
        "/feed",
        summary="Live feed",
        description=_DESCRIPTION,
        status_code=HTTPStatus.OK,
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def feed(
        request: Request,
        session: Annotated[Session, Depends(guard.session)],
        language: Annotated[Language, Depends(language_in)],
        after: Annotated[str | None, Query(max_length=100)] = None,
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> FeedStream:
        # A browser that reconnects by itself repeats ?after= and adds where it really is.
        wanted = last_event_id or after
        place = parse_feed_id(wanted) if wanted else None
        if wanted and place is None:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid",
                f"after is {wanted[:60]!r}: wanted <epoch>:<sequence>; take it from the id of the "
                "last event, or from GET /api/alerts.",
            )
        if outside.feed.listeners >= outside.settings.max_listeners:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too-many-listeners",
                f"{outside.feed.listeners} feeds are open already: close consoles that nobody "
                "watches, then try again.",
                {"Retry-After": "5"},
            )
        return FeedStream(
            outside,
            guard.sessions,
            secret=request.cookies[cookie_name(outside.settings)],
            session=session,
            language=language,
            after=place,
        )

    return routes
