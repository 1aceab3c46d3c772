"""How messages are kept: one MCAP file, written from its begin to its end.

A topic has one MCAP channel for each of (retained or live, JSON or CBOR, heard or told at the
begin), so that payloads stay message data which any MCAP reader shows, bit by bit, and the log
time is the receive time. Operators' commands stand on a channel of their own. The configuration
is an attachment at the file's begin, so that a file that was cut off has it too.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mcap.writer import CompressionType, Writer

from geo.errors import ConfigError, RecordingError
from sensors.topics import COMMAND_TOPIC
from services.events import Command, Received, encode

PROFILE = "straja"
FORMAT = "1"
LIBRARY = "straja"
SITE_ATTACHMENT = "site.toml"
OTHER_TOPIC = "straja-record/other"
"""Channel of messages whose topics found no channel: two bytes of length, topic, payload."""

CHUNK_BYTES = 1024 * 1024
_MAX_CHANNELS = 60_000
"""MCAP numbers channels with 16 bits; somebody may invent a topic for each message."""
_MESSAGE_OVERHEAD = 31 + 16
"""Bytes of a message's record head and of its line in the index."""
_CHUNK_OVERHEAD = 256
_CHANNEL_OVERHEAD = 120

_Key = tuple[str, bool, bool, str]


class RecordingFile:
    """One MCAP file under way.

    Attributes:
        messages: how many it holds.
    """

    def __init__(
        self,
        path: Path,
        *,
        head: Mapping[str, str],
        site_text: str | None = None,
        compress: bool = True,
    ) -> None:
        """Create the file.

        Args:
            path: of the file, which must not exist.
            head: what to say of the recording as a whole.
            site_text: the site file that applied.
            compress: zstd, or none where the processor has no time for it.

        Raises:
            OSError: where it cannot be created, or exists.
        """
        self.path = path
        self.messages = 0
        self._stream = path.open("xb")
        self._writer: Any = Writer(
            self._stream,
            chunk_size=CHUNK_BYTES,
            compression=CompressionType.ZSTD if compress else CompressionType.NONE,
        )
        self._channels: dict[_Key, int] = {}
        self._pending = 0
        self._summary = 1024
        self._in_chunk: set[int] = set()
        try:
            self._writer.start(profile=PROFILE, library=LIBRARY)
            self._writer.add_metadata(PROFILE, {"format": FORMAT, **head})
            if site_text is not None:
                self._writer.add_attachment(
                    0, 0, SITE_ATTACHMENT, "application/toml", site_text.encode()
                )
            self._stream.flush()
        except BaseException:
            self._stream.close()
            raise

    @property
    def size(self) -> int:
        """Bytes the file has once it is closed; rather more than less."""
        return self._stream.tell() + self._pending + self._summary

    @property
    def has_pending(self) -> bool:
        """Whether something is not in the file yet."""
        return self._pending > 0

    def write(self, received: Received, *, told: bool = False) -> None:
        """Add a message.

        Args:
            received: the message.
            told: it is no message heard but the state from before the file's begin.

        Raises:
            OSError: where the disk takes no more.
        """
        payload, topic = received.payload, received.topic
        key = (topic, received.retained, told, _encoding(payload))
        channel = self._channels.get(key)
        if channel is None:
            if len(self._channels) >= _MAX_CHANNELS:
                encoded = topic.encode()
                payload = len(encoded).to_bytes(2, "big") + encoded + payload
                key = (OTHER_TOPIC, received.retained, told, "")
            channel = self._channel(key, {})
        self._add(channel, received.received_at_ns, payload)

    def write_command(self, command: Command) -> None:
        """Add what a person decided.

        Raises:
            OSError: where the disk takes no more.
        """
        key = (COMMAND_TOPIC, False, True, "json")
        self._add(self._channel(key, {"record": "command"}), command.at_ns, encode(command))

    def flush(self) -> None:
        """Put everything into the file, where a reader finds it though the file is not closed."""
        self._writer.flush()
        self._chunk_done()

    def close(self) -> None:
        """Write the index and close.

        Raises:
            OSError: where the disk takes no more; the file is closed and readable without index.
        """
        try:
            self._writer.finish()
        finally:
            self._stream.close()

    def abandon(self) -> None:
        """Close without index, after an error."""
        try:
            self._stream.close()
        except OSError:
            return  # what could not be written is lost; what was is readable

    def _channel(self, key: _Key, more: Mapping[str, str]) -> int:
        channel = self._channels.get(key)
        if channel is None:
            topic, retained, told, encoding = key
            says = {"retained": str(int(retained)), "told": str(int(told)), **more}
            channel = int(self._writer.register_channel(topic, encoding, 0, says))
            self._channels[key] = channel
            # Once in its chunk, once more in the summary.
            self._pending += len(topic) + _CHANNEL_OVERHEAD
            self._summary += len(topic) + _CHANNEL_OVERHEAD
        return channel

    def _add(self, channel: int, at_ns: int, payload: bytes) -> None:
        if channel not in self._in_chunk:
            self._in_chunk.add(channel)
            self._pending += 32
        self._pending += len(payload) + _MESSAGE_OVERHEAD
        before = self._stream.tell()
        self._writer.add_message(channel, at_ns, payload, at_ns)
        self.messages += 1
        if self._stream.tell() != before:  # the writer closed the chunk
            self._stream.flush()
            self._chunk_done()

    def _chunk_done(self) -> None:
        self._pending = 0
        self._summary += _CHUNK_OVERHEAD + 10 * len(self._in_chunk)
        self._in_chunk.clear()


