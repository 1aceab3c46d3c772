"""What stands still, or nearly, before a thermal camera: fields, bushes, trees, sky and clouds.

Temperatures are apparent ones, kelvin above the air's: the air between takes a share of every
contrast and puts its own temperature in its place.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from sensors.scenes import Weather
from sensors.simulators.air import FOG_M, Air
from sensors.simulators.detector import Float32
from sensors.simulators.eye import Eye
from sensors.simulators.figures import Warmth
from sensors.simulators.motion import FloatArray, seeded
from sensors.simulators.seeing import BLUR_PX

# All assumed: how fields and plants look at night.
_FIELD_SCALES_M = (1.5, 6.0, 30.0, 150.0)
"""Sizes of warmer and cooler spots of a field."""

_FIELD_KELVIN = (0.25, 0.35, 0.5, 0.7)
"""One sigma of each size, dry and calm."""

_BUSHES = 60  # in sight
_BUSH_M = (1.0, 3.5)
"""Height; a bush is about as wide."""

_TREE_LINE_M = (1_200.0, 2_500.0)
"""Distance of the trees that stand before the horizon."""

_TREE_M = (3.0, 12.0)
"""Height of these."""

_LEAF_KELVIN = 0.6
"""One sigma within a plant: its leaves see sky or soil."""

_SKY_KELVIN = -45.0
"""Clear sky well above the horizon, against the air; water vapour warms it lower down."""

_SKY_DEG = 8.0
"""Elevation over which it falls to that."""

_CLOUD_KELVIN = -10.0
"""Cloud base at 1,500 m and 6.5 K colder each kilometre."""

_CLOUD_AWAY_M = 20_000.0
"""Distance of what is seen of clouds just above the horizon."""

_SWAY_M = 0.002
"""How far a plant's top moves, times the wind's square in m/s; at most 0.5 m."""

_STREAKS_PER_MM_H = 2.0
"""Drops so near the lens that each frame shows them as streaks."""


class Scenery:
    """One camera's surroundings.

    Args:
        eye: the camera.
        seed: the scene's.
        name: the camera's.
        weather: the scene's.
    """

    def __init__(self, eye: Eye, seed: int, name: str, weather: Weather) -> None:
        """Paint everything once, and note what will move."""
        draw = seeded(seed, "scenery", name)
        self._seed, self._name, self._weather = seed, name, weather
        self._air, self._warmth = Air.of(weather), Warmth.of(weather)
        self._focal = eye.lens.focal_length_px
        # Haze, fog and rain hide the sky as they hide hills three kilometres away; what vapour
        # does to it is in its temperature.
        self._sky_share = float(np.exp(-3.0 * self._air.murk_per_km))
        rays = eye.rays()
        # Rows of the pixels seen from the eye: down is where the ground is.
        level = np.hypot(rays[..., 0], rays[..., 1])
        down = -rays[..., 2] / level
        ground = down > 1e-4
        # The earth's far fields are all alike: beyond 20 km nothing changes.
        range_m = np.where(
            ground, np.minimum(eye.up_m / np.maximum(down, 1e-4), 20_000.0), 20_000.0
        )
        picture = self._sky(np.rad2deg(np.arctan(-down)))
        fields = self._fields(draw, rays, level, range_m, eye.up_m)
        picture = np.where(ground, fields, picture)
        moves = np.zeros(picture.shape)
        clump = np.full(picture.shape, -1, dtype=np.int32)
        self._trees(draw, picture, ~ground, moves, clump)
        self._grown(draw, eye, picture, moves, clump)
        self._still = gaussian_filter(picture, BLUR_PX).astype(np.float32)
        self._is_sky = (~ground & (clump < 0)).astype(np.uint8)
        self._plants = np.argwhere(moves > 0.02).astype(np.int32)
        at = (self._plants[:, 0], self._plants[:, 1])
        self._moves, self._clump = moves[at].astype(np.float32), clump[at]
        clumps = int(clump.max()) + 1
        # Trunks swing at 0.2-0.6 Hz, branches at 1-3 (assumed); each in its own time.
        self._beat = np.stack((draw.uniform(0.2, 0.6, clumps), draw.uniform(1.0, 3.0, clumps)))
        self._offset = draw.uniform(0.0, 2.0 * np.pi, (3, clumps))
        self._clouds = self._drawn_clouds(draw, picture.shape)
        self._heading = float(draw.choice((-1.0, 1.0)))

    def view(self, number: int, t_s: float) -> Float32:
        """Give the picture without anybody in it, kelvin above the air's, shape (row, column)."""
        out = self._still.copy()
        speed = 3.0 + 1.5 * self._weather.wind_mps  # faster aloft (assumed)
        offset = self._heading * t_s * speed * self._focal / _CLOUD_AWAY_M
        _clouded(out, self._is_sky, self._clouds, offset)
        if self._weather.wind_mps > 0.0:
            _swayed(
                self._still, self._plants, self._moves, self._clump,
                self._sway(t_s).astype(np.float32), out,
            )  # fmt: skip
        count = self._weather.rain_mm_h * _STREAKS_PER_MM_H
        if count > 0.0:
            _streaked(out, self._streaks(number, count))
        return out

    def _sky(self, elevation_deg: FloatArray) -> FloatArray:
        clear = _SKY_KELVIN * (1.0 - np.exp(-np.maximum(elevation_deg, 0.0) / _SKY_DEG))
        return clear * self._sky_share

    def _fields(
        self,
        draw: np.random.Generator,
        rays: FloatArray,
        level: FloatArray,
        range_m: FloatArray,
        up_m: float,
    ) -> FloatArray:
        east = range_m * rays[..., 0] / level
        north = range_m * rays[..., 1] / level
        # Along the line of sight a pixel covers range^2 / (height focal length).
        covers = range_m**2 / (max(up_m, 1.0) * self._focal)
        calm = 0.3 if self._weather.rain_mm_h > 0.5 else 1.0  # rain evens the ground out
        kelvin = np.full(range_m.shape, self._warmth.ground)
        for scale, sigma in zip(_FIELD_SCALES_M, _FIELD_KELVIN, strict=True):
            shown = 1.0 / np.sqrt(1.0 + (covers / scale) ** 2)
            kelvin += calm * sigma * shown * _spots(draw, east / scale, north / scale)
        return np.asarray(kelvin * self._air.transmission(range_m))

    def _trees(
        self,
        draw: np.random.Generator,
        picture: FloatArray,
        sky: NDArray[np.bool_],
        moves: FloatArray,
        clump: NDArray[np.int32],
    ) -> None:
        """Put a line of trees before the lowest sky."""
        columns = picture.shape[1]
        away = draw.uniform(*_TREE_LINE_M)
        scale = self._focal / away
        knots = draw.uniform(0.0, 1.0, max(int(columns / (6.0 * scale)), 4))
        tops = np.clip(zoom(knots, columns / knots.size, order=1, mode="nearest"), 0.0, 1.0)
        tops = np.resize(tops, columns)
        high = scale * (_TREE_M[0] + tops * (_TREE_M[1] - _TREE_M[0]))
        foot = sky.sum(axis=0)
        rows = np.arange(picture.shape[0])[:, np.newaxis]
        above = foot - rows
        trees = sky & (above <= high)
        leaves = _LEAF_KELVIN * _leafy(draw, picture.shape, max(0.3 * scale, 0.5))
        kelvin = leaves * float(self._air.transmission(away))
        picture[trees] = kelvin[trees]
        moves[trees] = ((above / high) * scale)[trees]
        groups = np.arange(columns) * 12 // columns
        clump[trees] = np.broadcast_to(groups, picture.shape)[trees]

    def _grown(
        self,
        draw: np.random.Generator,
        eye: Eye,
        picture: FloatArray,
        moves: FloatArray,
        clump: NDArray[np.int32],
    ) -> None:
        """Scatter bushes over the ground, the far ones first."""
        ranges = np.sort(60.0 * 20.0 ** draw.random(_BUSHES))[::-1]
        middles = draw.uniform(0.0, picture.shape[1], _BUSHES)
        for index, (away, middle) in enumerate(zip(ranges, middles, strict=True)):
            scale = self._focal / away
            high = scale * draw.uniform(*_BUSH_M)
            half = 0.5 * high * draw.uniform(0.8, 1.6)
            foot = eye.horizon_px + self._focal * eye.up_m / away
            top, bottom = int(max(foot - high, 0.0)), int(min(foot, picture.shape[0]))
            left, right = int(max(middle - half, 0.0)), int(min(middle + half, picture.shape[1]))
            if top >= bottom or left >= right:
                continue
            y, x = np.mgrid[top:bottom, left:right]
            upward = (foot - y) / high
            # Ragged: branches of a sixth of its size.
            edge = 1.0 + 0.35 * _leafy(draw, y.shape, max(high / 6.0, 0.5))
            inside = ((x - middle) / half) ** 2 + (2.0 * upward - 1.0) ** 2 < edge
            leaves = _LEAF_KELVIN * _leafy(draw, y.shape, max(0.08 * scale, 0.5))
            kelvin = leaves * float(self._air.transmission(float(away)))
            part = np.s_[top:bottom, left:right]
            picture[part] = np.where(inside, kelvin, picture[part])
            moves[part] = np.where(inside, np.maximum(upward, 0.0) * scale, moves[part])
            clump[part] = np.where(inside, 12 + index, clump[part])

    def _sway(self, t_s: float) -> FloatArray:
        """How far each clump's top is from rest, metres."""
        wind = self._weather.wind_mps
        most = min(_SWAY_M * wind**2, 0.5)
        slow, quick = self._beat
        # A gust passes each 10-25 s (assumed).
        gust = 0.6 + 0.4 * np.sin(2.0 * np.pi * t_s / 17.0 + self._offset[0])
        swing = 0.7 * np.sin(2.0 * np.pi * slow * t_s + self._offset[1])
        swing += 0.3 * np.sin(2.0 * np.pi * quick * t_s + self._offset[2])
        return np.asarray(most * gust * (0.5 + swing))

    def _drawn_clouds(self, draw: np.random.Generator, shape: tuple[int, int]) -> Float32:
        """Clouds as kelvin to add to the clear sky, without a seam from right to left."""
        rows, columns = shape[0], 4 * shape[1]
        down = np.fft.fftfreq(rows)[:, np.newaxis] * 4.0  # flatter than wide, seen from the side
        across = np.fft.rfftfreq(columns)[np.newaxis, :]
        size = np.hypot(down, across)
        size[0, 0] = np.inf
        # Amplitude with the -11/6 power: turbulence's spectrum in two dimensions (Kolmogorov).
        white = np.fft.rfft2(draw.normal(size=(rows, columns)))
        wavy = np.fft.irfft2(white * size ** (-11.0 / 6.0), s=(rows, columns))
        wavy /= wavy.std()
        wet = self._weather.rain_mm_h > 0.0 or self._weather.visibility_m < FOG_M
        edge = -3.0 if wet else float(draw.uniform(-0.5, 1.5))  # overcast, or some clouds
        cover = np.clip(0.5 + (wavy - edge) / 0.6, 0.0, 1.0)
        top_deg = np.rad2deg(rows / self._focal)
        warmer = _CLOUD_KELVIN - 0.5 * _SKY_KELVIN * (1.0 - np.exp(-top_deg / _SKY_DEG))
        kelvin = cover * max(warmer, 0.5) * self._sky_share
        return np.asarray(kelvin, dtype=np.float32)

    def _streaks(self, number: int, mean: float) -> Float32:
        """Rain of one frame: row, column, length and kelvin of each streak, shape (streak, 4)."""
        draw = seeded(self._seed, "rain", self._name, number)
        count = int(min(draw.poisson(mean), 200))
        rows, columns = self._still.shape
        return np.column_stack(
            (
                draw.uniform(0.0, rows, count),
                draw.uniform(0.0, columns, count),
                draw.uniform(4.0, 40.0, count),
                draw.normal(0.0, 0.25, count),
            )
        ).astype(np.float32)


