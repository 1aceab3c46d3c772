"""A small site, and messages as gateways would send them."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import pytest

from geo.site import Site
from services.events import Gap, Heard, Received, Reception, Rejected, Tick
from services.ingest.intake import Intake

S = 1_000_000_000
T0 = 1_777_600_000 * S

_SITE = """
format = 1
name = "small"
home_party = "RO"
parties = ["RO", "RS"]
area = {lon_min_deg = 20.0, lon_max_deg = 23.0, lat_min_deg = 44.0, lat_max_deg = 47.0}

[[cables]]
id = "cable-1"
channel_count = 100
route = [[21.0, 45.0], [21.0, 45.01]]

[[sensors]]
id = "fibre-1"
group = "north"
kind = "fibre"
cable = "cable-1"

[[sensors]]
id = "vehicle-1"
group = "cars"
kind = "vehicle"
position = [21.0, 45.0]

[[sensors]]
id = "boat-9"
group = "danube"
kind = "boat"
position = [21.5, 44.8]
valid_from = 2026-05-02T00:00:00Z
"""

Event = Heard | Gap | Rejected | Reception


class Say(Protocol):
    def __call__(
        self,
        sequence: int,
        at_s: float = 0.0,
        *,
        tail: str = "cars/vehicle/vehicle-1/report",
        sent_s: float | None = None,
        received_s: float | None = None,
        session: str = "a",
        retained: bool = False,
        **fields: Any,
    ) -> Received: ...


@pytest.fixture(scope="session")
def small_site() -> Site:
    return Site.parse(_SITE, "small.toml")


@pytest.fixture
def intake(small_site: Site) -> Intake:
    return Intake(small_site)


@pytest.fixture(scope="session")
def say() -> Say:
    """Make a received message; times in seconds after T0, a way of 10 ms unless given."""

    def made(
        sequence: int,
        at_s: float = 0.0,
        *,
        tail: str = "cars/vehicle/vehicle-1/report",
        sent_s: float | None = None,
        received_s: float | None = None,
        session: str = "a",
        retained: bool = False,
        **fields: Any,
    ) -> Received:
        sent_s = at_s if sent_s is None else sent_s
        received_s = sent_s + 0.01 if received_s is None else received_s
        body = {
            "schema": 0,
            "session": session,
            "sequence": sequence,
            "measured_at_ns": str(T0 + round(at_s * S)),
            "sent_at_ns": str(T0 + round(sent_s * S)),
            "mark": "real",
        }
        payload = json.dumps(body | fields).encode()
        return Received(T0 + round(received_s * S), f"straja/v1/{tail}", payload, retained)

    return made


@pytest.fixture(scope="session")
def tick() -> Callable[[float], Tick]:
    return lambda at_s: Tick(T0 + round(at_s * S))


@pytest.fixture(scope="session")
def push_all() -> Callable[[Intake, Iterable[Received | Tick]], list[Event]]:
    def pushed(stage: Intake, items: Iterable[Received | Tick]) -> list[Event]:
        return [event for item in items for event in stage.push(item)]

    return pushed


@pytest.fixture(scope="session")
def numbers() -> Callable[[Sequence[object]], list[int]]:
    """Sequence numbers of what was heard, in order."""

    def of(events: Sequence[object]) -> list[int]:
        return [int(e.message.sequence or 0) for e in events if isinstance(e, Heard)]

    return of
