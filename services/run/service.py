"""The live service: broker, journal, stages, store, feed and API in one process.

Raw frames are detected by workers in processes of their own; what they conclude enters here like
a report. Everything that drives the stages passes the engine's journal.
"""

import asyncio
import contextlib
import os
import socket
import time
import uuid
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import uvicorn

from geo.default_site import default_site_path
from geo.errors import BrokerError, StorageError, StrajaError
from geo.site import Site
from sensors import wire
from sensors.messages import Mark
from services.alerts.app import AppSettings, StreamingServer, create_app
from services.alerts.feed import Feed
from services.alerts.ports import FeedEntry, Live
from services.alerts.release import release
from services.config.environment import Environment
from services.embedded.nats_log import NatsLog
from services.events import (
    Command,
    Conclusion,
    GatewayHealth,
    Item,
    Proof,
    Received,
    Rejected,
    SensorHealth,
    Tick,
)
from services.mqtt import BrokerAddress, Publisher, Reports
from services.recording.keep import expire
from services.recording.ring import Ring
from services.run import ring_folders
from services.run.broker_log import follow
from services.run.catching_up import CatchingUp
from services.run.clock import StreamClock
from services.run.engine import Engine
from services.run.listening import listen
from services.run.metrics import Metrics, Upkeep
from services.run.notices import Notices
from services.run.orders import Orders
from services.run.picture import LivePicture
from services.run.pipeline import Pipeline
from services.run.proof import ProofFibre
from services.run.proving import prove
from services.run.sources import as_item, report_filters
from services.run.workers import FrameWorker
from services.storage.store import Store

_log = structlog.get_logger()

_NS = 1_000_000_000
TICK_NS = _NS // 4
"""Ticks also release what the tracker holds back for its order: four a second."""
_DRAIN_S = 1.0
_MAINTAIN_S = 600.0
_LISTENER_QUEUE = 1_000
_PIECE_S = 0.05
_RETRY_S = 30.0
_QUIET_S = 15.0
_LONGEST_SLEEP_S = 60.0
_FRAME_KINDS = ("fibre", "thermal")
_BEHIND_S = 0.05
_LAST_OF_DELIVERY = 16
"""Messages of a delivery that are asked for their age: one gateway's wrong clock or own backlog
among them says nothing of the others."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run.

    Attributes:
        replay: name of the run whose replay is taken instead of live traffic.
        frame_workers: processes that detect raw frames; feed groups are spread over them.
        ring_bytes: size of the ring of recordings, 0 for none; a replay is recorded already.
        banner: mark shown across the console where nothing is real, as in a demonstration.
    """

    replay: str | None = None
    frame_workers: int = 1
    ring_bytes: int = 4 * 1024**3
    banner: Mark | None = None

    @property
    def run(self) -> str:
        """Name of the run, which stands on everything stored."""
        return self.replay or "live"


async def serve(environment: Environment, options: Options, stop: asyncio.Event) -> None:
    """Run the service until ``stop`` is set, or a part of it fails beyond repair.

    Raises:
        ConfigError: where the console's address is taken.
        StorageError: where the database does not answer at the start.
        OvertakenError: where another service writes this run now.
        SiteError: where the site file has faults.
    """
    site_path = environment.site or default_site_path()
    site_text = await asyncio.to_thread(site_path.read_text, "utf-8")
    site = Site.parse(site_text, str(site_path))
    environment.data.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        door = stack.enter_context(listen(environment.host, environment.port))
        service = await _Service.open(stack, environment, options, site, site_text, door)
        try:
            async with asyncio.TaskGroup() as group:
                for work in service.works():
                    group.create_task(work)
                await stop.wait()
                _log.info("stopping")
                raise _Stopped
        except BaseExceptionGroup as ended:
            failed = ended.split(_Stopped)[1]
            if failed is None:
                _log.info("stopped")
            elif (told := _first_told(failed)) is None:
                raise
            else:
                raise told from told.__cause__


