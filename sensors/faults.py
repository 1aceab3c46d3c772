"""What is wrong with a message, in words that whoever programs a gateway can act on at once."""

from collections.abc import Mapping
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError

from geo.errors import WireError

_SHOWN = Repr()
_SHOWN.maxstring = 60
_SHOWN.maxother = 60
_SHOWN.maxlong = 40
_FIELD_LENGTH = 120

_MISSING = "missing"


class Shown(str):
    """A value already written out; its own repr, so that no megabytes are written to be cut."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Give the text without quotes."""
        return str(self)


def shown(value: object) -> Shown:
    """Write a value of any size in a few characters."""
    if value is None:
        return Shown("null")
    if isinstance(value, bool):
        return Shown("true" if value else "false")
    if isinstance(value, memoryview):
        return Shown(f"a byte string of {len(value)} bytes")
    if hasattr(value, "dtype"):
        return Shown(f"an array of {value.dtype} with shape {getattr(value, 'shape', ())}")
    return Shown(ascii_only(_SHOWN.repr(value)))


def ascii_only(text: str) -> str:
    """Escape what is not printable ASCII, so that names from outside harm no log and no JSON."""
    return text.encode("ascii", "backslashreplace").decode("ascii").translate(_CONTROLS)


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def dotted(location: tuple[int | str, ...]) -> str:
    """Write the place of a field as ``plots.3.range_m``."""
    name = ascii_only(".".join(str(part) for part in location)) or "payload"
    return name if len(name) <= _FIELD_LENGTH else name[: _FIELD_LENGTH - 3] + "..."


def refusal(model: type[BaseModel], error: ValidationError) -> WireError:
    """Translate one of pydantic's errors, an unknown field before others; the rest are counted.

    (A misspelt field is unknown and missing at once; the unknown name helps more.)
    """
    count = error.error_count()
    errors = error.errors(include_url=False)
    details = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    location, kind, found = details["loc"], details["type"], details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "value_error":
        location, value, wanted = _own_words(model, location, found, str(context["error"]))
    elif kind == "missing":
        value, wanted = Shown(_MISSING), "required; send this field"
    elif kind == "extra_forbidden":
        value = shown(found)
        wanted = f"no such field; {_fields_beside(model, location)}"
    else:
        value, wanted = shown(found), _wanted(kind, context, details["msg"])
    if count > 1:
        wanted += f" (and {count - 1} more fault{'s' if count > 2 else ''} in this message)"
    return WireError(dotted(location), value, wanted)


def _own_words(
    model: type[BaseModel], location: tuple[int | str, ...], found: object, text: str
) -> tuple[tuple[int | str, ...], Shown, str]:
    """Split "field: what is wanted", the form in which our own validators speak."""
    name, colon, rest = text.partition(": ")
    here = _model_at(model, location)
    if colon and here is not None and name in here.model_fields:
        value = found.get(name, Shown(_MISSING)) if isinstance(found, Mapping) else found
        return (*location, name), value if isinstance(value, Shown) else shown(value), rest
    return location, shown(found), text


def _wanted(kind: str, context: Mapping[str, Any], message: str) -> str:
    """Say what was wanted by kind of error (pydantic's "Usage errors" list names the kinds)."""
    one_of = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "")
    words = {
        "greater_than": f"more than {context.get('gt')}",
        "greater_than_equal": f"at least {context.get('ge')}",
        "less_than": f"less than {context.get('lt')}",
        "less_than_equal": f"at most {context.get('le')}",
        "string_pattern_mismatch": f"text that matches {context.get('pattern')}",
        "string_too_long": f"at most {context.get('max_length')} characters",
        "too_long": f"at most {context.get('max_length')} entries",
        "enum": f"one of {one_of}",
        "literal_error": f"one of {one_of}",
        "int_type": "a whole number, not text",
        "int_from_float": "a whole number",
        "int_parsing_size": "a whole number of 64 bit",
        "float_type": "a number, not text",
        "finite_number": "a finite number; leave the field out where there is none",
        "string_type": "text",
        "bool_type": "true or false",
        "tuple_type": "a list",
        "model_type": "an object with fields",
        "model_attributes_type": "an object with fields",
    }
    return words.get(kind, message[:1].lower() + message[1:])


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model whose fields stand at ``location``."""
    here: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        field = None if here is None else here.model_fields.get(part)
        here = None if field is None else _inner(field.annotation)
    return here


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``X``, ``X | None`` or ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner(argument)
        if found is not None:
            return found
    return None


def _fields_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    here = _model_at(model, location[:-1])
    if here is None:
        return "send it with a newer schema number, or leave it out"
    names = ", ".join(field.alias or name for name, field in here.model_fields.items())
    return f"the fields here are {names}"
