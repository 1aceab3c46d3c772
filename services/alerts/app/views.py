"""What the API says: one model for each thing, and how it is made of what services conclude.

Times are RFC 3339 in UTC with nanoseconds, places degrees of WGS84. Every text comes rendered in
the language asked for, and as key and parameters. Every alert passes the release rules here, on
its way out, whatever gave it.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from geo.crs import grid_to_true_deg
from geo.errors import GeometryError
from geo.uncertainty import ellipse
from sensors.messages import time_to_text
from services.alerts.language import Language, render
from services.alerts.ports import FeedEntry, Session
from services.alerts.release import release
from services.events import (
    Alert,
    Change,
    Explanation,
    GatewayHealth,
    Incident,
    Proof,
    SensorHealth,
)


class View(BaseModel):
    """What answers have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextView(View):
    """A sentence: as rendered, and as key and parameters."""

    text: str
    key: str
    parameters: dict[str, str | int | float]


class EllipseView(View):
    """Where it is with 95 %: half axes in metres, long axis clockwise from true north."""

    semi_major_m: float
    semi_minor_m: float
    orientation_deg: float


class PlaceView(View):
    """Where it is; chainage is a label along the border line."""

    longitude_deg: float
    latitude_deg: float
    chainage_m: float
    offset_m: float = Field(description="from the border line, positive on the Romanian side")
    sector: str | None
    ellipse: EllipseView | None


class ContributionView(View):
    """One sensor's part."""

    sensor: str
    kind: str
    first_at: str
    last_at: str
    detections: int
    best_confidence: float


class ChangeView(View):
    """One line of an alert's history."""

    at: str
    what: str
    state: str
    actor: str | None
    explanation: TextView


class AlertView(View):
    """One revision of an alert."""

    id: str
    revision: int
    stored: bool = Field(description="false while only the spool holds it")
    feed: str | None = Field(description="its place in the feed, <epoch>:<sequence>")
    run: str
    mark: str
    state: str
    severity: int
    severity_name: str
    at: str
    raised_at: str
    started_at: str
    acknowledged_by: str | None
    acknowledged_at: str | None
    object_class: str
    classes: dict[str, float]
    count: int
    confidence: float
    direction: str
    speed_mps: float
    place: PlaceView
    sensors: list[ContributionView]
    tracks: list[str]
    reason: TextView
    change: ChangeView
    merged_into: str | None


class AlertsView(View):
    """Current alerts, and where in the feed to go on from."""

    feed: str | None = Field(description="ask /api/feed?after= with it; null: not known now")
    complete: bool = Field(
        description="false: there are more, see count, or the database is away and this is from "
        "memory"
    )
    count: int = Field(description="how many there are; `alerts` has the most urgent of them")
    alerts: list[AlertView]


class HistoryView(View):
    """An alert with all its revisions, oldest first."""

    alert: AlertView
    complete: bool
    history: list[AlertView]


class SensorView(View):
    """A sensor's state."""

    group: str
    kind: str
    sensor: str
    state: str
    at: str
    since: str
    last_word: str | None
    heartbeat_interval_s: float
    received: int
    lost: int
    duplicates: int
    rejected: int
    rate_hz: float
    delay_s: float
    clock_offset_s: float
    faults: list[str]
    cover: float | None
    longitude_deg: float | None
    latitude_deg: float | None


class GatewayView(View):
    """A gateway's counts."""

    group: str
    state: str
    at: str
    sent: int | None
    received: int
    journalled: int
    rejected: int


class ProofView(View):
    """The last test item that came the whole way."""

    sensor: str
    measured_at: str
    at: str
    age_s: float = Field(description="since it was measured, when this was sent")


class LoweredView(View):
    """Incidents of lower severity since they are usual there, by class and stretch."""

    object_class: str
    start_m: float = Field(description="chainage where the stretch begins")
    end_m: float
    count: int


class StateView(View):
    """How the service itself is."""

    now: str
    database_away_since: str | None
    broker_away_since: str | None
    broker_cut_offs: int | None = Field(
        description="connections the broker ended for what was published, since the service "
        "started; null: its log is not read"
    )
    lowered_by_site_memory: int = Field(
        description="incidents of lower severity since they are usual there at that hour; "
        "/api/lowered says which and where"
    )
    proof: ProofView | None


class SessionView(View):
    """Who is signed in, and the token that changes need in X-CSRF-Token."""

    account: str
    party: str
    role: str
    home: bool
    may_acknowledge: bool
    expires_at: str
    csrf_token: str
    banner: str | None = Field(description="mark of the whole run, null for the real thing")
    proof_limit_s: float
    heartbeat_s: float


def text(explanation: Explanation, language: Language) -> TextView:
    """Render an explanation."""
    return TextView(
        text=render(explanation, language),
        key=explanation.key,
        parameters=explanation.parameters,
    )


def alert(entry: FeedEntry, language: Language, *, party: str, home_party: str) -> AlertView | None:
    """Show a feed entry to a party; None where no rule releases it."""
    if entry.party != party:
        return None
    released = release(entry.alert, party, home_party)
    if released is None:
        return None
    return _alert(released, entry, language)


