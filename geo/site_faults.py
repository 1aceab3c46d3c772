"""Faults on their way from a row's own check, or from a check between rows, to the file's author.

Pydantic carries them as the cause of its own error; :mod:`geo.site_check` unpacks them and puts
file and line to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from geo.toml_lines import Path


class Shown(str):
    """Text that stands in a fault as it is, without quotes."""

    __slots__ = ()


MISSING = Shown("missing")


@dataclass(frozen=True, slots=True)
class RowFault:
    """A fault at a path below the model that found it.

    Attributes:
        path: keys and indices down to what is at fault.
        value: what stands there.
        wanted: what it should be.
        do: what to do about it.
    """

    path: Path
    value: object
    wanted: str
    do: str


class RowFaults(ValueError):  # noqa: N818 a carrier, never seen outside this package
    """One fault or more, as pydantic wants them: a ValueError."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        """Keep the faults."""
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path}: {fault.wanted}" for fault in faults))
