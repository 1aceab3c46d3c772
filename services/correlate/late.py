"""What came too late for the tracker: gone through by itself, once its sender has told it all.

A gateway that was out of reach for minutes publishes what it kept while everybody else is heard
live. The tracker's present cannot be taken back so far; but somebody may have crossed meanwhile,
and no one may be lost. So such detections are collected until they stop coming, and then a tracker
of their own goes through them in order of event time.
"""

from dataclasses import dataclass
from typing import Any

from sensors.topics import PROOF_GROUP
from services.correlate.settings import TrackerSettings
from services.correlate.state import detection
from services.correlate.tracker import Tracker
from services.events import Detection, Tick, Track, TrackState, encode
from services.stage import fingerprint, read_snapshot, undamaged, write_snapshot

VERSION = 1
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LateSettings:
    """How long is waited for more; all assumed.

    Attributes:
        quiet_s: nothing late came for so long: the sender has told it all.
        patience_s: so long is waited at most, from the first that came.
        most: detections collected at most; then they are gone through at once.
        oldest_s: what is older than this is of no use to anybody on watch; counted and left out.
    """

    quiet_s: float = 3.0
    patience_s: float = 30.0
    most: int = 20_000
    oldest_s: float = 21_600.0


@dataclass(frozen=True, slots=True)
class LateTrack:
    """A track that nobody was told of in its time.

    Attributes:
        first: as it was confirmed.
        last: as it was last confirmed, with all that its sensors gave.
        at_ns: when it became known.
    """

    first: Track
    last: Track
    at_ns: int


class Late:
    """Stage from late detections to whole tracks; see the module."""

    def __init__(
        self, tracker: TrackerSettings | None = None, settings: LateSettings | None = None
    ) -> None:
        """Begin with nothing collected."""
        self._tracker = tracker or TrackerSettings()
        self.settings = settings or LateSettings()
        self._collected: dict[str, Detection] = {}
        self._now_ns = 0
        self._first_ns = 0
        self._newest_ns = 0
        self.counts: dict[str, int] = {}

    def push(self, item: Detection | Tick) -> list[LateTrack]:
        """Collect a detection, or let time pass.

        Returns:
            Tracks that became known, in order of their confirmation.
        """
        if isinstance(item, Tick):
            self._now_ns = max(self._now_ns, item.at_ns)
            return self._go_through() if self._is_due() else []
        if item.group == PROOF_GROUP or self._is_too_old(item):
            self._tally("refused_too_old")
            return []
        self._tally("late")
        if not self._collected:
            self._first_ns = self._now_ns
        self._newest_ns = self._now_ns
        self._collected.setdefault(item.id, item)
        return self._go_through() if len(self._collected) >= self.settings.most else []

    def _is_too_old(self, item: Detection) -> bool:
        return item.at_ns < self._now_ns - round(self.settings.oldest_s * NS)

    def _is_due(self) -> bool:
        if not self._collected:
            return False
        quiet_ns, patience_ns = (
            round(seconds * NS) for seconds in (self.settings.quiet_s, self.settings.patience_s)
        )
        return (
            self._now_ns >= self._newest_ns + quiet_ns
            or self._now_ns >= self._first_ns + patience_ns
        )

    def _go_through(self) -> list[LateTrack]:
        found = sorted(
            self._collected.values(), key=lambda item: (item.at_ns, item.sensor, item.id)
        )
        self._collected = {}
        tracker = Tracker(self._tracker)
        tracks = [track for item in found for track in tracker.push(item)]
        # Far enough for what is held to go through, and no farther: nothing has to end.
        beyond_ns = found[-1].at_ns + round(2.0 * (self._tracker.hold_s + 1.0) * NS)
        tracks += tracker.push(Tick(beyond_ns))
        first: dict[str, Track] = {}
        last: dict[str, Track] = {}
        for track in tracks:
            if isinstance(track, Track) and track.state is TrackState.CONFIRMED:
                first.setdefault(track.id, track)
                last[track.id] = track
        return [LateTrack(one, last[name], self._now_ns) for name, one in first.items()]

    def _tally(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        state: dict[str, Any] = {
            "collected": [encode(item).decode() for item in self._collected.values()],
            "now_ns": self._now_ns,
            "first_ns": self._first_ns,
            "newest_ns": self._newest_ns,
            "counts": self.counts,
        }
        return write_snapshot("late", VERSION, fingerprint(self.settings), state)

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote.

        Raises:
            SnapshotError: of another version, stage or setting; nothing is changed then.
        """
        read = read_snapshot(state, "late", VERSION, fingerprint(self.settings))
        with undamaged("late"):
            collected = {item.id: item for item in map(detection, read["collected"])}
            times = [int(read[name]) for name in ("now_ns", "first_ns", "newest_ns")]
            counts = dict(read["counts"])
        self._collected, self.counts = collected, counts
        self._now_ns, self._first_ns, self._newest_ns = times
