"""Cover: which channels hear is known, and stretches that do not are named and do not flap."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from services.detect.cover import LOOK_BEATS, Cover, Hearing
from services.detect.fibre import FibreDetection, FibreSettings
from services.events import Reception
from tests.services.detect.fibre_scenes import frames
from tests.services.detect.test_cable_state import as_counts, cut, ground, site

WEIGHT = np.array([0.15, 0.45, 0.3, 0.1], np.float32)
CHANNELS = 600

Energy = npt.NDArray[np.float32]


class Cable:
    """Beats of noise whose level is set by channel."""

    def __init__(self, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        self.level = np.ones((4, CHANNELS), np.float32)
        self.lost = np.zeros(CHANNELS, np.bool_)
        self.blank = np.zeros(CHANNELS, np.bool_)
        self.hearing = Hearing(WEIGHT, CHANNELS, 10.0)

    def look(self, looks: int = 1) -> list[Cover]:
        """Let time pass, ten seconds a look."""
        told = []
        for _ in range(looks):
            for _ in range(LOOK_BEATS):
                chance = self.random.gamma(20.0, 0.05, self.level.shape)
                self.hearing.push((self.level * chance).astype(np.float32), self.blank | self.lost)
            told.append(self.hearing.look(self.lost, self.blank, np.zeros(CHANNELS, np.bool_)))
        return told


def test_all_of_a_quiet_cable_hears() -> None:
    assert set(Cable().look(20)) == {Cover(1.0, ())}


def test_a_badly_coupled_stretch_is_named_and_whole_again_when_it_hears() -> None:
    cable = Cable()
    cable.look(3)
    cable.level[:, 200:230] = 0.05
    during = cable.look(12)
    assert during[-1] == Cover(0.95, ((200, 230),))
    cable.level[:, 200:230] = 1.0
    assert cable.look(12)[-1] == Cover(1.0, ())


def test_faded_channels_lower_the_share_and_a_run_of_them_is_a_stretch() -> None:
    cable = Cable()
    cable.look(3)
    cable.level[:, ::12] = 9.0  # faded to a third of the mean amplitude
    spread = cable.look(12)[-1]
    assert spread.share == 0.92
    assert spread.stretches == ()
    cable.level[:, 300:320] = 9.0
    assert cable.look(12)[-1].stretches == ((300, 320),)


def test_a_fade_that_leaves_the_main_band_to_the_ground_is_heard_through() -> None:
    cable = Cable()
    cable.level[2:, 100:140] = 9.0
    assert cable.look(12)[-1].share == 1.0


def test_a_storm_over_all_of_the_cable_lowers_its_cover() -> None:
    cable = Cable()
    cable.look(3)
    cable.level[:] = 40.0
    assert cable.look(12)[-1] == Cover(0.0, ((0, CHANNELS),))


def test_what_is_lost_lowers_cover_at_once_and_faults_only_when_they_last() -> None:
    cable = Cable()
    cable.look(3)
    cable.lost[400:] = True
    assert cable.look()[0].stretches == ((400, CHANNELS),)
    cable.blank[100:160] = True
    first, second, third = cable.look(3)
    assert first.stretches == second.stretches == ((400, CHANNELS),)
    assert third.stretches == ((100, 160), (400, CHANNELS))


def test_cover_about_its_limit_does_not_flap() -> None:
    cable = Cable()
    cable.look(3)
    told = []
    for number in range(40):
        cable.blank[200:230] = False
        cable.blank[200 : 230 : 2 if number % 2 else 3] = True
        cable.blank[201:230:4] = True
        told += cable.look()
    changes = sum(a.stretches != b.stretches for a, b in pairwise(told))
    assert changes <= 1


def test_a_restored_state_goes_on_as_if_nothing_had_been() -> None:
    one, other = Cable(), Cable()
    one.level[:, 200:230] = other.level[:, 200:230] = 0.05
    whole = one.look(6)
    half = other.look(2)
    fresh = Hearing(WEIGHT, CHANNELS, 10.0)
    fresh.set_state(*other.hearing.state())
    other.hearing = fresh
    assert [*half, *other.look(4)] == whole


def receptions(samples: npt.NDArray[np.int16]) -> list[Reception]:
    stage = FibreDetection(site(), FibreSettings())
    out = [event for one in frames(samples) for event in stage.push(one)]
    return [event for event in out if isinstance(event, Reception)]


def test_what_a_sensor_cannot_hear_is_told_by_chainage() -> None:
    said = receptions(cut(60, 14.0, 32.0, 32.0))
    shares = [one.cover for one in said if one.cover is not None]
    assert shares[0] == 0.0  # still warming up
    assert 0.45 < shares[-1] <= 0.5
    cable, border = site().cable("fibre-1"), site().border
    placed = cable.place(np.array([600.0, 1_200.0]))
    km = np.sort(border.chainage(placed.east_m, placed.north_m)[0]) / 1_000.0
    assert f"cover-lowered: km {km[0]:.1f} to {km[1]:.1f}" in said[-1].faults


def test_a_sensor_that_hears_everywhere_says_so() -> None:
    samples = as_counts(ground(32.0))
    assert [one.cover for one in receptions(samples) if one.cover is not None][-1] > 0.9
