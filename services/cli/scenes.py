"""Commands about scenes: ``truth`` and ``scene``."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import Json, SiteFile, say, site_of
from services.cli.inputs import SCENE, file_given
from services.cli.offline import in_ns, moment
from services.cli.outputs import file_option, new_file, result_folder


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: straja truth deploy/scenes/crossing-scene.toml --out truth.jsonl")(
        truth
    )
    app.command(epilog="Example: straja scene --seed 7 --difficulty 0.5 --out drawn-scene.toml")(
        scene
    )


def truth(
    source: Annotated[Path, typer.Argument(help="Scene (.toml).", callback=file_given(SCENE))],
    out: Annotated[
        Path, typer.Option(callback=file_option, help="File to write, one JSON object a line.")
    ],
    step: Annotated[float, typer.Option(min=0.01, help="Seconds between points.")] = 1.0,
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=moment, metavar="TIME", help="When it was played live, as simulate says."
        ),
    ] = None,
    site: SiteFile = None,
    json_: Json = False,
) -> None:
    """Write what truly happens in a scene: who is where, and near which sensors."""
    from geo.errors import ConfigError
    from geo.site import Site
    from sensors.simulators import course
    from sensors.truth import write_truth
    from services.run.inputs import load_scene, scene_site

    told = load_scene(source)
    if told.duration_s is None:
        raise ConfigError(
            f"{source.name} has no duration_s: a scene to write truth of has an end; "
            "write one into it, such as duration_s = 600"
        )
    where = Site.load(site or scene_site(told, source))
    with out.open("w", encoding="utf-8") as file:
        points = write_truth(course.truth(told, where, step, start_ns=in_ns(start)), file)
    figures = {"points": points, "seconds": told.duration_s}
    print(json.dumps(figures)) if json_ else say(f"{points} points in {out}")


def scene(
    seed: Annotated[int, typer.Option(min=0, help="Of every draw; with --count of the first.")],
    out: Annotated[Path, typer.Option(help="File to write; with --count a folder.")],
    difficulty: Annotated[float, typer.Option(min=0.0, max=1.0, help="From 0 to 1.")] = 0.3,
    count: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Write so many, one seed each.")
    ] = None,
    site: SiteFile = None,
    json_: Json = False,
) -> None:
    """Draw random scenes with crossings, for statistics."""
    from sensors.scenes import write
    from sensors.simulators.drawn import draw_scene

    new_file(out, "--out") if count is None else result_folder(out, "--out")
    named = site or os.environ.get("STRAJA_SITE")
    where = site_of(site)
    crossings = 0
    if count is not None:
        out.mkdir(parents=True, exist_ok=True)
    for number in range(seed, seed + (count or 1)):
        drawn = draw_scene(number, difficulty, where)
        if named is not None:
            drawn = drawn.model_copy(update={"site": str(Path(named).absolute())})
        crossings += sum(one.id.startswith("crossing-") for one in drawn.actor)
        file = out if count is None else out / f"drawn-{number}-scene.toml"
        header = f"straja scene --seed {number} --difficulty {difficulty:g}"
        file.write_text(write(drawn, header), encoding="utf-8")
    figures = {"scenes": count or 1, "crossings": crossings}
    if json_:
        print(json.dumps(figures))
    else:
        say(f"{figures['scenes']} scenes with {crossings} crossings in {out}")
