"""Everything the contract forbids is refused with the field's name, in words that help."""

import json
import struct
import tracemalloc
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo.errors import WireError
from sensors import wire
from sensors.topics import Topic, parse

RADAR = parse("straja/v1/g/radar/r/report")
FIBRE = parse("straja/v1/g/fibre/f/frame")
REPORT: dict[str, Any] = {
    "schema": 0,
    "session": "s",
    "sequence": 1,
    "measured_at_ns": "1777600984500000000",
    "sent_at_ns": "1777600984500000000",
    "mark": "real",
    "plots": [{"range_m": 1.5, "azimuth_deg": 2.5}],
}
FRAME: dict[str, Any] = {
    "schema": 0,
    "session": "s",
    "sequence": 1,
    "measured_at_ns": 1_777_600_984_500_000_000,
    "sent_at_ns": 1_777_600_984_500_000_000,
    "mark": "real",
    "sample_rate_hz": 500.0,
    "first_sample": 0,
    "channel_spacing_m": 10.0,
}


def array(shape: object, values: Any, tag: int = 77) -> cbor2.CBORTag:
    return cbor2.CBORTag(40, [shape, cbor2.CBORTag(tag, bytes(values))])


def refused(topic: Topic, payload: Any) -> WireError:
    if isinstance(payload, dict):
        payload = json.dumps(payload).encode()
    with pytest.raises(WireError) as caught:
        wire.decode(topic, payload)
    return caught.value


def refused_frame(**fields: object) -> WireError:
    return refused(FIBRE, cbor2.dumps(FRAME | fields))


def test_the_message_before_it_is_spoilt_is_taken() -> None:
    wire.decode(RADAR, json.dumps(REPORT).encode())
    wire.decode(RADAR, cbor2.dumps(REPORT))
    wire.decode(FIBRE, cbor2.dumps(FRAME | {"samples": array([1, 2], 4)}))


@pytest.mark.parametrize(
    ("change", "field", "value", "wanted"),
    [
        ({"plots": [{"range_m": -1, "azimuth_deg": 0}]}, "plots.0.range_m", "-1", "more than 0"),
        ({"plots": [{"range_m": "1", "azimuth_deg": 0}]}, "plots.0.range_m", "'1'", "a number"),
        ({"plots": [{"azimuth_deg": 0}]}, "plots.0.range_m", "missing", "required"),
        ({"plots": {"range_m": 1}}, "plots", "{'range_m': 1}", "a list"),
        ({"plots": [3]}, "plots.0", "3", "an object"),
        ({"sequence": "1"}, "sequence", "'1'", "a whole number"),
        ({"sequence": True}, "sequence", "true", "a whole number"),
        ({"sequence": 1.5}, "sequence", "1.5", "a whole number"),
        ({"sequence": -1}, "sequence", "-1", "at least 0"),
        ({"sequence": 2**63}, "sequence", str(2**63), "at most"),
        ({"sequence": 10**40}, "sequence", "beyond 64 bit", "64 bit"),
        ({"mark": "unreal"}, "mark", "'unreal'", "one of real, exercise, simulated"),
        ({"mark": "replay"}, "mark", "'replay'", "real, exercise or simulated"),
        ({"session": "a b"}, "session", "'a b'", "text that matches"),
        ({"session": None}, "session", "null", "text"),
        ({"measured_at_ns": "yesterday"}, "measured_at_ns", "'yesterday'", "RFC 3339"),
        ({"measured_at_ns": "2026-05-01T02:03:04"}, "measured_at_ns", "'2026", "zone"),
        ({"measured_at_ns": "1969-05-01T02:03:04Z"}, "measured_at_ns", "", "at least 0"),
        ({"measured_at_ns": "0001-01-01T00:00:00+14:00"}, "measured_at_ns", "", "at least 0"),
        ({"measured_at_ns": 1.0}, "measured_at_ns", "1.0", "nanoseconds"),
        ({"measured_at_ns": True}, "measured_at_ns", "true", "nanoseconds"),
        ({"colour": "red"}, "colour", "'red'", "no such field; the fields here are schema"),
        ({"schema_version": 0}, "schema_version", "0", "no such field"),
        ({"boxes": [{}]}, "boxes.0.left_px", "missing", "3 more faults"),
        ({"nmea": ["x"]}, "nmea", "1 entries long", "a radar sensor reports plots"),
    ],
)
def test_a_fault_is_named_with_its_value_and_what_is_wanted(
    change: dict[str, Any], field: str, value: str, wanted: str
) -> None:
    error = refused(RADAR, REPORT | change)
    assert error.field == field
    assert error.value.startswith(value)
    assert wanted in error.wanted
    assert str(error) == f"{error.field} is {error.value}: {error.wanted}"


