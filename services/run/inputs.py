"""Inputs of ``straja process`` and ``straja replay``: recordings, scenes and DAS files.

Whatever it is, an input gives ``Received`` and ``Command`` in the order received, and the site
that applied. Marks stay what the messages say: a recording of real traffic is real
(nothing that ``process`` writes is shown or released to anybody), a scene is simulated. A DAS file
is a replay, since another place and cable is given to it. The run is the recorded one, so that a
recording's alerts get the ids that its commands name; a scene's or DAS file's is named for its
content, so that the same input gives the same ids.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from geo.default_site import default_site_path
from geo.errors import ConfigError, RecordingError, SceneError
from geo.site import Site
from sensors.messages import Mark
from sensors.scenes import Fault, Scene, load
from sensors.simulators.recorded import Recorded
from sensors.simulators.tiles import BLOCK
from sensors.simulators.traffic import simulate
from services.events import Command, Received
from services.recording.reading import Recording
from services.run.background import background
from services.run.das import FRAME_S, das_messages, identity_of, read_patches
from services.run.extent import SceneFault

_NS = 1_000_000_000
_ADVANCE_NS = _NS // 4
_SITE_KEYS = frozenset({"home_party", "parties", "area", "cables", "sectors", "format"})
_SCENE_KEYS = frozenset(
    {"seed", "start", "duration_s", "weather", "background"}
    | {"actor", "patrol", "crossings", "cable_event", "fault"}
)

Advance = Callable[[float], None]
"""Told how many seconds of the input are done."""


@dataclass(frozen=True, slots=True)
class Input:
    """An opened input.

    Attributes:
        seconds: its length; None where it goes on until it is ended.
        site: with all its rows; the input's times say which of them apply.
        run: derived from the content.
        mark: given to everything heard instead of its own; None leaves it as it is.
        faults: that a scene has on purpose.
        warnings: what is missing of it, one sentence each; grows while it is read.
    """

    seconds: float | None
    site: Site
    run: str
    _open: Callable[[], Iterator[Received | Command]]
    mark: Mark | None = None
    faults: tuple[SceneFault, ...] = ()
    warnings: list[str] = field(default_factory=list)

    def items(self, advance: Advance) -> Iterator[Received | Command]:
        """Everything in the order received, from the beginning at each call."""
        begin_ns: int | None = None
        told_ns = 0
        for item in self._open():
            at_ns = item.received_at_ns if isinstance(item, Received) else item.at_ns
            begin_ns = at_ns if begin_ns is None else begin_ns
            if at_ns - told_ns >= _ADVANCE_NS:
                told_ns = at_ns
                advance((at_ns - begin_ns) / _NS)
            yield item


def open_input(
    path: Path,
    site_path: Path | None,
    sensor: str,
    *,
    start_ns: int | None = None,
    frame_rows: int = BLOCK,
    frame_s: float = FRAME_S,
) -> Input:
    """Open a recording (.mcap), a scene (.toml) or a DAS file.

    Args:
        path: the file.
        site_path: site file; else the one that the recording embeds or the scene names, else the
            default site.
        sensor: for a DAS file, the site's fibre sensor whose frames it stands for.
        start_ns: for a DAS file, when its first sample was measured, instead of its own time.
        frame_rows: for a scene, samples in a fibre frame; what is concluded does not depend on it.
        frame_s: for a DAS file, likewise, seconds.

    Raises:
        RecordingError: where the file cannot be read.
        SceneError: where a scene has faults.
        SiteError: where a site file has faults.
        ConfigError: where the sensor is wrong, or ``dascore`` is not installed.
    """
    suffix = path.suffix.lower()
    if start_ns is not None and suffix in {".mcap", ".toml"}:
        raise ConfigError(f"--start goes with DAS files: {path.name} says its own times; leave it")
    if suffix == ".mcap":
        return _recording(path, site_path)
    if suffix == ".toml":
        return _scene(path, site_path, frame_rows)
    return _das(path, site_path, sensor, start_ns, frame_s)


def _recording(path: Path, site_path: Path | None) -> Input:
    recording = Recording(path)
    if site_path is not None:
        site = Site.load(site_path)
    elif recording.site_text is not None:
        site = Site.parse(recording.site_text, f"{path}: site.toml")
    else:
        site = Site.load(default_site_path())
        recording.warnings.append("the recording embeds no site: the default site is taken")
    return Input(
        seconds=recording.seconds,
        site=site,
        run=recording.head.get("run") or f"recording-{identity_of(path)}",
        _open=recording.items,
        warnings=recording.warnings,
    )


def is_site(values: Mapping[str, Any]) -> bool:
    """Say whether a document's keys are rather a site's than a scene's."""
    return len(_SITE_KEYS & set(values)) > len(_SCENE_KEYS & set(values))


