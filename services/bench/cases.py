"""``straja bench score --case``: figures by condition, and alerts without cause over exposure."""

import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from geo.default_site import default_site_path
from geo.errors import ConfigError
from geo.site import Site
from sensors.scenes import write
from sensors.simulators.cases import EXPOSURE_S, Case, draw_case
from services.bench.nearness import Nearness
from services.bench.runs import Make, Say, pair, run_all
from services.run.scoring import Pair, ReadRun, score
from services.score.intervals import rate
from services.score.rows import AlertRow, Scored, Verdict
from services.score.table import table

KM = 37.5
"""Of border that one interrogator of the default site watches, nominally."""

_DAY_S = 86_400.0


def case_named(name: str) -> Case:
    """The case that a person means.

    Raises:
        ConfigError: where there is none.
    """
    try:
        return Case(name)
    except ValueError:
        raise ConfigError(f"--case is {name!r}: wanted all, or one of {', '.join(Case)}") from None


def scenes_for(km_days: float) -> int:
    """Scenes without crossings that make up an exposure, in kilometres of border times days."""
    return max(math.ceil(km_days * _DAY_S / (KM * EXPOSURE_S)), 1)


def measure_case(
    case: Case,
    seeds: Sequence[int],
    folder: Path | None,
    jobs: int,
    say: Say,
    site_path: Path | None = None,
) -> dict[str, Any]:
    """Draw a case's scenes, process and score them.

    Args:
        case: which.
        seeds: of the scenes, one each.
        folder: where scenes, truth and results are left; None leaves nothing.
        jobs: processes at a time.
        say: told how far it is.
        site_path: another site than the default one.

    Returns:
        The figures of ``straja score`` over all of them, and those that a case has besides.
    """
    with ExitStack() as stack:
        root = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work: list[tuple[Path, Make]] = [
            (root / f"seed-{seed}", partial(_draw, case, seed, site_path)) for seed in seeds
        ]
        spent = run_all(work, jobs, lambda text: say(f"case {case}: {text}"))
        nearness, alerts = Nearness(), list[AlertRow]()

        def tell(one: Pair, read: ReadRun, scored: Scored) -> None:
            nearness(one, read, scored)
            alerts.extend(scored.alerts)

        figures, _ = score([pair(folder) for folder, _ in work], site_path, tell=tell)
    exposure = figures["km_days"]
    return {
        "seeds": f"{seeds[0]}-{seeds[-1]}" if seeds else "none",
        **figures,
        **nearness.figures(),
        "by_verdict": by_verdict(alerts, exposure),
        "cpu_s": round(sum(spent), 1),
        "cpu_s_per_km_day": round(sum(spent) / exposure, 1) if exposure else None,
    }


def by_verdict(alerts: Sequence[AlertRow], km_days: float | None) -> dict[str, Any]:
    """Alerts of each verdict: how many, for each km and day, and what they said in the end."""
    found = {}
    for verdict in Verdict:
        rows = [row for row in alerts if row.verdict is verdict]
        often = rate(len(rows), km_days)
        said = Counter(str(row.said) for row in rows)
        found[str(verdict)] = {
            "alerts": len(rows),
            "per_km_day": _rounded(often.value),
            "per_km_day_low": _rounded(often.low),
            "per_km_day_high": _rounded(often.high),
            "said": dict(sorted(said.items())),
        }
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _draw(case: Case, seed: int, site_path: Path | None, path: Path) -> None:
    drawn = draw_case(case, seed, Site.load(site_path or default_site_path()))
    if site_path is not None:
        drawn = drawn.model_copy(update={"site": str(site_path.absolute())})
    path.write_text(
        write(drawn, f"straja bench score --case {case}, seed {seed}"), encoding="utf-8"
    )


def case_tables(cases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Parts of a table for a person: each case."""
    parts = []
    for name, some in cases.items():
        lines = [f"case {name}, seeds {some['seeds']}", table(some)]
        if some["crossings"]:
            lines.append(_crossed(some))
        lines.append(_verdicts(some["by_verdict"]))
        lines.append(
            f"{some['cpu_s']} s of processor time, {some['cpu_s_per_km_day']} a km and day"
        )
        parts.append("\n\n".join(lines))
    return parts


def _crossed(some: Mapping[str, Any]) -> str:
    rows = (
        ("alerted within 30 s of coming within reach", "pd_in_30_s", ""),
        ("alerted within 20 m along the cable", "pd_within_20_m", ""),
        ("seconds from first over the cable, median", "median_delay_over_cable_s", " s"),
        ("metres along the cable, median", "median_error_along_m", " m"),
    )
    return "\n".join(f"{text:44} {_with_interval(some, key)}{unit}" for text, key, unit in rows)


def _verdicts(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for verdict, some in found.items():
        said = ", ".join(f"{count} {name}" for name, count in some["said"].items())
        if some["alerts"]:
            often = _with_interval(some, "per_km_day")
            lines.append(f"{verdict:12} {some['alerts']:5} alerts, {often} a km and day: {said}")
    return "\n".join(lines) or "no alert"


def _with_interval(some: Mapping[str, Any], key: str) -> str:
    value, low, high = some[key], some[f"{key}_low"], some[f"{key}_high"]
    if value is None:
        return "-"
    return f"{value:g}" if low is None else f"{value:g} ({low:g}-{high:g})"
