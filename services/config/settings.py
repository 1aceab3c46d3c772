"""The settings of all parts, from the site's rows.

A row's key is ``<part>.<setting>``; each part defines its own settings with their defaults and
units, so nothing stands here twice.
"""

import dataclasses
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from geo.errors import ConfigError
from geo.site_rows import Setting
from services.alerts.lifecycle import LifecycleSettings
from services.correlate.late import LateSettings
from services.correlate.settings import IncidentSettings, MemorySettings, TrackerSettings
from services.detect.fibre_settings import FibreSettings
from services.detect.reports import ReportSettings
from services.detect.thermal import ThermalSettings
from services.health import LedgerSettings
from services.ingest.intake import IntakeSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """One field a part."""

    intake: IntakeSettings = field(default_factory=IntakeSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    fibre: FibreSettings = field(default_factory=FibreSettings)
    reports: ReportSettings = field(default_factory=ReportSettings)
    thermal: ThermalSettings = field(default_factory=ThermalSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    late: LateSettings = field(default_factory=LateSettings)
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    lifecycle: LifecycleSettings = field(default_factory=LifecycleSettings)

    @classmethod
    def from_rows(cls, rows: Iterable[Setting]) -> Self:
        """Read a site's setting rows.

        Raises:
            ConfigError: naming the row's key, its value and what is wanted.
        """
        given: dict[str, dict[str, Any]] = {}
        for row in rows:
            part, _, name = row.key.partition(".")
            kind = _kinds().get(part)
            if kind is None:
                raise ConfigError(f"setting {row.key!r}: parts are {', '.join(_kinds())}")
            names = [entry.name for entry in dataclasses.fields(kind)]
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {part}.{near[0]}?" if near else f"known: {', '.join(names)}"
                raise ConfigError(f"setting {row.key!r} does not exist: {hint}")
            given.setdefault(part, {})[name] = row.value
        parts: dict[str, Any] = {}
        for part, values in given.items():
            try:
                parts[part] = TypeAdapter(_kinds()[part]).validate_python(values)
            except ValidationError as error:
                first = error.errors()[0]
                key = ".".join([part, *(str(step) for step in first["loc"])])
                raise ConfigError(
                    f"setting {key!r} is {first['input']!r}: {first['msg'].lower()}"
                ) from error
        return cls(**parts)


def _kinds() -> dict[str, type[Any]]:
    """Settings class by part."""
    return {entry.name: entry.type for entry in dataclasses.fields(Settings)}  # type: ignore[misc]
