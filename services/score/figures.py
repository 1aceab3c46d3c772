"""Figures over one or many scored runs, each with its 95 % interval; as values for JSON."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sensors.messages import ObjectClass
from services.score.intervals import Estimate, median, rate, share
from services.score.rows import CrossingRow, Scored, Verdict
from services.score.settings import ScoreSettings
from services.score.tracking import TrackFigures

DISTANCES_M = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0)
"""Limits of the classes of distance to the cable, from its least distance while within reach."""

Figures = dict[str, Any]

_SAME = {ObjectClass.GROUP: ObjectClass.PERSON}
"""Whether a person is alone is counted, not classified: one is as right as the other."""


def figures(runs: Sequence[Scored], settings: ScoreSettings) -> Figures:
    """All figures over runs together.

    Args:
        runs: scored, under different names.
        settings: they were scored with.
    """
    crossings = [row for run in runs for row in run.crossings]
    alerts = [row for run in runs for row in run.alerts]
    exposure = _exposure(runs)
    of = {verdict: [row for row in alerts if row.verdict is verdict] for verdict in Verdict}
    causeless = rate(len(of[Verdict.CAUSELESS]), exposure)
    shown = rate(len(alerts), exposure)
    return {
        "runs": len(runs),
        "hours": round(sum(run.days for run in runs) * 24.0, 4),
        "km_days": None if exposure is None else round(exposure, 6),
        **_fared(crossings, settings),
        "causeless_alerts": len(of[Verdict.CAUSELESS]),
        **_interval("causeless_per_km_day", causeless, 4),
        "operator_alerts": len(alerts),
        **_interval("operator_alerts_per_km_day", shown, 4),
        "named_alerts": len(of[Verdict.NAMED]),
        "lawful_alerts": len(of[Verdict.LAWFUL]),
        "weather_alerts": len(of[Verdict.WEATHER]),
        "own_force_alerts": len(of[Verdict.OWN_FORCE]),
        "own_force_incidents": len({(row.run, row.alert) for row in of[Verdict.OWN_FORCE]}),
        "other_mark_alerts": sum(run.other_marks for run in runs),
        **_tracking(runs, settings),
        "confusion": _confusion(runs),
        "by_class": {
            kind: {**_fared(rows, settings), "by_distance": _by_distance(rows, settings)}
            for kind, rows in _by(crossings, lambda row: row.kind).items()
        },
        "by_distance": _by_distance(crossings, settings),
        "by_zone": {
            name: _fared(rows, settings)
            for name, rows in _by(
                crossings, lambda row: "lawful zone" if row.lawful_zone else "elsewhere"
            ).items()
        },
        "faults": _faults(runs, crossings),
    }


def distance_class(row: CrossingRow) -> str:
    """Class of distance to the cable, such as ``5-10 m``."""
    if row.cable_m is None:
        return "no cable"
    low = 0.0
    for high in DISTANCES_M:
        if row.cable_m < high:
            return f"{low:g}-{high:g} m"
        low = high
    return f"{low:g} m and more"


def _exposure(runs: Sequence[Scored]) -> float | None:
    """Kilometres times days; None where it is not known of every run."""
    total = 0.0
    for run in runs:
        if run.km is None:
            return None
        total += run.km * run.days
    return total


def _fared(rows: Sequence[CrossingRow], settings: ScoreSettings) -> Figures:
    """How crossings fared; delays, errors and counts are taken by those that go together."""
    alerted = [row for row in rows if row.alerted]
    clusters = [(row.run, row.group) for row in alerted]
    pd = share(len(alerted), len(rows))
    actionable = sum(row.actionable > 0 for row in rows)
    of_group = {(row.run, row.group): row.alerts for row in rows}
    raised = [count for count in of_group.values() if count]
    delay = median([_known(row.delay_s) for row in alerted], clusters, settings.seed)
    error = median([_known(row.error_m) for row in alerted], clusters, settings.seed)
    right = share(sum(_is_right(row, row.said) for row in alerted), len(alerted))
    at_once = share(sum(_is_right(row, row.said_first) for row in alerted), len(alerted))
    return {
        "crossings": len(rows),
        "alerted": len(alerted),
        **_interval("pd", pd, 4),
        "actionable": actionable,
        **_interval("pd_actionable", share(actionable, len(rows)), 4),
        "groups": len(of_group),
        "groups_alerted": len(raised),
        **_interval("median_delay_s", delay, 2),
        **_interval("median_error_m", error, 2),
        "alerts_per_crossing": round(sum(raised) / len(raised), 4) if raised else None,
        **_interval("class_right", right, 4),
        "class_right_at_once": None if at_once.value is None else round(at_once.value, 4),
    }


def _known(value: float | None) -> float:
    if value is None:
        raise ValueError("a crossing that was alerted has a delay and an error")
    return value


def _is_right(row: CrossingRow, said: ObjectClass | None) -> bool:
    if said is None:
        return False
    return _SAME.get(said, said) is _SAME.get(row.object_class, row.object_class)


def _interval(name: str, estimate: Estimate, digits: int) -> Figures:
    low, high = f"{name}_low", f"{name}_high"
    values = {name: estimate.value, low: estimate.low, high: estimate.high}
    return {key: None if one is None else round(one, digits) for key, one in values.items()}


def _by(
    rows: Iterable[CrossingRow], key: Callable[[CrossingRow], str]
) -> dict[str, list[CrossingRow]]:
    found: dict[str, list[CrossingRow]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return dict(sorted(found.items()))


def _by_distance(rows: Iterable[CrossingRow], settings: ScoreSettings) -> dict[str, Figures]:
    """Figures for each class of distance, the nearest first."""
    found = _by(rows, distance_class)
    nearest = {name: min(_far(row) for row in some) for name, some in found.items()}
    return {name: _fared(found[name], settings) for name in sorted(found, key=nearest.__getitem__)}


def _far(row: CrossingRow) -> float:
    return math.inf if row.cable_m is None else row.cable_m


def _tracking(runs: Sequence[Scored], settings: ScoreSettings) -> Figures:
    total = sum((run.tracks for run in runs), TrackFigures())
    if not total.seconds:
        return {"gospa": None, "gospa_parts": None}
    penalty = 0.5 * settings.cut_off_m**settings.order
    return {
        "gospa": round(total.distance_m / total.seconds, 2),
        "gospa_parts": {
            "seconds": total.seconds,
            "c_m": settings.cut_off_m,
            "p": settings.order,
            "localisation": round(total.localisation / total.seconds, 2),
            "missed": round(penalty * total.missed / total.seconds, 2),
            "false": round(penalty * total.false / total.seconds, 2),
            "localisation_rms_m": round(
                (total.localisation / total.pairs) ** (1 / settings.order), 2
            )
            if total.pairs
            else None,
            "missed_targets": round(total.missed / total.seconds, 4),
            "false_tracks": round(total.false / total.seconds, 4),
        },
    }


def _confusion(runs: Sequence[Scored]) -> dict[str, dict[str, int]]:
    """For each true class, what was said of it in the end; ``none`` where there was no alert."""
    table: dict[str, dict[str, int]] = {}
    pairs = [(row.object_class, row.said) for run in runs for row in run.crossings]
    pairs += [(row.object_class, row.said) for run in runs for row in run.nuisances]
    for true, said in pairs:
        line, name = table.setdefault(str(true), {}), str(said) if said is not None else "none"
        line[name] = line.get(name, 0) + 1
    return {name: dict(sorted(line.items())) for name, line in sorted(table.items())}


def _faults(runs: Sequence[Scored], rows: Sequence[CrossingRow]) -> Figures:
    """What was lost in faults: crossings beside a faulty sensor, and those without one."""
    touched = [row for row in rows if row.faults]
    kinds = sorted({kind for row in touched for kind in row.faults})
    blinded = [row for row in touched if row.blinded]
    return {
        "messages_lost": sum(run.messages_lost for run in runs),
        "messages_rejected": sum(run.messages_rejected for run in runs),
        **_seen(touched),
        "without": _seen([row for row in rows if not row.faults]),
        "blinded": _seen(blinded),
        "by_kind": {kind: _seen([row for row in touched if kind in row.faults]) for kind in kinds},
        "lost": [
            {"run": row.run, "actor": row.actor, "faults": list(row.faults)}
            for row in touched
            if not row.alerted
        ],
    }


def _seen(rows: Sequence[CrossingRow]) -> Figures:
    alerted = sum(row.alerted for row in rows)
    return {
        "crossings": len(rows),
        "alerted": alerted,
        **_interval("pd", share(alerted, len(rows)), 4),
    }
