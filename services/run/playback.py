"""``straja replay``: an input played into a broker, at its own pace, another, or at full speed."""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from services.mqtt import BrokerAddress, Publisher
from services.replay import Replayed, Replayer
from services.run.inputs import Advance, Input

_AHEAD_S = 0.005
"""What is due within 5 ms is sent together."""
_BATCH, _BATCH_BYTES = 256, 4 * 1024 * 1024
_UNDER_WAY, _UNDER_WAY_BYTES = 256, 16 * 1024 * 1024
"""What may be on its way to the broker without its word that it has it."""


async def play_back(
    source: Input,
    advance: Advance,
    broker: BrokerAddress,
    run: str,
    factor: float | None,
    stop: asyncio.Event,
) -> dict[str, Any]:
    """Play an input for a service that was started with ``--replay run``.

    Every message waits for the broker's word (QoS 1) or the socket's (QoS 0); so nothing runs
    ahead of the broker, at any speed.

    Args:
        source: what to play.
        advance: told how many seconds of it are done.
        broker: where to.
        run: the service's.
        factor: 1 for real time, None for as fast as the broker takes it.
        stop: ends it early.

    Returns:
        Figures: messages, megabytes, seconds taken, seconds of the input, warnings.

    Raises:
        BrokerError: where the broker is out of reach, or was lost on the way.
        ConfigError: where run or factor cannot be.
    """
    messages = Replayer(run, factor).messages(source.items(advance))
    player = _Player(broker, stop)
    await player.run(messages)
    return player.figures() | {"warnings": len(source.warnings)}


class _Player:
    def __init__(self, broker: BrokerAddress, stop: asyncio.Event) -> None:
        self._publisher = Publisher(broker)
        self._stop = stop
        self._under_way: deque[tuple[asyncio.Task[None], int]] = deque()
        self._bytes_under_way = 0
        self._begin_s = 0.0
        self._messages = 0
        self._bytes = 0
        self._at_s = 0.0
        self._late_s = 0.0

    async def run(self, messages: Iterator[Replayed]) -> None:
        async with self._publisher:
            try:
                while batch := await asyncio.to_thread(_batch, messages):
                    if not self._begin_s:  # only now: simulators may take their time to begin
                        self._begin_s = time.monotonic()
                    for message in batch:
                        if await self._is_stopped(message.due_s):
                            return
                        await self._send(message)
                while self._under_way:
                    await self._settle()
            finally:
                await self._drop()

    async def _is_stopped(self, due_s: float) -> bool:
        late_s = time.monotonic() - self._begin_s - due_s
        if late_s < -_AHEAD_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(-late_s):
                    await self._stop.wait()
        elif due_s:
            self._late_s = max(self._late_s, late_s)
        return self._stop.is_set()

    async def _send(self, message: Replayed) -> None:
        size = len(message.payload)
        while len(self._under_way) >= _UNDER_WAY or (
            self._under_way and self._bytes_under_way + size > _UNDER_WAY_BYTES
        ):
            await self._settle()
        publishing = self._publisher.publish(message.topic, message.payload, qos=message.qos)
        self._under_way.append((asyncio.create_task(publishing), size))
        self._bytes_under_way += size
        self._at_s = max(self._at_s, message.at_s)
        await asyncio.sleep(0)  # so that it is on the socket before the next one

    async def _settle(self) -> None:
        """Wait for the oldest message's acknowledgement."""
        task, size = self._under_way.popleft()
        self._bytes_under_way -= size
        await task
        self._messages += 1
        self._bytes += size

    async def _drop(self) -> None:
        """After an end before its time, give the messages under way a moment, then give up."""
        tasks = [task for task, _ in self._under_way]
        if not tasks:
            return
        done, late = await asyncio.wait(tasks, timeout=2.0)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task, size in self._under_way:
            if task in done and not task.cancelled() and task.exception() is None:
                self._messages += 1
                self._bytes += size
        self._under_way.clear()

    def figures(self) -> dict[str, Any]:
        """What was played."""
        took_s = time.monotonic() - self._begin_s if self._begin_s else 0.0
        return {
            "messages": self._messages,
            "megabytes": round(self._bytes / 1e6, 3),
            "seconds": round(took_s, 3),
            "input_seconds": round(self._at_s, 3),
            "behind_s": round(self._late_s, 3),
        }


def _batch(messages: Iterator[Replayed]) -> list[Replayed]:
    """Take the next messages; in a thread, since reading and simulating take a while."""
    taken: list[Replayed] = []
    size = 0
    for message in itertools.islice(messages, _BATCH):
        taken.append(message)
        size += len(message.payload)
        if size >= _BATCH_BYTES:
            break
    return taken
