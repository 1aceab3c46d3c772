"""One live feed as server-sent events: first what was missed, then what happens.

The listener is opened before the store is read, so nothing falls between the two; what comes from
both is skipped by its sequence, so nothing is told twice. What the store does not hold yet is told
at once, without an id, so that a reconnect starts from what is stored. Where the sequence shows a
hole, the store fills it; where the store is away, alerts are told without an id and the hole is
filled when it is back.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from geo.errors import StorageError
from services.alerts.app import views
from services.alerts.app.alerts import Shown
from services.alerts.app.guard import Sessions
from services.alerts.app.problems import AnswerT, answer
from services.alerts.app.settings import Outside
from services.alerts.app.whole import state_of
from services.alerts.feed import Listening
from services.alerts.language import Language
from services.alerts.ports import FeedEntry, Live, Session
from services.events import GatewayHealth, Proof

_PAGE: Final = 500
_RETRY_S: Final = 1.0
_LOOK_S: Final = 1.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Place:
    """Where in the party's feed the listener is."""

    epoch: str
    sequence: int


class HelloView(views.View):
    """First event of a feed: where it begins, and how the service is."""

    feed: str | None
    heartbeat_s: float
    proof_limit_s: float
    banner: str | None
    state: views.StateView


class ResyncView(views.View):
    """What is known is no use any more: ask GET /api/alerts again."""

    feed: str
    reason: str


class ByeView(views.View):
    """Last event of a feed, and why it ends."""

    reason: str


