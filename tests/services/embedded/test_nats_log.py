"""Whom a NATS server cut off is read from its log, over its rotation, and nothing else is."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from geo.errors import BrokerError
from services.embedded import EmbeddedNats, NatsSettings, add_gateway
from services.embedded.nats_log import CutOff, NatsLog
from services.mqtt import BrokerAddress, Publisher

TIME = "[19936] 2026/11/24 15:28:23.840419 "
TOO_LARGE = TIME + '[ERR] 127.0.0.1:43678 - mid:26 - "{}" - maximum payload exceeded: 9 vs 8\n'
NO_TEXT = TIME + '[ERR] [::1]:43666 - mid:25 - "abc" - invalid utf8 for topic "straja/\\xff"\n'
ODD = (
    TIME + '[ERR] 127.0.0.1:1 - mid:6 - "x\\" - maximum payload exceeded: 1" - invalid character\n'
)


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_only_what_came_since_is_counted_by_client_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "nats.log"
    add(path, TOO_LARGE.format("before"))
    with contextlib.closing(NatsLog(path)) as log:
        assert log.read() == []
        add(path, ODD + NO_TEXT + TOO_LARGE.format("g7") + TIME + "[INF] Server is ready\n")
        assert log.read() == [CutOff("abc", "topic"), CutOff("g7", "payload")]
        line = TOO_LARGE.format("g8")
        add(path, line[:70])
        assert log.read() == []
        add(path, line[70:])
        assert log.read() == [CutOff("g8", "payload")]
        assert log.counts == {"payload": 2, "topic": 1}


def test_a_log_that_was_begun_anew_is_followed_and_its_end_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "nats.log"
    add(path, TIME + "[INF] Starting nats-server\n")
    with contextlib.closing(NatsLog(path)) as log:
        add(path, TOO_LARGE.format("last"))
        path.rename(tmp_path / "nats.log.1")
        assert log.read() == [CutOff("last", "payload")]
        add(path, TIME + "[INF] Listening\n" + TOO_LARGE.format("first"))
        assert log.read() == [CutOff("first", "payload")]
        path.write_text(TOO_LARGE.format("anew"))
        assert log.read() == [CutOff("anew", "payload")]


@pytest.mark.system
async def test_the_bundled_server_writes_what_is_read(tmp_path: Path) -> None:
    settings = NatsSettings(max_payload_bytes=100_000)
    async with EmbeddedNats(tmp_path, settings=settings) as server:
        password = add_gateway(tmp_path, "g7")
        address = BrokerAddress.parse(f"mqtt://g7:{password}@{server.host}:{server.port}")
        with contextlib.closing(NatsLog(server.log_path)) as log:
            with pytest.raises((BrokerError, TimeoutError)):
                async with asyncio.timeout(10.0), Publisher(address, "g7") as clumsy:
                    await clumsy.publish("straja/v1/g7/fibre/f/report", b" " * 200_000)
            found: list[CutOff] = []
            deadline = time.monotonic() + 10.0
            while not found and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
                found = log.read()
            assert CutOff("g7", "payload") in found
