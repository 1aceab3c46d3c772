"""Tracks of one incident: what each sensor gave, where it goes, how serious it was so far."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from geo.errors import SnapshotError
from sensors.messages import ObjectClass
from sensors.topics import SensorKind
from services.correlate.settings import IncidentSettings
from services.events import (
    Contribution,
    Incident,
    Severity,
    Track,
    TrackState,
    decode,
    encode,
)

NS = 1_000_000_000

Spot = tuple[int, float, float]
"""Time in ns UTC, east and north in metres."""


@dataclass(slots=True)
class Group:
    """An incident that has not ended.

    Attributes:
        id: the incident's.
        tracks: last revision of each track, in order of joining; tracks long ended are left out.
        past: ids of tracks left out, the latest of them.
        parts: what each sensor gave to tracks left out.
        trails: where each track was in the last seconds, oldest first.
        shown: last revision that went out.
        supported_ns: when a track last supported it.
        severity: as shown; falls only after a while.
        lower_since_ns: since when the rules say less than ``severity``; 0 when they do not.
    """

    id: str
    tracks: dict[str, Track] = field(default_factory=dict)
    past: list[str] = field(default_factory=list)
    parts: dict[str, Contribution] = field(default_factory=dict)
    trails: dict[str, list[Spot]] = field(default_factory=dict)
    shown: Incident | None = None
    supported_ns: int = 0
    severity: Severity = Severity.LOW
    lower_since_ns: int = 0

    def support(self, track: Track, settings: IncidentSettings) -> None:
        """Take a track's revision in."""
        self.tracks[track.id] = track
        if track.state is TrackState.ENDED:
            self.trails.pop(track.id, None)
            return
        self.supported_ns = max(self.supported_ns, track.at_ns)
        trail = self.trails.setdefault(track.id, [])
        if not trail or track.at_ns > trail[-1][0]:
            trail.append((track.at_ns, track.east_m, track.north_m))
        oldest_ns = track.at_ns - round(settings.baseline_s * NS)
        while len(trail) > 2 and trail[1][0] <= oldest_ns:
            del trail[0]

    def leave_out(self, before_ns: int, settings: IncidentSettings) -> list[str]:
        """Drop tracks that ended long ago, keeping what their sensors gave.

        Returns:
            Their ids.
        """
        gone = [
            track.id
            for track in self.tracks.values()
            if track.state is TrackState.ENDED and track.at_ns < before_ns
        ]
        if len(gone) == len(self.tracks):
            # The last of them says where the incident was.
            gone = gone[:-1]
        for name in gone:
            self.parts = added(self.parts, self.tracks.pop(name).contributions)
            self.past.append(name)
        del self.past[: -settings.most_tracks]
        return gone

    def alive(self) -> list[Track]:
        """Tracks that go on, or else the last one that did."""
        tracks = list(self.tracks.values())
        return [one for one in tracks if one.state is TrackState.CONFIRMED] or tracks[-1:]

    def contributions(self) -> tuple[Contribution, ...]:
        """What each sensor gave, in order of first contribution."""
        parts = self.parts
        for track in self.tracks.values():
            parts = added(parts, track.contributions)
        return tuple(sorted(parts.values(), key=lambda part: (part.first_at_ns, part.sensor)))

    def velocity(self, track: Track, settings: IncidentSettings) -> tuple[float, float]:
        """East and north m/s of a track over its last seconds.

        A walker's velocity out of the filter is wrong by 1 m/s (sqrt(2) q^(3/4) r^(1/4) for
        q = 0.3 and r = 15): too much to tell where somebody goes. The way gone says it better.
        """
        trail = self.trails.get(track.id, [])
        passed_s = (track.at_ns - trail[0][0]) / NS if trail else 0.0
        if passed_s < settings.shortest_baseline_s:
            return track.velocity_east_mps, track.velocity_north_mps
        _, east, north = trail[0]
        return (track.east_m - east) / passed_s, (track.north_m - north) / passed_s

    def damp(self, severity: Severity, at_ns: int, settings: IncidentSettings) -> Severity:
        """Let severity rise at once and fall only when it stays lower for a while."""
        if severity >= self.severity:
            self.severity, self.lower_since_ns = severity, 0
        elif self.lower_since_ns == 0:
            self.lower_since_ns = at_ns
        elif at_ns - self.lower_since_ns >= round(settings.fall_s * NS):
            self.severity, self.lower_since_ns = severity, 0
        return self.severity

    def to_json(self) -> dict[str, Any]:
        """Write down; floats exactly."""
        return {
            "id": self.id,
            "tracks": [encode(track).decode() for track in self.tracks.values()],
            "past": self.past,
            "parts": [
                [
                    part.sensor,
                    part.kind,
                    part.first_at_ns,
                    part.last_at_ns,
                    part.detections,
                    part.best_confidence,
                ]
                for part in self.parts.values()
            ],
            "trails": self.trails,
            "shown": encode(self.shown).decode() if self.shown else None,
            "supported_ns": self.supported_ns,
            "severity": int(self.severity),
            "lower_since_ns": self.lower_since_ns,
        }


def from_json(state: dict[str, Any]) -> Group:
    """Read what ``to_json`` wrote.

    Raises:
        SnapshotError: it holds other records.
    """
    tracks = {}
    for line in state["tracks"]:
        track = decode(line)
        if not isinstance(track, Track):
            raise SnapshotError(f"it holds a {track.record} for a track")
        tracks[track.id] = track
    shown = decode(state["shown"]) if state["shown"] else None
    if shown is not None and not isinstance(shown, Incident):
        raise SnapshotError(f"it holds a {shown.record} for an incident")
    parts = [Contribution(name, SensorKind(kind), *rest) for name, kind, *rest in state["parts"]]
    return Group(
        id=state["id"],
        tracks=tracks,
        past=list(state["past"]),
        parts={part.sensor: part for part in parts},
        trails={
            name: [(at_ns, east, north) for at_ns, east, north in spots]
            for name, spots in state["trails"].items()
        },
        shown=shown,
        supported_ns=int(state["supported_ns"]),
        severity=Severity(state["severity"]),
        lower_since_ns=int(state["lower_since_ns"]),
    )


def added(parts: dict[str, Contribution], more: Iterable[Contribution]) -> dict[str, Contribution]:
    """Add up what sensors gave; a new table."""
    result = dict(parts)
    for part in more:
        before = result.get(part.sensor)
        result[part.sensor] = (
            part
            if before is None
            else replace(
                before,
                first_at_ns=min(before.first_at_ns, part.first_at_ns),
                last_at_ns=max(before.last_at_ns, part.last_at_ns),
                detections=before.detections + part.detections,
                best_confidence=max(before.best_confidence, part.best_confidence),
            )
        )
    return result


def fused(tracks: list[Track]) -> dict[ObjectClass, float]:
    """Class probabilities of tracks, weighted by their confidence."""
    weights = [max(track.confidence, 1e-6) for track in tracks]
    total = math.fsum(weights)
    return {
        name: math.fsum(
            weight * track.classes.get(name, 0.0)
            for weight, track in zip(weights, tracks, strict=True)
        )
        / total
        for name in ObjectClass
    }
