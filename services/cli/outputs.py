"""Where commands write: each place is looked at while the command line is read.

Work of minutes must not end at a place that cannot be written. A file's folder must be there,
since a misspelt one would hide what was written; a folder for results is made with its parents.
"""

import os
from pathlib import Path

import typer

from geo.errors import ConfigError


def new_file(path: Path, option: str) -> Path:
    """Take a file that a command is to write.

    Args:
        path: as given; a file that is there is replaced.
        option: that gives it, for the message.

    Raises:
        ConfigError: it is a folder, or in no folder that can be written to.
    """
    if path.is_dir():
        raise ConfigError(
            f"{option} is {str(path)!r}, which is a folder: wanted a file to write; "
            f"name one in it, such as {str(path / 'FILE')!r}"
        )
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(
            f"{option} is {str(path)!r} and there is no folder {str(folder)!r}: wanted a file in a "
            f"folder that exists; make it (mkdir -p {folder}), or name another file"
        )
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise _may_not(option, path)
    return path


def result_folder(path: Path, option: str) -> Path:
    """Take a folder that a command is to fill, and make it at need.

    Args:
        path: as given.
        option: that gives it, for the message.

    Raises:
        ConfigError: it, or a part of its path, is a file, or it cannot be written to.
    """
    there = next(part for part in (path, *path.absolute().parents) if part.exists())
    if not there.is_dir():
        raise ConfigError(
            f"{option} is {str(path)!r} and {str(there)!r} is a file: wanted a folder for the "
            "results; name another, or move that file away"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise _may_not(option, path)
    return path


def _may_not(option: str, path: Path) -> ConfigError:
    return ConfigError(
        f"{option} is {str(path)!r}, where you may not write: wanted a place that you may write "
        "to; name another, or have its permissions changed"
    )


def file_option(parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Callback of an option that names a file to write."""
    return None if value is None else new_file(value, parameter.opts[0])


def folder_option(parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Callback of an option that names a folder to fill."""
    return None if value is None else result_folder(value, parameter.opts[0])
