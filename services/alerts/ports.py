"""What alerts need from outside: a store of what was shown, accounts, and a way for commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.events import (
    Alert,
    AlertState,
    Command,
    GatewayHealth,
    LoweredCount,
    Proof,
    Refused,
    SensorHealth,
    Severity,
)

Role = Literal["operator", "administrator"]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One line of a party's feed.

    Attributes:
        epoch: changes when the database was restored from a backup: listeners start anew.
        sequence: the party's own, without holes; None while only the spool holds the alert.
    """

    party: str
    epoch: str
    sequence: int | None
    alert: Alert

    @property
    def stored(self) -> bool:
        """Whether the database holds it."""
        return self.sequence is not None


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in; an account name is a service number, never a person's name."""

    name: str
    party: str
    role: Role


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser or machine."""

    account: Account
    expires_at_ns: int
    csrf_token: str


OPEN = frozenset(AlertState) - {AlertState.ENDED}


@dataclass(frozen=True, slots=True)
class Which:
    """Which of a party's alerts are asked for."""

    states: frozenset[AlertState] = OPEN
    severities: frozenset[Severity] = frozenset(Severity)

    def has(self, alert: Alert) -> bool:
        """Whether an alert is one of them."""
        return alert.state in self.states and alert.severity in self.severities


@dataclass(frozen=True, slots=True)
class Current:
    """Last revisions of alerts, as far as they were asked for.

    Attributes:
        count: how many there are of those that were asked for; ``entries`` are the first.
    """

    entries: list[FeedEntry]
    count: int


def by_urgency(entry: FeedEntry) -> tuple[bool, int, int, str]:
    """Sort key, to be used in reverse: open before ended, the graver first, then the newer."""
    alert = entry.alert
    return alert.state is not AlertState.ENDED, alert.severity, alert.raised_at_ns, alert.id


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed sign-ins of one name or from one address.

    Attributes:
        key: the name or address, as ``guessing`` writes it.
        count: how many in a row; 0 where they are forgotten.
        last_ns: when the last one was.
    """

    key: str
    count: int
    last_ns: int


class AlertReader(Protocol):
    """Questions the API asks of the store; every answer is for one party."""

    async def feed_head(self, party: str) -> tuple[str, int]:
        """Epoch and last sequence of a party's feed."""
        ...

    async def feed_after(self, party: str, sequence: int, limit: int) -> list[FeedEntry]:
        """Entries after ``sequence``, in order."""
        ...

    async def current(self, party: str, which: Which, limit: int) -> Current:
        """Last revisions of alerts in the order of ``by_urgency``, at most ``limit``."""
        ...

    async def history(self, party: str, alert_id: str) -> list[FeedEntry]:
        """All revisions of one alert, oldest first; empty where the party has none."""
        ...


class Accounts(Protocol):
    """Sign-in."""

    async def sign_in(self, name: str, password: str, now_ns: int) -> tuple[str, Session] | None:
        """Check a password; a new session with its secret, or None."""
        ...

    async def sign_in_once(self, token: str, now_ns: int) -> tuple[str, Session] | None:
        """Use a one-time token up; a new session with its secret, or None."""
        ...

    async def failures(self, limit: int) -> list[Failures]:
        """Failed sign-ins that were kept, the latest ``limit`` of them."""
        ...

    async def keep_failures(self, changed: Sequence[Failures], forget_before_ns: int) -> None:
        """Keep failed sign-ins over a restart; a count of 0, and what is older, is forgotten."""
        ...

    async def session(self, secret: str, now_ns: int) -> Session | None:
        """The session of a cookie's secret, or None."""
        ...

    async def sign_out(self, secret: str) -> None:
        """End a session."""
        ...


class Commands(Protocol):
    """The way of a person's decision into the stream."""

    async def submit(self, command: Command) -> list[Alert | Refused]:
        """Journal a command, let it take effect, and say what came of it."""
        ...


class Picture(Protocol):
    """The state of the whole, kept in memory by the service."""

    def sensors(self) -> Sequence[SensorHealth]:
        """Last word on each sensor."""
        ...

    def gateways(self) -> Sequence[GatewayHealth]:
        """Last word on each gateway."""
        ...

    def proof(self) -> Proof | None:
        """The last proof that the whole way works."""
        ...

    def database_away_since_ns(self) -> int | None:
        """Since when alerts are shown from the spool, or None."""
        ...

    def broker_away_since_ns(self) -> int | None:
        """Since when the broker is out of reach, or None."""
        ...

    def broker_cut_offs(self) -> int | None:
        """Connections the broker ended for what was published; None where its log is not read."""
        ...

    def lowered_by_site_memory(self) -> Sequence[LoweredCount]:
        """How many incidents got a lower severity since they are usual there."""
        ...


Live = FeedEntry | Proof | SensorHealth | GatewayHealth
"""What a listener may be sent."""
