"""Who asks, and whether they may: sessions, changes, languages."""

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Header, Query, Request

from geo.errors import StorageError
from services.alerts.app.problems import Problem, answer
from services.alerts.app.settings import MAY_ACKNOWLEDGE, AppSettings, Outside
from services.alerts.language import LANGUAGES, Language
from services.alerts.ports import Session

_KNOWN_SESSIONS: Final = 1_000
_TRUSTED_NS: Final = 5_000_000_000
"""How long the store's word on a session is taken for granted."""


def cookie_name(settings: AppSettings) -> str:
    """Name of the session cookie; over TLS the prefix binds it to this host."""
    return "__Host-straja-session" if settings.tls else "straja-session"


class Sessions:
    """Asks the store for sessions, and remembers those in use for when it is away.

    Whoever was signed in stays so while the database is away: alerts then come from the spool,
    and they must reach the screen.
    """

    def __init__(self, outside: Outside) -> None:
        """Start with none known."""
        self._outside = outside
        self._known: dict[bytes, tuple[int, Session]] = {}

    async def of(self, request: Request) -> Session | None:
        """Give the session of a request's cookie.

        Raises:
            StorageError: the store is away and this session was not in use before.
        """
        secret = request.cookies.get(cookie_name(self._outside.settings))
        return await self.check(secret) if secret else None

    async def check(self, secret: str) -> Session | None:
        """Give the session of a secret; raises as ``of`` does."""
        now_ns = self._outside.now_ns()
        key = hashlib.sha256(secret.encode()).digest()
        checked_ns, known = self._known.get(key, (0, None))
        if known is not None and now_ns >= known.expires_at_ns:
            del self._known[key]
            known = None
        if known is not None and 0 <= now_ns - checked_ns < _TRUSTED_NS:
            return known
        try:
            session = await answer(
                self._outside.accounts.session(secret, now_ns),
                self._outside.settings.store_timeout_s,
            )
        except StorageError:
            if known is None:
                raise
            return known
        self._known.pop(key, None)
        if session is not None:
            self._known[key] = (now_ns, session)
            if len(self._known) > _KNOWN_SESSIONS:
                del self._known[next(iter(self._known))]
        return session

    def forget(self, secret: str) -> None:
        """Forget a session that was ended."""
        self._known.pop(hashlib.sha256(secret.encode()).digest(), None)


class Guard:
    """What routes depend on."""

    def __init__(self, outside: Outside) -> None:
        """Guard one app."""
        self.sessions = Sessions(outside)
        self._settings = outside.settings

    async def session(self, request: Request) -> Session:
        """Give the session of a request, or refuse it."""
        session = await self.sessions.of(request)
        if session is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "signed-out", "You are not signed in: sign in first."
            )
        return session

    async def change(
        self,
        request: Request,
        x_csrf_token: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Session:
        """Give the session of a request that changes something, or refuse it."""
        same_origin(request)
        session = await self.session(request)
        if not hmac.compare_digest((x_csrf_token or "").encode(), session.csrf_token.encode()):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "csrf",
                "X-CSRF-Token is missing or wrong: send the csrf_token of GET /api/session in it.",
            )
        return session

    async def home(self, request: Request) -> Session:
        """Give the session of the party whose sensors these are, or refuse it."""
        session = await self.session(request)
        if session.account.party != self._settings.home_party:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                f"Party {session.account.party} is not shown this: ask the party whose sensors "
                "they are.",
            )
        return session

    async def metrics(self, request: Request) -> None:
        """Let pass who asks from this machine itself, or is signed in."""
        if not from_this_machine(request):
            await self.home(request)


def same_origin(request: Request) -> None:
    """Refuse a change that a page of another origin sent.

    Browsers say where a change comes from; programs do not, and hold no cookie to misuse.
    """
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "origin",
            "The request comes from a page of another address: open the console itself.",
        )


def from_this_machine(request: Request) -> bool:
    """Say whether a request comes over loopback and was not passed on by a proxy."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def may_acknowledge(session: Session) -> bool:
    """Say whether this account may decide on alerts."""
    return session.account.role in MAY_ACKNOWLEDGE


def language_of(default: str) -> Callable[..., Awaitable[Language]]:
    """Make the dependency that finds the language to answer in.

    Args:
        default: for those who ask for none that we have.
    """

    async def language(
        language: Annotated[
            str | None, Query(max_length=20, description=f"one of {', '.join(LANGUAGES)}")
        ] = None,
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Language:
        if language is not None:
            return known_language(language)
        for wanted in (accept_language or "").split(","):
            found = _match(wanted.partition(";")[0].strip().lower())
            if found is not None:
                return found
        return known_language(default)

    return language


def known_language(name: str) -> Language:
    """Take a name as one of the languages, or refuse it."""
    for known in LANGUAGES:
        if known == name:
            return known
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "language",
        f"language is {name!r}: wanted one of {', '.join(LANGUAGES)}; ask for one of these.",
    )


def _match(tag: str) -> Language | None:
    if tag == "sr":
        tag = "sr-cyrl"
    for known in LANGUAGES:
        if tag == known.lower() or tag.startswith(known.lower() + "-"):
            return known
    return None
