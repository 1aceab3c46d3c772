"""``straja bench latency``: from receipt of the frame that decides to the alert at a listener.

The demo runs as it is, with the whole border's traffic and simulators on this machine, and many
crossings. A listener of the live feed notes when each raised alert arrives; the frame's receive
time is that of the stored fibre detection at the alert's own event time.
"""

import asyncio
import contextlib
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from sensors.messages import time_from_wire
from services.bench.machine import machine
from services.run.demo import Demo
from services.storage.receipts import receipts

_SCENE = """
name = "crossings for measuring latency"
seed = 20261
start = 2026-03-01T01:00:00Z

[[crossings]]
id = "walkers"
class = "person"
behaviour = "walk"
first_t_s = 5.0
every_s = 3.0
chainage_m = [1000.0, 299000.0]
from_offset_m = -10.0
to_offset_m = 120.0
count = [1, 3]
speed_mps = [1.0, 1.6]
"""


async def measure(
    seconds: float, data: Path | None, stop: asyncio.Event, say: Callable[[str], None]
) -> dict[str, object]:
    """Run the demo for ``seconds`` and measure; see the module."""
    with contextlib.ExitStack() as stack:
        folder = _folder(data, stack)
        scene = folder / "latency-scene.toml"
        scene.write_text(_SCENE)
        listener: list[_Listener] = []
        demo = Demo(folder / "data", scene, say)

        def shown(address: str) -> None:
            listener.append(_Listener(address))
            asyncio.get_running_loop().call_later(seconds, stop.set)

        found: dict[int, int] = {}

        async def before_end(url: str) -> None:
            found.update(await receipts(url, "live", "fibre"))

        await demo.run(stop, shown, before_end)
        arrivals = listener[0].end() if listener else {}
    return _figures(arrivals, found, demo, seconds)


def _folder(data: Path | None, stack: contextlib.ExitStack) -> Path:
    """The folder named, whose rights stay as they are, or one of our own until the end."""
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        return data
    made = tempfile.TemporaryDirectory(prefix="straja-", dir="/var/tmp")
    folder = Path(stack.enter_context(made))
    folder.chmod(0o755)  # as root, the database's user passes through it
    return folder


def _figures(
    arrivals: dict[int, int], received: dict[int, int], demo: Demo, seconds: float
) -> dict[str, object]:
    delays = np.array(
        [(at_ns - received[event_ns]) / 1e9 for event_ns, at_ns in arrivals.items()
         if event_ns in received]
    )  # fmt: skip
    figures: dict[str, object] = {
        "alerts": len(arrivals),
        "alerts_by_frame": int(delays.size),
        "seconds": seconds,
        "messages": demo.outcome.messages,
        "peak_rss_mb": demo.outcome.peak_rss_mb,
        "machine": machine(),
    }
    if delays.size:
        p50, p99 = np.quantile(delays, [0.5, 0.99])
        figures |= {
            "p50_s": round(float(p50), 3),
            "p99_s": round(float(p99), 3),
            "longest_s": round(float(delays.max()), 3),
        }
    return figures


class _Listener:
    """One listener of the live feed, in a thread: event time of a raised alert -> arrival."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.netloc
        self._token = parts.fragment.removeprefix("once=")
        self._arrivals: dict[int, int] = {}
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def end(self) -> dict[int, int]:
        """Arrival times, ns UTC, by the alert's event time."""
        self._thread.join(5.0)
        return self._arrivals

    def _listen(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=30.0)
        body = json.dumps({"token": self._token})
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/api/session/once", body, headers)
        answer = connection.getresponse()
        answer.read()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        connection.request("GET", "/api/feed", headers={"Cookie": cookie})
        stream = connection.getresponse()
        with contextlib.suppress(OSError, http.client.HTTPException):
            while line := stream.readline():
                if line.startswith(b"data:"):
                    self._note(json.loads(line[5:]), time.time_ns())

    def _note(self, event: Any, arrived_ns: int) -> None:
        change = event.get("change") if isinstance(event, dict) else None
        if isinstance(change, dict) and change.get("what") == "raised":
            self._arrivals.setdefault(time_from_wire(event["at"]), arrived_ns)
