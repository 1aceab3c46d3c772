"""``straja bench``: figures, measured on this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import Json, interruptible, say


def register(app: typer.Typer) -> None:
    """Add the commands."""
    bench = typer.Typer(
        help="Measure on this machine; results belong in docs/results with their machine.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    bench.command("latency", epilog="Example: straja bench latency --seconds 120 --json")(latency)
    bench.command("ingest", epilog="Example: straja bench ingest --reports 50000 --json")(ingest)
    app.add_typer(bench, name="bench", epilog="Example: straja bench latency --json")


def latency(
    seconds: Annotated[float, typer.Option(min=30.0, help="How long to measure.")] = 120.0,
    data: Annotated[Path | None, typer.Option(help="Data folder; else a new one.")] = None,
    json_: Json = False,
) -> None:
    """From receipt of the frame that decides to the alert at a listener, whole border running."""
    from services.bench.latency import measure

    _print(interruptible(lambda stop: measure(seconds, data, stop, say)), json_)


def ingest(
    reports: Annotated[int, typer.Option(min=1_000, help="Reports to send.")] = 50_000,
    json_: Json = False,
) -> None:
    """Reports a second validated, journalled and acknowledged, beside a bare C subscriber."""
    from services.bench.ingest import measure

    _print(interruptible(lambda stop: measure(reports, stop, say)), json_)


def _print(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")
