"""The site: everything that is known in advance, as rows valid from-to, and its geometry.

A site comes from a TOML file (or a recording that embeds one). ``Site.at(at_ns)`` gives the site
as it was valid at a time; geometry is asked of that one. Both are immutable; geometry is built
when first asked for and kept.
"""

import hashlib
import json
import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from geo.border import Border, shipped_border
from geo.cable import Cable
from geo.crs import to_plane
from geo.errors import Fault, SiteError
from geo.places import Places, shipped_places
from geo.site_build import build_cable, build_zone
from geo.site_check import faults_of, row_faults, syntax_fault
from geo.site_faults import RowFaults
from geo.site_rows import (
    Area,
    CableRow,
    CalibrationRow,
    Crossing,
    Name,
    Number,
    Part,
    Party,
    Row,
    Sector,
    Sensor,
    Setting,
    ZoneRow,
    to_ns,
)
from geo.site_toml import write
from geo.zones import Zones

_RowT = TypeVar("_RowT", bound=Row)
_MAX_BYTES = 64 * 1024 * 1024
_TABLES = ("cables", "calibrations", "sensors", "zones", "sectors", "crossings", "settings")


@dataclass(frozen=True, slots=True)
class PlaceLabel:
    """What people call a place; never to compute with.

    Attributes:
        chainage_m: along the border line, of its nearest point.
        offset_m: from the line, positive on the Romanian side.
        sector: id of the sector, or None outside all.
        sector_name: its name.
        settlement: nearest settlement.
        settlement_distance_m: how far that is.
    """

    chainage_m: float
    offset_m: float
    sector: str | None
    sector_name: str | None
    settlement: str
    settlement_distance_m: float


