"""Detections of all sensors in, tracks out.

Everything that decides is event time: detections wait at most ``hold_s`` for others of their
time, go through in bins of a fixed grid, and what comes later, by at most ``lateness_s``, is
taken in by going back to an earlier state and over all bins since. What was published stays:
going back only adds revisions, and ids are frozen once seen outside.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from geo.errors import SnapshotError
from sensors.topics import PROOF_GROUP, SensorKind
from services.correlate.batch import MARKS
from services.correlate.history import Ended, History, Step
from services.correlate.hold import NS, Hold
from services.correlate.settings import CLASSES, TrackerSettings
from services.correlate.state import Part, Rows, detection
from services.events import (
    Contribution,
    Covariance,
    Detection,
    Proof,
    Tick,
    Track,
    TrackState,
    decode,
    encode,
)
from services.stage import fingerprint, read_snapshot, undamaged, write_snapshot

VERSION = 1


class Tracker:
    """Stage from detections to tracks; see the module."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        """Begin without tracks."""
        self.settings = settings or TrackerSettings()
        self._begin()

    def _begin(self) -> None:
        self._hold = Hold(self.settings)
        self._history = History(self.settings, self._hold.bin_ns)
        self._late: dict[str, Detection] = {}
        self._late_since = 0
        self._done = -1
        self._published: dict[str, Track] = {}
        self._names: dict[str, str] = {}
        self._pruned_s = 0

    @property
    def counts(self) -> dict[str, int]:
        """What was refused, left out or taken in late, by reason."""
        return dict(sorted((self._hold.counts | self._history.table.counts).items()))

    def is_too_late(self, item: Detection) -> bool:
        """Whether a detection is from before what can still be gone back over."""
        return item.at_ns < self._hold.clock_ns - round(self.settings.lateness_s * NS)

    def push(self, item: Detection | Tick) -> list[Track | Proof]:
        """Take a detection or the time; say which tracks changed.

        Args:
            item: a detection, in any order of arrival, or the time.

        Returns:
            Revisions of tracks, and proofs, in order of the bins they belong to.
        """
        if isinstance(item, Tick):
            self._hold.advance(item.at_ns)
        elif self._hold.admit(item):
            number = item.at_ns // self._hold.bin_ns
            if item.group == PROOF_GROUP or number > self._done:
                self._hold.put(item)
            else:
                self._hold.tally("late")
                self._late_since = self._late_since if self._late else self._done
                self._late[item.id] = item
            self._hold.advance(item.at_ns)
        end = self._hold.next_bin
        return self._go_to(end) if end > self._done + 1 else []

    def _go_to(self, end: int) -> list[Track | Proof]:
        events: list[Track | Proof] = []
        while (number := self._next(end)) < end:
            found = self._hold.waiting.pop(number, {})
            proofs = sorted(
                (item for item in found.values() if item.group == PROOF_GROUP),
                key=lambda item: (item.at_ns, item.id),
            )
            events += [
                Proof(item.sensor, item.at_ns, max(item.at_ns, item.received_at_ns))
                for item in proofs
            ]
            if number > self._done:
                rest = {name: item for name, item in found.items() if item.group != PROOF_GROUP}
                events += self._tell(self._history.go(number, rest))
                self._done = number
        self._done = end - 1
        batch_bins = max(1, round(self.settings.late_batch_s / self.settings.bin_s))
        if self._late and self._done // batch_bins > self._late_since // batch_bins:
            events += self._go_back()
        oldest_ns = self._hold.clock_ns - round(self.settings.lateness_s * NS)
        self._history.forget(oldest_ns // self._hold.bin_ns - 1)
        if oldest_ns // NS > self._pruned_s:
            self._prune(oldest_ns)
        return events

    def _next(self, end: int) -> int:
        """Next bin with something in it, or in which a second begins while there are tracks."""
        number = min(self._hold.waiting, default=end)
        if len(self._history.table.rows):
            bins_a_second = max(1, round(1.0 / self.settings.bin_s))
            number = min(number, (self._done // bins_a_second + 1) * bins_a_second)
        return number

    def _tell(self, step: Step) -> list[Track]:
        """Revisions worth telling after one bin."""
        told = [revision for ended in step.ended if (revision := self._end(ended, step.at_ns))]
        return told + self._revisions(np.unique(step.rows))

    def _revisions(self, rows: np.ndarray[Any, np.dtype[np.intp]]) -> list[Track]:
        table = self._history.table
        told = []
        rows = rows[table.rows["confirmed"][rows]]
        times = table.rows["t"][rows].tolist()
        classes = table.rows["classes"][rows].argmax(axis=1).tolist()
        counts = table.rows["count"][rows].tolist()
        for row, at_ns, index, count in zip(rows.tolist(), times, classes, counts, strict=True):
            name = self._names.get(table.ids[row], table.ids[row])
            before = self._published.get(name)
            if before is not None and not (
                before.state is TrackState.ENDED
                or at_ns - before.at_ns >= round(self.settings.publish_s * NS)
                or len(table.parts[row]) > len(before.sensors)
                or count != before.count
                or CLASSES[index] is not max(before.classes, key=before.classes.__getitem__)
            ):
                continue
            numbers, parts = table.rows[row : row + 1], table.parts[row]
            own, last = table.own[row], table.last[row]
            told.append(
                self._publish(_track(name, TrackState.CONFIRMED, at_ns, numbers, parts, own, last))
            )
        return sorted(told, key=lambda track: (track.at_ns, track.id))

    def _publish(self, track: Track) -> Track:
        before = self._published.get(track.id)
        revised = replace(track, revision=before.revision + 1 if before else 1)
        self._published[track.id] = revised
        return revised

    def _end(self, ended: Ended, at_ns: int) -> Track | None:
        name = self._names.get(ended.id, ended.id)
        before = self._published.get(name)
        if before is None or before.state is TrackState.ENDED:
            return None
        state = TrackState.ENDED
        return self._publish(_track(name, state, at_ns, ended.row, ended.parts, ended.own, None))

    def _go_back(self) -> list[Track]:
        """Take late detections in where they belong, and publish what became different."""
        late = sorted(self._late.values(), key=lambda item: (item.at_ns, item.sensor, item.id))
        self._late = {}
        steps = self._history.go_again(late)
        table = self._history.table
        alive = {table.ids[row]: row for row in np.flatnonzero(table.rows["confirmed"]).tolist()}
        told: list[Track] = []
        member: dict[str, str] = {}
        for step in steps:
            member |= {item.id: name for item, name in zip(step.by, step.names, strict=True)}
        shown = {self._names.get(name, name) for name in alive}
        for name, track in sorted(self._published.items()):
            if track.state is TrackState.ENDED or name in shown:
                continue
            # The track begins with another detection now: it stays known under its old id.
            heir = member.get(name)
            taken = self._published
            if heir and heir in alive and self._names.get(heir, heir) not in taken:
                self._names[heir] = name
                continue
            at_ns = max(track.at_ns, self._done * self._hold.bin_ns)
            told.append(
                self._publish(replace(track, state=TrackState.ENDED, at_ns=at_ns, last=None))
            )
        return told + self._revisions(np.array(sorted(alive.values()), dtype=np.intp))

    def _prune(self, oldest_ns: int) -> None:
        """Forget ended tracks that no late data can bring back, and names of tracks gone."""
        self._pruned_s = oldest_ns // NS
        old = oldest_ns - round(self.settings.lateness_s * NS)
        gone = [
            name
            for name, track in self._published.items()
            if track.state is TrackState.ENDED and track.at_ns < old
        ]
        for name in gone:
            del self._published[name]
        if self._names:
            self._names = {
                row: name for row, name in self._names.items() if name in self._published
            }

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        hold = self._hold
        return write_snapshot(
            "tracker",
            VERSION,
            fingerprint(self.settings),
            {
                "clock_ns": hold.clock_ns,
                "waiting": [
                    encode(item).decode()
                    for number in sorted(hold.waiting)
                    for item in hold.waiting[number].values()
                ],
                "per_second": [[*key, number] for key, number in hold.per_second.items()],
                "counts": hold.counts,
                "history": self._history.to_json(),
                "late": [encode(item).decode() for item in self._late.values()],
                "late_since": self._late_since,
                "done": self._done,
                "published": [encode(track).decode() for track in self._published.values()],
                "names": self._names,
                "pruned_s": self._pruned_s,
            },
        )

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote.

        Raises:
            SnapshotError: of another version, stage or setting; nothing is changed then.
        """
        read = read_snapshot(state, "tracker", VERSION, fingerprint(self.settings))
        fresh = Tracker(self.settings)
        with undamaged("tracker"):
            fresh._read(read)
        self.__dict__.update(fresh.__dict__)

    def _read(self, read: dict[str, Any]) -> None:
        hold = self._hold
        hold.clock_ns = int(read["clock_ns"])
        for item in map(detection, read["waiting"]):
            hold.waiting.setdefault(item.at_ns // hold.bin_ns, {})[item.id] = item
        hold.per_second = {
            (sensor, mark, second): number for sensor, mark, second, number in read["per_second"]
        }
        hold.counts = dict(read["counts"])
        self._history.from_json(read["history"])
        self._late = {item.id: item for item in map(detection, read["late"])}
        self._late_since = int(read["late_since"])
        self._done = int(read["done"])
        for line in read["published"]:
            track = decode(line)
            if not isinstance(track, Track):
                raise SnapshotError(
                    f"tracker snapshot holds a {track.record}: wanted a track; "
                    "start without the snapshot and read the journal"
                )
            self._published[track.id] = track
        self._names = dict(read["names"])
        self._pruned_s = int(read["pruned_s"])


def _track(
    name: str,
    state: TrackState,
    at_ns: int,
    row: Rows,
    parts: tuple[Part, ...],
    own: str | None,
    last: Detection | None,
) -> Track:
    """Write one row as a track; its revision is given when it is published."""
    east, north, velocity_east, velocity_north = row["x"][0].tolist()
    spread = row["p"][0]
    confidence = 1.0 / (1.0 + math.exp(-float(row["llr"][0])))
    return Track(
        id=name,
        revision=0,
        state=state,
        mark=MARKS[int(row["mark"][0])],
        at_ns=at_ns,
        started_at_ns=int(row["born"][0]),
        east_m=east,
        north_m=north,
        covariance=Covariance(float(spread[0, 0]), float(spread[0, 1]), float(spread[1, 1])),
        velocity_east_mps=velocity_east,
        velocity_north_mps=velocity_north,
        classes=dict(zip(CLASSES, row["classes"][0].tolist(), strict=True)),
        confidence=1.0 if own is not None else confidence,
        sensors=tuple(part[0] for part in parts),
        detections=int(row["detections"][0]),
        count=int(row["count"][0]),
        own_force=own,
        last=last,
        contributions=tuple(
            Contribution(sensor, SensorKind(kind), first, until, number, best)
            for sensor, kind, first, until, number, best in parts
        ),
    )
