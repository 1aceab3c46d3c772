"""Messages survive the wire in both encodings, and frames are not copied on the way in."""

import json
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from geo.errors import WireError
from sensors import wire
from sensors.messages import (
    AnyMessage,
    Box,
    CableEvent,
    FibreFrame,
    GatewayStatus,
    Mark,
    ObjectClass,
    Plot,
    Pose,
    Position,
    Radar,
    Register,
    RejectedNotice,
    Report,
    Sighting,
    Status,
    ThermalFrame,
)
from sensors.topics import Topic, parse

COMMON: dict[str, Any] = {
    "schema": 0,
    "session": "2026-05-01T00:00:00",
    "sequence": 7,
    "measured_at_ns": 1_777_600_984_500_000_001,
    "sent_at_ns": 1_777_600_984_700_000_000,
    "mark": Mark.REAL,
}
PLACE = Position(longitude_deg=21.1, latitude_deg=45.2, accuracy_m=5.0)
MESSAGES: list[tuple[str, AnyMessage]] = [
    ("g/gateway/status", GatewayStatus(schema=0, state="offline")),
    (
        "g/radar/r/register",
        Register(
            **COMMON,
            kind="radar",
            model="R 1",
            heartbeat_interval_s=10.0,
            position=PLACE,
            radar=Radar(range_m=5000.0, range_sigma_m=5.0, azimuth_sigma_deg=0.5),
            classes=(ObjectClass.PERSON, ObjectClass.VEHICLE),
        ),
    ),
    ("g/boat/b/status", Status(**COMMON, state="degraded", faults=("battery",))),
    ("g/fibre/f/report", Report(**COMMON, events=(CableEvent(distance_m=12.5),))),
    (
        "g/thermal/t/report",
        Report(**COMMON, boxes=(Box(left_px=1.0, top_px=2.0, right_px=3.0, bottom_px=4.0),)),
    ),
    ("g/vehicle/v/report", Report(**COMMON, plots=(Plot(range_m=1.0, azimuth_deg=-3.0),))),
    ("g/aerial/d/report", Report(**COMMON, sightings=(Sighting(position=PLACE),))),
    (
        "g/boat/b/report",
        Report(**COMMON, nmea=("!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24",)),
    ),
    ("g/patrol/p/pose", Pose(**COMMON, position=PLACE, heading_deg=359.9)),
]


def topic(tail: str) -> Topic:
    return parse(f"straja/v1/{tail}")


def fibre_frame(samples: Any) -> FibreFrame:
    return FibreFrame(
        **COMMON, sample_rate_hz=500.0, first_sample=125, channel_spacing_m=10.0, samples=samples
    )


@pytest.mark.parametrize(("tail", "message"), MESSAGES, ids=[tail for tail, _ in MESSAGES])
def test_json_and_cbor_say_the_same(tail: str, message: AnyMessage) -> None:
    assert wire.decode(topic(tail), wire.encode_json(message)) == wire.Decoded(message)
    assert wire.decode(topic(tail), wire.encode_cbor(message)) == wire.Decoded(message)


def test_json_times_are_rfc_3339_and_cbor_times_integers() -> None:
    message = MESSAGES[3][1]
    assert (
        json.loads(wire.encode_json(message))["measured_at_ns"] == "2026-05-01T02:03:04.500000001Z"
    )
    assert cbor2.loads(wire.encode_cbor(message))["measured_at_ns"] == 1_777_600_984_500_000_001


@pytest.mark.parametrize(
    "text",
    [
        "1777600984500000001",
        "2026-05-01T02:03:04.500000001Z",
        "2026-05-01t02:03:04.500000001z",
        "2026-05-01T05:03:04.500000001+03:00",
        1_777_600_984_500_000_001,
    ],
)
def test_a_time_may_be_written_in_each_way_of_the_contract(text: object) -> None:
    body = json.loads(wire.encode_json(MESSAGES[3][1])) | {"measured_at_ns": text}
    message = wire.decode(topic("g/fibre/f/report"), json.dumps(body).encode()).message
    assert isinstance(message, Report)
    assert message.measured_at_ns == 1_777_600_984_500_000_001


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_a_frame_keeps_type_shape_and_values(dtype: str) -> None:
    samples = np.arange(12).reshape(3, 4).astype(dtype)
    decoded = wire.decode(topic("g/fibre/f/frame"), wire.encode_cbor(fibre_frame(samples))).message
    assert isinstance(decoded, FibreFrame)
    assert decoded.samples.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(decoded.samples, samples)


