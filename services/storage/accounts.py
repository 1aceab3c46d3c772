"""Accounts, sign-in and sessions.

Passwords are kept as argon2id hashes (argon2-cffi's defaults: RFC 9106, low-memory profile);
one-time tokens and sessions as SHA-256 of a random secret, which is enough for 256 random bits.
Account names are service numbers, never persons' names. Failed sign-ins are kept here; what follows
from them is decided where they are asked for, ``services.alerts.app.guessing``.
"""

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import argon2
import psycopg

from geo.errors import AccessError, ConfigError, StorageError
from services.alerts.ports import Account, Failures, Role, Session
from services.storage.audit import Line, add_lines
from services.storage.link import Connection, Links
from services.storage.moments import plain

SESSION_S = 12 * 3_600
"""A shift; assumed."""
MINIMUM_PASSWORD = 12
REMEMBERED_SESSIONS = 1_000
FRESH_S = 5
"""How long a session is taken from memory: so long a removed account may still look."""

_NAME = re.compile(r"[a-z0-9._-]{2,32}")
_NS = 1_000_000_000
_ROLES = ("operator", "administrator")
_UNKNOWN = "$argon2id$v=19$m=65536,t=3,p=4$c3RyYWphc3RyYWphc3RyYQ$" + "A" * 43


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account in a list."""

    account: Account
    disabled: bool
    has_password: bool


@dataclass(frozen=True, slots=True)
class _Remembered:
    session: Session
    seen_ns: int


class AccountStore:
    """``Accounts`` of the database, and what administrators do to them."""

    def __init__(self, links: Links, run: str, now_ns: Callable[[], int]) -> None:
        """Take what is needed to ask; nothing is opened yet."""
        self._links = links
        self._run = run
        self._now_ns = now_ns
        self._hasher = argon2.PasswordHasher()
        self._hashing = asyncio.Semaphore(2)  # 64 MiB and four threads each
        self._sessions: OrderedDict[bytes, _Remembered] = OrderedDict()

    # --- administration

    async def add_account(
        self, name: str, password: str | None, party: str, role: Role, *, actor: str = "system"
    ) -> Account:
        """Add an account; without a password it signs in by one-time token alone.

        Raises:
            ConfigError: where name, password, party or role will not do, or the name is taken.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"account name is {name!r}: 2 to 32 of a-z 0-9 . _ - are wanted, a service number "
                f"and not a person's name"
            )
        if role not in _ROLES:
            raise ConfigError(f"role is {role!r}: one of {', '.join(_ROLES)} is wanted")
        if not party:
            raise ConfigError("party is empty: one of the site's parties is wanted, such as RO")
        hashed = None if password is None else await self._hash(password)

        async def add(connection: Connection) -> bool:
            cursor = await connection.execute(
                "INSERT INTO account (name, party, role, password_hash) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING RETURNING name",
                (name, party, role, hashed),
            )
            if await cursor.fetchone() is None:
                return False
            await self._line(connection, actor, "account added", name, {"role": role})
            return True

        if not await self._links.run(add):
            raise ConfigError(f"account name is {name!r}: taken; choose another, or remove it")
        return Account(name, party, role)

    async def set_password(self, name: str, password: str, *, actor: str = "system") -> None:
        """Give an account a new password; its sessions end.

        Raises:
            ConfigError: where there is no such account or the password will not do.
        """
        hashed = await self._hash(password)

        async def change(connection: Connection) -> bool:
            cursor = await connection.execute(
                "UPDATE account SET password_hash = %s WHERE name = %s RETURNING name",
                (hashed, name),
            )
            return await self._changed(connection, cursor, actor, "password changed", name)

        await self._must(name, await self._links.run(change))

    async def disable(self, name: str, *, actor: str = "system") -> None:
        """Keep an account from signing in; its sessions end.

        Raises:
            ConfigError: where there is no such account.
        """

        async def change(connection: Connection) -> bool:
            cursor = await connection.execute(
                "UPDATE account SET disabled = true WHERE name = %s RETURNING name", (name,)
            )
            return await self._changed(connection, cursor, actor, "account disabled", name)

        await self._must(name, await self._links.run(change))

    async def remove(self, name: str, *, actor: str = "system") -> None:
        """Remove an account with its sessions; what it did stays in the audit.

        Raises:
            ConfigError: where there is no such account.
        """

        async def change(connection: Connection) -> bool:
            cursor = await connection.execute(
                "DELETE FROM account WHERE name = %s RETURNING name", (name,)
            )
            return await self._changed(connection, cursor, actor, "account removed", name)

        await self._must(name, await self._links.run(change))

    async def list_accounts(self) -> list[AccountLine]:
        """All accounts, by name."""

        async def ask(connection: Connection) -> list[AccountLine]:
            cursor = await connection.execute(
                "SELECT name, party, role, disabled, password_hash IS NOT NULL FROM account "
                "ORDER BY name"
            )
            return [
                AccountLine(Account(name, party, role), disabled, known)
                for name, party, role, disabled, known in await cursor.fetchall()
            ]

        return await self._links.run(ask)

    async def one_time_token(self, account: str, valid_s: float, *, actor: str = "system") -> str:
        """Make a token that signs an account in once.

        Raises:
            ConfigError: where there is no such account.
        """
        token = secrets.token_urlsafe(32)
        now_ns = self._now_ns()

        async def add(connection: Connection) -> bool:
            await connection.execute(
                "DELETE FROM one_time_token WHERE expires_at_ns <= %s", (now_ns,)
            )
            cursor = await connection.execute(
                "INSERT INTO one_time_token (token_sha256, account, expires_at_ns) "
                "SELECT %s, name, %s FROM account WHERE name = %s AND NOT disabled RETURNING 1",
                (_sha256(token), now_ns + int(valid_s * _NS), account),
            )
            if await cursor.fetchone() is None:
                return False
            await self._line(connection, actor, "one-time token made", account)
            return True

        if not await self._links.run(add):
            raise ConfigError(f"account is {account!r}: there is none, or it is disabled; add it")
        return token

    # --- sign-in

    async def sign_in(self, name: str, password: str, now_ns: int) -> tuple[str, Session] | None:
        """Check a password; a new session with its secret, or None."""
        if not _NAME.fullmatch(name):
            return None

        async def look(connection: Connection) -> tuple[Account, str] | None:
            cursor = await connection.execute(
                "SELECT party, role, password_hash FROM account "
                "WHERE name = %s AND NOT disabled AND password_hash IS NOT NULL",
                (name,),
            )
            row = await cursor.fetchone()
            return None if row is None else (Account(name, row[0], row[1]), str(row[2]))

        found = await self._links.run(look)
        right = await self._verify(_UNKNOWN if found is None else found[1], password)
        if found is None or not right:
            line = Line(now_ns, name, "sign-in failed", name)
            await self._links.run(lambda connection: add_lines(connection, self._run, [line]))
            return None
        account = found[0]

        return await self._links.run(
            lambda connection: self._enter(connection, account, now_ns, "sign-in")
        )

    async def sign_in_once(self, token: str, now_ns: int) -> tuple[str, Session] | None:
        """Use a one-time token up; a new session with its secret, or None."""

        async def use(connection: Connection) -> tuple[str, Session] | None:
            cursor = await connection.execute(
                "DELETE FROM one_time_token t USING account a WHERE t.token_sha256 = %s "
                "AND t.account = a.name RETURNING a.name, a.party, a.role, t.expires_at_ns, "
                "a.disabled",
                (_sha256(token),),
            )
            row = await cursor.fetchone()
            if row is None or row[3] <= now_ns or row[4]:
                return None
            account = Account(row[0], row[1], row[2])
            return await self._enter(connection, account, now_ns, "sign-in by token")

        return await self._links.run(use)

    async def failures(self, limit: int) -> list[Failures]:
        """Failed sign-ins that were kept, the latest ``limit`` of them."""

        async def ask(connection: Connection) -> list[Failures]:
            cursor = await connection.execute(
                "SELECT key, failures, last_at_ns FROM sign_in_failure "
                "ORDER BY last_at_ns DESC LIMIT %s",
                (limit,),
            )
            return [Failures(*row) for row in await cursor.fetchall()]

        return await self._links.run(ask)

    async def keep_failures(self, changed: Sequence[Failures], forget_before_ns: int) -> None:
        """Keep failed sign-ins over a restart; a count of 0, and what is older, is forgotten."""

        async def keep(connection: Connection) -> None:
            await connection.execute(
                "DELETE FROM sign_in_failure WHERE last_at_ns < %s OR key = ANY(%s)",
                (forget_before_ns, [plain(one.key) for one in changed if one.count == 0]),
            )
            async with connection.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO sign_in_failure (key, failures, last_at_ns) VALUES (%s, %s, %s) "
                    "ON CONFLICT (key) DO UPDATE SET failures = EXCLUDED.failures, "
                    "last_at_ns = EXCLUDED.last_at_ns",
                    [(plain(one.key), one.count, one.last_ns) for one in changed if one.count],
                )

        await self._links.run(keep)

    async def session(self, secret: str, now_ns: int) -> Session | None:
        """The session of a cookie's secret, or None.

        While the database is away a session that was seen before goes on until it expires.

        Raises:
            StorageError: where the database is away and the session was not seen before.
        """
        key = _sha256(secret)
        known = self._sessions.get(key)
        if known is not None and known.session.expires_at_ns <= now_ns:
            self._sessions.pop(key, None)
            return None
        if known is not None and 0 <= now_ns - known.seen_ns < FRESH_S * _NS:
            return known.session

        async def ask(connection: Connection) -> Session | None:
            cursor = await connection.execute(
                "SELECT a.name, a.party, a.role, s.expires_at_ns, s.csrf_token FROM session s "
                "JOIN account a ON a.name = s.account "
                "WHERE s.secret_sha256 = %s AND s.expires_at_ns > %s AND NOT a.disabled",
                (key, now_ns),
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            return Session(Account(row[0], row[1], row[2]), int(row[3]), str(row[4]))

        try:
            session = await self._links.run(ask, 2.0)
        except StorageError:
            if known is None:
                raise
            session = known.session
        if session is None:
            self._sessions.pop(key, None)
        else:
            self._remember(key, session, now_ns)
        return session

    async def sign_out(self, secret: str) -> None:
        """End a session."""
        key = _sha256(secret)
        self._sessions.pop(key, None)
        now_ns = self._now_ns()

        async def end(connection: Connection) -> None:
            cursor = await connection.execute(
                "DELETE FROM session WHERE secret_sha256 = %s RETURNING account", (key,)
            )
            if (row := await cursor.fetchone()) is not None:
                await add_lines(
                    connection, self._run, [Line(now_ns, str(row[0]), "sign-out", str(row[0]))]
                )

        await self._links.run(end)

    # --- inside

    async def _enter(
        self, connection: Connection, account: Account, now_ns: int, what: str
    ) -> tuple[str, Session]:
        secret = secrets.token_urlsafe(32)
        session = Session(account, now_ns + SESSION_S * _NS, secrets.token_urlsafe(32))
        await connection.execute("DELETE FROM session WHERE expires_at_ns <= %s", (now_ns,))
        await connection.execute(
            "INSERT INTO session (secret_sha256, account, csrf_token, expires_at_ns) "
            "VALUES (%s, %s, %s, %s)",
            (_sha256(secret), account.name, session.csrf_token, session.expires_at_ns),
        )
        line = Line(now_ns, account.name, what, account.name)
        await add_lines(connection, self._run, [line])
        return secret, session

    async def _hash(self, password: str) -> str:
        if not MINIMUM_PASSWORD <= len(password) <= 1_000:
            raise ConfigError(
                f"password has {len(password)} characters: {MINIMUM_PASSWORD} to 1000 are wanted"
            )
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _verify(self, hashed: str, password: str) -> bool:
        if len(password) > 1_000:
            return False
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, hashed, password)
            except argon2.exceptions.VerificationError:
                return False
            except argon2.exceptions.InvalidHashError as error:
                raise AccessError("a password's hash is damaged: set the password anew") from error

    async def _changed(
        self,
        connection: Connection,
        cursor: psycopg.AsyncCursor[tuple[object, ...]],
        actor: str,
        what: str,
        name: str,
    ) -> bool:
        if await cursor.fetchone() is None:
            return False
        await connection.execute("DELETE FROM session WHERE account = %s", (name,))
        await connection.execute("DELETE FROM one_time_token WHERE account = %s", (name,))
        await self._line(connection, actor, what, name)
        return True

    async def _must(self, name: str, found: bool) -> None:  # noqa: FBT001 - the answer itself
        if not found:
            raise ConfigError(f"account is {name!r}: there is none; list them to see their names")
        gone = [key for key, kept in self._sessions.items() if kept.session.account.name == name]
        for key in gone:
            del self._sessions[key]

    async def _line(
        self,
        connection: Connection,
        actor: str,
        what: str,
        name: str,
        detail: dict[str, str] | None = None,
    ) -> None:
        line = Line(self._now_ns(), actor, what, name, detail or {})
        await add_lines(connection, self._run, [line])

    def _remember(self, key: bytes, session: Session, now_ns: int) -> None:
        self._sessions[key] = _Remembered(session, now_ns)
        self._sessions.move_to_end(key)
        if len(self._sessions) > REMEMBERED_SESSIONS:
            self._sessions.popitem(last=False)


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
