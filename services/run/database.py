"""The database that a command means: one by address, or the bundled one of a data folder."""

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from geo.errors import ConfigError
from services.embedded import EmbeddedPostgres
from services.embedded.postgres import running_owner_url
from services.storage.accounts import AccountStore
from services.storage.link import Links

ResultT = TypeVar("ResultT")


async def with_database(
    data: Path | None,
    variables: Mapping[str, str],
    work: Callable[[str], Awaitable[ResultT]],
) -> ResultT:
    """Do work on the database with its owner's rights.

    A bundled server that does not run is started for the work and ended after it.

    Raises:
        ConfigError: where neither a data folder nor an address is given.
    """
    if data is None:
        url = variables.get("STRAJA_DATABASE_OWNER_URL") or variables.get("STRAJA_DATABASE_URL")
        if not url:
            raise ConfigError(
                "no database: set STRAJA_DATABASE_URL, or name a bundled one with --data FOLDER"
            )
        return await work(url)
    if not (data / "postgres").is_dir():
        raise ConfigError(f"--data is {str(data)!r}: there is no bundled database in it")
    running = running_owner_url(data)
    if running is not None:
        return await work(running)
    async with EmbeddedPostgres(data) as server:
        return await work(server.owner_url)


async def with_accounts(
    data: Path | None,
    variables: Mapping[str, str],
    work: Callable[[AccountStore], Awaitable[ResultT]],
) -> ResultT:
    """Do work on the accounts of a database; see ``with_database``."""

    async def on(url: str) -> ResultT:
        links = Links(url, "straja accounts", size=1)
        try:
            return await work(AccountStore(links, "live", time.time_ns))
        finally:
            await links.close()

    return await with_database(data, variables, on)
