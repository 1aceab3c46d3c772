"""What the integrator's guide shows is true."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import cbor2
import numpy as np
import pytest

from geo.errors import WireError
from geo.site import Site
from sensors import wire
from sensors.fit import POSE_KINDS, REPORT_LISTS
from sensors.messages import FibreFrame
from sensors.topics import Channel, SensorKind, parse
from services.events import Heard, Received
from services.ingest.intake import Intake

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "integrators" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json topic=(\S+)\n(.*?)```", GUIDE, re.DOTALL)
T0 = 1_777_600_800_000_000_000


@pytest.mark.parametrize(("topic", "text"), EXAMPLES, ids=[topic for topic, _ in EXAMPLES])
def test_every_example_is_taken(topic: str, text: str) -> None:
    at = parse(topic)
    if at.channel is Channel.REJECTED:
        notice = wire.decode_rejected(text.encode())
        assert str(WireError(notice.field, 1830, notice.wanted)).startswith(notice.field)
    else:
        assert wire.decode(at, text.encode()).ignored == ()


def test_there_is_an_example_of_every_channel_but_frames() -> None:
    assert {parse(topic).channel for topic, _ in EXAMPLES} == set(Channel) - {Channel.FRAME}


def test_the_examples_of_the_guide_pass_ingest_at_the_default_site() -> None:
    site = Site.load(ROOT / "deploy" / "sites" / "default.toml")
    for topic, text in EXAMPLES:
        if parse(topic).channel is Channel.POSE or "sightings" in text:
            message: Any = wire.decode(parse(topic), text.encode()).message
            for one in (message, *getattr(message, "sightings", ())):
                place = getattr(one, "position", None)
                assert place is None or site.area.contains(place.longitude_deg, place.latitude_deg)


def test_the_guide_names_every_kind_and_who_has_which_channel() -> None:
    assert " ".join(SensorKind) in GUIDE
    (pose,) = re.findall(r"\| `pose` \| 1 \| no \| (.*?) \|", GUIDE)
    assert set(pose.split(", ")) == set(POSE_KINDS)
    assert all(f"`{name}`" in GUIDE for lists in REPORT_LISTS.values() for name in lists)


def test_the_frame_of_the_guide_is_taken() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    body: dict[str, Any] = {
        "schema": 0,
        "session": "s",
        "sequence": 0,
        "measured_at_ns": 1,
        "sent_at_ns": 2,
        "mark": "real",
        "sample_rate_hz": 500,
        "first_sample": 0,
        "channel_spacing_m": 10,
    }
    names: dict[str, Any] = {"body": body, "cbor2": cbor2, "np": np}
    exec(code, names)  # noqa: S102 - the guide's own four lines
    message = wire.decode(parse("straja/v1/g/fibre/f/frame"), names["payload"]).message
    assert isinstance(message, FibreFrame)
    assert message.samples.shape == (125, 3825)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('{"range_m": "1830", "azimuth_deg": 1}', "`plots.0.range_m` | `'1830'`"),
        ('{"rang_m": 1830.5, "azimuth_deg": 1}', "`plots.0.rang_m` | `1830.5`"),
    ],
)
def test_refusals_read_as_the_guide_says(text: str, row: str) -> None:
    (whole,) = [body for topic, body in EXAMPLES if "plots" in body and "report" in topic][:1]
    spoilt = re.sub(r'"plots": \[\{.*?\}\]', f'"plots": [{text}]', whole)
    with pytest.raises(WireError) as caught:
        wire.decode(parse("straja/v1/cars/vehicle/vehicle-1/report"), spoilt.encode())
    error = caught.value
    assert row == f"`{error.field}` | `{error.value}`"
    (wanted,) = re.findall(re.escape(row) + r" \| (.*?) \|", GUIDE)
    assert error.wanted.startswith(wanted.removesuffix("..."))


@pytest.fixture
def gateway() -> ModuleType:
    path = ROOT / "docs" / "integrators" / "examples" / "gateway.py"
    spec = importlib.util.spec_from_file_location("example_gateway", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_gateway_is_heard(gateway: ModuleType) -> None:
    intake = Intake(Site.load(ROOT / "deploy" / "sites" / "default.toml"))
    sent = [("register", gateway.register()), ("pose", gateway.pose(21.05, 45.61, 5.0))]
    sent += [("pose", gateway.pose(21.06, 45.61, 5.0))]
    for channel, text in sent:
        decoded = wire.decode(parse(f"{gateway.TOPIC}/{channel}"), text.encode())
        now_ns = decoded.message.sent_at_ns
        assert now_ns is not None
        topic = gateway.TOPIC.replace("patrol-07", "patrol-77") + f"/{channel}"
        events = intake.push(Received(now_ns, topic, text.encode()))
        assert [type(event) for event in events if isinstance(event, Heard)] == [Heard]
