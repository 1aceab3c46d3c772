"""What must hold between the rows of a site, and how each fault is told to its author."""

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from geo.errors import Fault, GeometryError
from geo.site_build import build_cable, build_zone
from geo.site_faults import MISSING, RowFault, RowFaults, Shown
from geo.site_rows import CableRow, CalibrationRow, LonLat, Row
from geo.toml_lines import Path, locate

if TYPE_CHECKING:
    from geo.site import Site

_SHOWN = 80


def row_faults(site: "Site") -> list[RowFault]:
    """Find what does not fit between a site's rows."""
    faults: list[RowFault] = []
    if site.home_party not in site.parties:
        faults.append(
            RowFault(
                ("home_party",),
                site.home_party,
                f"one of the parties, {', '.join(site.parties)}",
                "add it to parties",
            )
        )
    for path, (lon, lat) in _positions(site):
        if not site.area.contains(lon, lat):
            faults.append(
                RowFault(
                    path,
                    [lon, lat],
                    "[longitude, latitude] within the site's area",
                    "check that they are not swapped, or widen area",
                )
            )
    for table, rows, keys in (
        ("cables", site.cables, [row.id for row in site.cables]),
        ("calibrations", site.calibrations, [row.cable for row in site.calibrations]),
        ("sensors", site.sensors, [row.id for row in site.sensors]),
        ("zones", site.zones, [row.id for row in site.zones]),
        ("sectors", site.sectors, [row.id for row in site.sectors]),
        ("crossings", site.crossings, [row.id for row in site.crossings]),
        ("settings", site.settings, [row.key for row in site.settings]),
    ):
        faults += _doubles(table, rows, keys)
    known = sorted({row.id for row in site.cables})
    for table, references in (
        ("calibrations", [row.cable for row in site.calibrations]),
        ("sensors", [row.cable for row in site.sensors]),
    ):
        faults += [
            RowFault(
                (table, index, "cable"),
                cable,
                f"the id of a cable of this site{_nearest(cable, known)}",
                "correct it or add the cable",
            )
            for index, cable in enumerate(references)
            if cable is not None and cable not in known
        ]
    for one, two in itertools.combinations(range(len(site.sectors)), 2):
        first, second = site.sectors[one], site.sectors[two]
        if first.overlaps(second) and first.start_m < second.end_m and second.start_m < first.end_m:
            faults.append(
                RowFault(
                    ("sectors", two, "start_m"),
                    second.start_m,
                    f"chainage outside sector {first.id!r}, {first.start_m} to {first.end_m}",
                    "let sectors end where the next begins",
                )
            )
    return faults + _geometry_faults(site)


def _positions(site: "Site") -> Iterator[tuple[Path, LonLat]]:
    for table in ("cables", "sensors", "zones", "sectors", "crossings"):
        for index, row in enumerate(getattr(site, table)):
            for key in ("position", "centre", "station"):
                place = getattr(row, key, None)
                if place is not None:
                    yield (table, index, key), place
            for key in ("route", "polygon"):
                for corner, place in enumerate(getattr(row, key, None) or ()):
                    yield (table, index, key, corner), place


def _doubles(table: str, rows: Sequence[Row], keys: Sequence[str]) -> list[RowFault]:
    name = {"calibrations": "cable", "settings": "key"}.get(table, "id")
    earlier: dict[str, list[int]] = {}
    faults = []
    for index, key in enumerate(keys):
        for other in earlier.setdefault(key, []):
            if rows[index].overlaps(rows[other]):
                wanted = f"a {name} that {table}[{other}] does not have at the same time"
                do = "rename it, or give both rows valid_from and valid_to that do not overlap"
                faults.append(RowFault((table, index, name), key, wanted, do))
                break
        earlier[key].append(index)
    return faults


def _geometry_faults(site: "Site") -> list[RowFault]:
    def tried(path: Path, error: GeometryError) -> RowFault:
        found = re.match(r"(route|taps|coils)\[(\d+)\] is ", str(error))
        deeper: Path = (*path, found[1], int(found[2])) if found else path
        value, _, wanted = str(error).partition(": wanted ")
        shown = value.partition(" is ")[2] or value
        wanted, _, do = wanted.partition("; ")
        return RowFault(deeper, Shown(shown), wanted or str(error), do or "correct it")

    faults: list[RowFault] = []
    for index, row in enumerate(site.cables):
        try:
            build_cable(row, None)
        except GeometryError as error:
            faults.append(tried(("cables", index), error))
            continue
        for number, table in enumerate(site.calibrations):
            if table.cable == row.id and table.overlaps(row):
                fault = _calibration_fault(row, table)
                if fault:
                    faults.append(tried(("calibrations", number), fault))
    for name in ("zones", "sectors"):
        for index, zone in enumerate(getattr(site, name)):
            if zone.polygon is not None:
                try:
                    build_zone(zone.id, name, zone.polygon, None, None)
                except GeometryError as error:
                    faults.append(tried((name, index, "polygon"), error))
    return faults


def _calibration_fault(row: CableRow, table: CalibrationRow) -> GeometryError | None:
    try:
        build_cable(row, table)
    except GeometryError as error:
        return error
    return None


