"""The one writer of a run: journal, acknowledge, push, store, show, in this order.

Three tasks share the work, so that the database keeps a batch, and what followed from the one
before, while yet another is pushed through the stages. Whatever drives the stages went through the
journal before, so a service that was killed goes on from its last snapshot and the journal after
it, under the same ids.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from geo.errors import OvertakenError, StorageError
from services.alerts.ports import FeedEntry
from services.correlate.site_memory import SiteMemory
from services.events import Alert, Command, Conclusion, Item, Refused
from services.ingest.ports import Entry, Journal
from services.run.pipeline import Pipeline

_log = structlog.get_logger()

SNAPSHOT_EVERY_NS = 10_000_000_000
_TURN_S = 0.004
"""Time after which other tasks get a turn while items are pushed: the journal's next batch and
the broker's next messages come in meanwhile."""
_TOGETHER = 500
"""Entries from which on no more are added to what is stored in one transaction: that must be done
within the store's limit also where the database is slow."""
_RETRY_S = 1.0
_QUEUE = 64
"""Batches that may wait before the stages; then the journal, and with it the broker, waits."""
_CONCLUDED = 2
"""Batches of conclusions that may wait to be stored; then the stages wait."""
_YOUNG = 50_000
"""Objects made before the collector looks for garbage among the young: a batch of reports lives
until it is stored, and going through it again and again took a tenth of the time of a report."""


class EventStore(Journal, Protocol):
    """What the engine needs of the store."""

    async def write(self, events: Sequence[Conclusion], position: int) -> list[FeedEntry]:
        """Store what followed from the journal up to ``position``; give what is new to feeds."""
        ...

    async def drain(self) -> list[FeedEntry]:
        """Move a spool into the database that is back; give what has its sequence now."""
        ...

    async def save_snapshot(self, position: int, states: Mapping[str, bytes]) -> bool:
        """Keep the stages' states as of ``position``; False where the database is away."""
        ...

    async def load_snapshot(self) -> tuple[int, dict[str, bytes]] | None:
        """The newest states and their position."""
        ...

    def read_journal(self, after: int) -> AsyncIterator[Entry]:
        """Entries after a position, in order."""
        ...

    async def last_position(self) -> int:
        """Position of the journal's last entry, 0 where it is empty."""
        ...


Show = Callable[[Sequence[Conclusion], Sequence[FeedEntry]], None]
"""Called after storing with what followed and what is new to feeds."""


@dataclass(slots=True)
class _Work:
    items: Sequence[tuple[int, Item]]
    journalled: asyncio.Future[None]


@dataclass(slots=True)
class _Concluded:
    """What followed from the journal up to a position.

    Attributes:
        answers: to each command among it.
        states: of the stages at that position, where a snapshot is due.
    """

    events: list[Conclusion]
    position: int
    answers: list[tuple[str, list[Alert | Refused]]]
    states: dict[str, bytes] | None = None


