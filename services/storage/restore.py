"""Putting a backup back: all of it or nothing, and under a new feed epoch.

The new epoch makes every listener start anew: what it heard after the backup was taken is gone.
A service that runs is left alone: the restore is refused. One that was paused or cut off finds its
lease at an end, and writes nothing into what was restored.
"""

import asyncio
import hashlib
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from geo.errors import BackupError, ConfigError, StorageError, StrajaError
from services.storage.audit import Line, add_lines
from services.storage.backup import FORMAT, LEFT_OUT, TABLES, Manifest, Progress, TableNote
from services.storage.lease import end_all, hold_all
from services.storage.link import Connection, connect
from services.storage.migrate import migrate, migrations

_BUFFER = 1 << 20
_MOST_PARTITIONS = 400
_EMPTIED_FIRST = ("session", "one_time_token", "sign_in_failure")


async def restore(
    url: str, path: Path, progress: Progress | None = None, *, replace: bool = False
) -> Manifest:
    """Put a backup into a database, in one transaction.

    Args:
        url: address with the rights of the owner.
        path: what ``backup`` wrote.
        progress: told how far it is.
        replace: remove what the database holds; without it, only an empty one is taken.

    Raises:
        RunHeldError: where a service is running on it.
        ConfigError: where the database is not empty.
        BackupError: where the file is damaged or of a newer program.
        StorageError: where the database is away, or what arrived is not what the manifest says.
            Whatever is raised, the database is as it was.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = await asyncio.to_thread(_checked, archive, path)
            await _must_be_free(url)
            # The backup's own schema first; what came after it changes the rows as they change.
            await migrate(url, to=manifest.schema_version)
            connection = await connect(url, "straja restore")
            try:
                async with connection.transaction():
                    await _fill(connection, archive, manifest, progress, replace=replace)
            finally:
                await connection.close()
    except psycopg.Error as error:
        raise StorageError(f"restore: {str(error).strip()}") from error
    except StrajaError:
        raise
    except (OSError, zipfile.BadZipFile) as error:
        raise BackupError(f"backup {path} cannot be read ({error}): take another") from error
    await migrate(url)
    return manifest


def _checked(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """The manifest, after every table's bytes were compared with it."""
    try:
        said = json.loads(archive.read("manifest.json"))
        notes = [TableNote(**note) for note in said.pop("tables")]
        manifest = Manifest(tables=notes, **said)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(f"backup {path} has no manifest of ours ({error})") from error
    newest = migrations()[-1].version
    if manifest.format != FORMAT or manifest.schema_version > newest:
        raise BackupError(
            f"backup {path} has format {manifest.format} and schema {manifest.schema_version}, "
            f"this program reads {FORMAT} and up to {newest}: use the program that wrote it"
        )
    strangers = [note.name for note in notes if note.name not in TABLES or note.name in LEFT_OUT]
    if strangers:
        raise BackupError(f"backup {path} has tables {strangers}, which this program has not")
    for note in notes:
        digest = hashlib.sha256()
        with archive.open(f"{note.name}.copy") as member:
            while data := member.read(_BUFFER):
                digest.update(data)
        if digest.hexdigest() != note.sha256:
            raise BackupError(f"backup {path} is damaged in table {note.name}: take another")
    return manifest


async def _fill(
    connection: Connection,
    archive: zipfile.ZipFile,
    manifest: Manifest,
    progress: Progress | None,
    *,
    replace: bool,
) -> None:
    await hold_all(connection)
    everything = sql.SQL(", ").join(map(sql.Identifier, (*TABLES, *_EMPTIED_FIRST)))
    await connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(everything))
    if not replace:
        await _must_be_empty(connection)
    await connection.execute(sql.SQL("TRUNCATE {}").format(everything))
    for note in manifest.tables:
        await _make_partitions(connection, note)
        await _fill_table(connection, archive, note, progress)
    # What the backup's schema had no table of yet still needs its one row.
    await connection.execute(
        "INSERT INTO audit_head (sequence, hash) VALUES (0, ''::bytea) ON CONFLICT DO NOTHING"
    )
    await end_all(connection)
    now = datetime.now(UTC)
    await connection.execute(
        "UPDATE feed_epoch SET epoch = replace(gen_random_uuid()::text, '-', ''), since = %s, "
        "reason = 'restored'",
        (now,),
    )
    line = Line(
        at_ns=int((now - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000,
        actor="system",
        what="restored from backup",
        object=manifest.epoch,
        detail={"taken_at": manifest.taken_at},
    )
    await add_lines(connection, "live", [line])


async def _must_be_free(url: str) -> None:
    """Look for running services before the schema is touched; ``_fill`` looks again and keeps."""
    connection = await connect(url, "straja restore")
    try:
        async with connection.transaction():
            await hold_all(connection)
    finally:
        await connection.close()


async def _must_be_empty(connection: Connection) -> None:
    for table in TABLES:
        # A migrated database has this one row, which says that nothing was audited yet.
        which = sql.SQL("WHERE sequence > 0" if table == "audit_head" else "")
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} {})").format(sql.Identifier(table), which)
        row = await (await connection.execute(query)).fetchone()
        if row is not None and row[0]:
            raise ConfigError(
                f"database is not empty (table {table} has rows): restore into an empty one, or "
                f"give --replace to give up what it holds"
            )


async def _make_partitions(connection: Connection, note: TableNote) -> None:
    """Make what the rows will need, so that they do not all fall into the default partition."""
    if not note.first:
        return
    cursor = await connection.execute("SELECT step FROM time_table WHERE name = %s", (note.name,))
    row = await cursor.fetchone()
    if row is None:
        return
    at, last = datetime.fromisoformat(note.first), datetime.fromisoformat(note.last) + row[0]
    if (last - at) / row[0] > _MOST_PARTITIONS:
        return  # a stray time far off: upkeep sorts out what the default partition caught
    while at <= last:
        await connection.execute("SELECT straja_make_partition(%s, %s)", (note.name, at))
        at += row[0]


async def _fill_table(
    connection: Connection,
    archive: zipfile.ZipFile,
    note: TableNote,
    progress: Progress | None,
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, note.columns))
    table = sql.Identifier(note.name)
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(table, names)
    rows = 0
    with archive.open(f"{note.name}.copy") as member:
        async with connection.cursor() as cursor, cursor.copy(query) as copy:
            while data := await asyncio.to_thread(member.read, _BUFFER):
                await copy.write(data)
                rows += data.count(b"\n")
                if progress is not None:
                    progress(note.name, rows, note.rows)
    row = await (
        await connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
    ).fetchone()
    if row is None or row[0] != note.rows:
        there = 0 if row is None else row[0]
        raise StorageError(f"table {note.name} has {there} rows, {note.rows} were in the backup")
