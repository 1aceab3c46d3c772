"""Who may speak to the bundled broker: one account a gateway, each with its own topics alone.

In the data folder, all 0600:

    secrets/nats.json        the service's own name and password
    nats/accounts.json       the others: name, groups, bcrypt hash of the password
    nats/users.conf          what the broker reads, written from the two

A running broker takes a change at once (SIGHUP), also when another process makes it; whoever was
removed is disconnected.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import bcrypt
import psutil

from geo.errors import ConfigError, EmbeddedError
from sensors.topics import PROOF_GROUP, REPLAY_ROOT, ROOT, VERSION, is_name
from services.embedded.folders import make_private, new_password, write_private
from services.embedded.processes import POLL_S, log_since, tail, working_on

PROGRAM = "nats-server"
SERVICE_USER = "straja.service"  # a dot: no gateway can have this name
ANONYMOUS_USER = "straja.anonymous"
# Passwords are 192 random bits, which no hash needs to stretch; the cost is paid by the broker at
# each connect, by a whole border's gateways at once after it restarts.
_BCRYPT_COST = 6
_RELOAD_TIMEOUT_S = 5.0
_RELOADED = b"Reloaded server configuration"
_NOT_RELOADED = b"Failed to reload"


@dataclass(frozen=True, slots=True)
class Account:
    """One who may connect.

    Attributes:
        name: MQTT user name.
        groups: feed groups it speaks for.
        all_groups: it speaks for every group (simulators, a concentrator of one's own).
        bcrypt: hash of its password.
    """

    name: str
    groups: tuple[str, ...]
    all_groups: bool
    bcrypt: str


def config_path(data_dir: Path) -> Path:
    """Give the broker's settings file, by which a running one is known."""
    return data_dir.absolute() / "nats" / "nats.conf"


def add_gateway(data_dir: Path, group: str, *, renew: bool = False) -> str:
    """Let a gateway connect: publish its own group's topics, hear its own rejections, no more.

    Args:
        data_dir: the service's data folder.
        group: the feed group; also the MQTT user name.
        renew: replace the password of one that exists.

    Returns:
        The password, shown this once: only its hash is kept.

    Raises:
        ConfigError: when the name is not one, or is taken and `renew` is not set.
    """
    return add_user(data_dir, group, groups=(group,), renew=renew)


def add_user(
    data_dir: Path,
    name: str,
    *,
    groups: Sequence[str] = (),
    all_groups: bool = False,
    renew: bool = False,
) -> str:
    """Let a user connect who speaks for several groups, or for all.

    Args:
        data_dir: the service's data folder.
        name: MQTT user name.
        groups: feed groups it may speak for.
        all_groups: it may speak for every group.
        renew: replace the password, and the groups, of one that exists.

    Returns:
        The password, shown this once: only its hash is kept.

    Raises:
        ConfigError: when a name is not one, or is taken and `renew` is not set.
    """
    for word in (name, *groups):
        if not is_name(word):
            raise ConfigError(
                f"gateway name {word!r}: use 1 to 64 of the letters a-z, digits and hyphens."
            )
        if word == PROOF_GROUP:
            raise ConfigError(f"gateway name {word!r} is the service's own: choose another.")
    if not groups and not all_groups:
        raise ConfigError(f"user {name!r} speaks for no group: name some, or give it all.")
    password = new_password()
    digest = _hashed(password)
    with _changing(data_dir) as accounts:
        if name in accounts and not renew:
            raise ConfigError(
                f"gateway {name!r} has a password already: renew it, or remove the gateway first."
            )
        accounts[name] = Account(name, tuple(groups), all_groups, digest)
    return password


def remove_gateway(data_dir: Path, name: str) -> None:
    """Take a gateway's or user's access away; a connected one is cut off.

    Raises:
        ConfigError: when there is none of this name.
    """
    with _changing(data_dir) as accounts:
        if accounts.pop(name, None) is None:
            known = ", ".join(sorted(accounts)) or "none"
            raise ConfigError(f"gateway {name!r} is not known: known are {known}.")


def list_gateways(data_dir: Path) -> list[Account]:
    """List who may connect besides the service, by name."""
    return sorted(_read(data_dir).values(), key=lambda account: account.name)


def service_password(data_dir: Path) -> str:
    """Give the service's own password to the broker, drawing it the first time.

    Raises:
        EmbeddedError: when its file cannot be read.
    """
    return _secrets(data_dir)["password"]


def _secrets(data_dir: Path) -> dict[str, str]:
    """Give what is kept of the service's own account.

    Its password; its hash, so that a reload changes no account; and the inner password by which
    the broker itself signs anonymous clients in.
    """
    path = make_private(data_dir.absolute() / "secrets") / "nats.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(stored[key]) for key in ("password", "bcrypt", "anonymous")}
    except FileNotFoundError:
        password = new_password()
        drawn = {
            "user": SERVICE_USER,
            "password": password,
            "bcrypt": _hashed(password),
            "anonymous": new_password(),
        }
        write_private(path, json.dumps(drawn, indent=1) + "\n")
        return drawn
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmbeddedError(
            f"{path} cannot be read ({error}): start as its owner, or remove it to have a new "
            f"password drawn."
        ) from error


def write_users(data_dir: Path) -> None:
    """Write the broker's users file from the accounts; hashes only."""
    secrets = _secrets(data_dir)
    everything = Account(SERVICE_USER, (), all_groups=True, bcrypt=secrets["bcrypt"])
    # Of the broker's own subjects ($JS, $SYS) not even the service may publish any.
    lines = [_user_text(everything, [f"{ROOT}.>", f"{REPLAY_ROOT}.>"], [">"])]
    config = config_path(data_dir)
    if config.exists() and "no_auth_user" in config.read_text(encoding="utf-8"):
        # Compared by the broker with itself, so a hash would never match (its auth.go).
        anyone = Account(ANONYMOUS_USER, (), all_groups=True, bcrypt=secrets["anonymous"])
        lines.append(_user_text(anyone, [f"{ROOT}.>"], [f"{ROOT}.>"]))
    for account in list_gateways(data_dir):
        groups = ["*"] if account.all_groups else account.groups
        lines.append(
            _user_text(
                account,
                [f"{ROOT}.{VERSION}.{group}.>" for group in groups],
                [f"{ROOT}.{VERSION}.{group}.*.*.rejected" for group in groups],
            )
        )
    text = "# Written by straja; changes here are lost.\nusers = [\n" + "\n".join(lines) + "\n]\n"
    write_private(make_private(config.parent) / "users.conf", text)


def reload_running(data_dir: Path) -> bool:
    """Tell a running broker of this data folder to read its files again, and wait until it did.

    Returns:
        Whether one runs.

    Raises:
        EmbeddedError: when it belongs to another user, or does not take the change.
    """
    found = working_on(config_path(data_dir), PROGRAM)
    log_path = config_path(data_dir).with_name("nats.log")
    for process in found:
        seen = log_path.stat().st_size if log_path.exists() else 0
        try:
            process.send_signal(signal.SIGHUP)
        except psutil.AccessDenied as error:
            raise EmbeddedError(
                f"the broker (process {process.pid}) belongs to another user and was not told of "
                f"the change: run this as that user, or restart the service."
            ) from error
        except psutil.NoSuchProcess:
            continue
        deadline = time.monotonic() + _RELOAD_TIMEOUT_S
        while _RELOADED not in (words := log_since(log_path, seen)) and process.is_running():
            if _NOT_RELOADED in words or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the broker (process {process.pid}) did not take the change: "
                    f"{tail(log_path, seen)}"
                )
            time.sleep(POLL_S / 4)
    return bool(found)


