"""Keeping a stretch and time of the ring, with a reason and an end.

What is kept is copied out of the ring into a recording of its own, so that it can be moved,
processed and replayed like any other; the ring goes on as before.
"""

import difflib
import hashlib
import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from geo.errors import ConfigError, RecordingError
from geo.site import Site
from sensors.messages import time_to_text
from services.events import Command, Received
from services.recording.file import Recorder
from services.recording.reading import Kept as Stored
from services.recording.reading import Recording
from services.recording.stretch import sensors_between

_NS = 1_000_000_000
_FRAMES = "frames"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept.

    Attributes:
        begin_ns: first message that the ring still had; None where nothing was found.
        sensors: of the stretch; empty for all.
        missing_s: seconds of the time asked for that the ring had let go already.
        left_out: damaged blocks of the ring that could not be copied.
        commands: operators' commands beside the messages; None where they could not be had.
    """

    name: str
    file: Path
    messages: int
    bytes: int
    since_ns: int
    to_ns: int
    begin_ns: int | None
    missing_s: float
    until_ns: int
    reason: str
    sensors: tuple[str, ...] = ()
    left_out: int = 0
    commands: int | None = None

    def figures(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "name": self.name,
            "file": str(self.file),
            "messages": self.messages,
            "bytes": self.bytes,
            "from": time_to_text(self.since_ns),
            "to": time_to_text(self.to_ns),
            "missing_s": round(self.missing_s, 3),
            "until": time_to_text(self.until_ns),
            "reason": self.reason,
            "sensors": list(self.sensors),
            "left_out": self.left_out,
            "commands": self.commands,
        }

    def __str__(self) -> str:
        """Say it in a sentence."""
        missing = (
            f"; the first {self.missing_s:.0f} s had left the ring already"
            if self.missing_s >= 1.0
            else ""
        )
        until = time_to_text(self.until_ns)
        commands = (
            "; operators' commands are not in it, since no database with them was in reach"
            if self.commands is None
            else f"; with {self.commands} commands of operators"
        )
        of = f" of {len(self.sensors)} sensors" if self.sensors else ""
        return f"{self.messages} messages{of} kept in {self.file} until {until}{missing}{commands}"


def keep(
    ring: Path,
    kept: Path,
    since: datetime,
    to: datetime,
    *,
    sensors: Sequence[str],
    reason: str,
    until: datetime,
    chainage_m: tuple[float, float] | None = None,
    commands: Sequence[Command] | None = None,
    advance: Callable[[float], None] = lambda _: None,
) -> Kept:
    """Copy a time and stretch out of the ring.

    The service may go on writing the ring meanwhile.

    Args:
        ring: folder of the ring, with its parts in folders below.
        kept: folder for what is kept.
        since: first time.
        to: last time.
        sensors: names of the sensors of the stretch; all where empty and no chainage is given.
            What a gateway says of itself is kept with any of its sensors.
        chainage_m: begin and end of the stretch along the border line instead, metres: its
            sensors are those of the site that applied.
        reason: why.
        until: when ``expire`` may remove it.
        commands: what operators decided in that time, which the ring does not hold; None where it
            cannot be had, which is told.
        advance: told how many seconds of the time are done.

    Raises:
        ConfigError: where times, stretch or reason cannot be, or the ring knows no sensor of a
            name.
        RecordingError: where the ring has nothing of this time and stretch, or the disk takes no
            more.
    """
    since_ns, to_ns, until_ns = _ns("--from", since), _ns("--to", to), _ns("--until", until)
    if to_ns <= since_ns:
        raise ConfigError(f"--to is {to}: wanted a time after --from, {since}")
    if until_ns <= to_ns:
        raise ConfigError(f"--until is {until}: wanted a time after --to, {to}")
    if not reason.strip():
        raise ConfigError("--reason is empty: say why this is kept, such as an incident's id")
    parts = _parts(ring)
    site_text = _site_text(parts, to_ns)
    known = _known(parts)
    if chainage_m is None:
        _all_known(sensors, known)
    elif sensors:
        raise ConfigError("--sensor and --from-chainage both name a stretch: give one of them")
    else:
        sensors = _sensors_of(chainage_m, site_text, since_ns, to_ns, known)
    wanted = _Stretch(parts, sensors)
    state = _state_at(parts, since_ns, wanted)
    name = _name(since_ns, to_ns, sensors, reason)
    file = kept / f"{name}.mcap"
    fresh = kept / f"{name}.part"
    head = {
        "run": "live",
        "kept": name,
        "reason": reason,
        "from_ns": str(since_ns),
        "to_ns": str(to_ns),
        "until_ns": str(until_ns),
        "sensors": " ".join(sensors),
        "created_at": time_to_text(time.time_ns()),
        "commands": "" if commands is None else str(len(commands)),
    }
    if chainage_m is not None:
        head["chainage_m"] = " ".join(f"{one:g}" for one in chainage_m)
    begin_ns: int | None = None
    fresh.unlink(missing_ok=True)  # of a keeping that was killed
    try:
        with Recorder(fresh, head=head, site_text=site_text) as recorder:
            decided = deque(sorted(commands or (), key=attrgetter("at_ns")))
            for stored in _merged(parts, since_ns, to_ns, wanted):
                advance((stored.at_ns - since_ns) / _NS)
                if begin_ns is None:
                    begin_ns = stored.at_ns
                    for topic, payload in sorted(state.items()):
                        recorder.add(Received(since_ns, topic, payload, retained=True), told=True)
                while decided and decided[0].at_ns < stored.at_ns:
                    recorder.add(decided.popleft())
                recorder.add(stored.item)
            for command in decided:
                recorder.add(command)
        if begin_ns is None:
            raise RecordingError(
                f"the ring {str(ring)!r} has nothing of {', '.join(sensors) or 'any sensor'} from "
                f"{time_to_text(since_ns)} to {time_to_text(to_ns)}: {_reaches(parts)}"
            )
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    oldest_ns = _oldest(parts)
    missing_ns = max(0, (oldest_ns or 0) - since_ns)
    return Kept(
        name=name,
        file=file,
        messages=recorder.messages,
        bytes=recorder.payload_bytes,
        since_ns=since_ns,
        to_ns=to_ns,
        begin_ns=begin_ns,
        missing_s=missing_ns / _NS,
        until_ns=until_ns,
        reason=reason,
        sensors=tuple(sensors),
        left_out=sum(
            max(0, len(r.warnings) - (not r.closed)) for recordings in parts for r in recordings
        ),
        commands=None if commands is None else len(commands),
    )


def expire(kept: Path, now_ns: int) -> list[Path]:
    """Remove what is kept past its end; give the files removed.

    Nothing else in the folder is touched.
    """
    removed = []
    for file in sorted(kept.glob("*.mcap")):
        try:
            until_ns = int(Recording(file).head["until_ns"])
        except (RecordingError, KeyError, ValueError):
            continue
        if until_ns <= now_ns:
            file.unlink(missing_ok=True)
            removed.append(file)
    return removed


class _Stretch:
    """Says of a topic whether it belongs to the stretch."""

    def __init__(self, parts: Sequence[Sequence[Recording]], sensors: Sequence[str]) -> None:
        self._sensors = set(sensors)
        self._groups: set[str] = set()
        if sensors:
            for recordings in parts:
                for recording in recordings:
                    for topic in recording.topics():
                        levels = topic.split("/")
                        if len(levels) == 6 and levels[4] in self._sensors:
                            self._groups.add(levels[2])

    def __call__(self, topic: str) -> bool:
        if not self._sensors:
            return True
        levels = topic.split("/")
        if len(levels) == 5 and levels[3] == "gateway":
            return levels[2] in self._groups
        return len(levels) == 6 and levels[4] in self._sensors


def _known(parts: Sequence[Sequence[Recording]]) -> set[str]:
    """Names of all sensors that the ring has something of."""
    topics = {topic for recordings in parts for one in recordings for topic in one.topics()}
    return {levels[4] for levels in (topic.split("/") for topic in topics) if len(levels) == 6}


def _all_known(sensors: Sequence[str], known: set[str]) -> None:
    for name in sensors:
        if name not in known:
            like = difflib.get_close_matches(name, known, 3) or sorted(known)[:3]
            raise ConfigError(
                f"--sensor is {name!r}: the ring has nothing of a sensor of this name; it has "
                f"{len(known)}, among them {', '.join(like)}"
            )


def _sensors_of(
    chainage_m: tuple[float, float],
    site_text: str | None,
    since_ns: int,
    to_ns: int,
    known: set[str],
) -> list[str]:
    if site_text is None:
        raise RecordingError("the ring holds no site file: name the sensors with --sensor")
    site = Site.parse(site_text, "the ring's site file")
    there = sensors_between(site, since_ns, to_ns, *chainage_m)
    if not there & known:
        raise RecordingError(
            f"the ring has nothing of the {len(there)} sensors from chainage {chainage_m[0]:g} to "
            f"{chainage_m[1]:g}: give a longer stretch, or name sensors with --sensor"
        )
    return sorted(there & known)


def _site_text(parts: Sequence[Sequence[Recording]], to_ns: int) -> str | None:
    """The site file that applied last before a time's end."""
    having = [one for recordings in parts for one in recordings if one.site_text is not None]
    begun = [one for one in having if one.begin_ns is not None and one.begin_ns <= to_ns]
    last = max(begun or having, key=lambda one: one.begin_ns or 0, default=None)
    return None if last is None else last.site_text


