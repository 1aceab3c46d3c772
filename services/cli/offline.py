"""Commands over files: ``process``, ``record``, ``replay``, ``keep``, ``check``."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import (
    Broker,
    Data,
    Json,
    SiteFile,
    broker_of,
    interruptible,
    progress,
    say,
)
from services.cli.inputs import INPUT, file_given
from services.cli.outputs import folder_option

Sensor = Annotated[
    str,
    typer.Option(help="For a DAS file: the fibre sensor of the site whose frames it stands for."),
]


def moment(text: str) -> datetime:
    """Read a time with its zone, or a date, which begins at midnight UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-03-01T01:00Z") from None
    if read.tzinfo is None:
        if "T" in text or ":" in text:
            raise typer.BadParameter(f"{text!r} has no zone: add Z for UTC, or +02:00")
        read = read.replace(tzinfo=UTC)
    return read


def in_ns(read: datetime | None) -> int | None:
    """Take a time to nanoseconds since the epoch, UTC, to the microsecond."""
    return None if read is None else round(read.timestamp() * 1e6) * 1_000


Start = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="TIME", help="For a DAS file: when it begins."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: straja process night.mcap --out results")(process)
    app.command(epilog="Example: straja record night.mcap --data straja-data --seconds 60")(record)
    app.command(
        epilog="Example: straja replay night.mcap --run night-1 --data straja-data --factor 10"
    )(replay)
    app.command(
        epilog="Example: straja keep --from 2026-03-01T01:00Z --to 2026-03-01T01:10Z "
        "--sensor fibre-3 --reason 'incident 4f2a' --until 2026-09-01"
    )(keep)
    app.command(epilog="Example: straja check site.toml")(check)


def process(
    source: Annotated[
        Path,
        typer.Argument(
            help="Recording (.mcap), scene (.toml) or DAS file.", callback=file_given(INPUT)
        ),
    ],
    out: Annotated[Path, typer.Option(callback=folder_option, help="Folder for the results.")],
    site: SiteFile = None,
    sensor: Sensor = "fibre-1",
    start: Start = None,
    run: Annotated[str | None, typer.Option(help="Run that ids derive from.")] = None,
    json_: Json = False,
) -> None:
    """Run the whole pipeline over an input at full speed, without broker or database."""
    from geo.errors import ConfigError
    from services.run.inputs import open_input
    from services.run.processing import process as process_input

    source_input = open_input(source, site, sensor, start_ns=in_ns(start))
    if source_input.seconds is None:
        raise ConfigError(
            f"{source.name} has no duration_s: a scene to process has an end; "
            "write one into it, such as duration_s = 600"
        )
    with progress(f"processing {source.name}", source_input.seconds) as advance:
        counts = process_input(
            source_input.items(advance),
            source_input.site,
            out,
            run=run or source_input.run,
            mark=source_input.mark,
            faults=source_input.faults,
        )
    figures = {
        "messages": counts.messages,
        "rejected": counts.rejected,
        "detections": counts.detections,
        "tracks": counts.tracks,
        "alerts": counts.alerts,
        "warnings": len(source_input.warnings),
        "seconds": round(counts.seconds, 3),
    }
    for warning in source_input.warnings:
        say(f"{source.name}: {warning}")
    if json_:
        print(json.dumps(figures))
    else:
        say(", ".join(f"{name} {value}" for name, value in figures.items()) + f"; see {out}")


