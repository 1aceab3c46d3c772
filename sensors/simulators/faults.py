"""What goes wrong with one sensor's messages, and when.

A fault holds from its time up to its end. Frames of a fibre never straddle either, so that which
samples a fault touches does not depend on how they are cut into frames.
"""

import json
from collections.abc import Sequence
from typing import Any

import cbor2

from sensors.messages import time_from_wire, time_to_text
from sensors.scenes import Fault

# As docs/scenes.md says what these faults do (assumed).
SKEW_S = 30.0
LATE_S = 2.0
FLOOD = 20
"""So many times its rate a flooding sensor sends."""

_OF_ITS_OWN = {"schema", "session", "sequence", "measured_at_ns", "sent_at_ns", "mark"}
"""What also a stuck sensor says anew in each message."""


class Faults:
    """The faults of one sensor.

    Args:
        faults: those of the scene that name it.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Sort them by kind."""
        self._spans: dict[str, list[tuple[float, float]]] = {}
        for fault in sorted(faults, key=lambda one: one.t_s):
            span = (fault.t_s, fault.t_s + fault.duration_s)
            self._spans.setdefault(fault.kind, []).append(span)
        self.restarts_s = tuple(end for _, end in self._spans.get("restart", ()))
        self.edges_s = tuple(
            sorted({edge for spans in self._spans.values() for span in spans for edge in span})
        )

    def __contains__(self, kind: str) -> bool:
        """Say whether a kind of fault ever holds."""
        return kind in self._spans

    def has(self, kind: str, t_s: float) -> bool:
        """Say whether a kind of fault holds at a time."""
        return self.began_s(kind, t_s) is not None

    def began_s(self, kind: str, t_s: float) -> float | None:
        """When the fault that holds at a time began; None where there is none of this kind."""
        for begin, end in self._spans.get(kind, ()):
            if begin <= t_s < end:
                return begin
        return None

    def is_away(self, t_s: float) -> bool:
        """Say whether nothing is sent at a time."""
        return self.has("silent", t_s) or self.has("restart", t_s)

    def skew_s(self, t_s: float) -> float:
        """How fast its clock is at a time."""
        return SKEW_S if self.has("skew", t_s) else 0.0

    def restarts(self, t_s: float) -> int:
        """How often it has restarted by a time."""
        return sum(end <= t_s for end in self.restarts_s)


def said_again(old: bytes, new: bytes) -> bytes:
    """Give an old message's content with a new one's number and times."""
    fresh = _read(new)
    kept = {key: value for key, value in _read(old).items() if key not in _OF_ITS_OWN}
    return _write({key: fresh[key] for key in fresh if key in _OF_ITS_OWN} | kept, like=new)


def said_later(payload: bytes, sequence: int, later_ns: int) -> bytes:
    """Give a message's content under another number, measured and sent later."""
    body = _read(payload)
    body["sequence"] = sequence
    for key in ("measured_at_ns", "sent_at_ns"):
        at_ns = time_from_wire(body[key]) + later_ns
        body[key] = time_to_text(at_ns) if isinstance(body[key], str) else at_ns
    return _write(body, like=payload)


def _read(payload: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(payload) if payload[:1] == b"{" else cbor2.loads(payload)
    return body


def _write(body: dict[str, Any], like: bytes) -> bytes:
    if like[:1] == b"{":
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return cbor2.dumps(body)
