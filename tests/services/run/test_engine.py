"""The engine's promises, with a store that remembers and can be slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from geo.default_site import default_site_path
from geo.errors import StorageError
from geo.site import Site
from sensors.messages import SCHEMA, CableEvent, Mark, ObjectClass, Report
from sensors.topics import Channel, SensorKind, Topic
from sensors.wire import encode_json
from services.alerts.ports import FeedEntry
from services.events import Alert, Command, Conclusion, Received, Tick
from services.ingest.ports import Entry
from services.run.engine import SNAPSHOT_EVERY_NS, Engine
from services.run.pipeline import Pipeline

T0 = 1_772_326_800_000_000_000
S = 1_000_000_000
TOPIC = str(Topic("interrogator-3", SensorKind.FIBRE, "fibre-3", Channel.REPORT))


class Memory:
    """A store in memory that does what the port promises."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []
        self.events: list[Conclusion] = []
        self.told: set[tuple[str, int]] = set()
        self.sequence = 0
        self.snapshot: tuple[int, dict[str, bytes]] | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def append(self, entries: Sequence[Entry]) -> bool:
        await self.open.wait()
        self.journal += entries
        return True

    async def write(self, events: Sequence[Conclusion], position: int) -> list[FeedEntry]:
        assert position <= self.journal[-1].position
        self.events += events
        told = []
        for event in events:
            if isinstance(event, Alert) and (event.id, event.revision) not in self.told:
                self.told.add((event.id, event.revision))
                self.sequence += 1
                told.append(FeedEntry("RO", "e", self.sequence, event))
        return told

    async def drain(self) -> list[FeedEntry]:
        return []

    async def save_snapshot(self, position: int, states: Mapping[str, bytes]) -> bool:
        self.snapshot = position, dict(states)
        return True

    async def load_snapshot(self) -> tuple[int, dict[str, bytes]] | None:
        return self.snapshot

    async def read_journal(self, after: int) -> AsyncIterator[Entry]:
        for entry in self.journal:
            if entry.position > after:
                yield entry

    async def last_position(self) -> int:
        return self.journal[-1].position if self.journal else 0


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def report(number: int) -> Received:
    """A walker over the cable, as the interrogator's own alarm says twice a second."""
    at_ns = T0 + number * S // 2
    message = Report(
        schema=SCHEMA,
        session="s",
        sequence=number,
        measured_at_ns=at_ns,
        sent_at_ns=at_ns,
        mark=Mark.EXERCISE,
        events=(
            CableEvent(
                distance_m=12_000.0 + 0.2 * number,
                object_class=ObjectClass.PERSON,
                score=0.9,
            ),
        ),
    )
    return Received(at_ns + S // 10, TOPIC, encode_json(message))


def traffic(count: int) -> list[tuple[int, Received | Tick]]:
    items: list[tuple[int, Received | Tick]] = []
    for number in range(count):
        received = report(number)
        items.append((received.received_at_ns, received))
        items.append((received.received_at_ns, Tick(received.received_at_ns)))
    return items


class Run:
    """An engine at work."""

    def __init__(self, site: Site, store: Memory, now_ns: int = T0) -> None:
        self.shown: list[FeedEntry] = []
        self.now_ns = now_ns
        self.engine = Engine(Pipeline(site, T0, "live"), store, self._show, lambda: self.now_ns)

    def _show(self, _: Sequence[Conclusion], entries: Sequence[FeedEntry]) -> None:
        self.shown += entries

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[Engine]:
        await self.engine.recover()
        task = asyncio.create_task(self.engine.run())
        try:
            yield self.engine
            while self.engine.applied < self.engine.position:
                await asyncio.sleep(0.005)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_reports_are_taken_only_once_they_are_journalled(site: Site) -> None:
    store = Memory()
    store.open.clear()
    async with Run(site, store).working() as engine:
        taking = asyncio.create_task(engine.take(traffic(1)))
        await asyncio.sleep(0.05)
        assert not taking.done()
        store.open.set()
        await taking
        assert [entry.position for entry in store.journal] == [1, 2]


async def test_a_crossing_is_shown_as_one_alert_with_growing_revisions(site: Site) -> None:
    store, run = Memory(), None
    run = Run(site, store)
    async with run.working() as engine:
        await engine.take(traffic(60))
    assert run.shown, "no alert for a crossing"
    assert {entry.alert.id for entry in run.shown} == {run.shown[0].alert.id}
    assert [entry.alert.revision for entry in run.shown] == list(range(1, len(run.shown) + 1))


@pytest.mark.parametrize("cut", [7, 40, 61])
async def test_a_killed_engine_goes_on_from_the_journal_under_the_same_ids(
    site: Site, cut: int
) -> None:
    items = traffic(60)
    whole = Run(site, Memory())
    async with whole.working() as engine:
        await engine.take(items)

    store = Memory()
    first = Run(site, store)
    async with first.working() as engine:
        await engine.take(items[:cut])
    second = Run(site, store)
    async with second.working() as engine:
        assert engine.recovered == cut
        await engine.take(items[cut:])
    told = [entry.alert for entry in first.shown + second.shown]
    assert told == [entry.alert for entry in whole.shown]
    assert [entry.position for entry in store.journal] == list(range(1, len(items) + 1))


async def test_a_snapshot_shortens_what_is_pushed_again(site: Site) -> None:
    store = Memory()
    run = Run(site, store)
    items = traffic(40)
    async with run.working() as engine:
        await engine.take(items[:30])
        while engine.applied < engine.position:
            await asyncio.sleep(0.005)
        run.now_ns += SNAPSHOT_EVERY_NS
        await engine.take(items[30:31])
        while store.snapshot is None:
            await asyncio.sleep(0.005)
        await engine.take(items[31:])
    again = Run(site, store)
    async with again.working() as engine:
        assert engine.recovered == len(items) - 31
    assert not again.shown, "what was shown before is not shown twice"


async def test_a_command_answers_with_what_came_of_it(site: Site) -> None:
    run = Run(site, Memory())
    async with run.working() as engine:
        await engine.take(traffic(60))
        while not run.shown:
            await asyncio.sleep(0.005)
        alert = run.shown[0].alert
        at_ns = T0 + 40 * S
        command = Command("c1", "acknowledge", at_ns, "op-1", "RO", {"alert": alert.id})
        (answer,) = await engine.submit(command)
        assert isinstance(answer, Alert)
        assert answer.acknowledged_by == "op-1"
        again = await engine.submit(command)
        assert not any(isinstance(one, Alert) for one in again), "a repeat has no second effect"


async def test_one_bad_item_does_not_stop_the_rest(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(site, Memory())
    push = Pipeline.push

    def failing(self: Pipeline, item: object) -> list[Conclusion]:
        if isinstance(item, Tick) and item.at_ns == T0 + S // 10:
            raise RuntimeError("a bug")
        return push(self, item)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "push", failing)
    async with run.working() as engine:
        await engine.take(traffic(60))
    assert run.engine.failures == 1
    assert run.shown


async def test_a_command_sent_twice_at_once_is_answered_twice(site: Site) -> None:
    run = Run(site, Memory())
    async with run.working() as engine:
        await engine.take(traffic(60))
        while not run.shown:
            await asyncio.sleep(0.005)
        alert = run.shown[0].alert.id
        command = Command("c1", "acknowledge", T0 + 40 * S, "op-1", "RO", {"alert": alert})
        first, second = await asyncio.wait_for(
            asyncio.gather(engine.submit(command), engine.submit(command)), 10
        )
        assert first == second
        assert isinstance(first[0], Alert)


async def test_a_command_takes_effect_though_its_sender_has_gone(site: Site) -> None:
    store = Memory()
    run = Run(site, store)
    async with run.working() as engine:
        await engine.take(traffic(60))
        while not run.shown:
            await asyncio.sleep(0.005)
        alert = run.shown[0].alert.id
        store.open.clear()
        command = Command("c1", "acknowledge", T0 + 40 * S, "op-1", "RO", {"alert": alert})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.submit(command), 0.05)
        store.open.set()
        async with asyncio.timeout(10):
            while run.shown[-1].alert.acknowledged_by is None:
                await asyncio.sleep(0.005)


