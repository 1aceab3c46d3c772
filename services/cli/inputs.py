"""What commands read: each path is looked at while the command line is read."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import typer

from geo.errors import ConfigError

Paths = Path | list[Path] | None
Callback = Callable[[typer.CallbackParam, Paths], Paths]
"""Called by typer with a parameter and what was given for it."""

SCENE = "a scene (.toml)"
INPUT = "a recording (.mcap), a scene (.toml) or a DAS file"
RESULT = "a folder that `straja process` wrote"
RESULTS = f"{RESULT}, a folder of such folders, or a saved score"
TRUTH = "truth as `straja truth` writes it (.jsonl)"


def file_given(wanted: str) -> Callback:
    """Make the callback of a parameter that names files to read.

    Args:
        wanted: what such a file is, for the message.
    """

    def look(path: Path, name: str) -> None:
        if path.is_dir():
            raise ConfigError(
                f"{name} is {str(path)!r}, which is a folder: wanted {wanted}; name the file in it"
            )
        _there(path, name, wanted)

    return _each(look)


def folder_given(wanted: str) -> Callback:
    """Make the callback of a parameter that names folders to read."""

    def look(path: Path, name: str) -> None:
        if path.is_file():
            raise ConfigError(
                f"{name} is {str(path)!r}, which is a file: wanted {wanted}; name the folder"
            )
        _there(path, name, wanted)

    return _each(look)


def path_given(wanted: str) -> Callback:
    """Make the callback of a parameter that names files or folders to read."""
    return _each(lambda path, name: _there(path, name, wanted))


def site_given(path: Path | None) -> Path | None:
    """Refuse a scene where a site is wanted: its faults as a site would be no help."""
    if path is None:
        return None
    from services.run.inputs import is_scene

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path  # told where the site is read
    if is_scene(values):
        raise ConfigError(
            f"--site is {str(path)!r}, which is a scene: wanted a site file; leave it out for the "
            "scene's own site"
        )
    return path


def _there(path: Path, name: str, wanted: str) -> None:
    if not path.exists():
        raise ConfigError(
            f"{name} is {str(path)!r} and nothing is there: wanted {wanted}; correct the path"
        )


def _each(
    look: Callable[[Path, str], None],
) -> Callback:
    def callback(parameter: typer.CallbackParam, value: Paths) -> Paths:
        option = parameter.opts[0]
        name = option if option.startswith("-") else option.upper()
        for path in [value] if isinstance(value, Path) else value or []:
            look(path, name)
        return value

    return callback
