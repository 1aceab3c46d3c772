"""Two services on one run: each says in a sentence why it ends, and the code says it too."""

import asyncio

import pytest

from tests.system.installation import Installation, Service, until

pytestmark = pytest.mark.system


async def test_a_second_start_on_the_same_port_leaves_the_first_one_alone(
    installation: Installation, service: Service
) -> None:
    second = installation.service(name="data-second", port=service.port)
    second.start()
    assert await asyncio.to_thread(second.wait, 60.0) == 2
    assert f"straja: STRAJA_LISTEN is 127.0.0.1:{service.port}" in second.last_words()
    before = (await service.metrics())["straja_journal_entries_total"]

    async def goes_on() -> bool:
        return (await service.metrics())["straja_journal_entries_total"] > before

    await until(goes_on, "the first service journals")


async def test_a_service_that_is_overtaken_ends_with_a_sentence_and_code_3(
    installation: Installation, service: Service
) -> None:
    begun = service.log.stat().st_size
    await installation.rows("UPDATE lease SET epoch = epoch + 1 WHERE run = 'live' RETURNING epoch")
    assert await asyncio.to_thread(service.wait, 60.0) == 3
    said = service.log.read_bytes()[begun:].decode()
    told = [line for line in said.splitlines() if line.startswith("straja: ")]
    assert len(told) == 1
    assert "run 'live'" in told[0]
    assert "Traceback" not in said