def faults_of(
    error: ValidationError, model: type[BaseModel], values: Any, text: str, file: str
) -> list[Fault]:
    """Tell a validation error's faults with file, line and key of each.

    Pydantic asks how rows fit each other only once each row is well in itself. Here the rows that
    are well are asked that too, so that all faults are told at once.

    Args:
        error: what pydantic found.
        model: the model that was to be filled.
        values: what ``tomllib`` read.
        text: the document.
        file: its name.

    Returns:
        One fault each, in order of line.
    """
    lines = locate(text)
    found: list[RowFault] = []
    for detail in error.errors():
        found += _carried(detail) or [_told(detail, model, values)]
    if any(detail["loc"] for detail in error.errors()):
        found += _faults_between(model, values, {detail["loc"][:2] for detail in error.errors()})
    faults = [
        Fault(
            file, _line(lines, one.path), key_text(one.path), _short(one.value), one.wanted, one.do
        )
        for one in found
    ]
    return sorted(faults, key=lambda fault: (fault.line, fault.key))


def _carried(detail: ErrorDetails) -> list[RowFault]:
    """Faults that a check of ours found, within pydantic's own error."""
    inner = detail.get("ctx", {}).get("error")
    if not isinstance(inner, RowFaults):
        return []
    return [
        RowFault((*detail["loc"], *one.path), one.value, one.wanted, one.do) for one in inner.faults
    ]


def _faults_between(
    model: type[BaseModel], values: dict[str, Any], faulty: set[Path]
) -> list[RowFault]:
    """Find what does not fit between those rows that are well in themselves.

    Args:
        model: the model that was to be filled.
        values: what ``tomllib`` read.
        faulty: keys, and rows as (table, index), that have faults of their own.
    """
    left = dict(values)
    rows: dict[str, list[int]] = {}
    for key in {path[0] for path in faulty if path}:
        given = values.get(str(key))
        if (str(key),) in faulty or not isinstance(given, list) or key == "parties":
            left.pop(str(key), None)
            continue
        rows[str(key)] = [n for n in range(len(given)) if (key, n) not in faulty]
        left[str(key)] = [given[n] for n in rows[str(key)]]
    for key, stand_in in _STAND_INS.items():
        left.setdefault(key, stand_in)
    # What one of the two says wrongly is no fault of the other.
    if "parties" not in left:
        left["parties"] = [left.setdefault("home_party", "RO")]
    left.setdefault("home_party", left["parties"][0])
    try:
        model.model_validate(left)
    except ValidationError as error:
        found = [one for detail in error.errors() for one in _carried(detail)]
    else:
        return []
    cables = values.get("cables", [])
    rows_of = cables if isinstance(cables, list) else [None]
    named = [row.get("id") if isinstance(row, dict) else None for row in rows_of]
    unsure = not all(isinstance(name, str) for name in named)
    return [
        RowFault(_numbered(one.path, rows), one.value, one.wanted, one.do)
        for one in found
        if one.path[-1:] != ("cable",) or not (unsure or one.value in named)
    ]


_STAND_INS: dict[str, Any] = {
    "name": "site",
    "area": {"lon_min_deg": -180, "lon_max_deg": 180, "lat_min_deg": -90, "lat_max_deg": 90},
}
"""Take the place of what is missing or wrong, so that nothing is held against other rows."""


def _numbered(path: Path, rows: dict[str, list[int]]) -> Path:
    """Count a row as in the file, from where faulty rows were left out."""
    if len(path) > 1 and isinstance(path[1], int) and path[0] in rows:
        return (path[0], rows[str(path[0])][path[1]], *path[2:])
    return path


def syntax_fault(error: tomllib.TOMLDecodeError, text: str, file: str) -> Fault:
    """Tell where a document is no TOML."""
    place = re.search(r"at line (\d+), column (\d+)", str(error))
    rows = text.splitlines() or [""]
    line = min(int(place[1]), len(rows)) if place else len(rows)
    shown = rows[line - 1].strip()
    # The line's own key, else that of the table or the key above it.
    key = "the document"
    for row in reversed(rows[:line]):
        match = re.match(r"\s*(?:\[{1,2}\s*([^\]#]+?)\s*\]|([^=#\[\]{},]+?)\s*=)", row)
        if match:
            key = match[1] or match[2]
            break
    what = str(error).partition(" (at ")[0]
    return Fault(file, line, key, _short(Shown(repr(shown))), f"TOML: {what}", "correct the line")


def key_text(path: Path) -> str:
    """Write a path as people do: ``sensors[3].lens.width_px``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the document"


def _told(detail: ErrorDetails, model: type[BaseModel], values: Any) -> RowFault:
    path: Path = tuple(detail["loc"])
    kind = detail["type"]
    if kind == "missing":
        return RowFault(path, MISSING, "a value", f"add the key {path[-1]}")
    path = _existing(path, values)
    if kind == "extra_forbidden":
        known = sorted(_keys_at(model, path[:-1]))
        hint = _nearest(str(path[-1]), known)
        wanted = f"no key of this name{hint}" if hint else f"one of the keys {', '.join(known)}"
        return RowFault(path, detail["input"], wanted, "correct its spelling or remove it")
    wanted = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    do = "correct the value"
    if kind == "timezone_aware":
        wanted, do = "a time with its zone", "write it like 2026-01-31T00:00:00Z"
    return RowFault(path, detail["input"], wanted, do)


def _existing(path: Path, values: Any) -> Path:
    """Cut off what pydantic adds to a path, such as the tried member of a union."""
    here = values
    for index, part in enumerate(path):
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return path[:index]
    return path


def _keys_at(model: type[BaseModel], path: Path) -> set[str]:
    """Keys that the model at a path knows."""
    for part in path:
        if isinstance(part, int):
            continue
        inner = _model_in(model.model_fields[part].annotation)
        if inner is None:
            return set()
        model = inner
    return set(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        inner = _model_in(argument)
        if inner is not None:
            return inner
    return None


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (nearest: {close[0]})" if close else ""


def _line(lines: dict[Path, int], path: Path) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _short(value: object) -> str:
    text = str(value) if isinstance(value, Shown) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
