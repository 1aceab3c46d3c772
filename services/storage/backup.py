"""A backup: everything in the database, as it was at one moment, in one file.

A zip file with one member a table, ``<table>.copy`` (PostgreSQL's text COPY format), and
``manifest.json``: schema version, and for each table its columns, rows and SHA-256. Read in one
repeatable-read transaction. Why not ``pg_dump``: it must be as new as the server, while ours may
be any from 15 on and other than the bundled one, and TimescaleDB's hypertables go neither out
through their parents nor back in without its own procedures; plain rows go between both kinds.

Sessions, one-time tokens and failed sign-ins are not in it: after a restore everyone signs in anew.
Neither are leases: who holds a run is a matter of this database, not of the backup's.
"""

import asyncio
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from geo.errors import BackupError, ConfigError, StorageError, StrajaError
from services.storage.link import Connection, connect
from services.storage.migrate import schema_version

FORMAT = 1
TABLES = (
    "journal",
    "applied",
    "detection",
    "track_position",
    "sensor_health",
    "gateway_health",
    "proof",
    "incident",
    "alert",
    "alert_event",
    "feed_head",
    "feed",
    "feed_current",
    "refused",
    "snapshot",
    "site",
    "site_row",
    "account",
    "audit",
    "audit_head",
)
LEFT_OUT = frozenset(
    {"session", "one_time_token", "sign_in_failure", "schema_version", "feed_epoch"}
    | {"time_table", "time_partition", "lease"}
)
"""What is not anybody's data, or must not come back."""

Progress = Callable[[str, int, int], None]
"""(table, its rows done, its rows altogether): called now and then."""

_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class TableNote:
    """What the manifest says of a table.

    Attributes:
        first, last: time range of a time-partitioned table's rows, RFC 3339; empty for others.
    """

    name: str
    columns: list[str]
    rows: int
    sha256: str
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    format: int
    schema_version: int
    taken_at: str
    epoch: str
    tables: list[TableNote]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(note.rows for note in self.tables)


async def backup(url: str, path: Path, progress: Progress | None = None) -> Manifest:
    """Write everything in the database into one file, which appears only when it is whole.

    Args:
        url: address; the service's own rights are enough.
        path: the file, which must not exist; readable by us alone, as it holds password hashes.
        progress: told how far it is.

    Raises:
        ConfigError: where the file exists.
        BackupError: where the disk fails.
        StorageError: where the database is away or has another schema.
    """
    if await asyncio.to_thread(path.exists):
        raise ConfigError(f"backup {path} exists: name another file, or move that one away")
    part = path.with_name(f".{path.name}.part")
    connection = await connect(url, "straja backup")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w+b") as file:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            async with connection.transaction():
                manifest = await _write(connection, file, progress)
            await asyncio.to_thread(os.fsync, file.fileno())
        part.replace(path)
    except psycopg.Error as error:
        raise StorageError(f"backup: {str(error).strip()}") from error
    except StrajaError:
        raise
    except OSError as error:
        raise BackupError(f"backup {path} cannot be written ({error}): make room there") from error
    finally:
        part.unlink(missing_ok=True)
        await connection.close()
    return manifest


async def _write(connection: Connection, file: IO[bytes], progress: Progress | None) -> Manifest:
    version = await schema_version(connection)
    if version == 0:
        raise StorageError("database has no tables of ours: run `straja migrate` on it first")
    row = await (await connection.execute("SELECT now(), epoch FROM feed_epoch")).fetchone()
    if row is None:
        raise StorageError("database has no feed epoch: restore a backup")
    cursor = await connection.execute("SELECT name, time_column FROM time_table")
    times: dict[str, str] = {str(name): str(column) for name, column in await cursor.fetchall()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        notes = [
            await _write_table(connection, archive, table, times, progress) for table in TABLES
        ]
        manifest = Manifest(FORMAT, version, row[0].isoformat(), str(row[1]), notes)
        archive.writestr("manifest.json", json.dumps(asdict(manifest), indent=1))
    return manifest


async def _write_table(
    connection: Connection,
    archive: zipfile.ZipFile,
    table: str,
    times: dict[str, str],
    progress: Progress | None,
) -> TableNote:
    cursor = await connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::text::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    columns = [str(row[0]) for row in await cursor.fetchall()]
    first, last, total = await _range(connection, table, times.get(table))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    # Through a query: neither hypertables nor partitioned tables give their rows otherwise.
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(names, sql.Identifier(table))
    digest, rows, pending = hashlib.sha256(), 0, io.BytesIO()
    # Rows of any size: the member may pass 4 GiB.
    with archive.open(f"{table}.copy", "w", force_zip64=True) as member:

        def put() -> None:
            digest.update(pending.getbuffer())
            member.write(pending.getbuffer())

        async with connection.cursor() as reader, reader.copy(query) as copy:
            async for data in copy:
                pending.write(data)
                rows += bytes(data).count(b"\n")
                if pending.tell() >= _BUFFER:
                    await asyncio.to_thread(put)
                    pending = io.BytesIO()
                    if progress is not None:
                        progress(table, rows, total)
        await asyncio.to_thread(put)
    if rows != total:
        raise StorageError(f"backup of {table} has {rows} rows, {total} are there: try again")
    if progress is not None:
        progress(table, rows, total)
    return TableNote(table, columns, rows, digest.hexdigest(), first, last)


async def _range(connection: Connection, table: str, column: str | None) -> tuple[str, str, int]:
    if column is None:
        query = sql.SQL("SELECT NULL, NULL, count(*) FROM {}").format(sql.Identifier(table))
    else:
        query = sql.SQL("SELECT min({0}), max({0}), count(*) FROM {1}").format(
            sql.Identifier(column), sql.Identifier(table)
        )
    row = await (await connection.execute(query)).fetchone()
    if row is None:
        return "", "", 0
    first, last, count = row
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return "", "", int(count)
    return first.isoformat(), last.isoformat(), int(count)
