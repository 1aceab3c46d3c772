"""Tracks that belong together become one incident.

A confirmed track belongs to an open incident of its mark when it began beside one of that
incident's tracks and moves with it, or where such a track would be by now (a track that was lost
and found again). What no incident explains begins one, under an id that derives from site, run,
mark and the track's first detection.
"""

import hashlib
import math
from dataclasses import replace

from geo.crs import to_wgs84
from geo.site import Site
from sensors.messages import ObjectClass, time_to_text
from services.correlate.group import NS, Group, from_json, fused
from services.correlate.late import LateTrack
from services.correlate.paths import Paths
from services.correlate.settings import IncidentSettings
from services.correlate.severity import Direction, severity
from services.correlate.shadow import OwnUnits
from services.events import (
    Command,
    Explanation,
    Incident,
    Tick,
    Track,
    TrackState,
    decode,
    encode,
)
from services.stage import fingerprint, read_snapshot, undamaged, write_snapshot

VERSION = 3

_REASON = "incident.reason"

_LOOK_AHEAD_S = 5.0
"""Over this time ahead the movement across the line is judged; assumed."""


def _cause(alive: list[Track], shown: Incident | None) -> Explanation | None:
    """What was done to a cable, once a sensor has said so; None where none has."""
    for track in alive:
        if track.last is not None and track.last.explanation is not None:
            return track.last.explanation
    return shown.reason if shown is not None and shown.reason.key != _REASON else None


def _is_attack(track: Track) -> bool:
    """Whether a track is what was done to a cable, by its class or by what a sensor said."""
    said = track.last is not None and track.last.explanation is not None
    return said or track.classes.get(ObjectClass.CABLE_ATTACK, 0.0) > 0.5


