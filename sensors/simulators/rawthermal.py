"""Raw frames of a thermal camera: scenery, who is in it, the detector's noise, the shutter."""

from functools import lru_cache
from typing import Any

import cbor2
import numpy as np
from numpy.typing import NDArray

from sensors.simulators import detector, painting, scenery
from sensors.simulators.air import Air
from sensors.simulators.detector import Detector, Float32, core_of, smoothed
from sensors.simulators.figures import Warmth, figure
from sensors.simulators.motion import Body
from sensors.simulators.painting import paint
from sensors.simulators.scenery import Scenery
from sensors.simulators.thermal import GRASS_M, ThermalCamera
from sensors.simulators.world import Snapshot, World

FRAME_S = 1.0 / 9.0
"""Nine frames a second: up to this uncooled cameras are not controlled (Wassenaar Arrangement,
6.A.3.b.4, note)."""

_BLOCK = 512
"""Frames after which the temporal filter is started anew, so that any frame can be made without
all those before it."""

_WARM_UP = 64
"""Frames from which it is started: eight of its time constants."""

_FAR_IN_A_SECOND_M = 100.0
"""Faster than anything that may be in a scene."""


class RawCamera:
    """Frames of one camera.

    Args:
        camera: where it looks.
        seed: the scene's.
    """

    def __init__(self, camera: ThermalCamera, seed: int) -> None:
        """Paint the scenery and make the noise."""
        self._camera = camera
        weather, lens = camera.weather, camera.lens
        shape = (lens.height_px, lens.width_px)
        self.core = core_of(lens.width_px)
        self._scenery = Scenery(camera.eye, seed, camera.name, weather)
        self._detector = Detector(self.core, shape, seed, camera.name, camera.flat_field)
        self._air, self._warmth = Air.of(weather), Warmth.of(weather)
        self._zero = (weather.temperature_c + 273.15) / self.core.kelvin_per_count
        self._near = lru_cache(maxsize=2)(self._nearby)
        self._last: tuple[int, Float32] | None = None

    def is_closed(self, t_s: float) -> bool:
        """Say whether the shutter is closed, and the picture stands still."""
        return self._camera.flat_field.is_closed(t_s)

    def image(self, number: int, t_s: float, world: World) -> NDArray[np.uint16]:
        """Give frame ``number``, taken at ``t_s``: shape (row, column), counts of the core."""
        while self.is_closed(t_s):
            number, t_s = number - 1, t_s - FRAME_S
        counts = self._counts(number, t_s, world)
        return np.clip(counts, 0.0, 65_535.0).astype(np.uint16)

    def frame(self, number: int, t_s: float, world: World, stamp: dict[str, Any]) -> bytes:
        """Write a frame as CBOR."""
        image = self.image(number, t_s, world)
        body = {key: value for key, value in stamp.items() if key != "schema_version"}
        body["mark"] = str(body["mark"])
        body["schema"] = stamp["schema_version"]
        body["kelvin_per_count"] = self.core.kelvin_per_count
        if self.is_closed(t_s):
            body["shutter"] = True
        array = cbor2.CBORTag(69, image.astype("<u2").tobytes())
        body["pixels"] = cbor2.CBORTag(40, [list(image.shape), array])
        return cbor2.dumps(body)

    def seen(self, number: int, t_s: float, world: World) -> Float32:
        """Give what falls on the detector: kelvin above the air's, shape (row, column)."""
        picture = self._scenery.view(number, t_s)
        for look in self._camera.looks(_moment(self._near(int(t_s), world), t_s)):
            strokes, _ = figure(look.body, look.turned_rad, t_s, look.speed_mps, self._warmth)
            passes = float(self._air.transmission(look.range_m))
            paint(picture, strokes, look.foot_px, look.scale_px, passes, GRASS_M)
        return picture

    def _counts(self, number: int, t_s: float, world: World) -> Float32:
        """Read the detector; through the filter, which remembers the frames before."""
        if self.core.smooth >= 1.0:
            return smoothed(self.core, self._read(number, t_s, world), None)
        block = number // _BLOCK * _BLOCK
        first, counts = block - _WARM_UP, None
        if self._last is not None and block <= self._last[0] <= number:
            first, counts = self._last[0] + 1, self._last[1]
        for one in range(first, number + 1):
            read = self._read(one, t_s - (number - one) * FRAME_S, world)
            counts = smoothed(self.core, read, counts)
        if counts is None:
            raise RuntimeError(f"frame {number} was not made")
        self._last = (number, counts)
        return counts

    def _read(self, number: int, t_s: float, world: World) -> Float32:
        picture = self.seen(number, t_s, world)
        picture *= np.float32(1.0 / self.core.kelvin_per_count)
        picture += np.float32(self._zero)
        return self._detector.read(picture, number, t_s)

    def _nearby(self, second: int, world: World) -> tuple[Body, ...]:
        """Who may be in view during a second: one picture of the world serves all cameras."""
        return tuple(self._camera.near(world.at(float(second)), _FAR_IN_A_SECOND_M))


def _moment(bodies: tuple[Body, ...], t_s: float) -> Snapshot:
    """Where some are at a moment."""
    there = tuple(body for body in bodies if body.is_there(t_s))
    places = np.array([body.at(t_s) for body in there]).reshape(-1, 2)
    speeds = np.array([body.path.velocity(t_s) for body in there]).reshape(-1, 2)
    return Snapshot(there, places[:, 0], places[:, 1], speeds[:, 0], speeds[:, 1])


def compile_kernels() -> None:
    """Compile or load the kernels that make frames, so that no frame has to wait."""
    detector.compile_kernels()
    scenery.compile_kernels()
    painting.compile_kernels()
