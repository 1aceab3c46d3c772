"""Commands for testers: ``score`` against the truth, ``compare`` one result with another."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.common import Json, SiteFile, say
from services.cli.inputs import INPUT, RESULT, RESULTS, TRUTH, file_given, folder_given, path_given
from services.cli.outputs import file_option, folder_option

if TYPE_CHECKING:
    from sensors.messages import Mark


MarkName = Annotated[
    str | None,
    typer.Option("--mark", help="Only what is real, exercise, simulated or replay."),
]


def _mark(name: str | None) -> "Mark | None":
    from sensors.messages import Mark

    try:
        return None if name is None else Mark(name)
    except ValueError:
        known = ", ".join(Mark)
        raise typer.BadParameter(f"--mark is {name!r}: wanted one of {known}") from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: straja score --truth truth.jsonl --out-dir results --json")(score)
    app.command(epilog="Example: straja compare results-before results-after --html report.html")(
        compare
    )


def score(
    truth: Annotated[
        list[Path] | None,
        typer.Option(
            help="Truth of a run (JSON Lines); again for each --out-dir.",
            callback=file_given(TRUTH),
        ),
    ] = None,
    out_dir: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder that `straja process` wrote; may be given again.",
            callback=folder_given(RESULT),
        ),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of such folders, each with its truth.jsonl.",
            callback=folder_given("a folder of runs, each with its truth.jsonl"),
        ),
    ] = None,
    mark: MarkName = None,
    site: SiteFile = None,
    plot: Annotated[
        Path | None,
        typer.Option(callback=folder_option, help="Draw space-time pictures into this folder."),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            help="For pictures with a waterfall: scene, recording, DAS file.",
            callback=file_given(INPUT),
        ),
    ] = None,
    sensor: Annotated[
        str, typer.Option(help="For a DAS file: the fibre sensor that it stands for.")
    ] = "fibre-1",
    details: Annotated[
        bool, typer.Option("--details", help="With --json: each crossing and alert as well.")
    ] = False,
    json_: Json = False,
) -> None:
    """Say how well results match the truth: crossings, delays, places, alerts without cause."""
    from services.run.scoring import pairs_of, score
    from services.score.table import table

    pairs = pairs_of(truth or [], out_dir or [], runs or [])
    if plot is None:
        figures, rows = score(pairs, site, _mark(mark))
    else:
        from services.run.plots import Plots

        plots = Plots(plot, pairs, source or [], site, sensor)
        figures, rows = score(pairs, site, _mark(mark), tell=plots)
        say(f"{len(plots.written)} pictures in {plot}")
    if json_:
        print(json.dumps({**figures, "details": rows} if details else figures))
    else:
        print(table(figures))


def compare(
    before: Annotated[
        Path,
        typer.Argument(
            help="Folder of a run, folder of runs, or saved score.", callback=path_given(RESULTS)
        ),
    ],
    after: Annotated[Path, typer.Argument(help="Likewise.", callback=path_given(RESULTS))],
    truth: Annotated[
        list[Path] | None,
        typer.Option(
            help="Truth of the runs, in order of their names; else their truth.jsonl.",
            callback=file_given(TRUTH),
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(callback=file_option, help="Write a page to this file.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(callback=file_option, help="Write JUnit XML to this file.")
    ] = None,
    delay_s: Annotated[float, typer.Option(min=0.0, help="An alert may come later by this.")] = 2.0,
    place_m: Annotated[float, typer.Option(min=0.0, help="And be farther off by this.")] = 10.0,
    missed: Annotated[int, typer.Option(min=0, help="So many may be newly missed.")] = 0,
    causeless: Annotated[
        int, typer.Option(min=0, help="So many alerts without cause may be new.")
    ] = 0,
    moved: Annotated[
        int, typer.Option(min=0, help="So many crossings may be later, farther, repeated.")
    ] = 0,
    mark: MarkName = None,
    site: SiteFile = None,
    json_: Json = False,
) -> int:
    """Say what changed from one result to another: exit code 1 where anything is worse."""
    from services.compare.changes import Tolerances
    from services.compare.page import as_html
    from services.compare.reports import as_junit, as_table, as_values
    from services.run.comparing import compare_results

    tolerances = Tolerances(delay_s, place_m, missed, causeless, moved)
    found = compare_results(before, after, truth or [], site, _mark(mark), tolerances)
    if html is not None:
        html.write_text(as_html(found), encoding="utf-8")
    if junit is not None:
        junit.write_text(as_junit(found), encoding="utf-8")
    print(json.dumps(as_values(found)) if json_ else as_table(found))
    return int(found.is_worse)
