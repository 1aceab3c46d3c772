"""Bundled servers for one machine: a NATS broker that speaks MQTT, and PostgreSQL."""

from services.embedded.gateways import (
    Account,
    add_gateway,
    add_user,
    list_gateways,
    remove_gateway,
)
from services.embedded.nats import EmbeddedNats, NatsSettings
from services.embedded.postgres import EmbeddedPostgres
from services.embedded.processes import free_port

__all__ = [
    "Account",
    "EmbeddedNats",
    "EmbeddedPostgres",
    "NatsSettings",
    "add_gateway",
    "add_user",
    "free_port",
    "list_gateways",
    "remove_gateway",
]
