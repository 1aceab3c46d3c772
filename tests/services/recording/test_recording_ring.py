"""The ring stays within its size, survives kills and full disks, and never troubles its caller."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.events import Received
from services.recording import Recording, Ring
from services.recording import ring as ring_module
from services.recording.file import RecordingFile

T0 = 1_772_327_000_000_000_000


def message(number: int, size: int = 20_000, topic: str = "straja/v1/g/fibre/f/frame") -> Received:
    return Received(T0 + number * 1_000, topic, os.urandom(8) + bytes([number % 256]) * size)


def held(folder: Path) -> list[Received]:
    found: list[Received] = []
    for path in sorted(folder.glob("*.mcap")):
        found += [
            k.item for k in Recording(path).kept() if isinstance(k.item, Received) and not k.told
        ]
    return found


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.mcap"))


def test_the_ring_holds_the_last_messages_within_its_size(tmp_path: Path) -> None:
    limit = 2 * 1024 * 1024
    items = [message(n) for n in range(400)]
    with Ring(tmp_path, limit) as ring:
        for item in items:
            ring.keep(item)
    assert ring.kept == 400
    assert total(tmp_path) <= limit
    found = held(tmp_path)
    assert found == items[-len(found) :]
    assert len(found) * 20_000 > limit * 0.8


def test_small_messages_on_many_topics_stay_within_the_size_too(tmp_path: Path) -> None:
    limit = 1024 * 1024
    items = [message(n, 30, f"straja/v1/group-{n % 400}/patrol/p-{n}/status") for n in range(9_000)]
    with Ring(tmp_path, limit) as ring:
        for item in items:
            ring.keep(item)
    assert ring.failures == 0
    assert ring.forgotten > 0  # more states than are remembered
    assert total(tmp_path) <= limit
    found = held(tmp_path)
    assert found == items[-len(found) :]


def test_a_new_start_goes_on_within_the_size(tmp_path: Path) -> None:
    items = [message(n) for n in range(60)]
    for begin in range(0, 60, 20):
        with Ring(tmp_path, 1024 * 1024) as ring:
            for item in items[begin : begin + 20]:
                ring.keep(item)
    found = held(tmp_path)
    assert total(tmp_path) <= 1024 * 1024
    assert found == items[-len(found) :]
    assert len(found) > 30


def test_each_file_begins_with_the_state_from_before_it(tmp_path: Path) -> None:
    register = Received(T0, "straja/v1/g/fibre/f/register", b'{"kind":"fibre"}', retained=True)
    gone = Received(T0, "straja/v1/g/fibre/x/register", b"{}")
    with Ring(tmp_path, 1024 * 1024, site_text="name = 'x'") as ring:
        ring.keep(register)
        ring.keep(gone)
        ring.keep(Received(T0, gone.topic, b"", retained=True))
        for number in range(100):
            ring.keep(message(number))
    last = Recording(max(tmp_path.glob("*.mcap")))
    first = next(last.kept())
    assert isinstance(first.item, Received)
    assert first.told
    assert first.item.retained
    assert (first.item.topic, first.item.payload) == (register.topic, register.payload)
    assert sum(kept.told for kept in last.kept()) == 1
    assert last.site_text == "name = 'x'"


_KILLED = """
import sys, time
from pathlib import Path
from services.events import Received
from services.recording import Ring
ring = Ring(Path(sys.argv[1]), 64 * 1024 * 1024).__enter__()
number = 0
while True:
    payload = number.to_bytes(8, "big") * 5_000
    ring.keep(Received(1_772_327_000_000_000_000 + number, "t/frame", payload))
    number += 1
    if number == 40:
        print("going", flush=True)
    time.sleep(0.001)
"""


def test_after_a_kill_the_open_file_is_readable_and_the_next_start_goes_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 20
    while total(tmp_path) < 1_100_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    # Segments of this ring are of 4 MiB: the file under way was not being closed just then.
    assert not Recording(max(tmp_path.glob("*.mcap"))).closed
    found = [int.from_bytes(item.payload[:8], "big") for item in held(tmp_path)]
    assert found == list(range(len(found)))
    assert len(found) > 20
    with Ring(tmp_path, 64 * 1024 * 1024) as ring:
        ring.keep(message(0))
    assert len(held(tmp_path)) == len(found) + 1


def test_a_full_disk_is_counted_said_once_and_got_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = True
    write = RecordingFile.write

    def refusing(self: RecordingFile, received: Received, *, told: bool = False) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, received, told=told)

    monkeypatch.setattr(RecordingFile, "write", refusing)
    monkeypatch.setattr(ring_module, "_RETRY_S", 0.0)
    with Ring(tmp_path, 1024 * 1024) as ring:
        for number in range(5):
            ring.keep(message(number))
        deadline = time.monotonic() + 20
        while ring.failures < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        full = False
        ring.keep(message(5))
    assert (ring.failures, ring.kept) == (5, 1)
    assert capsys.readouterr().out.count("ring of recordings fails") == 1
    assert [item.received_at_ns for item in held(tmp_path)] == [T0 + 5_000]


def test_a_folder_that_cannot_be_made_costs_only_the_ring(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Ring(tmp_path / "file" / "ring", 1024 * 1024) as ring:
        ring.keep(message(0))
    assert ring.failures == 1


def test_a_disk_too_slow_costs_messages_and_never_the_callers_time(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 1024 * 1024)  # not begun: nobody takes from its queue
    big = message(0, 1_000_000)
    for _ in range(60):
        ring.keep(big)
    assert ring.dropped == 60 - ring_module.QUEUE_BYTES // len(big.payload)
    assert ring._waiting_bytes <= ring_module.QUEUE_BYTES


def test_a_message_larger_than_the_ring_is_counted(tmp_path: Path) -> None:
    with Ring(tmp_path, 128 * 1024) as ring:
        ring.keep(message(0, 200_000))
    assert ring.failures == 1
    assert total(tmp_path) <= 128 * 1024
