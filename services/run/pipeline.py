"""The straight way through all pure stages: items in, events out.

``Front`` turns messages into detections, ``Back`` turns detections into alerts. The service puts
the journal before both; ``straja process`` runs them without anything around.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import cbor2

from geo.errors import SnapshotError
from geo.site import Site
from sensors.messages import FibreFrame, Mark, ThermalFrame
from services.alerts.lifecycle import Lifecycle
from services.config.settings import Settings
from services.correlate.incidents import Incidents
from services.correlate.late import Late, LateTrack
from services.correlate.site_memory import SiteMemory
from services.correlate.tracker import Tracker
from services.detect.fibre import FibreDetection
from services.detect.reports import ReportDetection
from services.detect.thermal import ThermalDetection
from services.events import (
    Command,
    Conclusion,
    Detection,
    Gap,
    Heard,
    Incident,
    Item,
    Received,
    Reception,
    Rejected,
    Tick,
    Track,
)
from services.health import Ledger
from services.ingest.intake import Intake

# Put together once: building a union costs as much as asking, and this is asked of every report.
_FROM_OUTSIDE = (Received, Tick)
_BY_WORKERS = (Tick, Reception, Gap, Rejected)
_TOLD = (Gap, Rejected)
_RAW = (FibreFrame, ThermalFrame)


class Lasting(Protocol):
    """What can be written down and restored."""

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        ...

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote."""
        ...


class Stages:
    """Named stages that are written down and restored together."""

    def __init__(self, stages: Mapping[str, Lasting]) -> None:
        """Keep the stages by the name under which each one's state is stored."""
        self.named = dict(stages)

    def snapshot(self) -> dict[str, bytes]:
        """State of each stage."""
        return {name: stage.snapshot() for name, stage in self.named.items()}

    def restore(self, states: Mapping[str, bytes]) -> list[str]:
        """Go on from ``snapshot``, each stage by itself.

        Returns:
            Names of stages that begin anew, since their state is missing or of another version or
            setting; the others go on, so an open alert does not hang on a tracker's settings.
        """
        anew = []
        for name, stage in self.named.items():
            try:
                stage.restore(states[name])
            except (KeyError, SnapshotError):
                anew.append(name)
        return anew


class Validity:
    """Which site and settings apply, from one change of the site's rows to the next.

    Attributes:
        restarted: stages that could not go on from their state after a change, by name.
    """

    def __init__(self, timeline: Site, at_ns: int) -> None:
        """Take the site with all its rows, and the time to begin with."""
        self._timeline = timeline
        self.restarted: list[str] = []
        self._move(at_ns)

    def _move(self, at_ns: int) -> None:
        self.site = self._timeline.at(at_ns)
        self.settings = Settings.from_rows(self.site.settings)
        self._since_ns = max(
            (change for change in self._timeline.changes_ns if change <= at_ns), default=None
        )
        self._until_ns = self._timeline.next_change_ns(at_ns)

    def passes(self, tick: Tick) -> bool:
        """Move to what applies at ``tick``; whether that is something else than before."""
        begun = self._since_ns is None or self._since_ns <= tick.at_ns
        if begun and (self._until_ns is None or tick.at_ns < self._until_ns):
            return False
        self._move(tick.at_ns)
        return True

    def carry_over(self, before: Stages, after: Stages) -> None:
        """Let new stages go on from the old ones' states, where their settings allow it."""
        self.restarted += after.restore(before.snapshot())


