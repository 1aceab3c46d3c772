"""A whole installation in a folder of its own: database, broker and service, each can be killed."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil
import psycopg

from services.embedded import EmbeddedNats, EmbeddedPostgres, add_user, free_port
from services.embedded.processes import spawn
from services.storage.accounts import AccountStore
from services.storage.link import Links
from services.storage.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
STRAJA = (sys.executable, "-m", "services.cli.main")
FIELD = "field"
"""Name under which all gateways of a test connect."""
OPERATOR, OTHER = "op-17", "rs-4"
"""Accounts of the home party and of another one."""
PASSWORD = "correct-horse-battery"

ResultT = TypeVar("ResultT")


async def until(
    ask: Callable[[], Awaitable[ResultT | None]], wanted: str, within_s: float = 60.0
) -> ResultT:
    """Ask until there is an answer; the time is a bound, never a measure."""
    deadline = time.monotonic() + within_s
    while True:
        if answer := await ask():
            return answer
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {wanted}"
        await asyncio.sleep(0.1)


async def so(say: Callable[[], Any], wanted: str, within_s: float = 60.0) -> None:
    """Wait until something that needs no waiting for is so."""

    async def ask() -> bool:
        return bool(say())

    await until(ask, wanted, within_s)


def is_gone(pid: int) -> bool:
    """Tell whether no process of this id runs any more (one nobody reaped counts as ended)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(pids: list[int]) -> None:
    """End processes as a power cut would, all at once."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Service:
    """``straja run`` as a process of its own; its port stays over restarts."""

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        *arguments: str,
        site: Path | None = None,
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "service.log"
        self._command = [*STRAJA, "run", "--ring-gib", "0.05", *arguments]
        self._variables = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **variables,
            "STRAJA_DATA": str(folder),
            "STRAJA_LISTEN": f"127.0.0.1:{self.port}",
        }
        if site is not None:
            self._variables["STRAJA_SITE"] = str(site)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.is_alive()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = spawn(
                self._command, log=log, death_signal=signal.SIGTERM, environment=self._variables
            )

    def frame_workers(self) -> list[int]:
        """Process ids of its frame workers."""
        found = []
        for child in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.Error):
                if "services.run.frame_process" in child.cmdline():
                    found.append(child.pid)
        return found

    def kill(self) -> None:
        """End it as a power cut would."""
        kill([self.pid])
        self.wait(10.0)

    def stop(self, within_s: float = 30.0) -> int:
        """Ask it to end, and give its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait(within_s)

    def wait(self, within_s: float) -> int:
        """Wait until it has ended, and give its exit code."""
        assert self._process is not None
        return self._process.wait(within_s)

    def end(self) -> None:
        """End it whatever happened."""
        if self.is_alive():
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()

    async def live(self, within_s: float = 60.0) -> None:
        """Wait until it answers."""
        await self._answers("/health/live", within_s)

    async def ready(self, within_s: float = 90.0) -> None:
        """Wait until a test item came the whole way."""
        await self._answers("/health/ready", within_s)

    async def _answers(self, path: str, within_s: float) -> None:
        said = ["nothing"]

        async def ask() -> bool:
            assert self.is_alive(), f"the service ended: {self.last_words()}"
            try:
                answer = await client.get(self.url + path)
            except httpx.TransportError as error:
                said.append(repr(error))
                return False
            said.append(answer.text)
            return answer.status_code == httpx.codes.OK

        async with httpx.AsyncClient(timeout=10.0) as client:
            try:
                await until(ask, path, within_s)
            except AssertionError as error:
                raise AssertionError(f"{error}; {said[-1]}; {self.last_words()}") from None

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:]

    async def metrics(self) -> dict[str, float]:
        """All counts, by name with labels."""
        async with httpx.AsyncClient(timeout=10.0) as client:
            text = (await client.get(f"{self.url}/metrics")).text
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


class Installation:
    """Database and broker, and a service on them."""

    def __init__(self) -> None:
        # Under root PostgreSQL runs as another user, who must be able to pass through.
        self.folder = Path(tempfile.mkdtemp(prefix="straja-system-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.postgres = EmbeddedPostgres(self.folder, fsync=False)
        self.broker = EmbeddedNats(self.folder, port=free_port())
        self._services: list[Service] = []
        self.field_password = ""

    def __enter__(self) -> Self:
        try:
            asyncio.run(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for service in self._services:
            service.end()
        asyncio.run(self._stop())
        shutil.rmtree(self.folder)

    async def _start(self) -> None:
        await self.postgres.start()
        await migrate(self.postgres.owner_url)
        await self.add_accounts()
        self.field_password = add_user(self.folder, FIELD, all_groups=True)
        await self.broker.start()

    async def _stop(self) -> None:
        try:
            await self.broker.stop()
        finally:
            await self.postgres.stop()

    async def add_accounts(self) -> None:
        """An operator of each party."""
        links = Links(self.postgres.owner_url, "straja test", size=1)
        try:
            accounts = AccountStore(links, "live", time.time_ns)
            await accounts.add_account(OPERATOR, PASSWORD, "RO", "operator")
            await accounts.add_account(OTHER, PASSWORD, "RS", "operator")
        finally:
            await links.close()

    @property
    def variables(self) -> dict[str, str]:
        """Addresses, as the environment gives them to commands."""
        return {
            "STRAJA_BROKER_URL": self.broker.url,
            "STRAJA_BROKER_LOG": str(self.broker.log_path),
            "STRAJA_DATABASE_URL": self.postgres.url,
            "STRAJA_DATABASE_OWNER_URL": self.postgres.owner_url,
        }

    @property
    def field_url(self) -> str:
        """The broker's address for gateways: they publish, and hear their refusals."""
        return f"mqtt://{FIELD}:{self.field_password}@127.0.0.1:{self.broker.port}"

    def service(
        self,
        *arguments: str,
        site: Path | None = None,
        name: str = "data",
        port: int | None = None,
    ) -> Service:
        """A service on this database and broker, with a data folder of its own."""
        service = Service(self.folder / name, self.variables, *arguments, site=site, port=port)
        self._services.append(service)
        return service

    async def healthy(self, service: Service) -> None:
        """Start again what a test before killed."""
        if not self.postgres.is_alive():
            await self.postgres.restart()
        if not self.broker.is_alive():
            await self.broker.restart()
        if not service.is_alive():
            service.start()
        await service.ready()

    def kill_broker(self) -> None:
        """End the broker as a power cut would."""
        kill([self.broker.pid])

    async def kill_database(self) -> None:
        """End all of the database's processes as a power cut would."""
        server = psutil.Process(self.postgres.pid)
        pids = [server.pid, *(child.pid for child in server.children(recursive=True))]
        kill(pids)
        await so(lambda: all(map(is_gone, pids)), "the database's processes end")

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database itself."""
        connection = await psycopg.AsyncConnection.connect(self.postgres.owner_url)
        async with connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall()
