"""What is usual at a place and hour gets a lower severity; nothing is left out for it.

Stage between incidents and alerts. It learns how many incidents of which kind come to a place at
an hour of the week, each incident once by place and hour however long it stays, and lowers by one
step what is usual there. An incident that was shown in full stays so: severity is only withheld,
never taken back. One that stops to be usual (it turns out to be something else, leaves for another
place, turns towards the line) is shown in full from then on.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from geo.site import Site
from sensors.messages import ObjectClass
from services.correlate.memory_cells import GROUP_OF, GROUPS, WAYS, Cell, Cells, Place
from services.correlate.settings import MemorySettings
from services.correlate.usual import HourCounts
from services.correlate.week import week_and_hour
from services.events import Command, Explanation, Incident, LoweredCount, Severity, Tick
from services.stage import read_snapshot, undamaged, write_snapshot

VERSION = 1
NS = 1_000_000_000
TOLD_WEEKS = 4
"""So many weeks back the count goes that an operator is told."""

_EITHER = -1
"""Way of what is too new to tell: along and across are taken together."""
_MOVES = "incident.reason"
"""Reason of what moves; others, such as those of a cable's own state, are never usual."""
_LONGEST_TICK_NS = 60 * NS
"""The service did not run between ticks further apart than this."""
_LONGEST_STAY_NS = 3_600 * NS
_MOST_VISITS = 512
"""Cells of one incident: 128 km at 250 m; assumed enough."""

Visit = tuple[int, int, int, int]
"""Week, hour of the week, band and stretch."""


@dataclass(slots=True)
class _Followed:
    """An incident that has not ended.

    Attributes:
        visits: where it was and when, and whether it moved across the line there.
        group: of its class as last told, -1 for what is not learned.
        whole: it was shown with its full severity, which stays.
        judged: place, movement and group for which ``told`` holds, and since when.
        told: what an operator is told while it is lowered.
    """

    visits: dict[Visit, bool] = field(default_factory=dict)
    group: int = -1
    whole: bool = False
    judged: tuple[int, int, int, int] | None = None
    judged_ns: int = 0
    told: dict[str, str | int | float] | None = None


