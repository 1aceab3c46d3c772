"""``straja check``: every fault of a file a person wrote, and what a foreign broker allows."""

import asyncio
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from geo.default_site import default_site_path
from geo.errors import ConfigError, GeometryError, SceneError, SiteError
from geo.site import Site
from geo.site_check import faults_of
from geo.site_rows import Setting
from geo.toml_lines import locate
from sensors.scenes import Scene, load
from sensors.simulators.course import truth
from sensors.simulators.traffic import simulate
from services.config.settings import Settings
from services.mqtt.address import BrokerAddress
from services.mqtt.probe import LARGEST_BYTES, QUEUE, WINDOW, Limits, probe
from services.run.background import background
from services.run.inputs import is_scene, is_site, scene_site
from services.run.sources import frame_filters, report_filters

_MOMENTS = 300
_PLACED = re.compile(r"^(?P<file>.+?):(?P<line>[0-9]+): (?P<key>\S+) is ")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        text: the sentence: where, what, what was wanted, what to do.
        is_fault: whether something has to be done.
        file, line, key: where the fault stands, for a file's.
    """

    text: str
    is_fault: bool
    file: str | None = None
    line: int | None = None
    key: str | None = None

    def figures(self) -> dict[str, Any]:
        """The same for JSON."""
        place = {"file": self.file, "line": self.line, "key": self.key}
        known = {name: value for name, value in place.items() if value is not None}
        return {"fault": self.is_fault, "text": self.text, **known}

    def __str__(self) -> str:
        """Say it."""
        return self.text


def check_file(path: Path, site_path: Path | None = None) -> list[Finding]:
    """Name every fault of a site, scene or calibration file, with file, line and key.

    Which of them it is, its keys say.

    Args:
        path: the file.
        site_path: the site that a calibration is for; else the default site.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [_fault(f"{path}: wanted a readable file in UTF-8 ({error})", path)]
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _not_toml(path, text, error)
    if is_site(values):
        return _check_site(path, text, values)
    if is_scene(values):
        return _check_scene(path, text)
    if set(values) == {"calibrations"}:
        return _check_calibrations(path, text, values, site_path or default_site_path())
    return [
        _fault(
            f"{path}:1: neither a site, nor a scene, nor a calibration: a site file has "
            "home_party, area and cables, a scene has seed, start and [[actor]], a calibration "
            "[[calibrations]] alone",
            path,
        )
    ]


async def check_broker(address: BrokerAddress) -> list[Finding]:
    """Try out what a broker allows, in some seconds, on topics of our own; nothing is left there.

    Raises:
        BrokerError: where it is out of reach or refuses us.
    """
    filters = [*report_filters(None), *frame_filters(None, None)]
    limits = await asyncio.to_thread(probe, address, filters)
    return _judged(address, limits)


def _not_toml(path: Path, text: str, error: tomllib.TOMLDecodeError) -> list[Finding]:
    if "[[actor]]" in text or path.name.endswith("scene.toml"):
        return [_fault(f"{path}: wanted TOML: {error}", path)]
    try:
        Site.parse(text, str(path))
    except SiteError as fault:
        return _of_site(fault, path)
    return []


def _check_site(path: Path, text: str, values: Mapping[str, Any]) -> list[Finding]:
    found = _check_settings(path, text, values.get("settings"))
    try:
        site = Site.parse(text, str(path))
    except SiteError as error:
        return sorted([*_of_site(error, path), *found], key=lambda one: one.line or 0)
    if found:
        return found
    for moment_ns in (0, *site.changes_ns):
        try:
            Settings.from_rows(site.at(moment_ns).settings)
        except ConfigError as error:
            return [_fault(f"{path}: {error}", path)]
    counts = ", ".join(
        f"{len(values.get(name, []))} {name}" for name in ("sensors", "cables", "zones", "sectors")
    )
    return [Finding(f"{path}: site {site.name!r} has no faults ({counts})", is_fault=False)]


def _check_calibrations(
    path: Path, text: str, values: Mapping[str, Any], site_path: Path
) -> list[Finding]:
    """Judge tables beside the rest of a site, in the place of those that it has."""
    site = Site.load(site_path)
    rest = {name: getattr(site, name) for name in Site.model_fields if name != "calibrations"}
    try:
        found = Site.model_validate({**rest, **values})
    except ValidationError as error:
        plain = site.model_dump(mode="python", exclude={"calibrations"})
        return _of_site(
            SiteError.of(faults_of(error, Site, {**plain, **values}, text, str(path))), path
        )
    count = len(found.calibrations)
    return [
        Finding(
            f"{path}: {count} calibration{'s' if count > 1 else ''} for the site {site.name!r} "
            f"({', '.join(row.cable for row in found.calibrations)}) without faults",
            is_fault=False,
        )
    ]


def _check_settings(path: Path, text: str, rows: object) -> list[Finding]:
    """What the parts of the service say of each setting, whatever else the site's faults are."""
    lines = locate(text)
    found = []
    for number, row in enumerate(rows if isinstance(rows, list) else ()):
        try:
            Settings.from_rows([Setting.model_validate(row)])
        except ValidationError:
            continue  # told by the site
        except ConfigError as error:
            line = lines.get(("settings", number), 1)
            key = f"settings[{number}]"
            found.append(_at(f"{path}:{line}: {key}: {error}", str(path), line, key))
    return found


