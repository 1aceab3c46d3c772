"""Raw frames of a thermal camera: ground below, sky above, warm blobs where something walks."""

from typing import Any

import cbor2
import numpy as np
from numpy.typing import NDArray

from sensors.scenes import ActorClass
from sensors.simulators.motion import seeded
from sensors.simulators.thermal import ThermalCamera
from sensors.simulators.world import World

FRAME_S = 1.0 / 9.0
"""Nine frames a second: the rate of uncooled cameras that may be exported freely."""

KELVIN_PER_COUNT = 0.01
"""Radiometric cameras' usual step (0.01 or 0.04 K)."""

NETD_COUNTS = 5.0
"""Noise of 50 mK, data sheets of uncooled cores."""

_GROUND_COUNTS = 28_000
"""280 K at 0.01 K a count."""

_SKY_COUNTS = -1_500
_CONTRAST_KELVIN = {
    ActorClass.PERSON: 6.0,
    ActorClass.ANIMAL: 5.0,
    ActorClass.VEHICLE: 9.0,
    ActorClass.TRUCK: 9.0,
    ActorClass.BOAT: 7.0,
}
"""Above the ground on a cool night (assumed)."""

_NOISE_FRAMES = 16


class RawCamera:
    """Frames of one camera: fixed pattern, noise from a few made pictures, shifted each frame."""

    def __init__(self, camera: ThermalCamera, seed: int) -> None:
        """Make background and noise once."""
        self._camera = camera
        self._seed = seed
        lens = camera.lens
        draw = seeded(seed, "picture", camera.name)
        shape = (lens.height_px, lens.width_px)
        picture = draw.normal(0.0, 8.0, shape)  # fixed-pattern noise (assumed)
        rows = np.arange(lens.height_px)[:, np.newaxis]
        picture += np.where(rows < camera.horizon_px(), _SKY_COUNTS, 0)
        # Patches of warmer and cooler ground (assumed).
        patches = draw.normal(0.0, 60.0, (shape[0] // 16 + 1, shape[1] // 16 + 1))
        picture += np.kron(patches, np.ones((16, 16)))[: shape[0], : shape[1]]
        self._background = (picture + _GROUND_COUNTS).astype(np.uint16)
        noise = draw.normal(0.0, NETD_COUNTS, (_NOISE_FRAMES, *shape))
        self._noise = np.rint(noise).astype(np.int16)

    def image(self, number: int, t_s: float, world: World) -> NDArray[np.uint16]:
        """Give frame ``number``, taken at ``t_s``: shape (row, column), counts of 0.01 K."""
        draw = seeded(self._seed, "raw", self._camera.name, number)
        noise = self._noise[int(draw.integers(_NOISE_FRAMES))]
        shift = tuple(int(one) for one in draw.integers(0, noise.shape))
        image: NDArray[np.uint16] = self._background + np.roll(noise, shift, (0, 1)).view(np.uint16)
        for body, (left, top, right, bottom) in self._camera.outlines(world.at(t_s)):
            contrast = _CONTRAST_KELVIN.get(body.actor_class, 0.0) / KELVIN_PER_COUNT
            _blob(image, (left, top, right, bottom), contrast)
        return image

    def frame(self, number: int, t_s: float, world: World, stamp: dict[str, Any]) -> bytes:
        """Write a frame as CBOR."""
        image = self.image(number, t_s, world)
        body = {key: value for key, value in stamp.items() if key != "schema_version"}
        body["mark"] = str(body["mark"])
        body["schema"] = stamp["schema_version"]
        body["kelvin_per_count"] = KELVIN_PER_COUNT
        array = cbor2.CBORTag(69, image.astype("<u2").tobytes())
        body["pixels"] = cbor2.CBORTag(40, [list(image.shape), array])
        return cbor2.dumps(body)


def _blob(
    image: NDArray[np.uint16], outline: tuple[float, float, float, float], contrast: float
) -> None:
    """Add a warm body, with the share of each edge pixel that it covers."""
    left, top, right, bottom = outline
    rows = np.arange(max(int(top), 0), min(int(np.ceil(bottom)), image.shape[0]))
    columns = np.arange(max(int(left), 0), min(int(np.ceil(right)), image.shape[1]))
    if not rows.size or not columns.size:
        return
    down = np.minimum(rows + 1, bottom) - np.maximum(rows, top)
    across = np.minimum(columns + 1, right) - np.maximum(columns, left)
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part += (contrast * np.outer(down, across)).astype(np.uint16)
