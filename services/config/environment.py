"""Addresses and secrets: environment variables, never files of the project.

Secrets come from the environment since command lines are seen by every user of a machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from geo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Environment:
    """Where everything is.

    Attributes:
        broker_url: ``mqtt://`` address, ``STRAJA_BROKER_URL``.
        database_url: PostgreSQL address, ``STRAJA_DATABASE_URL``; holds a password, never shown.
        data: folder for spool, ring and worker state, ``STRAJA_DATA``.
        site: site file, ``STRAJA_SITE``; None for the default site.
        broker_log: the broker's log, where it is a NATS server, ``STRAJA_BROKER_LOG``.
        listen: ``host:port`` of the console, ``STRAJA_LISTEN``.
        certificate: TLS certificate of the console, ``STRAJA_TLS_CERTIFICATE``.
        key: its key, ``STRAJA_TLS_KEY``.
    """

    broker_url: str = field(repr=False)
    database_url: str = field(repr=False)
    data: Path
    site: Path | None = None
    broker_log: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Environment":
        """Read the environment.

        Raises:
            ConfigError: naming the variable that is missing or wrong.
        """
        host, port = _listen(variables.get("STRAJA_LISTEN", "127.0.0.1:8080"))
        certificate = _path(variables, "STRAJA_TLS_CERTIFICATE")
        key = _path(variables, "STRAJA_TLS_KEY")
        if (certificate is None) != (key is None):
            raise ConfigError(
                "STRAJA_TLS_CERTIFICATE and STRAJA_TLS_KEY go together: set both, or neither"
            )
        if certificate is None and host not in {"127.0.0.1", "::1", "localhost"}:
            raise ConfigError(
                f"STRAJA_LISTEN is {host!r}: other addresses than loopback need TLS; set "
                "STRAJA_TLS_CERTIFICATE and STRAJA_TLS_KEY, or put a proxy with TLS before it"
            )
        return cls(
            broker_url=_needed(variables, "STRAJA_BROKER_URL", "mqtt://host:1883"),
            database_url=_needed(variables, "STRAJA_DATABASE_URL", "postgresql://host/straja"),
            data=Path(variables.get("STRAJA_DATA", "straja-data")).absolute(),
            site=_path(variables, "STRAJA_SITE"),
            broker_log=_path(variables, "STRAJA_BROKER_LOG"),
            host=host,
            port=port,
            certificate=certificate,
            key=key,
        )


def _needed(variables: Mapping[str, str], name: str, example: str) -> str:
    value = variables.get(name)
    if not value:
        raise ConfigError(f"{name} is not set: for example {example}; or try `straja demo`")
    return value


def _path(variables: Mapping[str, str], name: str) -> Path | None:
    value = variables.get(name)
    if not value:
        return None
    path = Path(value).absolute()
    if not path.is_file():
        raise ConfigError(f"{name} is {value!r}: there is no such file")
    return path


def _listen(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ConfigError(f"STRAJA_LISTEN is {value!r}: host:port, for example 127.0.0.1:8080")
    return host.strip("[]"), int(port)
