"""Space-time pictures: where along a cable or the border who was when, and what was found of it.

matplotlib is an optional extra, and imported only here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geo.cable import Cable
from geo.errors import ConfigError
from geo.site import Site
from services.events import Detection
from services.run.waterfall import Waterfall
from services.score.actors import Actor, Role
from services.score.rows import AlertRow, Scored, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

_NS = 1_000_000_000
_ASIDE_M = 300.0
"""An actor farther from the cable than this is not in a picture of the cable."""
_MARGIN_M = 150.0
_COLOURS = {
    Role.CROSSING: "#00c8ff",
    Role.LAWFUL: "#8bc34a",
    Role.NUISANCE: "#ffb300",
    Role.OWN_FORCE: "#b388ff",
    Role.OUT_OF_REACH: "#9e9e9e",
}
_SIGNS = {
    Verdict.CROSSING: ("*", "#00e676"),
    Verdict.LAWFUL: ("*", "#8bc34a"),
    Verdict.NAMED: ("*", "#ffb300"),
    Verdict.WEATHER: ("*", "#9e9e9e"),
    Verdict.OWN_FORCE: ("X", "#b388ff"),
    Verdict.CAUSELESS: ("X", "#ff1744"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a run's pictures are drawn of.

    Attributes:
        begin_ns: time 0 of the pictures.
        actors: of the truth.
        detections: of all sensors.
        waterfalls: by fibre, where frames were given.
    """

    site: Site
    scored: Scored
    begin_ns: int
    actors: Sequence[Actor]
    detections: Sequence[Detection]
    waterfalls: Mapping[str, Waterfall]