def test_both_encodings_are_refused_in_the_same_words() -> None:
    spoilt = REPORT | {"plots": [{"range_m": True, "azimuth_deg": "x"}]}
    assert str(refused(RADAR, json.dumps(spoilt).encode())) == str(
        refused(RADAR, cbor2.dumps(spoilt))
    )


def test_a_misspelt_field_is_named_rather_than_the_one_it_leaves_missing() -> None:
    error = refused(RADAR, REPORT | {"plots": [{"rang_m": 1.0, "azimuth_deg": 0.0}]})
    assert error.field == "plots.0.rang_m"
    assert "range_m" in error.wanted


@pytest.mark.parametrize("encode", [lambda body: json.dumps(body).encode(), cbor2.dumps])
def test_unknown_fields_of_a_newer_schema_are_left_out_and_told(encode: Any) -> None:
    plot = {"range_m": 1.5, "azimuth_deg": 2.5}
    newer = REPORT | {"schema": 7, "new": 1, "plots": [plot | {"ghost": 1}, plot | {"ghost": 2}]}
    decoded = wire.decode(RADAR, encode(newer))
    assert set(decoded.ignored) == {"new", "plots.*.ghost"}
    assert len(decoded.message.plots) == 2  # type: ignore[union-attr]


def test_faults_of_known_fields_are_refused_in_a_newer_schema_too() -> None:
    assert refused(RADAR, REPORT | {"schema": 7, "new": 1, "sequence": -1}).field == "sequence"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "empty"),
        (b"hello", "0x68"),
        (b"[1]", "0x5b"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1} x', "no JSON"),
        (b'{"a": 1,}', "no JSON"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"schema": 0, "session": "\\ud800"}', "surrogate"),
        (b'{"a":' * 100_000, "nested"),
        (b'{"a":' + b"1" * 5_000 + b"}", "no JSON"),
        (b'{"a":[' + b"0," * 300_000 + b"0]}", "items"),
        (b" " * (4 * 2**20 + 1), "4194305 bytes"),
    ],
)
def test_malformed_json_is_refused(payload: bytes, words: str) -> None:
    error = refused(RADAR, payload)
    assert error.field == "payload"
    assert words in str(error)


def test_a_field_sent_twice_is_named_wherever_it_stands() -> None:
    text = json.dumps(REPORT)
    assert refused(RADAR, text.replace('"mark"', '"mark":"real","mark"').encode()).field == "mark"
    assert (
        refused(RADAR, text.replace('"range_m"', '"range_m":1,"range_m"').encode()).field
        == "range_m"
    )


def test_a_payload_of_five_mebibytes_is_refused_by_its_size() -> None:
    error = refused(FIBRE, b"\xa1" + bytes(5 * 2**20))
    assert "5242881 bytes" in str(error)
    assert "4194304" in str(error)


def test_a_frame_in_json_is_told_to_take_cbor() -> None:
    assert "CBOR" in refused(FIBRE, {"samples": [[1]]}).wanted


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"\xa1", "cut off"),
        (b"\xa1\x61", "cut off"),
        (b"\xa1\x61a", "cut off"),
        (b"\xbb" + b"\xff" * 8, "cut off"),
        (b"\xa1\x61a\x9b" + b"\x7f" * 8, "cut off"),
        (b"\xa1\x61a\x5b" + b"\x7f" * 8, "cut off"),
        (b"\xa1\x61a\x9f", "cut off"),
        (b"\xa1\x61a\xbf\x61b", "cut off"),
        (b"\xa1\x61a" + b"\x81" * 100_000, "levels"),
        (b"\xa1\x61a" + b"\xd8\x28" * 100_000, "levels"),
        (b"\xa0\x00", "1 bytes behind"),
        (b"\xa2\x61a\x01\x61a\x02", "a second time"),
        (b"\xa1\x01\x02", "no text"),
        (b"\xa1\x61\xff\x00", "UTF-8"),
        (b"\xa1\x61a\x7f\x61b\xff", "in pieces"),
        (b"\xa1\x61a\x5f\x41b\xff", "in pieces"),
        (b"\xa1\x61a\xf7", "undefined"),
        (b"\xa1\x61a\xf0", "simple"),
        (b"\xa1\x61a\x1c", "reserved"),
        (b"\xa1\x61a\xff", "simple"),
        (b"\xa1\x61a\x3b" + b"\xff" * 8, "64 bit"),
        (b"\xa1\x61a\xc2\x49" + b"\xff" * 9, "tag 2"),
        (b"\xa1\x61a\xc0\x6a2026-05-01", "tag 0"),
        (b"\xa1\x61a\xd8\x23\x64(a+)", "tag 35"),
        (b"\xa1\x61a\xd8\x1c\x81\xd8\x1d\x00", "tag 28"),
        (b"\xa1\x61a\xd9\x01\x02\x81\x01", "tag 258"),
        (b"\xa1\x61a\xd8\x49\x42ab", "typed array of tag 73"),
    ],
)
def test_broken_or_dangerous_cbor_is_refused(payload: bytes, words: str) -> None:
    assert words in str(refused(RADAR, payload))


