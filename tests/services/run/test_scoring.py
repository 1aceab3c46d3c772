"""``straja score`` over folders: what it reads, what it refuses, what it says of a scene."""

import json
import shutil
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.errors import ConfigError, RecordingError, SceneError
from geo.site import Site
from sensors.messages import Mark
from sensors.scenes import load
from sensors.simulators.course import truth
from sensors.truth import write_truth
from services.cli.main import run
from services.events import Received, encode
from services.run.extent import Extent, read_extent
from services.run.inputs import open_input
from services.run.processing import process
from services.run.scenes import scene_path
from services.run.scoring import Pair, pairs_of, score
from tests.services.score.cases import NS, T0, alert, track, walk

KEYS = {
    "crossings", "alerted", "pd", "pd_low", "pd_high", "median_delay_s", "median_error_m",
    "causeless_alerts", "causeless_per_km_day", "alerts_per_crossing", "own_force_incidents",
    "gospa", "by_class", "by_distance", "operator_alerts_per_km_day",
    "actionable", "pd_actionable", "pd_actionable_low", "pd_actionable_high",
}  # fmt: skip

FAULT = """
[[fault]]
sensor = "fibre-3"
t_s = 0.0
duration_s = 119.0
kind = "silent"
"""


def processed(scene: Path, folder: Path) -> Path:
    source = open_input(scene, None, "")
    process(source.items(lambda _: None), source.site, folder, run=source.run, faults=source.faults)
    with (folder / "truth.jsonl").open("w", encoding="utf-8") as file:
        write_truth(truth(load(scene), source.site), file)
    return folder


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return processed(scene_path("crossing"), tmp_path_factory.mktemp("runs") / "crossing")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder as ``process`` writes it, with one crossing and one alert."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "detections.jsonl").touch()
    (folder / "tracks.jsonl").write_bytes(encode(track("t", 20.0, 0.0, 20.0)) + b"\n")
    (folder / "alerts.jsonl").write_bytes(encode(alert("a", 27.0, 3.0, 31.0)) + b"\n")
    with (folder / "truth.jsonl").open("w", encoding="utf-8") as file:
        write_truth(walk("w1", 0, 100, near=(20.0, 80.0)), file)
    return folder


