"""The example gateway runs as it stands at a broker that asks for a name and password."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from sensors import wire
from sensors.topics import parse
from services.embedded import EmbeddedNats, add_gateway, free_port
from services.mqtt import BrokerAddress, FrameReader

pytestmark = pytest.mark.system

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "integrators" / "examples" / "gateway.py"


async def started(port: int, **variables: str) -> Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STRAJA_")}
    words = (sys.executable, str(EXAMPLE), "127.0.0.1", str(port))
    return await asyncio.create_subprocess_exec(*words, env={**clean, **variables}, stderr=PIPE)


async def end_of(program: Process) -> tuple[int | None, str]:
    _, said = await asyncio.wait_for(program.communicate(), 30.0)
    return program.returncode, said.decode().strip()


async def test_with_name_and_password_its_messages_reach_the_service(tmp_path: Path) -> None:
    password = add_gateway(tmp_path, "patrols-south")
    async with EmbeddedNats(tmp_path) as server:
        address = BrokerAddress.parse(server.url)
        reader = FrameReader(address, "test", ["straja/#"], now_ns=time.time_ns, qos=1)
        reader.start()
        names = {"STRAJA_GATEWAY": "patrols-south", "STRAJA_GATEWAY_PASSWORD": password}
        program = await started(server.port, **names)
        heard: dict[str, bytes] = {}
        try:
            deadline = time.monotonic() + 20.0
            while len(heard) < 4 and time.monotonic() < deadline:
                found = await asyncio.to_thread(reader.get, 0.2)
                heard |= {one.topic: one.payload for one in found}
        finally:
            program.terminate()
            await program.wait()
            await asyncio.to_thread(reader.stop)
    sensor = "straja/v1/patrols-south/patrol/patrol-07"
    topics = [f"{sensor}/{channel}" for channel in ("register", "pose", "status")]
    assert set(heard) == {*topics, "straja/v1/patrols-south/gateway/status"}
    for topic in topics:
        wire.decode(parse(topic), heard[topic])


@pytest.mark.parametrize("password", ["", "not-the-password"])
async def test_a_refusal_ends_it_with_a_sentence(password: str, tmp_path: Path) -> None:
    add_gateway(tmp_path, "patrols-north")
    async with EmbeddedNats(tmp_path) as server:
        code, said = await end_of(await started(server.port, STRAJA_GATEWAY_PASSWORD=password))
    assert code == 1
    assert said.startswith("the broker refused patrols-north: Not authorized")
    assert "Traceback" not in said


async def test_no_broker_ends_it_with_a_sentence() -> None:
    code, said = await end_of(await started(free_port()))
    assert code == 1
    assert said.startswith("no broker at 127.0.0.1:")
