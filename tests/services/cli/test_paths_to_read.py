"""A path to read that is missing or of another kind is refused in one sentence."""

from pathlib import Path

import pytest

from services.cli import main

BROKER = ["--broker", "mqtt://127.0.0.1:9"]
FILES = {
    "SCENE": [["simulate", "{}", *BROKER]],
    "SOURCE": [["truth", "{}", "--out", "x"], ["process", "{}", "--out", "x"]],
    "FILE": [["check", "{}"], ["restore", "{}"], ["replay", "{}", "--run", "n", *BROKER]],
    "RECORDING": [["bench", "noise", "{}"]],
    "--truth": [
        ["score", "--out-dir", ".", "--truth", "{}"],
        ["compare", ".", ".", "--truth", "{}"],
    ],
    "--input": [["score", "--out-dir", ".", "--plot", "x", "--input", "{}"]],
    "--scene": [["demo", "--scene", "{}", "--headless"]],
}
FOLDERS = {
    "--out-dir": [["score", "--out-dir", "{}"]],
    "--runs": [["score", "--runs", "{}"]],
}
BOTH = {"BEFORE": [["compare", "{}", "."]], "AFTER": [["compare", ".", "{}"]]}


def cases(*kinds: dict[str, list[list[str]]]) -> list[tuple[str, list[str]]]:
    return [(name, one) for kind in kinds for name, words in kind.items() for one in words]


def refused(words: list[str], name: str, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main.run([word.format(path) for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"straja: {name} is '{path}'")
    assert ": wanted a" in line or ": wanted truth" in line
    return line


@pytest.mark.parametrize(("name", "words"), cases(FILES, FOLDERS, BOTH))
def test_what_is_not_there_is_refused(
    name: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing is there" in refused(words, name, tmp_path / "no-such", capsys)


@pytest.mark.parametrize(("name", "words"), cases(FILES))
def test_a_folder_in_a_files_place_is_refused(
    name: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "name the file in it" in refused(words, name, tmp_path, capsys)
    assert list(tmp_path.iterdir()) == []  # nor is anything laid there by who reads folders


@pytest.mark.parametrize(("name", "words"), cases(FOLDERS))
def test_a_file_in_a_folders_place_is_refused(
    name: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").touch()
    assert "name the folder" in refused(words, name, tmp_path / "a", capsys)
