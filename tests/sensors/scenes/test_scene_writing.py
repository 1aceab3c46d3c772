"""A scene that is written is read back the same."""

from pathlib import Path

import pytest

from sensors.scenes import load, parse, write

SCENES = Path(__file__).resolve().parents[3] / "deploy" / "scenes"
EVERYTHING = """
name = 'all "tables"'
seed = 3
start = 2026-03-01T02:00:00+01:00
duration_s = 60.0
background = "night.hdf5"
sensors = ["fibre-*", "thermal-01*"]
weather = { wind_mps = 3, rain_mm_h = 0.5 }
patrol = [{ id = "p", chainage_m = [1, 900], t_s = [0, 50], joint = true }]
crossings = [{ every_s = 9, at_crossing = "jimbolia-srpska-crnja", stop_s = [1, 2] }]
cable_event = [{ at_cable = "fibre-1", distance_m = 8, t_s = 1, kind = "bend", duration_s = 2 }]
fault = [{ sensor = "fibre-1", t_s = 1, duration_s = 2, kind = "flood" }]
[[actor]]
id = "a"
class = "animal"
count = 4
behaviour = "walk"
back_and_forth = true
duration_s = 30
waypoints = [[1, 2, 3], [4, 5, 6.5]]
[[actor]]
id = "b"
class = "person"
behaviour = "saw"
waypoints_lonlat = [[20.5, 45.5, 0]]
duration_s = 5
lawful = true
"""


def test_every_table_is_written_and_read_back() -> None:
    scene = parse(EVERYTHING)
    text = write(scene, "what it is for\n\nin two lines")
    assert text.startswith("# what it is for\n#\n# in two lines\nname = ")
    assert parse(text) == scene
    assert "own_force" not in text


@pytest.mark.parametrize("path", sorted(SCENES.glob("*-scene.toml")), ids=lambda p: p.stem)
def test_committed_scenes_are_written_and_read_back(path: Path) -> None:
    assert parse(write(load(path))) == load(path)
