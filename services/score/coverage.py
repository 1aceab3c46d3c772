"""How much of the border was watched: what rates for each kilometre and day are taken over."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from geo.crs import convergence_deg, to_plane
from geo.site import Site
from geo.site_rows import Sensor

_STEP_M = 100.0
_JUMP_M = 1_000.0
"""Chainage is a label that jumps where the line winds; between two channels that are labelled
farther apart than this nothing is taken as watched."""

Channels = tuple[int, int]
"""First channel and number of channels that a fibre sent."""

BoolArray = npt.NDArray[np.bool_]


def watched_km(site: Site, sensors: Mapping[str, Channels | None]) -> float:
    """Length of border that fixed sensors watched, in kilometres, by stretches of 100 m.

    A fibre watches the stretches along the channels that it sent; a camera those that lie in its
    field of view up to its range; a radar those within its range. What moves is not counted:
    it looks at what fixed sensors watch.

    Args:
        site: as valid at the time.
        sensors: those that sent anything, by name; for a fibre with the channels of its frames,
            or None for the whole cable.
    """
    chainage = np.arange(0.5 * _STEP_M, site.border.length_m, _STEP_M)
    watched = np.zeros(chainage.size, dtype=np.bool_)
    for name, channels in sensors.items():
        if not site.has_sensor(name):
            continue
        row = site.sensor(name)
        if row.kind == "fibre" and row.cable is not None:
            watched |= _along_fibre(site, row.cable, channels, chainage.size)
        elif row.position is not None and row.kind in {"thermal", "radar"}:
            watched |= _in_view(site, row, chainage)
    return float(watched.sum()) * _STEP_M / 1_000.0


def _along_fibre(site: Site, cable_name: str, channels: Channels | None, bins: int) -> BoolArray:
    cable = site.cable(cable_name)
    first, count = channels or (0, cable.settings.channel_count)
    last = min(first + count, cable.settings.channel_count)
    watched = np.zeros(bins, dtype=np.bool_)
    if first >= last:
        return watched
    placed = cable.place(cable.channel_distance(np.arange(first, last)))
    label, _ = site.border.chainage(placed.east_m, placed.north_m)
    stretch = np.clip(label / _STEP_M, 0, bins - 1).astype(np.int64)
    watched[stretch] = True
    low, high = np.minimum(stretch[1:], stretch[:-1]), np.maximum(stretch[1:], stretch[:-1])
    near = (high - low) * _STEP_M <= _JUMP_M
    # +1 where a run between two channels begins, -1 behind its end.
    change = np.zeros(bins + 1, dtype=np.int64)
    np.add.at(change, low[near], 1)
    np.add.at(change, high[near] + 1, -1)
    return watched | (np.cumsum(change)[:-1] > 0)


def _in_view(site: Site, row: Sensor, chainage: npt.NDArray[np.float64]) -> BoolArray:
    if row.position is None:
        return np.zeros(chainage.size, dtype=np.bool_)
    east, north = site.border.point_at(chainage, np.zeros(chainage.size))
    here_east, here_north = to_plane(*row.position)
    away_east, away_north = east - here_east, north - here_north
    reach = row.radar.range_m if row.radar is not None else (row.range_m or 0.0)
    seen: BoolArray = np.hypot(away_east, away_north) <= reach
    if row.orientation is not None and row.lens is not None:
        bearing = np.rad2deg(np.arctan2(away_east, away_north)) + convergence_deg(*row.position)
        aside = (bearing - row.orientation.yaw_deg + 180.0) % 360.0 - 180.0
        half = np.rad2deg(np.arctan(0.5 * row.lens.width_px / row.lens.focal_length_px))
        seen &= np.abs(aside) <= half
    return seen
