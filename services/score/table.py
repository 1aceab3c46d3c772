"""The figures as a table that a person reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]

_COLUMNS = (
    "",
    "crossings",
    "alerted",
    "pd (95 %)",
    "actionable",
    "pd actionable (95 %)",
    "delay s",
    "error m",
    "alerts",
    "class right",
)


def table(figures: Figures) -> str:
    """Lines of figures: the whole first, then by class, distance and what else there is."""
    parts = [
        _summary(figures),
        _columns([_COLUMNS, *_rows(figures)]),
        _alerts(figures),
        _tracks(figures),
        _confusion(figures["confusion"]),
        _faults(figures["faults"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(figures: Figures) -> str:
    exposure = figures["km_days"]
    over = "" if exposure is None else f", {exposure:.4g} km days"
    return f"{figures['runs']} runs, {figures['hours']:.4g} hours{over}"


def _rows(figures: Figures) -> Iterable[Sequence[str]]:
    yield _row("all", figures)
    for kind, some in figures["by_class"].items():
        yield _row(kind, some)
        parts = some["by_distance"]
        for name, part in parts.items() if len(parts) > 1 else ():
            yield _row(f"  {name}", part)
    for name, some in figures["by_distance"].items():
        yield _row(f"{name} from the cable", some)
    for name, some in figures["by_zone"].items():
        yield _row(name, some)


def _row(name: str, some: Figures) -> Sequence[str]:
    return (
        name,
        str(some["crossings"]),
        str(some["alerted"]),
        _with_interval(some, "pd", 3),
        str(some["actionable"]),
        _with_interval(some, "pd_actionable", 3),
        _with_interval(some, "median_delay_s", 1),
        _with_interval(some, "median_error_m", 1),
        _number(some["alerts_per_crossing"], 2),
        _number(some["class_right"], 2),
    )


def _alerts(figures: Figures) -> str:
    unit = " a km and day"
    rows = [
        ("alerts put before an operator", "operator_alerts", "operator_alerts_per_km_day"),
        ("of these without cause", "causeless_alerts", "causeless_per_km_day"),
        ("animals and trains, named as such", "named_alerts", None),
        ("for who may be there", "lawful_alerts", None),
        ("said to be weather", "weather_alerts", None),
        ("for our own", "own_force_alerts", None),
    ]
    lines = []
    for text, count, per in rows:
        known = per is not None and figures[per] is not None
        lines.append(
            (
                text,
                str(figures[count]),
                _with_interval(figures, per, 3) + unit if known and per is not None else "",
            )
        )
    if figures["km_days"] is None:
        lines.append(("", "", "no rates: it is not known what was watched, and how long"))
    if figures["other_mark_alerts"]:
        lines.append(("left out, of another mark", str(figures["other_mark_alerts"]), ""))
    return _columns(lines)


def _tracks(figures: Figures) -> str:
    parts = figures["gospa_parts"]
    if parts is None:
        return "tracks: neither target nor track"
    return (
        f"tracks: GOSPA {figures['gospa']:.1f} m (c {parts['c_m']:g} m, p {parts['p']:g}) over "
        f"{parts['seconds']} s; {parts['missed_targets']:.2f} targets missed, "
        f"{parts['false_tracks']:.2f} tracks false, places "
        f"{_number(parts['localisation_rms_m'], 1)} m off (rms)"
    )


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> str:
    if not confusion:
        return ""
    said = sorted({name for line in confusion.values() for name in line} - {"none"})
    head = ("is \\ said", *said, "no alert")
    lines = [
        (name, *(str(line.get(one, "")) for one in said), str(line.get("none", "")))
        for name, line in confusion.items()
    ]
    return _columns([head, *lines])


def _faults(faults: Figures) -> str:
    lost, refused = faults["messages_lost"], faults["messages_rejected"]
    text = f"messages lost {lost}, refused {refused}"
    if not faults["crossings"]:
        return text
    lines = [
        f"{text}; crossings beside a sensor with a fault: {_some(faults)}",
        f"  without: {_some(faults['without'])}",
    ]
    lines += [f"  {kind}: {_some(some)}" for kind, some in faults["by_kind"].items()]
    lines += [
        f"  lost: {one['actor']} in {one['run']} ({', '.join(one['faults'])})"
        for one in faults["lost"]
    ]
    return "\n".join(lines)


def _some(some: Figures) -> str:
    return f"{some['alerted']} of {some['crossings']} alerted, pd {_with_interval(some, 'pd', 3)}"


def _with_interval(some: Figures, name: str, digits: int) -> str:
    value, low, high = some[name], some[f"{name}_low"], some[f"{name}_high"]
    if value is None or low is None or high is None:
        return _number(value, digits)
    return f"{value:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
