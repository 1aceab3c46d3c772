"""The one error tree.

::

    StrajaError
    ├── GeometryError      (ValueError)    a point, line or covariance that cannot be
    ├── FaultyFileError    (ValueError)    faults of a file that a person wrote, each with its line
    │   ├── SiteError                      of a site file
    │   └── TapLogError                    of the log of a tap test
    ├── CalibrationError   (ValueError)    taps from which no calibration table can be made
    ├── WireError          (ValueError)    a payload or topic that breaks the contract
    ├── SceneError         (ValueError)    faults of a scene file
    ├── TransitionError    (ValueError)    a command the life cycle does not allow
    ├── AccessError        (PermissionError)  a role or account that may not
    ├── ConfigError        (ValueError)    a setting that is missing or wrong
    ├── RecordingError     (ValueError)    a recording that cannot be read or written
    ├── BackupError        (ValueError)    a backup that cannot be read or written
    ├── BrokerError        (ConnectionError)  the MQTT broker refused or is away
    ├── StorageError       (ConnectionError)  the database refused or is away
    │   └── OvertakenError                 another service writes this run now
    ├── EmbeddedError      (RuntimeError)  a bundled server that did not start
    └── SnapshotError      (ValueError)    a snapshot of another version or stage

Every message names what was wrong (field and value), what was wanted and what to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


class StrajaError(Exception):
    """Root of all errors this project raises on purpose."""


class GeometryError(StrajaError, ValueError):
    """A point, line or covariance that cannot be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file that a person wrote.

    Attributes:
        file: its name as given.
        line: counted from 1.
        key: path of the key at fault, such as ``sensors[3].lens.width_px``.
        value: what stands there, shortened.
        wanted: what it should be.
        do: what to do about it.
    """

    file: str
    line: int
    key: str
    value: str
    wanted: str
    do: str

    def __str__(self) -> str:
        """Say it in one sentence."""
        return (
            f"{self.file}:{self.line}: {self.key} is {self.value}: wanted {self.wanted}; {self.do}"
        )


class FaultyFileError(StrajaError, ValueError):
    """Faults of a file that a person wrote.

    Attributes:
        faults: each with file, line and key; empty where no file is concerned.
    """

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        """Keep the faults beside the sentence that sums them up."""
        self.faults = faults
        super().__init__(message)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> Self:
        """Make the error of a file's faults, one line each in its message."""
        return cls("\n".join(map(str, faults)), tuple(faults))


class SiteError(FaultyFileError):
    """Faults of a site file."""


class TapLogError(FaultyFileError):
    """Faults of the log of a tap test."""


class CalibrationError(StrajaError, ValueError):
    """Taps from which no calibration table can be made."""


class WireError(StrajaError, ValueError):
    """A payload or topic that breaks the contract.

    Attributes:
        field: dotted name of the field at fault, or "topic" or "payload".
        value: what stood there, shortened.
        wanted: what the contract asks for.
    """

    def __init__(self, field: str, value: object, wanted: str) -> None:
        """Keep the three parts apart so that they can be answered to the gateway."""
        shown = repr(value)
        self.field = field
        self.value = shown if len(shown) <= 80 else shown[:77] + "..."
        self.wanted = wanted
        super().__init__(f"{field} is {self.value}: {wanted}")


class SceneError(StrajaError, ValueError):
    """Faults of a scene file."""


class TransitionError(StrajaError, ValueError):
    """A command that the alert's state does not allow."""


class AccessError(StrajaError, PermissionError):
    """An account or role that may not do what it asked for."""


class ConfigError(StrajaError, ValueError):
    """A setting that is missing or wrong."""


class RecordingError(StrajaError, ValueError):
    """A recording that cannot be read or written."""


class BackupError(StrajaError, ValueError):
    """A backup that cannot be read or written."""


class BrokerError(StrajaError, ConnectionError):
    """The MQTT broker refused us or is away."""


class StorageError(StrajaError, ConnectionError):
    """The database refused us or is away."""


class OvertakenError(StorageError):
    """Another service writes this run now: this one must stop."""


class EmbeddedError(StrajaError, RuntimeError):
    """A bundled server that did not start or stop."""


class SnapshotError(StrajaError, ValueError):
    """A snapshot of another version, stage or setting."""
