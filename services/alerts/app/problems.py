"""Errors as problem details (RFC 9457): one sentence that says what to do, and a code."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from geo.errors import AccessError, StorageError, StrajaError

AnswerT = TypeVar("AnswerT")

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)


class Problem(StrajaError):  # noqa: N818 RFC 9457 calls it so
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        code: short name by which a program, or the console's catalogue, knows it.
        detail: one sentence in English.
        headers: to send along.
    """

    def __init__(
        self, status: int, code: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        """Keep the parts."""
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        super().__init__(detail)


def database_away() -> Problem:
    """Say that the store does not answer."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "database-away",
        "The database does not answer: try again in a few seconds; live alerts go on meanwhile.",
        {"Retry-After": "2"},
    )


async def answer(question: Awaitable[AnswerT], timeout_s: float) -> AnswerT:
    """Wait for the store's answer, but not for long.

    Raises:
        StorageError: it is away, or did not answer in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await question
    except TimeoutError as error:
        raise StorageError(
            f"the store gave no answer within {timeout_s:g} s: wanted one; look at the database"
        ) from error


def respond(problem: Problem) -> JSONResponse:
    """Write a problem as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    return JSONResponse(
        body, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Make the app answer every error as a problem."""

    async def of_problem(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, Problem):
            return respond(error)
        if isinstance(error, StorageError):
            return respond(database_away())
        if isinstance(error, AccessError):
            return respond(Problem(HTTPStatus.FORBIDDEN, "forbidden", str(error)))
        return respond(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", str(error)))

    async def of_input(_: Request, error: Exception) -> JSONResponse:
        faults = error.errors() if isinstance(error, RequestValidationError) else []
        # The value itself is left out: it may be a password.
        first = faults[0] if faults else {"loc": ("request",), "msg": "cannot be read"}
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{where}: {first['msg']}; correct it and send the request again."
        return respond(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail))

    async def of_http(request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = {
            404: f"There is nothing at {request.url.path[:120]}: look at /docs for what there is.",
            405: f"{request.method} is not possible here: look at /docs for what is.",
        }.get(status, "The request cannot be carried out: look at /docs for how to ask.")
        return respond(Problem(status, HTTPStatus(status).phrase.lower().replace(" ", "-"), detail))

    async def of_fault(request: Request, error: Exception) -> JSONResponse:
        # The one broad net: a fault of one request must not be silent and must not tell its inside.
        _log.error("request failed", path=request.url.path, exc_info=error)
        return respond(
            Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "fault",
                "The service failed at this request: try again, and tell the administrator.",
            )
        )

    app.add_exception_handler(StrajaError, of_problem)
    app.add_exception_handler(RequestValidationError, of_input)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_fault)
