"""Cut, bend, disconnect: what is heard where, and for how long."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.scenes import ActorClass, Behaviour, CableEvent
from sensors.simulators.fibre import Surroundings
from sensors.simulators.ground import WRAP
from tests.sensors.simulators.fibre_bench import body, cable, made, stretch, way

CHANNEL = 1_030
PLACE_M = float(cable().channel_distance(CHANNEL)) - 5.0
"""The near edge of that channel."""


def hit(kind: str, t_s: float = 6.0, duration_s: float | None = None) -> Surroundings:
    event = CableEvent.model_validate(
        {
            "at_cable": "fibre-1",
            "distance_m": PLACE_M,
            "t_s": t_s,
            "kind": kind,
            **({} if duration_s is None else {"duration_s": duration_s}),
        }
    )
    return Surroundings(events=(event,))


def samples(about: Surroundings | None, seconds: float = 12.0) -> NDArray[np.float64]:
    return stretch(made(about=about), seconds)


@pytest.fixture(scope="module")
def whole() -> NDArray[np.float64]:
    return samples(None)


@pytest.mark.parametrize("kind", ["cut", "disconnect"])
def test_beyond_it_the_phase_is_any_and_neighbours_are_not_alike(
    kind: str, whole: NDArray[np.float64]
) -> None:
    found = samples(hit(kind))
    beyond = found[3_000:, 30:]
    np.testing.assert_array_equal(found[3_500:, :20], whole[3_500:, :20])
    assert np.abs(beyond).max() <= WRAP
    assert beyond.std(axis=0) == pytest.approx(WRAP / np.sqrt(3.0), rel=0.05)
    likeness = np.atleast_2d(np.corrcoef(beyond.T))[np.triu_indices(30, 1)]
    assert np.abs(likeness).max() < 0.1
    assert np.abs(np.corrcoef(beyond[:-1, 3], beyond[1:, 3])[0, 1]) < 0.1
    # Nothing is gone before the moment itself.
    assert found[2_900:3_000, 45:].std() < 5.0 * whole[2_900:3_000, 45:].std()


def test_a_cut_is_a_jerk_at_its_place_and_a_pulled_plug_is_not(
    whole: NDArray[np.float64],
) -> None:
    near = slice(24, 30)
    cut, pulled = samples(hit("cut")), samples(hit("disconnect"))
    assert np.abs(cut[3_000:3_100, near]).max() > 2_000.0
    assert np.abs(cut[2_000:3_000, near] - whole[2_000:3_000, near]).max() > 300.0
    np.testing.assert_array_equal(pulled[:, near], whole[:, near])


def test_a_plug_put_back_brings_everything_back(whole: NDArray[np.float64]) -> None:
    found = samples(hit("disconnect", 6.0, 2.0))
    np.testing.assert_array_equal(found[4_000:], whole[4_000:])
    assert found[3_000:4_000, 40].std() > 5_000.0


def test_a_bend_raises_the_noise_beyond_it_and_only_there(whole: NDArray[np.float64]) -> None:
    found = samples(hit("bend", 2.0), 24.0)[6_000:]
    calm = stretch(made(), 24.0)[6_000:]
    np.testing.assert_array_equal(found[:, :28], calm[:, :28])
    high = np.diff(found[:, 34:], axis=0).std(axis=0) / np.diff(calm[:, 34:], axis=0).std(axis=0)
    assert 1.01 < np.median(high) < 1.35
    assert whole.shape[1] == found.shape[1]


def test_nobody_is_heard_beyond_a_cut() -> None:
    digger = body(
        ActorClass.PERSON, Behaviour.DIG, way((CHANNEL + 15, 2.0), (CHANNEL + 15, 2.0), 30.0)
    )
    with_it = stretch(made([digger], about=hit("cut", 1.0)), 8.0)
    without = stretch(made(about=hit("cut", 1.0)), 8.0)
    np.testing.assert_array_equal(with_it[1_000:, 31:], without[1_000:, 31:])


def test_a_window_beyond_a_cut_holds_the_samples_of_the_whole_cable() -> None:
    about = hit("cut", 1.0)
    full = made(window=None, about=about).samples(1_000, 125)
    part = made(window=(1_040, 30), about=about).samples(1_000, 125)
    np.testing.assert_array_equal(full[:, 1_040:1_070], part)
