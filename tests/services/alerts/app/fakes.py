"""Stand-ins for what the app asks of the outside: in memory, and honest about order and absence."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from fastapi import FastAPI

from geo.crs import to_wgs84
from geo.errors import StorageError
from geo.site import Site
from sensors.messages import Mark, ObjectClass, time_to_text
from sensors.topics import SensorKind
from services.alerts.app import AppSettings, create_app
from services.alerts.feed import Feed
from services.alerts.ports import (
    Account,
    Current,
    Failures,
    FeedEntry,
    Role,
    Session,
    Which,
    by_urgency,
)
from services.events import (
    Alert,
    AlertState,
    Change,
    Command,
    Contribution,
    Covariance,
    Explanation,
    GatewayHealth,
    Incident,
    LoweredCount,
    Proof,
    Refused,
    SensorHealth,
    SensorState,
    Severity,
)

NOW_NS = 1_795_305_600_000_000_000
"""2026-11-22T00:00:00Z."""
S = 1_000_000_000


def make_alert(
    number: int = 1,
    *,
    revision: int = 1,
    state: AlertState = AlertState.UNACKNOWLEDGED,
    severity: Severity = Severity.HIGH,
    mark: Mark = Mark.SIMULATED,
    at_ns: int = NOW_NS,
    chainage_m: float | None = None,
    site: Site | None = None,
) -> Alert:
    """Make an alert of somebody walking near the border."""
    chainage = 40_000.0 + 7_000.0 * number if chainage_m is None else chainage_m
    east, north = (site or load_site()).border.point_at(chainage, -120.0)
    lon, lat = to_wgs84(east, north)
    incident = Incident(
        id=f"inc-{number}",
        revision=revision,
        mark=mark,
        at_ns=at_ns,
        started_at_ns=at_ns - 8 * S,
        east_m=float(east),
        north_m=float(north),
        longitude_deg=float(lon),
        latitude_deg=float(lat),
        covariance=Covariance(ee=2_500.0, en=600.0, nn=900.0),
        chainage_m=chainage,
        offset_m=-120.0,
        sector="jimbolia",
        tracks=(f"track-{number}",),
        contributions=(
            Contribution("fibre-2", SensorKind.FIBRE, at_ns - 8 * S, at_ns, 31, 0.92),
            Contribution("thermal-012", SensorKind.THERMAL, at_ns - 3 * S, at_ns, 4, 0.81),
        ),
        classes={ObjectClass.PERSON: 0.9, ObjectClass.ANIMAL: 0.1},
        object_class=ObjectClass.PERSON,
        count=2,
        confidence=0.94,
        severity=severity,
        direction="towards",
        speed_mps=1.3,
        reason=Explanation(
            "incident.reason",
            {
                "object_class": "person",
                "class_share": 0.9,
                "confidence": 0.94,
                "sensors": "fibre-2, thermal-012",
                "first_at": time_to_text(at_ns - 8 * S),
                "last_at": time_to_text(at_ns),
                "distance_m": 120.0,
                "side": "serbian",
                "direction": "towards",
            },
        ),
        settings="test",
    )
    acknowledged = state is AlertState.ACKNOWLEDGED
    return Alert(
        id=incident.id,
        revision=revision,
        run="test",
        state=state,
        mark=mark,
        severity=severity,
        at_ns=at_ns,
        raised_at_ns=at_ns - 5 * S,
        incident=incident,
        change=Change(
            at_ns=at_ns,
            what="acknowledged" if acknowledged else "raised" if revision == 1 else "updated",
            state=state,
            actor="op-7" if acknowledged else None,
            explanation=Explanation(
                "change.acknowledged" if acknowledged else "change.raised", {"actor": "op-7"}
            ),
        ),
        acknowledged_by="op-7" if acknowledged else None,
        acknowledged_at_ns=at_ns if acknowledged else None,
    )


_SITE: list[Site] = []


def load_site() -> Site:
    """Load the default site once."""
    if not _SITE:
        root = Path(__file__).resolve().parents[4]
        _SITE.append(Site.load(root / "deploy" / "sites" / "default.toml"))
    return _SITE[0]


class FakeStore:
    """Keeps feeds with sequences without holes; can be away, and can be made to wait."""

    def __init__(self) -> None:
        self.epoch = "e1"
        self.entries: list[FeedEntry] = []
        self.away = False
        self.before_answer: Callable[[str], None] = lambda _: None

    def store(self, alert: Alert, party: str = "RO") -> FeedEntry:
        sequence = 1 + sum(entry.party == party for entry in self.entries)
        entry = FeedEntry(party, self.epoch, sequence, alert)
        self.entries.append(entry)
        return entry

    def _answer(self, question: str) -> None:
        if self.away:
            raise StorageError("the database is away: wanted it there; start it")
        self.before_answer(question)

    async def feed_head(self, party: str) -> tuple[str, int]:
        await asyncio.sleep(0)
        head = sum(entry.party == party for entry in self.entries)
        self._answer("feed_head")
        return self.epoch, head

    async def feed_after(self, party: str, sequence: int, limit: int) -> list[FeedEntry]:
        await asyncio.sleep(0)
        found = [
            entry
            for entry in self.entries
            if entry.party == party and (entry.sequence or 0) > sequence
        ]
        self._answer("feed_after")
        return found[:limit]

    async def current(self, party: str, which: Which, limit: int) -> Current:
        await asyncio.sleep(0)
        self._answer("current")
        last = {entry.alert.id: entry for entry in self.entries if entry.party == party}
        wanted = [entry for entry in last.values() if which.has(entry.alert)]
        wanted.sort(key=by_urgency, reverse=True)
        return Current(wanted[:limit], len(wanted))

    async def history(self, party: str, alert_id: str) -> list[FeedEntry]:
        await asyncio.sleep(0)
        self._answer("history")
        return [e for e in self.entries if e.party == party and e.alert.id == alert_id]


class FakeAccounts:
    """Three accounts with the password ``correct``, and one token each that works once."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        roles: dict[str, tuple[str, Role]] = {
            "op-7": ("RO", "operator"),
            "admin": ("RO", "administrator"),
            "rs-1": ("RS", "operator"),
        }
        self.accounts = {name: Account(name, party, role) for name, (party, role) in roles.items()}
        self.tokens = {f"token-{name}": name for name in self.accounts}
        self.sessions: dict[str, Session] = {}
        self.failed: dict[str, Failures] = {}
        self.checks = 0

    def _begin(self, name: str, now_ns: int) -> tuple[str, Session]:
        secret = f"secret-{name}-{len(self.sessions)}"
        session = Session(self.accounts[name], now_ns + 3_600 * S, f"csrf-{secret}")
        self.sessions[secret] = session
        return secret, session

    async def sign_in(self, name: str, password: str, now_ns: int) -> tuple[str, Session] | None:
        self.checks += 1
        self._away()
        known = name in self.accounts and password == "correct"
        return self._begin(name, now_ns) if known else None

    async def sign_in_once(self, token: str, now_ns: int) -> tuple[str, Session] | None:
        self._away()
        name = self.tokens.pop(token, None)
        return self._begin(name, now_ns) if name else None

    async def failures(self, limit: int) -> list[Failures]:
        self._away()
        return list(self.failed.values())[:limit]

    async def keep_failures(self, changed: Sequence[Failures], forget_before_ns: int) -> None:
        self._away()
        self.failed |= {one.key: one for one in changed}
        self.failed = {
            key: one
            for key, one in self.failed.items()
            if one.count and one.last_ns >= forget_before_ns
        }

    async def session(self, secret: str, now_ns: int) -> Session | None:
        self._away()
        session = self.sessions.get(secret)
        return session if session and session.expires_at_ns > now_ns else None

    async def sign_out(self, secret: str) -> None:
        self._away()
        self.sessions.pop(secret, None)

    def _away(self) -> None:
        if self._store.away:
            raise StorageError("the database is away: wanted it there; start it")


