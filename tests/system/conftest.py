"""One installation for all system tests of a run; what a test kills, the next finds healed."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.system.installation import Installation, Service
from tests.system.operator_client import Operator, signed_in


@pytest.fixture(scope="session")
def whole() -> Iterator[tuple[Installation, Service]]:
    with Installation() as installation:
        yield installation, installation.service()


@pytest_asyncio.fixture
async def installation(whole: tuple[Installation, Service]) -> Installation:
    """Database, broker and service, all of them well."""
    await whole[0].healthy(whole[1])
    return whole[0]


@pytest.fixture
def service(whole: tuple[Installation, Service], installation: Installation) -> Service:
    del installation
    return whole[1]


@pytest_asyncio.fixture
async def operator(service: Service) -> AsyncIterator[Operator]:
    async with signed_in(service) as one:
        yield one
