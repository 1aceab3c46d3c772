"""An HTTP server that ends its live feeds before it waits for its connections."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from services.alerts.feed import Feed


class StreamingServer(uvicorn.Server):
    """uvicorn's server; on shutdown, open feeds are told and ended first.

    Without this, uvicorn waits for every open feed until its browser goes away. Signals are left to
    whoever runs the whole: set ``should_exit`` to end it.
    """

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        """Make a server for an app and the feed that its streams listen to."""
        super().__init__(config)
        self._feed = feed

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the feeds, then everything else."""
        self._feed.end()
        await super().shutdown(sockets)
