"""Ingest's snapshot; messages that wait are kept as they came in."""

from collections.abc import Callable
from typing import Any

from sensors import wire
from sensors.messages import SensorMessage
from sensors.topics import Channel, Topic, parse
from services.events import Heard
from services.ingest.clocks import Clock, Jury
from services.ingest.sources import Held, Source, Sources, Stream, Waiting
from services.ingest.tally import Tally
from services.stage import read_snapshot, undamaged, write_snapshot

_STAGE = "ingest.intake"
_VERSION = 2

Overdue = dict[tuple[str, str, Channel], None]


def write(own: dict[str, int], jury: Jury, sources: Sources, overdue: Overdue) -> bytes:
    """Write everything down; the same state gives the same bytes."""
    return write_snapshot(
        _STAGE,
        _VERSION,
        "",
        {
            "own": own,
            "jury": jury.state(),
            "forgotten": sources.forgotten,
            "known": [_source(one) for one in sources.known.values()],
            "strangers": [_source(one) for one in sources.strangers.values()],
            "overdue": [[group, sensor, str(channel)] for group, sensor, channel in overdue],
        },
    )


def read(
    state: bytes,
    sources: Sources,
    new_order: Callable[[Channel], Held],
    marked: Callable[[SensorMessage], SensorMessage],
) -> tuple[dict[str, int], Jury, Overdue]:
    """Fill ``sources`` from a snapshot; give the rest.

    Raises:
        SnapshotError: where it is none of this stage and version.
    """
    content = read_snapshot(state, _STAGE, _VERSION, "")
    with undamaged(_STAGE):
        for part in ("known", "strangers"):
            held: dict[tuple[str, str], Source] = getattr(sources, part)
            for entry in content[part]:
                source = _made(entry, new_order, marked)
                held[source.topic.group, source.topic.sensor or ""] = source
        sources.forgotten = content["forgotten"]
        jury = Jury()
        jury.set_state(content["jury"])
        overdue = {(group, name, Channel(way)): None for group, name, way in content["overdue"]}
        return dict(content["own"]), jury, overdue


def _source(source: Source) -> dict[str, Any]:
    return {
        "topic": str(source.topic),
        "registered_at_ns": source.registered_at_ns,
        "told_ns": source.told_ns,
        "clock": source.clock.state(),
        "streams": [
            {
                "channel": str(channel),
                "returned": stream.returned,
                "orders": [
                    [
                        session,
                        order.state(),
                        [
                            [number, at_ns, _waiting(waiting)]
                            for number, (at_ns, waiting) in order.held.items()
                        ],
                    ]
                    for session, order in stream.orders.items()
                ],
            }
            for channel, stream in source.streams.items()
        ],
        "tallies": [[str(channel), tally.state()] for channel, tally in source.tallies.items()],
    }


def _made(
    entry: dict[str, Any],
    new_order: Callable[[Channel], Held],
    marked: Callable[[SensorMessage], SensorMessage],
) -> Source:
    source = Source(
        parse(entry["topic"]),
        entry["registered_at_ns"],
        entry["told_ns"],
        Clock(*entry["clock"]),
    )
    for part in entry["streams"]:
        channel = Channel(part["channel"])
        stream = source.streams[channel] = Stream(returned=list(part["returned"]))
        for session, state, held in part["orders"]:
            order = stream.orders[session] = new_order(channel)
            order.set_state(state)
            topic = Topic(source.topic.group, source.topic.kind, source.topic.sensor, channel)
            for number, at_ns, waiting in held:
                order.held[number] = (at_ns, waiting and _heard(topic, waiting, marked))
    for channel, state in entry["tallies"]:
        source.tallies[Channel(channel)] = Tally(**state)
    return source


def _waiting(waiting: Waiting | None) -> list[Any] | None:
    if waiting is None:
        return None
    heard = waiting.heard
    times = [heard.received_at_ns, heard.at_ns, heard.clock_sigma_s]
    return [bytes(waiting.payload), *times]


def _heard(
    topic: Topic, state: list[Any], marked: Callable[[SensorMessage], SensorMessage]
) -> Waiting:
    payload, received_at_ns, at_ns, sigma_s = state
    decoded, ignored = wire.decode_sensor(topic, payload)
    message = marked(decoded)
    heard = Heard(topic, message, received_at_ns, at_ns, False, sigma_s, ignored)  # noqa: FBT003 - what waits was never retained
    return Waiting(heard, message, payload)