def is_scene(values: Mapping[str, Any]) -> bool:
    """Say whether a document's keys are rather a scene's than a site's."""
    return bool(_SCENE_KEYS & set(values)) and not is_site(values)


def load_scene(path: Path) -> Scene:
    """Read a scene file; a site file in its place is told as such.

    Raises:
        SceneError: with its faults, or saying what else it is.
    """
    try:
        return load(path)
    except SceneError:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            values = {}
        if is_site(values):
            raise SceneError(
                f"{path} is a site file, wanted a scene: give a scene, and the site with --site "
                f"{path}; `straja check {path}` checks it"
            ) from None
        raise


def scene_site(scene: Scene, path: Path) -> Path:
    """The site file that a scene names, beside the scene; or the default site's."""
    return default_site_path() if scene.site == "default" else path.parent / scene.site


def _scene(path: Path, site_path: Path | None, frame_rows: int) -> Input:
    scene = load_scene(path)
    site = Site.load(site_path or scene_site(scene, path))
    return Input(
        seconds=scene.duration_s,
        site=site,
        run=f"scene-{identity_of(path)}",
        _open=partial(_emitted, scene, site, frame_rows, background(scene, path)),
        faults=tuple(_fault(scene, one) for one in scene.fault),
    )


def _fault(scene: Scene, fault: Fault) -> SceneFault:
    begin_ns = scene.start_ns + round(fault.t_s * _NS)
    return SceneFault(fault.sensor, fault.kind, begin_ns, begin_ns + round(fault.duration_s * _NS))


def _emitted(
    scene: Scene, site: Site, frame_rows: int, recorded: Recorded | None
) -> Iterator[Received]:
    # Nobody subscribed before, so nothing comes as retained from before.
    for emission in simulate(scene, site, frame_rows=frame_rows, background=recorded):
        yield Received(emission.at_ns, emission.topic, emission.payload)


def _das(
    path: Path, site_path: Path | None, sensor: str, start_ns: int | None, frame_s: float
) -> Input:
    try:
        patches = read_patches(path, start_ns)
    except (RecordingError, ConfigError) as error:
        raise type(error)(f"{error}; or give a recording (.mcap) or a scene (.toml)") from error
    site = Site.load(site_path or default_site_path())
    fibres = [row for row in site.at(patches[0].start_ns).sensors if row.kind == "fibre"]
    row = next((row for row in fibres if row.id == sensor), None)
    if row is None:
        known = ", ".join(row.id for row in fibres) or "none is valid at the file's time"
        raise ConfigError(
            f"--sensor is {sensor!r}: wanted a fibre sensor of the site {site.name!r} ({known})"
        )
    last = patches[-1]
    if len({(one.step_ns, one.spacing_m, one.samples.shape[1]) for one in patches}) > 1:
        raise RecordingError(
            f"{str(path)!r} holds blocks of several shapes: split it into one file for each"
        )
    identity = identity_of(path)
    return Input(
        seconds=(last.time_ns(len(last.samples)) - patches[0].start_ns) / _NS,
        site=site,
        run=f"das-{identity}",
        _open=partial(das_messages, patches, row, identity, frame_s),
        mark=Mark.REPLAY,
    )
