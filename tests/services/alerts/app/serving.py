"""The app on a free loopback port, as a browser sees it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from services.alerts.app import StreamingServer
from tests.services.alerts.app.fakes import World


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """Serve a world until the block ends; gives its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = uvicorn.Config(
            world.app, log_level="warning", lifespan="off", timeout_graceful_shutdown=5
        )
        server = StreamingServer(config, world.feed)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                await asyncio.sleep(0.02)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
