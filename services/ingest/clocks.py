"""Whose clock is wrong: a sensor's or ours.

A message that was sent later than we received it cannot have been under way: its clock is ahead,
and that is said at once. One received long after it was sent may just have been long under way (a
broker keeps messages while we are down), so a clock is behind only when nothing of two windows
in a row came quickly. What was measured long before it was sent says nothing about clocks at all.

Gateways vote, each once, since sensors behind one gateway share its clock: when most of at least
three stand on the same wrong side, our own clock is the suspect.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_S = 1_000_000_000
_MIN_VOTES = 3
_MAX_VOTES = 1_024


class Side(IntEnum):
    """Where a clock stands, seen from ours."""

    BEHIND = -1
    RIGHT = 0
    AHEAD = 1


@dataclass(slots=True)
class Clock:
    """What a sensor's clock looked like lately: shortest way of this window and the last."""

    window: int = -1
    shortest_ns: int = 0
    before_ns: int | None = None

    def judge(
        self, sent_at_ns: int, received_at_ns: int, *, tolerance_ns: int, window_ns: int
    ) -> Side:
        """Take one message's times and say where the clock stands."""
        way_ns = received_at_ns - sent_at_ns
        window = received_at_ns // window_ns
        if window > self.window:
            self.before_ns = self.shortest_ns if self.window >= 0 else None
            self.window, self.shortest_ns = window, way_ns
        else:
            self.shortest_ns = min(self.shortest_ns, way_ns)
        if way_ns < -tolerance_ns:
            return Side.AHEAD
        if self.before_ns is not None and min(self.before_ns, self.shortest_ns) > tolerance_ns:
            return Side.BEHIND
        return Side.RIGHT

    def state(self) -> list[Any]:
        """Write it down."""
        return [self.window, self.shortest_ns, self.before_ns]


class Jury:
    """The gateways' votes on our own clock."""

    def __init__(self, memory_ns: int = 60 * _S) -> None:
        """Let a vote count for ``memory_ns``."""
        self._memory_ns = memory_ns
        self._votes: dict[str, tuple[int, int]] = {}
        self._counts = [0, 0, 0]

    def vote(self, group: str, side: Side, at_ns: int) -> None:
        """Take a gateway's newest vote; the longest silent one makes place where all are taken."""
        before = self._votes.pop(group, None)
        if before is not None:
            self._counts[before[0] + 1] -= 1
        elif len(self._votes) >= _MAX_VOTES:
            oldest = self._votes.pop(next(iter(self._votes)))
            self._counts[oldest[0] + 1] -= 1
        self._votes[group] = (side, at_ns)
        self._counts[side + 1] += 1

    def forget(self, now_ns: int) -> None:
        """Drop votes that are too old to count."""
        for group, (side, at_ns) in list(self._votes.items()):
            if at_ns + self._memory_ns >= now_ns:
                break
            del self._votes[group]
            self._counts[side + 1] -= 1

    @property
    def own_clock_suspect(self) -> bool:
        """Whether most gateways find our clock wrong in the same sense."""
        total = sum(self._counts)
        return total >= _MIN_VOTES and 2 * max(self._counts[0], self._counts[2]) > total

    def state(self) -> list[Any]:
        """Write it down."""
        return [[group, side, at_ns] for group, (side, at_ns) in self._votes.items()]

    def set_state(self, state: list[Any]) -> None:
        """Take up what ``state`` wrote."""
        self._votes = {group: (side, at_ns) for group, side, at_ns in state}
        self._counts = [0, 0, 0]
        for side, _ in self._votes.values():
            self._counts[side + 1] += 1
