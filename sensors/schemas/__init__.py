"""JSON Schemas and an AsyncAPI 3 document, generated from the messages; ``v1/`` holds them.

``python -m sensors.schemas OUT`` writes them into the folder OUT; a test fails when the committed
ones are stale.
"""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sensors.messages import (
    SCHEMA,
    FibreFrame,
    GatewayStatus,
    Pose,
    Register,
    RejectedNotice,
    Report,
    Status,
    ThermalFrame,
)
from sensors.schemas.channels import asyncapi

MESSAGES: dict[str, type[BaseModel]] = {
    "register": Register,
    "status": Status,
    "gateway-status": GatewayStatus,
    "fibre-frame": FibreFrame,
    "thermal-frame": ThermalFrame,
    "report": Report,
    "pose": Pose,
    "rejected": RejectedNotice,
}
"""Every message by the name of its schema file."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def generate() -> dict[str, str]:
    """Write every document: file name to text."""
    documents: dict[str, Any] = {}
    for name, model in MESSAGES.items():
        schema = model.model_json_schema(mode="validation", by_alias=True)
        documents[f"{name}.schema.json"] = {
            "$schema": _DIALECT,
            "$comment": f"Straja wire contract v1, schema {SCHEMA}; generated, do not edit",
            **schema,
        }
    documents["asyncapi.json"] = asyncapi(_shared_schemas())
    return {name: _text(document) for name, document in documents.items()}


def _shared_schemas() -> dict[str, Any]:
    """All models' schemas by model name, each part once, as AsyncAPI components."""
    _, schema = models_json_schema(
        [(model, "validation") for model in MESSAGES.values()],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
