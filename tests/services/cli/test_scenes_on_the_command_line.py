"""``straja truth`` and ``straja scene`` write files that the other commands take."""

import json
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from sensors.messages import time_to_text
from sensors.scenes import load
from sensors.truth import read_truth
from services.cli import main

SCENES = Path(__file__).resolve().parents[3] / "deploy" / "scenes"


def test_truth_is_written_a_line_a_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "truth.jsonl"
    scene = SCENES / "crossing-scene.toml"
    assert main.run(["truth", str(scene), "--out", str(out), "--step", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"points": 22, "seconds": 120.0}
    points = list(read_truth(out.read_text().splitlines()))
    assert len(points) == 22
    assert {point.actor for point in points} == {"w1"}


def test_truth_of_a_scene_that_was_played_live_has_its_times(tmp_path: Path) -> None:
    out = tmp_path / "truth.jsonl"
    scene = str(SCENES / "crossing-scene.toml")
    began = "2026-05-02T10:00:00.250000000Z"
    assert main.run(["truth", scene, "--out", str(out), "--start", began]) == 0
    first = next(read_truth(out.read_text().splitlines()))
    assert time_to_text(first.at_ns) == "2026-05-02T10:00:05.250000000Z"


def test_truth_of_a_scene_without_end_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = SCENES / "demo-scene.toml"
    assert main.run(["truth", str(scene), "--out", str(tmp_path / "truth.jsonl")]) == 2
    assert "demo-scene.toml has no duration_s" in capsys.readouterr().err


def test_truth_of_a_scene_with_faults_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "x-scene.toml"
    scene.write_text((SCENES / "crossing-scene.toml").read_text() + 'colour = "red"\n')
    assert main.run(["truth", str(scene), "--out", str(tmp_path / "truth.jsonl")]) == 4
    assert "actor[0].colour is 'red'" in capsys.readouterr().err


def test_a_drawn_scene_has_no_faults_and_is_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one-scene.toml", tmp_path / "two-scene.toml"
    for out in (one, two):
        assert main.run(["scene", "--seed", "7", "--difficulty", "0.5", "--out", str(out)]) == 0
    assert one.read_bytes() == two.read_bytes()
    assert main.run(["check", str(one)]) == 0
    assert "has no faults" in capsys.readouterr().out
    assert main.run(["truth", str(one), "--out", str(tmp_path / "truth.jsonl")]) == 0
    points = read_truth((tmp_path / "truth.jsonl").read_text().splitlines())
    assert any(point.near for point in points if point.actor == "crossing-1")


def test_many_scenes_are_drawn_into_a_folder_one_seed_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "drawn"
    words = ["scene", "--seed", "20", "--count", "5", "--out", str(folder), "--json"]
    assert main.run(words) == 0
    figures = json.loads(capsys.readouterr().out)
    scenes = [load(path) for path in sorted(folder.glob("*.toml"))]
    assert sorted(scene.seed for scene in scenes) == [20, 21, 22, 23, 24]
    assert figures["scenes"] == 5
    assert figures["crossings"] >= 5


def test_a_scene_drawn_at_another_site_names_it(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_bytes(default_site_path().read_bytes())
    out = tmp_path / "drawn-scene.toml"
    assert main.run(["scene", "--seed", "1", "--out", str(out), "--site", str(site)]) == 0
    assert load(out).site == str(site)
    assert main.run(["check", str(out)]) == 0


def test_a_difficulty_out_of_range_is_a_wrong_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scene", "--seed", "1", "--difficulty", "2", "--out", str(tmp_path / "x")]
    assert main.run(words) == 2
    assert "--difficulty" in capsys.readouterr().err
