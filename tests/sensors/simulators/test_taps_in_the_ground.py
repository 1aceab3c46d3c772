"""A tap test in a scene: one who hammers at one place, far louder than a spade."""

import numpy as np
import pytest

from geo.errors import SceneError
from sensors.scenes import ActorClass, Behaviour, parse
from sensors.simulators.gait import blows
from sensors.simulators.motion import Blow, Body, Path

STILL = Path(np.array([0.0, 60.0]), np.array([30.0, 30.0]), np.array([2.0, 2.0]))
SCENE = """\
name = "taps"
seed = 1
start = 2026-03-01T01:00:00Z
duration_s = 60
[[actor]]
id = "crew"
class = "{who}"
behaviour = "tap"
waypoints = [[81200.0, 20.0, 5.0]]
duration_s = 10
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_hammer_falls_each_two_seconds_at_one_place(seed: int) -> None:
    body = Body("crew", "crew/0", ActorClass.PERSON, Behaviour.TAP, STILL, seed)
    chunks = [blows(body, chunk) for chunk in (0, 1)]
    taps = [one for one in chunks if one is not None]
    t_s = np.concatenate([one.t_s for one in taps])
    assert 25 <= t_s.size <= 35
    assert np.diff(t_s).min() > 1.2
    assert np.diff(t_s).max() < 3.0
    for one in taps:
        assert (one.kind == Blow.TOOL).all()
        assert np.hypot(one.east_m - 30.0, one.north_m - 2.0).max() < 1.0
        assert one.strength.min() > 4.0  # a spade's stab has 2


def test_people_tap_and_stay_where_they_are() -> None:
    assert parse(SCENE.format(who="person")).actor[0].behaviour is Behaviour.TAP
    with pytest.raises(SceneError, match="behaviour tap only with class person"):
        parse(SCENE.format(who="animal"))
