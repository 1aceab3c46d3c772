"""Waterfalls show what is in the frames, however these are cut; pictures are written from them."""

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.messages import SCHEMA, FibreFrame, Mark
from sensors.truth import write_truth
from sensors.wire import encode_cbor
from services.cli.main import run
from services.events import Received, encode
from services.run.scenes import scene_path
from services.run.waterfall import waterfalls
from tests.services.score.cases import alert, report, track, walk

NS = 1_000_000_000
T0 = 1_790_000_000 * NS
RATE_HZ = 100.0


def frames(samples: np.ndarray, rows: int, sensor: str = "fibre-3") -> Iterator[Received]:
    for sequence, first in enumerate(range(0, len(samples), rows)):
        at_ns = T0 + round(first / RATE_HZ * NS)
        frame = FibreFrame(
            schema=SCHEMA,
            session="s",
            sequence=sequence,
            measured_at_ns=at_ns,
            sent_at_ns=at_ns,
            mark=Mark.SIMULATED,
            sample_rate_hz=RATE_HZ,
            first_sample=first,
            first_channel=40,
            channel_spacing_m=10.0,
            scale=0.5,
            samples=np.ascontiguousarray(samples[first : first + rows]),
        )
        yield Received(at_ns, f"straja/v1/gw-3/fibre/{sensor}/frame", encode_cbor(frame))


@pytest.fixture
def samples() -> np.ndarray:
    """Ten seconds of 20 channels of noise, with ten times as much in one for a second."""
    draw = np.random.default_rng(2)
    noise = draw.normal(0.0, 20.0, (1_000, 20))
    noise[400:500, 7] *= 10.0
    return noise.astype(np.int16)


def test_loud_place_and_time_stand_out_by_what_they_are(samples: np.ndarray) -> None:
    found = waterfalls(frames(samples, 25), 10.0)["fibre-3"]
    assert (found.begin_ns, found.row_s, found.first_channel, found.per_column) == (T0, 0.5, 40, 1)
    assert found.level_db.shape == (20, 20)
    loud = found.level_db[8:10, 7]
    assert loud == pytest.approx([20.0, 20.0], abs=2.0)
    rest = np.delete(found.level_db, 7, axis=1)
    assert np.abs(rest).max() < 4.0


def test_how_frames_are_cut_changes_nothing(samples: np.ndarray) -> None:
    one = waterfalls(frames(samples, 25), 10.0)["fibre-3"]
    for rows in (7, 100, 1_000):
        other = waterfalls(frames(samples, rows), 10.0)["fibre-3"]
        assert np.allclose(other.level_db, one.level_db)


def test_long_inputs_have_longer_rows(samples: np.ndarray) -> None:
    assert waterfalls(frames(samples, 25), 6_000.0)["fibre-3"].row_s == 5.0


def test_a_hole_is_left_open_and_what_cannot_be_read_is_left_out(samples: np.ndarray) -> None:
    items = list(frames(samples, 50))
    broken = Received(T0, items[0].topic, b"\xff")
    holed = [*items[:8], broken, *items[12:]]
    found = waterfalls(holed, 10.0)["fibre-3"]
    assert np.isnan(found.level_db[8:12]).all()
    assert not np.isnan(np.delete(found.level_db, range(8, 12), axis=0)).any()


def test_only_wanted_fibres_are_drawn_up(samples: np.ndarray) -> None:
    both = [*frames(samples, 50), *frames(samples, 50, "fibre-4")]
    assert set(waterfalls(both, 10.0)) == {"fibre-3", "fibre-4"}
    assert set(waterfalls(both, 10.0, lambda name: name == "fibre-4")) == {"fibre-4"}
    assert waterfalls([], 10.0) == {}


# --- pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with one of everything."""
    truth = [
        *walk("w1", 0, 60),
        *walk("deer", 0, 60, east=40.0, actor_class="animal"),
        *walk("patrol-1", 0, 60, east=90.0, own_force=True),
        *walk("far", 0, 60, east=200.0, near=None),
    ]
    place = tmp_path / "night"
    place.mkdir()
    with (place / "truth.jsonl").open("w", encoding="utf-8") as file:
        write_truth(truth, file)
    said = [alert("a", 30.0, 0.0, 30.0), alert("b", 40.0, 900.0, 0.0)]
    for name, rows in (
        ("alerts", said),
        ("tracks", [track("t", 20.0, 0.0, 20.0)]),
        ("detections", [report("patrol-1", 30.0, 90.0, 30.0)]),
    ):
        (place / f"{name}.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in rows))
    return place


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_pictures_of_border_and_cable_are_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(["score", "--out-dir", str(folder), "--plot", str(tmp_path / name)]) == 0
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"night-border.png", "night-fibre-3.png"}
    for name in names:
        assert is_png(tmp_path / "one" / name)
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_input_gives_the_waterfall_under_it(folder: Path, tmp_path: Path) -> None:
    scene = ["--input", str(scene_path("crossing"))]
    plain, under = tmp_path / "plain", tmp_path / "under"
    assert run(["score", "--out-dir", str(folder), "--plot", str(plain)]) == 0
    assert run(["score", "--out-dir", str(folder), "--plot", str(under), *scene]) == 0
    name = "night-fibre-3.png"
    assert is_png(under / name)
    assert (under / name).read_bytes() != (plain / name).read_bytes()


def test_inputs_of_some_runs_only_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = str(scene_path("crossing"))
    twice = ["--input", scene, "--input", scene, "--plot", str(tmp_path / "p")]
    assert run(["score", "--out-dir", str(folder), *twice]) == 2
    assert "--input is given 2 times for 1 runs" in capsys.readouterr().err


def test_missing_library_is_said_with_what_to_do(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return known(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert run(["score", "--out-dir", str(folder), "--plot", str(tmp_path / "p")]) == 2
    assert "pip install 'straja[plot]'" in capsys.readouterr().err
