"""The store: journal, conclusions and feeds in the database, and in the spool while it is away.

Nobody who writes waits longer than ``LIMIT_S`` for the database: what it did not take by then goes
into the spool, and so does everything after, so that the order stays, until ``drain`` has moved it
all into the database. Whether a write that ran out of time was committed is not known; every row
has a key that derives from what it names, so moving it again changes nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psycopg
import structlog

from geo.errors import OvertakenError, StorageError
from geo.site import Site
from services.alerts.ports import FeedEntry, Which
from services.alerts.release import release
from services.events import Conclusion
from services.ingest.ports import Entry
from services.storage import conclusions, journal, sites, snapshots, upkeep
from services.storage.accounts import AccountStore
from services.storage.alerts import AlertQueries
from services.storage.feed import Release, Showing, Shown, open_heads
from services.storage.lease import Lease, RunHeldError
from services.storage.link import BAD_ITEM, Link, Links, connect
from services.storage.migrate import require_schema
from services.storage.moments import moment
from services.storage.mover import REFUSED, Item, Mover, by_parts, put_items
from services.storage.recent import ALERTS, Recent
from services.storage.spool import Spool
from services.storage.spooled import Write, alerts_of, encode_row, encode_write

LIMIT_S = 1.0
"""How long an append or a write may wait for the database (architecture, the way of a report)."""
TOLD_AT_ONCE = 500
"""Assumed: what a listener's queue takes at once without being found slow."""
SNAPSHOT_LIMIT_S = 3.0
"""Assumed: nothing else is done meanwhile, and a snapshot left out costs no more than a longer
restart."""
_OPEN_LIMIT_S = 10.0
_RELEASE_S = 2.0
"""Assumed: how long the server may take to notice that a killed service is gone."""
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 2.0

_log = structlog.get_logger("storage")


