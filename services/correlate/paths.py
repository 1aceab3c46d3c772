"""Where incidents were in the last hours, so that what comes late is not told a second time."""

import math
from dataclasses import dataclass, field
from typing import Any

from sensors.messages import Mark
from services.events import Track

NS = 1_000_000_000

Spot = tuple[int, float, float]
"""Time in ns UTC, east and north in metres."""

_SPOTS = 256
_EVERY_NS = 2 * NS


@dataclass(slots=True)
class _Path:
    mark: Mark
    every_ns: int = _EVERY_NS
    spots: list[Spot] = field(default_factory=list)


@dataclass(slots=True)
class Paths:
    """Paths of incidents, open and ended.

    A spot each two seconds; where that makes more than 256, every other one is dropped and the
    distance doubled, so that any incident takes little.

    Attributes:
        memory_s: how long a path is remembered after its last spot.
        most: paths remembered; the oldest goes first.
    """

    memory_s: float = 21_600.0
    most: int = 5_000
    _paths: dict[str, _Path] = field(init=False, default_factory=dict)

    def note(self, incident: str, track: Track) -> None:
        """Remember where an incident was."""
        path = self._paths.pop(incident, None) or _Path(track.mark)
        self._paths[incident] = path  # the one noted last stands last
        if path.spots and track.at_ns < path.spots[-1][0] + path.every_ns:
            return
        path.spots.append((track.at_ns, track.east_m, track.north_m))
        if len(path.spots) > _SPOTS:
            del path.spots[1::2]
            path.every_ns *= 2
        if len(self._paths) > self.most:
            del self._paths[next(iter(self._paths))]

    def forget(self, now_ns: int) -> None:
        """Let go of what was last noted too long ago."""
        before_ns = now_ns - round(self.memory_s * NS)
        for name, path in list(self._paths.items()):
            if path.spots[-1][0] >= before_ns:
                break
            del self._paths[name]

    def explains(self, track: Track, *, within_s: float, reach_m: float, drift_mps: float) -> bool:
        """Whether an incident was where a track is, or could have come from there or gone there.

        Args:
            track: what came late.
            within_s: farthest apart in time.
            reach_m: farthest apart at one time.
            drift_mps: how much that grows for each second between them.
        """
        window_ns = round(within_s * NS)
        return any(
            abs(at_ns - track.at_ns) <= window_ns + path.every_ns
            and math.hypot(east - track.east_m, north - track.north_m)
            <= reach_m + drift_mps * abs(at_ns - track.at_ns) / NS
            for path in self._paths.values()
            if path.mark is track.mark
            and path.spots[0][0] - window_ns <= track.at_ns
            and track.at_ns <= path.spots[-1][0] + path.every_ns + window_ns
            for at_ns, east, north in path.spots
        )

    def to_json(self) -> list[Any]:
        """Write down; floats exactly."""
        return [
            [name, path.mark.value, path.every_ns, path.spots] for name, path in self._paths.items()
        ]

    def from_json(self, state: list[Any]) -> None:
        """Take up what ``to_json`` wrote."""
        self._paths = {
            name: _Path(Mark(mark), every_ns, [(at_ns, x, y) for at_ns, x, y in spots])
            for name, mark, every_ns, spots in state
        }
