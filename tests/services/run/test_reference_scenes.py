"""Every committed scene with an end has truth and goes through the whole pipeline."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from sensors.scenes import load
from sensors.simulators.course import truth
from services.events import Command, Received
from services.run.inputs import Input, open_input
from services.run.processing import process

SCENES = Path(__file__).resolve().parents[3] / "deploy" / "scenes"
FINITE = [path for path in sorted(SCENES.glob("*-scene.toml")) if load(path).duration_s]
NS = 1_000_000_000


def beginning(source: Input, path: Path) -> Iterator[Received | Command]:
    """The first seconds: of a scene that sends whole cables, fewer."""
    scene = load(path)
    end_ns = scene.start_ns + (90 if scene.fibre_window_m else 10) * NS
    return takewhile(
        lambda one: isinstance(one, Received) and one.received_at_ns < end_ns,
        source.items(lambda _: None),
    )


@pytest.mark.parametrize("path", FINITE, ids=lambda path: path.stem)
def test_a_committed_scene_has_truth_and_can_be_processed(path: Path, tmp_path: Path) -> None:
    source = open_input(path, None, "fibre-1")
    points = list(truth(load(path), source.site, 5.0))
    if path.name != "quiet-scene.toml":
        assert any(point.near for point in points)
    counts = process(beginning(source, path), source.site, tmp_path, run="test")
    assert counts.messages > 50
    assert counts.rejected == 0
    assert (tmp_path / "alerts.jsonl").is_file()


def test_there_are_twelve_reference_scenes_beside_the_small_ones() -> None:
    small = {"crossing-scene", "camera-scene", "vehicle-scene"}
    assert len({path.stem for path in FINITE} - small) >= 12
