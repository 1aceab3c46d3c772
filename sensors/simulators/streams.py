"""Crossings that keep beginning: on a stretch of the border, or through a border crossing."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from geo.crs import to_plane
from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import Crossings, Scene
from sensors.simulators.groups import Group, bodies_of
from sensors.simulators.motion import FloatArray, Path, seeded


class Stream:
    """One ``[[crossings]]`` of a scene; each of its groups is a function of its number alone.

    Args:
        row: what the scene says.
        scene: the scene.
        site: where.
        key: names the row in errors.

    Raises:
        SceneError: a place that the site does not have.
    """

    def __init__(self, row: Crossings, scene: Scene, site: Site, key: str) -> None:
        """Check its places."""
        self._row, self._site, self._seed = row, site, scene.seed
        self._post_m: tuple[float, float] | None = None
        if row.chainage_m is not None:
            places = [*row.chainage_m, row.first_chainage_m or 0.0]
            check_chainage(scene.name, site, places, f"{key}.chainage_m")
        else:
            posts = {post.id: post for post in site.crossings}
            if row.at_crossing not in posts:
                raise SceneError(
                    f"{scene.name}: {key}.at_crossing is {row.at_crossing!r}: wanted a border "
                    f"crossing of the site ({', '.join(posts) or 'it has none'})"
                )
            east, north = to_plane(*posts[row.at_crossing].position)
            self._post_m = float(east), float(north)
        self._longest_s = 2.0 * _length_m(row) / row.speed_mps[0] + row.stop_s[1] + row.every_s
        self._group = lru_cache(maxsize=512)(self._made)

    def between(self, from_s: float, to_s: float) -> list[Group]:
        """Give the groups that are in the scene at some time of a span, in order."""
        row = self._row
        first = int((from_s - self._longest_s - row.first_t_s) // row.every_s) - 1
        last = int((to_s - row.first_t_s) // row.every_s)
        groups = (self._group(number) for number in range(max(first, 0), last + 1))
        return [
            group for group in groups if group.path.begins_s <= to_s and group.path.ends_s >= from_s
        ]

    def _made(self, number: int) -> Group:
        row = self._row
        draw = seeded(self._seed, "crossing", row.id, number)
        begins = row.first_t_s + number * row.every_s
        if number:
            begins += draw.uniform(0.0, 0.5) * row.every_s
        chainage = None if row.chainage_m is None else draw.uniform(*row.chainage_m)
        if number == 0 and row.first_chainage_m is not None:
            chainage = row.first_chainage_m
        speed = draw.uniform(*row.speed_mps)
        count = int(draw.integers(row.count[0], row.count[1] + 1))
        east, north = self._through() if chainage is None else self._across(chainage, draw)
        goes = float(np.hypot(*np.subtract(*np.column_stack((east, north))))) / speed
        path = Path(np.array([begins, begins + goes]), east, north)
        if row.stop_s[1]:
            share = row.from_offset_m / (row.from_offset_m - row.to_offset_m)
            path = _stopping(path, share, draw.uniform(*row.stop_s))
        name = f"{row.id}-{number + 1}"
        bodies = bodies_of(name, count, row.actor_class, row.behaviour, path, self._seed)
        return Group(name, row.actor_class, bodies, lawful=row.at_crossing is not None)

    def _through(self) -> tuple[FloatArray, FloatArray]:
        """Straight through the border crossing's place, at right angles to the line."""
        east, north = self._post_m or (0.0, 0.0)
        chainage, _ = self._site.border.chainage(east, north)
        sides = self._site.border.point_at(np.repeat(chainage, 2), np.array([0.0, 1.0]))
        offset = np.array([self._row.from_offset_m, self._row.to_offset_m])
        return (
            np.asarray(east + offset * np.diff(sides[0])),
            np.asarray(north + offset * np.diff(sides[1])),
        )

    def _across(self, chainage: float, draw: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """From one offset to the other, up to 20 degrees aslant (assumed)."""
        length = _length_m(self._row)
        slant = length * np.tan(np.deg2rad(draw.uniform(-20.0, 20.0)))
        offset = np.array([self._row.from_offset_m, self._row.to_offset_m])
        east, north = self._site.border.point_at(np.array([chainage, chainage]), offset)
        # Aside along the border, at right angles to the way across.
        forward = np.array([east[1] - east[0], north[1] - north[0]])
        forward /= max(float(np.hypot(*forward)), 1e-9)
        return (
            np.array([east[0], east[1] - slant * forward[1]]),
            np.array([north[0], north[1] + slant * forward[0]]),
        )


def _length_m(row: Crossings) -> float:
    return abs(row.to_offset_m - row.from_offset_m)


def _stopping(path: Path, share: float, stop_s: float) -> Path:
    """A path between two places with a stop at a share of it."""
    (begins, ends), (e0, e1), (n0, n1) = path.t_s, path.east_m, path.north_m
    arrives = begins + share * (ends - begins)
    east, north = e0 + share * (e1 - e0), n0 + share * (n1 - n0)
    stop = max(stop_s, 1.0)
    return Path(
        np.array([begins, arrives, arrives + stop, ends + stop]),
        np.array([e0, east, east, e1]),
        np.array([n0, north, north, n1]),
    )


def check_chainage(scene: str, site: Site, chainage_m: Sequence[float], key: str) -> None:
    """Refuse a place that lies beyond the border's end.

    Raises:
        SceneError: naming scene and key.
    """
    if max(chainage_m) > site.border.length_m:
        raise SceneError(
            f"{scene}: {key} is at chainage {max(chainage_m):g}: wanted 0 to "
            f"{site.border.length_m:.0f} m; metres from the tripoint near Beba Veche"
        )
