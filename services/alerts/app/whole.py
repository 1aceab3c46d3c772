"""The state of the whole: sensors, gateways, the site on the map, texts."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from sensors.messages import time_to_text
from services.alerts.app import views
from services.alerts.app.guard import Guard, known_language
from services.alerts.app.settings import Outside
from services.alerts.app.site_map import site_map
from services.alerts.language import catalogue
from services.alerts.ports import Session


def state_of(outside: Outside) -> views.StateView:
    """Say how the service itself is."""
    picture, now_ns = outside.picture, outside.stream_ns()
    database, broker = picture.database_away_since_ns(), picture.broker_away_since_ns()
    proof = picture.proof()
    return views.StateView(
        now=time_to_text(now_ns),
        database_away_since=None if database is None else time_to_text(database),
        broker_away_since=None if broker is None else time_to_text(broker),
        broker_cut_offs=picture.broker_cut_offs(),
        lowered_by_site_memory=sum(one.count for one in picture.lowered_by_site_memory()),
        proof=None if proof is None else views.proof(proof, now_ns),
    )


def router(outside: Outside, guard: Guard) -> APIRouter:
    """Make the routes of sensors, gateways, site, state and texts."""
    routes = APIRouter(prefix="/api", tags=["picture"])
    SignedIn = Annotated[Session, Depends(guard.session)]  # noqa: N806 it is a type
    drawn: dict[tuple[str, bool], dict[str, Any]] = {}

    @routes.get("/sensors", summary="State of every sensor", dependencies=[Depends(guard.home)])
    async def sensors() -> list[views.SensorView]:
        """Give the last word on each sensor; for the party whose sensors they are."""
        return [views.sensor(health) for health in outside.picture.sensors()]

    @routes.get("/gateways", summary="Counts of every gateway", dependencies=[Depends(guard.home)])
    async def gateways() -> list[views.GatewayView]:
        """Give the last word on each gateway; for the party whose they are."""
        return [views.gateway(health) for health in outside.picture.gateways()]

    @routes.get("/lowered", summary="What site memory lowered", dependencies=[Depends(guard.home)])
    async def lowered() -> list[views.LoweredView]:
        """Count incidents that are usual where they were; for the party whose site it is."""
        counts = outside.picture.lowered_by_site_memory()
        return [views.LoweredView(**asdict(one)) for one in counts]

    @routes.get("/state", summary="How the service itself is")
    async def state(_: SignedIn) -> views.StateView:
        """Say whether database and broker are there, and how old the last proof is."""
        return state_of(outside)

    @routes.get("/site", summary="The site as GeoJSON")
    async def site(session: SignedIn, request: Request) -> Response:
        """Give border, sectors and crossings; and, to their party, cables, sensors and zones."""
        valid = outside.site.at(outside.stream_ns())
        home = session.account.party == outside.settings.home_party
        tag = f'"{valid.hash[:32]}{"h" if home else "o"}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        key = (valid.hash, home)
        if key not in drawn:
            drawn.clear()
            drawn[key] = site_map(valid, home=home)
        return JSONResponse(drawn[key], headers=headers, media_type="application/geo+json")

    @routes.get("/catalogue/{language}", summary="Texts of a language", tags=["picture"])
    async def texts(language: str) -> dict[str, str]:
        """Give every text's template by its key."""
        return dict(catalogue(known_language(language)))

    return routes
