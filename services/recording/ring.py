"""The ring: the last of all traffic, in files of which the oldest go first.

``keep`` only appends to a bounded queue; a thread writes. So whoever hears messages never waits
for a disk, and a disk that is full or broken costs the ring and nothing else. Blocks are written
at least once a second, uncompressed: after a kill the file under way is readable up to there.
"""

import errno
import re
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from geo.errors import RecordingError
from services.events import Received
from services.recording.file import CHUNK_BYTES, RecordingFile

_log = structlog.get_logger()

QUEUE_BYTES = 48 * 1024 * 1024
"""What may wait for the disk: 1.6 s of a whole border's frames."""
_TURN_S = 0.2
_FLUSH_S = 1.0
_RETRY_S = 5.0
_LEAST_SEGMENT, _LARGEST_SEGMENT = 64 * 1024, 256 * 1024 * 1024
_STATE_TOPICS = 4_096
_STATE_PAYLOAD = 64 * 1024
_NAME = re.compile(r"([0-9]{20})\.mcap")


class Ring:
    """Use it as a context manager.

    Attributes:
        kept: messages written.
        dropped: messages given up because the disk was too slow.
        failures: messages given up because the disk refused.
        forgotten: states left out of the files' heads because there were too many.
    """

    def __init__(self, folder: Path, max_bytes: int, *, site_text: str | None = None) -> None:
        """Name folder and size.

        Args:
            folder: of this ring alone.
            max_bytes: of all its files together.
            site_text: the site file that applies; every file begins with it.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(max(max_bytes // 16, _LEAST_SEGMENT), _LARGEST_SEGMENT)
        self._site_text = site_text
        self._waiting: deque[Received] = deque()
        self._waiting_bytes = 0
        self._turn = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self._closed: deque[tuple[Path, int]] = deque()
        self._closed_bytes = 0
        self._segment: RecordingFile | None = None
        self._flushed_s = 0.0
        self._last_name = 0
        self._retry_s = 0.0
        self._failing = False
        self._state: dict[str, bytes] = {}
        self.kept = 0
        self.dropped = 0
        self.failures = 0
        self.forgotten = 0

    def __enter__(self) -> Self:
        """Begin; files of an earlier time stay, as far as there is room."""
        self._thread = threading.Thread(target=self._work, name="ring", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what waits and close the file."""
        with self._turn:
            self._ended = True
            self._turn.notify()
        if self._thread is not None:
            self._thread.join()

    def keep(self, received: Received) -> None:
        """Take a message; never waits for the disk and never raises."""
        size = len(received.payload)
        with self._turn:
            if self._waiting_bytes + size > QUEUE_BYTES:
                self.dropped += 1
                return
            self._waiting.append(received)
            self._waiting_bytes += size
            if self._waiting_bytes >= CHUNK_BYTES:
                self._turn.notify()

    def _work(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(
                    lambda: self._ended or self._waiting_bytes >= CHUNK_BYTES, _TURN_S
                )
                taken = list(self._waiting)
                self._waiting.clear()
                self._waiting_bytes = 0
                ended = self._ended
            for received in taken:
                self._write(received)
            self._flush(now=ended)
            if ended:
                self._finish()
                return

    def _write(self, received: Received) -> None:
        self._remember(received)
        if self._retry_s and time.monotonic() < self._retry_s:
            self.failures += 1
            return
        try:
            self._put(received)
        except Exception as error:  # noqa: BLE001 - no message and no disk may end the ring
            self._fail(error, 1)
        else:
            self.kept += 1
            if self._failing:
                _log.info("ring of recordings is written again", folder=str(self._folder))
                self._failing = False

    def _put(self, received: Received) -> None:
        size = len(received.payload) + 4 * len(received.topic) + 1024
        segment = self._segment
        if segment is not None and segment.size + size > self._segment_bytes:
            self._finish()
            segment = None
        if segment is None:
            segment = self._begin(received.received_at_ns)
        if segment.size + size > self._max_bytes:
            raise RecordingError(f"a message of {size} bytes: the ring holds {self._max_bytes}")
        self._make_room(segment.size + size)
        segment.write(received)

    def _begin(self, at_ns: int) -> RecordingFile:
        self._look()
        self._make_room(self._segment_bytes)
        self._last_name = max(at_ns, self._last_name + 1)
        head = {"ring": self._folder.name, "begun_at_ns": str(at_ns)}
        path = self._folder / f"{self._last_name:020d}.mcap"
        segment = RecordingFile(path, head=head, site_text=self._site_text, compress=False)
        self._segment = segment
        self._flushed_s = time.monotonic()
        limit = segment.size + self._segment_bytes // 4
        for topic, payload in self._state.items():
            if segment.size > limit:
                break
            segment.write(Received(at_ns, topic, payload, retained=True), told=True)
        return segment

    def _remember(self, received: Received) -> None:
        """Keep what the broker keeps for later subscribers, so that each file can begin with it."""
        topic, payload = received.topic, received.payload
        if not topic.endswith(("/register", "/status")):
            return
        if not payload:
            self._state.pop(topic, None)
        elif len(payload) > _STATE_PAYLOAD or (
            topic not in self._state and len(self._state) >= _STATE_TOPICS
        ):
            self.forgotten += 1
        else:
            self._state[topic] = payload

    def _look(self) -> None:
        """Find the files that are there; closed ones, and those a kill left open."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._closed.clear()
        self._closed_bytes = 0
        for path in sorted(self._folder.glob("*.mcap")):
            matched = _NAME.fullmatch(path.name)
            if matched:
                self._last_name = max(self._last_name, int(matched[1]))
                size = path.stat().st_size
                self._closed.append((path, size))
                self._closed_bytes += size

    def _make_room(self, size: int) -> None:
        while self._closed and self._closed_bytes + size > self._max_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        path, size = self._closed.popleft()
        path.unlink(missing_ok=True)
        self._closed_bytes -= size

    def _flush(self, *, now: bool) -> None:
        segment = self._segment
        if segment is None or not segment.has_pending:
            return
        if now or time.monotonic() - self._flushed_s >= _FLUSH_S:
            self._flushed_s = time.monotonic()
            try:
                segment.flush()
            except OSError as error:
                self._fail(error, 0)

    def _finish(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            segment.close()
        except OSError as error:
            self._fail(error, 0)

    def _fail(self, error: Exception, messages: int) -> None:
        """Give the file up, count, say it once, and try again in a while with less on the disk."""
        self.failures += messages
        if not self._failing:
            _log.error("ring of recordings fails", folder=str(self._folder), reason=str(error))
            self._failing = True
        self._retry_s = time.monotonic() + _RETRY_S
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.abandon()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and self._closed:
            try:
                self._drop_oldest()
            except OSError:
                return  # tried again at the next failure
