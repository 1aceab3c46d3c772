"""Scenes from files and texts, with every fault told: file, line, key, value, what was wanted."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from geo.errors import SceneError
from geo.toml_lines import locate
from sensors.scenes.rows import Actor, CableEvent, Crossings, Fault, Patrol, Table, Weather
from sensors.scenes.scene import Scene

_LONGEST = 80
"""Characters of a value that are shown."""

_TABLES: dict[str | int, type[Table]] = {
    "weather": Weather,
    "actor": Actor,
    "patrol": Patrol,
    "crossings": Crossings,
    "cable_event": CableEvent,
    "fault": Fault,
}


def load(path: Path) -> Scene:
    """Read a scene file.

    Raises:
        SceneError: naming file, line, key and value of every fault, and what was wanted.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SceneError(f"{path}: wanted a readable scene file in UTF-8 ({error})") from error
    return parse(text, str(path))


def parse(text: str, name: str = "scene") -> Scene:
    """Read a scene from its text; ``name`` stands in the messages.

    Raises:
        SceneError: naming line, key and value of every fault, and what was wanted.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SceneError(f"{name}: wanted TOML: {error}") from error
    try:
        return Scene.model_validate(values)
    except ValidationError as error:
        lines = [_sentence(fault, text, name) for fault in error.errors(include_url=False)]
        raise SceneError("\n".join(dict.fromkeys(lines))) from error


def _sentence(fault: Any, text: str, name: str) -> str:
    location: tuple[str | int, ...] = fault["loc"]
    found = fault["input"]
    if fault["type"] == "misplaced":
        below, found = fault["ctx"]["at"]
        location = (*location, *below)
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    shown = _shown(found)
    wanted = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if fault["type"] == "extra_forbidden":
        table = next((_TABLES[part] for part in location if part in _TABLES), Scene)
        keys = (field.alias or key for key, field in table.model_fields.items())
        wanted = f"a key of the scene format, here one of {', '.join(keys)}"
    elif fault["type"] == "missing":
        shown, wanted = " is missing", "this key"
    return f"{name}:{_line(text, location)}: {key.lstrip('.') or 'scene'}{shown}: wanted {wanted}"


def _shown(value: Any) -> str:
    """What a sentence says of a value; of a whole table its id, since it stands in the file."""
    if isinstance(value, dict):
        return f" ({value['id']!r})" if "id" in value else ""
    text = f" is {value!r}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _line(text: str, location: tuple[str | int, ...]) -> int:
    """Line, from 1, of the deepest part of a location that stands in the text."""
    lines = locate(text)
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)
