"""The committed schemas are those of the messages, and hold together."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sensors.schemas
from sensors.messages import type_of_channel
from sensors.schemas import MESSAGES, generate
from sensors.topics import parse

FOLDER = Path(sensors.schemas.__file__).parent / "v1"
DOCUMENT: dict[str, Any] = json.loads(generate()["asyncapi.json"])


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolve(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    found: Any = document
    for step in reference[2:].split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def test_the_committed_schemas_are_not_stale() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == generate(), "run: python -m sensors.schemas sensors/schemas/v1"


def test_the_command_writes_them(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "sensors.schemas", str(tmp_path)], check=True)
    assert {path.name for path in tmp_path.iterdir()} == set(generate())


def test_every_message_of_every_channel_has_a_schema() -> None:
    on_channels = {model for kinds in type_of_channel.values() for model in kinds.values()}
    assert on_channels <= set(MESSAGES.values())


@pytest.mark.parametrize("name", sorted(generate()))
def test_every_reference_leads_somewhere(name: str) -> None:
    document = json.loads(generate()[name])
    for reference in references(document):
        assert resolve(document, reference) is not None


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_schemas_speak_the_names_of_the_wire_and_allow_no_others(name: str) -> None:
    schema = json.loads(generate()[f"{name}.schema.json"])
    assert schema["additionalProperties"] is False
    assert "schema" in schema["properties"]
    assert "schema_version" not in schema["properties"]
    for part in schema.get("$defs", {}).values():
        assert part.get("additionalProperties", False) is False


def test_the_asyncapi_document_has_what_version_3_requires() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    allowed = {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }
    assert set(DOCUMENT) <= allowed
    for message in DOCUMENT["components"]["messages"].values():
        assert message["contentType"] in {"application/json", "application/cbor"}
        assert resolve(DOCUMENT, message["payload"]["$ref"])["type"] == "object"


def test_addresses_are_topics_and_their_parameters_are_told() -> None:
    for name, channel in DOCUMENT["channels"].items():
        named = set(re.findall(r"{(\w+)}", channel["address"]))
        assert named == set(channel["parameters"]), name
        kinds = channel["parameters"].get("kind", {}).get("enum", ["-"])
        for kind in kinds:
            filled = channel["address"].format(group="g", kind=kind, sensor="s")
            assert str(parse(filled)) == filled
        for message in channel["messages"].values():
            assert message["$ref"].startswith("#/components/messages/")


def test_operations_receive_what_gateways_send_and_send_what_was_refused() -> None:
    for name, operation in DOCUMENT["operations"].items():
        channel = operation["channel"]["$ref"]
        assert resolve(DOCUMENT, channel)
        assert operation["action"] == ("send" if name == "rejected" else "receive")
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")
        assert set(operation["bindings"]["mqtt"]) == {"qos", "retain", "bindingVersion"}


def test_qos_and_retained_are_those_of_the_contract() -> None:
    mqtt = {name: one["bindings"]["mqtt"] for name, one in DOCUMENT["operations"].items()}
    assert {name: (one["qos"], one["retain"]) for name, one in mqtt.items()} == {
        "register": (1, True),
        "status": (1, True),
        "gatewayStatus": (1, True),
        "frame": (0, False),
        "report": (1, False),
        "pose": (1, False),
        "rejected": (1, False),
    }


def test_nobody_is_told_to_mark_messages_as_replay() -> None:
    report = json.loads(generate()["report.schema.json"])
    assert report["properties"]["mark"]["enum"] == ["real", "exercise", "simulated"]
