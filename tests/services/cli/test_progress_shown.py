"""Work that takes a while shows how far it has come, to a person at a terminal alone."""

import asyncio
import io
import os
import re
import sys
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.site import Site
from services.cli.common import progress
from services.embedded import EmbeddedNats
from services.mqtt import BrokerAddress
from services.run.capture import capture
from services.run.simulate import play

SCENE = """
name = "one camera"
seed = 1
start = 2026-03-01T01:00:00Z
duration_s = 40.0
sensors = ["thermal-001"]
own_forces = false
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("total_s", "shown"), [(60.0, "of 60 s"), (None, " s, for")])
def test_a_terminal_is_shown_what_is_done(
    total_s: float | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("recording night.mcap", total_s) as advance:
        advance(30.0)
    said = terminal.getvalue()
    assert "recording night.mcap" in said
    assert shown in said


def test_no_terminal_is_shown_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with progress("recording night.mcap", 60.0) as advance:
        advance(30.0)
    assert file.getvalue() == ""


@pytest.mark.system
async def test_recording_and_playing_tell_how_far_they_are(tmp_path: Path) -> None:
    (tmp_path / "x-scene.toml").write_text(SCENE)
    site = Site.load(default_site_path())
    recorded: list[float] = []
    played: list[float] = []
    stop = asyncio.Event()
    async with EmbeddedNats(tmp_path / "data") as server:
        address = BrokerAddress.parse(server.url)
        recording = capture(
            address, tmp_path / "a.mcap", ["#"], None, 1.0, stop, None, advance=recorded.append
        )
        playing = play(tmp_path / "x-scene.toml", site, address, 40.0, stop, played.append)
        counts, sent = await asyncio.gather(recording, playing)
    assert counts["messages"] >= 0
    assert float(sent["messages"]) > 0
    assert recorded == sorted(recorded)
    assert recorded[-1] > 0.5
    assert played == sorted(played)
    assert 20.0 < played[-1] <= 40.0


@pytest.mark.system
async def test_playing_says_at_its_end_what_was_sent(tmp_path: Path) -> None:
    (tmp_path / "x-scene.toml").write_text(SCENE)
    async with EmbeddedNats(tmp_path / "data") as server:
        command = ["simulate", str(tmp_path / "x-scene.toml"), "--speed", "40"]
        playing = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli.main", *command),
            env={**os.environ, "STRAJA_BROKER_URL": server.url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, said = await playing.communicate()
    assert (playing.returncode, printed) == (0, b"")
    told = re.fullmatch(
        r"(\d+) messages \(\d+\.\d MB\) of x-scene\.toml sent in \d+\.\d s, 0 given up\n",
        said.decode(),
    )
    assert told is not None
    assert int(told[1]) > 0
