"""Covariances against Monte Carlo and against themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

from geo.crs import FloatArray
from geo.errors import GeometryError
from geo.uncertainty import (
    checked,
    ellipse,
    from_axes,
    isotropic,
    mahalanobis2,
    propagate,
    rotate,
)

SIGMA = st.floats(0.1, 500.0)
ANGLE = st.floats(0.0, 359.9)


def draw(covariance: FloatArray, count: int = 100_000) -> FloatArray:
    return default_rng(7).multivariate_normal([0.0, 0.0], covariance, size=count)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_the_ellipse_holds_its_share_of_drawn_positions(level: float) -> None:
    covariance = from_axes(68.0, 2.8, 37.0)
    found = ellipse(covariance, level)
    direction = np.radians(found.orientation_deg)
    east, north = draw(covariance).T
    along = east * np.sin(direction) + north * np.cos(direction)
    across = east * np.cos(direction) - north * np.sin(direction)
    inside = np.hypot(along / found.semi_major_m, across / found.semi_minor_m) < 1.0
    # Binomial sigma of 100,000 draws is at most 0.0016.
    assert inside.mean() == pytest.approx(level, abs=0.006)


def test_the_squared_distance_holds_its_share_of_drawn_positions() -> None:
    covariance = from_axes(20.0, 5.0, 100.0)
    share = (mahalanobis2(draw(covariance), covariance) < 5.991).mean()
    assert share == pytest.approx(0.95, abs=0.004)


def test_axes_lie_where_they_were_asked_for() -> None:
    # Due east, clockwise from north: the spread is along east.
    covariance = from_axes(30.0, 4.0, 90.0)
    assert covariance == pytest.approx(np.diag([900.0, 16.0]), abs=1e-9)
    found = ellipse(from_axes(30.0, 4.0, 30.0))
    assert found.orientation_deg == pytest.approx(30.0)
    assert found.semi_major_m / found.semi_minor_m == pytest.approx(7.5)


@given(SIGMA, SIGMA, ANGLE, ANGLE)
def test_turning_a_covariance_turns_its_ellipse_clockwise(
    along: float, across: float, bearing: float, turn: float
) -> None:
    turned = rotate(from_axes(along, across, bearing), turn)
    expected = from_axes(along, across, bearing + turn)
    assert turned == pytest.approx(expected, rel=1e-6, abs=1e-6 * max(along, across) ** 2)


def test_propagation_agrees_with_drawn_positions_through_the_same_map() -> None:
    covariance = from_axes(12.0, 3.0, 60.0)
    jacobian = np.array([[1.0, 0.4], [-0.2, 2.0], [0.5, 0.5]])
    seen = np.cov((draw(covariance, 200_000) @ jacobian.T).T)
    assert propagate(jacobian, covariance) == pytest.approx(seen, rel=0.02, abs=1.0)


def test_many_covariances_are_judged_at_once() -> None:
    stack = np.stack([isotropic(1.0), isotropic(2.0)])
    assert mahalanobis2([[2.0, 0.0], [2.0, 0.0]], stack) == pytest.approx([4.0, 1.0])


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], "positive definite"),
        ([[1.0, 0.0], [0.0, 0.0]], "positive definite"),
        ([[-1.0, 0.0], [0.0, 1.0]], "positive definite"),
        ([[1.0, 0.5], [0.2, 1.0]], "symmetric"),
        ([[math.nan, 0.0], [0.0, 1.0]], "finite"),
        ([1.0, 0.0, 0.0, 1.0], "shape"),
    ],
)
def test_what_is_no_covariance_is_refused_by_field_and_value(value: object, word: str) -> None:
    with pytest.raises(GeometryError, match=rf"report\.position .*{word}"):
        checked(value, "report.position")  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(GeometryError, match="level is"):
        ellipse(isotropic(1.0), level)
