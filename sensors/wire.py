"""Payloads to messages and back: JSON or CBOR, told apart by the first byte.

JSON is parsed once into plain objects and CBOR into the same, so that one model and one set of
rules judges both. (Letting pydantic read the JSON itself saves 10 of 20 us a report, but of two
equal keys it silently keeps the last, and a gateway that sends one field twice has a fault that
somebody must hear of.)
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import cbor2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from geo.errors import WireError
from sensors import cbor
from sensors.faults import Shown, ascii_only, dotted, refusal
from sensors.fit import check_content, check_topic
from sensors.messages import (
    SCHEMA,
    AnyMessage,
    FibreFrame,
    GatewayStatus,
    RejectedNotice,
    SensorMessage,
    ThermalFrame,
    time_from_wire,
    type_of_channel,
)
from sensors.topics import Topic

MAX_PAYLOAD_BYTES = 4 * 2**20

_MAX_IGNORED = 32
_MANY_DIGITS = b"0" * 20
_AS_ZEROS = bytes(ord("0") if chr(code) in "0123456789" else ord(" ") for code in range(256))
"""So many digits in a row are quickly found with every digit taken for 0 (a pattern takes ten
times as long); whether they are an integer is judged by value only then."""
_SESSION = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_WHITESPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message and what was left out of it.

    Attributes:
        ignored: dotted names of fields that a newer schema than ours has; indices as ``*``.
    """

    message: AnyMessage
    ignored: tuple[str, ...] = ()


def decode(topic: Topic, payload: bytes | memoryview) -> Decoded:
    """Read a gateway's message.

    The samples of a frame are a read-only view on ``payload``, or one aligned copy of it.

    Raises:
        WireError: naming the field at fault, what stood there and what is wanted.
    """
    check_topic(topic)
    model = _model_of(topic)
    message, ignored = _validated(model, _body(model, payload))
    check_content(topic, message)
    return Decoded(message, ignored)


def decode_sensor(
    topic: Topic, payload: bytes | memoryview
) -> tuple[SensorMessage, tuple[str, ...]]:
    """Read a sensor's own message, as ``decode`` does; it and the fields left out.

    Raises:
        WireError: as ``decode``, and for a gateway's status.
    """
    decoded = decode(topic, payload)
    if isinstance(decoded.message, GatewayStatus):
        raise WireError("topic", str(topic), "a sensor's topic, not a gateway's")
    return decoded.message, decoded.ignored


def decode_rejected(payload: bytes | memoryview) -> RejectedNotice:
    """Read, at a gateway, what the service refused.

    Raises:
        WireError: as ``decode``.
    """
    notice: RejectedNotice = _validated(RejectedNotice, _body(RejectedNotice, payload))[0]
    return notice


def identify(payload: bytes | memoryview) -> tuple[str | None, int | None]:
    """Session and sequence of a refused payload, as far as they can be read."""
    try:
        body = _body(BaseModel, payload)
    except WireError:
        return None, None
    session, sequence = body.get("session"), body.get("sequence")
    known = isinstance(session, str) and _SESSION.fullmatch(session)
    counted = type(sequence) is int and 0 <= sequence < 2**63
    return session if known else None, sequence if counted else None


def measured_at(payload: bytes | memoryview) -> int | None:
    """When a message was measured, ns UTC, as far as that can be read."""
    try:
        return time_from_wire(_body(BaseModel, payload).get("measured_at_ns"))
    except (WireError, ValueError):
        return None


def encode_json(message: AnyMessage | RejectedNotice) -> bytes:
    """Write a message as JSON; fields without a value are left out.

    Raises:
        WireError: for frames, which take CBOR.
    """
    if isinstance(message, FibreFrame | ThermalFrame):
        _refuse_json_frame()
    return message.model_dump_json(by_alias=True, exclude_none=True).encode()


def encode_cbor(message: AnyMessage | RejectedNotice) -> bytes:
    """Write a message as CBOR; arrays as typed arrays, little-endian, row by row."""
    body = message.model_dump(by_alias=True, exclude_none=True)
    if not isinstance(message, FibreFrame | ThermalFrame):
        return cbor2.dumps(body)
    # Put together by hand: the library copies the samples four times. A frame has fewer than 23
    # fields, so that its map's head is one byte that also holds their number.
    name = "samples" if isinstance(message, FibreFrame) else "pixels"
    array = body.pop(name)
    fields = cbor2.dumps(body)
    head = bytes([fields[0] + 1])
    return b"".join([head, fields[1:], cbor2.dumps(name), *_array_parts(array)])


def _array_parts(array: npt.NDArray[Any]) -> list[bytes | memoryview]:
    """Tag 40 around shape and typed array; the samples themselves not copied."""
    tag = cbor.TAG_OF_ARRAY[array.dtype.name]
    values = np.ascontiguousarray(array, dtype=cbor.TYPED_ARRAYS[tag])
    octets = values.reshape(-1).view(np.uint8).data
    multi = bytes([0xD8, cbor.MULTI_DIMENSIONAL, 0x82])
    typed = bytes([0xD8, tag, 0x5A]) + len(octets).to_bytes(4, "big")
    return [multi, cbor2.dumps(list(array.shape)), typed, octets]