class Recorder:
    """Writes a recording; use it as a context manager.

    Attributes:
        messages: messages heard.
        retained: of these, those that the broker had kept from before.
        commands: operators' commands.
        payload_bytes: of the messages.
    """

    def __init__(
        self, path: Path, *, head: Mapping[str, str], site_text: str | None = None
    ) -> None:
        """Name the file.

        Args:
            path: of the recording.
            head: what to say of it as a whole.
            site_text: the site file that applied.
        """
        self._path = path
        self._head = head
        self._site_text = site_text
        self._file: RecordingFile | None = None
        self.messages = 0
        self.retained = 0
        self.commands = 0
        self.payload_bytes = 0

    def __enter__(self) -> Self:
        """Create the file.

        Raises:
            ConfigError: where it exists.
            RecordingError: where it cannot be created.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = RecordingFile(self._path, head=self._head, site_text=self._site_text)
        except OSError as error:
            if isinstance(error, FileExistsError) and os.path.lexists(self._path):
                raise ConfigError(
                    f"recording {str(self._path)!r} exists: name another file, or move that one "
                    "away"
                ) from error
            raise _cannot(self._path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the index and close.

        Raises:
            RecordingError: where the disk takes no more.
        """
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as problem:
            if kind is None:
                raise _cannot(self._path, problem) from problem

    def add(self, item: Received | Command, *, told: bool = False) -> None:
        """Add a message or a command.

        Args:
            item: what to add.
            told: see ``RecordingFile.write``.

        Raises:
            RecordingError: where the disk takes no more, or the recorder is not open.
        """
        file = self._opened()
        try:
            if isinstance(item, Command):
                file.write_command(item)
            else:
                file.write(item, told=told)
        except OSError as error:
            raise _cannot(self._path, error) from error
        if isinstance(item, Command):
            self.commands += 1
        else:
            self.messages += 1
            self.retained += item.retained
            self.payload_bytes += len(item.payload)

    def flush(self) -> None:
        """Put everything into the file, so that nothing of it is lost when we are killed.

        Raises:
            RecordingError: where the disk takes no more.
        """
        try:
            self._opened().flush()
        except OSError as error:
            raise _cannot(self._path, error) from error

    def _opened(self) -> RecordingFile:
        if self._file is None:
            raise RecordingError(f"{self._path} is not open: use the recorder in a with statement")
        return self._file


def _encoding(payload: bytes) -> str:
    """MCAP's name of the payload's encoding, by the contract's first byte."""
    if not payload:
        return ""
    if payload[0] >> 5 == 5:
        return "cbor"
    return "json" if payload[:1] == b"{" else ""


def _cannot(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"recording {str(path)!r} cannot be written ({error.strerror or error}): "
        "check the folder, its rights and the room on the disk"
    )
