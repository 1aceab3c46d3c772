"""What is published of a recording, where and when.

Topics carry receive time and retained flag as recorded (see ``sensors.topics``); nothing is
published with the broker's retained flag, so a replay leaves nothing behind in the broker.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from geo.errors import ConfigError
from sensors.topics import COMMAND_TOPIC, Channel, is_name, replay_topic
from services.events import Command, Received, encode

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """One message to publish.

    Attributes:
        due_s: when, in seconds from the replay's begin; 0 for as fast as it goes.
        at_s: where in the recording it stands, in seconds from its begin.
        qos: as recorded: frames 0, everything else 1.
    """

    due_s: float
    at_s: float
    topic: str
    payload: bytes
    qos: int


class Replayer:
    """Turns a recording's items into messages for one run."""

    def __init__(self, run: str, factor: float | None) -> None:
        """Name the run.

        Args:
            run: that the service was started with.
            factor: 1 for real time; None for as fast as the broker takes it.

        Raises:
            ConfigError: where run or factor cannot be.
        """
        if not is_name(run):
            raise ConfigError(f"--run is {run!r}: wanted 1 to 64 of a-z, 0-9 and -")
        if factor is not None and factor <= 0.0:
            raise ConfigError(f"--factor is {factor:g}: wanted a number above 0, or max")
        self._run = run
        self._factor = factor
        self._begin_ns: int | None = None

    def messages(self, items: Iterable[Received | Command]) -> Iterator[Replayed]:
        """Give what to publish, in the order of ``items``; the first is due at once."""
        for item in items:
            if isinstance(item, Command):
                at_ns, topic, retained, payload = item.at_ns, COMMAND_TOPIC, False, encode(item)
            else:
                at_ns, topic, retained = item.received_at_ns, item.topic, item.retained
                payload = item.payload
            begin_ns = self._begin_ns = at_ns if self._begin_ns is None else self._begin_ns
            at_s = (at_ns - begin_ns) / _NS
            yield Replayed(
                due_s=0.0 if self._factor is None else at_s / self._factor,
                at_s=at_s,
                topic=replay_topic(self._run, at_ns, topic, retained=retained),
                payload=payload,
                qos=0 if topic.endswith(f"/{Channel.FRAME}") else 1,
            )
