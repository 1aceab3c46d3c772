"""Many detections at once are kept as few are."""

import dataclasses

import psycopg
import pytest

from services.embedded.postgres import EmbeddedPostgres
from services.storage.store import Store
from tests.services.storage.samples import detection, proof, track

pytestmark = pytest.mark.system

_ALL = "SELECT * FROM detection ORDER BY at_ns"


async def kept(server: EmbeddedPostgres) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        return list(await (await connection.execute(_ALL)).fetchall())


async def test_many_at_once_leave_the_rows_that_one_by_one_leaves(
    store: Store, server: EmbeddedPostgres
) -> None:
    many = [
        dataclasses.replace(
            detection(number), east_m=500_000.0 + number / 7.0, sensor=f"c\0{number}"
        )
        for number in range(100)
    ]
    for number, one in enumerate(many):
        await store.write([one], number + 1)
    singly = await kept(server)
    assert len(singly) == 100
    async with await psycopg.AsyncConnection.connect(server.owner_url) as connection:
        await connection.execute("DELETE FROM detection")
    await store.write(many, 101)
    assert await kept(server) == singly
    assert store.away_since_ns is None


async def test_those_there_already_and_doubles_among_many_are_kept_once(
    store: Store, server: EmbeddedPostgres
) -> None:
    many = [detection(number) for number in range(80)]
    await store.write(many[:50], 1)
    await store.write([*many[20:], many[79], track(), proof()], 2)
    await store.write(many, 3)
    assert len(await kept(server)) == 80
    assert store.away_since_ns is None