def _leafy(draw: np.random.Generator, shape: tuple[int, ...], size_px: float) -> FloatArray:
    """Noise, one sigma 1, with spots of a size."""
    rough = gaussian_filter(draw.normal(size=shape), size_px)
    return np.asarray(2.0 * np.sqrt(np.pi) * size_px * rough)


def _spots(draw: np.random.Generator, x: FloatArray, y: FloatArray) -> FloatArray:
    """Smooth noise over the plane, one sigma 1, with spots one unit large."""
    lattice = draw.normal(0.0, 1.5, (256, 256))
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = x - column, y - row
    column, row = column % 256, row % 256
    right, below = (column + 1) % 256, (row + 1) % 256
    upper = lattice[row, column] * (1.0 - fx) + lattice[row, right] * fx
    lower = lattice[below, column] * (1.0 - fx) + lattice[below, right] * fx
    return np.asarray(upper * (1.0 - fy) + lower * fy)


@njit(cache=True, nogil=True, error_model="numpy")
def _clouded(
    out: Float32, is_sky: NDArray[np.uint8], clouds: Float32, offset: float
) -> None:  # pragma: no cover - compiled
    wide = clouds.shape[1]
    whole = int(np.floor(offset))
    part = np.float32(offset - whole)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            if is_sky[i, j]:
                a = (j + whole) % wide
                b = (a + 1) % wide
                out[i, j] += clouds[i, a] * (np.float32(1.0) - part) + clouds[i, b] * part


