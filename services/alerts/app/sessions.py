"""Sign-in and sign-out."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from geo.errors import StorageError
from services.alerts.app import views
from services.alerts.app.guard import Guard, cookie_name, may_acknowledge, same_origin
from services.alerts.app.guessing import FORGET_NS, MOST, Attempts
from services.alerts.app.problems import Problem, answer
from services.alerts.app.settings import Outside
from services.alerts.ports import Failures, Session

_log = structlog.get_logger(__name__)

_PASSWORD_TIMEOUT_S = 10.0
"""Hashing a password is slow on purpose, and the machine may be busy."""


class SignIn(BaseModel):
    """An account's name and password."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=1_000)]


class SignInOnce(BaseModel):
    """A one-time token."""

    model_config = ConfigDict(extra="forbid")
    token: Annotated[str, Field(min_length=1, max_length=200)]


def router(outside: Outside, guard: Guard) -> APIRouter:
    """Make the routes below /api/session."""
    routes = APIRouter(prefix="/api/session", tags=["session"])
    settings = outside.settings
    attempts = Attempts()
    # Each check of a password takes memory and a core for a while: one at a time.
    checking = asyncio.Semaphore(1)

    def show(session: Session) -> views.SessionView:
        return views.session(
            session,
            home_party=settings.home_party,
            may_acknowledge=may_acknowledge(session),
            banner=settings.banner,
            proof_limit_s=settings.proof_limit_s,
            heartbeat_s=settings.heartbeat_s,
        )

    def begin(response: Response, secret: str, session: Session) -> views.SessionView:
        response.set_cookie(
            cookie_name(settings),
            secret,
            max_age=max(0, (session.expires_at_ns - outside.now_ns()) // 1_000_000_000),
            path="/",
            secure=settings.tls,
            httponly=True,
            samesite="strict",
        )
        return show(session)

    recalled = False

    async def recall() -> None:
        """Go on slowing down whom a service before this one slowed down."""
        nonlocal recalled
        if not recalled:
            kept = await answer(outside.accounts.failures(MOST), settings.store_timeout_s)
            attempts.recall(kept)
            recalled = True

    async def keep(changed: Sequence[Failures]) -> None:
        if not changed:
            return
        forget_before_ns = outside.now_ns() - FORGET_NS
        try:
            await answer(
                outside.accounts.keep_failures(changed, forget_before_ns),
                settings.store_timeout_s,
            )
        except StorageError as error:  # a restart would forget it; until then it is known here
            _log.warning("failed sign-ins not kept", reason=str(error))

    def slow_down(name: str, address: str) -> None:
        wait_s = attempts.wait_s(name, address, outside.now_ns())
        if wait_s:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "slow-down",
                f"Too many failed sign-ins: wait {wait_s} s, then try again.",
                {"Retry-After": str(wait_s)},
            )

    @routes.post("", summary="Sign in")
    async def sign_in(request: Request, response: Response, body: SignIn) -> views.SessionView:
        """Check name and password, and begin a session in a cookie."""
        same_origin(request)
        address = request.client.host if request.client else "unknown"
        await recall()
        slow_down(body.name, address)
        async with checking:
            slow_down(body.name, address)
            found = await answer(
                outside.accounts.sign_in(body.name, body.password, outside.now_ns()),
                _PASSWORD_TIMEOUT_S,
            )
            if found is None:
                await keep(attempts.failed(body.name, address, outside.now_ns()))
                raise Problem(
                    HTTPStatus.UNAUTHORIZED,
                    "sign-in-refused",
                    "Name or password is wrong: try again, or ask the administrator.",
                )
        await keep(attempts.succeeded(body.name, address))
        return begin(response, *found)

    @routes.post("/once", summary="Sign in with a one-time token")
    async def sign_in_once(
        request: Request, response: Response, body: SignInOnce
    ) -> views.SessionView:
        """Use a one-time token up, and begin a session in a cookie."""
        same_origin(request)
        address = request.client.host if request.client else "unknown"
        await recall()
        slow_down("(one-time token)", address)
        found = await answer(
            outside.accounts.sign_in_once(body.token, outside.now_ns()), _PASSWORD_TIMEOUT_S
        )
        if found is None:
            await keep(attempts.failed("(one-time token)", address, outside.now_ns()))
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "token-refused",
                "This one-time sign-in was used or is too old: sign in with name and password.",
            )
        return begin(response, *found)

    @routes.get("", summary="Who is signed in")
    async def who(session: Annotated[Session, Depends(guard.session)]) -> views.SessionView:
        """Say who is signed in, and give the token that changes need."""
        return show(session)

    @routes.delete("", status_code=HTTPStatus.NO_CONTENT, summary="Sign out")
    async def sign_out(
        request: Request, response: Response, _: Annotated[Session, Depends(guard.change)]
    ) -> None:
        """End the session."""
        name = cookie_name(settings)
        secret = request.cookies[name]
        await answer(outside.accounts.sign_out(secret), settings.store_timeout_s)
        guard.sessions.forget(secret)
        response.delete_cookie(
            name, path="/", secure=settings.tls, httponly=True, samesite="strict"
        )

    return routes
