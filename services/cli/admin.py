"""Commands for administrators: ``migrate``, ``backup``, ``memory``, ``gateway``, ``user``, ..."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geo.errors import ConfigError
from services.cli.common import Data, Json, SiteFile, say, site_of, table_progress
from services.cli.inputs import file_given

if TYPE_CHECKING:
    from services.storage.backup import Manifest


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: STRAJA_DATABASE_URL=... straja migrate")(migrate)
    app.command(epilog="Example: straja backup night.straja --data straja-data")(backup)
    app.command(epilog="Example: straja restore night.straja --data straja-data")(restore)
    app.command(epilog="Example: straja memory --data straja-data")(memory)
    gateway = typer.Typer(
        help="Who may speak to the bundled broker.", no_args_is_help=True, rich_markup_mode=None
    )
    gateway.command("add", epilog="Example: straja gateway add tower-012")(gateway_add)
    gateway.command("remove", epilog="Example: straja gateway remove tower-012")(gateway_remove)
    gateway.command("list", epilog="Example: straja gateway list --json")(gateway_list)
    app.add_typer(gateway, name="gateway", epilog="Example: straja gateway add tower-012")
    user = typer.Typer(
        help="Accounts of operators and administrators.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    user.command("add", epilog="Example: straja user add op-17 --role operator")(user_add)
    user.command("password", epilog="Example: straja user password op-17")(user_password)
    user.command("disable", epilog="Example: straja user disable op-17")(user_disable)
    user.command("list", epilog="Example: straja user list --json")(user_list)
    app.add_typer(user, name="user", epilog="Example: straja user add op-17 --role operator")


def migrate(data: Data = None, json_: Json = False) -> None:
    """Bring the database to this version's schema; harmless when it is there already."""
    from services.run.database import with_database
    from services.storage.migrate import migrate as migrate_to

    done = asyncio.run(with_database(data, os.environ, migrate_to))
    if json_:
        print(json.dumps({"done": done}))
    else:
        say("\n".join(done) or "nothing to do: the schema is the newest")


def backup(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    data: Data = None,
    json_: Json = False,
) -> None:
    """Write everything the database holds to one file."""
    from services.run.database import with_database
    from services.storage.backup import backup as write_backup

    with table_progress(f"writing {file.name}") as advance:
        manifest = asyncio.run(
            with_database(data, os.environ, lambda url: write_backup(url, file, advance))
        )
    _print_manifest(manifest, "written", json_)


def restore(
    file: Annotated[
        Path,
        typer.Argument(
            help="File that `straja backup` wrote.",
            callback=file_given("a file that `straja backup` wrote"),
        ),
    ],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give up what the database holds now.")
    ] = False,
    json_: Json = False,
) -> None:
    """Fill an empty database from a backup; listeners start anew."""
    from services.run.database import with_database
    from services.storage.restore import restore as read_backup

    with table_progress(f"reading {file.name}") as advance:
        manifest = asyncio.run(
            with_database(
                data, os.environ, lambda url: read_backup(url, file, advance, replace=replace)
            )
        )
    _print_manifest(manifest, "restored", json_)


def memory(
    run: Annotated[str, typer.Option(help="Run; that of a live service is called live.")] = "live",
    site: SiteFile = None,
    data: Data = None,
    json_: Json = False,
) -> None:
    """Show what is usual where and when, as of the last snapshot; and what was lowered for it."""
    import dataclasses

    from services.run.remembering import remembered

    held = asyncio.run(remembered(data, os.environ, site_of(site), run, time.time_ns()))
    rows = held.table()
    lowered = [dataclasses.asdict(one) for one in held.lowered]
    if json_:
        print(json.dumps({"usual": rows, "lowered": lowered, "counts": held.tallies}))
        return
    for table in (rows, lowered):
        if table:
            _print_columns(table[0], (map(str, row.values()) for row in table))
            print()
    counts = ", ".join(f"{what} {times}" for what, times in held.tallies.items())
    say(f"{len(rows)} places and hours; {sum(one.count for one in held.lowered)} lowered; {counts}")


def gateway_add(
    group: Annotated[str, typer.Argument(help="Feed group; also the MQTT user name.")],
    data: Annotated[Path, typer.Option(help="The service's data folder.")] = Path("straja-data"),
    renew: Annotated[bool, typer.Option("--renew", help="Give a new password.")] = False,
    json_: Json = False,
) -> None:
    """Let a gateway in: it may speak for its own group alone. The password is shown once."""
    from services.embedded import add_gateway

    password = add_gateway(data, group, renew=renew)
    if json_:
        print(json.dumps({"user": group, "password": password}))
    else:
        print(f"user {group}\npassword {password}")


