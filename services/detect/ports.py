"""What detection needs from outside."""

from collections.abc import Sequence
from typing import Protocol

from services.events import Conclusion, Received


class FrameSource(Protocol):
    """Where raw frames come from."""

    def get(self, timeout_s: float) -> list[Received]:
        """What has come, in order; waits for the first up to ``timeout_s``, then may be empty."""
        ...


class EventSink(Protocol):
    """Where conclusions go."""

    def send(self, events: Sequence[Conclusion]) -> None:
        """Take conclusions; never waits, and counts what it had to drop."""
        ...


class FrameRing(Protocol):
    """The bounded recording of the last raw frames."""

    def keep(self, received: Received) -> None:
        """Take a message; never waits and never raises."""
        ...


class StatePort(Protocol):
    """Where a worker's state is kept, so that floors need not be learned anew."""

    def load(self) -> bytes | None:
        """The last state saved, or None."""
        ...

    def save(self, state: bytes) -> None:
        """Keep a state in place of the last one."""
        ...
