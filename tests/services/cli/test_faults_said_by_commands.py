"""Commands that need a scene or site say its faults in few lines."""

from pathlib import Path

import pytest

from geo.default_site import default_site_path
from services.cli import main

HEAD = 'name = "x"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 1.0\n'


@pytest.mark.parametrize(
    "words",
    [
        ["process", "{}", "--out", "out"],
        ["replay", "{}", "--run", "n1", "--broker", "mqtt://127.0.0.1:9"],
        ["simulate", "{}", "--broker", "mqtt://127.0.0.1:9"],
    ],
)
def test_a_site_file_in_a_scenes_place_is_one_sentence(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.run.logs.configure", lambda: None)  # for the whole process
    site = str(default_site_path())
    assert main.run([word.format(site) for word in words]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{site} is a site file, wanted a scene" in line


def test_a_scene_in_a_sites_place_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "x-scene.toml"
    scene.write_text(HEAD)
    words = ["truth", str(scene), "--site", str(scene), "--out", str(tmp_path / "out")]
    assert main.run(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--site is '{scene}', which is a scene: wanted a site file" in line


def test_many_faults_of_a_scene_are_ten_and_a_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "x-scene.toml"
    scene.write_text(HEAD + "".join(f"wrong_{n} = 1\n" for n in range(25)))
    assert main.run(["process", str(scene), "--out", str(tmp_path / "out")]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert "x-scene.toml:5: wrong_0 is 1" in lines[0]
    assert "15 more" in lines[-1]
    assert main.run(["check", str(scene)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 25
