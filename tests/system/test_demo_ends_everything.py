"""``straja demo``: figures at its end, and nothing left behind however it ends."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.system.installation import ROOT, STRAJA, is_gone

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

END_S = 20.0
QUIET = ("--scene", str(ROOT / "deploy" / "scenes" / "quiet-scene.toml"))


class Demo:
    """A demo as a process of its own; whatever it started is known by process id."""

    def __init__(self, data: Path, *words: str) -> None:
        self._said = data.with_name("demo.log")
        with self._said.open("w") as log:
            self.process = subprocess.Popen(
                [*STRAJA, "demo", "--data", str(data), "--headless", *words],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.started: dict[int, str] = {}

    @property
    def said(self) -> str:
        return self._said.read_text()

    def look(self) -> None:
        """Note what it has started by now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    self.started[child.pid] = " ".join(child.cmdline())[-200:]

    def wait_for_console(self) -> str:
        """Wait until it gives its address."""
        deadline = time.monotonic() + 120.0
        while not (found := re.search(r"console: (http://\S+)", self.said)):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            self.look()
            time.sleep(0.1)
        self.look()
        assert len(self.started) > 5, self.started
        return found[1]

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for its end."""
        self.look()
        self.process.send_signal(number)
        return self.process.wait(END_S)

    def figures(self) -> dict[str, float]:
        """What it printed at its end."""
        assert self.process.stdout is not None
        figures: dict[str, float] = json.loads(self.process.stdout.read())
        return figures

    def wait_all_gone(self) -> None:
        """Nothing that it started may run any more."""
        deadline = time.monotonic() + END_S
        while left := {pid: what for pid, what in self.started.items() if not is_gone(pid)}:
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def clear(self) -> None:
        """End whatever a failed test left."""
        self.look()
        for pid in [self.process.pid, *self.started]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="straja-demo-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


@contextlib.contextmanager
def demo(data: Path, *words: str) -> Iterator[Demo]:
    one = Demo(data, *words)
    try:
        yield one
    finally:
        one.clear()


@contextlib.contextmanager
def taken(port: int) -> Iterator[bool]:
    """Listen there; False where a server of another test does, which may end at any time."""
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port))
            other.listen()
        except OSError:
            yield False
        else:
            yield True


def test_a_demo_shows_an_alert_and_leaves_nothing_behind_however_it_ends(data: Path) -> None:
    with taken(8080) as console_port, taken(1883) as broker_port, demo(data, "--json") as shown:
        console = shown.wait_for_console()
        if console_port:
            assert "port 8080 is taken: the console listens on" in shown.said
        if broker_port:
            assert re.search(r"the broker listens on 127\.0\.0\.1:(?!1883\n)\d+\n", shown.said)
        _wait_for_alert(shown, console)
        first = _alerts(console)
        assert shown.end(signal.SIGTERM) == 0, shown.said
        shown.wait_all_gone()
        figures = shown.figures()
    assert first
    assert set(figures) == {"alerts", "first_alert_s", "messages", "peak_rss_mb"}
    assert figures["alerts"] >= 1
    assert figures["first_alert_s"] > 0.0
    assert figures["messages"] > 100
    assert figures["peak_rss_mb"] > 100.0

    with demo(data, *QUIET) as killed:
        assert first <= _alerts(killed.wait_for_console()), "alerts are kept"
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        killed.wait_all_gone()
    with demo(data, *QUIET) as interrupted:
        assert first <= _alerts(interrupted.wait_for_console()), "also after a kill"
        assert interrupted.end(signal.SIGINT) == 0
        interrupted.wait_all_gone()
    with demo(data, *QUIET, "--seconds", "1", "--json") as short:
        short.wait_for_console()
        assert short.process.wait(END_S) == 0
        short.wait_all_gone()
        assert short.figures()["alerts"] == 0


def _wait_for_alert(shown: Demo, console: str) -> None:
    """Wait until the demo itself must have read of an alert."""
    url = console.partition("/#")[0]
    deadline = time.monotonic() + 150.0
    seen = 0
    while seen < 20:
        assert time.monotonic() < deadline, "no alert"
        text = httpx.get(f"{url}/metrics", timeout=20.0).text
        raised = re.search(r"^straja_alerts_raised_total (\S+)$", text, re.MULTILINE)
        seen += raised is not None and float(raised[1]) > 0
        shown.look()
        time.sleep(0.2)


def _alerts(console: str) -> set[str]:
    """Ids of all alerts, after signing in as the console would."""
    url, _, token = console.partition("/#once=")
    with httpx.Client(base_url=url, timeout=20.0) as client:
        client.post("/api/session/once", json={"token": token}).raise_for_status()
        answer = client.get("/api/alerts", params={"include_ended": True})
        return {one["id"] for one in answer.raise_for_status().json()["alerts"]}
