"""The shell of frame detection: a loop that takes frames in and sends what follows from them.

It runs in a process of its own. It owns the clock; the stages it drives know only ticks.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from geo.errors import SnapshotError
from services.detect.ports import EventSink, FrameRing, FrameSource, StatePort
from services.events import Conclusion, Detection, Gap, Heard, Received, Reception, Rejected, Tick

_log = structlog.get_logger()
_NS = 1_000_000_000

TICK_S = 1.0
SAVE_S = 10.0

Decoded = Heard | Gap | Rejected | Reception
Decode = Callable[[Received | Tick], list[Decoded]]


class FrameStage(Protocol):
    """Detection of raw frames, whichever sensors it serves."""

    def push(self, item: Heard | Gap | Tick) -> list[Detection | Reception]:
        """Take one item and say what follows."""
        ...

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        ...

    def restore(self, state: bytes) -> None:
        """Go on from such a state."""
        ...


class FrameDetectionWorker:
    """Frames in, detections out.

    Attributes:
        messages: taken in since the start.
        failures: messages that made decoding or detection fail; each is logged.
        restored: whether a saved state was taken up.
    """

    def __init__(
        self,
        *,
        source: FrameSource,
        decode: Decode,
        detection: FrameStage,
        sink: EventSink,
        ring: FrameRing | None,
        state: StatePort | None,
        now_ns: Callable[[], int],
        own_word: Callable[[], Sequence[Conclusion]] | None = None,
    ) -> None:
        """Take the ports.

        Args:
            source: gives messages.
            decode: ingest's verb; detection does not know ingest.
            detection: the stage.
            sink: takes what follows.
            ring: keeps raw frames, if any are to be kept.
            state: keeps the stage's state, if it is to outlive the process.
            now_ns: the clock.
            own_word: what the shell has to say of itself, asked at each tick.
        """
        self._own_word = own_word
        self._source = source
        self._decode = decode
        self._detection = detection
        self._sink = sink
        self._ring = ring
        self._state = state
        self._now_ns = now_ns
        self._next_tick_ns = 1  # a replay's clock says 0 until its first message
        self._next_save_ns = 0
        self.messages = 0
        self.failures = 0
        self.restored = False

    def run(self, stopped: Callable[[], bool]) -> None:
        """Work until told to stop; then save the state once more."""
        self._load()
        self._next_save_ns = self._now_ns() + round(SAVE_S * _NS)
        while not stopped():
            self.step(0.2)
        self._save()

    def step(self, timeout_s: float) -> None:
        """Take in what has come, tick when a second has passed, save when it is time."""
        for received in self._source.get(timeout_s):
            self.messages += 1
            if self._ring is not None:
                self._ring.keep(received)
            self._drive(received)
            self._keep_time()
        self._keep_time()

    def _keep_time(self) -> None:
        now_ns = self._now_ns()
        if now_ns >= self._next_tick_ns:
            self._next_tick_ns = now_ns + round(TICK_S * _NS)
            self._drive(Tick(now_ns))
            if self._own_word is not None:
                self._sink.send(self._own_word())
        if now_ns >= self._next_save_ns:
            self._next_save_ns = now_ns + round(SAVE_S * _NS)
            self._save()

    def _drive(self, item: Received | Tick) -> None:
        """Decode and detect; one bad message never stops the others."""
        out: list[Conclusion] = []
        try:
            for what in self._decode(item):
                if isinstance(what, Heard | Gap):
                    out += self._detection.push(what)
                if not isinstance(what, Heard):
                    out.append(what)
            if isinstance(item, Tick):
                out += self._detection.push(item)
        except Exception:  # noqa: BLE001 - the shell's one: counted and logged
            self.failures += 1
            topic = item.topic if isinstance(item, Received) else "tick"
            _log.exception("message failed in detection", topic=topic, failures=self.failures)
        if out:
            self._sink.send(out)

    def _load(self) -> None:
        state = self._state.load() if self._state is not None else None
        if state is None:
            return
        try:
            self._detection.restore(state)
        except SnapshotError as error:
            _log.warning("detector state not taken up, floors are learned anew", reason=str(error))
            return
        self.restored = True

    def _save(self) -> None:
        if self._state is None:
            return
        try:
            self._state.save(self._detection.snapshot())
        except OSError as error:
            self.failures += 1
            _log.error("detector state not saved", reason=str(error))