async def test_an_alert_outlives_a_tracker_whose_settings_changed(site: Site) -> None:
    store = Memory()
    first = Run(site, store)
    items = traffic(60)
    async with first.working() as engine:
        await engine.take(items[:100])
        while engine.applied < engine.position:
            await asyncio.sleep(0.005)
        first.now_ns += SNAPSHOT_EVERY_NS
        await engine.take(items[100:101])
        while store.snapshot is None:
            await asyncio.sleep(0.005)
    changed = Site.parse(
        default_site_path().read_text() + '\n[[settings]]\nkey = "tracker.hold_s"\nvalue = 0.25\n',
        "changed.toml",
    )
    second = Run(changed, store)
    async with second.working() as engine:
        assert "tracker" in engine.restarted
        assert engine.recovered == 0, "the journal before the snapshot is not pushed again"
        await engine.take(items[101:])
        alert = first.shown[0].alert.id
        command = Command("c1", "acknowledge", T0 + 60 * S, "op-1", "RO", {"alert": alert})
        (answer,) = await engine.submit(command)
        assert isinstance(answer, Alert), "the open alert is known still"
        assert answer.id == alert


async def test_a_full_disk_holds_reports_back_and_ends_nothing(site: Site) -> None:
    class Full(Memory):
        full = True

        async def append(self, entries: Sequence[Entry]) -> bool:
            if self.full:
                raise StorageError("the spool is full")
            return await super().append(entries)

    store = Full()
    run = Run(site, store)
    async with run.working() as engine:
        taking = asyncio.create_task(engine.take(traffic(1)))
        async with asyncio.timeout(10):
            while engine.not_keeping_since_ns is None:
                await asyncio.sleep(0.005)
        assert not taking.done(), "nothing is acknowledged that nobody keeps"
        store.full = False
        await taking
        assert engine.not_keeping_since_ns is None


async def test_a_slow_snapshot_holds_nothing_up(site: Site) -> None:
    class Slow(Memory):
        async def save_snapshot(self, position: int, states: Mapping[str, bytes]) -> bool:
            await asyncio.Event().wait()
            return await super().save_snapshot(position, states)

    run = Run(site, Slow())
    items = traffic(60)
    async with run.working() as engine:
        await engine.take(items[:2])
        run.now_ns += SNAPSHOT_EVERY_NS
        await engine.take(items[2:])
    assert run.shown
