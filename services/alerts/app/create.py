"""Puts the app together."""

from collections.abc import Callable

from fastapi import FastAPI

from geo.site import Site
from services.alerts.app import (
    alerts,
    docs,
    files,
    headers,
    health,
    listen,
    problems,
    sessions,
    whole,
)
from services.alerts.app.guard import Guard
from services.alerts.app.settings import AppSettings, Outside
from services.alerts.feed import Feed
from services.alerts.ports import Accounts, AlertReader, Commands, Picture


def create_app(
    *,
    reader: AlertReader,
    accounts: Accounts,
    commands: Commands,
    picture: Picture,
    feed: Feed,
    site: Site,
    settings: AppSettings,
    now_ns: Callable[[], int],
    stream_ns: Callable[[], int],
    metrics: Callable[[], bytes],
) -> FastAPI:
    """Make the HTTP app; serve it with ``StreamingServer`` so that it ends promptly.

    Args:
        reader: the store's answers on alerts.
        accounts: sign-in.
        commands: the way of a decision into the stream.
        picture: state of sensors, gateways and the whole.
        feed: what happens.
        site: the site.
        settings: how to behave.
        now_ns: the wall's clock, ns UTC.
        stream_ns: the stream's clock, ns UTC; of a replay, where it has come to.
        metrics: all counters in Prometheus' text format.
    """
    outside = Outside(
        reader=reader,
        accounts=accounts,
        commands=commands,
        picture=picture,
        feed=feed,
        site=site,
        settings=settings,
        now_ns=now_ns,
        stream_ns=stream_ns,
        metrics=metrics,
    )
    guard = Guard(outside)
    app = FastAPI(
        title="Straja",
        version="1",
        description="Alerts, sensors and the live feed. Sign in first; changes need X-CSRF-Token.",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(headers.SecurityHeaders, tls=settings.tls)
    problems.install(app)
    app.include_router(sessions.router(outside, guard))
    app.include_router(alerts.router(outside, guard))
    app.include_router(listen.router(outside, guard))
    app.include_router(whole.router(outside, guard))
    app.include_router(health.router(outside, guard))
    docs.install(app)
    app.include_router(files.router(settings))
    return app
