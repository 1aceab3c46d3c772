"""The whole on one machine: servers, service and simulated sensors, watched and ended together."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from geo.default_site import default_site_path
from geo.errors import ConfigError, EmbeddedError
from geo.site import Site
from services.embedded import EmbeddedNats, EmbeddedPostgres, add_user, free_port
from services.embedded.processes import end, spawn
from services.run.tally import Tally
from services.storage.accounts import AccountStore
from services.storage.link import Links
from services.storage.migrate import migrate

_READY_S = 60.0
_POLL_S = 0.25
_RSS_EVERY_S = 2.0
_SIGN_IN_S = 3_600.0
SIMULATORS = "simulators"
"""Name under which the simulated sensors of all groups connect."""
ACCOUNT = "demo"
_OURS = (
    "postgres.lock",
    "nats.lock",
    "nats/accounts.lock",
    "secrets/postgres.json",
    "secrets/nats.json",
    "ring",
    "spool",
)
"""One of these is in every data folder, also when its first start was cut short."""


@dataclass(slots=True)
class Outcome:
    """What a demo saw; printed at its end."""

    alerts: int = 0
    first_alert_s: float | None = None
    messages: int = 0
    peak_rss_mb: float = 0.0

    def figures(self) -> dict[str, float | None]:
        """The figures by name."""
        return asdict(self)


@dataclass(slots=True)
class _Part:
    """A child of the demo: started again when it dies."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = spawn(
                self.command,
                log=log,
                death_signal=signal.SIGTERM,
                environment={**os.environ, **self.environment},
            )

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(frozen=True, slots=True)
class BrokerDoor:
    """Where the bundled broker listens; beyond loopback only with TLS, as the broker insists.

    Attributes:
        host: address to listen on.
        certificate: PEM file of the certificate, which names 127.0.0.1 or the address too.
        key: PEM file of its key.
        authority: PEM file by which the certificate is checked; the certificate where None.
    """

    host: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    def broker(self, data: Path) -> EmbeddedNats:
        """The broker, not started yet.

        Raises:
            ConfigError: for an open door.
        """
        return EmbeddedNats(
            data, host=self.host, tls_certificate=self.certificate, tls_key=self.key
        )

    def trust(self) -> dict[str, str]:
        """What our own processes need to believe the broker's certificate."""
        authority = self.authority or self.certificate
        return {"STRAJA_BROKER_CA": str(authority.absolute())} if authority else {}


