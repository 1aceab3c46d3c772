"""What may enter the tracker, and the short wait that puts it into order of event time."""

import math
from dataclasses import dataclass, field

from services.correlate.settings import TrackerSettings
from services.events import Detection

NS = 1_000_000_000

_FARTHEST_M = 1.0e8
_WIDEST_M2 = 1.0e12


def fault(item: Detection) -> str | None:
    """Say what makes a detection unusable, or None.

    Returns:
        "place", "covariance", "classes" or "confidence".
    """
    if not (abs(item.east_m) < _FARTHEST_M and abs(item.north_m) < _FARTHEST_M):
        return "place"
    spread = item.covariance
    # The margin keeps what is singular within rounding out of every inverse below.
    usable = (
        0.0 < spread.ee < _WIDEST_M2
        and 0.0 < spread.nn < _WIDEST_M2
        and spread.ee * spread.nn - spread.en * spread.en > 1e-9 * spread.ee * spread.nn
    )
    if not usable:
        return "covariance"
    probabilities = item.classes.values()
    if not math.isclose(math.fsum(probabilities), 1.0, abs_tol=1e-3) or min(probabilities) < 0.0:
        return "classes"
    if not 0.0 <= item.confidence <= 1.0:
        return "confidence"
    return None


@dataclass(slots=True)
class Hold:
    """Detections that wait for others of their time, by bin of event time.

    The clock is the largest time seen; it never goes back.

    Attributes:
        clock_ns: the clock; 0 before the first item.
        waiting: by bin, then by id.
        per_second: detections taken in, by (sensor, mark, second).
        counts: what was left out, by reason.
        bin_ns: width of a bin.
        wait_ns: how far the clock is past a bin's end when it is complete.
    """

    settings: TrackerSettings
    clock_ns: int = 0
    waiting: dict[int, dict[str, Detection]] = field(default_factory=dict)
    per_second: dict[tuple[str, str, int], int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    bin_ns: int = field(init=False)
    wait_ns: int = field(init=False)

    def __post_init__(self) -> None:
        """Take the settings' seconds to nanoseconds once."""
        self.bin_ns = round(self.settings.bin_s * NS)
        self.wait_ns = max(round(self.settings.hold_s * NS) - self.bin_ns, 0)

    @property
    def next_bin(self) -> int:
        """First bin that has to wait still: all before it are complete."""
        return max(0, self.clock_ns - self.wait_ns) // self.bin_ns

    def tally(self, reason: str) -> None:
        """Count what was left out."""
        self.counts[reason] = self.counts.get(reason, 0) + 1

    def admit(self, item: Detection) -> bool:
        """Check a detection and count it; False where it is refused."""
        reason = fault(item)
        if reason is None and item.at_ns < self.clock_ns - round(self.settings.lateness_s * NS):
            reason = "too_late"
        key = (item.sensor, item.mark, item.at_ns // NS)
        if reason is None and self.per_second.get(key, 0) >= self.settings.sensor_per_s:
            reason = "burst"
        if reason is not None:
            self.tally(f"refused_{reason}")
            return False
        self.per_second[key] = self.per_second.get(key, 0) + 1
        return True

    def advance(self, at_ns: int) -> None:
        """Let time pass."""
        if at_ns // NS > self.clock_ns // NS:
            oldest = (at_ns - round(self.settings.lateness_s * NS)) // NS - 1
            self.per_second = {
                key: number for key, number in self.per_second.items() if key[2] >= oldest
            }
        self.clock_ns = max(self.clock_ns, at_ns)

    def put(self, item: Detection) -> None:
        """Let a detection wait; one that is there already is counted and left out."""
        waiting = self.waiting.setdefault(item.at_ns // self.bin_ns, {})
        if item.id in waiting:
            self.tally("duplicates")
        waiting.setdefault(item.id, item)
