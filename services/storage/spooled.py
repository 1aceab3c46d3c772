"""What is put into the spool: journal rows and written conclusions, in the order of the calls."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from geo.errors import WireError
from services.events import Alert, Conclusion, decode, encode
from services.storage.conclusions import Written
from services.storage.journal import Row

_ROW = struct.Struct("<cqqB?I")
_WRITE = struct.Struct("<cq")
_JOURNAL, _CONCLUSIONS = b"J", b"W"


@dataclass(frozen=True, slots=True)
class Write:
    """One call of ``Store.write``."""

    position: int
    events: tuple[Conclusion, ...]


def encode_row(row: Row) -> bytes:
    """Write a journal row as a spool body."""
    head = _ROW.pack(
        _JOURNAL, row.position, row.received_at_ns, row.kind, row.retained, len(row.topic)
    )
    return head + row.topic + row.payload


def encode_write(events: Sequence[Conclusion], position: int) -> bytes:
    """Write a call of ``Store.write`` as a spool body; what has no table is left out."""
    lines = [encode(event) for event in events if isinstance(event, Written)]
    return _WRITE.pack(_CONCLUSIONS, position) + b"\n".join(lines)


def decode_body(body: bytes) -> Row | Write:
    """Read a spool body.

    Raises:
        WireError: where it is none that this version wrote.
    """
    try:
        if body[:1] == _JOURNAL:
            _, position, received_at_ns, kind, retained, length = _ROW.unpack_from(body)
            middle = _ROW.size + length
            return Row(
                position, received_at_ns, kind, retained, body[_ROW.size : middle], body[middle:]
            )
        if body[:1] == _CONCLUSIONS:
            _, position = _WRITE.unpack_from(body)
            lines = body[_WRITE.size :].split(b"\n")
            return Write(position, tuple(decode(line) for line in lines if line))
    except (struct.error, ValueError) as error:
        raise WireError("spool body", body[:40], f"what this version wrote ({error})") from error
    raise WireError("spool body", body[:40], "J or W as its first byte")


def alerts_of(events: Sequence[Conclusion]) -> list[Alert]:
    """The alerts among conclusions, in order."""
    return [event for event in events if isinstance(event, Alert)]
