"""``straja record``: MQTT traffic to a recording, with the site and the commands of that time."""

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog

from geo.default_site import default_site_path
from geo.errors import BrokerError, ConfigError, EmbeddedError, StorageError
from geo.site import Site
from sensors.messages import time_to_text
from services.events import Command
from services.mqtt import BrokerAddress, FrameReader
from services.recording import Recorder
from services.run.database import with_database
from services.storage.commands import commands_between
from services.storage.sites import applied_text

_log = structlog.get_logger()

ResultT = TypeVar("ResultT")

_LIVE = "live"
_TURN_S = 0.2
_FLUSH_S = 2.0
_CONNECT_S = 10.0
_AT_LEAST_ONCE = 1


async def capture(
    broker: BrokerAddress,
    file: Path,
    filters: Sequence[str],
    site_path: Path | None,
    seconds: float | None,
    stop: asyncio.Event,
    database_url: str | None,
    *,
    data: Path | None = None,
    advance: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Record until ``stop``, or for so many seconds.

    What the broker retains comes first, as it gives it at subscription. Each message is taken at
    the quality of service at which it was sent.

    Args:
        broker: where from.
        file: the recording, which must not exist; it is created once the broker has taken the
            subscriptions.
        filters: topic filters.
        site_path: site file where no database says which one the service applied; the default
            site's where None.
        seconds: None for until ``stop``.
        stop: ends it.
        database_url: of the service's database, for the site that it applied and the operators'
            commands of that time.
        data: data folder whose bundled database has them instead.
        advance: told how many seconds were recorded.

    Returns:
        Figures: messages, of these retained, commands (None where they could not be read), bytes,
        messages dropped because the disk was too slow, and the site with where it is from.

    Raises:
        ConfigError: where the file exists.
        BrokerError: where the broker is out of reach or refuses a filter.
        SiteError: where the site file has faults.
        RecordingError: where the file cannot be written.
    """
    variables = {"STRAJA_DATABASE_URL": database_url} if database_url else {}
    site_text, site_from = await _site_text(site_path, data, variables)
    site = Site.parse(site_text, site_from)
    begin_ns = time.time_ns()
    head = {
        "run": _LIVE,
        "begun_at": time_to_text(begin_ns),
        "begun_at_ns": str(begin_ns),
        "filters": "\n".join(filters),
        "site": site.name,
        "site_hash": site.hash,
    }
    reader = FrameReader(
        broker,
        f"straja-record-{uuid.uuid4().hex[:12]}",
        filters,
        now_ns=time.time_ns,
        qos=_AT_LEAST_ONCE,
    )
    reader.start()
    try:
        await _subscribed(reader, broker, stop)
        with Recorder(file, head=head, site_text=site_text) as recorder:
            await asyncio.to_thread(_take, reader, recorder, seconds, stop, advance)
            await asyncio.to_thread(reader.stop)
            commands = await commands_of(data, variables, begin_ns, time.time_ns())
            for command in commands or ():
                recorder.add(command)
    finally:
        await asyncio.to_thread(reader.stop)
    return {
        "messages": recorder.messages,
        "retained": recorder.retained,
        "commands": None if commands is None else len(commands),
        "megabytes": round(recorder.payload_bytes / 1e6, 3),
        "file_megabytes": round(await asyncio.to_thread(os.path.getsize, file) / 1e6, 3),
        "dropped": reader.dropped,
        "site": site.name,
        "site_from": site_from,
        "seconds": round((time.time_ns() - begin_ns) / 1e9, 3),
    }


async def _subscribed(reader: FrameReader, broker: BrokerAddress, stop: asyncio.Event) -> None:
    deadline = time.monotonic() + _CONNECT_S
    while not reader.subscribed:
        if stop.is_set():
            raise BrokerError(f"{broker} had not answered when this was ended: nothing recorded")
        if reader.refusal is not None:
            raise BrokerError(broker.refusal(reader.refusal))
        if time.monotonic() > deadline:
            raise BrokerError(f"{broker} is out of reach: start it, or correct --broker")
        await asyncio.sleep(0.02)
    _none_refused(reader)


def _none_refused(reader: FrameReader) -> None:
    if reader.refused:
        raise BrokerError(
            f"the broker refused the subscription to {', '.join(reader.refused)}: "
            "allow it for this user, or give another --filter"
        )


def _take(
    reader: FrameReader,
    recorder: Recorder,
    seconds: float | None,
    stop: asyncio.Event,
    advance: Callable[[float], None],
) -> None:
    """Write what comes; in a thread, so that a slow disk does not hold up anything else."""
    begin_s = time.monotonic()
    end_s = None if seconds is None else begin_s + seconds
    flush_s = time.monotonic() + _FLUSH_S
    while not stop.is_set() and (end_s is None or time.monotonic() < end_s):
        for received in reader.get(_TURN_S):
            recorder.add(received)
        advance(time.monotonic() - begin_s)
        _none_refused(reader)
        if time.monotonic() >= flush_s:
            flush_s = time.monotonic() + _FLUSH_S
            recorder.flush()
    for received in reader.get(0.0):
        recorder.add(received)


async def _site_text(
    path: Path | None, data: Path | None, variables: Mapping[str, str]
) -> tuple[str, str]:
    """The site file that the service applied, else the one named; and where it is from."""
    text = await _of_database(
        data, variables, "the site that the service applied", lambda url: applied_text(url, _LIVE)
    )
    if text is not None:
        return text, "the service's database"
    file = path or default_site_path()
    return await asyncio.to_thread(file.read_text, encoding="utf-8"), str(file)


async def commands_of(
    data: Path | None, variables: Mapping[str, str], since_ns: int, to_ns: int
) -> list[Command] | None:
    """Read operators' commands of a time; see ``with_database`` for whose.

    Returns:
        None where no database is named, or it cannot be read, which is logged.
    """
    return await _of_database(
        data,
        variables,
        "operators' commands",
        lambda url: commands_between(url, _LIVE, since_ns, to_ns),
    )


async def _of_database(
    data: Path | None,
    variables: Mapping[str, str],
    what: str,
    read: Callable[[str], Awaitable[ResultT]],
) -> ResultT | None:
    if data is None and not variables.get("STRAJA_DATABASE_URL"):
        return None
    named = {name: value for name, value in variables.items() if name == "STRAJA_DATABASE_URL"}
    try:
        return await with_database(data, named, read)
    except (StorageError, EmbeddedError, ConfigError) as error:
        _log.warning("missing in the recording, no database in reach", what=what, reason=str(error))
        return None
