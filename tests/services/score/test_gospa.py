"""GOSPA against trying every assignment, and its laws."""

from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.score.gospa import gospa

FloatArray = npt.NDArray[np.float64]

COORDINATE = st.floats(-150.0, 150.0, allow_nan=False)
PLACES = st.lists(st.tuples(COORDINATE, COORDINATE), max_size=4).map(
    lambda rows: np.array(rows, dtype=np.float64).reshape(-1, 2)
)


def between(targets: FloatArray, tracks: FloatArray) -> FloatArray:
    away = targets[:, np.newaxis] - tracks
    return np.hypot(away[..., 0], away[..., 1])


def by_enumeration(targets: FloatArray, tracks: FloatArray, c: float, p: float) -> float:
    """The definition: the least over every partial assignment."""
    best = np.inf
    for size in range(min(len(targets), len(tracks)) + 1):
        for some in combinations(range(len(targets)), size):
            for chosen in permutations(range(len(tracks)), size):
                pairs = sum(
                    float(np.hypot(*(targets[i] - tracks[j]))) ** p
                    for i, j in zip(some, chosen, strict=True)
                )
                rest = len(targets) + len(tracks) - 2 * size
                best = min(best, pairs + 0.5 * c**p * rest)
    return float(best ** (1.0 / p))


@settings(deadline=None)
@given(PLACES, PLACES, st.sampled_from([(100.0, 2.0), (50.0, 1.0)]))
def test_it_is_the_least_over_every_assignment(
    targets: FloatArray, tracks: FloatArray, rule: tuple[float, float]
) -> None:
    found = gospa(between(targets, tracks), *rule)
    assert found.distance(*rule) == pytest.approx(by_enumeration(targets, tracks, *rule), abs=1e-6)
    assert found.pairs + found.missed == len(targets)
    assert found.pairs + found.false == len(tracks)
    used = found.track_of[found.track_of >= 0].tolist()
    assert len(used) == len(set(used)) == found.pairs


@settings(deadline=None)
@given(PLACES, PLACES, PLACES)
def test_it_is_a_metric(one: FloatArray, two: FloatArray, three: FloatArray) -> None:
    def apart(first: FloatArray, second: FloatArray) -> float:
        return gospa(between(first, second), 100.0, 2.0).distance(100.0, 2.0)

    assert apart(one, one) == pytest.approx(0.0, abs=1e-9)
    assert apart(one, two) == pytest.approx(apart(two, one))
    assert apart(one, three) <= apart(one, two) + apart(two, three) + 1e-6


def test_known_cases() -> None:
    here, nobody = np.array([[0.0, 0.0]]), np.zeros((0, 2))
    assert gospa(between(here, np.array([[30.0, 40.0]])), 100.0, 2.0).distance(100.0, 2.0) == 50.0
    # Missed alone, false alone: c / sqrt(2) each.
    assert gospa(between(here, nobody), 100.0, 2.0).distance(100.0, 2.0) == pytest.approx(
        100 / 2**0.5
    )
    assert gospa(between(nobody, here), 100.0, 2.0).distance(100.0, 2.0) == pytest.approx(
        100 / 2**0.5
    )
    # Too far apart: both missed and false, which is c.
    far = gospa(between(here, np.array([[500.0, 0.0]])), 100.0, 2.0)
    assert (far.missed, far.false, far.pairs) == (1, 1, 0)
    assert far.distance(100.0, 2.0) == pytest.approx(100.0)
