"""A comparison as a table, as values for JSON, and as JUnit XML for whoever runs it on a server."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from sensors.messages import time_to_text
from services.compare.changes import UNPAIRED, Change, Comparison, Kind

FIGURES = (
    ("crossings", 0),
    ("alerted", 0),
    ("pd", 3),
    ("pd_low", 3),
    ("pd_high", 3),
    ("actionable", 0),
    ("pd_actionable", 3),
    ("pd_actionable_low", 3),
    ("pd_actionable_high", 3),
    ("median_delay_s", 2),
    ("median_error_m", 2),
    ("alerts_per_crossing", 2),
    ("class_right", 3),
    ("causeless_alerts", 0),
    ("causeless_per_km_day", 3),
    ("operator_alerts", 0),
    ("operator_alerts_per_km_day", 3),
    ("own_force_incidents", 0),
    ("gospa", 2),
)
"""Figures of a score that stand beside each other, with their decimals."""


def figure_rows(comparison: Comparison) -> list[tuple[str, str, str]]:
    """(name, first, second) of the figures that either result has."""
    before, after = comparison.before.figures, comparison.after.figures
    return [
        (name, _figure(before.get(name), digits), _figure(after.get(name), digits))
        for name, digits in FIGURES
        if name in before or name in after
    ]


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def change_row(change: Change) -> tuple[str, str, str, str, str, str, str]:
    """(effect, kind, run, subject, when and where, before, after)."""
    when = "" if change.at_ns is None else time_to_text(change.at_ns)[:19] + "Z"
    where = "" if change.chainage_m is None else f"km {change.chainage_m / 1_000.0:.3f}"
    effect = change.effect.upper() if change.fails else change.effect
    return (
        effect,
        str(change.kind),
        change.run,
        change.subject,
        f"{when} {where}".strip(),
        change.before,
        change.after,
    )


def verdict(comparison: Comparison) -> str:
    """The one sentence that says it."""
    failing = Counter(change.kind in UNPAIRED for change in comparison.changes if change.fails)
    parts = []
    if failing[False]:
        parts.append(f"worse: {_changes_text(failing[False])} more than allowed")
    if failing[True]:
        parts.append(
            f"{_runs_text(failing[True])} in one result only: process the same inputs for both"
        )
    if parts:
        return "; ".join(parts)
    if comparison.changes:
        return "alike within tolerances, or better"
    return "alike"


def _changes_text(count: int) -> str:
    return "1 change is" if count == 1 else f"{count} changes are"


def _runs_text(count: int) -> str:
    return "1 run is" if count == 1 else f"{count} runs are"


def chance_text(comparison: Comparison) -> str:
    """What speaks for chance."""
    return (
        "of crossings, those that go together counted as one, "
        f"{comparison.groups_missed} are newly missed and {comparison.groups_gained} gained: were "
        f"both results equally good, that or more uneven has probability {comparison.chance:.3g}"
    )


def as_table(comparison: Comparison) -> str:
    """Lines for a person."""
    before, after = comparison.before.name, comparison.after.name
    parts = [_columns([("", before, after), *figure_rows(comparison)])]
    if comparison.changes:
        parts.append(_columns([change_row(change) for change in comparison.changes]))
    counts = ", ".join(f"{kind}: {count}" for kind, count in comparison.counts().items())
    if counts:
        parts.append(counts)
    if comparison.groups_missed or comparison.groups_gained:
        parts.append(chance_text(comparison))
    return "\n\n".join([*parts, verdict(comparison)])


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_values(comparison: Comparison) -> dict[str, Any]:
    """For JSON."""
    return {
        "before": comparison.before.name,
        "after": comparison.after.name,
        "worse": comparison.is_worse,
        "verdict": verdict(comparison),
        "counts": comparison.counts(),
        "groups_missed": comparison.groups_missed,
        "groups_gained": comparison.groups_gained,
        "chance": round(comparison.chance, 6),
        "figures": {
            name: [comparison.before.figures.get(name), comparison.after.figures.get(name)]
            for name, _, _ in figure_rows(comparison)
        },
        "changes": [
            {
                "effect": change.effect,
                "fails": change.fails,
                "kind": str(change.kind),
                "run": change.run,
                "subject": change.subject,
                "at": None if change.at_ns is None else time_to_text(change.at_ns),
                "chainage_m": change.chainage_m,
                "before": change.before,
                "after": change.after,
            }
            for change in comparison.changes
        ],
    }


_OTHERS = "alerts that nobody wanted"
_IN_BOTH = "run is in both results"


def as_junit(comparison: Comparison) -> str:
    """JUnit XML: a suite for each run, a case for each crossing and one for unwanted alerts.

    A case fails where something is worse than allowed; what else changed stands in its output. A
    run that one result alone has is one failing case: none of its crossings was compared.
    """
    suites = []
    for run, actors in comparison.runs.items():
        changes = [change for change in comparison.changes if change.run == run]
        alone = [_alone(change, comparison) for change in changes if change.kind in UNPAIRED]
        cases = [_case(run, _IN_BOTH, alone, [])] if alone else _cases(run, actors, changes)
        failures = sum("<failure" in case for case in cases)
        suites.append(
            f"  <testsuite name={_attribute(run)} "
            f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="0">\n'
            + "".join(cases)
            + "  </testsuite>\n"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n'
        + "".join(suites)
        + "</testsuites>\n"
    )


def _cases(run: str, actors: Sequence[str], changes: Sequence[Change]) -> list[str]:
    told = {f"crossing {one}": [c for c in changes if c.subject == one] for one in actors}
    told[_OTHERS] = [change for change in changes if change.subject not in actors]
    return [
        _case(
            run,
            name,
            [_line(change) for change in some if change.fails],
            [_line(change) for change in some if not change.fails],
        )
        for name, some in told.items()
    ]


def _case(run: str, name: str, failing: Sequence[str], others: Sequence[str]) -> str:
    inside = ""
    if failing:
        text = "\n".join(failing)
        inside += f"      <failure message={_attribute(failing[0])}>{_xml(text)}</failure>\n"
    if others:
        inside += "      <system-out>" + _xml("\n".join(others)) + "</system-out>\n"
    head = f"    <testcase classname={_attribute(run)} name={_attribute(name)}"
    return f"{head}>\n{inside}    </testcase>\n" if inside else f"{head}/>\n"


def _alone(change: Change, comparison: Comparison) -> str:
    """Say of a run in one result only what was compared and what to do."""
    there, away = comparison.before.name, comparison.after.name
    if change.kind is Kind.RUN_NEW:
        there, away = away, there
    return (
        f"the run {change.run!r} of {there} is not in {away}: nothing of it was compared; process "
        "its input for both, or leave it out of both"
    )


def _line(change: Change) -> str:
    _, kind, _, subject, place, before, after = change_row(change)
    return f"{kind}: {subject} ({place}): {before} -> {after}"


def _xml(text: str) -> str:
    return escape(_printable(text))


def _attribute(text: str) -> str:
    return quoteattr(_printable(text))


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold at all."""
    return "".join(one for one in text if one.isprintable() or one == "\n")
