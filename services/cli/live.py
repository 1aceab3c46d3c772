"""Commands that run something: ``run``, ``demo``, ``simulate``."""

import asyncio
import json
import os
import sys
import webbrowser
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
    site_of,
)
from services.cli.inputs import SCENE, file_given


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: STRAJA_BROKER_URL=mqtt://localhost straja run")(run)
    app.command(epilog="Example: straja demo --headless --seconds 60 --json")(demo)
    app.command(epilog="Example: straja simulate scene.toml --data straja-data")(simulate)


def run(
    replay: Annotated[
        str | None, typer.Option(help="Take the replay of this name, not live traffic.")
    ] = None,
    frame_workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes for raw frames.")
    ] = 1,
    banner: Annotated[
        str | None, typer.Option(help="Mark across the console: simulated or exercise.")
    ] = None,
    ring_gib: Annotated[float, typer.Option(min=0.0, help="Ring of recordings; 0 for none.")] = 4.0,
) -> None:
    """Run the service; addresses and secrets come from STRAJA_... variables."""
    from geo.errors import ConfigError
    from sensors.messages import Mark
    from services.config.environment import Environment
    from services.run.logs import configure
    from services.run.service import Options, serve

    configure()
    environment = Environment.read(os.environ)
    if banner not in {None, "simulated", "exercise"}:
        raise ConfigError(f"--banner is {banner!r}: simulated or exercise")
    mark = Mark(banner) if banner else None
    options = Options(replay, frame_workers, int(ring_gib * 2**30), mark)
    interruptible(lambda stop: serve(environment, options, stop))


def demo(
    data: Annotated[Path, typer.Option(help="Folder for all data; kept.")] = Path("straja-data"),
    scene: Annotated[
        Path | None,
        typer.Option(
            help="Scene to play; the whole border if not given.", callback=file_given(SCENE)
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=1.0, help="End after this time.")] = None,
    broker_host: Annotated[
        str, typer.Option(help="Where the broker listens; beyond loopback it needs TLS.")
    ] = "127.0.0.1",
    broker_certificate: Annotated[
        Path | None, typer.Option(help="The broker's certificate (PEM).", exists=True)
    ] = None,
    broker_key: Annotated[Path | None, typer.Option(help="Its key (PEM).", exists=True)] = None,
    broker_authority: Annotated[
        Path | None, typer.Option(help="By which the certificate is checked.", exists=True)
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Open no console window.")] = False,
    json_: Json = False,
) -> None:
    """Run everything on this machine: servers, service and simulated sensors."""
    from services.run.demo import BrokerDoor, Demo
    from services.run.scenes import scene_path

    door = BrokerDoor(broker_host, broker_certificate, broker_key, broker_authority)
    demonstration = Demo(data, scene or scene_path("demo"), say, door)

    def shown(address: str) -> None:
        say(f"console: {address}   (signs in once, within an hour; Ctrl-C ends everything)")
        if not headless and sys.stdout.isatty() and os.environ.get("DISPLAY"):
            webbrowser.open(address)

    async def work(stop: asyncio.Event) -> None:
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop.set)
        await demonstration.run(stop, shown)

    interruptible(work)
    figures = demonstration.outcome.figures()
    if json_:
        print(json.dumps(figures))
    else:
        say(", ".join(f"{name} {value}" for name, value in figures.items()))


def simulate(
    scene: Annotated[Path, typer.Argument(help="Scene file.", callback=file_given(SCENE))],
    broker: Broker = None,
    data: Data = None,
    speed: Annotated[float, typer.Option(min=0.01, help="1 is real time.")] = 1.0,
    site: SiteFile = None,
    json_: Json = False,
) -> None:
    """Play a scene's sensors into a broker, in real time or at another speed."""
    from services.run.inputs import load_scene, scene_site
    from services.run.logs import configure
    from services.run.simulate import play

    configure()
    address = broker_of(broker, data)
    told = load_scene(scene)
    where = site_of(site or (None if told.site == "default" else scene_site(told, scene)))
    with progress(f"playing {scene.name}", told.duration_s) as advance:
        sent = interruptible(lambda stop: play(scene, where, address, speed, stop, advance))
    if json_:
        print(json.dumps(sent))
    else:
        say(
            f"{sent['messages']} messages ({sent['megabytes']:.1f} MB) of {scene.name} sent in "
            f"{sent['seconds']:.1f} s, {sent['given_up']} given up"
        )