def test_maps_and_lists_of_unstated_length_are_read() -> None:
    plain = cbor2.dumps(REPORT)
    loose = cbor2.dumps(REPORT, indefinite_containers=True)
    assert loose[0] == 0xBF
    assert wire.decode(RADAR, loose) == wire.decode(RADAR, plain)


@pytest.mark.parametrize("filler", [b"\x80", b"\xa0", b"\x00", b"\x60", b"\xf6"])
def test_a_cbor_bomb_is_refused_before_it_is_unpacked(filler: bytes) -> None:
    count = 4 * 2**20 - 16
    for head in (b"\x9a" + count.to_bytes(4, "big"), b"\x9f"):
        payload = b"\xa1\x61a" + head + filler * count
        tracemalloc.start()
        assert "262144 items" in str(refused(RADAR, payload))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 32 * 2**20


@pytest.mark.parametrize(
    ("samples", "field", "words"),
    [
        (array([0, 4], 0), "samples", "at least one row"),
        (array([4, 0], 0), "samples", "at least one row"),
        (array([2, 2], 6), "samples", "product"),
        (array([2**40, 2**40], 6), "samples", "shape"),
        (array([-1, -3], 6), "samples", "shape"),
        (array([1.0, 3], 6), "samples", "shape"),
        (array([True, 3], 6), "samples", "shape"),
        (array([3], 6), "samples", "2 dimensions, not 1"),
        (array([1, 1, 3], 6), "samples", "2 dimensions, not 3"),
        (array([1, 1, 1, 1, 3], 6), "samples", "1 to 4"),
        (array("ab", 6), "samples", "no list"),
        (array([1, 3], 7), "samples", "multiple of 2"),
        (array([1, 1], 2, tag=69), "samples", "int16 or int32 or float32, not uint16"),
        (array([1, 1], 2, tag=73), "samples", "little-endian"),
        (array([16_385, 1], 2 * 16_385), "samples", "at most 16384 rows"),
        (array([1, 65_537], 2 * 65_537), "samples", "at most 65536 channels"),
        (cbor2.CBORTag(40, [[1, 1]]), "samples", "two parts"),
        (cbor2.CBORTag(40, [[1, 1], [1]]), "samples", "without a typed array"),
        (cbor2.CBORTag(77, b"ab"), "samples", "2 dimensions, not 1"),
        (cbor2.CBORTag(77, "ab"), "samples", "no byte string"),
        ([[1, 2], [3, 4]], "samples", "typed array"),
        (b"abcd", "samples", "typed array"),
        (None, "samples", "typed array"),
    ],
)
def test_samples_that_are_no_block_are_refused(samples: object, field: str, words: str) -> None:
    error = refused_frame(samples=samples)
    assert error.field == field
    assert words in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_is_refused_in_scalar_fields(value: float) -> None:
    error = refused_frame(samples=array([1, 2], 4), sample_rate_hz=value)
    assert error.field == "sample_rate_hz"
    payload = cbor2.dumps(REPORT).replace(b"\xfb" + struct.pack(">d", 2.5), b"\xf9\x7e\x00")
    assert refused(RADAR, payload).field == "plots.0.azimuth_deg"


def test_a_missing_field_of_a_kind_is_named() -> None:
    body = {key: value for key, value in REPORT.items() if key != "plots"}
    body |= {"kind": "fibre", "model": "x", "heartbeat_interval_s": 5}
    error = refused(parse("straja/v1/g/fibre/f/register"), body)
    assert (error.field, error.value) == ("cable", "missing")
    assert error.wanted == "a fibre sensor registers with it"


@pytest.mark.parametrize(
    ("tail", "field"),
    [
        ("patrol/p/frame", "topic.channel"),
        ("fibre/f/pose", "topic.channel"),
        ("radar/r/rejected", "topic.channel"),
    ],
)
def test_a_channel_that_the_kind_has_not_is_refused(tail: str, field: str) -> None:
    assert refused(parse(f"straja/v1/g/{tail}"), REPORT).field == field


def test_a_register_message_says_the_kind_of_its_topic() -> None:
    body = {key: value for key, value in REPORT.items() if key != "plots"}
    body |= {"kind": "vehicle", "model": "x", "heartbeat_interval_s": 5}
    error = refused(parse("straja/v1/g/patrol/p/register"), body)
    assert (error.field, error.value) == ("kind", "'vehicle'")


