"""The bench of the simulators: its figures belong together."""

import pytest

from sensors.scenes import parse
from services.bench.simulate import PLAIN, STORM, time_scene

SMALL = """
name = "a small scene"
seed = 7
start = 2026-03-01T01:00:00Z
within_m = 2000
fibre_window_m = 300
own_forces = false

[[actor]]
id = "w1"
class = "person"
behaviour = "walk"
waypoints = [[83500.0, -10.0, 0.0], [83500.0, 30.0, 60.0]]
"""


def test_shares_are_of_the_whole_and_samples_are_counted() -> None:
    figures = time_scene(parse(SMALL), 2.0)
    assert sum(figures["shares"].values()) == pytest.approx(1.0, abs=0.01)
    assert {"fibre noise and weather", "fibre encoding", "fibre sources"} <= set(figures["shares"])
    # Some sixty channels at 500 samples a second, however fast.
    a_second = figures["msample_per_s"] * 1e6 / figures["realtime_factor"]
    assert 5_000.0 < a_second < 60_000.0


def test_the_measured_scenes_hold_the_whole_border() -> None:
    for text in (PLAIN, STORM):
        scene = parse(text)
        assert scene.sensors == ()
        assert scene.fibre_window_m is None
        assert scene.own_forces
        assert len(scene.raw_thermal) == 2
    storm = parse(STORM)
    assert storm.weather.wind_mps > 10.0
    assert [actor.count for actor in storm.actor if actor.actor_class == "train"] == [24]
