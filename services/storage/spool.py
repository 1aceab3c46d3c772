"""A local, append-only queue on disk, for when the database is away.

Files ``<number>.spool`` in one folder; each is a run of frames::

    length  u32 little-endian, 1 to MAX_FRAME
    crc     u32 little-endian, CRC-32 (zlib) over length and body
    body    length bytes

A batch is on disk (fsync) before ``append`` returns. A process that was killed while writing
leaves a torn tail: cut off when the folder is opened, and counted. The length is part of the
checksum, so that a tail of zeros is no frame. Reading goes from the oldest file; a file is removed
when all of it was taken, so a frame may be seen again after a crash, and never lost.
"""

import contextlib
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from geo.errors import StorageError

MAX_FRAME = 64 * 1024 * 1024
SEGMENT_BYTES = 16 * 1024 * 1024
LIMIT_BYTES = 4 * 1024**3
"""Assumed: the traffic of the whole border's reports (about 1 MB/s) for an hour."""
_HEAD = struct.Struct("<II")
_LENGTH = struct.Struct("<I")


def frame(body: bytes) -> bytes:
    """Put a body into a frame.

    Raises:
        StorageError: where it is empty or too long.
    """
    if not 1 <= len(body) <= MAX_FRAME:
        raise StorageError(f"spool frame has {len(body)} bytes: 1 to {MAX_FRAME} are wanted")
    length = _LENGTH.pack(len(body))
    return length + _LENGTH.pack(zlib.crc32(body, zlib.crc32(length))) + body


def unframe(data: bytes, start: int = 0) -> tuple[bytes, int] | None:
    """Take the frame at ``start``; its body and where the next begins, None where it is not whole.

    ``data`` may end anywhere: also inside the frame's head.
    """
    if start + _HEAD.size > len(data):
        return None
    length, crc = _HEAD.unpack_from(data, start)
    body_at = start + _HEAD.size
    if not 1 <= length <= MAX_FRAME or body_at + length > len(data):
        return None
    body = data[body_at : body_at + length]
    if zlib.crc32(body, zlib.crc32(data[start : start + _LENGTH.size])) != crc:
        return None
    return bytes(body), body_at + length


@dataclass(frozen=True, slots=True)
class Batch:
    """Some frames from the queue's head; given back to ``Spool.taken`` when they are safe."""

    bodies: tuple[bytes, ...]
    segment: int
    end: int