class SiteMemory:
    """Stage from incidents to incidents; see the module.

    Attributes:
        counts: what became of incidents, by reason.
    """

    def __init__(self, site: Site, run: str, settings: MemorySettings | None = None) -> None:
        """Begin without memory.

        Args:
            site: border, roads and railways.
            run: name of this run of the service.
            settings: what is usual.
        """
        self.settings = rules = settings or MemorySettings()
        # Thresholds may change without losing what was learned; what numbers cells may not.
        self._owner = (
            f"{site.name}:{run}:{rules.stretch_m}:{rules.weeks}:{rules.standard_offset_h}:"
            f"{rules.summer_time}"
        )
        self._cells = Cells(site, rules)
        self._rates = self._no_rates()
        self._followed: dict[str, _Followed] = {}
        self._lowered: dict[tuple[str, float], int] = {}
        self._tick_ns: int | None = None
        self.counts: dict[str, int] = {}

    def push(self, item: Incident | Tick | Command) -> list[Incident]:
        """Take an incident's revision, the time or a command; commands change nothing here.

        Returns:
            The incident, with a lower severity and a reason that says so where it is usual.
        """
        if isinstance(item, Incident):
            return [self._follow(item)]
        if isinstance(item, Tick):
            self._pass_time(item.at_ns)
        return []

    # --- what it knows

    @property
    def lowered(self) -> tuple[LoweredCount, ...]:
        """How many incidents were lowered, by class and stretch, in order."""
        return tuple(
            LoweredCount(object_class, start_m, start_m + self.settings.stretch_m, count)
            for (object_class, start_m), count in sorted(self._lowered.items())
        )

    @property
    def tallies(self) -> dict[str, int]:
        """Incidents raised again, what was not learned, cells given up for want of room."""
        return {**self.counts, "cell_forgotten": self._rates.forgotten}

    @property
    def size(self) -> int:
        """Number of cells in which anything was seen."""
        return len(self._rates)

    def table(self) -> list[dict[str, str | int | float]]:
        """All that is remembered, a row for each cell, in order of its number."""
        keys, counts = self._rates.cells()
        rows: list[dict[str, str | int | float]] = []
        for key, by_age in zip(keys.tolist(), counts, strict=True):
            cell = self._cells.cell(key)
            prior = self._cells.prior(cell.place, cell.group)
            known = self._rates.judge(_keys(key), cell.hour, prior, 0, TOLD_WEEKS)
            rows.append(
                {
                    "mark": cell.place.mark.value,
                    "class": GROUPS[cell.group],
                    "movement": WAYS[cell.way],
                    "chainage_m": self._cells.start_m(cell.place),
                    "band": cell.place.band,
                    "weekday": cell.hour // 24 + 1,
                    "hour": cell.hour % 24,
                    "count": int(by_age.sum()),
                    "lately": known.lately,
                    "weeks_seen": known.weeks_seen,
                    "weeks_heard": known.weeks_heard,
                    "probability": round(known.probability, 3),
                }
            )
        return rows

    # --- incidents

    def _follow(self, incident: Incident) -> Incident:
        if incident.ended:
            followed = self._followed.pop(incident.id, None)
            if followed is None:
                return incident
            self._learn(incident, followed)
            return self._as_told(incident, followed)
        followed = self._followed.get(incident.id)
        if followed is None:
            followed = self._followed[incident.id] = _Followed()
            if len(self._followed) > self.settings.most_open:
                del self._followed[next(iter(self._followed))]
                self._tally("not_followed")
        place = self._cells.place(incident.mark, incident.chainage_m, incident.offset_m)
        week, hour = self._week_and_hour(incident.at_ns)
        visit = (week, hour, place.band, place.stretch)
        settled = incident.at_ns - incident.started_at_ns >= round(self.settings.settle_s * NS)
        across = settled and incident.direction in {"towards", "away"}
        if visit in followed.visits or len(followed.visits) < _MOST_VISITS:
            followed.visits[visit] = followed.visits.get(visit, False) or across
        else:
            self._tally("visit_not_learned")
        followed.group = GROUP_OF.get(incident.object_class, -1)
        if not followed.whole and incident.severity > Severity.LOW:
            walks = incident.object_class is ObjectClass.PERSON
            way = int(across) if settled or walks else _EITHER
            self._judge(incident, followed, place, way, visit)
        return self._as_told(incident, followed)

    def _judge(
        self, incident: Incident, followed: _Followed, place: Place, way: int, visit: Visit
    ) -> None:
        """Decide whether an incident is usual where it is now."""
        before = followed.told
        judged = (place.band, place.stretch, way, followed.group)
        stayed_ns = incident.at_ns - followed.judged_ns
        if not self._may_be_lowered(incident):
            followed.told = None
        elif judged != followed.judged or stayed_ns >= _LONGEST_STAY_NS:
            followed.judged, followed.judged_ns = judged, incident.at_ns
            followed.told = self._usual(followed, place, way, visit)
        if followed.told is None:
            followed.whole = True
            if before is not None:
                self._tally("raised_again")
        elif before is None:
            stretch = (incident.object_class.value, self._cells.start_m(place))
            self._lowered[stretch] = self._lowered.get(stretch, 0) + 1

    def _may_be_lowered(self, incident: Incident) -> bool:
        """Whether what it is allows a lower severity at all, wherever it is."""
        rules = self.settings
        walks = rules.on_foot and incident.object_class is ObjectClass.PERSON
        if not rules.lowers or incident.late_s or incident.severity >= Severity.DANGER_TO_LIFE:
            return False
        if incident.reason.key != _MOVES:
            return False
        if walks and incident.direction in {"towards", "away"}:
            return False
        if not walks and incident.object_class is not ObjectClass.VEHICLE:
            return False
        return incident.classes.get(incident.object_class, 0.0) >= rules.least_share

    def _usual(
        self, followed: _Followed, place: Place, way: int, visit: Visit
    ) -> dict[str, str | int | float] | None:
        """What an operator is told where it is usual; None where it is not."""
        rules, group, hour = self.settings, followed.group, visit[1]
        ways = range(len(WAYS)) if way == _EITHER else (way,)
        keys = _keys(*(self._cells.key(Cell(place, group, one, hour)) for one in ways))
        self._rates.reach(visit[0])
        others = sum(
            other is not followed and other.group == group and visit in other.visits
            for other in self._followed.values()
        )
        known = self._rates.judge(keys, hour, self._cells.prior(place, group), others, TOLD_WEEKS)
        if (
            known.probability < rules.least_probability
            or known.tail < rules.least_tail
            or min(known.weeks_seen, known.weeks_heard) < rules.least_weeks
        ):
            return None
        return {
            "usual_class": GROUPS[group],
            "usual_count": known.lately,
            "usual_weeks": TOLD_WEEKS,
            "usual_probability": round(known.probability, 3),
            "usual_stretch_m": self._cells.start_m(place),
        }

    @staticmethod
    def _as_told(incident: Incident, followed: _Followed) -> Incident:
        if followed.whole or followed.told is None or incident.severity <= Severity.LOW:
            return incident
        full = incident.severity.name.lower()
        said = {**incident.reason.parameters, **followed.told, "lowered_from": full}
        return replace(
            incident,
            severity=Severity(incident.severity - 1),
            reason=Explanation("incident.reason_usual", said),
        )

    def _learn(self, incident: Incident, followed: _Followed) -> None:
        """Count an incident that is over, under the class it had at last."""
        group = GROUP_OF.get(incident.object_class)
        if group is None:
            return
        by_week: dict[int, list[int]] = {}
        for (week, hour, band, stretch), across in followed.visits.items():
            cell = Cell(Place(incident.mark, band, stretch), group, int(across), hour)
            by_week.setdefault(week, []).append(self._cells.key(cell))
        for week, keys in sorted(by_week.items()):
            if not self._rates.add(week, np.unique(_keys(*keys))):
                self._tally("too_old")

    # --- time

    def _pass_time(self, at_ns: int) -> None:
        before, self._tick_ns = self._tick_ns, at_ns
        week, hour = self._week_and_hour(at_ns)
        self._rates.reach(week)
        if before is not None and 0 < at_ns - before <= _LONGEST_TICK_NS:
            self._rates.expose(week, hour, at_ns - before)

    def _week_and_hour(self, at_ns: int) -> tuple[int, int]:
        rules = self.settings
        return week_and_hour(at_ns, rules.standard_offset_h, summer_time=rules.summer_time)

    def _no_rates(self) -> HourCounts:
        rules = self.settings
        return HourCounts(rules.weeks, rules.half_life_weeks, rules.most_cells)

    def _tally(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1

    # --- state

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        return write_snapshot(
            "memory",
            VERSION,
            self._owner,
            {
                "rates": self._rates.state(),
                "followed": [
                    [name, {**asdict(one), "visits": [[*v, x] for v, x in one.visits.items()]}]
                    for name, one in self._followed.items()
                ],
                "lowered": [[*key, count] for key, count in self._lowered.items()],
                "tick_ns": self._tick_ns,
                "counts": self.counts,
            },
        )

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote.

        Raises:
            SnapshotError: of another version, stage or setting; nothing is changed then.
        """
        read = read_snapshot(state, "memory", VERSION, self._owner)
        with undamaged("memory"):
            rates = self._no_rates()
            rates.go_on_from(read["rates"])
            followed = {str(name): _read_followed(one) for name, one in read["followed"]}
            lowered = {(str(what), float(at)): int(count) for what, at, count in read["lowered"]}
            tick_ns, counts = read["tick_ns"], dict(read["counts"])
        self._rates, self._followed, self._lowered = rates, followed, lowered
        self._tick_ns, self.counts = tick_ns, counts


def _read_followed(state: dict[str, Any]) -> _Followed:
    visits = {(week, hour, band, at): across for week, hour, band, at, across in state["visits"]}
    judged = None if state["judged"] is None else tuple(state["judged"])
    return _Followed(**{**state, "visits": visits, "judged": judged})


def _keys(*keys: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return np.array(keys, dtype=np.int32)