def _of_site(error: SiteError, path: Path) -> list[Finding]:
    if not error.faults:
        return [_fault(str(error), path)]
    return [_at(str(fault), fault.file, fault.line, fault.key) for fault in error.faults]


def _check_scene(path: Path, text: str) -> list[Finding]:
    try:
        scene = load(path)
    except SceneError as error:
        return [_placed(line, path) for line in str(error).splitlines()]
    try:
        # Begin the scene: so names that the site does not have come out.
        site = Site.load(scene_site(scene, path))
        next(iter(simulate(scene, site, background=background(scene, path))), None)
        far = _never_near(scene, site)
    except SceneError as error:
        if _PLACED.match(str(error)):
            return [_placed(str(error), path)]
        return [_keyed(str(error).removeprefix(f"{scene.name}: "), path, text)]
    except (SiteError, GeometryError) as error:
        return [_placed(line, path) for line in str(error).splitlines()]
    found = [Finding(f"{path}: scene {scene.name!r} has no faults", is_fault=False)]
    if far:
        more = f" and {len(far) - 5} more" if len(far) > 5 else ""
        found.append(
            Finding(
                f"{path}: no sensor that takes part ever has {', '.join(far[:5])}{more} within "
                "reach: nothing can be alerted there; is that meant?",
                is_fault=False,
            )
        )
    return found


def _never_near(scene: Scene, site: Site) -> list[str]:
    """Actors whom no sensor has within reach at any of some hundred moments of a finite scene."""
    if scene.duration_s is None:
        return []
    near = {one.id: False for one in scene.actor if not one.own_force}
    for point in truth(scene, site, max(scene.duration_s / _MOMENTS, 1.0)):
        if point.near and point.actor in near:
            near[point.actor] = True
    return [actor for actor, is_near in near.items() if not is_near]


def _keyed(text: str, path: Path, scene: str) -> Finding:
    """A fault of a scene at its site, with the line of the key that it begins with."""
    key = text.partition(" ")[0]
    parts = [int(one) if one.isdigit() else one for one in re.findall(r"\w+", key)]
    lines = locate(scene)
    place = tuple(parts)
    while place and place not in lines:
        place = place[:-1]
    if not place:
        return _fault(f"{path}: {text}", path)
    line = lines[place]
    return _at(f"{path}:{line}: {text}", str(path), line, key)


def _placed(text: str, path: Path) -> Finding:
    place = _PLACED.match(text)
    if place is None:
        return _fault(text if str(path) in text else f"{path}: {text}", path)
    return _at(text, place["file"], int(place["line"]), place["key"])


def _fault(text: str, path: Path) -> Finding:
    return Finding(text, is_fault=True, file=str(path))


def _at(text: str, file: str, line: int, key: str) -> Finding:
    return Finding(text, is_fault=True, file=file, line=line, key=key)


def _judged(address: BrokerAddress, limits: Limits) -> list[Finding]:
    return [
        _limit(
            limits.window >= WINDOW,
            f"{address}: {limits.window} messages are under way to a session that has not "
            "acknowledged them",
            f"wanted {WINDOW}, or reports come too slowly: set max_inflight_messages {WINDOW} "
            f"(Mosquitto), mqtt.max_inflight = {WINDOW} (EMQX), max_ack_pending: {WINDOW} (NATS)",
        ),
        _limit(
            limits.queued >= QUEUE,
            f"{address}: {limits.queued} of {QUEUE} messages waited for a session that was away",
            "reports are lost when the service restarts: set max_queued_messages 100000 and "
            "max_queued_bytes 0 (Mosquitto), mqtt.max_mqueue_len = 100000 and "
            "mqtt.session_expiry_interval = 1d (EMQX)",
        ),
        _limit(
            limits.largest_bytes >= LARGEST_BYTES,
            f"{address}: a message of {limits.largest_bytes // 1024} KiB comes through",
            f"the contract allows {LARGEST_BYTES // 1024} KiB: set message_size_limit 0 "
            "(Mosquitto), mqtt.max_packet_size = 8MB (EMQX), max_payload: 8MB (NATS)",
        ),
        _limit(
            limits.retained,
            f"{address}: retained messages "
            f"{'reach' if limits.retained else 'do not reach'} later subscribers",
            "registrations are lost when the service restarts: set retain_available true "
            "(Mosquitto), mqtt.retain_available = true (EMQX)",
        ),
        _limit(
            not limits.refused,
            f"{address}: {len(limits.refused) or 'no'} subscriptions of the service are refused",
            f"allow this user to subscribe to {', '.join(limits.refused)}",
        ),
    ]


def _limit(fine: bool, found: str, do: str) -> Finding:  # noqa: FBT001 - a judgement and its two texts
    return Finding(found if fine else f"{found}: {do}", is_fault=not fine)
