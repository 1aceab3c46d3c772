"""A place that cannot be written is refused before any work begins."""

import os
from pathlib import Path

import pytest

from services.cli import main

SCENE = str(Path(__file__).resolve().parents[3] / "deploy" / "scenes" / "crossing-scene.toml")
FILES = {
    "truth": (["truth", SCENE], "--out"),
    "scene": (["scene", "--seed", "1"], "--out"),
    "compare, page": (["compare", SCENE, SCENE], "--html"),
    "compare, JUnit": (["compare", SCENE, SCENE], "--junit"),
}
FOLDERS = {
    "process": (["process", SCENE], "--out"),
    "scenes": (["scene", "--seed", "1", "--count", "2"], "--out"),
    "score": (["score", "--out-dir", "."], "--plot"),
    "bench score": (["bench", "score", "--scenes", "1"], "--out"),
    "bench latency": (["bench", "latency"], "--data"),
}


def refused(words: list[str], option: str, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main.run([*words, option, str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"straja: {option} is '{path}'")
    assert "wanted a " in line
    return line


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_no_folder_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, option = FILES[name]
    line = refused(words, option, tmp_path / "reprots" / "a.out", capsys)
    assert f"there is no folder '{tmp_path / 'reprots'}'" in line
    assert f"mkdir -p {tmp_path / 'reprots'}" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_a_files_place_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, option = FILES[name]
    assert "which is a folder: wanted a file" in refused(words, option, tmp_path, capsys)


@pytest.mark.parametrize("below", ["", "deeper/still"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_in_a_folders_place_is_refused(
    name: str, below: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, option = FOLDERS[name]
    file = tmp_path / "notes.txt"
    file.write_text("kept", encoding="utf-8")
    line = refused(words, option, file / below, capsys)
    assert f"'{file}' is a file: wanted a folder" in line
    assert file.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_place_without_permission_is_refused(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words, option = {**FILES, **FOLDERS}[name]
    # Whoever runs the tests may write anywhere.
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    assert "where you may not write" in refused(words, option, tmp_path / "new", capsys)


def test_a_folder_for_results_is_made_with_its_parents(tmp_path: Path) -> None:
    out = tmp_path / "nights" / "before"
    assert main.run(["scene", "--seed", "1", "--count", "2", "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 2