class Engine:
    """Runs a pipeline behind the journal.

    Attributes:
        position: of the last entry journalled.
        applied: of the last entry pushed and stored.
        failures: items whose push raised; each is logged with its position.
        alerts_raised: alerts raised and shown since the start.
        recovered: items of the journal pushed again at the start.
        recovering: while that is done: what is shown then was shown before.
        restarted: stages that began anew, since their snapshot did not fit.
        not_keeping_since_ns: since when neither database nor disk takes the journal, or None.
        saved_position: of the last snapshot saved.
        snapshots_failed: snapshots that were not saved.
    """

    def __init__(
        self, pipeline: Pipeline, store: EventStore, show: Show, now_ns: Callable[[], int]
    ) -> None:
        """Set up; ``recover`` first, then ``run``."""
        self._pipeline = pipeline
        self._store = store
        self._show = show
        self._now_ns = now_ns
        self._inbox: asyncio.Queue[_Work] = asyncio.Queue(_QUEUE)
        self._journalled: asyncio.Queue[Sequence[Entry]] = asyncio.Queue(_QUEUE)
        self._concluded: asyncio.Queue[_Concluded] = asyncio.Queue(_CONCLUDED)
        self._answers: dict[str, asyncio.Future[list[Alert | Refused]]] = {}
        self._handing_over: set[asyncio.Future[None]] = set()
        self._snapshots: asyncio.Queue[tuple[int, dict[str, bytes]]] = asyncio.Queue(1)
        self._snapshot_at_ns = now_ns()
        self.position = 0
        self.applied = 0
        self.failures = 0
        self.alerts_raised = 0
        self.recovered = 0
        self.recovering = False
        self.restarted: list[str] = []
        self.not_keeping_since_ns: int | None = None
        self.saved_position = 0
        self.snapshots_failed = 0

    @property
    def left_out(self) -> dict[tuple[str, str], int]:
        """How many items no alert was made of, by stage and reason."""
        return self._pipeline.left_out

    @property
    def memory(self) -> SiteMemory:
        """What is usual at the site."""
        return self._pipeline.memory

    @property
    def stages_changed(self) -> list[str]:
        """Stages that lost their state when other rows of the site began to apply."""
        return self._pipeline.restarted

    async def recover(self) -> None:
        """Go on from the last snapshot and the journal after it."""
        self.recovering = True
        snapshot = await self._store.load_snapshot()
        if snapshot is not None:
            self.applied, states = snapshot
            self.saved_position = self.applied
            self.restarted = self._pipeline.restore(states)
            if self.restarted:
                _log.warning("stages begin anew, their state does not fit", stages=self.restarted)
        batch: list[Entry] = []
        async for entry in self._store.read_journal(self.applied):
            batch.append(entry)
            if len(batch) == 1_000:
                self.recovered += len(batch)
                await self._keep_conclusions(await self._conclude(batch))
                batch = []
        if batch:
            self.recovered += len(batch)
            await self._keep_conclusions(await self._conclude(batch))
        self.position = max(self.applied, await self._store.last_position())
        self.recovering = False
        # Modules, site and kernels stay as long as we run.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
        _log.info("recovered", position=self.position, replayed=self.recovered)

    async def take(self, items: Sequence[tuple[int, Item]]) -> None:
        """Hand items over, each with its receive time; returns once they are journalled."""
        journalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._inbox.put(_Work(items, journalled))
        await journalled

    async def submit(self, command: Command) -> list[Alert | Refused]:
        """Journal a person's decision, let it take effect, and say what came of it.

        A command sent again while it is under way waits for the same answer; one whose sender has
        gone takes effect all the same.
        """
        answer = self._answers.get(command.id)
        if answer is None:
            answer = self._answers[command.id] = asyncio.get_running_loop().create_future()
            handing_over = asyncio.ensure_future(self.take([(command.at_ns, command)]))
            self._handing_over.add(handing_over)
            handing_over.add_done_callback(self._handing_over.discard)
        return await asyncio.shield(answer)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._journal())
            group.create_task(self._process())
            group.create_task(self._store_conclusions())
            group.create_task(self._save())

    async def _journal(self) -> None:
        while True:
            works = [await self._inbox.get()]
            while not self._inbox.empty():
                works.append(self._inbox.get_nowait())
            items = [item for work in works for item in work.items]
            entries = [
                Entry(self.position + number, received_at_ns, item)
                for number, (received_at_ns, item) in enumerate(items, start=1)
            ]
            if entries:
                await self._keep(entries)
                self.position = entries[-1].position
            for work in works:
                if not work.journalled.done():
                    work.journalled.set_result(None)
            await self._journalled.put(entries)

    async def _keep(self, entries: Sequence[Entry]) -> None:
        """Journal entries; where neither database nor disk takes them, the broker waits."""
        while True:
            try:
                await self._store.append(entries)
            except OvertakenError:
                raise
            except StorageError as error:
                if self.not_keeping_since_ns is None:
                    self.not_keeping_since_ns = self._now_ns()
                    _log.exception("nothing can be journalled", reason=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                self.not_keeping_since_ns = None
                return

    async def _process(self) -> None:
        while True:
            entries = list(await self._journalled.get())
            while not self._journalled.empty() and len(entries) < _TOGETHER:
                entries += self._journalled.get_nowait()
            if not entries:
                continue
            concluded = await self._conclude(entries)
            now_ns = self._now_ns()
            if now_ns - self._snapshot_at_ns >= SNAPSHOT_EVERY_NS and self._snapshots.empty():
                self._snapshot_at_ns = now_ns
                concluded.states = self._pipeline.snapshot()
            await self._concluded.put(concluded)

    async def _store_conclusions(self) -> None:
        while True:
            concluded = await self._concluded.get()
            await self._keep_conclusions(concluded)
            # Not before: whoever starts from a snapshot does not conclude again what led to it.
            if concluded.states is not None and self._snapshots.empty():
                self._snapshots.put_nowait((concluded.position, concluded.states))

    async def _save(self) -> None:
        """Save snapshots beside the stream, which never waits for it."""
        while True:
            position, states = await self._snapshots.get()
            try:
                saved = await self._store.save_snapshot(position, states)
            except OvertakenError:
                raise
            except StorageError as error:
                saved = False
                _log.warning("snapshot not saved", reason=str(error))
            if saved:
                self.saved_position = position
            else:
                self.snapshots_failed += 1

    async def _conclude(self, entries: Sequence[Entry]) -> _Concluded:
        events: list[Conclusion] = []
        answers: list[tuple[str, list[Alert | Refused]]] = []
        clock = asyncio.get_running_loop().time
        since = clock()
        for entry in entries:
            followed = self._push(entry)
            events += followed
            if isinstance(entry.item, Command):
                said = [event for event in followed if isinstance(event, Alert | Refused)]
                answers.append((entry.item.id, said))
            if clock() - since >= _TURN_S:
                await asyncio.sleep(0)
                since = clock()
        return _Concluded(events, entries[-1].position, answers)

    async def _keep_conclusions(self, concluded: _Concluded) -> None:
        """Store, then show, then answer."""
        shown = await self._store.write(concluded.events, concluded.position)
        self.applied = concluded.position
        self.alerts_raised += len(
            {entry.alert.id for entry in shown if entry.alert.change.what == "raised"}
        )
        self._show(concluded.events, shown)
        for identity, said in concluded.answers:
            answer = self._answers.pop(identity, None)
            if answer is not None and not answer.done():
                answer.set_result(said)

    def _push(self, entry: Entry) -> list[Conclusion]:
        try:
            return self._pipeline.push(entry.item)
        except Exception:  # noqa: BLE001 - one bad item must not stop the rest; counted and logged
            self.failures += 1
            _log.exception("item failed", position=entry.position)
            return []