class Incidents:
    """Stage from tracks to incidents; see the module."""

    def __init__(self, site: Site, run: str, settings: IncidentSettings | None = None) -> None:
        """Begin without incidents.

        Args:
            site: border, sectors and lawful zones.
            run: name of this run of the service; part of every id.
            settings: how tracks are joined.
        """
        self.settings = settings or IncidentSettings()
        self._site = site
        self._run = run
        self._stamp = f"{fingerprint(self.settings)}:{site.hash}"
        # Neither settings nor the site's hash: open incidents outlive a change of both, or their
        # alerts would wait for ever for an end that nobody tells.
        self._owner = f"{site.name}:{run}"
        self._open: dict[str, Group] = {}
        self._incident_of: dict[str, str] = {}
        self._own = OwnUnits(self.settings)
        self._paths = Paths()
        self._clock_ns = 0
        self.counts: dict[str, int] = {}

    def push(self, item: Track | LateTrack | Tick | Command) -> list[Incident]:
        """Take a track's revision, one that came late, the time or a command.

        Commands change nothing here so far; merging and splitting will be among them.

        Returns:
            Revisions of incidents, in order.
        """
        if isinstance(item, Command):
            return []
        self._clock_ns = max(self._clock_ns, item.at_ns)
        revised: list[Incident] = []
        if isinstance(item, Track):
            revised = self._support(item)
        elif isinstance(item, LateTrack):
            revised = self._support_late(item)
        else:
            self._paths.forget(item.at_ns)
        return self._let_end() + revised

    # --- tracks

    def _support(self, track: Track) -> list[Incident]:
        if track.own_force is not None:
            self._tally("own_force")
            self._own.take(track)
            return []
        name = self._incident_of.get(track.id)
        if name is None:
            if track.state is TrackState.ENDED:
                return []
            if self._is_lawful(track):
                self._tally("lawful")
                return []
            if self._own.cast(track):
                self._tally("own_force_shadow")
                return []
            name = self._home_of(track) or self._begin(track)
            self._incident_of[track.id] = name
        group = self._open[name]
        group.support(track, self.settings)
        oldest_ns = self._clock_ns - round(self.settings.hold_s * NS)
        for gone in group.leave_out(oldest_ns, self.settings):
            del self._incident_of[gone]
        self._paths.note(name, track)
        return self._tell(group, track.at_ns)

    def _support_late(self, late: LateTrack) -> list[Incident]:
        """Tell of a track that nobody was told of in its time, unless an incident explains it."""
        first, last = late.first, late.last
        if last.own_force is not None:
            self._tally("late_own_force")
            return []
        if self._is_lawful(first) and self._is_lawful(last):
            self._tally("lawful")
            return []
        rules = self.settings
        if any(
            self._paths.explains(
                track,
                within_s=rules.hold_s,
                reach_m=rules.continue_m,
                drift_mps=rules.continue_drift_mps,
            )
            for track in (first, last)
        ):
            self._tally("late_known")
            return []
        name = self._incident_of[first.id] = self._begin(first)
        group = self._open[name]
        for track in (first, last):
            group.support(track, rules)
            self._paths.note(name, track)
        # It is open for as long as any other, from when it became known.
        group.supported_ns = late.at_ns
        now = self._describe(group, last.at_ns)
        return [self._show(group, replace(now, late_s=(late.at_ns - last.at_ns) / NS))]

    def _is_lawful(self, track: Track) -> bool:
        if _is_attack(track):
            return False  # at a crossing people may pass, but nobody may cut the cable
        site = self._site.at(track.at_ns)
        return bool(site.lawful_zones.at(track.east_m, track.north_m))

    def _home_of(self, track: Track) -> str | None:
        """Open incident that a new track belongs to: the nearest that fits."""
        best: tuple[float, str] | None = None
        for group in self._open.values():
            for other in group.tracks.values():
                distance = self._apart(track, other)
                if distance is not None and (best is None or (distance, group.id) < best):
                    best = (distance, group.id)
        return best[1] if best else None

    def _apart(self, track: Track, other: Track) -> float | None:
        """Metres between a new track and where another is by then; None where they do not fit."""
        rules = self.settings
        if track.mark is not other.mark:
            return None
        seen_ns = max((part.last_at_ns for part in other.contributions), default=other.at_ns)
        gap_s = (track.at_ns - seen_ns) / NS
        if abs(gap_s) > rules.hold_s:
            return None
        # A track that was lost goes on for as long as a track coasts; then nobody knows.
        ahead_s = max(-_LOOK_AHEAD_S, min(gap_s, 2.0 * _LOOK_AHEAD_S))
        distance = math.hypot(
            track.east_m - other.east_m - ahead_s * other.velocity_east_mps,
            track.north_m - other.north_m - ahead_s * other.velocity_north_mps,
        )
        if other.state is TrackState.ENDED:
            reach = rules.continue_m + rules.continue_drift_mps * max(gap_s, 0.0)
            return distance if distance <= reach else None
        apart_mps = math.hypot(
            track.velocity_east_mps - other.velocity_east_mps,
            track.velocity_north_mps - other.velocity_north_mps,
        )
        fits = distance <= rules.join_m and apart_mps <= rules.join_mps
        return distance if fits else None

    def _begin(self, track: Track) -> str:
        named = f"{self._site.name}\0{self._run}\0{track.mark}\0{track.id}"
        name = hashlib.sha256(named.encode()).hexdigest()[:16]
        self._open[name] = Group(name)
        return name

    # --- what is told

    def _tell(self, group: Group, at_ns: int) -> list[Incident]:
        before = group.shown
        due = (
            before is None
            or at_ns - before.at_ns >= round(self.settings.publish_s * NS)
            or len(group.past) + len(group.tracks) > len(before.tracks)
            or len(group.contributions()) > len(before.contributions)
        )
        return [self._show(group, self._describe(group, at_ns))] if due else []

    @staticmethod
    def _show(group: Group, now: Incident) -> Incident:
        group.shown = replace(now, revision=group.shown.revision + 1 if group.shown else 1)
        return group.shown

    def _let_end(self) -> list[Incident]:
        """End what no track has supported for the hold time."""
        hold_ns = round(self.settings.hold_s * NS)
        over = [
            group for group in self._open.values() if group.supported_ns < self._clock_ns - hold_ns
        ]
        told = []
        for group in over:
            del self._open[group.id]
            for name in group.tracks:
                del self._incident_of[name]
            if group.shown is not None:
                at_ns = max(group.shown.at_ns, group.supported_ns + hold_ns)
                told.append(self._show(group, replace(group.shown, ended=True, at_ns=at_ns)))
        return told

    def _describe(self, group: Group, at_ns: int) -> Incident:
        tracks = list(group.tracks.values())
        alive = group.alive()
        lead = max(alive, key=lambda track: (track.at_ns, track.confidence, track.id))
        site = self._site.at(at_ns)
        chainage, offset = site.border.chainage(lead.east_m, lead.north_m)
        sector = site.sector_at(lead.east_m, lead.north_m)
        longitude, latitude = to_wgs84(lead.east_m, lead.north_m)
        contributions = group.contributions()
        classes = fused(alive)
        object_class = max(classes, key=lambda name: (classes[name], name))
        cause = _cause(alive, group.shown)
        if cause is not None:
            object_class = ObjectClass.CABLE_ATTACK
        velocity = group.velocity(lead, self.settings)
        direction = self._direction(site, lead, velocity, float(offset))
        kinds = len({part.kind for part in contributions})
        confidence = max(track.confidence for track in alive)
        judged = severity(object_class, direction, kinds, self.settings.sure_kinds)
        started_ns = min(track.started_at_ns for track in tracks)
        if group.shown is not None:
            started_ns = min(started_ns, group.shown.started_at_ns)
        return Incident(
            id=group.id,
            revision=0,
            mark=lead.mark,
            at_ns=max(track.at_ns for track in tracks),
            started_at_ns=started_ns,
            east_m=lead.east_m,
            north_m=lead.north_m,
            longitude_deg=float(longitude),
            latitude_deg=float(latitude),
            covariance=lead.covariance,
            chainage_m=float(chainage),
            offset_m=float(offset),
            sector=sector.id if sector else None,
            tracks=(*group.past, *group.tracks),
            contributions=contributions,
            classes=classes,
            object_class=object_class,
            count=sum(track.count for track in alive),
            confidence=confidence,
            severity=group.damp(judged, at_ns, self.settings),
            direction=direction,
            speed_mps=math.hypot(*velocity),
            reason=Explanation(
                cause.key if cause else _REASON,
                {
                    **(cause.parameters if cause else {}),
                    "object_class": object_class.value,
                    "class_share": round(classes[object_class], 3),
                    "confidence": round(confidence, 3),
                    "sensors": ", ".join(part.sensor for part in contributions),
                    "sensor_count": len(contributions),
                    "first_at": time_to_text(started_ns),
                    "last_at": time_to_text(max(track.at_ns for track in tracks)),
                    "distance_m": round(abs(float(offset)), 1),
                    "side": "romanian" if offset >= 0.0 else "serbian",
                    "direction": direction,
                },
            ),
            settings=self._stamp,
        )

    def _direction(
        self, site: Site, track: Track, velocity: tuple[float, float], offset: float
    ) -> Direction:
        """Movement with respect to the Romanian side, where offsets grow."""
        speed = math.hypot(*velocity)
        if speed < self.settings.still_mps:
            return "unknown"
        _, ahead = site.border.chainage(
            track.east_m + _LOOK_AHEAD_S * velocity[0], track.north_m + _LOOK_AHEAD_S * velocity[1]
        )
        across = (float(ahead) - offset) / _LOOK_AHEAD_S / speed
        if abs(across) < self.settings.direction_share:
            return "along"
        return "towards" if across > 0.0 else "away"

    def _tally(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1

    # --- state

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        return write_snapshot(
            "incidents",
            VERSION,
            self._owner,
            {
                "clock_ns": self._clock_ns,
                "counts": self.counts,
                "open": [group.to_json() for group in self._open.values()],
                "own": [encode(track).decode() for track in self._own.tracks()],
                "paths": self._paths.to_json(),
            },
        )

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote.

        Raises:
            SnapshotError: of another version, stage or setting; nothing is changed then.
        """
        read = read_snapshot(state, "incidents", VERSION, self._owner)
        with undamaged("incidents"):
            opened = {one["id"]: from_json(one) for one in read["open"]}
            clock_ns, counts = int(read["clock_ns"]), dict(read["counts"])
            own, paths = OwnUnits(self.settings), Paths()
            paths.from_json(read["paths"])
            for line in read["own"]:
                unit = decode(line)
                if isinstance(unit, Track):
                    own.take(unit)
        self._open, self._clock_ns, self.counts = opened, clock_ns, counts
        self._own, self._paths = own, paths
        self._incident_of = {track: group.id for group in opened.values() for track in group.tracks}
