"""What is recorded is read back bit by bit, in the order of time, from whole and cut files."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import Writer

from geo.errors import RecordingError
from services.events import Command, Received
from services.recording import Recorder, Recording, read
from services.recording import file as file_module

T0 = 1_772_327_000_000_000_000
HEAD = {"run": "live"}

received = st.builds(
    Received,
    st.integers(0, 2**63 - 1),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0#+"), min_size=1),
    st.binary(max_size=200),
    st.booleans(),
)


def record(path: Path, items: Sequence[Received | Command], site: str | None = None) -> Path:
    with Recorder(path, head=HEAD, site_text=site) as recorder:
        for item in items:
            recorder.add(item)
    return path


def message(number: int, size: int = 10, topic: str = "straja/v1/g/patrol/p/pose") -> Received:
    return Received(T0 + number, topic, bytes([number % 256]) * size)


COMMAND = Command("c1", "acknowledge", T0 + 5, "post-7", "RO", {"alert": "a1"})


@given(st.lists(received, max_size=20))
@settings(max_examples=60, deadline=None)
def test_messages_come_back_bit_by_bit_in_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, items: list[Received]
) -> None:
    path = record(tmp_path_factory.mktemp("r") / "a.mcap", items)
    assert list(read(path)) == sorted(items, key=lambda item: item.received_at_ns)


def test_equal_times_keep_the_order_of_writing_across_chunks(tmp_path: Path) -> None:
    items = [Received(T0, f"t/{n % 7}", bytes([n]) * 300_000) for n in range(40)]
    recording = Recording(record(tmp_path / "a.mcap", items))
    assert list(recording.items()) == items


def test_commands_written_last_stand_where_they_took_effect(tmp_path: Path) -> None:
    items = [message(n, 400_000) for n in range(10)]
    path = record(tmp_path / "a.mcap", [*items, COMMAND])
    assert list(read(path)) == [*items[:6], COMMAND, *items[6:]]


def test_a_message_on_the_commands_topic_is_no_command(tmp_path: Path) -> None:
    forged = Received(T0, "straja-record/command", b'{"record":"command"}')
    assert list(read(record(tmp_path / "a.mcap", [forged]))) == [forged]


def test_the_site_and_what_is_said_of_the_whole_stand_in_it(tmp_path: Path) -> None:
    recording = Recording(record(tmp_path / "a.mcap", [message(0), message(9)], "name = 'ș'\n"))
    assert recording.site_text == "name = 'ș'\n"
    assert recording.head["run"] == "live"
    assert (recording.begin_ns, recording.end_ns) == (T0, T0 + 9)
    assert recording.closed
    assert recording.warnings == []


def test_other_mcap_programs_read_topics_payloads_and_times(tmp_path: Path) -> None:
    path = record(tmp_path / "a.mcap", [message(n) for n in range(5)])
    with path.open("rb") as file:
        found = [(c.topic, m.data, m.log_time) for _, c, m in make_reader(file).iter_messages()]
    assert found == [(i.topic, i.payload, i.received_at_ns) for i in map(message, range(5))]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_cut_off_file_gives_every_whole_chunk_and_says_so(tmp_path: Path, share: float) -> None:
    items = [message(n, 300_000, f"t/{n % 3}") for n in range(40)]
    # Bytes that do not compress, so that there are many chunks of about the same size.
    items = [
        Received(i.received_at_ns, i.topic, bytes((j * 7 + n) % 256 for j in range(3_000)) * 100)
        for n, i in enumerate(items)
    ]
    whole = record(tmp_path / "a.mcap", items, "name = 'x'").read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole[: int(len(whole) * share)])
    recording = Recording(cut)
    found = list(recording.items())
    assert found == items[: len(found)]
    assert len(found) >= len(items) * share - 10
    assert not recording.closed
    assert len(recording.warnings) == 1
    assert recording.site_text == "name = 'x'"


def test_a_damaged_chunk_is_left_out_and_told(tmp_path: Path) -> None:
    items = [Received(T0 + n, "t", bytes([n]) * 1_500_000) for n in range(4)]
    path = record(tmp_path / "a.mcap", items)
    raw = bytearray(path.read_bytes())
    place = Recording(path)._chunks[1]
    for byte in range(place.offset + 60, place.offset + 70):
        raw[byte] ^= 0xFF
    path.write_bytes(raw)
    recording = Recording(path)
    assert list(recording.items()) == [items[0], *items[2:]]
    assert len(recording.warnings) == 1


def test_a_file_of_another_program_is_refused_in_a_sentence(tmp_path: Path) -> None:
    foreign = tmp_path / "b.mcap"
    with foreign.open("wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2")
        writer.finish()  # type: ignore[no-untyped-call]
    with pytest.raises(RecordingError, match="ros2"):
        Recording(foreign)
    text = tmp_path / "c.mcap"
    text.write_text("hello, this is text")
    with pytest.raises(RecordingError, match="no MCAP file"):
        Recording(text)
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording(tmp_path / "missing.mcap")


def test_more_topics_than_mcap_can_number_are_kept_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "_MAX_CHANNELS", 3)
    items = [Received(T0 + n, f"t/ș{n}", b"%d" % n, retained=n % 2 == 0) for n in range(10)]
    assert list(read(record(tmp_path / "a.mcap", items))) == items


def test_a_flushed_file_is_readable_before_it_is_closed(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.mcap", head=HEAD) as recorder:
        recorder.add(message(0))
        recorder.flush()
        assert list(read(tmp_path / "a.mcap")) == [message(0)]


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RecordingError, match="cannot be written"),
        Recorder(tmp_path / "file" / "a.mcap", head=HEAD),
    ):
        pass
