"""What a frame worker is told by its parent, in one line of JSON on its standard input."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Orders(BaseModel):
    """One worker's orders; the broker's address holds a secret, so it is never an argument.

    Attributes:
        number: the worker's, from 0.
        site: text of the site file, so that worker and service never differ in it.
        state: file of the detectors' state.
        ring: folder of the ring of recordings, None without one.
        groups: feed groups to take; None for all.
        replay: run whose replay it takes instead of live traffic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    broker_url: str
    site: str
    state: Path
    ring: Path | None
    ring_bytes: int
    groups: tuple[str, ...] | None = None
    replay: str | None = None
