"""Bringing a database to the schema this version works with.

Migrations are the files ``migrations/NNNN_*.sql``, each run once, in order, in one transaction
with the row that says so; ``each_time.sql`` (rights of the service's role) follows always. Where
the TimescaleDB extension is installed, time tables are hypertables; elsewhere range partitions.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import psycopg
from psycopg import sql

from geo.errors import StorageError
from services.storage.link import connect
from services.storage.upkeep import make_due

_LOCK = 7_310_554_214_026_118  # any number; two migrations of one database wait for each other
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_COMPRESS_AFTER = "7 days"  # assumed: a week is what operators look back at from day to day


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """What tells that a step was changed after it had been run."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All steps this version knows, in order."""
    folder = files("services.storage").joinpath("migrations")
    found = [
        Migration(int(named[1]), file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if (named := _NAME.fullmatch(file.name))
    ]
    return sorted(found, key=lambda step: step.version)


async def migrate(url: str, *, to: int | None = None) -> list[str]:
    """Bring a database to the newest schema; harmless when it is there already.

    Args:
        url: address with the rights of the owner of the tables.
        to: version to stop at; the newest where left out.

    Returns:
        What was done, in words; empty when there was nothing to do.

    Raises:
        StorageError: where the database is away, newer than this program, or was migrated by a
            step that has since been changed.
    """
    connection = await connect(url, "straja migrate")
    try:
        return await _migrate(connection, to)
    except psycopg.Error as error:
        raise StorageError(f"the database could not be migrated: {_said(error)}") from error
    finally:
        await connection.close()


async def schema_version(connection: psycopg.AsyncConnection) -> int:
    """Version of a database's schema; 0 where there is none."""
    row = await (await connection.execute("SELECT to_regclass('schema_version')::text")).fetchone()
    if row is None or row[0] is None:
        return 0
    row = await (await connection.execute("SELECT max(version) FROM schema_version")).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


async def require_schema(connection: psycopg.AsyncConnection) -> None:
    """Make sure that a database is at this program's schema.

    Raises:
        StorageError: where it is not.
    """
    there, newest = await schema_version(connection), migrations()[-1].version
    if there != newest:
        remedy = "run `straja migrate`" if there < newest else "start the newer program"
        raise StorageError(f"schema version is {there}, this program needs {newest}: {remedy}")


async def _migrate(connection: psycopg.AsyncConnection, to: int | None) -> list[str]:
    steps = migrations()
    newest = steps[-1].version
    if to is not None and to > newest:
        raise StorageError(f"schema version is {to}, this program knows {newest}: take a newer one")
    await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        await connection.execute("SET client_min_messages = warning")
        done = await _timescale(connection) if await schema_version(connection) == 0 else []
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, "
            "name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL "
            "DEFAULT now())"
        )
        cursor = await connection.execute("SELECT version, name, sha256 FROM schema_version")
        there = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}
        _check_known(there, steps)
        for step in steps:
            if step.version not in there and (to is None or step.version <= to):
                async with connection.transaction():
                    await connection.execute(step.text.encode())
                    await connection.execute(
                        "INSERT INTO schema_version (version, name, sha256) VALUES (%s, %s, %s)",
                        (step.version, step.name, step.sha256),
                    )
                done.append(f"{step.name}: applied")
        if done:
            done += await _compress(connection)
            done += await make_due(connection, datetime.now(UTC))
        rights = files("services.storage").joinpath("migrations", "each_time.sql")
        await connection.execute(rights.read_bytes())
        return done
    finally:
        if not connection.broken:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _check_known(there: dict[int, tuple[str, str]], steps: list[Migration]) -> None:
    known = {step.version: step for step in steps}
    for version, (name, sha256) in sorted(there.items()):
        step = known.get(version)
        if step is None:
            raise StorageError(
                f"schema version is {version} ({name}), this program knows up to "
                f"{steps[-1].version}: start the newer program, or restore a backup"
            )
        if step.sha256 != sha256:
            raise StorageError(
                f"migration {name} is not the one that made this database: install the released "
                f"program, or restore a backup into an empty database"
            )


async def _timescale(connection: psycopg.AsyncConnection) -> list[str]:
    """Switch TimescaleDB on where the server has it and lets us."""
    cursor = await connection.execute(
        "SELECT installed_version FROM pg_available_extensions WHERE name = 'timescaledb'"
    )
    row = await cursor.fetchone()
    if row is None:
        return ["TimescaleDB: not on this server; tables are partitioned by range"]
    if row[0] is None:
        try:
            async with connection.transaction():
                await connection.execute("CREATE EXTENSION timescaledb")
        except psycopg.Error as error:
            why = _said(error)
            return [f"TimescaleDB: not switched on ({why}); tables are partitioned by range"]
    return ["TimescaleDB: switched on; time tables are hypertables"]


async def _compress(connection: psycopg.AsyncConnection) -> list[str]:
    """Set compression and retention on hypertables; the community licence is needed for it."""
    cursor = await connection.execute(
        "SELECT name, time_column, keep::text FROM time_table WHERE hypertable ORDER BY name"
    )
    tables = await cursor.fetchall()
    cursor = await connection.execute("SELECT current_setting('timescaledb.license', true)")
    licence = await cursor.fetchone()
    if not tables:
        return []
    if licence is None or licence[0] != "timescale":
        return ["TimescaleDB: its Apache edition neither compresses nor drops by age"]
    done = []
    for name, column, keep in tables:
        order = "position" if name == "journal" else column
        await connection.execute(
            sql.SQL(
                "ALTER TABLE {} SET (timescaledb.compress, timescaledb.compress_segmentby = 'run', "
                "timescaledb.compress_orderby = {})"
            ).format(sql.Identifier(name), sql.Literal(order))
        )
        await connection.execute(
            "SELECT add_compression_policy(%s::text::regclass, %s::interval, "
            "if_not_exists => true)",
            (name, _COMPRESS_AFTER),
        )
        await connection.execute(
            "SELECT add_retention_policy(%s::text::regclass, %s::interval, if_not_exists => true)",
            (name, keep),
        )
        done.append(f"{name}: compressed after {_COMPRESS_AFTER}, kept {keep}")
    return done


def _said(error: psycopg.Error) -> str:
    """The first line of what the server said."""
    return str(error).strip().split("\n", 1)[0]