def _model_of(topic: Topic) -> type[Any]:
    if topic.kind is None:
        return GatewayStatus
    by_kind = type_of_channel[topic.channel]
    return by_kind.get(topic.kind) or by_kind[None]


def _body(model: type[BaseModel], payload: bytes | memoryview) -> dict[str, Any]:
    """Tell the encodings apart and read the payload into plain objects."""
    size = len(payload)
    if size > MAX_PAYLOAD_BYTES:
        wanted = f"at most {MAX_PAYLOAD_BYTES}; send smaller blocks more often"
        raise WireError("payload", Shown(f"{size} bytes long"), wanted)
    if not size:
        raise WireError("payload", Shown("empty"), "a message in JSON or CBOR")
    first = payload[0]
    if first >> 5 == 5:
        return cbor.read(payload)
    if first == ord("{") or first in _WHITESPACE:
        if issubclass(model, FibreFrame | ThermalFrame):
            _refuse_json_frame()
        return _read_json(payload)
    found = Shown(f"begun with the byte 0x{first:02x}")
    mark = " without a byte order mark" if first == 0xEF else ""
    raise WireError("payload", found, f"JSON that begins with {{{mark}, or a CBOR map")


def _refuse_json_frame() -> NoReturn:
    wanted = "CBOR: frames carry their samples as a typed array (RFC 8746), see the guide"
    raise WireError("payload", Shown("JSON"), wanted)


def _read_json(payload: bytes | memoryview) -> dict[str, Any]:
    try:
        text = str(payload, "utf-8")
    except UnicodeDecodeError as error:
        found = Shown(f"no UTF-8 at byte {error.start}")
        raise WireError("payload", found, "JSON in UTF-8") from None
    if text.count(",") > cbor.MAX_ITEMS or text.count("[") > cbor.MAX_ITEMS:
        wanted = "a message of the contract"
        raise WireError("payload", Shown(f"more than {cbor.MAX_ITEMS} items"), wanted)
    try:
        body = _JSON.decode(text)
    except json.JSONDecodeError as error:
        found = Shown(f"no JSON from line {error.lineno}, column {error.colno} on")
        raise WireError("payload", found, ascii_only(error.msg)) from None
    except WireError:
        raise
    except RecursionError:
        wanted = "a message of the contract"
        raise WireError("payload", Shown("nested beyond all measure"), wanted) from None
    except ValueError as error:
        # CPython refuses to convert integers of thousands of digits.
        raise WireError("payload", Shown("no JSON"), ascii_only(str(error))[:120]) from None
    if not isinstance(body, dict):
        raise WireError("payload", Shown("no object"), "one JSON object")
    if _MANY_DIGITS in bytes(payload).translate(_AS_ZEROS):
        _refuse_long_integers(body, ())
    if "\\ud" in text or "\\uD" in text:
        _refuse_surrogates(text, body)
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise WireError(dotted((name,)), Shown("there twice"), "each field once")
            seen.add(name)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise WireError("payload", Shown(name), "finite numbers; leave out a field without a value")


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _refuse_long_integers(value: Any, location: tuple[int | str, ...]) -> None:
    """Refuse integers beyond 64 bit wherever they stand."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_long_integers(inner, (*location, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_long_integers(inner, (*location, index))
    elif type(value) is int and not -(2**63) <= value < 2**64:
        raise WireError(dotted(location), Shown("beyond 64 bit"), "an integer of 64 bit")


def _refuse_surrogates(text: str, body: dict[str, Any]) -> None:
    """Refuse half of a surrogate pair, which no UTF-8 and no database can hold."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        at = text.lower().find("\\ud")
        found = Shown(f"text with half a surrogate pair near character {at}")
        raise WireError("payload", found, "whole characters") from None


def _validated(model: type[Any], body: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    try:
        return model.model_validate(body, by_alias=True, by_name=False), ()
    except ValidationError as error:
        schema = body.get("schema")
        if type(schema) is not int or schema <= SCHEMA:
            raise refusal(model, error) from None
        ignored = _drop_unknown(body, error)
    try:
        return model.model_validate(body, by_alias=True, by_name=False), ignored
    except ValidationError as error:
        raise refusal(model, error) from None


def _drop_unknown(body: dict[str, Any], error: ValidationError) -> tuple[str, ...]:
    """Take a newer schema's fields out of ``body``."""
    names: dict[str, None] = {}
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] != "extra_forbidden":
            continue
        place: Any = body
        for part in detail["loc"][:-1]:
            place = place[part]
        del place[detail["loc"][-1]]
        if len(names) < _MAX_IGNORED:
            names[dotted(tuple("*" if isinstance(p, int) else p for p in detail["loc"]))] = None
    return tuple(names)
