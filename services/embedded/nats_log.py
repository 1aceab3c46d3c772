"""What only the log of a NATS server says: whom it cut off, and why.

A publish larger than the server's limit, or to a topic that is no UTF-8, never reaches us: the
server ends the connection, and MQTT 3.1.1 has no word in which it could say so to anybody.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(
    rb' \[ERR\] \S+ - mid:\d+ - "((?:[^"\\]|\\.)*)" - '
    rb"(maximum payload exceeded|invalid utf8 for topic)"
)
"""As nats-server 2.12 writes it: address, connection, client id as a quoted text, reason."""

REASONS = {b"maximum payload exceeded": "payload", b"invalid utf8 for topic": "topic"}
_MOST_BYTES = 4 * 1024 * 1024
"""Read at once; the server begins a new file after 10 MiB."""
_LONGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class CutOff:
    """One connection that the server ended.

    Attributes:
        client: MQTT client id.
        reason: ``payload`` for one above the server's limit, ``topic`` for one that is no UTF-8.
    """

    client: str
    reason: str


class NatsLog:
    """Follows a server's log from its present end, over its rotation.

    Attributes:
        counts: connections cut off so far, by reason.
    """

    def __init__(self, path: Path) -> None:
        """Open the log.

        Raises:
            OSError: where it cannot be read.
        """
        self._path = path
        self._file = path.open("rb")
        self._file.seek(0, os.SEEK_END)
        self._rest = b""
        self.counts = dict.fromkeys(REASONS.values(), 0)

    def close(self) -> None:
        """Close the log."""
        self._file.close()

    def read(self) -> list[CutOff]:
        """Give what was written since the last time; at most 4 MiB of it at once.

        Raises:
            OSError: where it cannot be read.
        """
        found = self._next()
        if self._is_another():
            found += self._next()  # written before the server turned to its new file
            fresh = self._path.open("rb")
            self._file.close()
            self._file, self._rest = fresh, b""
            found += self._next()
        for one in found:
            self.counts[one.reason] += 1
        return found

    def _next(self) -> list[CutOff]:
        *lines, rest = (self._rest + self._file.read(_MOST_BYTES)).split(b"\n")
        self._rest = rest[-_LONGEST_BYTES:]
        return [
            CutOff(matched[1].decode(errors="replace"), REASONS[matched[2]])
            for line in lines
            if (matched := _LINE.search(line))
        ]

    def _is_another(self) -> bool:
        """Whether all is read here and the path leads to another file, or to one begun anew."""
        here, at = os.fstat(self._file.fileno()), self._file.tell()
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        if here.st_size > at:
            return False
        return (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev) or there.st_size < at
