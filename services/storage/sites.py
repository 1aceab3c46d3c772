"""The site's rows, valid from-to, each set under the hash that stands on every output."""

from geo.site import Site
from geo.site_rows import Row, to_ns
from services.storage.link import Connection
from services.storage.moments import plain

_TABLES = ("cables", "calibrations", "sensors", "zones", "sectors", "crossings", "settings")
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


def _name(row: Row) -> str:
    for key in ("id", "key", "cable"):
        if name := getattr(row, key, None):
            return str(name)
    return ""


def _valid(row: Row) -> tuple[int, int | None]:
    start = _SINCE_ALWAYS_NS if row.valid_from is None else to_ns(row.valid_from)
    return start, None if row.valid_to is None else to_ns(row.valid_to)
