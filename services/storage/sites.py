"""The site's rows, valid from-to, each set under the hash that stands on every output.

The audit says which site a run applied from when on.
"""

import psycopg

from geo.errors import StorageError
from geo.site import Site
from geo.site_rows import Row, to_ns
from services.storage.audit import Line, add_lines
from services.storage.link import Connection, connect
from services.storage.moments import plain

_TABLES = ("cables", "calibrations", "sensors", "zones", "sectors", "crossings", "settings")
_APPLIED = "site applied"
_SINCE_ALWAYS_NS = 0
"""A row without beginning; nothing was measured before 1970."""


async def record(connection: Connection, site: Site) -> bool:
    """Keep a site's rows (inside a transaction).

    Returns:
        True when they are new, False when this very site was kept before.
    """
    cursor = await connection.execute(
        "INSERT INTO site (hash, text) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING hash",
        (site.hash, plain(site.to_toml())),
    )
    if await cursor.fetchone() is None:
        return False
    rows = [
        (table, _name(row), *_valid(row), row.model_dump_json(exclude_none=True), site.hash)
        for table in _TABLES
        for row in getattr(site, table)
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO site_row (kind, id, valid_from_ns, valid_to_ns, content, site_hash) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            rows,
        )
    return True


async def text_of(connection: Connection, site_hash: str) -> str | None:
    """The site file of a hash; None where it was never kept."""
    cursor = await connection.execute("SELECT text FROM site WHERE hash = %s", (site_hash,))
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def apply(connection: Connection, run: str, site: Site, at_ns: int) -> bool:
    """Keep a site's rows, and that a run applies it (inside a transaction).

    Returns:
        True when they are new, False when this very site was kept before.
    """
    is_new = await record(connection, site)
    if await _applied(connection, run) != site.hash:
        line = Line(at_ns, "system", _APPLIED, site.hash, {"site": site.name})
        await add_lines(connection, run, [line])
    return is_new


async def applied_text(url: str, run: str) -> str | None:
    """The site file that a run applied last; None where it never ran.

    Raises:
        StorageError: where the database is away or not migrated.
    """
    connection = await connect(url, f"straja site of {run}"[:63])
    try:
        site_hash = await _applied(connection, run)
        return None if site_hash is None else await text_of(connection, site_hash)
    except psycopg.Error as error:
        said = str(error).strip().split("\n", 1)[0]
        raise StorageError(f"the site cannot be read from the database: {said}") from error
    finally:
        await connection.close()


async def _applied(connection: Connection, run: str) -> str | None:
    cursor = await connection.execute(
        "SELECT object FROM audit WHERE run = %s AND what = %s ORDER BY sequence DESC LIMIT 1",
        (run, _APPLIED),
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


def _name(row: Row) -> str:
    for key in ("id", "key", "cable"):
        if name := getattr(row, key, None):
            return str(name)
    return ""


def _valid(row: Row) -> tuple[int, int | None]:
    start = _SINCE_ALWAYS_NS if row.valid_from is None else to_ns(row.valid_from)
    return start, None if row.valid_to is None else to_ns(row.valid_to)
