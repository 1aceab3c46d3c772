"""How sure a figure is: 95 % intervals of shares, rates and medians.

A share has the interval of Clopper and Pearson (1934), a rate that of Garwood (1936); both are
exact and never cover less than they say. A median has the percentile interval of a bootstrap
(Efron 1979) that draws whole clusters, from a seed that is given, so that the same results give
the same figures.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, chi2

LEVEL = 0.95
DRAWS = 2_000
LEAST_CLUSTERS = 6
"""Below this even the range from least to largest covers a median less than 95 % of the time."""

_TAIL = (1.0 - LEVEL) / 2.0
_AT_ONCE = 2_000_000
"""Numbers held at a time while drawing."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; None where there is nothing to take it from."""

    value: float | None
    low: float | None
    high: float | None


NOTHING = Estimate(None, None, None)


def share(hits: int, of: int) -> Estimate:
    """Share of successes, with the interval of Clopper and Pearson.

    Raises:
        ValueError: more hits than tries, or fewer than none.
    """
    if not 0 <= hits <= of:
        raise ValueError(f"hits is {hits} of {of}: wanted 0 to {of}")
    if of == 0:
        return NOTHING
    low = float(beta.ppf(_TAIL, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1.0 - _TAIL, hits + 1, of - hits)) if hits < of else 1.0
    return Estimate(hits / of, low, high)


def rate(count: int, exposure: float | None) -> Estimate:
    """Events for each unit of exposure, with the exact interval of a Poisson count.

    Raises:
        ValueError: fewer events than none.
    """
    if count < 0:
        raise ValueError(f"count is {count}: wanted 0 or more")
    if exposure is None or exposure <= 0.0:
        return NOTHING
    low = 0.5 * float(chi2.ppf(_TAIL, 2 * count)) if count else 0.0
    high = 0.5 * float(chi2.ppf(1.0 - _TAIL, 2 * count + 2))
    return Estimate(count / exposure, low / exposure, high / exposure)


def median(values: Sequence[float], clusters: Sequence[Hashable], seed: int) -> Estimate:
    """Median, with a bootstrap interval over clusters.

    Args:
        values: finite.
        clusters: what each value belongs to; values of one cluster are drawn together, since
            they are no independent observations.
        seed: of the draws.

    Returns:
        The median; without interval where there are fewer than ``LEAST_CLUSTERS`` clusters.

    Raises:
        ValueError: values and clusters of different number.
    """
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values and {len(clusters)} clusters: wanted one for each")
    if not values:
        return NOTHING
    order = np.argsort(np.asarray(values, dtype=np.float64), kind="stable")
    ranked = np.asarray(values, dtype=np.float64)[order]
    middle = float(np.median(ranked))
    number = {name: index for index, name in enumerate(dict.fromkeys(clusters))}
    if len(number) < LEAST_CLUSTERS:
        return Estimate(middle, None, None)
    member = np.array([number[name] for name in clusters])[order]
    draw = np.random.default_rng(seed)
    medians = []
    step = max(1, _AT_ONCE // len(ranked))
    for first in range(0, DRAWS, step):
        picked = draw.integers(len(number), size=(min(step, DRAWS - first), len(number)))
        medians.append(_medians(ranked, member, picked))
    low, high = np.quantile(np.concatenate(medians), [_TAIL, 1.0 - _TAIL])
    return Estimate(middle, float(low), float(high))


def _medians(
    ranked: npt.NDArray[np.float64], member: npt.NDArray[np.int64], picked: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Medians of draws: ``picked`` has shape (draw, cluster), values and members are in order."""
    rows = np.arange(len(picked))[:, np.newaxis]
    times = np.zeros(picked.shape, dtype=np.int64)
    np.add.at(times, (rows, picked), 1)
    upto = np.cumsum(times[:, member], axis=1)
    total = upto[:, -1:]
    below = np.argmax(upto > (total - 1) // 2, axis=1)
    above = np.argmax(upto > total // 2, axis=1)
    return np.asarray(0.5 * (ranked[below] + ranked[above]))
