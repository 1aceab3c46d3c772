"""``straja process``: the whole pipeline over a recording or scene, without broker or database.

What detection concludes waits until event time is well past it, and reaches the tracker in the
order of (event time, sensor, id) with ticks at whole seconds between. So the output depends on
what was measured and not on how the input was cut into frames, files or batches.
"""

import dataclasses
import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from geo.site import Site
from sensors.messages import Mark
from services.events import (
    Alert,
    Command,
    Conclusion,
    Detection,
    Gap,
    Received,
    Rejected,
    Tick,
    Track,
    encode,
)
from services.run.extent import Extent, SceneFault
from services.run.pipeline import Back, Front

_NS = 1_000_000_000
_LATENESS_NS = 40 * _NS
"""Longer than the longest frame (16,384 samples at 500 Hz, 33 s) and any late report."""
_LONGEST_PAUSE_S = 3_600
"""Ticks sent into a pause of the input; more would say nothing new."""


@dataclass(slots=True)
class Counts:
    """What a run over an input saw."""

    messages: int = 0
    rejected: int = 0
    lost: int = 0
    detections: int = 0
    tracks: int = 0
    alerts: int = 0
    seconds: float = 0.0

    def take(self, event: Conclusion) -> None:
        """Count one event."""
        self.rejected += isinstance(event, Rejected)
        if isinstance(event, Gap):
            self.lost += event.last_missing - event.first_missing + 1
        self.detections += isinstance(event, Detection)
        self.tracks += isinstance(event, Track) and event.revision == 1
        self.alerts += isinstance(event, Alert) and event.change.what == "raised"


class Processing:
    """The pipeline over one input, in event-time order."""

    def __init__(self, timeline: Site, at_ns: int, run: str, mark: Mark | None = None) -> None:
        """Set up.

        Args:
            timeline: the site with all its rows.
            at_ns: when the input begins.
            run: name that ids derive from.
            mark: given to everything heard instead of its own.
        """
        self._front = Front(timeline, at_ns, frames=True, mark=mark)
        self._back = Back(timeline, at_ns, run)
        self._waiting: list[tuple[int, int, str, str, Detection | Command]] = []
        self._front_tick_ns = 0
        self._back_tick_ns = 0
        self._latest_ns = 0
        self._first_ns: int | None = None
        self.counts = Counts()

    def push(self, item: Received | Command) -> Iterator[Conclusion]:
        """Take one item; yields what is settled by now."""
        yield from self._tick_front(time_of(item))
        if isinstance(item, Command):
            self._hold(item)
        else:
            self.counts.messages += 1
            yield from self._take(self._front.push(item))
        yield from self._settle(self._latest_ns - _LATENESS_NS)

    def finish(self) -> Iterator[Conclusion]:
        """Let everything that was held back take effect."""
        if self._first_ns is None:
            return
        self.counts.seconds = (self._latest_ns - self._first_ns) / _NS
        yield from self._tick_front(self._latest_ns + 2 * _NS)
        yield from self._settle(self._latest_ns)

    def _tick_front(self, at_ns: int) -> Iterator[Conclusion]:
        if self._first_ns is None:
            self._first_ns = at_ns
            self._front_tick_ns = self._back_tick_ns = at_ns // _NS * _NS
        self._latest_ns = max(self._latest_ns, at_ns)
        due_ns = self._latest_ns // _NS * _NS
        self._front_tick_ns = max(self._front_tick_ns, due_ns - _LONGEST_PAUSE_S * _NS)
        while self._front_tick_ns < due_ns:
            self._front_tick_ns += _NS
            yield from self._take(self._front.push(Tick(self._front_tick_ns)))

    def _take(self, events: Iterable[Conclusion]) -> Iterator[Conclusion]:
        for event in events:
            if isinstance(event, Detection):
                self._hold(dataclasses.replace(event, received_at_ns=0))
            else:
                self.counts.take(event)
                yield event

    def _hold(self, item: Detection | Command) -> None:
        rank, sensor = (0, item.sensor) if isinstance(item, Detection) else (1, "")
        heapq.heappush(self._waiting, (item.at_ns, rank, sensor, item.id, item))

    def _settle(self, until_ns: int) -> Iterator[Conclusion]:
        """Push all that lies before ``until_ns`` through the back, with its ticks."""
        self._back_tick_ns = max(self._back_tick_ns, until_ns // _NS * _NS - _LONGEST_PAUSE_S * _NS)
        while self._back_tick_ns + _NS <= until_ns:
            tick_ns = self._back_tick_ns + _NS
            while self._waiting and self._waiting[0][0] < tick_ns:
                yield from self._push(heapq.heappop(self._waiting)[-1])
            self._back_tick_ns = tick_ns
            yield from self._push(Tick(tick_ns))

    def _push(self, item: Detection | Command | Tick) -> Iterator[Conclusion]:
        events = self._back.push(item)
        for event in [item, *events] if isinstance(item, Detection) else events:
            self.counts.take(event)
            yield event


class Output:
    """The three files of a run: one record a line."""

    def __init__(self, folder: Path) -> None:
        """Create the folder; files of an earlier run are replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        self._files: dict[type, BinaryIO] = {
            kind: self._stack.enter_context((folder / name).open("wb"))
            for kind, name in (
                (Detection, "detections.jsonl"),
                (Track, "tracks.jsonl"),
                (Alert, "alerts.jsonl"),
            )
        }

    def write(self, event: Conclusion) -> None:
        """Write an event to its file, where it has one."""
        file = self._files.get(type(event))
        if file is not None:
            file.write(encode(event) + b"\n")

    def close(self) -> None:
        """Close the files."""
        self._stack.close()


def process(
    items: Iterable[Received | Command],
    timeline: Site,
    folder: Path,
    *,
    run: str,
    mark: Mark | None = None,
    faults: Sequence[SceneFault] = (),
) -> Counts:
    """Run the pipeline over ``items`` and write what follows to ``folder``.

    Args:
        items: in the order received.
        timeline: the site with all its rows; event time says which of them apply.
        folder: for ``detections.jsonl``, ``tracks.jsonl``, ``alerts.jsonl``, ``run.json``.
        run: name that ids derive from; the same input needs the same name for the same bytes.
        mark: given to everything heard instead of its own.
        faults: that the input has on purpose.
    """
    extent = Extent(faults=faults)
    output = Output(folder)
    processing: Processing | None = None
    try:
        for item in items:
            extent.take(item)
            if processing is None:
                processing = Processing(timeline, time_of(item), run, mark)
            for event in processing.push(item):
                output.write(event)
        for event in processing.finish() if processing else ():
            output.write(event)
    finally:
        output.close()
    counts = processing.counts if processing else Counts()
    extent.write(folder, run=run, site=timeline.hash, **asdict(counts))
    return counts


def time_of(item: Received | Command) -> int:
    """When an item came, ns UTC."""
    return item.received_at_ns if isinstance(item, Received) else item.at_ns
