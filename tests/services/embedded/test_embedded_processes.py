import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from geo.errors import EmbeddedError
from services.embedded import processes
from services.embedded.folders import server_user
from services.embedded.processes import open_private_log
from tests.services.embedded.conftest import Script, gone, wait_for

SLEEP = "/bin/sleep"

PARENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts what it puts into the background
from services.embedded.processes import spawn
with open(sys.argv[1], "wb") as log:
    child = spawn(["/bin/sleep", "600"], log=log)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_a_child_ends_when_its_parent_is_killed(log_path: Path) -> None:
    parent = Script(PARENT, [str(log_path)])
    pid = int(parent.line())
    assert wait_for(lambda: psutil.Process(pid).name() == "sleep")
    parent.kill()
    assert wait_for(lambda: gone(pid))


def test_a_child_outlives_the_thread_that_asked_for_it(log_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def ask() -> None:
        with open_private_log(log_path) as log:
            started.append(processes.spawn([SLEEP, "600"], log=log))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    child = started[0]
    try:
        assert wait_for(lambda: psutil.Process(child.pid).name() == "sleep")
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.3)
    finally:
        child.kill()
        child.wait()


def test_a_child_of_root_runs_as_the_servers_user(log_path: Path) -> None:
    user = server_user()
    if user is None:
        pytest.skip("needs root")
    with open_private_log(log_path) as log:
        child = processes.spawn([SLEEP, "600"], log=log, user=user)
    try:
        found = psutil.Process(child.pid)
        assert wait_for(lambda: found.name() == "sleep")
        assert set(found.uids()) == {user.user_id}
        assert set(found.gids()) == {user.group_id}
        status = Path(f"/proc/{child.pid}/status").read_text()
        assert "Groups:\t \n" in status or "Groups:\t\n" in status
    finally:
        child.kill()
        child.wait()


async def test_a_failing_helper_is_told_with_its_last_words(log_path: Path) -> None:
    failing = ["/bin/sh", "-c", "echo no such luck; exit 7"]
    with pytest.raises(EmbeddedError, match="making it failed with exit code 7: no such luck"):
        await processes.run_to_end(failing, what="making it", log_path=log_path)


async def test_a_helper_that_hangs_is_ended(log_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="making it took longer"):
        await processes.run_to_end(
            [SLEEP, "600"], what="making it", log_path=log_path, timeout_s=0.2
        )


async def test_what_ignores_the_gentle_signal_is_killed(log_path: Path) -> None:
    stubborn = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
    with open_private_log(log_path) as log:
        child = processes.spawn(stubborn, log=log)
    assert wait_for(lambda: "ready" in log_path.read_text())
    await processes.end([psutil.Process(child.pid)], (signal.SIGTERM, 0.2), what="it")
    assert gone(child.pid)
    assert child.wait() in {-signal.SIGKILL, 0}  # 0: reaped before its Popen could look


def test_a_missing_program_is_named(log_path: Path) -> None:
    with open_private_log(log_path) as log:
        child = processes.spawn(["/no/such/program"], log=log)
    assert child.wait() != 0
    said = processes.tail(log_path)
    assert said == "/no/such/program cannot be run: No such file or directory"


def test_only_what_works_on_our_path_is_found(log_path: Path, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for path in (mine, other):
        path.write_text("x\n")
    children = []
    try:
        for path in (mine, other):
            with open_private_log(log_path) as log:
                children.append(processes.spawn(["/usr/bin/tail", "-f", str(path)], log=log))
        assert wait_for(lambda: len(processes.working_on(mine, "tail")) == 1)
        assert processes.working_on(mine, "tail")[0].pid == children[0].pid
        assert processes.working_on(tmp_path, "tail") == []
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_a_taken_port_gives_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = processes.free_port(port)
        assert other != port
        assert processes.accepts("127.0.0.1", port)
    assert processes.free_port(other) == other
    assert processes.free_port(other, avoid={other}) != other


def test_an_address_of_another_machine_has_no_port() -> None:
    with pytest.raises(EmbeddedError, match=r"no free TCP port on 192\.0\.2\.1"):
        processes.free_port(1883, "192.0.2.1")
