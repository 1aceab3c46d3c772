"""Paints figures into a thermal picture: strokes, pixels that are covered in part, the lens."""

import math

import numpy as np
from numba import njit
from scipy.ndimage import gaussian_filter

from sensors.simulators.detector import Float32
from sensors.simulators.figures import Strokes
from sensors.simulators.seeing import BLUR_PX

_FINE_PER_M = 20.0
"""Limbs are drawn at least so finely before they are put into pixels."""

_MARGIN_PX = 3  # six times the lens's blur
_GRASS_SHARE = 0.35
"""Share of what is behind stalks that shows (assumed)."""


def paint(
    picture: Float32,
    strokes: Strokes,
    foot_px: tuple[float, float],
    scale_px: float,
    transmission: float,
    grass_m: float,
) -> None:
    """Paint a figure.

    Args:
        picture: kelvin above the air's, shape (row, column); changed.
        strokes: the figure's, metres from its foot, kelvin above the air's.
        foot_px: column and row of the foot.
        scale_px: pixels a metre.
        transmission: of the air between.
        grass_m: height of the stalks that it stands in.
    """
    rows, columns = picture.shape
    radius = strokes[:, 4]
    x, y = strokes[:, (0, 2)], strokes[:, (1, 3)]
    left = foot_px[0] + scale_px * float((x - radius[:, np.newaxis]).min())
    right = foot_px[0] + scale_px * float((x + radius[:, np.newaxis]).max())
    top = foot_px[1] - scale_px * float((y + radius[:, np.newaxis]).max())
    bottom = foot_px[1] - scale_px * min(float((y - radius[:, np.newaxis]).min()), 0.0)
    first_row = max(math.floor(top) - _MARGIN_PX, 0)
    last_row = min(math.ceil(bottom) + _MARGIN_PX, rows)
    first_column = max(math.floor(left) - _MARGIN_PX, 0)
    last_column = min(math.ceil(right) + _MARGIN_PX, columns)
    if first_row >= last_row or first_column >= last_column:
        return
    fine = min(max(math.ceil(_FINE_PER_M / scale_px), 1), 16)
    shape = (last_row - first_row, last_column - first_column)
    cover = np.zeros((shape[0] * fine, shape[1] * fine), np.float32)
    kelvin = np.zeros_like(cover)
    # Into fine pixels, the first row on top.
    size = scale_px * fine
    drawn = np.empty((strokes.shape[0], 6))
    drawn[:, (0, 2)] = (foot_px[0] - first_column) * fine + size * x
    drawn[:, (1, 3)] = (foot_px[1] - first_row) * fine - size * y
    drawn[:, 4], drawn[:, 5] = size * radius, strokes[:, 5]
    _stroke(drawn, cover, kelvin)
    grass_row = (foot_px[1] - scale_px * grass_m - first_row) * fine
    cover[max(int(grass_row), 0) :] *= _GRASS_SHARE
    kelvin *= cover
    blocks = (shape[0], fine, shape[1], fine)
    cover = gaussian_filter(cover.reshape(blocks).mean(axis=(1, 3)), BLUR_PX)
    warm = gaussian_filter(kelvin.reshape(blocks).mean(axis=(1, 3)), BLUR_PX)
    part = picture[first_row:last_row, first_column:last_column]
    part *= 1.0 - cover
    part += np.float32(transmission) * warm


@njit(cache=True, nogil=True, error_model="numpy")
def _stroke(strokes: Strokes, cover: Float32, kelvin: Float32) -> None:  # pragma: no cover
    """Draw strokes one over the other, their edges soft by one fine pixel."""
    height, width = cover.shape
    for n in range(strokes.shape[0]):
        x0, y0, x1, y1 = strokes[n, 0], strokes[n, 1], strokes[n, 2], strokes[n, 3]
        radius, warm = strokes[n, 4], np.float32(strokes[n, 5])
        reach = radius + 1.0
        along_x, along_y = x1 - x0, y1 - y0
        length2 = along_x * along_x + along_y * along_y
        first_i = max(int(min(y0, y1) - reach), 0)
        last_i = min(int(max(y0, y1) + reach) + 1, height)
        first_j = max(int(min(x0, x1) - reach), 0)
        last_j = min(int(max(x0, x1) + reach) + 1, width)
        for i in range(first_i, last_i):
            for j in range(first_j, last_j):
                away_x, away_y = j + 0.5 - x0, i + 0.5 - y0
                share = 0.0
                if length2 > 0.0:
                    share = min(max((away_x * along_x + away_y * along_y) / length2, 0.0), 1.0)
                away = np.hypot(away_x - share * along_x, away_y - share * along_y)
                here = np.float32(min(max(radius - away + 0.5, 0.0), 1.0))
                if here > 0.0:
                    before = cover[i, j] * (np.float32(1.0) - here)
                    total = here + before
                    kelvin[i, j] = (warm * here + kelvin[i, j] * before) / total
                    cover[i, j] = total


def compile_kernels() -> None:
    """Compile or load this module's kernel before anything waits."""
    picture = np.zeros((2, 2), np.float32)
    _stroke(np.array([[0.0, 0.0, 1.0, 1.0, 0.5, 1.0]]), picture, picture.copy())
