"""Looks again and again at what the broker's log alone says."""

import asyncio

import structlog

from services.embedded.nats_log import NatsLog

_log = structlog.get_logger()

_LOOK_S = 1.0
_RETRY_S = 60.0


async def follow(log: NatsLog | None) -> None:
    """Count and tell whom the broker cuts off; a log that cannot be read stops nothing."""
    while log is not None:
        await asyncio.sleep(_LOOK_S)
        try:
            found = await asyncio.to_thread(log.read)
        except OSError as error:
            _log.warning("the broker's log cannot be read", reason=str(error))
            await asyncio.sleep(_RETRY_S)
            continue
        for one in found:
            _log.warning("the broker cut a client off", client=one.client, reason=one.reason)
