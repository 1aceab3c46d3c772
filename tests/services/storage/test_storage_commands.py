"""A recording's commands come from the journal of its time."""

import pytest

from geo.errors import StorageError
from services.embedded.postgres import EmbeddedPostgres
from services.events import Command, Tick
from services.ingest.ports import Entry
from services.storage.commands import commands_between
from services.storage.store import Store
from tests.services.storage.samples import NOW_NS, entries

pytestmark = pytest.mark.system


def command(number: int) -> Command:
    at_ns = NOW_NS + number * 1_000
    return Command(f"c-{number}", "acknowledge", at_ns, "operator-1", "RO", {"alert": "a"})


async def test_commands_of_a_time_and_run_come_in_order(
    store: Store, server: EmbeddedPostgres
) -> None:
    given = [command(number) for number in range(5)]
    await store.append(entries(1, 10))
    await store.append([Entry(11 + n, one.at_ns, one) for n, one in enumerate(given)])
    await store.append([Entry(16, NOW_NS, Tick(NOW_NS))])
    found = await commands_between(server.url, "live", given[1].at_ns, given[3].at_ns)
    assert found == given[1:4]
    assert await commands_between(server.url, "other", 0, 2**62) == []


async def test_a_database_without_tables_is_told(empty: EmbeddedPostgres) -> None:
    with pytest.raises(StorageError, match="commands cannot be read"):
        await commands_between(empty.url, "live", 0, 1)
