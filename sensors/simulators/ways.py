"""Ways through the plane: along the border, there and back, one behind the other, straying."""

import numpy as np

from geo.site import Site
from sensors.simulators.motion import Path

_STEP_M = 250.0
"""Places of a way along the border: as often as the smoothed line may bend."""

_STRAY_EVERY_S, _STRAY_M, _STRAY_KEEPS = 8.0, 4.0, 0.85
"""An animal of a herd strays some metres and comes back within a minute (assumed)."""

MOST_LEGS = 10_000
"""So often something may go there or back in one scene."""

_MOST_STEPS = 20_000  # of a straying way, however long


def along_border(site: Site, from_m: float, to_m: float, offset_m: float, speed_mps: float) -> Path:
    """Go along the border from one chainage to another, from time 0 on, as a road beside it."""
    stops = np.linspace(from_m, to_m, max(int(abs(to_m - from_m) / _STEP_M) + 1, 2))
    east, north = site.border.point_at(stops, np.full(stops.size, offset_m))
    run = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))
    return Path(run / speed_mps, east, north)


def about(
    site: Site, east_m: float, north_m: float, offset_m: float, reach_m: float, speed_mps: float
) -> Path:
    """Beat of one of ours: along the border about its station, there and back for ever."""
    chainage, _ = site.border.chainage(east_m, north_m)
    low = max(float(chainage) - reach_m, 0.0)
    high = min(float(chainage) + reach_m, site.border.length_m)
    way = along_border(site, low, high, offset_m, speed_mps)
    return Path(way.t_s, way.east_m, way.north_m, endless=True)


def halting(path: Path, each_m: float, stand_s: float) -> Path:
    """Stand for a time at the path's begin and after each so many metres, where it has a point."""
    run = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(path.east_m), np.diff(path.north_m)))))
    stands = np.diff(np.floor(run / each_m), prepend=-1.0) > 0.0
    waited = stand_s * np.cumsum(stands)
    arrives, leaves = path.t_s + waited - stand_s * stands, path.t_s + waited
    order = np.sort(np.concatenate((np.arange(run.size), np.flatnonzero(stands))))
    is_first = np.diff(order, prepend=-1) > 0
    t_s = np.where(is_first, arrives[order], leaves[order])
    return Path(t_s, path.east_m[order], path.north_m[order], path.endless)


def back_and_forth(path: Path, duration_s: float) -> Path:
    """Go along a path, back and along it again until a time is over, then end where that is.

    Raises:
        ValueError: more than ``MOST_LEGS`` times.
    """
    span = float(path.t_s[-1] - path.t_s[0])
    legs = int(np.ceil(duration_s / span))
    if legs > MOST_LEGS:
        raise ValueError(f"{legs} times there or back: wanted at most {MOST_LEGS} times")
    since = path.t_s - path.t_s[0]
    back = span - since[::-1]
    times, east, north = [since], [path.east_m], [path.north_m]
    for leg in range(1, legs):
        turned = -1 if leg % 2 else 1
        times.append((back if leg % 2 else since)[1:] + leg * span)
        east.append(path.east_m[::turned][1:])
        north.append(path.north_m[::turned][1:])
    whole = Path(np.concatenate(times), np.concatenate(east), np.concatenate(north))
    # Compared as they will stand: two sums may round to one.
    t_s, end = whole.t_s + path.t_s[0], duration_s + path.t_s[0]
    inside = t_s < end
    last_east, last_north = whole.at(duration_s)
    return Path(
        np.append(t_s[inside], end),
        np.append(whole.east_m[inside], last_east),
        np.append(whole.north_m[inside], last_north),
    )


def behind(path: Path, gap_m: float) -> Path:
    """Way of what follows at a distance, measured along the path; before its begin, straight on."""
    run = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(path.east_m), np.diff(path.north_m)))))
    if run[-1] <= 0.0:
        return path
    # It bends where its leader bent, when it has come there.
    moved = np.concatenate(([True], np.diff(run) > 0.0))
    passes = np.interp(run[moved] + gap_m, run[moved], path.t_s[moved])
    t_s = np.unique(np.concatenate((path.t_s, passes)))
    place = np.interp(t_s, path.t_s, run) - gap_m
    first = int(np.argmax(run > 0.0))
    before = np.minimum(place, 0.0) / run[first]
    return Path(
        t_s,
        np.interp(place, run, path.east_m) + before * (path.east_m[first] - path.east_m[0]),
        np.interp(place, run, path.north_m) + before * (path.north_m[first] - path.north_m[0]),
    )


def wandering(path: Path, draw: np.random.Generator) -> Path:
    """Stray about a path: steps that lead back in the end (a first-order autoregression)."""
    span = path.ends_s - path.begins_s
    count = int(min(span / _STRAY_EVERY_S, _MOST_STEPS)) + 2
    t_s = np.unique(np.concatenate((np.linspace(path.begins_s, path.ends_s, count), path.t_s)))
    pushes = draw.normal(0.0, _STRAY_M * np.sqrt(1.0 - _STRAY_KEEPS**2), (2, t_s.size))
    aside = np.zeros((2, t_s.size))
    for n in range(1, t_s.size):
        aside[:, n] = _STRAY_KEEPS * aside[:, n - 1] + pushes[:, n]
    east, north = path.at(t_s)
    return Path(t_s, east + aside[0], north + aside[1])
