"""Starting, finding and ending the bundled servers' processes.

A child dies with us (see `launch`), and what an earlier, killed run left behind is found by what
it works on (its data folder), never by its name alone, and ended by its process id.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import psutil

from geo.errors import EmbeddedError

POLL_S = 0.02
_LAUNCH = Path(__file__).with_name("launch.py")
_TAIL_CHARACTERS = 600
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "TMPDIR")

# The kernel's death signal follows the *thread* that started the child (prctl(2)), so one thread
# that lives as long as the process starts them all. By process id: a fork has no such thread.
_starters: dict[int, ThreadPoolExecutor] = {}


@dataclass(frozen=True, slots=True)
class SystemUser:
    """Whom a server runs as when we are root.

    Attributes:
        name: its name in the user database.
        user_id: its number.
        group_id: its first group's number.
    """

    name: str
    user_id: int
    group_id: int


def open_private_log(path: Path) -> BinaryIO:
    """Open an empty log file with mode 0600 for writing."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    return os.fdopen(handle, "wb")


def spawn(
    command: list[str],
    *,
    log: IO[bytes],
    stdin: IO[bytes] | None = None,
    death_signal: signal.Signals = signal.SIGINT,
    user: SystemUser | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that ends when we end.

    Args:
        command: full path of the program, and its arguments (never a secret: they are public).
        log: open file for what it writes to standard output and error.
        stdin: open file it reads, or nothing.
        death_signal: what the kernel sends it when we are gone (Linux only; elsewhere the next
            start cleans up).
        user: whom it runs as; None for ourselves.
        environment: variables besides the search paths and a plain locale.

    Returns:
        The process, in a session of its own, so that Ctrl-C reaches us and not it.

    Raises:
        EmbeddedError: when the program cannot be started.
    """
    ids = ["-1", "-1"] if user is None else [str(user.user_id), str(user.group_id)]
    wrapped = [sys.executable, "-I", "-S", str(_LAUNCH)]
    wrapped += [str(int(death_signal)), str(os.getpid()), *ids, *command]
    variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    variables |= {"LC_ALL": "C", "TZ": "UTC", **(environment or {})}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # its owner ends and reaps it
            wrapped,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=log,
            stderr=log,
            cwd="/",  # a user without rights on our folder must be able to stand in it
            env=variables,
            start_new_session=True,
        )

    starter = _starters.get(os.getpid())
    if starter is None:
        starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="straja-starter")
        _starters[os.getpid()] = starter
    try:
        return starter.submit(start).result()
    except OSError as error:
        raise EmbeddedError(f"{command[0]} cannot be started: {error}") from error


async def run_to_end(
    command: list[str],
    *,
    what: str,
    log_path: Path,
    stdin: IO[bytes] | None = None,
    user: SystemUser | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
) -> None:
    """Run a helper program until it ends, without stopping the event loop.

    Raises:
        EmbeddedError: when it cannot be started, fails or takes longer than `timeout_s`; with the
            end of what it said.
    """
    with open_private_log(log_path) as log:
        process = spawn(
            command,
            log=log,
            stdin=stdin,
            death_signal=signal.SIGKILL,
            user=user,
            environment=environment,
        )
    deadline = time.monotonic() + timeout_s
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{what} took longer than {timeout_s:.0f} s and was ended.")
            await asyncio.sleep(POLL_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        said = tail(log_path)
        raise EmbeddedError(f"{what} failed with exit code {process.returncode}: {said}")


async def end(
    processes: Iterable[psutil.Process],
    *steps: tuple[signal.Signals, float],
    what: str,
) -> None:
    """End processes by their own ids, the gentle way first.

    Args:
        processes: what to end; each is checked by psutil to be the same as when it was found.
        steps: signal and seconds to wait after it, in order; SIGKILL follows the last.
        what: the server's name, for the error.

    Raises:
        EmbeddedError: when something outlives even SIGKILL for 10 s, or is not ours to end.
    """
    left = [process for process in processes if process.is_running()]
    for number, wait_s in (*steps, (signal.SIGKILL, 10.0)):
        for process in left:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied as error:
                raise EmbeddedError(
                    f"{what}: process {process.pid} of an earlier run belongs to another user; "
                    f"end it, or start as the user who started it."
                ) from error
        deadline = time.monotonic() + wait_s
        while left := [process for process in left if _lives(process)]:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(POLL_S)
        if not left:
            return
    pids = ", ".join(str(process.pid) for process in left)
    raise EmbeddedError(f"{what}: process {pids} does not end even by SIGKILL.")


def _lives(process: psutil.Process) -> bool:
    """Tell whether a process still runs; our own dead children are reaped on the way."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.is_running()
        if process.ppid() == os.getpid():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
    except psutil.NoSuchProcess:
        pass
    return False


def working_on(argument: Path, program: str) -> list[psutil.Process]:
    """Find the processes of a program that have this path, which only ours work on, as argument."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == program:
            with contextlib.suppress(psutil.Error):
                if str(argument) in process.cmdline() and _lives(process):
                    found.append(process)
    return found


def working_in(folder: Path, program: str) -> list[psutil.Process]:
    """Find the processes of a program whose working folder is this one.

    PostgreSQL's processes all stand in their data folder; so a killed postmaster's workers are
    found although they carry other titles.
    """
    found = []
    wanted = str(folder.resolve())
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == program:
            with contextlib.suppress(psutil.Error):
                if process.cwd() == wanted:
                    found.append(process)
    return found


def free_port(
    preferred: int | None = None, host: str = "127.0.0.1", *, avoid: Container[int] = ()
) -> int:
    """Choose a TCP port that is free now: the preferred one, or else any.

    Args:
        preferred: what to try first; None for any.
        host: address to listen on.
        avoid: ports already promised to others.

    Returns:
        The port. When it is not the preferred one, tell the user so.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in [preferred] * (preferred is not None) + [0] * 20:
        if candidate in avoid:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the servers do: a port in TIME_WAIT after a restart counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate or 0))
            except (OSError, OverflowError):
                continue
            port = int(probe.getsockname()[1])
            if port not in avoid:
                return port
    raise EmbeddedError(
        f"no free TCP port on {host} (asked for {preferred}): name an address of this machine, "
        f"or end what takes its ports."
    )


def accepts(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Tell whether something takes TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def log_since(path: Path, start: int) -> bytes:
    """Read a log file from byte `start` on; from its beginning when it was begun anew since."""
    try:
        with path.open("rb") as file:
            file.seek(start if start <= os.fstat(file.fileno()).st_size else 0)
            return file.read()
    except FileNotFoundError:
        return b""


def tail(path: Path, start: int = 0) -> str:
    """Give the last words of a log file from byte `start` on, in one line, for an error."""
    words = " ".join(log_since(path, start).decode(errors="replace").split())
    return words[-_TAIL_CHARACTERS:] or f"(nothing was said in {path})"
