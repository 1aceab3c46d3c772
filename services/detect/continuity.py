"""To whom one listens, where more than one speaks under a sensor's name."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from services.detect.frontend import Shape

_NS = 1_000_000_000

_SILENT_S = 5.0
"""One that was replaced is listened to again when its successor is silent for so long."""

_REMEMBERED = 8
_STRAYS = 3
"""A frame or two of a session that has just ended may come late; more are another sender's."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What tells one sender of frames from another."""

    session: str
    shape: Shape

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Make one of its plain values."""
        return cls(state["session"], Shape(**state["shape"]))


@dataclass(slots=True)
class Continuity:
    """Lets a new session or shape begin anew, but only once.

    An interrogator that starts again, or is set to other channels, is a new speaker and takes over
    at once. When one that was replaced is back while the new one goes on, two speak under one name:
    then the newer is listened to, and nothing is learned anew at each frame.

    Attributes:
        current: who is listened to.
        replaced: who was, the last of them.
        left_out: frames left out since the last change.
    """

    current: Speaker | None = None
    replaced: list[Speaker] = field(default_factory=list)
    left_out: int = 0
    _since_ns: int | None = None

    @property
    def two_speak(self) -> bool:
        """Whether frames of another sender are left out."""
        return self.left_out >= _STRAYS

    def hears(self, speaker: Speaker, at_ns: int) -> bool:
        """Whether a frame is listened to.

        Args:
            speaker: who sent it.
            at_ns: event time.
        """
        if speaker == self.current:
            self._since_ns = None
            return True
        if speaker in self.replaced:
            since_ns = self._since_ns = at_ns if self._since_ns is None else self._since_ns
            if abs(at_ns - since_ns) <= _SILENT_S * _NS:
                self.left_out += 1
                return False
            self.replaced.remove(speaker)
        if self.current is not None:
            self.replaced = [*self.replaced, self.current][-_REMEMBERED:]
        self.current, self.left_out, self._since_ns = speaker, 0, None
        return True

    def state(self) -> dict[str, Any]:
        """Plain values of the whole state."""
        return {
            "current": None if self.current is None else asdict(self.current),
            "replaced": [asdict(one) for one in self.replaced],
            "left_out": self.left_out,
            "since_ns": self._since_ns,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        current = state["current"]
        self.current = None if current is None else Speaker.of(current)
        self.replaced = [Speaker.of(one) for one in state["replaced"]]
        self.left_out, self._since_ns = state["left_out"], state["since_ns"]
