"""What commands share."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from geo.errors import BrokerError, ConfigError
from services.cli.inputs import site_given

if TYPE_CHECKING:
    from geo.site import Site
    from services.mqtt import BrokerAddress

Json = Annotated[bool, typer.Option("--json", help="Print figures as JSON.")]
SiteFile = Annotated[
    Path | None,
    typer.Option(
        "--site",
        help="Site file; else STRAJA_SITE, else the default site.",
        callback=site_given,
    ),
]
Broker = Annotated[
    str | None, typer.Option("--broker", help="mqtt://host:port; else STRAJA_BROKER_URL.")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder whose bundled servers are meant.")
]
ResultT = TypeVar("ResultT")


def say(text: str) -> None:
    """Tell a person, on standard error, so that standard output holds figures alone."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def interruptible(work: Callable[[asyncio.Event], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Run ``work`` with an event that Ctrl-C and SIGTERM set, so that it ends in good order."""

    async def main() -> ResultT:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await work(stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Uvloop's faster event loop where there is one: Windows has none."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


@contextlib.contextmanager
def progress(title: str, total_s: float | None) -> Iterator[Callable[[float], None]]:
    """Show how far long work has come, where a person watches; yields what takes seconds done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    total = "" if total_s is None else f" of {total_s:.0f}"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}" + total + " s, for"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total_s)
        yield lambda done_s: bar.update(task, completed=done_s)


@contextlib.contextmanager
def table_progress(title: str) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show how far work on tables has come; yields what takes table, rows done and rows in all."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title)

        def advance(table: str, done: int, rows: int) -> None:
            bar.update(task, completed=done, total=rows, description=f"{title}: {table}")

        yield advance


def site_of(path: Path | None) -> "Site":
    """The site of a file, else of STRAJA_SITE, else the default site."""
    from geo.default_site import default_site_path
    from geo.site import Site

    return Site.load(path or os.environ.get("STRAJA_SITE") or default_site_path())


def broker_of(url: str | None, data: Path | None = None) -> "BrokerAddress":
    """The broker of an option, of a data folder whose bundled one runs, or of the environment.

    Raises:
        ConfigError: where none is named, or both options are given.
        BrokerError: where no broker runs on the data folder.
    """
    from services.mqtt import BrokerAddress

    if data is not None:
        if url:
            raise ConfigError("--broker and --data both name a broker: give one of them")
        return _bundled_broker(data)
    url = url or os.environ.get("STRAJA_BROKER_URL")
    if not url:
        raise ConfigError(
            "no broker: give --broker mqtt://host:port, set STRAJA_BROKER_URL, or name the data "
            "folder of a running demo with --data FOLDER"
        )
    return BrokerAddress.parse(url, os.environ)


def _bundled_broker(data: Path) -> "BrokerAddress":
    """The running bundled broker of a data folder, with the service's own name and password."""
    from services.embedded.nats import running_broker
    from services.mqtt import BrokerAddress

    if not (data / "nats").is_dir():
        raise ConfigError(f"--data is {str(data)!r}: there is no bundled broker in it")
    running = running_broker(data)
    if running is None:
        raise BrokerError(
            f"no broker runs on the data folder {str(data)!r}: start `straja demo --data {data}`"
        )
    trusted = os.environ.get("STRAJA_BROKER_CA") or running.certificate
    # Not the environment's password, which belongs to another address.
    return BrokerAddress.parse(running.url, {"STRAJA_BROKER_CA": str(trusted)} if trusted else None)
