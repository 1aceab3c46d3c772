"""Strict reading of CBOR (RFC 8949) as the contract allows it, and typed arrays (RFC 8746).

Written out rather than left to the CBOR library, which (6.2, tried) builds objects for a score of
tags whatever it is told (regular expressions, e-mail messages, shared and cyclic references),
keeps the last of two equal keys, accepts bytes behind the item and big numbers, and turns 4 MiB of
empty lists into 300 MB in 2 s. Here every declared length is checked against the bytes that are
left before anything is made, items are counted, and byte strings are never copied: a typed array
is a view on the payload.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.errors import WireError
from sensors.faults import Shown, dotted

MAX_DEPTH = 16
"""Deepest nesting; messages of today need 6."""

MAX_ITEMS = 262_144
"""Most items in one payload: a full report of 4,096 sightings has about 100,000."""

MULTI_DIMENSIONAL = 40
TYPED_ARRAYS: dict[int, np.dtype[Any]] = {
    69: np.dtype("<u2"),
    77: np.dtype("<i2"),
    78: np.dtype("<i4"),
    85: np.dtype("<f4"),
}
"""RFC 8746, section 2.1: uint16, int16, int32, float32, little-endian."""

TAG_OF_ARRAY = {dtype.name: tag for tag, dtype in TYPED_ARRAYS.items()}

_FLOATS = {25: (2, struct.Struct(">e")), 26: (4, struct.Struct(">f")), 27: (8, struct.Struct(">d"))}
_SIMPLE = {20: False, 21: True, 22: None}
_LENGTH_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_TYPED_TAGS = range(64, 88)


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    """A fault on its way out, gathering the path of keys that leads to it."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(found)
        self.found = found
        self.wanted = wanted
        self.path: list[str] = []


def _at(position: int, found: str, wanted: str) -> _Refusal:
    return _Refusal(f"{found} at byte {position}", wanted)


def read(payload: bytes | memoryview) -> dict[str, Any]:
    """Read one CBOR map with text keys that fills the whole payload.

    Lists come as lists, typed arrays in a tag 40 as read-only aligned numpy arrays on the
    payload's own memory (copied once only where the payload puts them at an odd address, since
    compiled kernels want aligned samples). Plain byte strings come as memoryviews.

    Raises:
        WireError: with the dotted path of the item at fault, or "payload".
    """
    reader = _Reader(payload)
    try:
        body, end = reader.item(0, 0)
        if not isinstance(body, dict):
            raise _at(0, "no map", "one CBOR map")
        if end != reader.size:
            raise _at(end, f"{reader.size - end} bytes behind the message", "one CBOR map, alone")
    except _Refusal as refusal:
        field = dotted(tuple(reversed(refusal.path)))
        raise WireError(field, Shown(refusal.found), refusal.wanted) from None
    return body