class Site(Part):
    """A site's rows; see the module's text for the two ways to ask it."""

    format: Literal[1] = 1
    name: Name
    home_party: Party
    parties: Annotated[tuple[Party, ...], Field(min_length=1)]
    geoid_height_m: Number = Field(
        0.0, description="height of mean sea level above the ellipsoid, one figure for the area"
    )
    area: Area
    sectors: tuple[Sector, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    zones: tuple[ZoneRow, ...] = ()
    cables: tuple[CableRow, ...] = ()
    calibrations: tuple[CalibrationRow, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    settings: tuple[Setting, ...] = ()

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        faults = row_faults(self)
        if faults:
            raise RowFaults(faults)
        return self

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a site file.

        Raises:
            SiteError: with file, line and key of each fault.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
            raw = path.read_bytes() if size <= _MAX_BYTES else b""
            text = raw.decode("utf-8")
        except OSError as error:
            raise SiteError(
                f"site file {str(path)!r} cannot be read ({error.strerror}): wanted a TOML file; "
                "check its path and rights"
            ) from error
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            fault = Fault(str(path), line, "the document", "not UTF-8", "UTF-8 text", "save it so")
            raise SiteError.of([fault]) from error
        if size > _MAX_BYTES:
            raise SiteError(
                f"site file {str(path)!r} has {size} bytes: wanted {_MAX_BYTES} or less"
            )
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Read a site from TOML text.

        Args:
            text: the document.
            name: what to call it in faults, such as its path.

        Raises:
            SiteError: with file, line and key of each fault, see :attr:`SiteError.faults`.
        """
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SiteError.of([syntax_fault(error, text, name)]) from error
        except RecursionError as error:
            fault = Fault(name, 1, "the document", "nested", "less nesting", "write it flat")
            raise SiteError.of([fault]) from error
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SiteError.of(faults_of(error, cls, values, text, name)) from error

    def to_toml(self, header: str = "") -> str:
        """Write the site as compact TOML that :meth:`parse` reads back to an equal site."""
        return write(self, header)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what the site says: the same for any order, layout or comments of its file."""
        content: dict[str, Any] = self.model_dump(mode="python")
        for table in _TABLES:
            content[table] = sorted(
                json.dumps(row, sort_keys=True, default=_stable) for row in content[table]
            )
        content["parties"] = sorted(content["parties"])
        text = json.dumps(content, sort_keys=True, default=_stable)
        return hashlib.sha256(text.encode()).hexdigest()

    # --- time

    @cached_property
    def changes_ns(self) -> tuple[int, ...]:
        """Times at which a row begins or ceases to hold, in order (ns UTC)."""
        moments = {
            to_ns(moment)
            for table in _TABLES
            for row in getattr(self, table)
            for moment in (row.valid_from, row.valid_to)
            if moment is not None
        }
        return tuple(sorted(moments))

    def next_change_ns(self, at_ns: int) -> int | None:
        """First time after ``at_ns`` at which :meth:`at` gives another site; None if none."""
        index = bisect_right(self.changes_ns, at_ns)
        return self.changes_ns[index] if index < len(self.changes_ns) else None

    def at(self, at_ns: int) -> "Site":
        """Give the site as valid at a time: only the rows that hold then.

        The same object is given for all times between two changes, so its geometry is built once.
        """
        if not self.changes_ns:
            return self
        index = bisect_right(self.changes_ns, at_ns)
        if index not in self._versions:
            values = {name: getattr(self, name) for name in type(self).model_fields}
            for table in _TABLES:
                values[table] = tuple(row for row in values[table] if row.valid_at(at_ns))
            # Not copied, since a copy would take this site's geometry along; checked already.
            self._versions[index] = type(self).model_construct(**values)
        return self._versions[index]

    @cached_property
    def _versions(self) -> dict[int, "Site"]:
        return {}

    # --- rows by name

    def sensor(self, name: str) -> Sensor:
        """Give a sensor's row.

        Raises:
            SiteError: no sensor has this name, or several have at different times.
        """
        return _one(self.sensors, [row.id for row in self.sensors], "sensor", name)

    def has_sensor(self, name: str) -> bool:
        """Say whether the site knows a sensor of this name."""
        return any(row.id == name for row in self.sensors)

    def sector(self, name: str) -> Sector:
        """Give a sector's row by its id; errors as for :meth:`sensor`."""
        return _one(self.sectors, [row.id for row in self.sectors], "sector", name)

    def crossing(self, name: str) -> Crossing:
        """Give a crossing's row by its id; errors as for :meth:`sensor`."""
        return _one(self.crossings, [row.id for row in self.crossings], "crossing", name)

    def setting(self, key: str) -> bool | int | float | str | None:
        """Give a setting's value, or None where the site does not set it."""
        keys = [row.key for row in self.settings]
        return _one(self.settings, keys, "setting", key).value if key in keys else None

    # --- geometry

    @property
    def border(self) -> Border:
        """The border line, as shipped."""
        return shipped_border()

    def cable(self, name: str) -> Cable:
        """Give a cable with its calibration table.

        Raises:
            SiteError: no cable has this name, or several rows have at different times.
        """
        if name not in self._cables:
            row = _one(self.cables, [one.id for one in self.cables], "cable", name)
            tables = [table for table in self.calibrations if table.cable == name]
            table = _one(tables, [name] * len(tables), "calibration", name) if tables else None
            self._cables[name] = build_cable(row, table)
        return self._cables[name]

    @cached_property
    def _cables(self) -> dict[str, Cable]:
        return {}

    @cached_property
    def lawful_zones(self) -> Zones:
        """Zones in which traffic is lawful: of crossings (kind ``crossing``) and of kind lawful."""
        crossings = [
            build_zone(row.id, "crossing", None, row.position, row.radius_m)
            for row in self.crossings
            if row.lawful
        ]
        return Zones(
            [*crossings, *(zone for zone in self.all_zones.zones if zone.kind == "lawful")]
        )

    @cached_property
    def all_zones(self) -> Zones:
        """The rows of ``zones`` in the plane, in their order."""
        return Zones(
            [build_zone(z.id, z.kind, z.polygon, z.centre, z.radius_m) for z in self.zones]
        )

    @cached_property
    def _sector_areas(self) -> Zones:
        return Zones(
            [
                build_zone(row.id, "sector", row.polygon, None, None)
                for row in self.sectors
                if row.polygon is not None
            ]
        )

    def sector_at(self, east_m: float, north_m: float) -> Sector | None:
        """Give the sector of a place: by area where one holds it, else by the nearest chainage."""
        chainage, _ = self.border.chainage(east_m, north_m)
        return self._sector_of(east_m, north_m, float(chainage))

    def _sector_of(self, east_m: float, north_m: float, chainage_m: float) -> Sector | None:
        for zone in self._sector_areas.at(east_m, north_m):
            return self.sector(zone.id)
        for row in self.sectors:
            if row.polygon is None and row.start_m <= chainage_m < row.end_m:
                return row
        return None

    def place_label(self, east_m: float, north_m: float) -> PlaceLabel:
        """Label a place for people: chainage, offset, sector and nearest settlement."""
        chainage, offset = self.border.chainage(east_m, north_m)
        sector = self._sector_of(east_m, north_m, float(chainage))
        settlement, distance_m = self.places.nearest(east_m, north_m)
        return PlaceLabel(
            chainage_m=float(chainage),
            offset_m=float(offset),
            sector=sector.id if sector else None,
            sector_name=sector.name if sector else None,
            settlement=settlement.name,
            settlement_distance_m=distance_m,
        )

    @property
    def places(self) -> Places:
        """Settlements near the border, as shipped."""
        return shipped_places()

    def sensor_place(self, name: str) -> tuple[float, float] | None:
        """Place of a sensor (or its station) in the plane; a fibre's is its interrogator's."""
        row = self.sensor(name)
        if row.position is not None:
            east, north = to_plane(*row.position)
            return float(east), float(north)
        if row.cable is not None:
            placed = self.cable(row.cable).place(0.0)
            return float(placed.east_m), float(placed.north_m)
        return None


def _one(rows: Sequence[_RowT], keys: Sequence[str], what: str, name: str) -> _RowT:
    found = [row for row, key in zip(rows, keys, strict=True) if key == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise SiteError(
            f"{what} {name!r} has {len(found)} rows at different times: wanted one; "
            "ask the site of one time, site.at(at_ns)"
        )
    known = ", ".join(sorted(set(keys))[:8]) or "none"
    raise SiteError(
        f"{what} is {name!r}: wanted one of this site ({known} ...); add it to the site"
    )


def _stable(value: Any) -> str:
    return str(to_ns(value))
