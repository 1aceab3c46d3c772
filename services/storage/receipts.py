"""When the messages behind detections were received: for measuring how long the way takes."""

from services.storage.link import connect


async def receipts(url: str, run: str, kind: str) -> dict[int, int]:
    """Receive time by event time, both ns UTC, of a run's stored detections of one sensor kind.

    Raises:
        StorageError: where the database is away.
    """
    connection = await connect(url, "straja receipts")
    try:
        cursor = await connection.execute(
            "SELECT at_ns, max((record ->> 'received_at_ns')::bigint) FROM detection "
            "WHERE run = %s AND sensor_kind = %s GROUP BY at_ns",
            (run, kind),
        )
        return {int(at_ns): int(received_ns) for at_ns, received_ns in await cursor.fetchall()}
    finally:
        await connection.close()
