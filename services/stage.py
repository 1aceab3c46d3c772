"""The one verb: items in, events out; and what every stage's snapshot says of itself."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

import cbor2
import numpy as np

from geo.errors import SnapshotError, StrajaError

ItemT_contra = TypeVar("ItemT_contra", contravariant=True)
EventT = TypeVar("EventT")


class Stage(Protocol[ItemT_contra, EventT]):
    """A pure part of the way. It keeps its own state, never waits, never asks what time it is."""

    def push(self, item: ItemT_contra) -> list[EventT]:
        """Take one item and say what follows from it, in order."""
        ...

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        ...

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote.

        Raises:
            SnapshotError: of another version, stage or setting; nothing is changed then.
        """
        ...


def fingerprint(settings: Any) -> str:
    """Short hash of a stage's settings, for its snapshots and outputs.

    Args:
        settings: a dataclass of plain values.
    """
    text = json.dumps(asdict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_snapshot(stage: str, version: int, settings: str, state: Mapping[str, Any]) -> bytes:
    """Write a stage's state as CBOR under its name, version and settings.

    Args:
        stage: its name.
        version: rises with each change of what ``state`` holds.
        settings: under which the state means something, or whose it is; empty where any will do.
        state: plain values, bytes and arrays, of which the bytes are kept; floats are kept exactly,
            and dicts in their order.
    """
    head = {"stage": stage, "version": version, "settings": settings}
    return cbor2.dumps({**head, "state": state}, default=_write_array)


def _write_array(encoder: cbor2.CBOREncoder, value: Any) -> None:
    """Write an array's bytes; one at a time, so that there is never a copy of all of them."""
    if not isinstance(value, np.ndarray):
        raise cbor2.CBOREncodeTypeError(f"a {type(value).__name__} is no plain value")
    encoder.encode(value.tobytes())


def read_snapshot(snapshot: bytes, stage: str, version: int, settings: str) -> dict[str, Any]:
    """Read what ``write_snapshot`` wrote, and check whose it is.

    Raises:
        SnapshotError: of another version, stage or setting, or no snapshot at all.
    """
    with undamaged(stage):
        read = cbor2.loads(snapshot)
        found = {name: read[name] for name in ("stage", "version", "settings")}
        state = dict(read["state"])
    for name, wanted in (("stage", stage), ("version", version), ("settings", settings)):
        if found[name] != wanted:
            raise SnapshotError(
                f"{name} of the {stage} snapshot is {found[name]!r}: wanted {wanted!r}; "
                "start without it and read the journal"
            )
    return state


@contextmanager
def undamaged(stage: str) -> Iterator[None]:
    """Read a snapshot's content; whatever does not fit there says that it is damaged.

    Raises:
        SnapshotError: for the content.
    """
    try:
        yield
    except (
        cbor2.CBORDecodeError,
        StrajaError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise SnapshotError(
            f"{stage} snapshot is damaged ({error!r}): start without it and read the journal"
        ) from error
