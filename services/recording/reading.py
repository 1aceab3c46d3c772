"""Reading a recording: a stream in the order of time, also of a file that was cut off.

The file's records are walked from head to head without reading what is in them, which finds every
whole chunk with or without the index at the file's end; one way serves both.
"""

import heapq
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, Header, Message, Metadata, Statistics
from mcap.stream_reader import breakup_chunk

from geo.errors import RecordingError
from services.events import Command, Received, decode
from services.recording.file import FORMAT, OTHER_TOPIC, PROFILE, SITE_ATTACHMENT

_MAGIC = struct.pack("<8B", 137, 77, 67, 65, 80, 48, 13, 10)
_NOTED = {
    Opcode.HEADER,
    Opcode.METADATA,
    Opcode.ATTACHMENT,
    Opcode.CHANNEL,
    Opcode.STATISTICS,
}
_HEAD = struct.Struct("<BQ")
_TIMES = struct.Struct("<QQQ")
_MAX_CHUNK_BYTES = 256 * 1024 * 1024
_MAX_SMALL_BYTES = 64 * 1024 * 1024
_DAMAGED = (
    ValueError,
    IndexError,
    KeyError,
    RuntimeError,
    struct.error,
    McapError,
    zstandard.ZstdError,
)

Wanted = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Kept:
    """One message or command of a recording.

    Attributes:
        told: it is the state from before the file's begin, and no message heard.
    """

    at_ns: int
    item: Received | Command
    told: bool


@dataclass(frozen=True, slots=True)
class _ChunkPlace:
    begin_ns: int
    end_ns: int
    offset: int
    length: int


@dataclass(slots=True)
class _Contents:
    chunks: list[_ChunkPlace] = field(default_factory=list)
    channels: dict[int, Channel] = field(default_factory=dict)
    head: dict[str, str] = field(default_factory=dict)
    site_text: str | None = None
    profile: str | None = None
    messages: int | None = None
    whole: bool = False


