"""What ingest needs from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.events import Conclusion, Received


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: everything that drives the service, in the order it took effect.

    ``position`` is counted by the one writer, from 1 without holes, so that a spool written while
    the database was away continues the same count.
    """

    position: int
    received_at_ns: int
    item: Received | Conclusion


class Journal(Protocol):
    """Where entries are kept before anything is acknowledged."""

    async def append(self, entries: Sequence[Entry]) -> bool:
        """Keep entries durably, in the database or else in the spool.

        Returns:
            True when they are in the database, False when in the spool.
        """
        ...
