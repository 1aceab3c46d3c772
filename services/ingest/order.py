"""Order of one stream: numbered messages in, the same without doubles and in sequence out.

A stream is what one sensor says on one channel in one session. Streams that wait keep a message
that came too early until the missing one comes or the hold is over; streams that do not wait
(frames, whose detector resets at a hole; statuses, of which only the newest counts) tell the hole
at once. What comes after its hole was told is still given on by waiting streams, since event
time, not arrival, decides further on, and dropped by the others.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

ItemT = TypeVar("ItemT")

_MAX_HOLES = 64


class Verdict(Enum):
    """What became of one message."""

    TAKEN = "taken"
    HELD = "held"
    DUPLICATE = "duplicate"
    LATE = "late"
    TOO_LATE = "too late"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that did not come, both ends included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(slots=True)
class Order(Generic[ItemT]):
    """State of one stream.

    Attributes:
        waits: whether a message that came too early is held.
        hold_ns: for how long, by time of receipt.
        depth: how many at most.
        next: the number expected; None before the first message.
        first: the lowest number taken.
        measured_ns: newest measured time taken.
        holes: told and not yet filled, oldest first; the oldest beyond 64 are forgotten.
        held: by number: receive time and item.
    """

    waits: bool
    hold_ns: int
    depth: int
    next: int | None = None
    first: int = 0
    measured_ns: int = 0
    holes: list[Hole] = field(default_factory=list)
    held: dict[int, tuple[int, ItemT]] = field(default_factory=dict)

    def push(
        self, number: int, measured_ns: int, received_at_ns: int, item: ItemT
    ) -> tuple[Verdict, list[ItemT | Hole]]:
        """Take one message.

        Returns:
            What became of it, and what may go on now, in order, holes included.
        """
        if self.next is None:
            self.first = number
        if self.next is None or number == self.next:
            self.next = number + 1
            self.measured_ns = max(self.measured_ns, measured_ns)
            return Verdict.TAKEN, [item, *self._follow()] if self.held else [item]
        if number > self.next:
            if not self.waits:
                out: list[ItemT | Hole] = [self._tell(Hole(self.next, number - 1)), item]
                self.next = number + 1
                self.measured_ns = max(self.measured_ns, measured_ns)
                return Verdict.TAKEN, out
            if number in self.held:
                return Verdict.DUPLICATE, []
            self.held[number] = (received_at_ns, item)
            self.measured_ns = max(self.measured_ns, measured_ns)
            return Verdict.HELD, self._give_up() if len(self.held) > self.depth else []
        if number < self.first and measured_ns <= self.measured_ns and self.waits:
            # Overtaken by the first that came: nobody missed it so far.
            between = Hole(number + 1, self.first - 1)
            self.first = number
            return Verdict.TAKEN, [self._tell(between), item] if between.size else [item]
        if self._fills(number):
            return (Verdict.LATE, [item]) if self.waits else (Verdict.TOO_LATE, [])
        if measured_ns > self.measured_ns:
            # Newer than all before under a number used up: the sender counts anew without saying
            # so by a new session. Taking it for a double would make the sensor deaf.
            freed: list[ItemT | Hole] = []
            while self.held:
                freed += self._give_up()
            self.holes.clear()
            self.first, self.next = number, number + 1
            self.measured_ns = measured_ns
            return Verdict.RESTARTED, [*freed, item]
        return Verdict.DUPLICATE, []

    def expire(self, now_ns: int) -> list[ItemT | Hole]:
        """Give up waiting for what is overdue."""
        out: list[ItemT | Hole] = []
        while self.held and min(at for at, _ in self.held.values()) + self.hold_ns <= now_ns:
            out += self._give_up()
        return out

    def _give_up(self) -> list[ItemT | Hole]:
        """Tell the first hole and give on what follows it."""
        lowest = min(self.held)
        hole = self._tell(Hole(self.next or 0, lowest - 1))
        self.next = lowest
        return [hole, *self._follow()]

    def _follow(self) -> list[ItemT | Hole]:
        out: list[ItemT | Hole] = []
        while self.next in self.held:
            out.append(self.held.pop(self.next)[1])
            self.next += 1
        return out

    def _tell(self, hole: Hole) -> Hole:
        self.holes.append(hole)
        del self.holes[:-_MAX_HOLES]
        return hole

    def _fills(self, number: int) -> bool:
        for index, hole in enumerate(self.holes):
            if hole.first <= number <= hole.last:
                parts = (Hole(hole.first, number - 1), Hole(number + 1, hole.last))
                self.holes[index : index + 1] = [part for part in parts if part.size > 0]
                del self.holes[:-_MAX_HOLES]
                return True
        return False

    def state(self) -> dict[str, Any]:
        """Write down everything but what is held, which the owner writes."""
        return {
            "next": self.next,
            "first": self.first,
            "measured_ns": self.measured_ns,
            "holes": [[hole.first, hole.last] for hole in self.holes],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what ``state`` wrote."""
        self.next, self.first = state["next"], state["first"]
        self.measured_ns = state["measured_ns"]
        self.holes = [Hole(first, last) for first, last in state["holes"]]
