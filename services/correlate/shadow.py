"""Tracks that are only our own unit, seen by another sensor a little aside.

A radar's heading is never exact, so a patrol car that reports its position may stand beside its
own echo. A track that keeps company with a moving own unit is held back while it does; near a
unit that stands nothing is held back: an intruder beside a patrol must be found.
"""

import math

from sensors.topics import SensorKind
from services.correlate.settings import IncidentSettings
from services.events import Track, TrackState

NS = 1_000_000_000


class OwnUnits:
    """Where our own units are."""

    def __init__(self, settings: IncidentSettings) -> None:
        """Begin without units."""
        self._settings = settings
        self._units: dict[tuple[str, str], Track] = {}

    def take(self, track: Track) -> None:
        """Remember an own unit's track, or that it ended."""
        key = (str(track.mark), str(track.own_force))
        if track.state is TrackState.ENDED:
            self._units.pop(key, None)
        else:
            self._units[key] = track

    def cast(self, track: Track) -> bool:
        """Whether a track may be the echo of a moving own unit, and is to wait.

        An echo stays with its unit; whoever else is there is left behind within seconds, since the
        unit moves. Velocities are not compared: a young track's is hardly known. What radars of
        vehicles alone have seen waits a little in any case, until our units near it were heard of.
        """
        rules = self._settings
        age_s = (track.at_ns - track.started_at_ns) / NS
        kinds = {part.kind for part in track.contributions}
        if kinds == {SensorKind.VEHICLE} and age_s < rules.shadow_wait_s:
            return True
        for (mark, _), unit in self._units.items():
            ahead_s = (track.at_ns - unit.at_ns) / NS
            if mark != track.mark or abs(ahead_s) > rules.shadow_recent_s:
                continue
            east_mps, north_mps = unit.velocity_east_mps, unit.velocity_north_mps
            fresh = unit.detections < 2  # heard of once: nobody knows yet how it moves
            if not fresh and math.hypot(east_mps, north_mps) < rules.shadow_moving_mps:
                continue
            apart_m = math.hypot(
                track.east_m - unit.east_m - ahead_s * east_mps,
                track.north_m - unit.north_m - ahead_s * north_mps,
            )
            spread_m = math.sqrt(max(track.covariance.ee, track.covariance.nn))
            if apart_m <= rules.shadow_m + min(spread_m, rules.shadow_m):
                return True
        return False

    def tracks(self) -> list[Track]:
        """All units' tracks, for a snapshot."""
        return list(self._units.values())
