"""A comparison as one page of HTML that needs nothing else."""

from html import escape

from services.compare.changes import Change, Comparison, Effect
from services.compare.reports import chance_text, change_row, figure_rows, verdict

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.verdict { border-left: .4rem solid; font-weight: 600; padding: .5rem 1rem; }
.worse { border-color: #b3261e; } .alike { border-color: #2e7d32; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left; }
td.number { font-variant-numeric: tabular-nums; }
tr.fails td:first-child { color: #b3261e; font-weight: 700; }
""".strip()

_TITLES: dict[Effect, str] = {
    "worse": "What is worse",
    "better": "What is better",
    "different": "What differs otherwise",
}


def as_html(comparison: Comparison) -> str:
    """Write the page."""
    before, after = escape(comparison.before.name), escape(comparison.after.name)
    mood = "worse" if comparison.is_worse else "alike"
    sections = "".join(_section(title, effect, comparison) for effect, title in _TITLES.items())
    rules = comparison.tolerances
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{before} against {after}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>{before} against {after}</h1>
<p class="verdict {mood}">{escape(verdict(comparison))}</p>
{_figures(comparison, before, after)}{sections}<h2>What is allowed</h2>
<p>An alert may come {rules.delay_s:g} s later and be {rules.place_m:g} m farther from the truth.
More than that, {rules.moved} crossings may have later ones, {rules.moved} farther ones and
{rules.moved} more of them; {rules.missed} crossings may be newly missed and {rules.causeless}
alerts that nobody wanted may be new. Alerts are the same within {rules.pair_s:g} s and
{rules.pair_m:g} m.</p>
<p>{_sentence(chance_text(comparison))}</p>
</body>
</html>
"""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _figures(comparison: Comparison, before: str, after: str) -> str:
    rows = figure_rows(comparison)
    if not rows:
        return "<p>There was no truth: alerts are compared with alerts.</p>\n"
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="number">{escape(first)}</td>'
        f'<td class="number">{escape(second)}</td></tr>\n'
        for name, first, second in rows
    )
    return (
        f'<table>\n<tr><td></td><th scope="col">{before}</th><th scope="col">{after}</th></tr>\n'
        f"{lines}</table>\n"
    )


def _section(title: str, effect: Effect, comparison: Comparison) -> str:
    changes = [change for change in comparison.changes if change.effect == effect]
    if not changes:
        return ""
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("", "what", "run", "crossing or alert", "when and where", "before", "after")
    )
    lines = "".join(_row(change) for change in changes)
    return f"<h2>{title}</h2>\n<table>\n<tr>{head}</tr>\n{lines}</table>\n"


def _row(change: Change) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in change_row(change))
    return f'<tr class="fails">{cells}</tr>\n' if change.fails else f"<tr>{cells}</tr>\n"
