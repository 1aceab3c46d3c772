"""Counting what was received of one sensor on one channel, told about once a second."""

from dataclasses import asdict, dataclass, field
from typing import Any

from sensors.topics import Topic
from services.events import Reception

_MAX_FAULTS = 8
_MAX_LOST = 1_000_000
"""Most that one hole counts as lost: a wild number is a fault, not a loss."""


@dataclass(slots=True)
class Tally:
    """Counts since the last Reception; see there for their meaning."""

    messages: int = 0
    bytes: int = 0
    lost: int = 0
    duplicates: int = 0
    rejected: int = 0
    at_ns: int = 0
    timed: int = 0
    delay_ns: int = 0
    way_ns: int | None = None
    faults: list[str] = field(default_factory=list)

    def came(self, size: int, at_ns: int) -> None:
        """Count a message, whatever becomes of it."""
        self.messages += 1
        self.bytes += size
        self.at_ns = max(self.at_ns, at_ns)

    def times(self, measured_ns: int, sent_ns: int, received_ns: int) -> None:
        """Count how long it took, and how far the clocks can at most be apart."""
        self.timed += 1
        self.delay_ns += received_ns - measured_ns
        way_ns = received_ns - sent_ns
        self.way_ns = way_ns if self.way_ns is None else min(self.way_ns, way_ns)

    def hole(self, size: int) -> None:
        """Count what did not come."""
        self.lost += min(size, _MAX_LOST)

    def fault(self, text: str) -> None:
        """Note a fault once."""
        if text not in self.faults and len(self.faults) < _MAX_FAULTS:
            self.faults.append(text)

    def reception(self, topic: Topic, now_ns: int) -> Reception | None:
        """Tell what was counted, or None where nothing was."""
        if topic.kind is None or topic.sensor is None:
            return None
        if not (self.messages or self.lost or self.rejected or self.faults):
            return None
        return Reception(
            group=topic.group,
            kind=topic.kind,
            sensor=topic.sensor,
            channel=topic.channel,
            at_ns=self.at_ns or now_ns,
            messages=self.messages,
            bytes=self.bytes,
            lost=self.lost,
            duplicates=self.duplicates,
            rejected=self.rejected,
            delay_s=self.delay_ns / self.timed / 1e9 if self.timed else 0.0,
            clock_offset_s=-self.way_ns / 1e9 if self.way_ns is not None else 0.0,
            faults=tuple(self.faults),
        )

    def state(self) -> dict[str, Any]:
        """Write it down."""
        return asdict(self)
