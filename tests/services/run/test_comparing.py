"""``straja compare`` over folders and saved scores."""

import json
import shutil
from pathlib import Path

import pytest

from sensors.truth import write_truth
from services.cli.main import run
from services.events import encode
from tests.services.score.cases import alert, track, walk


@pytest.fixture
def before(tmp_path: Path) -> Path:
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "detections.jsonl").touch()
    (folder / "tracks.jsonl").write_bytes(encode(track("t", 20.0, 0.0, 20.0)) + b"\n")
    (folder / "alerts.jsonl").write_bytes(encode(alert("a", 27.0, 3.0, 31.0)) + b"\n")
    with (folder / "truth.jsonl").open("w", encoding="utf-8") as file:
        write_truth(walk("w1", 0, 100, near=(20.0, 80.0)), file)
    return folder


@pytest.fixture
def after(before: Path) -> Path:
    """The same with a late alert, one without cause, and no truth of its own."""
    folder = before.parent / "after"
    shutil.copytree(before, folder)
    (folder / "truth.jsonl").unlink()
    late = [alert("a", 40.0, 0.0, 40.0), alert("b", 50.0, 5_000.0, 0.0)]
    (folder / "alerts.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in late))
    return folder


def test_exit_code_says_worse(
    before: Path, after: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", str(before), str(before)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("alike")
    assert run(["compare", str(before), str(after), "--json"]) == 1
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert counts == {"new alert without cause": 1, "alert later": 1}
    allowed = ["--delay-s", "15", "--causeless", "1"]
    assert run(["compare", str(before), str(after), *allowed]) == 0


def test_truth_may_be_given_or_be_missing(
    before: Path, after: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = shutil.move(before / "truth.jsonl", before.parent / "elsewhere.jsonl")
    assert run(["compare", str(before), str(after), "--truth", str(truth), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["figures"]["crossings"] == [1, 1]
    assert run(["compare", str(before), str(after), "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert values["figures"] == {}
    assert values["counts"] == {"new alert": 2, "vanished alert": 1}


def test_saved_score_stands_for_its_folder(
    before: Path, after: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["score", "--out-dir", str(before), "--json", "--details"]) == 0
    saved = tmp_path / "score.json"
    saved.write_text(capsys.readouterr().out, encoding="utf-8")
    truth = str(before / "truth.jsonl")
    assert run(["compare", str(saved), str(after), "--truth", truth, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["alert later"] == 1


def test_reports_are_written(before: Path, after: Path, tmp_path: Path) -> None:
    page, junit = tmp_path / "report.html", tmp_path / "report.xml"
    given = ["--html", str(page), "--junit", str(junit)]
    assert run(["compare", str(before), str(after), *given]) == 1
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert junit.read_text(encoding="utf-8").count("<failure") == 2


def test_folders_of_runs_are_compared_run_by_run(
    before: Path, after: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(before / "truth.jsonl", after)
    for side, one in (("old", before), ("new", after)):
        for name in ("one", "two"):
            shutil.copytree(before if name == "one" else one, tmp_path / side / name)
    assert run(["compare", str(tmp_path / "old"), str(tmp_path / "new"), "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert {change["run"] for change in values["changes"]} == {"two"}
    assert values["figures"]["crossings"] == [2, 2]


def test_what_is_no_result_is_said(
    before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", str(before), str(tmp_path / "nothing")]) == 2
    (tmp_path / "empty").mkdir()
    assert run(["compare", str(before), str(tmp_path / "empty")]) == 4
    assert "is no result" in capsys.readouterr().err
    (tmp_path / "no.json").write_text("[", encoding="utf-8")
    assert run(["compare", str(before), str(tmp_path / "no.json")]) == 4
    assert "cannot be read as a saved score" in capsys.readouterr().err
    twice = ["--truth", str(before / "truth.jsonl")] * 2
    assert run(["compare", str(before), str(before), *twice]) == 2
    assert "1 runs and --truth is given 2 times" in capsys.readouterr().err
