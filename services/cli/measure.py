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
    bench.command("simulate", epilog="Example: straja bench simulate --json")(simulate)
    bench.command(
        "fibre", epilog="Example: straja bench fibre --channels 30000 --seconds 20 --json"
    )(fibre)
    bench.command("noise", epilog="Example: straja bench noise night.hdf5 --json")(noise)
    bench.command("score", epilog="Example: straja bench score --scenes 30 --json")(score)
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


def simulate(
    seconds: Annotated[float, typer.Option(min=2.0, help="Of each scene.")] = 20.0,
    json_: Json = False,
) -> None:
    """How much faster than life one core simulates the whole border, calm and in a storm."""
    from services.bench.simulate import measure

    _print(measure(seconds, say), json_)


def fibre(
    channels: Annotated[int, typer.Option(help="All sensors together.")] = 30_000,
    rate: Annotated[float, typer.Option(help="Samples a second and channel.")] = 500.0,
    seconds: Annotated[float, typer.Option(help="Of the border's time, to measure.")] = 20.0,
    peers: Annotated[
        bool, typer.Option("--peers", help="Beside xdas, obspy, scipy and dascore.")
    ] = False,
    json_: Json = False,
) -> None:
    """How much faster than life one core detects along the whole border's fibre."""
    from services.bench.fibre import measure

    _print(measure(channels, rate, seconds, say, with_peers=peers), json_)


def noise(
    recording: Annotated[
        list[Path] | None, typer.Argument(help="DAS files or single channels (.mseed).")
    ] = None,
    json_: Json = False,
) -> None:
    """How synthetic fibre noise compares with recordings: tails, spectrum, likeness."""
    from services.bench.noise import measure

    _print(measure(recording or [], say), json_)


def score(
    seeds: Annotated[
        str, typer.Option(help="Which seeds of deploy/seeds.toml: tuning, or figures.")
    ] = "tuning",
    scenes: Annotated[
        int | None, typer.Option(min=0, help="So many of them; else all. 0: committed scenes only.")
    ] = None,
    first_seed: Annotated[
        int | None, typer.Option(min=0, help="Seeds of your own, from this one on.")
    ] = None,
    reference: Annotated[
        bool, typer.Option(help="Score the committed scenes as well, each by itself.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Leave scenes, truth, results and score.json here.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at a time.")] = 2,
    json_: Json = False,
) -> None:
    """Draw scenes, process them, and score what was found of their crossings."""
    from services.bench.score import measure, tables
    from services.bench.seeds import seed_set, shipped_seeds

    plan = shipped_seeds()
    chosen = plan.chosen(seed_set(seeds), scenes, first_seed)
    figures = measure(chosen, plan, out, jobs, reference=reference, say=say)
    if out is not None:
        text = json.dumps(figures, indent=1) + "\n"
        (out / "score.json").write_text(text, encoding="utf-8")
    print(json.dumps(figures) if json_ else tables(figures))


def _print(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")
