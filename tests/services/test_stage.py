"""One frame for every stage's snapshot: whose it is, and never anything but a SnapshotError."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import SnapshotError
from sensors.messages import ObjectClass
from services.stage import fingerprint, read_snapshot, undamaged, write_snapshot

STATE = {
    "floats": [0.1, 1 / 3, float("inf"), -0.0],
    "bytes": b"\x00\xff",
    "order": {"b": 1, "a": [2**70, None, "ă"]},
}
SNAPSHOT = write_snapshot("tracker", 3, "abc", STATE)


@dataclass(frozen=True)
class Limits:
    most: dict[ObjectClass, float]
    wait_s: float = 0.5


def test_a_state_comes_back_exactly_and_in_its_order() -> None:
    read = read_snapshot(SNAPSHOT, "tracker", 3, "abc")
    assert repr(read) == repr(STATE)
    assert write_snapshot("tracker", 3, "abc", read) == SNAPSHOT


@pytest.mark.parametrize(
    ("stage", "version", "settings", "named"),
    [
        ("incidents", 3, "abc", "stage of the incidents snapshot is 'tracker'"),
        ("tracker", 4, "abc", "version of the tracker snapshot is 3: wanted 4"),
        ("tracker", 3, "", "settings of the tracker snapshot is 'abc': wanted ''"),
    ],
)
def test_a_foreign_snapshot_is_refused_by_name(
    stage: str, version: int, settings: str, named: str
) -> None:
    with pytest.raises(SnapshotError, match=named):
        read_snapshot(SNAPSHOT, stage, version, settings)


@given(
    st.binary(max_size=40)
    | st.integers(0, len(SNAPSHOT) - 1).map(lambda length: SNAPSHOT[:length])
    | st.sampled_from([b"\xa0", b"\x80", b"\xf6", b'{"stage":"tracker"}'])
)
def test_what_is_no_snapshot_is_said_to_be_damaged(snapshot: bytes) -> None:
    with pytest.raises(SnapshotError, match=r"tracker snapshot is damaged .*: start without it"):
        read_snapshot(snapshot, "tracker", 3, "abc")


@given(st.integers(0, len(SNAPSHOT) - 1), st.integers(0, 255))
def test_one_wrong_byte_is_read_or_refused_and_nothing_else(place: int, value: int) -> None:
    changed = bytearray(SNAPSHOT)
    changed[place] = value
    try:
        read_snapshot(bytes(changed), "tracker", 3, "abc")
    except SnapshotError:
        return


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), SnapshotError("x"), ValueError()])
def test_content_that_does_not_fit_is_said_to_be_damaged(error: Exception) -> None:
    with pytest.raises(SnapshotError, match="tracker snapshot is damaged"), undamaged("tracker"):
        raise error


def test_equal_settings_have_one_fingerprint_whatever_the_order_of_their_rows() -> None:
    first = Limits({ObjectClass.PERSON: 1.0, ObjectClass.BOAT: 2.0})
    second = Limits({ObjectClass.BOAT: 2.0, ObjectClass.PERSON: 1.0})
    assert fingerprint(first) == fingerprint(second)
    assert fingerprint(first) != fingerprint(replace(first, wait_s=0.25))