class Recording:
    """An MCAP file of ours, opened.

    Attributes:
        head: what is said of the recording as a whole.
        site_text: the site file that applied, where the recording has it.
        begin_ns: time of the first message; None where there is none.
        end_ns: time of the last one.
        messages: how many it says it holds, commands and what was told at its begin included;
            None where it was not closed.
        closed: whether the file was closed in good order.
        warnings: chunks that are damaged and left out, and a cut-off end.
    """

    def __init__(self, path: Path) -> None:
        """Open a recording.

        Raises:
            RecordingError: where it is none of ours, or cannot be read.
        """
        self.path = path
        self.warnings: list[str] = []
        try:
            with path.open("rb") as file:
                contents = self._walk(file, os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise RecordingError(
                f"recording {str(path)!r} cannot be read ({error.strerror}): check path and rights"
            ) from error
        if contents.profile != PROFILE or contents.head.get("format") != FORMAT:
            what = contents.head.get("format") or contents.profile
            raise RecordingError(
                f"{str(path)!r} is an MCAP file of kind {what!r}: wanted one that "
                f"`straja record` wrote, format {FORMAT}"
            )
        self._chunks = contents.chunks
        self._channels = contents.channels
        self.head = contents.head
        self.messages = contents.messages
        self.site_text = contents.site_text
        self.closed = contents.whole
        self.begin_ns = min((chunk.begin_ns for chunk in self._chunks), default=None)
        self.end_ns = max((chunk.end_ns for chunk in self._chunks), default=None)
        self._learnt = contents.whole

    @property
    def seconds(self) -> float:
        """From the first message to the last."""
        if self.begin_ns is None or self.end_ns is None:
            return 0.0
        return (self.end_ns - self.begin_ns) / 1e9

    def topics(self) -> set[str]:
        """All topics of the recording."""
        if not self._learnt:
            with self.path.open("rb") as file:
                self._learn(file)
        return {channel.topic for channel in self._channels.values()}

    def items(self) -> Iterator[Received | Command]:
        """Everything in order of time, equal times in the order of writing."""
        for kept in self.kept():
            yield kept.item

    def kept(
        self, since_ns: int = 0, to_ns: int = 2**63, wanted: Wanted | None = None
    ) -> Iterator[Kept]:
        """Messages and commands of a time, as ``items`` gives them.

        Args:
            since_ns: first time.
            to_ns: last time, included.
            wanted: says of a topic whether its messages are.
        """
        with self.path.open("rb") as file:
            turns: list[tuple[int, int, int, _ChunkPlace | Kept]] = [
                (chunk.begin_ns, chunk.offset, -1, chunk)
                for chunk in self._chunks
                if chunk.end_ns >= since_ns and chunk.begin_ns <= to_ns
            ]
            heapq.heapify(turns)
            while turns:
                _, offset, _, turn = heapq.heappop(turns)
                if isinstance(turn, Kept):
                    yield turn
                    continue
                for number, one in enumerate(self._open(file, turn)):
                    message, channel = one
                    if not since_ns <= message.log_time <= to_ns:
                        continue
                    kept = self._kept(message, channel)
                    if kept is None or (
                        wanted and isinstance(kept.item, Received) and not wanted(kept.item.topic)
                    ):
                        continue
                    heapq.heappush(turns, (kept.at_ns, offset, number, kept))

    def _walk(self, file: BinaryIO, size: int) -> _Contents:
        contents = _Contents()
        if file.read(len(_MAGIC)) != _MAGIC:
            raise RecordingError(
                f"{str(self.path)!r} is no MCAP file: wanted a recording (.mcap), as "
                "`straja record` writes it; correct the path, or copy the file anew"
            )
        offset = len(_MAGIC)
        while offset + _HEAD.size <= size:
            file.seek(offset)
            opcode, length = _HEAD.unpack(file.read(_HEAD.size))
            begin = offset + _HEAD.size
            if begin + length > size:
                break
            if opcode == Opcode.FOOTER:
                file.seek(begin + length)
                contents.whole = file.read(len(_MAGIC)) == _MAGIC
                break
            self._note(file, opcode, begin, length, contents)
            offset = begin + length
        if not contents.whole:
            self.warnings.append(
                f"the file was not closed in good order; {size - offset} bytes after its last "
                "whole block are left out"
            )
        return contents

    def _note(
        self, file: BinaryIO, opcode: int, begin: int, length: int, contents: _Contents
    ) -> None:
        """Take down what a record says of the file; of a chunk only where it is."""
        if opcode == Opcode.CHUNK and length >= _TIMES.size:
            begin_ns, end_ns, unpacked = _TIMES.unpack(file.read(_TIMES.size))
            if max(unpacked, length) > _MAX_CHUNK_BYTES:
                self.warnings.append(f"the block at byte {begin} claims {unpacked} bytes; left out")
            else:
                contents.chunks.append(_ChunkPlace(begin_ns, end_ns, begin, length))
            return
        if opcode not in _NOTED or length > _MAX_SMALL_BYTES:
            return
        stream = ReadDataStream(BytesIO(file.read(length)))
        try:
            if opcode == Opcode.HEADER:
                contents.profile = Header.read(stream).profile
            elif opcode == Opcode.METADATA:
                metadata = Metadata.read(stream)
                if metadata.name == PROFILE:
                    contents.head = dict(metadata.metadata)
            elif opcode == Opcode.ATTACHMENT:
                attachment = Attachment.read(stream)
                if attachment.name == SITE_ATTACHMENT:
                    contents.site_text = attachment.data.decode()
            elif opcode == Opcode.STATISTICS:
                contents.messages = Statistics.read(stream).message_count
            else:
                channel = Channel.read(stream)
                contents.channels[channel.id] = channel
        except _DAMAGED:
            self.warnings.append(f"the record at byte {begin} is damaged; left out")

    def _open(self, file: BinaryIO, place: _ChunkPlace) -> list[tuple[Message, Channel]]:
        file.seek(place.offset)
        out: list[tuple[Message, Channel]] = []
        try:
            chunk = Chunk.read(ReadDataStream(BytesIO(file.read(place.length))))
            for record in breakup_chunk(chunk, validate_crc=True):
                if isinstance(record, Channel):
                    self._channels[record.id] = record
                elif isinstance(record, Message):
                    if record.channel_id not in self._channels:
                        self._learn(file)
                    out.append((record, self._channels[record.channel_id]))
        except _DAMAGED as error:
            self.warnings.append(f"the block at byte {place.offset} is damaged ({error}); left out")
            return []
        return out

    def _learn(self, file: BinaryIO) -> None:
        """Of a file without index: read all channels, each in the first chunk that uses it."""
        if self._learnt:
            return
        self._learnt = True
        for place in self._chunks:
            self._open(file, place)

    def _kept(self, message: Message, channel: Channel) -> Kept | None:
        says = channel.metadata
        if says.get("record") == "command":
            try:
                command = decode(message.data)
            except ValueError:
                command = None
            if isinstance(command, Command):
                return Kept(message.log_time, command, told=False)
            self.warnings.append("a command cannot be read; left out")
            return None
        topic, payload = channel.topic, message.data
        if topic == OTHER_TOPIC and channel.message_encoding == "" and len(payload) >= 2:
            length = int.from_bytes(payload[:2], "big")
            topic, payload = payload[2 : 2 + length].decode(), payload[2 + length :]
        received = Received(message.log_time, topic, payload, retained=says.get("retained") == "1")
        return Kept(message.log_time, received, told=says.get("told") == "1")


def read(path: Path) -> Iterator[Received | Command]:
    """Read a recording in order of time, equal times in the order of writing.

    Raises:
        RecordingError: where it is none of ours, or cannot be read.
    """
    return Recording(path).items()
