"""What the service concluded, into its tables: one transaction for all that follows from an item.

Every row has a key that derives from what it names, so writing the same again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.events import (
    Alert,
    Conclusion,
    Detection,
    GatewayHealth,
    Incident,
    Proof,
    Refused,
    SensorHealth,
    Track,
    encode,
)
from services.storage.feed import Showing, Shown, add_alerts
from services.storage.link import Connection
from services.storage.moments import moment, plain

Written = Alert | Detection | Track | Incident | SensorHealth | GatewayHealth | Proof | Refused
"""Conclusions with a table; others (ticks, receptions, gaps) are counted where they arise."""

_DETECTION = (
    "INSERT INTO detection (run, id, at, at_ns, feed_group, sensor, sensor_kind, mark, east_m, "
    "north_m, object_class, confidence, record) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_TRACK = (
    "INSERT INTO track_position (run, id, revision, at, at_ns, state, mark, east_m, north_m, "
    "covariance_ee_m2, covariance_en_m2, covariance_nn_m2, velocity_east_mps, "
    "velocity_north_mps, object_class, confidence, sensors, own_force) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
    "ON CONFLICT DO NOTHING"
)
_INCIDENT = (
    "INSERT INTO incident (run, id, revision, at, started_at, mark, severity, ended, record) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run, id) DO UPDATE SET "
    "revision = EXCLUDED.revision, at = EXCLUDED.at, started_at = EXCLUDED.started_at, "
    "mark = EXCLUDED.mark, severity = EXCLUDED.severity, ended = EXCLUDED.ended, "
    "record = EXCLUDED.record WHERE incident.revision < EXCLUDED.revision"
)
_SENSOR_HEALTH = (
    "INSERT INTO sensor_health (run, feed_group, sensor, at, at_ns, state, record) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_GATEWAY_HEALTH = (
    "INSERT INTO gateway_health (run, feed_group, at, at_ns, state, sent, received, journalled, "
    "rejected) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_PROOF = (
    "INSERT INTO proof (run, sensor, at, at_ns, measured_at_ns) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT DO NOTHING"
)
_REFUSED = (
    "INSERT INTO refused (run, command, at, record) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


_MANY = 32
"""From so many detections on they are copied and inserted together: a third of the time a row."""
_COPIED = {
    "run": "text", "id": "text", "at": "timestamptz", "at_ns": "int8", "feed_group": "text",
    "sensor": "text", "sensor_kind": "text", "mark": "text", "east_m": "float8",
    "north_m": "float8", "object_class": "text", "confidence": "float4", "record": "text",
}  # fmt: skip
_CREATE_COPIED = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS detection_new ("
    + ", ".join(f"{name} {kind}" for name, kind in _COPIED.items())
    + ") ON COMMIT DELETE ROWS"
)
_INSERT_COPIED = (
    f"INSERT INTO detection ({', '.join(_COPIED)}) SELECT {', '.join(_COPIED)}::json "  # noqa: S608 - our own names
    "FROM detection_new ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Conclusions as rows, made before the database's time begins to count.

    Attributes:
        rows: by statement.
        alerts: which the database says what to write for.
    """

    rows: dict[str, list[tuple[object, ...]]]
    alerts: list[Alert]


def prepare(run: str, events: Sequence[Conclusion]) -> Prepared:
    """Make rows of conclusions; empty where none of them has a table."""
    prepared = Prepared({}, [])
    for event in events:
        if isinstance(event, Alert):
            prepared.alerts.append(event)
        elif found := _row(event):
            prepared.rows.setdefault(found[0], []).append((plain(run), *found[1]))
    return prepared


async def add(
    connection: Connection, showing: Showing, prepared: Prepared, position: int
) -> list[Shown]:
    """Write conclusions (inside a transaction), and how far the journal was applied.

    Returns:
        The feed's lines of all alerts among them, those found there already included.
    """
    await add_rows(connection, prepared)
    shown = await add_alerts(connection, showing, prepared.alerts, position)
    await add_none(connection, showing.run, position)
    return shown