def record(
    file: Annotated[Path, typer.Argument(help="Recording to write (.mcap); it must not exist.")],
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="Topic filter; may be given again.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after this time.")] = None,
    broker: Broker = None,
    data: Data = None,
    site: SiteFile = None,
    json_: Json = False,
) -> None:
    """Write MQTT traffic to a file, bit by bit, until Ctrl-C or for --seconds.

    With it goes the site that the service applied, from the data folder's bundled database or that
    of STRAJA_DATABASE_URL; where none is in reach, that of --site. Which one is said at the end.
    """
    from services.run.capture import capture
    from services.run.logs import configure

    configure()
    address = broker_of(broker, data)
    with progress(f"recording {file.name}", seconds) as advance:
        counts = interruptible(
            lambda stop: capture(
                address,
                file,
                filter_ or ["straja/#"],
                site or (Path(named) if (named := os.environ.get("STRAJA_SITE")) else None),
                seconds,
                stop,
                os.environ.get("STRAJA_DATABASE_URL"),
                data=data,
                advance=advance,
            )
        )
    if json_:
        print(json.dumps(counts))
    else:
        say(
            f"{counts['messages']} messages in {file}, with the site {counts['site']!r} of "
            f"{counts['site_from']}"
        )


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help="Recording (.mcap), scene or DAS file.",
            callback=file_given(INPUT),
        ),
    ],
    run: Annotated[str, typer.Option(help="Name of the run; the service has the same --replay.")],
    factor: Annotated[str, typer.Option(help="1 is real time; any factor, or max.")] = "1",
    broker: Broker = None,
    data: Data = None,
    site: SiteFile = None,
    sensor: Sensor = "fibre-1",
    start: Start = None,
    json_: Json = False,
) -> None:
    """Play a recording into a broker, for a service started with `straja run --replay RUN`."""
    from geo.errors import ConfigError
    from services.run.inputs import open_input
    from services.run.playback import play_back

    try:
        speed = None if factor == "max" else float(factor)
    except ValueError:
        raise ConfigError(f"--factor is {factor!r}: a number such as 10, or max") from None
    if speed is not None and speed <= 0.0:
        raise ConfigError(f"--factor is {factor!r}: a number above 0, or max")
    source = open_input(file, site, sensor, start_ns=in_ns(start))
    with progress(f"replaying {file.name}", source.seconds) as advance:
        counts = interruptible(
            lambda stop: play_back(source, advance, broker_of(broker, data), run, speed, stop)
        )
    print(json.dumps(counts)) if json_ else say(f"{counts['messages']} messages replayed")


def keep(
    since: Annotated[
        datetime, typer.Option("--from", parser=moment, metavar="TIME", help="Begin, with zone.")
    ],
    to: Annotated[datetime, typer.Option(parser=moment, metavar="TIME", help="End, with zone.")],
    reason: Annotated[str, typer.Option(help="Why it is kept.")],
    until: Annotated[
        datetime, typer.Option(parser=moment, metavar="TIME", help="When it may be removed.")
    ],
    sensor: Annotated[
        list[str] | None, typer.Option(help="Sensors of the stretch; all if not given.")
    ] = None,
    from_chainage: Annotated[
        float | None, typer.Option(help="Or: where it begins, metres along the border line.")
    ] = None,
    to_chainage: Annotated[float | None, typer.Option(help="Where it ends.")] = None,
    data: Annotated[Path, typer.Option(help="The service's data folder.")] = Path("straja-data"),
    json_: Json = False,
) -> None:
    """Keep a stretch and time of the ring of recordings, with a reason and an end.

    A stretch of the border line takes the sensors whose place or cable lies in it by the site that
    applied, and all that move.

    Operators' commands of that time come from the data folder's bundled database, or from that of
    STRAJA_DATABASE_URL.
    """
    from geo.errors import ConfigError
    from services.recording.keep import keep as keep_stretch
    from services.run.capture import commands_of
    from services.run.logs import configure

    configure()
    chainage_m = None
    if from_chainage is not None and to_chainage is not None:
        chainage_m = (from_chainage, to_chainage)
    elif from_chainage is not None or to_chainage is not None:
        raise ConfigError("--from-chainage and --to-chainage go together: give both, or neither")
    bundled = data if (data / "postgres").is_dir() else None
    begin_ns, end_ns = round(since.timestamp() * 1e6) * 1_000, round(to.timestamp() * 1e6) * 1_000
    commands = asyncio.run(commands_of(bundled, os.environ, begin_ns, end_ns))
    with progress("keeping", (to - since).total_seconds()) as advance:
        kept = keep_stretch(
            data / "ring",
            data / "kept",
            since,
            to,
            sensors=sensor or [],
            reason=reason,
            until=until,
            chainage_m=chainage_m,
            commands=commands,
            advance=advance,
        )
    print(json.dumps(kept.figures())) if json_ else say(str(kept))


def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Site, scene or calibration file.",
            callback=file_given("a site, a scene or a calibration (.toml)"),
        ),
    ] = None,
    site: SiteFile = None,
    broker: Annotated[
        str | None, typer.Option(help="Broker whose limits to read: mqtt://host:port.")
    ] = None,
    data: Data = None,
    json_: Json = False,
) -> int:
    """Name each fault of a site, scene or calibration file, and read a broker's limits.

    The site is that which a calibration is for; a scene names its own.
    """
    from services.run.checking import check_broker, check_file

    findings = []
    if file is not None:
        named = os.environ.get("STRAJA_SITE")
        findings += check_file(file, site or (Path(named) if named else None))
    if broker is not None or data is not None or file is None:
        findings += interruptible(lambda _: check_broker(broker_of(broker, data)))
    if json_:
        print(json.dumps([finding.figures() for finding in findings]))
    else:
        for finding in findings:
            print(finding)
    return int(any(finding.is_fault for finding in findings))