def _first_told(group: BaseExceptionGroup[BaseException]) -> StrajaError | None:
    """The first of a group's errors that is one of ours: it says in a sentence what to do."""
    for error in group.exceptions:
        if isinstance(error, StrajaError):
            return error
        if isinstance(error, BaseExceptionGroup) and (told := _first_told(error)) is not None:
            return told
    return None


async def _let_go(ring: Path, workers: int) -> None:
    """Remove recordings of former frame workers; a disk that fails stops nothing."""
    try:
        removed = await asyncio.to_thread(ring_folders.let_go, ring, workers)
    except OSError as error:
        _log.warning("recordings of former frame workers stay", reason=str(error))
        return
    for folder, size in removed.items():
        _log.warning("recordings of a former frame worker removed", folder=str(folder), bytes=size)


class _Stopped(Exception):  # noqa: N818 - no error: it ends the group of tasks
    """Somebody asked the service to stop."""


class _Service:
    def __init__(
        self,
        environment: Environment,
        options: Options,
        timeline: Site,
        site_text: str,
        store: Store,
        ring: Ring | None,
        door: socket.socket,
        broker_log: NatsLog | None,
    ) -> None:
        self._environment = environment
        self._options = options
        self._timeline = timeline
        self._site = timeline.at(time.time_ns())
        self._site_text = site_text
        self._store = store
        self._ring = ring
        self._door = door
        self._broker_log = broker_log
        self._address = BrokerAddress.parse(environment.broker_url, os.environ)
        self._feed = Feed(limit=_LISTENER_QUEUE)
        self._notices = Notices()
        self._clock = StreamClock(replay=options.replay is not None)
        # A replay's time comes from its messages, so nothing can overtake them.
        self._catching_up = None if options.replay else CatchingUp()
        mark = Mark.REPLAY if options.replay else None
        pipeline = Pipeline(timeline, time.time_ns(), options.run, mark=mark)
        self._engine = Engine(pipeline, store, self._show, self._clock.now_ns)
        self._reports = Reports(
            self._address,
            self._address.client_id(f"straja-reports-{options.run}"),
            report_filters(options.replay),
            now_ns=time.time_ns if options.replay else self._clock.now_ns,
            # A service's own test items are never far apart; a replay may well be silent.
            quiet_s=None if options.replay else _QUIET_S,
        )
        self._picture = LivePicture(
            lambda: pipeline.ledger,
            lambda: store.away_since_ns,
            lambda: self._reports.away_since_ns,
            lambda: sum(broker_log.counts.values()) if broker_log else None,
            lambda: pipeline.memory.lowered,
        )
        self._upkeep = Upkeep()
        self._workers = [
            FrameWorker(partial(self._orders, number), self._submit_now)
            for number in range(options.frame_workers)
        ]
        self._metrics = Metrics(
            self._engine,
            self._reports,
            store,
            self._feed,
            self._notices,
            self._workers,
            self._picture,
            ring,
            self._clock,
            self._upkeep,
            self._catching_up,
            broker_log,
        )

    @classmethod
    async def open(
        cls,
        stack: contextlib.AsyncExitStack,
        environment: Environment,
        options: Options,
        site: Site,
        site_text: str,
        door: socket.socket,
    ) -> "_Service":
        """Open the store, recover what ran before, and start to listen."""
        present = site.at(time.time_ns())
        store = await Store.open(
            environment.database_url,
            environment.data / "spool",
            options.run,
            present.home_party,
            present.parties,
            time.time_ns,
            release_rule=release,
        )
        stack.push_async_callback(store.close)
        await store.record_site(site)
        ring = None
        if options.ring_bytes and not options.replay:
            await _let_go(environment.data / "ring", options.frame_workers)
            folder = ring_folders.small(environment.data / "ring")
            ring = stack.enter_context(Ring(folder, options.ring_bytes // 8, site_text=site_text))
        broker_log = None
        if environment.broker_log:
            broker_log = NatsLog(environment.broker_log)
            stack.callback(broker_log.close)
        service = cls(environment, options, site, site_text, store, ring, door, broker_log)
        await service._engine.recover()
        # A replay that was begun before is still where it had come to.
        service._clock.hear(max((one.at_ns for one in service._picture.sensors()), default=0))
        return service

    def works(self) -> list[Coroutine[None, None, None]]:
        """Everything that runs side by side."""
        return [
            self._engine.run(),
            self._serve(),
            self._hear(),
            self._tick(),
            self._prove(),
            self._answer(),
            self._drain(),
            self._maintain(),
            self._follow_site(),
            follow(self._broker_log),
            *(worker.run() for worker in self._workers),
        ]

    def _stream_ns(self) -> int:
        """The stream's time; before a replay's first message, the wall's."""
        return self._clock.now_ns() or time.time_ns()

    def _orders(self, number: int) -> Orders:
        """Orders of one frame worker, for the site as it is now."""
        options, data = self._options, self._environment.data
        count = options.frame_workers
        present = self._timeline.at(self._stream_ns())
        groups = sorted({row.group for row in present.sensors if row.kind in _FRAME_KINDS})
        state = data / "workers"
        state.mkdir(exist_ok=True)
        ring = data / "ring" if options.ring_bytes and not options.replay else None
        return Orders(
            number=number,
            broker_url=self._environment.broker_url,
            site=self._site_text,
            state=state / f"{options.run}-{number}.state",
            ring=ring_folders.frames(ring, number) if ring else None,
            ring_bytes=options.ring_bytes * 7 // 8 // count,
            groups=None if count == 1 else tuple(groups[number::count]),
            replay=options.replay,
        )

    async def _serve(self) -> None:
        """Serve the API and the console; on cancellation, end feeds and connections first."""
        server = self._server()
        serving = asyncio.ensure_future(server.serve(sockets=[self._door]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise

    def _server(self) -> StreamingServer:
        environment = self._environment
        app = create_app(
            reader=self._store.alerts,
            accounts=self._store.accounts,
            commands=self._engine,
            picture=self._picture,
            feed=self._feed,
            site=self._timeline,
            settings=AppSettings(
                home_party=self._site.home_party,
                tls=environment.certificate is not None,
                banner=Mark.REPLAY if self._options.replay else self._options.banner,
            ),
            now_ns=time.time_ns,
            stream_ns=self._stream_ns,
            metrics=self._metrics.text,
        )
        return StreamingServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ssl_certfile=environment.certificate,
                ssl_keyfile=environment.key,
                timeout_graceful_shutdown=2,
            ),
            self._feed,
        )

    async def _hear(self) -> None:
        """Take reports from the broker: journalled first, then acknowledged."""
        replay = self._options.replay
        begun = replay is None
        async with contextlib.aclosing(self._reports.deliveries()) as deliveries:
            async for delivery in deliveries:
                items = [as_item(received, replay) for received in delivery.received]
                timed: list[tuple[int, Item]] = [
                    (item.at_ns if isinstance(item, Command) else item.received_at_ns, item)
                    for item in items
                ]
                if self._ring is not None:
                    for item in items:
                        if isinstance(item, Received):
                            self._ring.keep(item)
                if not begun:
                    # Before all else the replay says what time it is, and which rows apply then.
                    begun = True
                    at_ns = max(self._clock.now_ns(), timed[0][0])
                    timed.insert(0, (at_ns, Tick(at_ns // TICK_NS * TICK_NS)))
                self._clock.hear(timed[-1][0])
                await self._engine.take(timed)
                delivery.acknowledge()
                self._hear_of(delivery.received)

    def _hear_of(self, received: Sequence[Received]) -> None:
        """Note how old the newest of a delivery's last messages is."""
        if self._catching_up is None or not self._catching_up.behind:
            return
        now_ns = self._clock.now_ns()
        self._heard(now_ns)
        times = [
            at_ns
            for one in received[-_LAST_OF_DELIVERY:]
            if not one.retained and (at_ns := wire.measured_at(one.payload)) is not None
        ]
        if times:
            self._catching_up.hear(max(times), now_ns)

    async def _submit_now(self, events: Sequence[Conclusion]) -> None:
        """Take what a frame worker found, but not before the broker's backlog of that time."""
        now_ns = self._clock.now_ns()
        while not self._heard(now_ns):  # noqa: ASYNC110 - it moves with deliveries and with time
            await asyncio.sleep(_BEHIND_S)
        await self._engine.take([(now_ns, event) for event in events])

    def _heard(self, at_ns: int) -> bool:
        if self._catching_up is None:
            return True
        reports = self._reports
        away = reports.away_since_ns is not None
        self._catching_up.look(self._clock.now_ns(), reports.connections, away=away)
        return self._catching_up.reaches(at_ns)

    async def _tick(self) -> None:
        """Send ticks on whole quarters of a second of the stream's time."""
        last = 0
        while True:
            at_ns = self._clock.now_ns() // TICK_NS * TICK_NS
            if at_ns > last:
                last = at_ns
                heard_ns = None
                if self._catching_up is not None and not self._heard(at_ns):
                    heard_ns = self._catching_up.heard_ns
                await self._engine.take([(at_ns, Tick(at_ns, heard_ns))])
            await asyncio.sleep((TICK_NS - self._clock.now_ns() % TICK_NS) / _NS)

    async def _prove(self) -> None:
        """Send the test items of all workers; a replay proves nothing."""
        if self._options.replay:
            return
        session = f"proof-{uuid.uuid4().hex[:12]}"
        fibres = [ProofFibre(worker, session) for worker in range(len(self._workers))]
        publisher = Publisher(self._address)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_exit(publisher.__aexit__)
            await prove(fibres, publisher, self._clock.now_ns)

    async def _answer(self) -> None:
        """Publish refusals to the gateways they concern."""
        if self._options.replay:
            return
        publisher = Publisher(self._address)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_exit(publisher.__aexit__)
            while True:
                topic, payload = await self._notices.next()
                try:
                    await publisher.publish(topic, payload)
                except BrokerError as error:
                    self._notices.undelivered += 1
                    _log.warning("refusal not delivered", topic=topic, reason=str(error))

    async def _drain(self) -> None:
        """Move the spool into the database once it is back, and show what was stored."""
        while True:
            await asyncio.sleep(_DRAIN_S)
            # Piece by piece, so that no listener is found too slow for a long outage's alerts.
            while stored := await self._store.drain():
                self._feed.offer(stored)
                await asyncio.sleep(_PIECE_S)

    async def _maintain(self) -> None:
        """Look after partitions, retention and kept recordings; try again soon where that fails."""
        kept = self._environment.data / "kept"
        while True:
            try:
                await self._store.maintain()
                for file in await asyncio.to_thread(expire, kept, time.time_ns()):
                    _log.info("kept recording removed at its end", file=str(file))
            except (StorageError, OSError) as error:
                self._upkeep.failed += 1
                _log.warning("upkeep failed, trying again soon", reason=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                self._upkeep.done_at_ns = time.time_ns()
                await asyncio.sleep(_MAINTAIN_S)

    async def _follow_site(self) -> None:
        """Start the frame workers anew when other rows of the site begin to apply."""
        while True:
            change_ns = self._timeline.next_change_ns(time.time_ns())
            if change_ns is None:
                return
            while (left_s := (change_ns - time.time_ns()) / _NS) > 0.0:  # noqa: ASYNC110 - the clock may be set
                await asyncio.sleep(min(left_s, _LONGEST_SLEEP_S))
            for worker in self._workers:
                worker.restart()

    def _show(self, events: Sequence[Conclusion], entries: Sequence[FeedEntry]) -> None:
        """Show after storing; a proof counts only when the database holds it."""
        live: list[Live] = list(entries)
        for event in events:
            if isinstance(event, Proof) and self._store.away_since_ns is None:
                self._picture.take(event)
                live.append(event)
            elif isinstance(event, SensorHealth | GatewayHealth):
                live.append(event)
            elif isinstance(event, Rejected) and not self._engine.recovering:
                self._notices.offer(event)
        if live:
            self._feed.offer(live)
