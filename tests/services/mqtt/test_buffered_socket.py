"""A socket that takes in at once what came, and gives it out in pieces."""

import socket
from collections.abc import Iterator

import pytest

from services.mqtt.buffered import BufferedSocket


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, BufferedSocket]]:
    far, near = socket.socketpair()
    near.settimeout(0.0)
    with far, BufferedSocket(near) as buffered:
        yield far, buffered


def test_bytes_come_out_in_order_however_they_are_asked_for(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    far, near = ends
    sent = bytes(range(256)) * 40
    far.sendall(sent)
    got = b""
    for size in (1, 1, 300, 7, 70_000):
        got += near.recv(size)
    assert got == sent
    assert near.pending() == 0


def test_it_says_what_is_pending_and_blocks_no_more_than_before(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    far, near = ends
    with pytest.raises(BlockingIOError):
        near.recv(1)
    far.sendall(b"abc")
    assert near.pending() == 0
    assert near.recv(1) == b"a"
    assert near.pending() == 2
    assert near.recv(10) == b"bc"
    with pytest.raises(BlockingIOError):
        near.recv(1)


def test_the_end_comes_after_what_was_sent_before_it(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    far, near = ends
    far.sendall(b"xy")
    far.shutdown(socket.SHUT_WR)
    assert near.recv(1) + near.recv(1) == b"xy"
    assert near.recv(1) == b""
