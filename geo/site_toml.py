"""Writes a site as compact TOML: one key a line, coordinates in rows, defaults left out."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from geo.site import Site

_WIDTH = 100
_TABLES = ("sectors", "crossings", "zones", "cables", "calibrations", "sensors", "settings")


def write(site: "Site", header: str = "") -> str:
    """Write a site file.

    Args:
        site: what to write.
        header: comment lines for its beginning, without their ``#``.

    Returns:
        Text that :meth:`geo.site.Site.parse` reads back to an equal site.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    lines += [""] if lines else []
    for key, value in _items(site):
        if key not in _TABLES:
            lines.append(f"{key} = {_value(value)}")
    for table in _TABLES:
        for row in getattr(site, table):
            lines += ["", f"[[{table}]]"]
            lines += [_pair(key, value) for key, value in _items(row)]
    return "\n".join(lines) + "\n"


def _items(model: BaseModel) -> list[tuple[str, Any]]:
    """Keys whose values are not their defaults, in the model's order, names first."""
    items = [
        (name, getattr(model, name))
        for name, field in type(model).model_fields.items()
        if field.is_required() or getattr(model, name) != field.default
    ]
    times = [item for item in items if item[0] in {"valid_from", "valid_to"}]
    return [item for item in items if item not in times] + times


def _pair(key: str, value: Any) -> str:
    text = f"{key} = {_value(value)}"
    if len(text) <= _WIDTH or not (isinstance(value, tuple) and isinstance(value[0], tuple)):
        return text
    rows, row = [], " "
    for element in map(_value, value):
        if len(row) + len(element) + 2 > _WIDTH:
            rows.append(row)
            row = " "
        row += f" {element},"
    return "\n".join([f"{key} = [", *rows, row, "]"])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)  # shortest text that reads back to the same number
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, BaseModel):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in _items(value)) + " }"
    return _string(str(value))


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c for c in escaped)
    return f'"{escaped}"'
