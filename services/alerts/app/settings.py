"""Settings of the app, and what it is given from outside."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from geo.errors import ConfigError
from geo.site import Site
from sensors.messages import Mark
from services.alerts.feed import Feed
from services.alerts.ports import Accounts, AlertReader, Commands, Picture, Role

CONSOLE_FOLDER = Path(__file__).resolve().parents[1] / "console" / "dist"
"""Where the console's build puts its files."""

MAY_ACKNOWLEDGE: frozenset[Role] = frozenset({"operator"})
"""Deciding on an alert is the operators' task; administrators look after the system."""


@dataclass(frozen=True, slots=True)
class AppSettings:
    """How the app behaves.

    Attributes:
        home_party: the party whose sensors these are; it alone sees them.
        tls: whether browsers reach us over TLS: cookies are then for TLS only.
        banner: mark of the whole run, shown across the page; None for the real thing.
        language: for those who ask for none that we have.
        console: folder of the built console.
        heartbeat_s: seconds between signs of life on a feed.
        proof_limit_s: age of the last proof at which the console turns red.
        store_timeout_s: how long an answer of the store is waited for.
        send_timeout_s: how long a listener may take nothing before it is cut off.
        session_check_s: how often an open feed asks whether its session still holds.
        catch_up_limit: entries sent from the store before a listener is told to start anew.
        max_listeners: open feeds.
    """

    home_party: str = "RO"
    tls: bool = False
    banner: Mark | None = None
    language: str = "en"
    console: Path = CONSOLE_FOLDER
    heartbeat_s: float = 3.0
    proof_limit_s: float = 9.0
    store_timeout_s: float = 2.0
    send_timeout_s: float = 10.0
    session_check_s: float = 15.0
    catch_up_limit: int = 5_000
    max_listeners: int = 200

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be.

        Raises:
            ConfigError: a number is not above zero.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(
                    f"app.{field.name} is {value}: wanted a number above 0; correct the setting"
                )


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything the routes use; see ``services.alerts.ports``.

    Attributes:
        now_ns: the wall's clock, which sessions go by.
        stream_ns: the stream's clock, which alerts, proofs and commands go by.
    """

    reader: AlertReader
    accounts: Accounts
    commands: Commands
    picture: Picture
    feed: Feed
    site: Site
    settings: AppSettings
    now_ns: Callable[[], int]
    stream_ns: Callable[[], int]
    metrics: Callable[[], bytes]
