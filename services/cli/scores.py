"""Commands for testers: ``score`` against the truth, ``compare`` one result with another."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sensors.messages import Mark
from services.cli.common import Json, SiteFile


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: straja score --truth truth.jsonl --out-dir results --json")(score)


def score(
    truth: Annotated[
        list[Path] | None,
        typer.Option(help="Truth of a run (JSON Lines); again for each --out-dir."),
    ] = None,
    out_dir: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that `straja process` wrote; may be given again."),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of such folders, each with its truth.jsonl."),
    ] = None,
    mark: Annotated[
        Mark | None, typer.Option(help="Only what has this mark, where results have several.")
    ] = None,
    site: SiteFile = None,
    details: Annotated[
        bool, typer.Option("--details", help="With --json: each crossing and alert as well.")
    ] = False,
    json_: Json = False,
) -> None:
    """Say how well results match the truth: crossings, delays, places, alerts without cause."""
    from services.run.scoring import pairs_of, score
    from services.score.table import table

    figures, rows = score(pairs_of(truth or [], out_dir or [], runs or []), site, mark)
    if json_:
        print(json.dumps({**figures, "details": rows} if details else figures))
    else:
        print(table(figures))