class Spool:
    """The queue. All calls touch the disk: use them from a thread. One process at a time."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        """Open a folder's queue, cutting off what a killed process left half written.

        Raises:
            StorageError: where another process has it, or it cannot be written.
        """
        self._folder = folder
        self._limit = limit_bytes
        self._guard = threading.Lock()
        self._tail: FileIO | None = None
        self._bytes = 0
        self.torn_bytes = 0
        self.damaged_bytes = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(f"spool folder {folder} cannot be used: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StorageError(
                f"spool folder {folder} is used by another process: stop that service first"
            ) from error
        # Segments from the oldest: [number, durable end].
        self._segments: list[list[int]] = []
        self._head_at = 0
        try:
            with self._disk("be read"):
                self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def bytes_waiting(self) -> int:
        """Bytes on disk that were not taken yet."""
        return self._bytes

    @property
    def is_empty(self) -> bool:
        """Whether all of it was taken."""
        return self._bytes == 0

    def append(self, bodies: Sequence[bytes]) -> None:
        """Put bodies at the end; they are on disk when this returns.

        Raises:
            StorageError: where the queue is full, or the disk is, or fails: nothing was added.
        """
        if not bodies:
            return
        data = b"".join(map(frame, bodies))
        with self._guard:
            if self._bytes + len(data) > self._limit:
                raise StorageError(
                    f"spool {self._folder} is full ({self._bytes} of {self._limit} bytes): bring "
                    f"the database back"
                )
            with self._disk("be written"):
                self._write(data)

    def peek(self, max_bytes: int = 4 * 1024 * 1024, max_frames: int = 2_000) -> Batch | None:
        """Look at the oldest frames; at least one, and none where the queue is empty.

        Raises:
            StorageError: where the disk fails.
        """
        with self._guard, self._disk("be read"):
            while self._segments:
                number, end = self._segments[0]
                if self._head_at >= end:
                    self._drop_head()
                    continue
                bodies, at = self._read(number, end, max_bytes, max_frames)
                if bodies:
                    return Batch(tuple(bodies), number, at)
                # Damaged in the middle, after it had been whole: keep the file, and go on.
                path = self._path(number)
                path.replace(path.with_suffix(".damaged"))
                self.damaged_bytes += end - self._head_at
                self._drop_head()
            return None

    def taken(self, batch: Batch) -> None:
        """Forget the frames of a batch: they are safe elsewhere.

        Raises:
            StorageError: where a file cannot be removed; its frames are forgotten all the same
                until the folder is opened anew.
        """
        with self._guard, self._disk("be emptied"):
            if self._segments and self._segments[0][0] == batch.segment:
                self._bytes -= batch.end - self._head_at
                self._head_at = batch.end
                if self._head_at >= self._segments[0][1]:
                    self._drop_head()

    def set_aside(self, body: bytes) -> None:
        """Keep a body that is of no use where it was going, in ``aside.frames``.

        Raises:
            StorageError: where the disk fails.
        """
        with (
            self._guard,
            self._disk("be written"),
            (self._folder / "aside.frames").open("ab") as file,
        ):
            file.write(frame(body))
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Close the files; what waits stays on disk."""
        with self._guard:
            if self._tail is not None:
                self._tail.close()
                self._tail = None
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    @contextlib.contextmanager
    def _disk(self, what: str) -> Iterator[None]:
        """Let each fault of the disk be a StorageError."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(
                f"spool {self._folder} cannot {what} ({error}): make room on the disk, or mend it"
            ) from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}.spool"

    def _recover(self) -> None:
        for path in sorted(self._folder.glob("*.spool")):
            data = path.read_bytes()
            at = 0
            while found := unframe(data, at):
                at = found[1]
            if at < len(data):
                self._cut(path, data, at)
            self._segments.append([int(path.stem), at])
            self._bytes += at
        while self._segments and self._segments[0][1] == 0:
            self._drop_head()

    def _cut(self, path: Path, data: bytes, at: int) -> None:
        """Cut off what follows the last whole frame; keep a copy where that is not plainly torn."""
        tail = data[at:]
        if len(tail) >= _HEAD.size and any(tail):
            length = _HEAD.unpack_from(tail)[0]
            if 1 <= length <= len(tail) - _HEAD.size:
                self.damaged_bytes += len(tail)
                path.with_suffix(".damaged").write_bytes(tail)
        self.torn_bytes += len(tail)
        os.truncate(path, at)

    def _write(self, data: bytes) -> None:
        if self._tail is None or self._segments[-1][1] >= SEGMENT_BYTES:
            self._new_segment()
        tail, segment = self._tail, self._segments[-1]
        if tail is None:
            raise OSError("spool is closed")
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[tail.write(rest) :]
            os.fsync(tail.fileno())
        except OSError:
            # What is in the file now is not known: cut it off, and never write there again.
            with contextlib.suppress(OSError):
                os.truncate(self._path(segment[0]), segment[1])
            with contextlib.suppress(OSError):
                tail.close()
            self._tail = None
            raise
        segment[1] += len(data)
        self._bytes += len(data)

    def _new_segment(self) -> None:
        if self._lock < 0:
            raise OSError("spool is closed")
        if self._tail is not None:
            self._tail.close()
            self._tail = None
        numbers = [int(path.stem) for path in self._folder.glob("*.*") if path.stem.isdecimal()]
        number = max(numbers, default=0) + 1
        handle = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._tail = FileIO(handle, "wb")
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        if not self._segments:
            self._head_at = 0
        self._segments.append([number, 0])

    def _read(
        self, number: int, end: int, max_bytes: int, max_frames: int
    ) -> tuple[list[bytes], int]:
        bodies: list[bytes] = []
        with self._path(number).open("rb") as file:
            file.seek(self._head_at)
            data = file.read(min(end - self._head_at, max_bytes))
            first = unframe(data)
            if first is None and len(data) < end - self._head_at:
                data += file.read(end - self._head_at - len(data))  # one frame above max_bytes
        at = 0
        while len(bodies) < max_frames and (found := unframe(data, at)):
            bodies.append(found[0])
            at = found[1]
        return bodies, self._head_at + at

    def _drop_head(self) -> None:
        number, end = self._segments[0]
        self._path(number).unlink(missing_ok=True)
        self._segments.pop(0)
        self._bytes -= max(0, end - self._head_at)
        self._head_at = 0
        if self._tail is not None and not self._segments:
            self._tail.close()
            self._tail = None
