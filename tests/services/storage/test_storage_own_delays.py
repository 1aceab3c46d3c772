"""A loop that we held ourselves is not taken for a database that is away."""

import asyncio
import time

import pytest

from services.storage.link import Connection
from services.storage.store import Store
from tests.services.storage.samples import entries

pytestmark = pytest.mark.system


async def test_holding_the_event_loop_beyond_the_limit_sends_nothing_to_the_spool(
    store: Store,
) -> None:
    async def hold() -> None:
        await asyncio.sleep(0)
        time.sleep(1.3)  # noqa: ASYNC251 - this is what is tested

    kept, _ = await asyncio.gather(store.append(entries(1, 50)), hold())
    assert kept
    assert store.away_since_ns is None


async def test_a_database_that_does_not_answer_is_given_up_after_the_limit(store: Store) -> None:
    async def sleep(connection: Connection) -> None:
        await connection.execute("SELECT pg_sleep(30)")

    link = store._conclusions
    with pytest.raises(Exception, match="no answer in time"):
        await link.run(sleep, 0.3)