@dataclass
class FakePicture:
    """What the service keeps in memory."""

    sensor_states: list[SensorHealth] = field(default_factory=list)
    gateway_states: list[GatewayHealth] = field(default_factory=list)
    last_proof: Proof | None = None
    database_away: int | None = None
    broker_away: int | None = None
    cut_offs: int | None = None
    lowered: Sequence[LoweredCount] = ()

    def sensors(self) -> Sequence[SensorHealth]:
        return self.sensor_states

    def gateways(self) -> Sequence[GatewayHealth]:
        return self.gateway_states

    def proof(self) -> Proof | None:
        return self.last_proof

    def database_away_since_ns(self) -> int | None:
        return self.database_away

    def broker_away_since_ns(self) -> int | None:
        return self.broker_away

    def broker_cut_offs(self) -> int | None:
        return self.cut_offs

    def lowered_by_site_memory(self) -> Sequence[LoweredCount]:
        return self.lowered


class FakeCommands:
    """Acknowledges as the life cycle does: once for each command id."""

    def __init__(self, store: FakeStore, feed: Feed) -> None:
        self._store = store
        self._feed = feed
        self.seen: list[Command] = []

    async def submit(self, command: Command) -> list[Alert | Refused]:
        if any(one.id == command.id for one in self.seen):
            return []
        self.seen.append(command)
        entries = [e for e in self._store.entries if e.alert.id == command.parameters["alert"]]
        last = entries[-1]
        if last.alert.state is not AlertState.UNACKNOWLEDGED:
            said: dict[str, str | int | float] = {
                "alert": last.alert.id,
                "state": str(last.alert.state),
            }
            reason = Explanation("refused.not_in_this_state", said)
            return [Refused(command.id, command.at_ns, reason)]
        alert = replace(
            last.alert,
            revision=last.alert.revision + 1,
            state=AlertState.ACKNOWLEDGED,
            acknowledged_by=command.actor,
            acknowledged_at_ns=command.at_ns,
            change=replace(
                last.alert.change,
                what="acknowledged",
                actor=command.actor,
                explanation=Explanation("change.acknowledged", {"actor": command.actor}),
            ),
        )
        self._feed.offer([self._store.store(alert, last.party)])
        return [alert]


