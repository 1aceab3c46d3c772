"""What changed from one result to another, and whether that is worse.

Runs are paired by name, crossings by their actor. Alerts that nobody wanted (without cause, or
for our own) are paired where they are near in time and place, each with one other at most and so
that the sum of squared distances is least; those left over are new or have vanished. Without
truth all alerts are compared so, and any difference beyond what is allowed counts as worse, since
nobody can say which of both is right. A run that one result alone has was compared with nothing,
and the totals are then of different inputs: that fails, whichever result has it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from geo.errors import RecordingError
from services.compare.outcome import (
    UNJUDGED,
    AlertOutcome,
    CrossingOutcome,
    Outcome,
    RunOutcome,
)

_NS = 1_000_000_000
_UNWANTED = frozenset({"causeless", "own_force", UNJUDGED})


class Kind(StrEnum):
    """What kind of change."""

    RUN_GONE = "run gone"
    RUN_NEW = "run new"
    CROSSING_GONE = "crossing gone from the truth"
    CROSSING_NEW = "crossing new in the truth"
    MISSED = "crossing newly missed"
    GAINED = "crossing gained"
    DISMISSED = "crossing newly without an actionable alert"
    ACTIONABLE = "crossing newly with an actionable alert"
    ALERT_NEW = "new alert without cause"
    ALERT_GONE = "vanished alert without cause"
    OWN_NEW = "new alert for our own"
    OWN_GONE = "vanished alert for our own"
    UNJUDGED_NEW = "new alert"
    UNJUDGED_GONE = "vanished alert"
    LATER = "alert later"
    SOONER = "alert sooner"
    FARTHER = "alert farther from the truth"
    NEARER = "alert nearer to the truth"
    REPEATED = "more alerts for one crossing"
    FEWER = "fewer alerts for one crossing"


Effect = Literal["worse", "better", "different"]

_WORSE = frozenset(
    {
        Kind.RUN_GONE,
        Kind.CROSSING_GONE,
        Kind.MISSED,
        Kind.DISMISSED,
        Kind.ALERT_NEW,
        Kind.OWN_NEW,
        Kind.UNJUDGED_NEW,
        Kind.UNJUDGED_GONE,
        Kind.LATER,
        Kind.FARTHER,
        Kind.REPEATED,
    }
)
_DIFFERENT = frozenset({Kind.RUN_NEW, Kind.CROSSING_NEW})
UNPAIRED = frozenset({Kind.RUN_GONE, Kind.RUN_NEW})
"""Changes that say of a run that it was not compared."""
_NEW = {"causeless": Kind.ALERT_NEW, "own_force": Kind.OWN_NEW, UNJUDGED: Kind.UNJUDGED_NEW}
_GONE = {"causeless": Kind.ALERT_GONE, "own_force": Kind.OWN_GONE, UNJUDGED: Kind.UNJUDGED_GONE}


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What is still alike.

    Attributes:
        delay_s: an alert may come later by so much.
        place_m: and be farther from the truth by so much.
        missed: so many crossings may be newly missed, and so many newly have alerts only that
            nobody would act on.
        causeless: so many alerts that nobody wanted may be new (without truth: differ).
        moved: so many crossings may have later, so many farther and so many more alerts than that.
        pair_s: alerts are the same when they were raised so near in time.
        pair_m: and in place.
    """

    delay_s: float = 2.0
    place_m: float = 10.0
    missed: int = 0
    causeless: int = 0
    moved: int = 0
    pair_s: float = 10.0
    pair_m: float = 100.0


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        subject: the actor or the alert.
        before: in the first result, in words.
        after: in the second.
        at_ns: when it was; None where a whole run is meant.
        chainage_m: where.
        fails: it is worse, and more of its like than allowed are; or its run has no other.
    """

    kind: Kind
    run: str
    subject: str
    before: str
    after: str
    at_ns: int | None = None
    chainage_m: float | None = None
    fails: bool = False

    @property
    def effect(self) -> Effect:
        """Which way it goes."""
        if self.kind in _WORSE:
            return "worse"
        return "different" if self.kind in _DIFFERENT else "better"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results beside each other.

    Attributes:
        changes: by run, kind and time.
        runs: names of the runs of either, with the actors of the crossings that were compared.
        groups_missed: crossings that go together, counted as one, and are newly missed.
        groups_gained: likewise gained.
    """

    before: Outcome
    after: Outcome
    tolerances: Tolerances
    changes: tuple[Change, ...]
    runs: Mapping[str, tuple[str, ...]]
    groups_missed: int
    groups_gained: int

    @property
    def is_worse(self) -> bool:
        """Whether anything is worse than allowed, or a run was compared with nothing."""
        return any(change.fails for change in self.changes)

    @property
    def chance(self) -> float:
        """Probability of a share of missed to gained at least as uneven, were both equally good.

        McNemar's exact test, over those that go together: one alert accounts for all of them, so
        they are found or missed as one, and counting each would be sure of too much. 1 where
        none changed.
        """
        changed = self.groups_missed + self.groups_gained
        return float(binomtest(self.groups_missed, changed).pvalue) if changed else 1.0

    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind that occurs."""
        found = Counter(str(change.kind) for change in self.changes)
        return {str(kind): found[str(kind)] for kind in Kind if found[str(kind)]}


def compare(before: Outcome, after: Outcome, tolerances: Tolerances) -> Comparison:
    """Say what changed from ``before`` to ``after``.

    Raises:
        RecordingError: a run that has truth in one of them only.
    """
    old, new = _by_name(before, after), {run.run: run for run in after.runs}
    both = sorted(old.keys() & new.keys())
    _judged_alike(before, after, [(old[name], new[name]) for name in both])
    changes = [
        *(
            Change(Kind.RUN_GONE, name, name, _size(old[name]), "missing")
            for name in old.keys() - new
        ),
        *(
            Change(Kind.RUN_NEW, name, name, "missing", _size(new[name]))
            for name in new.keys() - old
        ),
    ]
    for name in both:
        changes += _crossings(name, old[name], new[name], tolerances)
        changes += _alerts(name, old[name], new[name], tolerances)
    order = list(Kind)
    changes.sort(key=lambda one: (one.run, order.index(one.kind), one.at_ns or 0, one.subject))
    turned = [_turned(old[name], new[name]) for name in both]
    return Comparison(
        before=before,
        after=after,
        tolerances=tolerances,
        changes=tuple(_failing(changes, tolerances)),
        runs={
            name: _actors(old[name], new[name]) if name in both else ()
            for name in sorted(old.keys() | new.keys())
        },
        groups_missed=sum(missed for missed, _ in turned),
        groups_gained=sum(gained for _, gained in turned),
    )


def _judged_alike(
    before: Outcome, after: Outcome, pairs: Sequence[tuple[RunOutcome, RunOutcome]]
) -> None:
    """Refuse to hold alerts with a verdict against alerts without one: all would differ."""
    for old, new in pairs:
        if old.judged != new.judged:
            without, other = (before, after) if new.judged else (after, before)
            raise RecordingError(
                f"{without.name} has no truth for the run {new.run!r}, with which {other.name} was "
                "judged: give that truth with --truth FILE, or lay it beside the run's alerts as "
                "truth.jsonl"
            )


def _size(run: RunOutcome) -> str:
    alerts = _alerts_text(len(run.alerts))
    return f"{len(run.crossings)} crossings, {alerts}" if run.judged else alerts


def _actors(old: RunOutcome, new: RunOutcome) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.actor for row in (*old.crossings, *new.crossings)))


def _turned(old: RunOutcome, new: RunOutcome) -> tuple[int, int]:
    """How many groups, as the second result has them, are newly missed, and how many gained."""
    before = {row.actor: row.alerts > 0 for row in old.crossings}
    was: dict[str, bool] = {}
    now: dict[str, bool] = {}
    for row in new.crossings:
        if row.actor in before:
            was[row.group] = was.get(row.group, False) or before[row.actor]
            now[row.group] = now.get(row.group, False) or row.alerts > 0
    missed = sum(was[group] and not now[group] for group in was)
    return missed, sum(now[group] and not was[group] for group in was)


def _by_name(before: Outcome, after: Outcome) -> dict[str, RunOutcome]:
    """Runs of the first result; one alone on either side is paired whatever it is called."""
    if len(before.runs) == len(after.runs) == 1:
        return {after.runs[0].run: before.runs[0].model_copy(update={"run": after.runs[0].run})}
    return {run.run: run for run in before.runs}


def _failing(changes: Iterable[Change], tolerances: Tolerances) -> list[Change]:
    changes = list(changes)
    allowed = {
        **dict.fromkeys([Kind.MISSED, Kind.DISMISSED], tolerances.missed),
        **dict.fromkeys([Kind.ALERT_NEW, Kind.OWN_NEW], tolerances.causeless),
        **dict.fromkeys([Kind.UNJUDGED_NEW, Kind.UNJUDGED_GONE], tolerances.causeless),
        **dict.fromkeys([Kind.LATER, Kind.FARTHER, Kind.REPEATED], tolerances.moved),
    }
    count = Counter(change.kind for change in changes)
    return [
        replace(
            change,
            fails=change.kind in UNPAIRED
            or (change.effect == "worse" and count[change.kind] > allowed.get(change.kind, 0)),
        )
        for change in changes
    ]


# --- crossings


def _crossings(
    run: str, before: RunOutcome, after: RunOutcome, tolerances: Tolerances
) -> Iterable[Change]:
    old = {row.actor: row for row in before.crossings}
    new = {row.actor: row for row in after.crossings}
    for actor in sorted(old.keys() | new.keys()):
        row = new.get(actor) or old[actor]
        at = (row.enter_ns, row.chainage_m)
        if actor not in new:
            yield Change(Kind.CROSSING_GONE, run, actor, row.kind, "missing", *at)
        elif actor not in old:
            yield Change(Kind.CROSSING_NEW, run, actor, "missing", row.kind, *at)
        else:
            yield from _crossing(run, old[actor], new[actor], tolerances)


def _crossing(
    run: str, old: CrossingOutcome, new: CrossingOutcome, tolerances: Tolerances
) -> Iterable[Change]:
    def change(kind: Kind, before: str, after: str) -> Change:
        return Change(kind, run, new.actor, before, after, new.enter_ns, new.chainage_m)

    if old.alerts and not new.alerts:
        yield change(Kind.MISSED, f"{old.kind}, {_alerts_text(old.alerts)}", "no alert")
    elif new.alerts and not old.alerts:
        yield change(Kind.GAINED, f"{old.kind}, no alert", _alerts_text(new.alerts))
    elif new.alerts != old.alerts and new.group == new.actor:
        # Said once of those that go together.
        kind = Kind.REPEATED if new.alerts > old.alerts else Kind.FEWER
        yield change(kind, _alerts_text(old.alerts), _alerts_text(new.alerts))
    if old.alerts and new.alerts and None not in {old.actionable, new.actionable}:
        if old.actionable and not new.actionable:
            yield change(Kind.DISMISSED, "actionable", "animal, train or weather only")
        elif new.actionable and not old.actionable:
            yield change(Kind.ACTIONABLE, "animal, train or weather only", "actionable")
    if old.delay_s is not None and new.delay_s is not None:
        more = new.delay_s - old.delay_s
        if abs(more) > tolerances.delay_s:
            kind = Kind.LATER if more > 0.0 else Kind.SOONER
            yield change(kind, f"{old.delay_s:.1f} s", f"{new.delay_s:.1f} s")
    if old.error_m is not None and new.error_m is not None:
        more = new.error_m - old.error_m
        if abs(more) > tolerances.place_m:
            kind = Kind.FARTHER if more > 0.0 else Kind.NEARER
            yield change(kind, f"{old.error_m:.1f} m", f"{new.error_m:.1f} m")


def _alerts_text(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


# --- alerts that nobody wanted


def _alerts(
    run: str, before: RunOutcome, after: RunOutcome, tolerances: Tolerances
) -> Iterable[Change]:
    for verdict in sorted(_UNWANTED):
        old = _sorted(row for row in before.alerts if row.verdict == verdict)
        new = _sorted(row for row in after.alerts if row.verdict == verdict)
        paired_old, paired_new = _pairs(old, new, tolerances)
        for index, row in enumerate(old):
            if index not in paired_old:
                yield _alert(_GONE[verdict], run, row, _text(row), "none")
        for index, row in enumerate(new):
            if index not in paired_new:
                yield _alert(_NEW[verdict], run, row, "none", _text(row))


def _sorted(rows: Iterable[AlertOutcome]) -> list[AlertOutcome]:
    return sorted(rows, key=lambda row: (row.at_ns, row.alert, row.number))


def _pairs(
    old: Sequence[AlertOutcome], new: Sequence[AlertOutcome], tolerances: Tolerances
) -> tuple[set[int], set[int]]:
    """Indices of alerts that both have."""
    if not old or not new:
        return set(), set()
    apart_s = np.array([[(b.at_ns - a.at_ns) / _NS for b in new] for a in old])
    apart_m = np.array(
        [[np.hypot(b.east_m - a.east_m, b.north_m - a.north_m) for b in new] for a in old]
    )
    near = (np.abs(apart_s) <= tolerances.pair_s) & (apart_m <= tolerances.pair_m)
    cost = (apart_s / tolerances.pair_s) ** 2 + (apart_m / tolerances.pair_m) ** 2
    # Any pair costs less than leaving both alone, so as many as can be are paired.
    rows, columns = linear_sum_assignment(np.where(near, cost, 1e6))
    kept = near[rows, columns]
    return set(rows[kept].tolist()), set(columns[kept].tolist())


def _alert(kind: Kind, run: str, row: AlertOutcome, before: str, after: str) -> Change:
    name = row.alert if row.number == 0 else f"{row.alert}, raised again"
    return Change(kind, run, name, before, after, row.at_ns, row.chainage_m)


def _text(row: AlertOutcome) -> str:
    return f"{row.said}, {row.severity}"
