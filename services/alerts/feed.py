"""The fan-out of what is shown: one bounded queue for each listener.

The feed carries what happens now. It is not the record: a listener that is new, was cut off or
was too slow reads what it missed from the store, by its party's sequence. So a full queue is no
loss of an alert, and nobody is ever waited for.

While the database is away there is no store to read, and the feed keeps the last revision of each
alert that only the spool holds: whoever opens a listener then is told of those first.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal

from services.alerts.ports import FeedEntry, Live
from services.events import AlertState, Proof

Closed = Literal["slow", "closed", "ended"]
"""Why a listener gets no more: it was too slow, its owner closed it, or the feed has ended."""

_KEPT_ALERTS: Final = 2_000
"""How many alerts are kept in memory; assumed, a hundred times the load of a bad night."""


class Listening:
    """One open listener's queue.

    Attributes:
        party: whose feed it is.
        sensors: whether states of sensors and gateways are for it too.
        closed: why it gets no more, or None while it is open.
    """

    def __init__(self, party: str, wake: Callable[[], None], *, sensors: bool) -> None:
        """Open with an empty queue; ``Feed.open`` is the way to get one."""
        self.party: Final = party
        self.sensors: Final = sensors
        self.closed: Closed | None = None
        self._wake = wake
        self._queue: deque[Live] = deque()

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._queue)

    def take(self) -> list[Live]:
        """Take everything that waits, in order.

        Once ``closed`` is set, what is taken is the last: a slow listener's queue was emptied,
        since what it missed is read from the store.
        """
        items = list(self._queue)
        self._queue.clear()
        return items

    def _wants(self, item: Live) -> bool:
        if isinstance(item, FeedEntry):
            return item.party == self.party
        return self.sensors or isinstance(item, Proof)

    def _put(self, items: Sequence[Live], limit: int) -> None:
        wanted = [item for item in items if self._wants(item)]
        if not wanted or self.closed is not None:
            return
        if len(self._queue) + len(wanted) > limit:
            self._close("slow")
            return
        self._queue.extend(wanted)
        self._wake()

    def _close(self, reason: Closed) -> None:
        if self.closed is None:
            self.closed = reason
            if reason == "slow":
                self._queue.clear()
            self._wake()


class Feed:
    """Gives what happens to every open listener of the party it is for.

    Attributes:
        offered: items offered so far.
        closed_slow: listeners that were closed because their queue was full.
    """

    def __init__(self, limit: int = 4_096) -> None:
        """Start with nobody listening.

        Args:
            limit: items that may wait for one listener.

        Raises:
            ValueError: the limit is below one.
        """
        if limit < 1:
            raise ValueError(f"limit is {limit}: wanted one or more items; give a larger queue")
        self.offered = 0
        self.closed_slow = 0
        self._limit = limit
        self._open: list[Listening] = []
        self._alerts: dict[tuple[str, str], FeedEntry] = {}
        self._ended = False

    @property
    def listeners(self) -> int:
        """How many listeners are open."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Items in the longest queue."""
        return max(map(len, self._open), default=0)

    def offer(self, items: Sequence[Live]) -> None:
        """Give items to all whom they are for, in order; never waits."""
        self.offered += len(items)
        for item in items:
            if isinstance(item, FeedEntry):
                self._remember(item)
        for listener in self._open:
            listener._put(items, self._limit)  # noqa: SLF001 the two are one mechanism
        slow = sum(listener.closed == "slow" for listener in self._open)
        if slow:
            self.closed_slow += slow
            self._open = [listener for listener in self._open if listener.closed is None]

    def open(self, party: str, wake: Callable[[], None], *, sensors: bool = False) -> Listening:
        """Open a listener; it is told first of the alerts that only the spool holds.

        Args:
            party: whose feed.
            wake: called when something waits or the listener was closed; must not block.
            sensors: whether states of sensors and gateways are for this party.
        """
        listener = Listening(party, wake, sensors=sensors)
        if self._ended:
            listener._close("ended")  # noqa: SLF001 the two are one mechanism
            return listener
        self._open.append(listener)
        unstored = [entry for entry in self.latest(party) if not entry.stored]
        listener._put(unstored[-self._limit :], self._limit)  # noqa: SLF001 as above
        return listener

    def close(self, listener: Listening, *, slow: bool = False) -> None:
        """Close a listener; closing it again does nothing.

        Args:
            listener: what ``open`` gave.
            slow: its owner found that it cannot keep up: count it.
        """
        if listener in self._open:
            self._open.remove(listener)
            self.closed_slow += slow
        listener._close("slow" if slow else "closed")  # noqa: SLF001 the two are one mechanism

    def end(self) -> None:
        """Close all listeners, and every later one at once: the service stops."""
        self._ended = True
        for listener in self._open:
            listener._close("ended")  # noqa: SLF001 the two are one mechanism
        self._open.clear()

    def latest(self, party: str) -> list[FeedEntry]:
        """Last revision of each alert of a party that is open or only in the spool, oldest first.

        It is what can still be shown when the store does not answer; it knows only of what was
        offered since the service started.
        """
        return [entry for (whose, _), entry in self._alerts.items() if whose == party]

    def _remember(self, entry: FeedEntry) -> None:
        key = (entry.party, entry.alert.id)
        known = self._alerts.pop(key, None)
        if known is not None and known.alert.revision > entry.alert.revision:
            self._alerts[key] = known
            return
        if entry.alert.state is AlertState.ENDED and entry.stored:
            return
        self._alerts[key] = entry
        if len(self._alerts) > _KEPT_ALERTS:
            del self._alerts[next(iter(self._alerts))]
