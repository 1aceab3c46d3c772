"""The console's port, taken before anything else of the service begins."""

import socket

from geo.errors import ConfigError


def listen(host: str, port: int) -> socket.socket:
    """Take an address; who connects waits until the service answers.

    Taken first of all, so that a wrong setting is found before the run and its journal are taken.

    Raises:
        ConfigError: where it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        shown = f"[{host}]" if ":" in host else host
        raise ConfigError(
            f"STRAJA_LISTEN is {shown}:{port}, which cannot be had ({error.strerror or error}): "
            "end what listens there, or set it to another port"
        ) from error
