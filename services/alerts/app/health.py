"""Health of the service, for those who watch the machine."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse

from services.alerts.app import views
from services.alerts.app.guard import Guard
from services.alerts.app.settings import Outside
from services.alerts.app.whole import state_of


class HealthView(views.View):
    """How the service is."""

    live: bool
    ready: bool
    why_not: list[str]
    state: views.StateView
    listeners: int
    listeners_closed_slow: int
    longest_queue: int


class ReadyView(views.View):
    """Whether everything it needs is there."""

    ready: bool
    why_not: list[str]


def router(outside: Outside, guard: Guard) -> APIRouter:
    """Make the routes of health and metrics."""
    routes = APIRouter(tags=["health"])

    def why_not(state: views.StateView) -> list[str]:
        reasons = []
        if state.database_away_since:
            reasons.append(f"the database is away since {state.database_away_since}")
        if state.broker_away_since:
            reasons.append(f"the broker is away since {state.broker_away_since}")
        if state.proof is None:
            reasons.append("no test item has come the whole way yet")
        elif state.proof.age_s >= outside.settings.proof_limit_s:
            reasons.append(f"no test item has come the whole way for {state.proof.age_s:.0f} s")
        return reasons

    @routes.get("/health/live", summary="Whether it runs")
    async def live() -> dict[str, bool]:
        """Answer at all."""
        return {"live": True}

    @routes.get("/health/ready", summary="Whether everything it needs is there")
    async def ready(response: Response) -> ReadyView:
        """Say whether database, broker and the whole way work; 503 where not, with reasons."""
        reasons = why_not(state_of(outside))
        if reasons:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return ReadyView(ready=not reasons, why_not=reasons)

    @routes.get("/health", summary="How it is, in full")
    async def health() -> HealthView:
        """Say how it is; always 200 while it runs."""
        state = state_of(outside)
        reasons = why_not(state)
        return HealthView(
            live=True,
            ready=not reasons,
            why_not=reasons,
            state=state,
            listeners=outside.feed.listeners,
            listeners_closed_slow=outside.feed.closed_slow,
            longest_queue=outside.feed.waiting,
        )

    @routes.get(
        "/metrics",
        summary="Counters for Prometheus",
        dependencies=[Depends(guard.metrics)],
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        """Give all counters; to this machine, or to who is signed in."""
        return Response(outside.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
