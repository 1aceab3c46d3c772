"""``straja keep`` adds operators' commands where a database is in reach, and else says so."""

from pathlib import Path

import pytest

from services.cli import main
from services.embedded import free_port
from services.events import Command, Received
from services.recording import Recording, Ring

T0 = 1_772_326_800_000_000_000
"""2026-03-01T01:00:00Z"""
WORDS = [
    "--from",
    "2026-03-01T01:00Z",
    "--to",
    "2026-03-01T01:10Z",
    "--reason",
    "x",
    "--until",
    "2036-03-01",
]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("services.run.logs.configure", lambda: None)  # for the whole process
    monkeypatch.delenv("STRAJA_DATABASE_URL", raising=False)
    with Ring(tmp_path / "ring" / "small", 4 * 2**20) as ring:
        ring.keep(Received(T0 + 5_000_000_000, "straja/v1/g/fibre/f/report", b"1"))
    return ["keep", *WORDS, "--data", str(tmp_path)]


def test_without_a_database_it_says_that_commands_are_missing(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 0
    assert "commands are not in it" in capsys.readouterr().err
    monkeypatch.setenv("STRAJA_DATABASE_URL", f"postgresql://x:y@127.0.0.1:{free_port()}/straja")
    assert main.run(words) == 0
    assert "commands are not in it" in capsys.readouterr().err


def test_with_a_database_commands_of_the_time_are_added(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def commands(_url: str, run: str, since_ns: int, to_ns: int) -> list[Command]:
        assert (run, since_ns, to_ns) == ("live", T0, T0 + 600_000_000_000)
        return [Command("c-1", "acknowledge", T0 + 1, "post-7", "RO", {"alert": "a"})]

    monkeypatch.setattr("services.run.capture.commands_between", commands)
    monkeypatch.setenv("STRAJA_DATABASE_URL", "postgresql://nobody@127.0.0.1/straja")
    assert main.run(words) == 0
    assert "with 1 commands of operators" in capsys.readouterr().err
    (file,) = (tmp_path / "kept").glob("*.mcap")
    assert [i.kind for i in Recording(file).items() if isinstance(i, Command)] == ["acknowledge"]


def test_half_a_stretch_and_an_unknown_sensor_are_wrong_commands(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*words, "--from-chainage", "5000"]) == 2
    assert "go together" in capsys.readouterr().err
    assert main.run([*words, "--sensor", "f", "--sensor", "g"]) == 2
    assert "--sensor is 'g'" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()