class FrameDetection:
    """Raw frames of fibres and cameras to detections; what one frame worker runs."""

    def __init__(self, site: Site, settings: Settings) -> None:
        """Set up both kinds of frames."""
        self._fibre = FibreDetection(site, settings.fibre)
        self._thermal = ThermalDetection(site, settings.thermal)
        self.stages = Stages({"fibre": self._fibre, "thermal": self._thermal})

    def push(self, item: Heard | Gap | Tick) -> list[Detection | Reception]:
        """Take one decoded frame, gap or tick."""
        if isinstance(item, Heard):
            if isinstance(item.message, FibreFrame):
                return list(self._fibre.push(item))
            if isinstance(item.message, ThermalFrame):
                return list(self._thermal.push(item))
            if item.topic.kind == "fibre":
                return list(self._fibre.push(item))
            return list(self._thermal.push(item))
        return [*self._fibre.push(item), *self._thermal.push(item)]

    def snapshot(self) -> bytes:
        """Write the state of both down."""
        return cbor2.dumps(self.stages.snapshot())

    def restore(self, state: bytes) -> None:
        """Go on from ``snapshot``.

        Raises:
            SnapshotError: where it is none, or of another version.
        """
        try:
            states = cbor2.loads(state)
        except cbor2.CBORDecodeError as error:
            raise SnapshotError(f"frame detection: {error}; start without it") from error
        if not isinstance(states, dict):
            raise SnapshotError("frame detection: its state is damaged; start without it")
        self.stages.restore(states)


class Front:
    """Messages to detections, and the ledger of all sensors beside."""

    def __init__(
        self, timeline: Site, at_ns: int, *, frames: bool, mark: Mark | None = None
    ) -> None:
        """Set up.

        Args:
            timeline: the site with all its rows; ticks say which of them apply.
            at_ns: time to begin with.
            frames: whether raw frames are detected here, or by workers of their own.
            mark: given to everything heard instead of its own, for a replay.
        """
        self.validity = Validity(timeline, at_ns)
        self._with_frames = frames
        self._mark = mark
        self._open()

    def _open(self) -> None:
        site, settings, mark = self.validity.site, self.validity.settings, self._mark
        self._intake = Intake(site, settings.intake, mark=mark)
        self._reports = ReportDetection(site, settings.reports)
        self._frames = FrameDetection(site, settings) if self._with_frames else None
        self.ledger = Ledger(site, settings.ledger)
        self.stages = Stages(
            {
                "intake": self._intake,
                "reports": self._reports,
                "ledger": self.ledger,
                **(self._frames.stages.named if self._frames else {}),
            }
        )

    def push(self, item: Received | Reception | Gap | Rejected | Tick) -> list[Conclusion]:
        """Take one item; give detections, refusals, gaps and changes of health."""
        if isinstance(item, Tick) and self.validity.passes(item):
            before = self.stages
            self._open()
            self.validity.carry_over(before, self.stages)
        events: list[Conclusion] = []
        heard: Iterable[Heard | Gap | Rejected | Reception]
        heard = self._intake.push(item) if isinstance(item, _FROM_OUTSIDE) else (item,)
        for what in heard:
            events += self.ledger.push(what)
            if isinstance(what, Heard):
                events += self._detect(what)
            elif isinstance(what, _TOLD):
                events.append(what)
                if isinstance(what, Gap) and self._frames:
                    events += self._frames.push(what)
        if isinstance(item, Tick):
            events += self._reports.push(item)
            events += self._frames.push(item) if self._frames else ()
            events += self.ledger.push(item)
        return self._without_receptions(events)

    def journalled(self, received: Received) -> None:
        """Count a journalled message for its gateway."""
        levels = received.topic.split("/", 3)
        if len(levels) > 2:
            self.ledger.journalled(levels[2], 1)

    def _detect(self, heard: Heard) -> list[Conclusion]:
        if isinstance(heard.message, _RAW):
            return list(self._frames.push(heard)) if self._frames else []
        events: list[Conclusion] = list(self._reports.push(heard))
        if self._frames:
            events += self._frames.push(heard)
        return events

    def _without_receptions(self, events: list[Conclusion]) -> list[Conclusion]:
        """Detectors say a sensor's faults as receptions: those go to the ledger and end there."""
        out: list[Conclusion] = []
        for event in events:
            if isinstance(event, Reception):
                out += self.ledger.push(event)
            else:
                out.append(event)
        return out


