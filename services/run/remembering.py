"""``straja memory``: what site memory of a run holds, from its last snapshot."""

from collections.abc import Mapping
from pathlib import Path

from geo.errors import ConfigError, SnapshotError
from geo.site import Site
from services.config.settings import Settings
from services.correlate.site_memory import SiteMemory
from services.run.database import with_database
from services.storage import snapshots
from services.storage.link import Links


async def remembered(
    data: Path | None, variables: Mapping[str, str], site: Site, run: str, now_ns: int
) -> SiteMemory:
    """Read the memory of a run.

    Args:
        data: folder of a bundled database, or None for that of the environment.
        variables: the environment.
        site: with which the run is served.
        run: its name.
        now_ns: at which the site's rows are taken.

    Raises:
        ConfigError: no database is named, the run has no memory yet, or it is another site's.
        StorageError: the database does not answer.
    """

    async def load(url: str) -> tuple[int, dict[str, bytes]] | None:
        links = Links(url, "straja memory", size=1)
        try:
            return await links.run(lambda connection: snapshots.load(connection, run))
        finally:
            await links.close()

    found = await with_database(data, variables, load)
    if found is None or "memory" not in found[1]:
        raise ConfigError(f"--run is {run!r}: no memory is kept of it; start the service first")
    present = site.at(now_ns)
    memory = SiteMemory(present, run, Settings.from_rows(present.settings).memory)
    try:
        memory.restore(found[1]["memory"])
    except SnapshotError as error:
        raise ConfigError(f"{error}; or name the run's own site with --site") from error
    return memory
