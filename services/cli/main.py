"""``straja``: the commands, and how their errors are said.

Exit codes: 0 all well; 1 what was checked has faults; 2 a wrong command or setting; 3 broker or
database are out of reach; 4 a file cannot be read or written; 130 interrupted.
"""

import sys

import typer
from typer.exceptions import TyperException

from geo.errors import (
    BackupError,
    BrokerError,
    ConfigError,
    EmbeddedError,
    RecordingError,
    SceneError,
    SiteError,
    StorageError,
    StrajaError,
)
from services.cli import admin, calibration, live, measure, offline, scenes, scores

app = typer.Typer(
    name="straja",
    help="Takes in what border sensors say and puts one trustworthy alert before the watch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (live, offline, calibration, scenes, scores, admin, measure):
    part.register(app)

_CODES: tuple[tuple[type[StrajaError], int], ...] = (
    (ConfigError, 2),
    (BrokerError, 3),
    (StorageError, 3),
    (EmbeddedError, 3),
    (SiteError, 4),
    (SceneError, 4),
    (RecordingError, 4),
    (BackupError, 4),
)

_LINES = 10
"""So many faults of a file are said by a command that needs it; ``check`` says all."""


def main() -> None:
    """Run one command; an error is one sentence on standard error."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command with ``arguments``; the exit code."""
    command = typer.main.get_command(app)
    try:
        result = command.main(arguments, prog_name="straja", standalone_mode=False)
    except StrajaError as error:
        sys.stderr.write(f"straja: {_shortened(str(error))}\n")
        return next((code for kind, code in _CODES if isinstance(error, kind)), 4)
    except typer.Abort:
        return 130
    except TyperException as error:
        sys.stderr.write(f"straja: {error.format_message()}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        sys.stderr.write(f"straja: {error.strerror or error}: {error.filename or ''}\n")
        return 4
    return result if isinstance(result, int) else 0


def _shortened(text: str) -> str:
    """The first lines of what a file's many faults make, and how many more there are."""
    lines = text.splitlines()
    if len(lines) <= _LINES:
        return text
    rest = len(lines) - _LINES
    return "\n".join([*lines[:_LINES], f"... and {rest} more: `straja check FILE` names them all"])


if __name__ == "__main__":
    main()