class Store:
    """One run's storage. Make it with ``Store.open``, end it with ``close``."""

    def __init__(
        self,
        url: str,
        spool: Spool,
        showing: Showing,
        now_ns: Callable[[], int],
    ) -> None:
        """Put the parts together; ``open`` connects them."""
        self._url = url
        self._run = showing.run
        self._showing = showing
        self._now_ns = now_ns
        self._spool = spool
        self._lease = Lease(self._run)
        self._overtaken: OvertakenError | None = None
        self._journal = Link(url, f"straja journal {self._run}"[:63], self._lease.hold)
        self._conclusions = Link(url, f"straja conclusions {self._run}"[:63], self._lease.join)
        self._snapshots = Link(url, f"straja snapshots {self._run}"[:63], self._lease.join)
        self._links = Links(url, f"straja questions {self._run}"[:60])
        self._appending = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._draining = asyncio.Lock()
        self._away_since_ns: int | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._epoch = ""
        self._heads: dict[str, int] = {}
        self._recent = Recent()
        self._mover = Mover(self._conclusions, showing, spool)
        self._untold: list[FeedEntry] = []
        self._ready = False
        self.alerts = AlertQueries(
            self._links,
            self._run,
            self._recent,
            lambda: self._away_since_ns is not None,
            lambda: (self._epoch, self._heads),
        )
        self.accounts = AccountStore(self._links, self._run, now_ns)

    @classmethod
    async def open(
        cls,
        url: str,
        spool_dir: Path,
        run: str,
        home_party: str,
        parties: Sequence[str],
        now_ns: Callable[[], int],
        *,
        release_rule: Release = release,
    ) -> Self:
        """Connect, and move what a former process left in the spool into the database.

        Args:
            url: address of a migrated database; the service's own rights are enough.
            spool_dir: folder for the spool; each run has a folder of its own in it.
            run: "live" or a replay's name.
            home_party: the party that sees everything.
            parties: all parties that have a feed, the home party among them.
            now_ns: the clock.
            release_rule: what another party may see of an alert.

        Raises:
            RunHeldError: where another service has the run, and is alive.
            StorageError: where the database is away: after a start the journal in it is needed.
        """
        names = tuple(dict.fromkeys([home_party, *parties]))
        spool = await asyncio.to_thread(Spool, spool_dir / run)
        store = cls(url, spool, Showing(run, home_party, names, release_rule), now_ns)
        try:
            await store._start()
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close all connections; what waits in the spool stays there for the next start."""
        if self._recovery is not None:
            self._recovery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._recovery
            self._recovery = None
        async with self._appending, self._writing, self._draining:
            await self._journal.close()
            await self._conclusions.close()
            await self._snapshots.close()
            await self._links.close()
            await asyncio.to_thread(self._spool.close)

    # --- state

    @property
    def away_since_ns(self) -> int | None:
        """Since when everything goes through the spool; None while it goes to the database."""
        return self._away_since_ns

    @property
    def spool_bytes(self) -> int:
        """Bytes in the spool that are not in the database yet."""
        return self._spool.bytes_waiting

    @property
    def spool_torn_bytes(self) -> int:
        """Bytes cut off at opening: a write that never ended, and was never acknowledged."""
        return self._spool.torn_bytes

    @property
    def spool_damaged_bytes(self) -> int:
        """Bytes of the spool that could not be read; kept beside it in ``*.damaged``."""
        return self._spool.damaged_bytes

    @property
    def set_aside(self) -> int:
        """Items that the database would not take, whatever its state."""
        return self._mover.count_aside

    @property
    def epoch(self) -> str:
        """The feeds' epoch: another one after a restore from backup."""
        return self._epoch

    @property
    def lease_epoch(self) -> int:
        """How often a service took this run over, ours included; 0 before ``open``."""
        return self._lease.epoch or 0

    # --- the way in

    async def append(self, entries: Sequence[Entry]) -> bool:
        """Keep entries of the journal durably, within about ``LIMIT_S``.

        Returns:
            True when they are in the database, False when in the spool.

        Raises:
            OvertakenError: where another service took the run over: nothing is kept any more.
            StorageError: where the spool too cannot take them: then they are not kept, and must
                not be acknowledged.
        """
        self._still_ours()
        if not entries:
            return True
        rows = [journal.to_row(entry) for entry in entries]
        async with self._appending:
            if self._away_since_ns is None:
                try:
                    moved = await by_parts(rows, self._append_now)
                except OvertakenError as error:
                    raise self._lost(error) from error
                except StorageError as error:
                    self._gone(error)
                else:
                    await self._mover.set_aside(moved.refused)
                    return True
            await self._keep([encode_row(row) for row in rows])
            return False

    async def write(self, events: Sequence[Conclusion], position: int) -> list[FeedEntry]:
        """Keep conclusions durably, in one transaction, within about ``LIMIT_S``.

        Args:
            events: what was concluded, in order.
            position: up to where the journal had been applied.

        Returns:
            A line for each party that may see a new revision of an alert, in order. ``sequence``
            is None where only the spool has it. A revision shown before gives none.

        Raises:
            OvertakenError: where another service took the run over: nothing is kept any more.
            StorageError: where the spool too cannot take them.
        """
        self._still_ours()
        async with self._writing:
            if self._away_since_ns is None:
                try:
                    shown = await self._write_now(events, position)
                except OvertakenError as error:
                    raise self._lost(error) from error
                except StorageError as error:
                    self._gone(error)
                else:
                    return self._told(shown)
            await self._keep([encode_write(events, position)])
            entries = [
                FeedEntry(party, self._epoch, None, seen)
                for alert in alerts_of(events)
                for party, seen in self._showing.shown(alert)
                if not self._recent.knows(party, seen.id, seen.revision)
            ]
            self._recent.tell(entries)
            return entries

    async def drain(self) -> list[FeedEntry]:
        """Move the spool into the database, when that is back; call it each second.

        Returns:
            Lines that were shown without a sequence, now with theirs, in order: about
            ``TOLD_AT_ONCE`` at most. Where there are any, call it again when they are shown.

        Raises:
            OvertakenError: where another service took the run over.
        """
        self._still_ours()
        async with self._draining:
            if self._away_since_ns is not None and self._connected():
                try:
                    # The database takes over only in a call that returns all that is left.
                    while len(self._untold) < TOLD_AT_ONCE and not await self._drain_one():
                        pass
                except OvertakenError as error:
                    raise self._lost(error) from error
                except StorageError as error:
                    self._gone(error)
            told, self._untold = self._untold[:TOLD_AT_ONCE], self._untold[TOLD_AT_ONCE:]
        return told

    # --- what a start needs

    async def last_position(self) -> int:
        """Highest position given out so far, though retention emptied the journal; 0 at first."""
        return await self._links.run(
            lambda c: conclusions.last_position(c, self._run), _OPEN_LIMIT_S
        )

    async def applied_position(self) -> int:
        """Up to where conclusions were written; 0 where none were."""
        return await self._links.run(lambda c: conclusions.applied(c, self._run))

    async def read_journal(self, after: int) -> AsyncIterator[Entry]:
        """Entries after a position, in order; what the spool holds is not among them.

        Raises:
            StorageError: where the database is away.
        """
        async for entry in journal.entries(self._url, self._run, after):
            yield entry

    async def save_snapshot(self, position: int, states: Mapping[str, bytes]) -> bool:
        """Keep the stages' states; not while the database is away (False).

        Raises:
            OvertakenError: where another service took the run over.
        """
        self._still_ours()
        if self._away_since_ns is not None:
            return False
        try:
            await self._snapshots.open(SNAPSHOT_LIMIT_S)
            await self._snapshots.run(
                lambda c: snapshots.save(c, self._run, position, states), SNAPSHOT_LIMIT_S
            )
        except OvertakenError as error:
            raise self._lost(error) from error
        except (StorageError, *BAD_ITEM) as error:
            _log.warning("snapshot not kept", position=position, error=str(error))
            return False
        return True

    async def load_snapshot(self) -> tuple[int, dict[str, bytes]] | None:
        """The newest states not beyond the journal and what was applied of it; None without any."""
        return await self._links.run(lambda c: snapshots.load(c, self._run), _OPEN_LIMIT_S)

    async def record_site(self, site: Site) -> bool:
        """Keep the site that this run applies; False when this very site was kept before."""
        now_ns = self._now_ns()
        return await self._links.run(
            lambda c: sites.apply(c, self._run, site, now_ns), _OPEN_LIMIT_S
        )

    async def site_text(self, site_hash: str) -> str | None:
        """The site file of a hash; None where it was never kept."""
        return await self._links.run(lambda c: sites.text_of(c, site_hash))

    async def maintain(self) -> list[str]:
        """Make the next partitions and drop old ones; call it each hour."""
        connection = await connect(self._url, f"straja upkeep {self._run}"[:63])
        try:
            return await upkeep.make_due(connection, moment(self._now_ns()))
        except psycopg.Error as error:
            raise StorageError(f"partitions: {str(error).strip()}") from error
        finally:
            await connection.close()

    # --- inside

    async def _start(self) -> None:
        await self._conclusions.check()
        await self._conclusions.run(require_schema, _OPEN_LIMIT_S)
        await self._take()
        self._epoch, before = await self._conclusions.run(
            lambda c: open_heads(c, self._showing), _OPEN_LIMIT_S
        )
        self._heads = before
        self._ready = True
        if not self._spool.is_empty:
            self._away_since_ns = self._now_ns()
            async with self._draining:
                await self._drain_all()
        for party in self._showing.parties:
            self._recent.fill((await self.alerts.current(party, Which(), ALERTS)).entries)

    async def _take(self) -> None:
        """Take the run; a service that was just killed may have it a moment longer."""
        clock = asyncio.get_running_loop().time
        until = clock() + _RELEASE_S
        while True:
            try:
                await self._journal.check()
            except RunHeldError:
                if clock() >= until:
                    raise
                await asyncio.sleep(_FIRST_RETRY_S)
            else:
                break
        await self._conclusions.run(self._lease.join, _OPEN_LIMIT_S)

    def _still_ours(self) -> None:
        if self._overtaken is not None:
            raise self._overtaken

    def _lost(self, error: OvertakenError) -> OvertakenError:
        """From now on nothing is kept: whoever writes here ends."""
        if self._overtaken is None:
            self._overtaken = error
            _log.error("run was taken over", error=str(error))
        return self._overtaken

    async def _connect(self) -> None:
        await self._journal.check()
        await self._conclusions.check()

    def _connected(self) -> bool:
        return self._ready and self._journal.is_open and self._conclusions.is_open

    async def _append_now(self, items: Sequence[Item]) -> list[Shown]:
        rows = [item for item in items if isinstance(item, journal.Row)]
        try:
            await self._journal.run(
                lambda c: journal.add(c, self._run, rows),
                LIMIT_S,
                single=all(journal.is_plain(row) for row in rows),
            )
        except psycopg.errors.UniqueViolation:
            await self._journal.run(lambda c: journal.add_again(c, self._run, rows), LIMIT_S)
        return []

    async def _write_now(self, events: Sequence[Conclusion], position: int) -> list[Shown]:
        try:
            prepared = conclusions.prepare(self._run, events)
            if prepared.rows or prepared.alerts:
                return await self._conclusions.run(
                    lambda c: conclusions.add(c, self._showing, prepared, position), LIMIT_S
                )
            await self._conclusions.run(
                lambda c: conclusions.add_none(c, self._run, position), LIMIT_S, single=True
            )
        except REFUSED:
            return await self._write_by_parts(events, position)
        return []

    async def _write_by_parts(self, events: Sequence[Conclusion], position: int) -> list[Shown]:
        """Write what the database takes, and set aside only what it refuses."""
        kept = tuple(event for event in events if isinstance(event, conclusions.Written))
        moved = await by_parts(
            [Write(position, kept)],
            lambda items: put_items(self._conclusions, self._showing, items, LIMIT_S),
        )
        await self._mover.set_aside(moved.refused)
        return moved.shown

    async def _keep(self, bodies: Sequence[bytes]) -> None:
        await asyncio.to_thread(self._spool.append, bodies)

    def _told(self, shown: Sequence[Shown]) -> list[FeedEntry]:
        """Lines not yet told, and the memory of having told them."""
        entries = []
        for line in shown:
            if line.sequence > self._heads.get(line.party, 0):
                self._heads[line.party] = line.sequence
                entries.append(FeedEntry(line.party, self._epoch, line.sequence, line.alert))
        self._recent.tell(entries)
        return entries

    def _gone(self, error: Exception) -> None:
        """From now on everything goes through the spool; look for the database meanwhile."""
        if self._away_since_ns is None:
            self._away_since_ns = self._now_ns()
            _log.error("database is away; the spool takes over", error=str(error))
        self._ready = False
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        wait_s = _FIRST_RETRY_S
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self._connect()
                epoch, heads = await self._conclusions.run(
                    lambda c: open_heads(c, self._showing), _OPEN_LIMIT_S
                )
            except OvertakenError as error:
                self._lost(error)
                return
            except StorageError:
                wait_s = min(2.0 * wait_s, _LONGEST_RETRY_S)
                continue
            if epoch != self._epoch:
                # It was restored from a backup meanwhile: listeners start anew.
                self._epoch, self._heads = epoch, heads
                self._recent.forget()
                self._untold.clear()
            await self._snapshots.close()  # one from before is of no use
            self._ready = True
            return

    async def _drain_one(self) -> bool:
        """Move one batch; True when the spool is empty and the database takes over again."""
        shown = await self._mover.step()
        if shown is None:
            async with self._appending, self._writing:
                if not self._spool.is_empty:
                    return False
                since_ns, self._away_since_ns = self._away_since_ns, None
            _log.info("database is back; the spool is empty", away_since_ns=since_ns)
            return True
        self._untold += self._told(shown)
        return False

    async def _drain_all(self) -> None:
        """Empty the spool at a start; in smaller batches where the database is slow."""
        while True:
            try:
                if await self._drain_one():
                    return
            except StorageError:
                if not self._mover.may_shrink:
                    raise
                await self._connect()
            self._untold.clear()  # nobody listens yet