async def add_rows(connection: Connection, prepared: Prepared) -> None:
    """Write all but alerts (inside a transaction)."""
    async with connection.cursor() as cursor:
        for statement, values in prepared.rows.items():
            if statement is _DETECTION and len(values) >= _MANY:
                await _copy(connection, values)
            else:
                await cursor.executemany(statement, values)


async def add_none(connection: Connection, run: str, position: int) -> None:
    """Write how far the journal was applied; one statement."""
    await connection.execute(
        "INSERT INTO applied (run, position) VALUES (%s, %s) ON CONFLICT (run) DO UPDATE "
        "SET position = EXCLUDED.position WHERE applied.position < EXCLUDED.position",
        (run, position),
    )


async def applied(connection: Connection, run: str) -> int:
    """Up to where the journal was applied; 0 where it was not."""
    cursor = await connection.execute("SELECT position FROM applied WHERE run = %s", (run,))
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def last_position(connection: Connection, run: str) -> int:
    """Highest position of a run that anything speaks of; 0 where nothing does.

    Retention may have emptied the journal: positions go on all the same, as snapshots and the
    order of what was concluded go by them.
    """
    cursor = await connection.execute(
        "SELECT greatest("
        "(SELECT position FROM journal WHERE run = %(run)s ORDER BY position DESC LIMIT 1), "
        "(SELECT position FROM applied WHERE run = %(run)s), "
        "(SELECT max(position) FROM snapshot WHERE run = %(run)s), 0)",
        {"run": run},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def _copy(connection: Connection, values: Sequence[tuple[object, ...]]) -> None:
    """Write many detections; those that are there already stay as they are."""
    await connection.execute(_CREATE_COPIED)
    await connection.execute("DELETE FROM detection_new")
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY detection_new ({', '.join(_COPIED)}) FROM STDIN (FORMAT BINARY)"
        ) as copy,
    ):
        copy.set_types(tuple(_COPIED.values()))
        for value in values:
            await copy.write_row(value)
    await connection.execute(_INSERT_COPIED)


def _row(event: Conclusion) -> tuple[str, tuple[object, ...]] | None:
    """The statement and values (without the run) for an event that has a table of its own."""
    if isinstance(event, Detection):
        return _DETECTION, (
            plain(event.id),
            moment(event.at_ns),
            event.at_ns,
            plain(event.group),
            plain(event.sensor),
            event.kind,
            event.mark,
            event.east_m,
            event.north_m,
            max(event.classes, key=event.classes.__getitem__, default="unknown"),
            event.confidence,
            encode(event).decode(),
        )
    if isinstance(event, Track):
        return _TRACK, (
            plain(event.id),
            event.revision,
            moment(event.at_ns),
            event.at_ns,
            event.state,
            event.mark,
            event.east_m,
            event.north_m,
            event.covariance.ee,
            event.covariance.en,
            event.covariance.nn,
            event.velocity_east_mps,
            event.velocity_north_mps,
            max(event.classes, key=event.classes.__getitem__, default="unknown"),
            event.confidence,
            [plain(sensor) for sensor in event.sensors],
            None if event.own_force is None else plain(event.own_force),
        )
    if isinstance(event, Incident):
        return _INCIDENT, (
            plain(event.id),
            event.revision,
            moment(event.at_ns),
            moment(event.started_at_ns),
            event.mark,
            int(event.severity),
            event.ended,
            encode(event).decode(),
        )
    if isinstance(event, SensorHealth):
        return _SENSOR_HEALTH, (
            plain(event.group),
            plain(event.sensor),
            moment(event.at_ns),
            event.at_ns,
            event.state,
            encode(event).decode(),
        )
    if isinstance(event, GatewayHealth):
        return _GATEWAY_HEALTH, (
            plain(event.group),
            moment(event.at_ns),
            event.at_ns,
            event.state,
            event.sent,
            event.received,
            event.journalled,
            event.rejected,
        )
    if isinstance(event, Proof):
        return _PROOF, (
            plain(event.sensor),
            moment(event.at_ns),
            event.at_ns,
            event.measured_at_ns,
        )
    if isinstance(event, Refused):
        return _REFUSED, (plain(event.command), moment(event.at_ns), encode(event).decode())
    return None