@njit(cache=True, nogil=True, error_model="numpy")
def _swayed(
    still: Float32,
    plants: NDArray[np.int32],
    moves: Float32,
    clump: NDArray[np.int32],
    sway: Float32,
    out: Float32,
) -> None:  # pragma: no cover - compiled
    """Take each pixel of a plant from where its leaf came from."""
    last = still.shape[1] - 2
    for n in range(plants.shape[0]):
        i, j = plants[n, 0], plants[n, 1]
        place = min(max(j - moves[n] * sway[clump[n]], 0.0), float(last))
        a = int(place)
        part = np.float32(place - a)
        out[i, j] = still[i, a] * (np.float32(1.0) - part) + still[i, a + 1] * part


@njit(cache=True, nogil=True, error_model="numpy")
def _streaked(out: Float32, streaks: Float32) -> None:  # pragma: no cover - compiled
    for n in range(streaks.shape[0]):
        i, j = int(streaks[n, 0]), int(streaks[n, 1])
        for k in range(int(streaks[n, 2])):
            if i + k < out.shape[0]:
                out[i + k, j] += streaks[n, 3]


def compile_kernels() -> None:
    """Compile or load this module's kernels before anything waits."""
    picture = np.zeros((3, 3), np.float32)
    _clouded(picture, np.ones((3, 3), np.uint8), picture.copy(), 0.5)
    at = np.zeros((1, 2), np.int32)
    line = np.zeros(1, np.float32)
    _swayed(picture, at, line, np.zeros(1, np.int32), line, picture.copy())
    _streaked(picture, np.ones((1, 4), np.float32))
