"""The detector of one fibre sensor: continuity, time base, windows, floor, objects, faults."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensors.messages import FibreFrame
from services.detect.cable_settings import CableStateSettings
from services.detect.cable_state import CableFind, CableState
from services.detect.continuity import Continuity, Speaker
from services.detect.cover import Cover
from services.detect.fibre_settings import WINDOW_S, FibreSettings
from services.detect.floor import Floor
from services.detect.frontend import FrontEnd, Shape, Windows
from services.detect.kernels import CLIPPED_BIT, NAN_BIT, STUCK_BIT
from services.detect.method import Arrays
from services.detect.objects import Find, Followed, Objects

_NS = 1_000_000_000

_BACK_S = 5.0
"""Sample numbers that go back by more are no repeat of frames; assumed."""

_LOST_WINDOWS = 20
"""A channel from which nothing comes back is left out for so long after it was last seen so."""

_FAULTY = ((NAN_BIT, "not-a-number"), (CLIPPED_BIT, "clipped"), (STUCK_BIT, "stuck"))


@dataclass(frozen=True, slots=True)
class Told:
    """What one decision brought.

    Attributes:
        at_ns: event time, the end of the last window taken into account.
        sample: number of the sample that follows it.
        finds: objects to tell of.
        faults: in words, when they are due; None between.
        cable: what is to be told of the cable itself.
        cover: how much of it hears; None where that was not looked at.
    """

    at_ns: int
    sample: int
    finds: list[Find]
    faults: tuple[str, ...] | None
    cable: list[CableFind] = field(default_factory=list)
    cover: Cover | None = None


class FibreSensor:
    """Keeps everything that is known of one sensor between its frames."""

    def __init__(self, settings: FibreSettings) -> None:
        """Start with nothing known."""
        self.settings = settings
        self.session = ""
        self.shape: Shape | None = None
        self.heard_at_ns = 0
        self.left_out = 0
        """Runs of active channels that began no object, for there were too many."""
        self.low: tuple[str, ...] = ()
        """Stretches whose cover is lowered, in words."""
        self._anchor = (0, 0)
        self._front: FrontEnd
        self._floor: Floor
        self._objects: Objects
        self._cable: CableState
        self._continuity = Continuity()
        self._every = max(1, round(settings.decide_s / WINDOW_S))
        self._fault_every = max(1, round(settings.fault_s / WINDOW_S / self._every))
        self._faulty = np.zeros(0, np.int8)
        self._notes: set[str] = set()
        self._had_faults = False

    def gap(self) -> None:
        """Samples are missing: filters start anew, the floor is kept."""
        if self.shape is not None:
            self._front.reset()
            self._floor.reset_filters()

    def note(self, fault: str) -> None:
        """Have a fault reported with the next ones."""
        self._notes.add(fault)

    def push(self, frame: FibreFrame, at_ns: int, clock_sigma_s: float) -> list[Told]:
        """Take one frame.

        Args:
            frame: the samples.
            at_ns: event time of its first sample.
            clock_sigma_s: how well that is known.
        """
        rows, columns = frame.samples.shape
        shape = Shape(
            frame.sample_rate_hz,
            columns,
            frame.first_channel,
            frame.channel_spacing_m,
            frame.samples.dtype.str,
            frame.scale,
        )
        if not self._continuity.hears(Speaker(frame.session, shape), at_ns):
            return []
        if self._continuity.two_speak:
            self._notes.add("two-interrogators-under-one-name")
        self._begin_where_needed(frame, shape, at_ns)
        self.heard_at_ns = at_ns
        if not self._front.bands:
            return [self._too_slow(frame, at_ns)]
        first, samples = frame.first_sample, frame.samples
        expected = self._front.next_sample
        if expected >= 0 and first > expected:
            self.gap()
            self._notes.add("samples-missing")
        elif expected >= 0 and first < expected:
            self._notes.add("samples-repeated")
            if first + rows <= expected:
                return []
            samples, first = samples[expected - first :], expected
        self._keep_time(frame.first_sample, at_ns, clock_sigma_s)
        windows = self._front.push(first, samples)
        return [] if windows is None else self._take(windows)

    def time_of(self, sample: int) -> int:
        """Event time of a sample by the session's own time base."""
        number, at_ns = self._anchor
        return at_ns + round((sample - number) * _NS / self._front.shape.sample_rate_hz)

    def _begin_where_needed(self, frame: FibreFrame, shape: Shape, at_ns: int) -> None:
        """Begin anew with another session or shape, after a long silence, or by wild numbers."""
        anew = shape != self.shape or frame.session != self.session
        if anew and frame.session == self.session:
            self._notes.add("frames-changed")
        if not anew:
            away_s = (at_ns - self.heard_at_ns) / _NS
            rate_hz, expected = frame.sample_rate_hz, self._front.next_sample
            missing_s = (frame.first_sample - expected) / rate_hz if expected >= 0 else away_s
            # Samples that go on are no silence, however far the clock jumps.
            anew = min(away_s, missing_s) > self.settings.forget_s
            if away_s > 0.0 and missing_s < -_BACK_S:
                # Numbers that went back while time went on: taken for repeats, they would make
                # the sensor deaf until they are used up.
                anew = True
                self._notes.add("sample-numbers-went-back")
        if anew:
            self._start(shape, frame.session, frame.first_sample, at_ns, frame.gauge_length_m)

    def _start(
        self,
        shape: Shape,
        session: str,
        first_sample: int,
        at_ns: int,
        gauge_m: float | None,
    ) -> None:
        before = self._cable if self.shape is not None else None
        self.shape, self.session = shape, session
        self._anchor = (first_sample, at_ns)
        self._front = FrontEnd(shape)
        self._floor = Floor(self._front, self.settings)
        self._objects = Objects(self._front, self.settings)
        self._cable = CableState(shape, self._front.weight, gauge_m, CableStateSettings())
        if before is not None:
            self._cable.keep_from(before)
        self._faulty = np.zeros(shape.channels, np.int8)

    def _keep_time(self, sample: int, at_ns: int, clock_sigma_s: float) -> None:
        """Hold on to the session's time base unless a frame's time leaves it for good."""
        limit_s = max(self.settings.drift_s, 3.0 * clock_sigma_s)
        if abs(at_ns - self.time_of(sample)) > limit_s * _NS:
            self._anchor = (sample, at_ns)
            self._notes.add("time-base-moved")

    def _take(self, windows: Windows) -> list[Told]:
        """Move floor and objects on, decision by decision."""
        told = []
        start = 0
        count = len(windows.energy)
        while start < count:
            window = windows.first + start
            stop = min(count, start + self._every - window % self._every)
            part = windows.part(start, stop)
            self._cable.push(part, self._floor.usual if self._floor.warm else None)
            self._floor.hold[self._cable.lost] = _LOST_WINDOWS
            self._floor.push(part)
            self._faulty |= np.bitwise_or.reduce(part.flags, axis=0)
            last = windows.first + stop - 1
            if (last + 1) % self._every == 0:
                told.append(self._decide(last))
            start = stop
        return told

    def _decide(self, window: int) -> Told:
        finds: list[Find] = []
        if self._floor.warm and self._floor.settling == 0:
            finds = self._objects.decide(window, self._floor)
            self._floor.spare([(one.low, one.high) for one in self._objects.followed])
        sample = self._front.edge(window + 1)
        due = (window + 1) // self._every % self._fault_every == 0
        cable = self._cable.tell(window)
        cover = self._cable.look(self._objects.masked_until >= window)
        if cover is not None and not self._floor.warm:
            cover = Cover(0.0, ())
        faults = self._faults(window) if due or cover is not None else None
        return Told(self.time_of(sample), sample, finds, faults, cable, cover)

    def _faults(self, window: int) -> tuple[str, ...] | None:
        """Faults since the last report; None where there were and are none."""
        faults = [*self._cable.faults(), *sorted(self._notes)]
        if not self._floor.warm:
            faults.append("warming-up")
        for bit, name in _FAULTY:
            channels = int(np.count_nonzero(self._faulty & bit))
            if channels:
                faults.append(f"{name}: {self._share(channels)}")
        masked = int(np.count_nonzero(self._objects.masked_until >= window))
        if masked:
            faults.append(f"regional-disturbance: {self._share(masked)}")
        if self._objects.left_out:
            faults.append("too-many-objects")
        self.left_out += self._objects.left_out
        self._objects.left_out = 0
        self._notes.clear()
        self._faulty[:] = 0
        had, self._had_faults = self._had_faults, bool(faults)
        return tuple(faults) if faults or had else None

    def _share(self, channels: int) -> str:
        """A share of the channels in steps, so that a fault keeps its text while it lasts."""
        share = channels / len(self._faulty)
        return (
            "some channels" if share < 0.1 else "many channels" if share < 0.9 else "all channels"
        )

    def _too_slow(self, frame: FibreFrame, at_ns: int) -> Told:
        sample = frame.first_sample + len(frame.samples)
        return Told(at_ns, sample, [], ("sample-rate-too-low",))

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Plain values and arrays of the whole state."""
        values: dict[str, Any] = {"session": self.session, "heard_at_ns": self.heard_at_ns}
        if self.shape is None:
            return values | {"shape": None}, {}
        floor, arrays = self._floor.state()
        values |= {
            "shape": dataclasses.asdict(self.shape),
            "anchor": list(self._anchor),
            "next_sample": self._front.next_sample,
            "floor": floor,
            "followed": [dataclasses.asdict(one) for one in self._objects.followed],
            "left_out": self.left_out,
            "notes": sorted(self._notes),
            "had_faults": self._had_faults,
            "gauge_m": self._cable.gauge_m,
            "low": self.low,
            "continuity": self._continuity.state(),
        }
        values["cable"], cable = self._cable.state()
        return values, arrays | cable | {
            "filters": self._front.state,
            "carry": self._front.carry,
            "quasi_static": self._front.quasi_static.state,
            "masked_until": self._objects.masked_until,
            "faulty": self._faulty,
        }

    def set_state(self, values: dict[str, Any], arrays: Arrays) -> None:
        """Go on from what :meth:`state` gave."""
        if values["shape"] is not None:
            shape, session = Shape(**values["shape"]), values["session"]
            sample, at_ns = values["anchor"]
            self._start(shape, session, sample, at_ns, values["gauge_m"])
            self.low = tuple(values["low"])
            self._continuity.set_state(values["continuity"])
            self._cable.set_state(values["cable"], arrays)
            self._front.next_sample = values["next_sample"]
            self._front.state[:] = arrays["filters"]
            self._front.carry = arrays["carry"]
            self._front.quasi_static.state[:] = arrays["quasi_static"]
            self._floor.set_state(values["floor"], arrays)
            self._objects.followed = [Followed(**one) for one in values["followed"]]
            self.left_out = values["left_out"]
            self._objects.masked_until[:] = arrays["masked_until"]
            self._faulty[:] = arrays["faulty"]
            self._notes = set(values["notes"])
            self._had_faults = values["had_faults"]
        self.heard_at_ns = values["heard_at_ns"]
