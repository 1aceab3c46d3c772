"""Kernels over runs and objects against the same in plain array operations."""

import numpy as np
import pytest

from services.detect.object_kernels import (
    find_runs,
    keep_near,
    measure_runs,
    measure_unrest,
    pair,
    pool,
    slow_down,
)


@pytest.mark.parametrize("gap", [1, 3])
@pytest.mark.parametrize("off", [-1.0, 0.5, 0.9, 2.0])
def test_runs_are_split_where_more_than_a_gap_is_quiet(off: float, gap: int) -> None:
    score = np.random.default_rng(1).random(4_001).astype(np.float32)
    found, tops = find_runs(score, off, gap)
    index = np.flatnonzero(score > off)
    parts = np.split(index, np.flatnonzero(np.diff(index) > gap + 1) + 1) if index.size else []
    assert found.tolist() == [[part[0], part[-1] + 1] for part in parts]
    assert tops.tolist() == [float(score[part].max()) for part in parts]
    place, wide = np.empty(len(tops)), np.empty(len(tops), np.int64)
    measure_runs(score, found, tops, place, wide)
    for (low, high), top, at, count in zip(found, tops, place, wide, strict=True):
        assert at == low + np.argmax(score[low:high])
        assert count == np.count_nonzero(score[low:high] >= 0.5 * top)


def test_each_run_gets_the_nearest_object_that_no_stronger_one_has() -> None:
    expected, low, high = np.array([10.0, 14.0, 90.0]), np.zeros(3), np.array([0.0, 0.0, 99.0])
    known = np.empty(4, np.int64)
    pair(np.array([11.0, 12.0, 40.0, 41.0]), expected, low, high, np.full(3, 30.0), 10.0, known)
    # Far from where it is expected, the third covers the place; then nothing is left.
    assert known.tolist() == [0, 1, 2, -1]


def test_runs_that_overlap_a_stretch_are_kept() -> None:
    found = np.array([[0, 4], [10, 12], [20, 25]])
    keep = np.array([False, False, True])
    keep_near(found, np.array([11.5]), np.array([15.0]), keep)
    assert keep.tolist() == [False, True, True]


def test_unrest_is_the_median_size_of_force_in_each_region() -> None:
    rng = np.random.default_rng(2)
    force, middle = rng.normal(0.0, 1.0, (2, 950)).astype(np.float32)
    width = rng.uniform(0.1, 0.3, 950).astype(np.float32)
    unrest = np.array([0.5, 0.7])
    measure_unrest(force, middle, width, np.array([0, 420, 950]), 0.025, unrest)
    for part, before, after in (
        (slice(0, 420, 4), 0.5, unrest[0]),
        (slice(420, 950, 5), 0.7, unrest[1]),
    ):
        sigma = 1.4826 * np.maximum(width[part], np.median(width[part]))
        value = (force[part] - np.maximum(middle[part], 0.0)) / sigma
        size = np.median(np.abs(np.maximum(value, -1.0)))
        assert after == before + 0.025 * (float(size) - before)


def test_pooled_median_is_of_every_so_many_channels() -> None:
    width = np.random.default_rng(3).random((3, 101)).astype(np.float32)
    out = np.empty(3, np.float32)
    pool(width, 2, out)
    assert out.tolist() == np.median(width[:, ::2], axis=1).tolist()


def test_floors_learn_slowly_only_about_a_rhythm() -> None:
    pace, strokes = np.zeros((2, 40), np.float32)
    pace[5], pace[20], strokes[37] = 6.0, 3.0, 3.0
    slow = np.ones(40, np.float32)
    stretches = np.array([[4, 7], [19, 22], [36, 39]])
    slow_down(pace, strokes, stretches, np.array([2.0, 2.5]), 2, 0.25, slow)
    assert np.flatnonzero(slow < 1.0).tolist() == [*range(2, 9), *range(34, 40)]
