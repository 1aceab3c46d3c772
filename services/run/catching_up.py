"""Up to when everything that was sent has been heard.

After a start, or when the broker was away, the broker hands over what it kept for us, and gateways
publish again what nobody took. Meanwhile time goes on: if it reached the tracker first, a crossing
of that hour would come too late to be anybody's track. So what decides by event time waits behind
the broker's backlog: the service's ticks say up to when everything was heard, and what frame
workers found later than that is held back until the backlog has come so far.
"""

_NS = 1_000_000_000
LIVE_NS = 2 * _NS
"""A message that took no longer than this was not kept for us; assumed."""
_QUIET_NS = 2 * _NS
"""Nothing came for so long: no more was kept; assumed."""
_STUCK_NS = 10 * _NS
_STEP_NS = _NS
"""What comes grew no newer by a second within ten: clocks are wrong, or more comes than we can
take; waiting longer helps nobody; assumed."""


class CatchingUp:
    """Watches the connection and the age of what comes; time is an input.

    Attributes:
        behind: whether more may come that was sent earlier than ``heard_ns`` allows to pass.
        times: how often it fell behind, the start included.
    """

    def __init__(self) -> None:
        """Begin behind: the broker may have kept something while we were not there."""
        self.behind = True
        self.times = 1
        self._heard_ns = 0
        self._now_ns = 0
        self._connections = 0
        self._came_ns: int | None = None
        self._gained_ns = 0
        self._least_lag_ns = 2**63

    def look(self, now_ns: int, connections: int, *, away: bool) -> None:
        """See how the connection stands.

        Args:
            now_ns: the time; never goes back.
            connections: how many were made so far.
            away: whether there is none now.
        """
        if away or connections != self._connections:
            self._connections = connections
            self._came_ns = None if away else now_ns
            self._gained_ns = now_ns
            self._least_lag_ns = 2**63
            if not self.behind:
                self.behind, self._heard_ns = True, self._now_ns
                self.times += 1
        elif self.behind and self._came_ns is not None:
            quiet = now_ns >= self._came_ns + _QUIET_NS
            self.behind = not quiet and now_ns < self._gained_ns + _STUCK_NS
        self._now_ns = now_ns

    def hear(self, measured_ns: int, now_ns: int) -> None:
        """Take when the newest of the messages that just came was measured."""
        if not self.behind or self._came_ns is None:
            return
        self._came_ns = now_ns
        lag_ns = now_ns - measured_ns
        if lag_ns < LIVE_NS:
            self.behind = False
        elif lag_ns <= self._least_lag_ns - _STEP_NS:
            self._least_lag_ns, self._gained_ns = lag_ns, now_ns
        self._heard_ns = max(self._heard_ns, measured_ns)

    @property
    def heard_ns(self) -> int | None:
        """Up to when everything was heard; None for up to now."""
        return self._heard_ns if self.behind else None

    def reaches(self, at_ns: int) -> bool:
        """Whether everything that was sent by ``at_ns`` has been heard."""
        return not self.behind or at_ns <= self._heard_ns
