"""A socket that takes in what has come at once, for the MQTT library that asks byte by byte.

The library reads a packet with four calls to the system and gives the event loop its turn after
each packet; a thousand packets a second cost more so than their content. It goes on without that
turn while a socket says that bytes are ``pending``, as it does for TLS, whose sockets hold such a
buffer themselves.
"""

import socket
from typing import Any

import paho.mqtt.client as paho

TAKE = 65_536
"""Bytes taken in at most before the event loop gets its turn."""

_LEAST = 40
"""Bytes of the smallest message with a topic of ours: ``straja/v1/g/fibre/s/report`` and QoS 1."""


class BufferedSocket(socket.socket):
    """A non-blocking TCP socket with a buffer for what came in."""

    def __init__(self, plain: socket.socket, take: int = TAKE) -> None:
        """Take a connected socket over; it is not to be used any more.

        Args:
            plain: the socket.
            take: bytes taken in at most at once.
        """
        timeout = plain.gettimeout()
        super().__init__(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self.settimeout(timeout)
        self._take = take
        self._buffer = memoryview(b"")

    def pending(self) -> int:
        """Count the bytes that came and were not asked for yet."""
        return len(self._buffer)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Give bytes that came, at most as many as are asked for; see ``socket.recv``."""
        if not self._buffer:
            if bufsize >= self._take:
                return super().recv(bufsize, flags)
            self._buffer = memoryview(super().recv(self._take, flags))
        taken, self._buffer = self._buffer[:bufsize], self._buffer[bufsize:]
        return bytes(taken)


def buffer_reads(client: paho.Client, most: int) -> None:
    """Let a client read its connections through a buffer; those of TLS have one.

    Args:
        client: the library's client, not connected yet.
        most: messages that it may hand over before whoever takes them gets a turn; with less
            than two it stays as it is.
    """
    if most < 2:
        return
    take = min(TAKE, most * _LEAST)
    create: Any = client._create_socket  # noqa: SLF001 - the library has no other place for it

    def create_buffered() -> socket.socket:
        made: socket.socket = create()
        return BufferedSocket(made, take) if type(made) is socket.socket else made

    client._create_socket = create_buffered  # type: ignore[method-assign]  # noqa: SLF001 - as above
