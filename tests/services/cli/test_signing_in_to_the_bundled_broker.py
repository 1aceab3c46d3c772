"""Commands that speak to a broker find the bundled one by its data folder, and say a refusal."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from geo.errors import BrokerError, ConfigError
from services.cli import main
from services.cli.common import broker_of
from services.embedded import EmbeddedNats, EmbeddedPostgres
from services.embedded.nats import running_broker
from services.events import Command
from services.mqtt import BrokerAddress, Publisher
from services.recording import Recording
from services.run.capture import capture
from services.run.checking import check_broker

pytestmark = pytest.mark.system


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    async with EmbeddedNats(tmp_path / "data") as server:
        yield server


async def test_a_running_bundled_broker_is_found_by_its_data_folder(
    server: EmbeddedNats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAJA_BROKER_PASSWORD", "of another broker")
    running = running_broker(tmp_path / "data")
    assert running is not None
    assert (running.url, running.certificate) == (server.url, None)
    assert server.password not in repr(running)
    address = broker_of(None, tmp_path / "data")
    assert (address.port, address.password) == (server.port, server.password)
    async with Publisher(address) as publisher:
        await publisher.publish("straja/v1/g/fibre/f/report", b"taken")
    with pytest.raises(ConfigError, match="give one of them"):
        broker_of("mqtt://localhost", tmp_path / "data")


async def test_a_data_folder_without_a_running_broker_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no bundled broker in it"):
        broker_of(None, tmp_path)
    server = EmbeddedNats(tmp_path)
    await server.start()
    await server.stop()
    with pytest.raises(BrokerError, match="start `straja demo --data"):
        broker_of(None, tmp_path)


async def test_a_refusal_is_not_called_out_of_reach(server: EmbeddedNats, tmp_path: Path) -> None:
    for user in ("", "someone:secret-word@"):
        stranger = BrokerAddress.parse(f"mqtt://{user}127.0.0.1:{server.port}")
        says = "the broker refused name or password: .*ot authori[sz]ed"
        with pytest.raises(BrokerError, match=says) as told:
            await capture(stranger, tmp_path / "a.mcap", ["#"], None, 1.0, asyncio.Event(), None)
        assert "secret-word" not in str(told.value)
        with pytest.raises(BrokerError, match=says):
            await check_broker(stranger)
        with pytest.raises(BrokerError, match="the broker refused name or password: "):
            async with Publisher(stranger):
                pass


async def test_record_signs_in_by_the_data_folder(server: EmbeddedNats, tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    words = ["record", str(file), "--data", str(tmp_path / "data"), "--seconds", "0.5"]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli.main", *words), stdout=-3, stderr=-3
    )
    assert await program.wait() == 0
    assert server.is_alive()
    assert Recording(file).closed


async def test_a_recording_takes_the_commands_of_the_data_folders_database(
    server: EmbeddedNats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def commands(url: str, _run: str, since_ns: int, _to_ns: int) -> list[Command]:
        asked.append(url)
        return [Command("c-1", "acknowledge", since_ns + 1, "post-7", "RO", {"alert": "a"})]

    monkeypatch.setattr("services.run.capture.commands_between", commands)
    async with EmbeddedPostgres(tmp_path / "data"):
        begin_ns = time.time_ns()
        counts = await capture(
            BrokerAddress.parse(server.url),
            tmp_path / "a.mcap",
            ["straja/#"],
            None,
            0.3,
            asyncio.Event(),
            None,
            data=tmp_path / "data",
        )
    assert counts["commands"] == 1
    assert "straja_owner" in asked[0]
    (command,) = [i for i in Recording(tmp_path / "a.mcap").items() if isinstance(i, Command)]
    assert command.at_ns > begin_ns


def test_commands_for_a_broker_take_the_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.run.logs.configure", lambda: None)  # for the whole process
    scene = tmp_path / "x-scene.toml"
    scene.write_text('name = "x"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 1.0\n')
    for words in (
        ["record", str(tmp_path / "a.mcap")],
        ["replay", str(scene), "--run", "n1"],
        ["simulate", str(scene)],
        ["check"],
    ):
        assert main.run([*words, "--data", str(tmp_path)]) == 2
        assert "there is no bundled broker in it" in capsys.readouterr().err