def draw(shown: Shown, folder: Path) -> list[Path]:
    """Write a picture of the border, and one of each fibre where there is something to see.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = shown.scored.run.replace("/", "-")
    figure = new_figure()
    _border(figure.subplots(), shown)
    written = [save_figure(figure, folder / f"{name}-border.png")]
    for sensor in _fibres(shown):
        figure = new_figure()
        _fibre(figure, shown, sensor)
        written.append(save_figure(figure, folder / f"{name}-{sensor}.png"))
    return written


def new_figure() -> "Figure":
    """Begin a picture.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ConfigError(
            "pictures are drawn with matplotlib, which is not installed: "
            "pip install 'straja[plot]', or leave --plot out"
        ) from error
    return Figure(figsize=(11, 8), layout="constrained")


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a picture and give its path back."""
    # Without the library's version in it, the same results give the same file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return path


def _fibres(shown: Shown) -> list[str]:
    """Fibres that something is known of."""
    names = {name for actor in shown.actors for near in actor.near for name in near}
    names |= {one.sensor for one in shown.detections if one.kind == "fibre"}
    names |= set(shown.waterfalls)
    return [row.id for row in shown.site.sensors if row.id in names and row.cable is not None]


def _seconds(shown: Shown, at_ns: Any) -> FloatArray:
    return np.asarray((np.asarray(at_ns, dtype=np.int64) - shown.begin_ns) / _NS)


# --- along the border


def _border(axes: "Axes", shown: Shown) -> None:
    border = shown.site.border
    for actor in shown.actors:
        chainage, _ = border.chainage(actor.east_m, actor.north_m)
        _line(axes, actor, chainage / 1_000.0, _seconds(shown, actor.at_ns), actor.within)
    seen = [one for one in shown.detections if one.own_force is None]
    if seen:
        chainage, _ = border.chainage([one.east_m for one in seen], [one.north_m for one in seen])
        _dots(axes, chainage / 1_000.0, _seconds(shown, [one.at_ns for one in seen]))
    _alerts(axes, shown, [(row.chainage_m / 1_000.0, row) for row in shown.scored.alerts])
    _finish(axes, f"{shown.scored.run}: along the border", "chainage, km")


# --- along a cable


def _fibre(figure: "Figure", shown: Shown, sensor: str) -> None:
    axes = figure.subplots()
    cable = shown.site.cable(str(shown.site.sensor(sensor).cable))
    known: list[FloatArray] = []
    waterfall = shown.waterfalls.get(sensor)
    if waterfall is not None:
        known.append(_image(figure, axes, shown, cable, waterfall))
    for actor in shown.actors:
        distance, offset = cable.nearest(actor.east_m, actor.north_m)
        near = np.abs(offset) <= _ASIDE_M
        if near.any():
            within = np.array([sensor in names for names in actor.near])
            place = np.where(near, distance, np.nan)
            _line(axes, actor, place, _seconds(shown, actor.at_ns), within)
            known.append(distance[near])
    own = [one for one in shown.detections if one.sensor == sensor and one.distance_m is not None]
    if own:
        distance = np.array([one.distance_m for one in own], dtype=np.float64)
        _dots(axes, distance, _seconds(shown, [one.at_ns for one in own]))
        known.append(distance)
    placed = []
    for row in shown.scored.alerts:
        at, offset = cable.nearest(row.east_m, row.north_m)
        if abs(float(offset)) <= _ASIDE_M:
            placed.append((float(at), row))
    _alerts(axes, shown, placed)
    if waterfall is None and known:
        every = np.concatenate(known)
        axes.set_xlim(float(every.min()) - _MARGIN_M, float(every.max()) + _MARGIN_M)
    _finish(axes, f"{shown.scored.run}: {sensor}", "cable distance, m")


def _image(
    figure: "Figure", axes: "Axes", shown: Shown, cable: Cable, waterfall: Waterfall
) -> FloatArray:
    rows, columns = waterfall.level_db.shape
    spacing = cable.settings.channel_spacing_m * waterfall.per_column
    left = float(cable.channel_distance(waterfall.first_channel - 0.5))
    begin = float(_seconds(shown, waterfall.begin_ns))
    extent = (left, left + columns * spacing, begin + rows * waterfall.row_s, begin)
    image = axes.imshow(
        waterfall.level_db,
        extent=extent,
        aspect="auto",
        cmap="gray",
        vmin=-1.0,
        vmax=12.0,
        interpolation="nearest",
    )
    figure.colorbar(
        image, ax=axes, label="loudness above the channel's own of that minute, dB", pad=0.01
    )
    return np.array([extent[0], extent[1]])


# --- what both have


def _line(
    axes: "Axes", actor: Actor, place: FloatArray, at_s: FloatArray, within: npt.NDArray[np.bool_]
) -> None:
    """Thin where an actor's members were, thick while it was within reach.

    Args:
        axes: to draw on.
        actor: who.
        place: of each member, shape (point, member).
        at_s: shape (point,).
        within: likewise.
    """
    colour = _COLOURS[actor.role]
    axes.plot(place, at_s, color=colour, linewidth=0.8, linestyle=":")
    marker = "D" if len(place) == 1 else ""
    axes.plot(
        np.where(within[:, np.newaxis], place, np.nan),
        at_s,
        color=colour,
        linewidth=2.0,
        alpha=0.8,
        marker=marker,
        label=f"truth: {actor.role.replace('_', ' ')}",
    )


def _dots(axes: "Axes", place: FloatArray, at_s: FloatArray) -> None:
    axes.plot(place, at_s, ".", color="#ff6d00", markersize=3, alpha=0.7, label="detection")


def _alerts(axes: "Axes", shown: Shown, placed: Iterable[tuple[float, AlertRow]]) -> None:
    for place, row in placed:
        sign, colour = _SIGNS[row.verdict]
        axes.plot(
            [place],
            _seconds(shown, [row.at_ns]),
            sign,
            color=colour,
            markersize=15,
            markeredgecolor="black",
            label=f"alert: {row.verdict.replace('_', ' ')}",
        )


def _finish(axes: "Axes", title: str, place: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(place)
    axes.set_ylabel("seconds from the begin")
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    if once:
        axes.legend(once.values(), once.keys(), loc="upper right", framealpha=0.85)
