"""Motion in the plane, for many tracks at once: nearly constant velocity and linear updates.

States have shape (n, 4): east, north, velocity east, velocity north; covariances (n, 4, 4).
White-noise acceleration with spectral density q (m^2/s^3), Bar-Shalom, Li, Kirubarajan,
"Estimation with Applications to Tracking and Navigation" (2001), section 6.2.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def spread(covariance: FloatArray, q: FloatArray, dt_s: FloatArray) -> FloatArray:
    """Covariance of the position a time ahead.

    Args:
        covariance: shape (n, 4, 4).
        q: shape (n,), m^2/s^3.
        dt_s: shape (n,); where negative the past is looked at, without process noise.

    Returns:
        Shape (n, 2, 2), m^2.
    """
    dt = dt_s[:, None, None]
    cross = covariance[:, :2, 2:]
    position = covariance[:, :2, :2] + dt * (cross + cross.transpose(0, 2, 1))
    position = position + dt * dt * covariance[:, 2:, 2:]
    noise = q * np.maximum(dt_s, 0.0) ** 3 / 3.0
    position[:, 0, 0] += noise
    position[:, 1, 1] += noise
    return np.asarray(position)


def predict(
    state: FloatArray, covariance: FloatArray, q: FloatArray, dt_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Move states ahead by ``dt_s`` >= 0, shape (n,); new arrays are returned."""
    moved = state.copy()
    moved[:, :2] += dt_s[:, None] * state[:, 2:]
    dt = dt_s[:, None, None]
    ahead = covariance.copy()
    ahead[:, :2, :2] = spread(covariance, q, dt_s)
    ahead[:, :2, 2:] += dt * covariance[:, 2:, 2:]
    noise2 = q * dt_s * dt_s / 2.0
    ahead[:, 0, 2] += noise2
    ahead[:, 1, 3] += noise2
    ahead[:, 2:, :2] = ahead[:, :2, 2:].transpose(0, 2, 1)
    ahead[:, 2, 2] += q * dt_s
    ahead[:, 3, 3] += q * dt_s
    return moved, ahead


def update(
    state: FloatArray,
    covariance: FloatArray,
    place: FloatArray,
    noise: FloatArray,
    lag_s: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Take position measurements into states.

    Args:
        state: shape (n, 4).
        covariance: shape (n, 4, 4).
        place: measured east and north, shape (n, 2).
        noise: its covariance, shape (n, 2, 2).
        lag_s: measured time minus state's time, <= 0: a measurement that is older than the state
            is one of (position + lag x velocity).

    Returns:
        (state, covariance) after the update.
    """
    lag = lag_s[:, None, None]
    gain_top = np.concatenate(
        (
            covariance[:, :2, :2] + lag * covariance[:, :2, 2:],
            covariance[:, 2:, :2] + lag * covariance[:, 2:, 2:],
        ),
        axis=1,
    )
    residual_covariance = gain_top[:, :2] + lag * gain_top[:, 2:] + noise
    inverse = invert(residual_covariance)
    gain = gain_top @ inverse
    residual = place - state[:, :2] - lag_s[:, None] * state[:, 2:]
    after = state + (gain @ residual[:, :, None])[:, :, 0]
    reduced = covariance - gain @ gain_top.transpose(0, 2, 1)
    return after, np.asarray(0.5 * (reduced + reduced.transpose(0, 2, 1)))


def invert(matrices: FloatArray) -> FloatArray:
    """Inverse of symmetric 2 x 2 matrices, shape (n, 2, 2)."""
    a, b, d = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]
    determinant = a * d - b * b
    inverse = np.empty_like(matrices)
    inverse[:, 0, 0] = d / determinant
    inverse[:, 1, 1] = a / determinant
    inverse[:, 0, 1] = inverse[:, 1, 0] = -b / determinant
    return inverse


def distance2(delta: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Squared Mahalanobis distances and log determinants.

    Args:
        delta: shape (n, 2).
        covariance: shape (n, 2, 2), positive definite.

    Returns:
        (d^2, ln det), each of shape (n,).
    """
    a, b, d = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    determinant = a * d - b * b
    x, y = delta[:, 0], delta[:, 1]
    squared = (d * x * x - 2.0 * b * x * y + a * y * y) / determinant
    return np.asarray(squared), np.asarray(np.log(determinant))
