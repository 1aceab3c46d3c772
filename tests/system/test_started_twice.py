"""A second service on the same database: the first goes on, or ends with a sentence."""

import pytest

from tests.system.installation import Installation, Service, until

pytestmark = pytest.mark.system


async def test_a_second_start_on_the_same_port_leaves_the_first_one_alone(
    installation: Installation, service: Service
) -> None:
    second = installation.service(name="data-second", port=service.port)
    second.start()
    assert second.wait(60.0) == 2
    assert f"straja: STRAJA_LISTEN is 127.0.0.1:{service.port}" in second.last_words()
    before = (await service.metrics())["straja_journal_entries_total"]

    async def goes_on() -> bool:
        return (await service.metrics())["straja_journal_entries_total"] > before

    await until(goes_on, "the first service journals")