def _hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode()


def _user_text(account: Account, publish: Sequence[str], subscribe: Sequence[str]) -> str:
    """Write one user in the broker's own notation.

    MQTT only: over the broker's other protocol a client could listen in on the inner subjects by
    which QoS 1 messages travel (`$MQTT.>`).
    """
    rights = {"publish": list(publish), "subscribe": list(subscribe)}
    return (
        f"  {{ user: {json.dumps(account.name)}, password: {json.dumps(account.bcrypt)}, "
        f'allowed_connection_types: ["MQTT"], permissions: {json.dumps(rights)} }}'
    )


def _read(data_dir: Path) -> dict[str, Account]:
    path = config_path(data_dir).with_name("accounts.json")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["accounts"]
        accounts = [Account(**(row | {"groups": tuple(row["groups"])})) for row in rows]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmbeddedError(
            f"{path} cannot be read ({error}): put a good copy back, or start as its owner."
        ) from error
    return {account.name: account for account in accounts}


@contextmanager
def _changing(data_dir: Path) -> Iterator[dict[str, Account]]:
    """Read the accounts, and on leaving without error write them and tell the broker."""
    folder = make_private(config_path(data_dir).parent)
    handle = os.open(folder / "accounts.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # held for milliseconds; a kill gives it back
        accounts = _read(data_dir)
        yield accounts
        rows = [asdict(account) for account in accounts.values()]
        text = json.dumps({"version": 1, "accounts": rows}, indent=1) + "\n"
        write_private(folder / "accounts.json", text)
        write_users(data_dir)
        reload_running(data_dir)
    finally:
        os.close(handle)
