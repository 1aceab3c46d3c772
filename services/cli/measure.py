"""``straja bench``: figures, measured on this machine."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.common import Json, SiteFile, interruptible, say
from services.cli.inputs import file_given
from services.cli.outputs import folder_option


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
    data: Annotated[
        Path | None, typer.Option(callback=folder_option, help="Data folder; else a new one.")
    ] = None,
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
        list[Path] | None,
        typer.Argument(
            help="DAS files or single channels (.mseed).",
            callback=file_given("a DAS file or a single channel (.mseed)"),
        ),
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
    case: Annotated[
        list[str] | None,
        typer.Option(
            help="Only scenes of this case, such as walk or calm; again for more, or all."
        ),
    ] = None,
    km_days: Annotated[
        float | None,
        typer.Option(min=0.01, help="Exposure of calm and wind: km of border times days."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Drawn and committed scenes, and every case.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=folder_option, help="Leave scenes, truth, results and score.json here."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at a time.")] = 2,
    site: SiteFile = None,
    json_: Json = False,
) -> None:
    """Draw scenes, process them, and score what was found of their crossings."""
    from geo.errors import ConfigError
    from sensors.simulators.cases import Case
    from services.bench.cases import case_named, measure_case, scenes_for
    from services.bench.machine import machine
    from services.bench.score import measure, tables
    from services.bench.seeds import seed_set, shipped_seeds

    plan, name = shipped_seeds(), seed_set(seeds)
    cases = list(Case) if everything or case == ["all"] else [case_named(one) for one in case or ()]
    if km_days is not None and not any(one.is_exposure for one in cases):
        raise ConfigError("--km-days goes with --case calm or wind: it says how much exposure")
    if site is not None and (everything or not cases):
        raise ConfigError("--site goes with --case: drawn and committed scenes name their own")
    # All of them before anything runs: a wrong number is told at once.
    chosen = plan.chosen(name, scenes, first_seed) if everything or not cases else None
    of_case = {
        one: plan.chosen(
            name,
            scenes_for(km_days) if km_days is not None and one.is_exposure else scenes,
            first_seed,
            one,
        )
        for one in cases
    }
    figures: dict[str, Any] = {"machine": machine()}
    if chosen is not None:
        figures = measure(chosen, plan, out, jobs, reference=reference, say=say)
    if of_case:
        figures["cases"] = {}
    for one, drawn in of_case.items():
        where = None if out is None else out / "cases" / one
        figures["cases"][str(one)] = measure_case(one, drawn, where, jobs, say, site)
    if out is not None:
        text = json.dumps(figures, indent=1) + "\n"
        (out / "score.json").write_text(text, encoding="utf-8")
        (out / "score.txt").write_text(tables(figures) + "\n", encoding="utf-8")
    print(json.dumps(figures) if json_ else tables(figures))


def _print(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")