class _Reader:
    """Position-passing reader over one payload."""

    __slots__ = ("budget", "payload", "size")

    def __init__(self, payload: bytes | memoryview) -> None:
        self.payload = payload
        self.size = len(payload)
        self.budget = MAX_ITEMS

    def item(self, position: int, depth: int) -> tuple[Any, int]:
        """Read the item at ``position``; the item and where the next one begins."""
        if position >= self.size:
            raise _at(position, "cut off", "a whole message")
        first = self.payload[position]
        major, extra = first >> 5, first & 31
        if major == 7:
            return self.simple(position, extra)
        if extra < 24:
            value, after = extra, position + 1
        elif extra < 28:
            after = position + 1 + _LENGTH_BYTES[extra]
            if after > self.size:
                raise _at(position, "cut off", "a whole message")
            value = int.from_bytes(self.payload[position + 1 : after], "big")
        elif extra == 31 and major in {4, 5}:
            value, after = -1, position + 1
        elif extra == 31 and major in {2, 3}:
            raise _at(position, "text or bytes in pieces", "a string in one piece")
        else:
            raise _at(position, f"the reserved byte 0x{first:02x}", "CBOR of RFC 8949")
        if major == 0:
            return value, after
        if major == 1:
            if value >= 2**63:
                raise _at(position, f"the integer {-1 - value}", "an integer of 64 bit")
            return -1 - value, after
        if major in {2, 3}:
            end = after + value
            if end > self.size:
                raise _at(position, f"a string of {value} bytes, cut off", "a whole message")
            return self.text(after, end) if major == 3 else self.octets(after, end)
        if depth >= MAX_DEPTH:
            raise _at(position, f"more than {MAX_DEPTH} levels", "a message of the contract")
        if major == 6:
            return self.tagged(position, value, after, depth)
        self.charge(position, value, major)
        return self.array(value, after, depth) if major == 4 else self.map(value, after, depth)

    def charge(self, position: int, count: int, major: int) -> None:
        """Refuse a length before anything of that length is made."""
        items = max(count, 0) * (2 if major == 5 else 1)
        if items > self.size - position:
            raise _at(position, f"{count} items declared, cut off", "a whole message")
        self.budget -= items
        if self.budget < 0:
            raise _at(position, f"more than {MAX_ITEMS} items", "a message of the contract")

    def ends(self, position: int, left: int) -> bool:
        """Whether a list or map ends here; ``left`` is negative for one of unstated length."""
        if left >= 0:
            return left == 0
        if position >= self.size:
            raise _at(position, "cut off", "a whole message")
        self.budget -= 1
        if self.budget < 0:
            raise _at(position, f"more than {MAX_ITEMS} items", "a message of the contract")
        return self.payload[position] == 0xFF

    def text(self, start: int, end: int) -> tuple[str, int]:
        try:
            return str(self.payload[start:end], "utf-8"), end
        except UnicodeDecodeError:
            raise _at(start, "text that is not UTF-8", "UTF-8") from None

    def octets(self, start: int, end: int) -> tuple[memoryview, int]:
        return memoryview(self.payload)[start:end], end

    def simple(self, position: int, extra: int) -> tuple[Any, int]:
        if extra in _SIMPLE:
            return _SIMPLE[extra], position + 1
        if extra in _FLOATS:
            size, form = _FLOATS[extra]
            if position + 1 + size > self.size:
                raise _at(position, "cut off", "a whole message")
            return form.unpack_from(self.payload, position + 1)[0], position + 1 + size
        raise _at(position, "an undefined or simple value", "true, false, null or a number")

    def array(self, count: int, position: int, depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        try:
            while not self.ends(position, count - len(items) if count >= 0 else -1):
                value, position = self.item(position, depth + 1)
                items.append(value)
        except _Refusal as refusal:
            refusal.path.append(str(len(items)))
            raise
        return items, position if count >= 0 else position + 1

    def map(self, count: int, position: int, depth: int) -> tuple[dict[str, Any], int]:
        items: dict[str, Any] = {}
        while not self.ends(position, count - len(items) if count >= 0 else -1):
            at = position
            key, position = self.item(position, depth + 1)
            if not isinstance(key, str):
                raise _at(at, "a key that is no text", "text keys")
            if key in items:
                raise _at(at, f"the key {key[:40]!a} a second time", "each field once")
            try:
                items[key], position = self.item(position, depth + 1)
            except _Refusal as refusal:
                refusal.path.append(key)
                raise
        return items, position if count >= 0 else position + 1

    def tagged(
        self, position: int, tag: int, after: int, depth: int
    ) -> tuple[npt.NDArray[Any], int]:
        if tag in TYPED_ARRAYS:
            return self.typed_array(position, tag, after, depth)
        if tag == MULTI_DIMENSIONAL:
            return self.shaped_array(position, after, depth)
        if tag in _TYPED_TAGS:
            wanted = "uint16, int16, int32 or float32, little-endian (tags 69, 77, 78, 85)"
            raise _at(position, f"a typed array of tag {tag}", wanted)
        raise _at(
            position, f"tag {tag}", "no tags but those of numeric arrays (40, 69, 77, 78, 85)"
        )

    def typed_array(
        self, position: int, tag: int, after: int, depth: int
    ) -> tuple[npt.NDArray[Any], int]:
        octets, end = self.item(after, depth + 1)
        dtype = TYPED_ARRAYS[tag]
        if not isinstance(octets, memoryview):
            raise _at(position, f"tag {tag} on no byte string", "a typed array's bytes")
        if len(octets) % dtype.itemsize:
            wanted = f"a multiple of {dtype.itemsize} bytes for {dtype.name}"
            raise _at(position, f"{len(octets)} bytes", wanted)
        array = np.frombuffer(octets, dtype)
        if not array.flags.aligned:
            array = array.copy()
            array.flags.writeable = False
        return array, end

    def shaped_array(self, position: int, after: int, depth: int) -> tuple[npt.NDArray[Any], int]:
        try:
            content, end = self.item(after, depth + 1)
        except _Refusal as refusal:
            refusal.path.clear()  # The field is the array, not a part of its wrapping.
            raise
        if not isinstance(content, list) or len(content) != 2:
            raise _at(position, "a tag 40 without its two parts", "[[rows, columns], typed array]")
        shape, values = content
        if not isinstance(values, np.ndarray) or values.ndim != 1:
            raise _at(position, "a tag 40 without a typed array", "[[rows, columns], typed array]")
        if not isinstance(shape, list) or not 1 <= len(shape) <= 4:
            raise _at(position, "a shape that is no list", "1 to 4 whole numbers")
        size = 1
        for extent in shape:
            if type(extent) is not int or not 0 <= extent <= self.size:
                raise _at(position, f"the shape {shape!r:.60}", "whole numbers, as many as sent")
            size *= extent
        if size != values.size:
            wanted = f"a shape whose product is the {values.size} values sent"
            raise _at(position, f"the shape {shape}", wanted)
        return values.reshape(shape), end
