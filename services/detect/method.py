"""Name, version and settings of a method, as every detection carries them; and snapshots."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from services.stage import fingerprint, read_snapshot, undamaged, write_snapshot

Arrays = dict[str, npt.NDArray[Any]]

_LAYOUT = 1
"""Rises with each change of how arrays are written; what they mean is the method's version."""


def method_name(name: str, version: int, settings: Any) -> str:
    """Name a method with the hash of its settings, such as ``fibre-energy/1/3f2a90c1``.

    Args:
        name: of the method.
        version: rises with each change that can change a result.
        settings: its settings, a dataclass of plain values.
    """
    return f"{name}/{version}/{fingerprint(settings)[:8]}"


def pack(
    stage: str, method: str, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> bytes:
    """Write a state down: a header of plain values and arrays by name; same state, same bytes."""
    plain = {
        name: [arrays[name].dtype.str, list(arrays[name].shape), arrays[name]]
        for name in sorted(arrays)
    }
    return write_snapshot(stage, _LAYOUT, method, {"header": header, "arrays": plain})


def unpack(stage: str, method: str, state: bytes) -> tuple[dict[str, Any], Arrays]:
    """Read what :func:`pack` wrote.

    Args:
        stage: the stage that wants it.
        method: its method name; a state of other settings is refused.
        state: the bytes.

    Returns:
        The header and the arrays, writable.

    Raises:
        SnapshotError: damaged, or of another stage, version or setting.
    """
    read = read_snapshot(state, stage, _LAYOUT, method)
    with undamaged(stage):
        arrays = {
            name: np.frombuffer(content, dtype=np.dtype(kind)).reshape(shape).copy()
            for name, (kind, shape, content) in read["arrays"].items()
        }
        return dict(read["header"]), arrays
