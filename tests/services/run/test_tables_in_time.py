"""A replay across a change of a cable's table places each detection by the table of its time."""

from pathlib import Path

import numpy as np
import pytest

from geo.crs import to_wgs84
from geo.default_site import default_site_path
from geo.site import Site
from services.events import Detection, decode
from services.run.inputs import open_input
from services.run.processing import process

SCENE = """\
name = "steps across a change of the table"
seed = 7
start = 2026-03-01T01:00:00Z
duration_s = 75
fibre_window_m = 250
sensors = ["fibre-3"]
own_forces = false
roads = false

[[actor]]
id = "crew"
class = "person"
behaviour = "walk"
back_and_forth = true
waypoints_lonlat = [[{lon:.7f}, {lat:.7f}, 10.0], [{lon:.7f}, {north:.7f}, 15.0]]
duration_s = 60
"""
CHANGE_NS = 1_772_326_800_000_000_000 + 45_000_000_000
MOVED_M = 120.0


def test_each_detection_is_placed_by_the_table_of_its_time(tmp_path: Path) -> None:
    text = default_site_path().read_text(encoding="utf-8")
    believed = Site.load(default_site_path()).cable("fibre-3")
    here = believed.place(4_600.0)
    lon, lat = map(float, to_wgs84(here.east_m, here.north_m))
    scene = tmp_path / "taps-scene.toml"
    scene.write_text(SCENE.format(lon=lon, lat=lat, north=lat + 5.0 / 111_200.0), encoding="utf-8")
    site = tmp_path / "site.toml"
    change = "2026-03-01T01:00:45Z"
    row = '[[calibrations]]\ncable = "fibre-3"\n'
    later = f"taps = [[{MOVED_M}, 0.0, 2.0], [38000.0, 37000.0, 2.0]]\nvalid_from = {change}\n"
    text = text.replace(row, f"{row}valid_to = {change}\n") + f"\n{row}{later}"
    site.write_text(text, encoding="utf-8")
    source = open_input(scene, None, "")
    process(source.items(lambda _: None), Site.load(site), tmp_path / "out", run="test")
    lines = (tmp_path / "out" / "detections.jsonl").read_bytes().splitlines()
    found = [one for one in map(decode, lines) if isinstance(one, Detection)]
    assert {one.sensor for one in found} == {"fibre-3"}
    timeline = Site.load(site)
    for one in found:
        assert one.distance_m is not None
        placed = timeline.at(one.at_ns).cable("fibre-3").place(one.distance_m)
        assert (one.east_m, one.north_m) == pytest.approx(
            (float(placed.east_m), float(placed.north_m)), abs=0.01
        )
    before = [one for one in found if one.at_ns < CHANGE_NS]
    after = [one for one in found if one.at_ns >= CHANGE_NS]
    assert len(before) > 5
    assert len(after) > 5
    # Who walks to and fro stays where he is; the new table says the same cable lies elsewhere.
    middle = [
        np.median([[one.east_m, one.north_m] for one in part], axis=0) for part in (before, after)
    ]
    assert np.hypot(*(middle[0] - [here.east_m, here.north_m])) < 15.0
    assert np.hypot(*(middle[1] - middle[0])) > 30.0
