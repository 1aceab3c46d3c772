"""The recording that a scene names as its fibre's background."""

from pathlib import Path

from geo.errors import ConfigError, RecordingError, SceneError
from geo.toml_lines import locate
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
        SceneError: it cannot be read, or does not do as a background; with the scene's file and
            line, what it names, the path where that was looked for, and what to do.
    """
    if scene.background == SYNTHETIC:
        return None
    file = path.parent / scene.background
    here = f"{path}:{_line(path)}: background is {scene.background!r}"
    if not file.is_file():
        there = "a folder" if file.is_dir() else "no file"
        raise SceneError(
            f"{here}: there is {there} at {str(file)!r}: wanted a recording of a fibre "
            "interrogator, its path counted from the scene's folder; lay it there, or leave the "
            "key out for made noise"
        )
    try:
        patch = max(read_patches(file), key=lambda one: len(one.samples))
    except (RecordingError, ConfigError) as error:
        raise SceneError(f"{here}: {error}; or leave the key out for made noise") from error
    return Recorded.of(strain_rate(patch), patch.rate_hz, f"{here}: {str(file)!r}")


def _line(path: Path) -> int:
    """Line of the key in the scene's file."""
    return locate(path.read_text(encoding="utf-8")).get(("background",), 1)
