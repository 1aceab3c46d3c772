"""Accounts, sign-in, sessions, audit."""

import psycopg
import pytest

from geo.errors import ConfigError
from services.alerts.ports import Account, Failures
from services.embedded.postgres import EmbeddedPostgres
from services.storage.accounts import SESSION_S
from services.storage.audit import first_broken_line
from services.storage.store import Store
from tests.services.storage.conftest import OpenStore
from tests.services.storage.samples import NOW_NS, S

pytestmark = pytest.mark.system

PASSWORD = "correct horse battery"


async def test_signing_in_gives_a_session_that_ends_by_time_or_sign_out(store: Store) -> None:
    account = await store.accounts.add_account("operator-1", PASSWORD, "RO", "operator")
    assert await store.accounts.sign_in("operator-1", "wrong horse battery", NOW_NS) is None
    assert await store.accounts.sign_in("nobody", PASSWORD, NOW_NS) is None
    assert await store.accounts.sign_in("O'Neill; --", PASSWORD, NOW_NS) is None
    entered = await store.accounts.sign_in("operator-1", PASSWORD, NOW_NS)
    assert entered is not None
    secret, session = entered
    assert session.account == account == Account("operator-1", "RO", "operator")
    assert session.expires_at_ns == NOW_NS + SESSION_S * S
    assert await store.accounts.session(secret, NOW_NS + S) == session
    assert await store.accounts.session(secret, session.expires_at_ns) is None
    assert await store.accounts.session(secret[:-1], NOW_NS) is None
    await store.accounts.sign_out(secret)
    assert await store.accounts.session(secret, NOW_NS + S) is None


async def test_no_secret_is_kept_in_the_clear(store: Store, server: EmbeddedPostgres) -> None:
    await store.accounts.add_account("operator-1", PASSWORD, "RO", "operator")
    token = await store.accounts.one_time_token("operator-1", 60.0)
    entered = await store.accounts.sign_in("operator-1", PASSWORD, NOW_NS)
    assert entered is not None
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        for table in ("account", "session", "one_time_token", "audit"):
            query = f"SELECT t::text FROM {table} t"  # noqa: S608 - names from above
            cursor = await connection.execute(query.encode())
            kept = "".join(str(row[0]) for row in await cursor.fetchall())
            assert kept
            for secret in (PASSWORD, token, entered[0]):
                assert secret not in kept
                assert secret.encode().hex() not in kept


async def test_one_time_token_works_once_and_in_its_time(store: Store) -> None:
    await store.accounts.add_account("operator-1", None, "RO", "operator")
    assert await store.accounts.sign_in("operator-1", "", NOW_NS) is None
    token = await store.accounts.one_time_token("operator-1", 60.0)
    assert await store.accounts.sign_in_once(token, NOW_NS + S) is not None
    assert await store.accounts.sign_in_once(token, NOW_NS + S) is None
    late = await store.accounts.one_time_token("operator-1", 60.0)
    assert await store.accounts.sign_in_once(late, NOW_NS + 60 * S) is None
    with pytest.raises(ConfigError, match="there is none"):
        await store.accounts.one_time_token("nobody", 60.0)


async def test_the_right_password_signs_in_however_often_others_guessed(store: Store) -> None:
    await store.accounts.add_account("operator-1", PASSWORD, "RO", "operator")
    for _ in range(8):
        assert await store.accounts.sign_in("operator-1", "wrong horse battery", NOW_NS) is None
    assert await store.accounts.sign_in("operator-1", PASSWORD, NOW_NS) is not None


async def test_failed_sign_ins_are_kept_until_forgotten(open_store: OpenStore) -> None:
    name, address = Failures("name op \x00 7", 4, NOW_NS), Failures("address ::1", 9, NOW_NS - S)
    async with open_store() as store:
        await store.accounts.keep_failures([Failures(address.key, 8, NOW_NS - 2 * S)], 0)
        await store.accounts.keep_failures([name, address], NOW_NS - 60 * S)
    async with open_store() as store:
        kept = await store.accounts.failures(9)
        assert [(one.count, one.last_ns) for one in kept] == [(4, NOW_NS), (9, NOW_NS - S)]
        assert kept[1] == address
        assert await store.accounts.failures(1) == kept[:1]
        await store.accounts.keep_failures([Failures(kept[0].key, 0, 0)], NOW_NS - 60 * S)
        assert await store.accounts.failures(9) == [address]
        await store.accounts.keep_failures([], NOW_NS)
        assert await store.accounts.failures(9) == []


async def test_disabled_and_removed_accounts_are_out_at_once(store: Store) -> None:
    secrets = []
    for name in ("operator-1", "operator-2"):
        await store.accounts.add_account(name, PASSWORD, "RO", "operator")
        entered = await store.accounts.sign_in(name, PASSWORD, NOW_NS)
        assert entered is not None
        secrets.append(entered[0])
        assert await store.accounts.session(entered[0], NOW_NS) is not None
    await store.accounts.disable("operator-1")
    await store.accounts.remove("operator-2")
    for secret in secrets:
        assert await store.accounts.session(secret, NOW_NS) is None
    assert await store.accounts.sign_in("operator-1", PASSWORD, NOW_NS) is None
    assert [
        (line.account.name, line.disabled) for line in await store.accounts.list_accounts()
    ] == [("operator-1", True)]


@pytest.mark.parametrize("name", ["A", "a", "Ion Popescu", "x" * 33, "a\n"])
async def test_names_of_persons_are_refused(store: Store, name: str) -> None:
    with pytest.raises(ConfigError, match="service number"):
        await store.accounts.add_account(name, PASSWORD, "RO", "operator")


async def test_taken_name_and_short_password_are_refused(store: Store) -> None:
    await store.accounts.add_account("operator-1", PASSWORD, "RO", "operator")
    with pytest.raises(ConfigError, match="taken"):
        await store.accounts.add_account("operator-1", PASSWORD, "RO", "administrator")
    with pytest.raises(ConfigError, match="12 to 1000"):
        await store.accounts.add_account("operator-2", "short", "RO", "operator")


async def test_audit_shows_a_changed_line(store: Store, server: EmbeddedPostgres) -> None:
    await store.accounts.add_account("operator-1", PASSWORD, "RO", "operator")
    await store.accounts.sign_in("operator-1", "wrong horse battery", NOW_NS)
    await store.accounts.sign_in("operator-1", PASSWORD, NOW_NS)
    async with await psycopg.AsyncConnection.connect(
        server.owner_url, autocommit=True
    ) as connection:
        cursor = await connection.execute("SELECT what FROM audit ORDER BY sequence")
        assert [row[0] for row in await cursor.fetchall()] == [
            "account added",
            "sign-in failed",
            "sign-in",
        ]
        assert await first_broken_line(connection) is None
        await connection.execute("UPDATE audit SET what = 'sign-in' WHERE sequence = 2")
        assert await first_broken_line(connection) == 2
        await connection.execute("DELETE FROM audit WHERE sequence = 2")
        assert await first_broken_line(connection) == 3
