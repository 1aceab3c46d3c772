"""The stream's time, read here and nowhere after."""

import time

_NS = 1_000_000_000
_STEP_NS = _NS


class StreamClock:
    """Wall time that never goes back; of a replay, where it has come to.

    When the machine's clock is set back, the stream goes on at its own pace from where it was:
    ticks must go on, or no silence would be found and nothing would end.

    Attributes:
        steps_back: how often the machine's clock was found to be set back by a second or more.
    """

    def __init__(self, *, replay: bool = False) -> None:
        """Begin now, or with a replay's first message."""
        self._replay = replay
        self._last_ns = 0 if replay else time.time_ns()
        self._steady_ns = time.monotonic_ns()
        self._behind = False
        self.steps_back = 0

    def hear(self, received_at_ns: int) -> None:
        """Take a replayed message's receive time; live time does not hang on messages."""
        if self._replay:
            self._last_ns = max(self._last_ns, received_at_ns)

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC; 0 before a replay's first message."""
        if self._replay:
            return self._last_ns
        wall_ns, steady_ns = time.time_ns(), time.monotonic_ns()
        on_ns = self._last_ns + steady_ns - self._steady_ns
        behind = wall_ns < self._last_ns
        if behind and not self._behind and self._last_ns - wall_ns >= _STEP_NS:
            self.steps_back += 1
        self._behind = behind
        self._last_ns = on_ns if behind else wall_ns
        self._steady_ns = steady_ns
        return self._last_ns
