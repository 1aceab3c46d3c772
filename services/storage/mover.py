"""The way of spooled items into the database: many at once, fewer where that is too slow.

An item that the database refuses holds up nothing and takes nothing else with it: what was refused
together is tried in halves, down to the single row or event at fault, which is set aside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from geo.errors import OvertakenError, StorageError, WireError
from services.events import Alert
from services.storage import conclusions, journal
from services.storage.feed import Showing, Shown, add_alerts
from services.storage.journal import Row
from services.storage.link import BAD_ITEM, Connection, Link
from services.storage.spool import Spool
from services.storage.spooled import Write, alerts_of, decode_body, encode_row, encode_write

MOVE_LIMIT_S = 10.0
MOST_FRAMES = 2_000
_QUICK_SHARE = 0.25
"""Assumed: a batch that took less of its time than this may be followed by one twice as large."""

Item = Row | Write | bytes
"""What a spool body is; bytes where this version cannot read it."""
REFUSED = (WireError, OverflowError, *BAD_ITEM)
"""What is wrong with an item itself, and not with the database."""

_log = structlog.get_logger("storage")


@dataclass(slots=True)
class Moved:
    """What came of items: lines of feeds, and what was refused."""

    shown: list[Shown] = field(default_factory=list)
    refused: list[tuple[Item, Exception]] = field(default_factory=list)


async def by_parts(
    items: Sequence[Item], put: Callable[[Sequence[Item]], Awaitable[list[Shown]]]
) -> Moved:
    """Put items into the database, all at once or else in halves, in order.

    Args:
        items: journal rows and writes.
        put: puts some of them, in one transaction.

    Raises:
        StorageError: where the database is away; what was put by then stays.
    """
    try:
        return Moved(await put(items))
    except REFUSED as error:
        halves = _halves(items)
        if not halves:
            return Moved(refused=[(item, error) for item in items])
    moved = Moved()
    for half in halves:
        part = await by_parts(half, put)
        moved.shown += part.shown
        moved.refused += part.refused
    return moved


def _halves(items: Sequence[Item]) -> list[list[Item]]:
    """Two parts of items, or of the one write's events; none of what cannot be parted."""
    if len(items) > 1:
        middle = len(items) // 2
        return [list(items[:middle]), list(items[middle:])]
    for item in items:
        if isinstance(item, Write) and len(item.events) > 1:
            middle = len(item.events) // 2
            parts = (item.events[:middle], item.events[middle:])
            return [[Write(item.position, events)] for events in parts]
    return []


async def put_items(
    link: Link, showing: Showing, items: Sequence[Item], limit_s: float
) -> list[Shown]:
    """Put items into the database in one transaction; what is there already stays as it is.

    All journal rows go first, together: in one transaction nobody sees a write without the rows
    it followed from, whatever stood between them.
    """
    rows = [item for item in items if isinstance(item, Row)]
    writes = [item for item in items if isinstance(item, Write)]
    for item in items:
        if isinstance(item, bytes):
            raise WireError("spool body", item[:40], "what this version wrote")
    prepared = conclusions.prepare(
        showing.run,
        [event for write in writes for event in write.events if not isinstance(event, Alert)],
    )

    async def work(connection: Connection) -> list[Shown]:
        if rows:
            await journal.add_again(connection, showing.run, rows)
        await conclusions.add_rows(connection, prepared)
        shown: list[Shown] = []
        for write in writes:
            shown += await add_alerts(connection, showing, alerts_of(write.events), write.position)
        if writes:
            position = max(write.position for write in writes)
            await conclusions.add_none(connection, showing.run, position)
        return shown

    return await link.run(work, limit_s)


class Mover:
    """Moves the spool into the database, batch by batch."""

    def __init__(self, link: Link, showing: Showing, spool: Spool) -> None:
        """Take where from and where to."""
        self._link = link
        self._showing = showing
        self._spool = spool
        self._frames = MOST_FRAMES
        self.count_aside = 0
        self.may_shrink = False
        """Whether the batch that failed last will be tried anew with fewer frames."""

    async def step(self) -> list[Shown] | None:
        """Move one batch; the lines of feeds that came of it, None where the spool is empty.

        Raises:
            StorageError: where the database did not take the batch in its time: the next one has
                half as many frames.
        """
        self.may_shrink = False
        batch = await asyncio.to_thread(self._spool.peek, max_frames=self._frames)
        if batch is None:
            return None
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            moved = await by_parts([_item(body) for body in batch.bodies], self._put)
        except OvertakenError:
            raise
        except StorageError:
            self._frames = max(1, len(batch.bodies) // 2)
            self.may_shrink = len(batch.bodies) > 1
            raise
        if clock() - begun < _QUICK_SHARE * MOVE_LIMIT_S:
            self._frames = min(MOST_FRAMES, 2 * self._frames)
        await self.set_aside(moved.refused)
        try:
            await asyncio.to_thread(self._spool.taken, batch)
        except StorageError as error:
            # It is in the database, and its lines are to be told; the next look fails likewise.
            _log.error("spool file not removed", error=str(error))
        return moved.shown

    async def set_aside(self, refused: Sequence[tuple[Item, Exception]]) -> None:
        """Keep what the database will never take beside the spool.

        Raises:
            StorageError: where the disk fails.
        """
        for item, error in refused:
            body = _body(item)
            await asyncio.to_thread(self._spool.set_aside, body)
            self.count_aside += 1
            _log.error("item set aside", bytes=len(body), error=str(error))

    async def _put(self, items: Sequence[Item]) -> list[Shown]:
        return await put_items(self._link, self._showing, items, MOVE_LIMIT_S)


def _item(body: bytes) -> Item:
    try:
        return decode_body(body)
    except WireError:
        return body


def _body(item: Item) -> bytes:
    if isinstance(item, Row):
        return encode_row(item)
    if isinstance(item, Write):
        return encode_write(item.events, item.position)
    return item