class Back:
    """Detections to tracks, incidents and alerts."""

    def __init__(self, timeline: Site, at_ns: int, run: str) -> None:
        """Set up for one run, ``live`` or a replay's name; for the rest see ``Front``."""
        self.validity = Validity(timeline, at_ns)
        self._run = run
        self._passed_ns = 0
        self._open()

    def _open(self) -> None:
        site, settings, run = self.validity.site, self.validity.settings, self._run
        self._tracker = Tracker(settings.tracker)
        self._late = Late(settings.tracker, settings.late)
        self._incidents = Incidents(site, run, settings.incidents)
        self.memory = SiteMemory(site, run, settings.memory)
        self._lifecycle = Lifecycle(run, settings.lifecycle)
        self.stages = Stages(
            {
                "tracker": self._tracker,
                "late": self._late,
                "incidents": self._incidents,
                "memory": self.memory,
                "lifecycle": self._lifecycle,
            }
        )

    @property
    def left_out(self) -> dict[tuple[str, str], int]:
        """How many items no alert was made of, by stage and reason."""
        counts = {
            "tracker": self._tracker.counts,
            "late": self._late.counts,
            "incidents": self._incidents.counts,
        }
        return {(stage, why): n for stage, all_ in counts.items() for why, n in all_.items()}

    def push(self, item: Detection | Tick | Command) -> list[Conclusion]:
        """Take one item; give tracks, incidents, alerts and proofs."""
        if isinstance(item, Tick):
            item = item.heard
            if item.at_ns <= self._passed_ns:
                return []
            self._passed_ns = item.at_ns
            if self.validity.passes(item):
                before = self.stages
                self._open()
                self.validity.carry_over(before, self.stages)
        events: list[Conclusion] = []
        incidents: list[Incident] = []
        if isinstance(item, Detection) and self._tracker.is_too_late(item):
            incidents += self._told_late(self._late.push(item), events)
        elif not isinstance(item, Command):
            for track in self._tracker.push(item):
                events.append(track)
                if isinstance(track, Track):
                    incidents += self._incidents.push(track)
        if isinstance(item, Tick):
            incidents += self._told_late(self._late.push(item), events)
        if not isinstance(item, Detection):
            incidents += self._incidents.push(item)
        if isinstance(item, Tick):
            self.memory.push(item)
        for found in incidents:
            for incident in self.memory.push(found):
                events.append(incident)
                events += self._lifecycle.push(incident)
        if not isinstance(item, Detection):
            events += self._lifecycle.push(item)
        return events

    def _told_late(
        self, tracks: Iterable[LateTrack], events: list[Conclusion]
    ) -> Iterable[Incident]:
        for track in tracks:
            events.append(track.last)
            yield from self._incidents.push(track)


class Pipeline:
    """Everything behind the journal."""

    def __init__(
        self,
        timeline: Site,
        at_ns: int,
        run: str,
        *,
        frames: bool = False,
        mark: Mark | None = None,
    ) -> None:
        """Join front and back; see there for the arguments."""
        self.front = Front(timeline, at_ns, frames=frames, mark=mark)
        self.back = Back(timeline, at_ns, run)

    @property
    def ledger(self) -> Ledger:
        """What is known of every sensor."""
        return self.front.ledger

    def push(self, item: Item) -> list[Conclusion]:
        """Take one journalled item; give everything that follows from it, in order."""
        if isinstance(item, Received):
            self.front.journalled(item)
        elif isinstance(item, Detection):
            return [item, *self.back.push(item)]
        elif isinstance(item, Command):
            return self.back.push(item)
        elif not isinstance(item, _BY_WORKERS):
            return []
        events: list[Conclusion] = []
        for event in self.front.push(item):
            events.append(event)
            if isinstance(event, Detection):
                events += self.back.push(event)
        if isinstance(item, Tick):
            events += self.back.push(item)
        return events

    def snapshot(self) -> dict[str, bytes]:
        """State of every stage."""
        return self.front.stages.snapshot() | self.back.stages.snapshot()

    def restore(self, states: Mapping[str, bytes]) -> list[str]:
        """Go on from ``snapshot``; names of stages that begin anew, see ``Stages.restore``."""
        return self.front.stages.restore(states) + self.back.stages.restore(states)

    @property
    def left_out(self) -> dict[tuple[str, str], int]:
        """How many items no alert was made of, by stage and reason."""
        return self.back.left_out

    @property
    def memory(self) -> SiteMemory:
        """What is usual at the site."""
        return self.back.memory

    @property
    def restarted(self) -> list[str]:
        """Stages that lost their state when other rows of the site began to apply."""
        return self.front.validity.restarted + self.back.validity.restarted