def test_samples_are_a_view_on_the_payload_or_one_aligned_copy() -> None:
    shared = 0
    for length in range(1, 9):  # the session's length moves the samples to every address
        message = fibre_frame(np.ones((5, 7), np.int16)).model_copy(
            update={"session": "s" * length}
        )
        payload = wire.encode_cbor(message)
        decoded = wire.decode(topic("g/fibre/f/frame"), payload).message
        assert isinstance(decoded, FibreFrame)
        samples = decoded.samples
        inside = np.shares_memory(samples, np.frombuffer(payload, np.uint8))
        assert inside == (
            payload.index(b"\x01\x00\x01\x00") % 2 == np.frombuffer(payload, "u1").ctypes.data % 2
        )
        assert samples.flags.aligned
        assert samples.flags.c_contiguous
        assert not samples.flags.writeable
        shared += inside
    assert shared == 4


def test_not_a_number_among_float_samples_is_the_detectors_matter() -> None:
    samples = np.array([[1.0, np.nan], [np.inf, 2.0]], np.float32)
    decoded = wire.decode(topic("g/fibre/f/frame"), wire.encode_cbor(fibre_frame(samples))).message
    assert isinstance(decoded, FibreFrame)
    np.testing.assert_array_equal(decoded.samples, samples)


def test_a_thermal_image_round_trips() -> None:
    pixels = np.arange(6, dtype=np.uint16).reshape(2, 3)
    frame = ThermalFrame(**COMMON, pixels=pixels, kelvin_per_count=0.04)
    decoded = wire.decode(topic("g/thermal/t/frame"), wire.encode_cbor(frame)).message
    assert isinstance(decoded, ThermalFrame)
    np.testing.assert_array_equal(decoded.pixels, pixels)


def test_the_library_reads_our_frames_as_it_would_its_own() -> None:
    samples = np.arange(600, dtype=np.int16).reshape(20, 30)[::2]
    body = cbor2.loads(wire.encode_cbor(fibre_frame(samples)))
    shape, values = body.pop("samples").value
    assert (list(shape), values.tag, values.value) == ([10, 30], 77, samples.tobytes())
    assert body["first_sample"] == 125


def test_frames_are_not_written_as_json() -> None:
    with pytest.raises(WireError, match="CBOR"):
        wire.encode_json(fibre_frame(np.ones((1, 1), np.int16)))


@pytest.mark.parametrize("encode", [wire.encode_json, wire.encode_cbor])
def test_a_gateway_can_read_what_was_refused(encode: Any) -> None:
    notice = RejectedNotice(
        topic="straja/v1/g/fibre/f/report",
        session=None,
        sequence=None,
        field="events.0.distance_m",
        value="-1",
        wanted="at least 0",
        received_at_ns=5,
        text="events.0.distance_m is -1: at least 0",
    )
    assert wire.decode_rejected(encode(notice)) == notice


@given(
    samples=arrays.arrays(
        st.sampled_from(["<i2", "<i4", "<f4"]),
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
    )
)
def test_any_samples_round_trip(samples: Any) -> None:
    decoded = wire.decode(topic("g/fibre/f/frame"), wire.encode_cbor(fibre_frame(samples))).message
    assert isinstance(decoded, FibreFrame)
    assert decoded.samples.tobytes() == samples.tobytes()
    assert decoded.samples.shape == samples.shape


_sightings = st.builds(
    Sighting,
    position=st.builds(
        Position,
        longitude_deg=st.floats(-180.0, 180.0),
        latitude_deg=st.floats(-90.0, 90.0),
        height_m=st.none() | st.floats(-500.0, 50_000.0),
        accuracy_m=st.floats(0.001, 100_000.0),
    ),
    object_class=st.sampled_from(ObjectClass),
    score=st.floats(0.0, 1.0),
    count=st.integers(1, 10_000),
)
_reports = st.builds(
    Report,
    schema=st.just(0),
    session=st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True),
    sequence=st.integers(0, 2**63 - 1),
    measured_at_ns=st.integers(0, 2**63 - 1),
    sent_at_ns=st.integers(0, 2**63 - 1),
    mark=st.sampled_from([Mark.REAL, Mark.EXERCISE, Mark.SIMULATED]),
    sightings=st.lists(_sightings, max_size=3).map(tuple),
    nmea=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), max_size=2).map(
        lambda lines: tuple(line[:120] for line in lines)
    ),
    events=st.just(()),
    boxes=st.just(()),
    plots=st.just(()),
    orientation=st.none(),
)


@given(report=_reports)
def test_any_report_round_trips_in_both_encodings(report: Report) -> None:
    at = topic("g/boat/b/report")
    assert wire.decode(at, wire.encode_json(report)).message == report
    assert wire.decode(at, wire.encode_cbor(report)).message == report
    assert wire.decode(at, memoryview(wire.encode_cbor(report))).message == report