def gateway_remove(
    group: Annotated[str, typer.Argument(help="Feed group.")],
    data: Annotated[Path, typer.Option(help="The service's data folder.")] = Path("straja-data"),
) -> None:
    """Take a gateway's access away; a connected one is cut off."""
    from services.embedded import remove_gateway

    remove_gateway(data, group)
    say(f"gateway {group} may connect no more")


def gateway_list(
    data: Annotated[Path, typer.Option(help="The service's data folder.")] = Path("straja-data"),
    json_: Json = False,
) -> None:
    """Show who may connect, and for which groups."""
    from services.embedded import list_gateways

    rows = [
        {"user": account.name, "groups": "all" if account.all_groups else ", ".join(account.groups)}
        for account in list_gateways(data)
    ]
    if json_:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(f"{row['user']}: {row['groups']}")


def user_add(
    name: Annotated[str, typer.Argument(help="Service number or post, never a person's name.")],
    role: Annotated[str, typer.Option(help="operator or administrator.")] = "operator",
    party: Annotated[
        str | None, typer.Option(help="One of the site's parties; else its home party.")
    ] = None,
    site: SiteFile = None,
    data: Data = None,
) -> None:
    """Add an account; the password is asked for, or read from STRAJA_NEW_PASSWORD."""
    from services.run.database import with_accounts

    if role not in {"operator", "administrator"}:
        raise ConfigError(f"--role is {role!r}: operator or administrator")
    known = site_of(site)
    of = known.home_party if party is None else party
    if of not in known.parties:
        raise ConfigError(
            f"--party is {of!r}: wanted one of the parties of the site {known.name!r}, "
            f"{', '.join(known.parties)}; correct it, or name another site with --site"
        )
    password = _new_password()
    asyncio.run(
        with_accounts(
            data,
            os.environ,
            lambda accounts: accounts.add_account(name, password, of, role),  # type: ignore[arg-type]
        )
    )
    say(f"account {name} added: {role} of {of}")


def user_password(name: Annotated[str, typer.Argument(help="Account.")], data: Data = None) -> None:
    """Set an account's password."""
    from services.run.database import with_accounts

    password = _new_password()
    asyncio.run(
        with_accounts(data, os.environ, lambda accounts: accounts.set_password(name, password))
    )
    say(f"account {name} has a new password")


def user_disable(name: Annotated[str, typer.Argument(help="Account.")], data: Data = None) -> None:
    """Let an account sign in no more; its sessions end."""
    from services.run.database import with_accounts

    asyncio.run(with_accounts(data, os.environ, lambda accounts: accounts.disable(name)))
    say(f"account {name} may sign in no more")


def user_list(data: Data = None, json_: Json = False) -> None:
    """Show all accounts."""
    import dataclasses

    from services.run.database import with_accounts

    lines = asyncio.run(with_accounts(data, os.environ, lambda accounts: accounts.list_accounts()))
    if json_:
        print(json.dumps([dataclasses.asdict(line) for line in lines], default=str))
    else:
        rows = [
            (
                line.account.name,
                line.account.party,
                line.account.role,
                "disabled" if line.disabled else "" if line.has_password else "no password",
            )
            for line in lines
        ]
        _print_columns(("name", "party", "role", ""), rows)


def _print_columns(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table: list[Sequence[str]] = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _print_manifest(manifest: "Manifest", what: str, as_json: bool) -> None:
    rows = {note.name: note.rows for note in manifest.tables}
    if as_json:
        print(json.dumps({"taken_at": manifest.taken_at, "rows": manifest.rows, "tables": rows}))
    else:
        say(f"{what}: {manifest.rows} rows of {len(rows)} tables, as of {manifest.taken_at}")


def _new_password() -> str:
    """A password from the environment, or typed twice; never from the command line."""
    given = os.environ.get("STRAJA_NEW_PASSWORD")
    if given:
        return given
    if not sys.stdin.isatty():
        raise ConfigError("no terminal to ask for the password: set STRAJA_NEW_PASSWORD")
    first = getpass("password (12 characters or more): ")
    if first != getpass("again: "):
        raise ConfigError("the two passwords differ: try again")
    return first
