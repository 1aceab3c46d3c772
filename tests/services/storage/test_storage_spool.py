"""The spool's framing and files."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import StorageError, WireError
from services.events import Received
from services.ingest.ports import Entry
from services.storage import spool as spool_module
from services.storage.journal import to_entry, to_row
from services.storage.spool import Spool, frame, unframe
from services.storage.spooled import Write, decode_body, encode_row, encode_write
from tests.services.storage.samples import alert, proof

bodies = st.lists(st.binary(min_size=1, max_size=200), max_size=20)


def take_all(spool: Spool, max_frames: int = 3) -> list[bytes]:
    taken: list[bytes] = []
    while batch := spool.peek(max_frames=max_frames):
        taken += batch.bodies
        spool.taken(batch)
    return taken


@given(bodies, st.integers(0, 5_000))
def test_frames_cut_anywhere_give_the_whole_ones_before_the_cut(
    given_bodies: list[bytes], cut: int
) -> None:
    data = b"".join(map(frame, given_bodies))[:cut]
    at, found = 0, []
    while got := unframe(data, at):
        found.append(got[0])
        at = got[1]
    assert found == given_bodies[: len(found)]
    length = 0
    for body in given_bodies[: len(found) + 1]:
        length += 8 + len(body)
    assert len(found) == len(given_bodies) or length > len(data)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_frame_with_one_byte_changed_is_no_frame(body: bytes, data: st.DataObject) -> None:
    changed = bytearray(frame(body))
    index = data.draw(st.integers(0, len(changed) - 1))
    changed[index] ^= data.draw(st.integers(1, 255))
    found = unframe(bytes(changed) + bytes(64))
    assert found is None or found[0] != body


def test_tail_of_zeros_is_no_frame() -> None:
    assert unframe(bytes(4096)) is None


@given(st.lists(bodies, max_size=6), st.integers(1, 400))
def test_any_torn_tail_loses_only_what_was_never_acknowledged(
    batches: list[list[bytes]], torn: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spool = Spool(folder)
        for batch in batches:
            spool.append(batch)
        spool.close()
        kept = [body for batch in batches for body in batch]
        tail = frame(b"x" * 400)[:torn]
        (folder / f"{10**6:010d}.spool").write_bytes(tail)
        files = sorted(folder.glob("*.spool"))
        files[0].write_bytes(files[0].read_bytes() + (tail if len(files) > 1 else b""))
        spool = Spool(folder)
        assert spool.torn_bytes == len(tail) * len(files)
        spool.append([b"after"])
        assert take_all(spool) == [*kept, b"after"]
        assert spool.is_empty
        assert list(folder.glob("*.spool")) == []
        spool.close()


def test_order_holds_over_many_files_and_a_reopening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 100)
    spool = Spool(tmp_path)
    for number in range(50):
        spool.append([b"%d" % number * 9])
    batch = spool.peek(max_bytes=30)
    assert batch is not None
    first = batch.bodies
    spool.taken(batch)
    spool.close()
    spool = Spool(tmp_path)
    after = take_all(spool)
    # What was taken of a file that was not finished is seen again; nothing else is.
    assert after[-48:] == [b"%d" % number * 9 for number in range(2, 50)]
    assert len(first) + len(after) >= 50
    spool.close()


def test_frame_longer_than_a_read_is_given_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"a" * 5_000, b"b"])
    assert take_all(spool) == [b"a" * 5_000, b"b"]
    batch = spool.peek(max_bytes=100)
    assert batch is None
    spool.append([b"c" * 5_000, b"d"])
    batch = spool.peek(max_bytes=100)
    assert batch is not None
    assert batch.bodies[0] == b"c" * 5_000
    spool.close()


def test_file_damaged_in_the_middle_is_kept_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"one", b"two", b"three"])
    spool.close()
    [path] = tmp_path.glob("*.spool")
    data = bytearray(path.read_bytes())
    data[len(frame(b"one")) + 9] ^= 1
    path.write_bytes(data)
    spool = Spool(tmp_path)
    assert take_all(spool) == [b"one"]
    assert spool.damaged_bytes == len(frame(b"two") + frame(b"three"))
    assert [p.read_bytes() for p in tmp_path.glob("*.damaged")] == [bytes(data[11:])]
    spool.append([b"four"])
    assert take_all(spool) == [b"four"]
    spool.close()


def test_full_spool_and_second_process_are_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=100)
    spool.append([b"x" * 50])
    with pytest.raises(StorageError, match="full"):
        spool.append([b"x" * 50])
    with pytest.raises(StorageError, match="another process"):
        Spool(tmp_path)
    assert take_all(spool) == [b"x" * 50]
    spool.append([b"x" * 50])
    spool.close()


def test_write_that_failed_halfway_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append([b"one"])

    def failing(handle: int) -> None:
        raise OSError(28, f"no space left on device {handle}")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        with pytest.raises(StorageError, match="make room"):
            spool.append([b"two"])
    spool.append([b"three"])
    assert take_all(spool) == [b"one", b"three"]
    spool.close()


@given(
    st.integers(1, 2**62),
    st.integers(0, 2**62),
    st.text(max_size=60),
    st.binary(max_size=300),
    st.sampled_from([False, True]),
)
def test_journal_entry_survives_the_spool(
    position: int,
    at_ns: int,
    topic: str,
    payload: bytes,
    retained: bool,  # noqa: FBT001
) -> None:
    entry = Entry(position, at_ns, Received(at_ns, topic, payload, retained))
    row = decode_body(encode_row(to_row(entry)))
    assert not isinstance(row, Write)
    assert to_entry(row) == entry


def test_written_conclusions_survive_the_spool() -> None:
    assert decode_body(encode_write([alert(), proof()], 5)) == Write(5, (alert(), proof()))
    assert decode_body(encode_write([], 5)) == Write(5, ())


@pytest.mark.parametrize("body", [b"X", b"J", b"W", b"W" + bytes(8) + b"{"])
def test_foreign_spool_body_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(WireError, match="spool body"):
        decode_body(body)


def failing(*_: object, **__: object) -> None:
    raise OSError(5, "input/output error")


def test_every_fault_of_the_disk_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append([b"one", b"two"])
    batch = spool.peek()
    assert batch is not None
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", failing)
        with pytest.raises(StorageError, match=r"spool .* input/output error"):
            spool.taken(batch)
        with pytest.raises(StorageError, match=r"spool .* input/output error"):
            spool.peek()
        patched.setattr(Path, "open", failing)
        with pytest.raises(StorageError, match=r"spool .* input/output error"):
            spool.set_aside(b"three")
    spool.append([b"three"])  # into the same file, which stays until it is taken too
    assert take_all(spool) == [b"three"]
    assert list(tmp_path.glob("*.spool")) == []
    assert spool.bytes_waiting == 0
    spool.close()


def test_damaged_file_that_cannot_be_moved_away_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append([b"one"])
    [path] = tmp_path.glob("*.spool")
    path.write_bytes(bytes(len(frame(b"one"))))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", failing)
        with pytest.raises(StorageError, match="input/output error"):
            spool.peek()
    assert spool.peek() is None
    assert spool.damaged_bytes == len(frame(b"one"))
    spool.close()


def test_spool_that_cannot_be_read_at_opening_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.append([b"one"])
    spool.close()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", failing)
        with pytest.raises(StorageError, match="input/output error"):
            Spool(tmp_path)
    spool = Spool(tmp_path)
    assert take_all(spool) == [b"one"]
    spool.close()
