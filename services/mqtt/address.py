"""Where the broker is and how to prove who we are."""

import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from geo.errors import ConfigError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's address; the password never shows in its text.

    Attributes:
        authority: file of the certificate authority for ``mqtts``; the system's where None.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: Path | None = None

    @classmethod
    def parse(cls, url: str, environment: Mapping[str, str] | None = None) -> "BrokerAddress":
        """Read ``mqtt[s]://[user[:password]@]host[:port]``.

        The password is better given as ``STRAJA_BROKER_PASSWORD`` in ``environment``, where other
        users of the machine do not see it.

        Raises:
            ConfigError: where the address cannot be one of a broker.
        """
        environment = environment or {}
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            shown = f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else url
            raise ConfigError(
                f"broker address is {shown!r}: it reads mqtt://host:port, or mqtts://host:port "
                "with TLS; set STRAJA_BROKER_URL or --broker"
            )
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise ConfigError("broker address has a port that is not 1 to 65535") from None
        authority = environment.get("STRAJA_BROKER_CA")
        return cls(
            host=parts.hostname,
            port=port,
            tls=parts.scheme == "mqtts",
            username=unquote(parts.username) if parts.username else None,
            password=environment.get("STRAJA_BROKER_PASSWORD")
            or (unquote(parts.password) if parts.password else None),
            authority=Path(authority) if authority else None,
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """TLS settings that check the broker's certificate, or None without TLS."""
        if not self.tls:
            return None
        return ssl.create_default_context(cafile=str(self.authority) if self.authority else None)

    def client_id(self, name: str) -> str:
        """A client id that others cannot guess, the same at each start.

        Brokers tie no client id to an account: whoever connects under a durable session's id,
        asking for a clean one, would wipe that session out.
        """
        if self.password is None:
            return name
        return f"{name}-{hashlib.sha256(f'client id {self.password}'.encode()).hexdigest()[:12]}"

    def refusal(self, reason: object) -> str:
        """Say that the broker refused us, and what to do about it.

        Args:
            reason: the broker's word.
        """
        whose = f"as {self.username}" if self.username else "without a name"
        return (
            f"the broker refused name or password: {self} said {str(reason)!r} to us {whose}; give "
            "mqtt://name@host:port and STRAJA_BROKER_PASSWORD, or --data FOLDER of a running demo"
        )

    def out_of_reach(self, reason: object) -> str:
        """Say that there was no connection, and what to do about it.

        Args:
            reason: the system's word, whose number says nothing to anybody.
        """
        why = re.sub(r"^\[Errno -?\d+\] ", "", str(reason))
        return f"{self} is out of reach ({why}): start it, or correct --broker"

    def __str__(self) -> str:
        """Show the address without the password."""
        user = f"{self.username}@" if self.username else ""
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{self.host}:{self.port}"
