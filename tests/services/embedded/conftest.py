"""Folders, clients and look-ups for tests of the bundled servers."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A folder that other users may pass, unlike `tmp_path` under root."""
    folder = Path(tempfile.mkdtemp(prefix="straja-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def wait_for(wanted: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Wait until something is so; the time is a bound, never a measure."""
    deadline = time.monotonic() + timeout_s
    while not wanted():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Tell whether no process of this id runs any more (one nobody reaped counts as ended)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Script:
    """A Python process of its own that prints one line when it is ready."""

    text: str
    arguments: list[str]
    python: str = sys.executable
    user: int | None = None
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        site = [path for path in sys.path if path.endswith("site-packages")]
        self.process = subprocess.Popen(
            [self.python, "-c", self.text, *self.arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *site]), "HOME": "/"},
        )

    def line(self) -> str:
        """Wait for the next line it prints; empty when it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Wait for its end."""
        assert self.process.stdout is not None
        self.process.wait(timeout=30)
        self.process.stdout.close()


class Client:
    """An MQTT 3.1.1 client that keeps what it hears."""

    def __init__(
        self,
        port: int,
        name: str | None,
        password: str | None,
        client_id: str = "",
        *,
        acknowledge: bool = True,
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connected: int | None = None
        self.granted: list[int] | None = None
        self.lost = threading.Event()
        self._port = port
        self._acknowledged: set[int] = set()
        self._paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=not client_id,
            manual_ack=not acknowledge,
        )
        self._paho.reconnect_delay_set(1000, 1000)
        if name is not None:
            self._paho.username_pw_set(name, password)
        self._paho.on_connect = self._on_connect
        self._paho.on_subscribe = self._on_subscribe
        self._paho.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload)))
        self._paho.on_disconnect = lambda *_: self.lost.set()
        self._paho.on_publish = lambda _c, _u, mid, *_: self._acknowledged.add(mid)

    def _on_connect(self, *arguments: object) -> None:
        self.connected = getattr(arguments[3], "value", -1)

    def _on_subscribe(self, *arguments: object) -> None:
        codes = arguments[3]
        assert isinstance(codes, list)
        self.granted = [code.value for code in codes]

    def __enter__(self) -> Self:
        self._paho.connect("127.0.0.1", self._port)
        self._paho.loop_start()
        assert wait_for(lambda: self.connected is not None)
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def abandon(self) -> None:
        """Stop without a word."""
        self._paho.loop_stop()

    def subscribe(self, topic: str, qos: int = 1) -> int:
        """Subscribe, and give the answer: the QoS granted, or 128."""
        self.granted = None
        self._paho.subscribe(topic, qos)
        assert wait_for(lambda: self.granted is not None or self.lost.is_set())
        assert self.granted is not None, "cut off instead of answered"
        return self.granted[0]

    def publish(
        self, topic: str, payload: bytes = b"x", *, qos: int = 1, retain: bool = False
    ) -> int:
        """Publish; the message's number."""
        return self._paho.publish(topic, payload, qos, retain).mid

    def acknowledged(self, mid: int) -> bool:
        """Tell whether the broker took this message."""
        return mid in self._acknowledged

    def have_acknowledged(self, mids: list[int]) -> bool:
        """Wait until the broker took all these messages."""
        return wait_for(lambda: self._acknowledged.issuperset(mids))
