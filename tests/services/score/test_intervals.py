"""Intervals are those of the books, and what they promise holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, poisson

from services.score.intervals import LEAST_CLUSTERS, NOTHING, median, rate, share


@given(st.integers(0, 400), st.integers(1, 400))
def test_share_is_the_exact_interval_that_scipy_gives(hits: int, of: int) -> None:
    hits = min(hits, of)
    found = share(hits, of)
    known = binomtest(hits, of).proportion_ci(0.95, method="exact")
    assert found.value == pytest.approx(hits / of)
    assert found.low == pytest.approx(known.low, abs=1e-9)
    assert found.high == pytest.approx(known.high, abs=1e-9)


def test_share_of_known_tables() -> None:
    # Clopper and Pearson for 49 of 50 and 0 of 10.
    found = share(49, 50)
    assert found.low == pytest.approx(0.8935, abs=1e-4)
    assert found.high == pytest.approx(0.9995, abs=1e-4)
    assert share(0, 10).high == pytest.approx(0.3085, abs=1e-4)


@pytest.mark.parametrize("true", [0.5, 0.9, 0.97])
def test_share_covers_what_it_says(true: float) -> None:
    hits = np.arange(51)
    found = [share(h, 50) for h in hits.tolist()]
    inside = np.array([(one.low or 0.0) <= true <= (one.high or 0.0) for one in found])
    assert binom.pmf(hits, 50, true)[inside].sum() >= 0.95


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)],  # Garwood's table
)
def test_rate_is_the_exact_interval_of_the_tables(count: int, low: float, high: float) -> None:
    found = rate(count, 1.0)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)
    assert rate(count, 0.5).high == pytest.approx(2 * high, abs=1e-3)


@given(st.integers(1, 200))
def test_rate_leaves_the_tails_that_it_says(count: int) -> None:
    found = rate(count, 1.0)
    assert found.low is not None
    assert found.high is not None
    assert poisson.sf(count - 1, found.low) == pytest.approx(0.025, abs=1e-9)
    assert poisson.cdf(count, found.high) == pytest.approx(0.025, abs=1e-9)


def test_nothing_has_no_figure() -> None:
    assert share(0, 0) == NOTHING
    assert rate(3, None) == NOTHING
    assert rate(3, 0.0) == NOTHING
    assert median([], [], 1) == NOTHING


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="hits is 3 of 2"):
        share(3, 2)
    with pytest.raises(ValueError, match="count is -1"):
        rate(-1, 1.0)
    with pytest.raises(ValueError, match="2 values and 1 clusters"):
        median([1.0, 2.0], ["a"], 1)


def test_few_clusters_give_no_interval_of_a_median() -> None:
    few = LEAST_CLUSTERS - 1
    values = [float(n) for n in range(few)]
    assert median(values, list(range(few)), 1).low is None
    # Many values of few clusters are few observations.
    assert median(values * 20, [n % few for n in range(few * 20)], 1).low is None
    found = median([*values, 9.0], list(range(few + 1)), 1)
    assert found.value == 2.5
    assert found.low is not None


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=30),
    st.integers(6, 12),
    st.integers(0, 5),
)
def test_bootstrap_equals_drawing_clusters_one_by_one(
    values: list[float], clusters: int, seed: int
) -> None:
    names = [index % clusters for index in range(len(values))]
    found = median(values, names, seed)
    known = dict.fromkeys(names)
    groups = [[v for v, n in zip(values, names, strict=True) if n == g] for g in known]
    picked = np.random.default_rng(seed).integers(len(groups), size=(2_000, len(groups)))
    medians = [float(np.median(np.concatenate([groups[i] for i in row]))) for row in picked]
    assert found.low == pytest.approx(float(np.quantile(medians, 0.025)))
    assert found.high == pytest.approx(float(np.quantile(medians, 0.975)))


def test_clusters_widen_the_interval() -> None:
    draw = np.random.default_rng(3)
    centres = draw.normal(0.0, 10.0, 12)
    values = [float(c + e) for c in centres for e in draw.normal(0.0, 0.1, 20)]
    together = median(values, [index // 20 for index in range(len(values))], 1)
    alone = median(values, list(range(len(values))), 1)
    assert together.high is not None
    assert together.low is not None
    assert alone.high is not None
    assert alone.low is not None
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
