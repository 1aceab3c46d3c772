"""Sends the test items that prove the whole way, at the pace of the stream's own time."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from geo.errors import BrokerError
from services.run.proof import FRAME_NS, ProofFibre

_NS = 1_000_000_000
_STATUS_EVERY = 20
"""Frames of a test fibre between two of its statuses: five seconds."""


class Sender(Protocol):
    """What publishes them."""

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Publish one message.

        Raises:
            BrokerError: where the broker does not take it.
        """
        ...


async def prove(fibres: Sequence[ProofFibre], sender: Sender, now_ns: Callable[[], int]) -> None:
    """Send frames and statuses of the test fibres until cancelled.

    Args:
        fibres: one for each frame worker.
        sender: where they go.
        now_ns: the stream's clock, which goes on when the machine's is set back: test items that
            wait for the wall to catch up would look like a way that is broken.
    """
    begin_ns = now_ns()
    number = 0
    while True:
        sent_ns = begin_ns + (number + 1) * FRAME_NS
        await asyncio.sleep(max(0.0, (sent_ns - now_ns()) / _NS))
        with contextlib.suppress(BrokerError):  # shown as a proof that does not come
            for fibre in fibres:
                frame = fibre.frame(number, sent_ns - FRAME_NS)
                await sender.publish(fibre.topic, frame, qos=0)
                if number % _STATUS_EVERY == 0:
                    status = fibre.status(number // _STATUS_EVERY, sent_ns)
                    await sender.publish(fibre.status_topic, status)
        number = max(number + 1, (now_ns() - begin_ns) // FRAME_NS)