def _alert(shown: Alert, entry: FeedEntry, language: Language) -> AlertView:
    incident = shown.incident
    acknowledged = shown.acknowledged_at_ns
    return AlertView(
        id=shown.id,
        revision=shown.revision,
        stored=entry.stored,
        feed=feed_id(entry.epoch, entry.sequence) if entry.sequence is not None else None,
        run=shown.run,
        mark=shown.mark,
        state=shown.state,
        severity=int(shown.severity),
        severity_name=shown.severity.name.lower(),
        at=time_to_text(shown.at_ns),
        raised_at=time_to_text(shown.raised_at_ns),
        started_at=time_to_text(incident.started_at_ns),
        acknowledged_by=shown.acknowledged_by,
        acknowledged_at=None if acknowledged is None else time_to_text(acknowledged),
        object_class=incident.object_class,
        classes={str(name): share for name, share in incident.classes.items()},
        count=incident.count,
        confidence=incident.confidence,
        direction=incident.direction,
        speed_mps=incident.speed_mps,
        place=_place(incident),
        sensors=[
            ContributionView(
                sensor=part.sensor,
                kind=part.kind,
                first_at=time_to_text(part.first_at_ns),
                last_at=time_to_text(part.last_at_ns),
                detections=part.detections,
                best_confidence=part.best_confidence,
            )
            for part in incident.contributions
        ],
        tracks=list(incident.tracks),
        reason=text(incident.reason, language),
        change=_change(shown.change, language),
        merged_into=incident.merged_into,
    )


def _place(incident: Incident) -> PlaceView:
    spread = incident.covariance
    try:
        shape = ellipse(np.array([[spread.ee, spread.en], [spread.en, spread.nn]]))
    except GeometryError:
        drawn = None  # an alert is shown even where its covariance cannot be drawn
    else:
        drawn = EllipseView(
            semi_major_m=shape.semi_major_m,
            semi_minor_m=shape.semi_minor_m,
            orientation_deg=grid_to_true_deg(
                shape.orientation_deg, incident.longitude_deg, incident.latitude_deg
            ),
        )
    return PlaceView(
        longitude_deg=incident.longitude_deg,
        latitude_deg=incident.latitude_deg,
        chainage_m=incident.chainage_m,
        offset_m=incident.offset_m,
        sector=incident.sector,
        ellipse=drawn,
    )


def _change(change: Change, language: Language) -> ChangeView:
    return ChangeView(
        at=time_to_text(change.at_ns),
        what=change.what,
        state=change.state,
        actor=change.actor,
        explanation=text(change.explanation, language),
    )


def sensor(health: SensorHealth) -> SensorView:
    """Show a sensor's state."""
    return SensorView(
        group=health.group,
        kind=health.kind,
        sensor=health.sensor,
        state=health.state,
        at=time_to_text(health.at_ns),
        since=time_to_text(health.since_ns),
        last_word=None if health.last_word_ns is None else time_to_text(health.last_word_ns),
        heartbeat_interval_s=health.heartbeat_interval_s,
        received=health.received,
        lost=health.lost,
        duplicates=health.duplicates,
        rejected=health.rejected,
        rate_hz=health.rate_hz,
        delay_s=health.delay_s,
        clock_offset_s=health.clock_offset_s,
        faults=list(health.faults),
        cover=health.cover,
        longitude_deg=health.longitude_deg,
        latitude_deg=health.latitude_deg,
    )


def gateway(health: GatewayHealth) -> GatewayView:
    """Show a gateway's counts."""
    return GatewayView(
        group=health.group,
        state=health.state,
        at=time_to_text(health.at_ns),
        sent=health.sent,
        received=health.received,
        journalled=health.journalled,
        rejected=health.rejected,
    )


def proof(last: Proof, now_ns: int) -> ProofView:
    """Show a proof with its age."""
    return ProofView(
        sensor=last.sensor,
        measured_at=time_to_text(last.measured_at_ns),
        at=time_to_text(last.at_ns),
        age_s=(now_ns - last.measured_at_ns) / 1e9,
    )


def session(
    signed_in: Session,
    *,
    home_party: str,
    may_acknowledge: bool,
    banner: str | None,
    proof_limit_s: float,
    heartbeat_s: float,
) -> SessionView:
    """Show a session to its browser."""
    account = signed_in.account
    return SessionView(
        account=account.name,
        party=account.party,
        role=account.role,
        home=account.party == home_party,
        may_acknowledge=may_acknowledge,
        expires_at=time_to_text(signed_in.expires_at_ns),
        csrf_token=signed_in.csrf_token,
        banner=banner,
        proof_limit_s=proof_limit_s,
        heartbeat_s=heartbeat_s,
    )


def feed_id(epoch: str, sequence: int) -> str:
    """Write a place in a party's feed."""
    return f"{epoch}:{sequence}"


def parse_feed_id(value: str) -> tuple[str, int] | None:
    """Read a place in a party's feed; None where it is none."""
    epoch, colon, sequence = value.rpartition(":")
    if not (colon and epoch and sequence.isascii() and sequence.isdecimal()):
        return None
    return (epoch, int(sequence)) if len(sequence) <= 18 else None