class FeedStream(Response):
    """A response that goes on until either side ends it."""

    media_type = "text/event-stream"

    def __init__(
        self,
        outside: Outside,
        sessions: Sessions,
        *,
        secret: str,
        session: Session,
        language: Language,
        after: tuple[str, int] | None,
    ) -> None:
        """Prepare a stream.

        Args:
            outside: the app's view of the outside.
            sessions: asked now and then whether the session still holds.
            secret: the session's.
            session: who listens.
            language: of texts.
            after: epoch and sequence of the last entry the listener has, or None to begin now.
        """
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._outside = outside
        self._settings = outside.settings
        self._sessions = sessions
        self._secret = secret
        self._party = session.account.party
        self._home = self._party == outside.settings.home_party
        self._language = language
        self._shown = Shown(outside)
        self._place = None if after is None else _Place(*after)
        self._behind = True
        self._anew = False
        self._send: Send

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream; leaves no task behind."""
        del scope
        feed = self._outside.feed
        self._send = send
        wake = asyncio.Event()
        listener = feed.open(self._party, wake.set, sensors=self._home)
        gone = asyncio.create_task(_gone(receive))
        gone.add_done_callback(lambda _: wake.set())
        try:
            await self._put(
                {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            )
            await self._run(listener, wake, gone)
            await self._put({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            feed.close(listener, slow=True)
            _log.warning("listener took nothing and was cut off", party=self._party)
        except OSError:
            pass  # the listener went away; it comes back by itself
        finally:
            feed.close(listener)
            gone.cancel()
            await asyncio.wait([gone])

    async def _run(
        self, listener: Listening, wake: asyncio.Event, gone: asyncio.Task[None]
    ) -> None:
        now = asyncio.get_running_loop().time
        await self._begin()
        told = self._surroundings()
        retry_at = now() + _RETRY_S
        heartbeat_at = now() + self._settings.heartbeat_s
        check_at = now() + self._settings.session_check_s
        while not gone.done():
            wake.clear()
            for item in listener.take():
                await self._tell(item)
            if listener.closed is not None:
                await self._event("bye", ByeView(reason=listener.closed))
                return
            if self._behind and now() >= retry_at:
                await self._catch_up()
                retry_at = now() + _RETRY_S
            surroundings = self._surroundings()
            if surroundings != told or now() >= heartbeat_at:
                # A comment for those between us, an event for the page: it cannot see comments.
                await self._write(": the feed is alive\n\n")
                await self._event("state", state_of(self._outside))
                told = surroundings
                heartbeat_at = now() + self._settings.heartbeat_s
            if now() >= check_at:
                if not await self._still_signed_in():
                    await self._event("bye", ByeView(reason="signed_out"))
                    return
                check_at = now() + self._settings.session_check_s
            try:
                async with asyncio.timeout(max(0.0, min(_LOOK_S, heartbeat_at - now()))):
                    await wake.wait()
            except TimeoutError:
                continue

    def _surroundings(self) -> tuple[int | None, int | None, int | None]:
        picture = self._outside.picture
        return (
            picture.database_away_since_ns(),
            picture.broker_away_since_ns(),
            picture.broker_cut_offs(),
        )

    async def _still_signed_in(self) -> bool:
        try:
            return await self._sessions.check(self._secret) is not None
        except StorageError:
            return True  # nobody loses the screen because the database is away

    async def _begin(self) -> None:
        """Say hello, then what was missed."""
        given = self._place
        try:
            epoch, head = await self._ask(self._outside.reader.feed_head(self._party))
        except StorageError:
            await self._hello()
            # Without a place of its own the listener cannot be told what it missed later.
            self._anew = given is None
            return
        if given is None:
            self._place = _Place(epoch, head)
        await self._hello()
        await self._catch_up()

    async def _hello(self) -> None:
        place = self._place
        feed = None if place is None else views.feed_id(place.epoch, place.sequence)
        await self._event(
            "hello",
            HelloView(
                feed=feed,
                heartbeat_s=self._settings.heartbeat_s,
                proof_limit_s=self._settings.proof_limit_s,
                banner=self._settings.banner,
                state=state_of(self._outside),
            ),
            feed,
        )

    async def _catch_up(self) -> None:
        """Tell from the store what the listener has not; on its failure, stay behind."""
        reader, self._behind = self._outside.reader, True
        try:
            epoch, head = await self._ask(reader.feed_head(self._party))
            place = self._place
            if place is None:
                await self._resync(epoch, head, "store_back" if self._anew else "begin")
            elif place.epoch != epoch:
                await self._resync(epoch, head, "epoch")
            elif place.sequence > head:
                await self._resync(epoch, head, "ahead")
            elif head - place.sequence > self._settings.catch_up_limit:
                await self._resync(epoch, head, "too_far_behind")
            else:
                while entries := await self._ask(
                    reader.feed_after(self._party, place.sequence, _PAGE)
                ):
                    for entry in entries:
                        if entry.sequence is None or entry.epoch != place.epoch:
                            return  # restored from a backup just now: asked again in a second
                        place.sequence = entry.sequence
                        await self._alert(entry, with_id=True)
        except StorageError:
            return
        self._behind = False

    async def _resync(self, epoch: str, head: int, reason: str) -> None:
        self._place = _Place(epoch, head)
        self._anew = False
        feed = views.feed_id(epoch, head)
        await self._event("resync", ResyncView(feed=feed, reason=reason), feed)

    async def _tell(self, item: Live) -> None:
        if isinstance(item, Proof):
            await self._event("proof", views.proof(item, self._outside.stream_ns()))
        elif isinstance(item, FeedEntry):
            await self._entry(item)
        elif isinstance(item, GatewayHealth):
            await self._event("gateway", views.gateway(item))
        else:
            await self._event("sensor", views.sensor(item))

    async def _entry(self, entry: FeedEntry) -> None:
        if entry.sequence is None:
            await self._alert(entry, with_id=False)
            return
        if self._is_next(entry):
            await self._advance(entry)
            return
        if not self._known(entry):
            await self._catch_up()
        if not self._known(entry):
            # Not in the store's answer, or no answer: shown all the same, but without an id, so
            # that a reconnect does not skip what lies between.
            await self._alert(entry, with_id=False)

    def _is_next(self, entry: FeedEntry) -> bool:
        place = self._place
        return (
            not self._behind
            and place is not None
            and entry.epoch == place.epoch
            and entry.sequence == place.sequence + 1
        )

    def _known(self, entry: FeedEntry) -> bool:
        place = self._place
        return (
            place is not None
            and entry.epoch == place.epoch
            and entry.sequence is not None
            and entry.sequence <= place.sequence
        )

    async def _advance(self, entry: FeedEntry) -> None:
        if self._place is not None and entry.sequence is not None:
            self._place.sequence = entry.sequence
        await self._alert(entry, with_id=True)

    async def _alert(self, entry: FeedEntry, *, with_id: bool) -> None:
        view = self._shown.view(entry, self._party, self._language)
        if view is not None:
            await self._event("alert", view, view.feed if with_id else None)

    async def _ask(self, question: Awaitable[AnswerT]) -> AnswerT:
        return await answer(question, self._settings.store_timeout_s)

    async def _event(self, name: str, data: views.View, feed: str | None = None) -> None:
        place = f"id: {feed}\n" if feed is not None else ""
        await self._write(f"{place}event: {name}\ndata: {data.model_dump_json()}\n\n")

    async def _write(self, chunk: str) -> None:
        await self._put({"type": "http.response.body", "body": chunk.encode(), "more_body": True})

    async def _put(self, message: Message) -> None:
        async with asyncio.timeout(self._settings.send_timeout_s):
            await self._send(message)


async def _gone(receive: Receive) -> None:
    """Wait until the listener goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
