"""Covariances of positions in the plane, their ellipses, and how they are carried on.

A covariance is an array of shape (2, 2) or (..., 2, 2) in square metres, rows and columns in the
order east, north. Angles are degrees clockwise from north: grid north for all that is in the
plane; :func:`geo.crs.grid_to_true_deg` takes an ellipse's orientation to true north.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.crs import FloatArray
from geo.errors import GeometryError

DEFAULT_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An error ellipse: half axes in metres and the long axis's direction.

    Attributes:
        semi_major_m: half the long axis.
        semi_minor_m: half the short axis.
        orientation_deg: of the long axis, clockwise from (grid) north, in 0..180.
    """

    semi_major_m: float
    semi_minor_m: float
    orientation_deg: float


def checked(value: ArrayLike, field: str = "covariance_m2") -> FloatArray:
    """Take a value as covariance if it can be one.

    Args:
        value: shape (..., 2, 2), square metres.
        field: the name to say when it cannot.

    Returns:
        The value as float64 array, made exactly symmetric.

    Raises:
        GeometryError: wrong shape, not finite, not symmetric or not positive definite.
    """
    covariance = np.asarray(value, dtype=np.float64)
    if covariance.ndim < 2 or covariance.shape[-2:] != (2, 2):
        raise GeometryError(f"{field} has shape {covariance.shape}: wanted (..., 2, 2)")
    east, north = covariance[..., 0, 0], covariance[..., 1, 1]
    cross, mirrored = covariance[..., 0, 1], covariance[..., 1, 0]
    if not np.isfinite(covariance).all():
        wanted = "finite numbers"
    elif (np.abs(cross - mirrored) > 1e-9 * (np.abs(east) + np.abs(north))).any():
        wanted = "a symmetric matrix"
    elif (east <= 0.0).any() or (north <= 0.0).any() or (east * north <= cross * mirrored).any():
        wanted = "a positive definite matrix"
    else:
        return np.asarray(0.5 * (covariance + np.swapaxes(covariance, -1, -2)))
    raise GeometryError(
        f"{field} is {covariance.tolist()!r:.200}: wanted {wanted} in square metres, "
        "order east, north; state an accuracy instead when no covariance is known"
    )


def isotropic(sigma_m: float, field: str = "sigma_m") -> FloatArray:
    """Covariance that is equal in all directions, from one standard deviation, shape (2, 2)."""
    _positive(sigma_m, field)
    return np.diag([sigma_m * sigma_m, sigma_m * sigma_m])


def from_axes(sigma_along_m: float, sigma_across_m: float, bearing_deg: float) -> FloatArray:
    """Covariance from standard deviations along and across a direction.

    Args:
        sigma_along_m: along the direction.
        sigma_across_m: at right angles to it.
        bearing_deg: the direction, clockwise from grid north.

    Returns:
        Shape (2, 2), square metres.

    Raises:
        GeometryError: a sigma that is not positive and finite.
    """
    _positive(sigma_along_m, "sigma_along_m")
    _positive(sigma_across_m, "sigma_across_m")
    angle = math.radians(bearing_deg)
    along = np.array([math.sin(angle), math.cos(angle)])
    across = np.array([math.cos(angle), -math.sin(angle)])
    return np.asarray(
        sigma_along_m**2 * np.outer(along, along) + sigma_across_m**2 * np.outer(across, across)
    )


def ellipse(covariance_m2: ArrayLike, level: float = DEFAULT_LEVEL) -> Ellipse:
    """Error ellipse that holds ``level`` of the positions (chi-squared, two degrees of freedom).

    Raises:
        GeometryError: not one covariance, or a level outside 0..1.
    """
    covariance = checked(covariance_m2)
    if covariance.ndim != 2:
        raise GeometryError(f"covariance_m2 has shape {covariance.shape}: wanted one of (2, 2)")
    values, vectors = np.linalg.eigh(covariance)
    east, north = vectors[:, 1]
    radius = _radius(level)
    return Ellipse(
        semi_major_m=radius * math.sqrt(values[1]),
        semi_minor_m=radius * math.sqrt(values[0]),
        orientation_deg=math.degrees(math.atan2(east, north)) % 180.0,
    )


def mahalanobis2(delta_m: ArrayLike, covariance_m2: ArrayLike) -> FloatArray:
    """Squared Mahalanobis distance of differences.

    Args:
        delta_m: shape (..., 2), east and north.
        covariance_m2: shape (2, 2), or (..., 2, 2) one for each.

    Returns:
        Shape (...), without unit; chi-squared with two degrees of freedom for true pairs.
    """
    covariance = checked(covariance_m2)
    delta = np.asarray(delta_m, dtype=np.float64)
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    x, y = delta[..., 0], delta[..., 1]
    return np.asarray((d * x * x - 2.0 * b * x * y + a * y * y) / (a * d - b * b))


def rotate(covariance_m2: ArrayLike, angle_deg: float) -> FloatArray:
    """Turn a covariance clockwise by an angle, as from grid-aligned to true-north-aligned axes.

    A covariance in the plane becomes one along true east and north when turned by
    :func:`geo.crs.convergence_deg`; the way back is the negative angle.
    """
    angle = math.radians(angle_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return propagate(turn, checked(covariance_m2))


def propagate(jacobian: ArrayLike, covariance: ArrayLike) -> FloatArray:
    """Carry a covariance through a linear map: J S J^T (law of propagation of uncertainty).

    Args:
        jacobian: shape (..., m, n).
        covariance: shape (..., n, n).

    Returns:
        Shape (..., m, m), made exactly symmetric.
    """
    j = np.asarray(jacobian, dtype=np.float64)
    carried = j @ np.asarray(covariance, dtype=np.float64) @ np.swapaxes(j, -1, -2)
    return np.asarray(0.5 * (carried + np.swapaxes(carried, -1, -2)))


def _radius(level: float) -> float:
    """Radius in sigmas: the square root of the chi-squared quantile, -2 ln(1 - level)."""
    if not 0.0 < level < 1.0:
        raise GeometryError(f"level is {level!r}: wanted a share between 0 and 1, such as 0.95")
    return math.sqrt(-2.0 * math.log1p(-level))


def _positive(value: float, field: str) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise GeometryError(f"{field} is {value!r}: wanted a positive, finite number of metres")
