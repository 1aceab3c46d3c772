"""The AsyncAPI 3.0 document: channels, operations and messages over MQTT 3.1.1."""

from typing import Any

from sensors.fit import FRAME_KINDS, POSE_KINDS
from sensors.messages import SCHEMA
from sensors.topics import ROOT, VERSION, SensorKind
from sensors.wire import MAX_PAYLOAD_BYTES

_JSON, _CBOR = "application/json", "application/cbor"
_BINDING = "0.2.0"

# Channel: (title, address, kinds, QoS, retained, {message: (model, content types)})
_NAME = "{group}/{kind}/{sensor}"
_ALL_KINDS = tuple(SensorKind)
_BOTH = (_JSON, _CBOR)
_CHANNELS: dict[str, tuple[str, str, tuple[SensorKind, ...], int, bool, dict[str, Any]]] = {
    "register": (
        "Who a sensor is",
        f"{_NAME}/register",
        _ALL_KINDS,
        1,
        True,
        {"register": ("Register", _BOTH)},
    ),
    "status": (
        "A sensor's heartbeat; retained it sets state, only a fresh one says that it lives",
        f"{_NAME}/status",
        _ALL_KINDS,
        1,
        True,
        {"status": ("Status", _BOTH)},
    ),
    "gatewayStatus": (
        "A gateway's own word, and its last will",
        "{group}/gateway/status",
        (),
        1,
        True,
        {"gatewayStatus": ("GatewayStatus", _BOTH)},
    ),
    "frame": (
        "Raw blocks of samples",
        f"{_NAME}/frame",
        tuple(sorted(FRAME_KINDS)),
        0,
        False,
        {
            "fibreFrame": ("FibreFrame", (_CBOR,)),
            "thermalFrame": ("ThermalFrame", (_CBOR,)),
        },
    ),
    "report": (
        "What a device itself found or measured",
        f"{_NAME}/report",
        _ALL_KINDS,
        1,
        False,
        {"report": ("Report", _BOTH)},
    ),
    "pose": (
        "Position and heading of what moves",
        f"{_NAME}/pose",
        tuple(sorted(POSE_KINDS)),
        1,
        False,
        {"pose": ("Pose", _BOTH)},
    ),
    "rejected": (
        "From the service: which message it refused, and why",
        f"{_NAME}/rejected",
        _ALL_KINDS,
        1,
        False,
        {"rejected": ("RejectedNotice", (_JSON,))},
    ),
}


def asyncapi(schemas: dict[str, Any]) -> dict[str, Any]:
    """Write the document, seen from the service: it receives all but ``rejected``.

    Args:
        schemas: JSON Schema of every model by its name, with references among components.
    """
    messages = {
        name: _message(name, model, content_types)
        for *_, of_channel in _CHANNELS.values()
        for name, (model, content_types) in of_channel.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Straja wire contract",
            "version": f"1.{SCHEMA}.0",
            "description": "What gateways of border sensors publish over MQTT 3.1.1, in JSON or "
            f"CBOR told apart by the first byte; at most {MAX_PAYLOAD_BYTES} bytes a message.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "channels": {name: _channel(*entry) for name, entry in _CHANNELS.items()},
        "operations": {name: _operation(name, *entry) for name, entry in _CHANNELS.items()},
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(
    title: str,
    address: str,
    kinds: tuple[SensorKind, ...],
    _qos: int,
    _retained: bool,  # noqa: FBT001 - a row of the table
    of_channel: dict[str, Any],
) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "group": {"description": "feed group, the gateway's name: 1 to 64 of a-z, 0-9 and -"}
    }
    if kinds:
        parameters["kind"] = {"description": "kind of sensor", "enum": [str(k) for k in kinds]}
        parameters["sensor"] = {"description": "sensor's name: 1 to 64 of a-z, 0-9 and -"}
    return {
        "title": title,
        "address": f"{ROOT}/{VERSION}/{address}",
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in of_channel},
    }


def _operation(
    name: str,
    title: str,
    _address: str,
    _kinds: tuple[SensorKind, ...],
    qos: int,
    retained: bool,  # noqa: FBT001 - a row of the table
    of_channel: dict[str, Any],
) -> dict[str, Any]:
    return {
        "action": "send" if name == "rejected" else "receive",
        "title": title,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{one}"} for one in of_channel],
        "bindings": {"mqtt": {"qos": qos, "retain": retained, "bindingVersion": _BINDING}},
    }


def _message(name: str, model: str, content_types: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "title": model,
        "contentType": content_types[0],
        "description": "Content types: " + " or ".join(content_types),
        "payload": {"$ref": f"#/components/schemas/{model}"},
    }
