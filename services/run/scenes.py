"""Where the committed scenes are."""

from pathlib import Path

from geo.errors import SceneError
from sensors.scenes import load

_FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "scenes"


def scene_path(name: str) -> Path:
    """File of a committed scene, for example ``crossing``.

    Raises:
        SceneError: where there is none of this name.
    """
    path = _FOLDER / f"{name}-scene.toml"
    if not path.is_file():
        known = ", ".join(
            sorted(p.name.removesuffix("-scene.toml") for p in _FOLDER.glob("*.toml"))
        )
        raise SceneError(f"there is no scene {name!r}: {known or 'none is shipped'}")
    return path


def committed_scenes() -> list[Path]:
    """Files of the committed scenes that have an end, in order of their names."""
    return [
        path for path in sorted(_FOLDER.glob("*-scene.toml")) if load(path).duration_s is not None
    ]