def test_texts_with_control_characters_stay_out_of_databases() -> None:
    body = {key: value for key, value in REPORT.items() if key != "plots"} | {"state": "degraded"}
    at = parse("straja/v1/g/radar/r/status")
    assert refused(at, body | {"faults": ["a\x00b"]}).field == "faults.0"
    wire.decode(at, json.dumps(body | {"faults": ["pârâu, вода"]}).encode())


def test_names_and_values_from_outside_are_shortened_and_plain() -> None:
    error = refused(RADAR, REPORT | {"\x07ș" + "x" * 100_000: "y" * 100_000})
    assert len(str(error)) < 1_000
    assert str(error).isascii()
    assert str(error).isprintable()


def test_session_and_sequence_of_a_refused_message_are_found_where_they_can_be() -> None:
    assert wire.identify(json.dumps(REPORT | {"mark": 1}).encode()) == ("s", 1)
    assert wire.identify(cbor2.dumps(REPORT)) == ("s", 1)
    assert wire.identify(b"{") == (None, None)
    assert wire.identify(b'{"session": "a b", "sequence": -1}') == (None, None)


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.sampled_from(["real", "s", "1777600984500000000"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6), inner, max_size=4)
        | st.builds(cbor2.CBORTag, st.sampled_from([0, 1, 2, 28, 35, 40, 69, 77, 85, 258]), inner)
    ),
    max_leaves=12,
)
_topics = st.sampled_from(
    [
        parse(f"straja/v1/g/{tail}")
        for tail in (
            "fibre/f/frame",
            "thermal/t/frame",
            "radar/r/report",
            "boat/b/report",
            "patrol/p/pose",
            "fibre/f/register",
            "boat/b/status",
            "gateway/status",
        )
    ]
)


def only_wire_errors(topic: Topic, payload: bytes) -> None:
    error: WireError | None = None
    try:
        wire.decode(topic, payload)
    except WireError as caught:
        error = caught
    assert error is None or (error.field and error.wanted and str(error).isascii())
    wire.identify(payload)


@settings(max_examples=300)
@given(
    _topics, st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\xa2\x61a" + tail)
)
@example(FIBRE, b"\xa1\x61a\xd8\x28\x82\x82\x01\x01\xd8\x4d\x42")
def test_no_bytes_raise_anything_but_wire_errors(topic: Topic, payload: bytes) -> None:
    only_wire_errors(topic, payload)


@settings(max_examples=300)
@given(_topics, st.text(max_size=64).map(lambda text: ("{" + text).encode("utf-8", "replace")))
def test_no_text_raises_anything_but_wire_errors(topic: Topic, payload: bytes) -> None:
    only_wire_errors(topic, payload)


@settings(max_examples=300)
@given(_topics, st.sampled_from([REPORT, FRAME]), st.data())
def test_no_spoilt_field_raises_anything_but_wire_errors(
    topic: Topic, whole: dict[str, Any], data: st.DataObject
) -> None:
    names = st.sampled_from(
        [*whole, "samples", "pixels", "position", "sightings", "nmea", "schema"]
    )
    body = whole | data.draw(st.dictionaries(names, _values, max_size=3))
    only_wire_errors(topic, cbor2.dumps(body))


@given(
    st.dictionaries(
        st.text(max_size=6),
        st.integers(-(2**63), 2**63) | st.text() | st.lists(st.floats(allow_nan=False)),
    )
)
def test_our_reader_agrees_with_the_library_on_plain_cbor(body: dict[str, Any]) -> None:
    from sensors import cbor  # noqa: PLC0415 - the one test that looks below the wire

    for loose in (False, True):
        assert cbor.read(cbor2.dumps(body, indefinite_containers=loose)) == body


def test_half_and_single_floats_are_numbers_too() -> None:
    for form, number in ((">e", b"\xf9"), (">f", b"\xfa"), (">d", b"\xfb")):
        payload = cbor2.dumps(REPORT).replace(
            b"\xfb" + struct.pack(">d", 2.5), number + struct.pack(form, 2.5)
        )
        message = wire.decode(RADAR, payload).message
        assert message.plots[0].azimuth_deg == 2.5  # type: ignore[union-attr]


def test_typed_arrays_are_little_endian() -> None:
    payload = cbor2.dumps(FRAME | {"samples": array([1, 2], b"\x01\x00\x00\x01")})
    message = wire.decode(FIBRE, payload).message
    np.testing.assert_array_equal(message.samples, [[1, 256]])  # type: ignore[union-attr]
