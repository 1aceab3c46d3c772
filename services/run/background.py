"""The recording that a scene names as its fibre's background."""

from pathlib import Path

from geo.errors import ConfigError, RecordingError, SceneError
from sensors.scenes import SYNTHETIC, Scene
from sensors.simulators.recorded import Recorded
from services.run.das import read_patches, strain_rate


def background(scene: Scene, path: Path) -> Recorded | None:
    """Read it; None where the simulator makes the background itself.

    Of a file with holes the longest unbroken block is taken.

    Args:
        scene: what names it.
        path: of the scene, beside which it is looked for.

    Raises:
        SceneError: it cannot be read, or does not do as a background.
    """
    if scene.background == SYNTHETIC:
        return None
    file = path.parent / scene.background
    try:
        patch = max(read_patches(file), key=lambda one: len(one.samples))
    except (RecordingError, ConfigError) as error:
        raise SceneError(f"{scene.name}: background is {scene.background!r}: {error}") from error
    return Recorded.of(strain_rate(patch), patch.rate_hz, f"{scene.name}: background {file.name!r}")
