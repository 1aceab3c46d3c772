"""A listener to the feed, straight on the app: what was sent is taken piece by piece."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import Message

from tests.services.alerts.app.fakes import World


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: dict[str, Any]


class Ear:
    """Takes in one feed."""

    def __init__(self, world: World, cookie: str, path: str, query: str) -> None:
        self._world = world
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"straja"), (b"cookie", cookie.encode())],
            "client": ("127.0.0.1", 5_000),
            "server": ("straja", 80),
        }
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._gone = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        self.status = 0
        self.comments = 0
        self.ended = False

    async def run(self) -> None:
        await self._world.app(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.takes.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.ended = not message.get("more_body", False)
        text = message["body"].decode()
        if text.startswith(":"):
            self.comments += 1
            return
        if not text:
            return
        fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        self._events.put_nowait(
            Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
        )

    def leave(self) -> None:
        self._gone.set()

    async def next(self, *names: str) -> Event:
        """Give the next event, or the next of these names."""
        async with asyncio.timeout(10):
            while True:
                event = await self._events.get()
                if not names or event.name in names:
                    return event

    def nothing_more(self, *names: str) -> bool:
        """Say whether none of these events waits."""
        waiting = []
        while not self._events.empty():
            waiting.append(self._events.get_nowait())
        return not [event for event in waiting if event.name in names]


@asynccontextmanager
async def ear(world: World, query: str = "", name: str = "op-7") -> AsyncIterator[Ear]:
    """Sign in and listen until the block ends."""
    async with world.browser(name) as client:
        cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
    one = Ear(world, cookie, "/api/feed", query)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        one.leave()
        one.takes.set()
        async with asyncio.timeout(10):
            await task