def _ns(option: str, moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ConfigError(f"{option} is {moment}: wanted a time with its zone, for example with Z")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * _NS + since.microseconds * 1_000


def _parts(ring: Path) -> list[list[Recording]]:
    """The ring's recordings, by folder; what small traffic there is comes before frames."""
    files = sorted(ring.rglob("*.mcap"), key=lambda file: (_of_frames(file), file))
    parts = []
    for _, group in groupby(files, key=attrgetter("parent")):
        recordings = []
        for file in group:
            try:
                recordings.append(Recording(file))
            except RecordingError:
                continue  # let go by the ring since, or begun this moment
        if recordings:
            parts.append(recordings)
    if not parts:
        raise RecordingError(
            f"there is no ring of recordings in {str(ring)!r}: give --data of a running service"
        )
    return parts


def _of_frames(file: Path) -> bool:
    return file.parent.name.startswith(_FRAMES)


def _merged(
    parts: Sequence[Sequence[Recording]], since_ns: int, to_ns: int, wanted: _Stretch
) -> Iterator[Stored]:
    streams = [
        _one(recordings, since_ns, to_ns, wanted, others) for others, recordings in enumerate(parts)
    ]
    return heapq.merge(*streams, key=attrgetter("at_ns"))


def _one(
    recordings: Sequence[Recording], since_ns: int, to_ns: int, wanted: _Stretch, others: int
) -> Iterator[Stored]:
    """One folder's messages; registrations, which frame workers hear too, come from one folder."""
    for recording in recordings:
        twice = others > 0 and _of_frames(recording.path)
        try:
            for stored in recording.kept(since_ns, to_ns, wanted):
                registers = isinstance(stored.item, Received) and stored.item.topic.endswith(
                    "/register"
                )
                if not stored.told and not (twice and registers):
                    yield stored
        except FileNotFoundError:
            continue  # the ring let it go while we read


def _state_at(
    parts: Sequence[Sequence[Recording]], since_ns: int, wanted: _Stretch
) -> dict[str, bytes]:
    """What the broker retained when the time began, as far as the ring knows."""
    state: dict[str, bytes] = {}
    for recordings in parts:
        before = [r for r in recordings if r.begin_ns is not None and r.begin_ns <= since_ns]
        for recording in before[-1:] or recordings[:1]:
            last_ns = max(since_ns, recording.begin_ns or 0)
            try:
                for stored in recording.kept(0, last_ns, wanted):
                    item = stored.item
                    if isinstance(item, Received) and item.topic.endswith(("/register", "/status")):
                        state[item.topic] = item.payload
            except FileNotFoundError:
                continue
    return {topic: payload for topic, payload in state.items() if payload}


def _oldest(parts: Sequence[Sequence[Recording]]) -> int | None:
    """Since when the whole ring reaches back: the shortest of its parts says."""
    begins = [
        min((r.begin_ns for r in recordings if r.begin_ns is not None), default=None)
        for recordings in parts
    ]
    return max((begin for begin in begins if begin is not None), default=None)


def _reaches(parts: Sequence[Sequence[Recording]]) -> str:
    begins = [r.begin_ns for recordings in parts for r in recordings if r.begin_ns is not None]
    if not begins:
        return "it is empty"
    return f"it reaches back to {time_to_text(min(begins))}"


def _name(since_ns: int, to_ns: int, sensors: Sequence[str], reason: str) -> str:
    text = f"{since_ns} {to_ns} {sorted(sensors)} {reason}"
    moment = time_to_text(since_ns)[:19].replace(":", "").replace("-", "")
    return f"{moment}Z-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