class Demo:
    """Servers and parts of one demo."""

    def __init__(
        self,
        data: Path,
        scene: Path,
        say: Callable[[str], None],
        door: BrokerDoor | None = None,
    ) -> None:
        """Take data folder, scene, where progress is said, and where the broker listens."""
        self._door = door or BrokerDoor()
        self._data = data.absolute()
        self._scene = scene.absolute()  # its player works in another folder
        self._say = say
        self.outcome = Outcome()
        self._tally = Tally()
        self.url = ""

    async def run(
        self,
        stop: asyncio.Event,
        shown: Callable[[str], None],
        before_end: Callable[[str], Awaitable[None]] | None = None,
    ) -> Outcome:
        """Run until ``stop``.

        Args:
            stop: ends it.
            shown: given the console's address with its sign-in.
            before_end: given the database's address while it still runs.

        Raises:
            ConfigError: where the folder holds things of others.
            SiteError: where the site file has faults.
            EmbeddedError: where a server or the service did not start.
        """
        site = Site.load(os.environ.get("STRAJA_SITE") or default_site_path())
        _take_folder(self._data)
        async with contextlib.AsyncExitStack() as stack:
            self._say("starting the database")
            database = await stack.enter_async_context(EmbeddedPostgres(self._data))
            await migrate(database.owner_url)
            self._say("starting the broker")
            password = add_user(self._data, SIMULATORS, all_groups=True, renew=True)
            broker = await stack.enter_async_context(self._door.broker(self._data))
            port = free_port(8080)
            if port != 8080:
                self._say(f"port 8080 is taken: the console listens on {port}")
            self._say(f"the broker listens on {self._door.host}:{broker.port}")
            self.url = f"http://127.0.0.1:{port}"
            service, simulators = self._parts(database, broker, port, password)
            started = time.monotonic()
            for part in (service, simulators):
                stack.push_async_callback(_end, part)
            self._say("starting the service")
            service.start()
            await self._wait_ready(service)
            await self._read(started)
            self._say("starting the simulated sensors")
            simulators.start()
            token = await _one_time_token(database.owner_url, site.home_party)
            shown(f"{self.url}/#once={token}")
            await self._watch(stop, service, simulators, [database, broker], started)
            if before_end is not None:
                await before_end(database.owner_url)
        return self.outcome

    def _parts(
        self, database: EmbeddedPostgres, broker: EmbeddedNats, port: int, password: str
    ) -> tuple[_Part, _Part]:
        straja = [sys.executable, "-m", "services.cli.main"]
        trust = self._door.trust()
        service = _Part(
            "service",
            [*straja, "run", "--banner", "simulated"],
            {
                **trust,
                "STRAJA_BROKER_URL": broker.url,
                "STRAJA_BROKER_LOG": str(broker.log_path),
                "STRAJA_DATABASE_URL": database.url,
                "STRAJA_DATA": str(self._data),
                "STRAJA_LISTEN": f"127.0.0.1:{port}",
            },
            self._data / "log" / "service.log",
        )
        simulators = _Part(
            "simulated sensors",
            [*straja, "simulate", str(self._scene)],
            {
                **trust,
                "STRAJA_BROKER_URL": broker.url.replace(
                    broker.url.partition("://")[2].partition("@")[0], SIMULATORS
                ),
                "STRAJA_BROKER_PASSWORD": password,
            },
            self._data / "log" / "simulators.log",
        )
        return service, simulators

    async def _wait_ready(self, service: _Part) -> None:
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            if not service.is_alive():
                break
            if await asyncio.to_thread(_get, f"{self.url}/health/ready") is not None:
                return
            await asyncio.sleep(_POLL_S)
        raise EmbeddedError(f"the service did not start: read the end of {service.log}")

    async def _watch(
        self,
        stop: asyncio.Event,
        service: _Part,
        simulators: _Part,
        servers: list[EmbeddedPostgres | EmbeddedNats],
        started: float,
    ) -> None:
        """Start again what died, and take the figures, until told to stop."""
        rss_at = 0.0
        while not stop.is_set():
            for part in (service, simulators):
                if not part.is_alive():
                    self._say(f"{part.name} ended: starting it again")
                    part.start()
                    if part is service:
                        self._tally.begin_anew()
            for server in servers:
                if not server.is_alive():
                    self._say(f"{type(server).__name__} ended: starting it again")
                    await server.restart()
            await self._read(started)
            if time.monotonic() >= rss_at:
                rss_at = time.monotonic() + _RSS_EVERY_S
                rss_mb = await asyncio.to_thread(_memory_mb)
                self.outcome.peak_rss_mb = max(self.outcome.peak_rss_mb, rss_mb)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await stop.wait()

    async def _read(self, started: float) -> None:
        metrics = await asyncio.to_thread(_get, f"{self.url}/metrics")
        if metrics is None:
            return
        self._tally.read(metrics)
        self.outcome.alerts, self.outcome.messages = self._tally.alerts, self._tally.messages
        if self.outcome.alerts and self.outcome.first_alert_s is None:
            self.outcome.first_alert_s = round(time.monotonic() - started, 1)


def _take_folder(data: Path) -> None:
    """Make the data folder private, if it is ours or nobody's.

    Raises:
        ConfigError: where it holds things, none of which a service or a demo put there.
    """
    data.mkdir(parents=True, exist_ok=True)
    if any(data.iterdir()) and not any((data / name).exists() for name in _OURS):
        raise ConfigError(
            f"--data is {str(data)!r}: it holds files and none of a demo's, and would be closed to "
            f"all others; name a new or an empty folder, such as {str(data / 'straja-data')!r}"
        )
    data.chmod(0o700)


def _get(url: str) -> str | None:
    """Body of a page of the service on this machine, or None where there is none yet."""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310 - our own loopback
            body: bytes = answer.read()
    except (urllib.error.URLError, OSError):
        return None
    return body.decode()


def _memory_mb() -> float:
    """Memory of this process and all below it; what they share is counted once (PSS)."""
    total = 0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return round(total / 2**20, 1)


async def _end(part: _Part) -> None:
    if part.process is not None and part.is_alive():
        process = psutil.Process(part.process.pid)
        await end([process], (signal.SIGTERM, 15.0), what=part.name)


async def _one_time_token(url: str, party: str) -> str:
    """A sign-in for the demo's operator, who is added to a party at the first start."""
    links = Links(url, "straja demo", size=1)
    try:
        accounts = AccountStore(links, "live", time.time_ns)
        if ACCOUNT not in {line.account.name for line in await accounts.list_accounts()}:
            await accounts.add_account(ACCOUNT, secrets.token_urlsafe(24), party, "operator")
        return await accounts.one_time_token(ACCOUNT, _SIGN_IN_S)
    finally:
        await links.close()