def test_command_scores_a_scene_with_every_key(
    crossing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--truth", str(crossing / "truth.jsonl"), "--out-dir", str(crossing), "--json"]
    assert run(["score", *given]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= KEYS
    assert (figures["crossings"], figures["alerted"], figures["alerts_per_crossing"]) == (1, 1, 1.0)
    assert 0.0 < figures["median_delay_s"] < 60.0
    assert figures["median_error_m"] < 30.0
    assert figures["causeless_alerts"] == 0
    # Two minutes, and less than a kilometre of fibre beside what two cameras see.
    assert figures["hours"] == pytest.approx(1 / 30, abs=1e-3)
    assert 0.5 < figures["km_days"] * 24 * 30 < 20.0


def test_several_runs_are_scored_together_however_they_are_named(
    small: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(small, other)
    (other / "alerts.jsonl").write_bytes(b"")
    one = [small / "truth.jsonl", other / "truth.jsonl"]
    by_pair, _ = score(pairs_of(one, [small, other], []))
    by_folder, _ = score(pairs_of([], [], [tmp_path]))
    by_own, _ = score(pairs_of([], [small, other], []))
    assert (by_pair["crossings"], by_pair["alerted"], by_pair["runs"]) == (2, 1, 2)
    assert by_pair == by_folder == by_own


def test_run_without_its_extent_has_no_rates(small: Path) -> None:
    figures, rows = score([Pair("s", small / "truth.jsonl", small)])
    assert (figures["alerted"], figures["causeless_per_km_day"]) == (1, None)
    assert rows[0]["crossings"][0]["delay_s"] == 7.0


def test_extent_says_what_was_heard_and_what_failed_on_purpose(tmp_path: Path) -> None:
    text = scene_path("crossing").read_text(encoding="utf-8")
    scene = tmp_path / "faulty.toml"
    scene.write_text(text + FAULT, encoding="utf-8")
    folder = processed(scene, tmp_path / "faulty")
    found = read_extent(folder)
    assert found is not None
    extent, values = found
    start_ns = load(scene).start_ns
    assert extent.faults[0].kind == "silent"
    assert extent.faults[0].end_ns == start_ns + 119 * NS
    assert {"fibre-3", "thermal-016"} <= set(extent.sensors)
    assert values["alerts"] == 0
    figures, _ = score([Pair("f", folder / "truth.jsonl", folder)])
    assert figures["faults"]["lost"][0]["faults"] == ["silent"]
    assert figures["pd"] == 0.0


def test_frames_say_which_channels_were_sent(crossing: Path) -> None:
    found = read_extent(crossing)
    assert found is not None
    channels = found[0].sensors["fibre-3"]
    assert channels is not None
    assert 50 < channels[1] < 150  # 400 m each way of a walker who crosses at a right angle
    assert found[0].sensors["thermal-016"] is None


def test_topics_that_are_none_of_the_contract_are_no_sensor() -> None:
    extent = Extent()
    for topic in (
        "hello",
        "a/b",
        "straja/v1/gw/gateway/status",
        "straja/v1/gw/thermal/cam-1/report",
    ):
        extent.take(Received(T0, topic, b""))
    extent.take(Received(T0 + NS, "straja/v1/gw/fibre/fibre-9/frame", b"no frame"))
    assert extent.sensors == {"cam-1": None, "fibre-9": None}
    assert (extent.begin_ns, extent.end_ns) == (T0, T0 + NS)


def test_several_marks_need_a_choice(small: Path) -> None:
    with (small / "alerts.jsonl").open("ab") as file:
        file.write(encode(alert("b", 27.0, 3.0, 31.0, mark=Mark.REAL)) + b"\n")
    pair = Pair("s", small / "truth.jsonl", small)
    with pytest.raises(ConfigError, match=r"marks real, simulated: .* --mark"):
        score([pair])
    assert score([pair], mark=Mark.REAL)[0]["other_mark_alerts"] == 1


def test_a_mark_that_nothing_has_is_refused(small: Path) -> None:
    pair = Pair("s", small / "truth.jsonl", small)
    with pytest.raises(ConfigError, match=r"--mark is 'real' and .* only simulated: .* leave"):
        score([pair], mark=Mark.REAL)
    for name in ("alerts", "tracks", "detections"):
        (small / f"{name}.jsonl").write_bytes(b"")
    assert score([pair], mark=Mark.REAL)[0]["alerted"] == 0


def test_what_is_not_there_or_no_result_is_said_with_its_line(small: Path) -> None:
    pair = Pair("s", small / "truth.jsonl", small)
    (small / "alerts.jsonl").write_bytes(encode(track("t", 1.0, 0.0, 0.0)) + b"\n")
    with pytest.raises(RecordingError, match=r"alerts.jsonl:1 is 'track': wanted alerts only"):
        score([pair])
    (small / "alerts.jsonl").write_bytes(b"{}\n")
    with pytest.raises(RecordingError, match=r"alerts.jsonl:1 cannot be read"):
        score([pair])
    (small / "alerts.jsonl").unlink()
    with pytest.raises(
        RecordingError, match=r"alerts.jsonl: .* wanted a folder that `straja process` wrote"
    ):
        score([pair])
    (small / "truth.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(SceneError, match=r"truth.jsonl: truth, line 1"):
        score([pair])
    (small / "truth.jsonl").unlink()
    with pytest.raises(SceneError, match=r"truth.jsonl: .* wanted what `straja truth` writes"):
        score([pair])


def test_truth_that_is_no_text_is_said(small: Path) -> None:
    (small / "truth.jsonl").write_bytes(b"\xff\xfe\x94")
    with pytest.raises(SceneError, match="no text in UTF-8: wanted truth"):
        score([Pair("s", small / "truth.jsonl", small)])


def test_truth_of_another_day_is_refused_and_not_scored_as_missed(
    crossing: Path, tmp_path: Path
) -> None:
    scene = load(scene_path("crossing"))
    moved = tmp_path / "moved.jsonl"
    site = Site.load(default_site_path())
    for days in (-1, 1):
        with moved.open("w", encoding="utf-8") as file:
            start_ns = scene.start_ns + days * 86_400 * NS
            write_truth(truth(scene, site, start_ns=start_ns), file)
        with pytest.raises(SceneError, match=r"is of .*, and the run in .* of .*--start TIME"):
            score([Pair("c", moved, crossing)])


def test_damaged_extent_and_another_site_are_said(small: Path) -> None:
    pair = Pair("s", small / "truth.jsonl", small)
    (small / "run.json").write_text('{"begin_ns": 1}', encoding="utf-8")
    with pytest.raises(RecordingError, match=r"run.json cannot be read"):
        score([pair])
    values = {"begin_ns": T0, "end_ns": T0 + NS, "sensors": {}, "faults": [], "site": "other"}
    (small / "run.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ConfigError, match="another site than the default one"):
        score([pair])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to score"),
        (["--truth", "a", "--truth", "b", "--out-dir", "c"], "given 2 times and --out-dir 1"),
        (["--truth", "a"], "given 1 times and --out-dir 0"),
        (["--runs", "."], "wanted a folder of runs"),
        (["--out-dir", "c", "--out-dir", "c"], "given twice"),
        (["--out-dir", "c", "--mark", "false"], "--mark is 'false': wanted one of real"),
    ],
)
def test_wrong_arguments_are_said_in_a_sentence(
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).touch()
    (tmp_path / "c").mkdir()
    assert run(["score", *arguments]) == 2
    assert told in capsys.readouterr().err
