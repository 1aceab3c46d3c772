"""Rows as compact TOML: one key a line, coordinates in rows, defaults left out."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

_WIDTH = 100


def items(model: BaseModel) -> list[tuple[str, Any]]:
    """Keys whose values are not their defaults, in the model's order, times of validity last."""
    found = [
        (field.alias or name, getattr(model, name))
        for name, field in type(model).model_fields.items()
        if field.is_required() or getattr(model, name) != field.default
    ]
    times = [item for item in found if item[0] in {"valid_from", "valid_to"}]
    return [item for item in found if item not in times] + times


def pair(key: str, value: Any) -> str:
    """Write a key with its value; long lists of lists in rows."""
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
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in items(value)) + " }"
    return _string(str(value))


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c for c in escaped)
    return f'"{escaped}"'