class World:
    """The app with everything around it."""

    def __init__(self, settings: AppSettings | None = None) -> None:
        self.now_ns = NOW_NS
        self.replayed_ns: int | None = None
        self.store = FakeStore()
        self.feed = Feed(64)
        self.accounts = FakeAccounts(self.store)
        self.commands = FakeCommands(self.store, self.feed)
        self.picture = FakePicture(last_proof=Proof("proof-1", NOW_NS - S, NOW_NS))
        self.site = load_site()
        self.settings = settings or AppSettings(heartbeat_s=60.0)
        self.app: FastAPI = create_app(
            reader=self.store,
            accounts=self.accounts,
            commands=self.commands,
            picture=self.picture,
            feed=self.feed,
            site=self.site,
            settings=self.settings,
            now_ns=lambda: self.now_ns,
            stream_ns=lambda: self.now_ns if self.replayed_ns is None else self.replayed_ns,
            metrics=lambda: b"straja_alerts_total 1\n",
        )

    def happen(self, alert: Alert, party: str = "RO") -> FeedEntry:
        """Store an alert and offer it, as the service does."""
        entry = self.store.store(alert, party)
        self.feed.offer([entry])
        return entry

    def spool(self, alert: Alert, party: str = "RO") -> FeedEntry:
        """Offer an alert that only the spool holds."""
        entry = FeedEntry(party, self.store.epoch, None, alert)
        self.feed.offer([entry])
        return entry

    @asynccontextmanager
    async def browser(
        self, name: str | None = "op-7", address: str = "127.0.0.1"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Give a client, signed in where a name is given."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 5_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://straja") as client:
            if name is not None:
                body = {"name": name, "password": "correct"}
                answer = await client.post("/api/session", json=body)
                client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
            yield client


def silent_sensor(name: str = "thermal-007") -> SensorHealth:
    """A camera that has said nothing for two minutes."""
    return SensorHealth(
        group="gw-thermal-1",
        kind=SensorKind.THERMAL,
        sensor=name,
        state=SensorState.SILENT,
        at_ns=NOW_NS,
        since_ns=NOW_NS - 100 * S,
        last_word_ns=NOW_NS - 120 * S,
        heartbeat_interval_s=10.0,
    )
