"""Answers to gateways: which of their messages were refused, and why."""

import asyncio
from collections import Counter

from geo.errors import WireError
from sensors.messages import RejectedNotice
from sensors.topics import ROOT, VERSION, Channel, SensorKind, Topic, parse
from sensors.wire import encode_json
from services.events import Rejected

_FIELDS = 100
"""Names of fields counted apart; a gateway may invent more."""


class Notices:
    """Refusals on their way to the broker.

    Attributes:
        refused: refusals so far by the field's first name.
        unaddressed: refusals whose topic names no sensor that could be answered.
        dropped: refusals given up since too many waited.
        undelivered: refusals that the broker did not take.
    """

    def __init__(self, limit: int = 1_000) -> None:
        """Bound how many may wait."""
        self.refused: Counter[str] = Counter()
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(limit)
        self.unaddressed = 0
        self.dropped = 0
        self.undelivered = 0

    def offer(self, rejected: Rejected) -> None:
        """Count one refusal, and queue its answer."""
        field = rejected.field.partition(".")[0]
        self.refused[field if field in self.refused or len(self.refused) < _FIELDS else ""] += 1
        topic = answer_topic(rejected.topic)
        if topic is None:
            self.unaddressed += 1
            return
        try:
            self._waiting.put_nowait((topic, encode_json(notice(rejected))))
        except asyncio.QueueFull:
            self.dropped += 1

    async def next(self) -> tuple[str, bytes]:
        """Topic and payload of the next answer."""
        return await self._waiting.get()


def notice(rejected: Rejected) -> RejectedNotice:
    """The refusal as it goes out."""
    which = f"message {rejected.sequence} of session {rejected.session}"
    return RejectedNotice(
        topic=rejected.topic[:500],
        session=rejected.session,
        sequence=rejected.sequence,
        field=rejected.field,
        value=rejected.value,
        wanted=rejected.wanted,
        received_at_ns=rejected.received_at_ns,
        text=f"{which if rejected.session else 'a message'} on {rejected.topic[:200]} was refused: "
        f"{rejected.field} is {rejected.value}; wanted: {rejected.wanted}",
    )


def answer_topic(topic: str) -> str | None:
    """The ``rejected`` topic of the sensor that a topic means, as far as that can be told."""
    levels = topic.split("/")
    if len(levels) < 5 or levels[:2] != [ROOT, VERSION]:
        return None
    kind = levels[3] if levels[3] in set(SensorKind) else SensorKind.FIBRE
    try:
        parse(f"{ROOT}/{VERSION}/{levels[2]}/{kind}/{levels[4]}/{Channel.REJECTED}")
    except WireError:
        return None
    return str(Topic(levels[2], SensorKind(kind), levels[4], Channel.REJECTED))
