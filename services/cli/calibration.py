"""``straja calibrate``: a cable's calibration table from a tap test."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import Json, progress, say
from services.cli.offline import Start, in_ns, moment


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: straja calibrate tap-log.csv taps.mcap --sensor fibre-3 "
        "--out fibre-3-calibration.toml --plot fibre-3.png"
    )(calibrate)


def calibrate(
    log: Annotated[
        Path, typer.Argument(help="Tap log of the crew (.csv).", exists=True, dir_okay=False)
    ],
    source: Annotated[
        Path,
        typer.Argument(
            help="What the fibre said meanwhile: recording (.mcap), scene (.toml) or DAS file.",
            exists=True,
        ),
    ],
    sensor: Annotated[str, typer.Option(help="The fibre sensor whose cable was tapped.")],
    out: Annotated[Path, typer.Option(help="File to write: the table, as a part of a site file.")],
    site: Annotated[
        Path | None,
        typer.Option(
            "--site",
            help="Site whose table is to be replaced; else that of the recording or scene.",
        ),
    ] = None,
    start: Start = None,
    valid_from: Annotated[
        datetime | None,
        typer.Option(
            parser=moment, metavar="TIME", help="When the table begins to hold; else the first tap."
        ),
    ] = None,
    within: Annotated[
        float,
        typer.Option(min=50.0, max=5_000.0, help="Look so many metres about the expected place."),
    ] = 1_000.0,
    clock: Annotated[
        float,
        typer.Option(
            min=0.0, max=3_600.0, help="The crew's watch is off by so many seconds at most."
        ),
    ] = 60.0,
    plot: Annotated[
        Path | None, typer.Option(help="Picture to write (.png): points, curve and residuals.")
    ] = None,
    site_out: Annotated[
        Path | None,
        typer.Option(
            help="Site file to write: that of --site, with the table in it from its time."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Make a cable's calibration table of a tap test, with residuals.

    Beyond the taps the table that the site has so far is kept, moved along. A tap that is not
    found, found twice or out of order is named and left out.
    """
    from geo.errors import ConfigError
    from geo.site import Site
    from services.calibrate.writing import site_with
    from services.run.calibrating import Search, calibrate, read_log
    from services.run.calibration_plot import draw_calibration
    from services.run.inputs import open_input

    if site_out is not None and site is None:
        raise ConfigError("--site-out goes with --site: name the site file to put the table into")
    rows = read_log(log)
    # A scene plays at its own site, and a recording was made at its own: --site is what to mend.
    has_site = source.suffix.lower() in {".mcap", ".toml"}
    told = open_input(source, None if has_site else site, sensor, start_ns=in_ns(start))
    with progress(f"listening to {source.name}", told.seconds) as advance:
        made = calibrate(
            rows,
            told.items(advance),
            Site.load(site) if site is not None else told.site,
            sensor,
            search=Search(within, clock),
            valid_from=valid_from,
        )
    out.write_text(made.text(), encoding="utf-8")
    if plot is not None:
        draw_calibration(made, plot)
    if site is not None and site_out is not None:
        text = site_with(site.read_text(encoding="utf-8"), str(site), made.row, made.text())
        site_out.write_text(text, encoding="utf-8")
    for warning in told.warnings:
        say(f"{source.name}: {warning}")
    if json_:
        print(json.dumps(made.figures()))
    else:
        for line in made.lines():
            say(line)
        say(f"table in {out}")
