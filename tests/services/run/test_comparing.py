"""``straja compare`` over folders and saved scores."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

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


@pytest.fixture
def saved(before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The first result's score."""
    assert run(["score", "--out-dir", str(before), "--json", "--details"]) == 0
    path = tmp_path / "score.json"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def test_saved_score_stands_for_its_folder(
    before: Path, after: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = str(before / "truth.jsonl")
    assert run(["compare", str(saved), str(after), "--truth", truth, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["alert later"] == 1


@pytest.mark.parametrize("side", ["saved", "with truth", "without truth"])
@pytest.mark.parametrize("other", ["saved", "with truth", "without truth"])
def test_same_results_are_alike_or_refused_but_never_worse(
    side: str, other: str, before: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = before.parent / "bare"
    shutil.copytree(before, bare)
    (bare / "truth.jsonl").unlink()
    results = {"saved": saved, "with truth": before, "without truth": bare}
    code = run(["compare", str(results[side]), str(results[other])])
    said = capsys.readouterr()
    if {side, other} == {"saved", "without truth"}:
        assert code == 4
        assert f"{bare} has no truth for the run" in said.err
        assert f"{saved} was judged: give that truth with --truth FILE" in said.err
        given = ["--truth", str(before / "truth.jsonl")]
        assert run(["compare", str(results[side]), str(results[other]), *given]) == 0
    else:  # a folder's truth is the other folder's as well
        assert code == 0
        assert said.out.rstrip().endswith("alike")


def test_truth_of_saved_scores_is_refused(
    before: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = ["--truth", str(before / "truth.jsonl")]
    assert run(["compare", str(saved), str(saved), *truth]) == 2
    assert "wanted none, since both results are saved scores" in capsys.readouterr().err


@pytest.mark.parametrize(("lacking", "kind"), [("new", "run gone"), ("old", "run new")])
def test_a_run_of_one_result_only_fails_everywhere(
    lacking: str, kind: str, before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("old", "new"):
        for name in ("one", "two", "three"):
            shutil.copytree(before, tmp_path / side / name)
    shutil.rmtree(tmp_path / lacking / "two")
    page, junit = tmp_path / "report.html", tmp_path / "report.xml"
    given = ["--html", str(page), "--junit", str(junit)]
    assert run(["compare", str(tmp_path / "old"), str(tmp_path / "new"), *given]) == 1
    table = capsys.readouterr().out
    assert "1 run is in one result only: process the same inputs for both" in table
    (row,) = [line for line in table.splitlines() if f"{kind}  two" in line]
    assert row.split()[0] in {"WORSE", "DIFFERENT"}
    assert "1 run is in one result only" in page.read_text(encoding="utf-8")
    suites = ET.fromstring(junit.read_text(encoding="utf-8"))  # noqa: S314 - our own text
    assert {one.get("name"): one.get("failures") for one in suites} == {
        "one": "0",
        "two": "1",
        "three": "0",
    }
    (case,) = [one for one in suites.iter("testcase") if one.get("classname") == "two"]
    failure = case.find("failure")
    assert failure is not None
    assert f"is not in {tmp_path / lacking}: nothing of it was compared" in str(failure.text)


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
    assert "is no saved score: wanted the file that" in capsys.readouterr().err
    twice = ["--truth", str(before / "truth.jsonl")] * 2
    assert run(["compare", str(before), str(before), *twice]) == 2
    assert "1 runs and --truth is given 2 times" in capsys.readouterr().err
