"""Thermal cameras that detect by themselves: boxes of what walks or drives through their view."""

from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from geo.crs import convergence_deg
from geo.site_rows import Lens, Orientation, Sensor
from sensors.messages import Box, ObjectClass
from sensors.scenes import ActorClass, Weather
from sensors.simulators.air import Air
from sensors.simulators.eye import Eye, Look
from sensors.simulators.figures import Warmth, mean_kelvin, size_of
from sensors.simulators.flatfield import FlatField
from sensors.simulators.motion import Body, seeded
from sensors.simulators.seeing import NETD_KELVIN, resolved_share, sees_with_probability
from sensors.simulators.stray import Outline, Strays
from sensors.simulators.world import Snapshot

EDGE_PX = 0.5
"""Standard deviation of a box's edges (assumed), besides a share of its size."""

EDGE_SHARE = 0.04
"""That share (assumed): limbs come and go, a segmentation breathes."""

GRASS_M = 0.15
"""Height of the stalks that hide a foot (assumed)."""

LUCK_S = 10.0
"""Posture and background change that often, and with them whether a target is noticed (assumed)."""

LUCK_SHARE = 0.5
"""Of the variance of what decides; the rest is new in each look (assumed)."""

MISTAKEN = 0.03
"""Share of named boxes whose name is wrong: people for animals and the reverse (assumed)."""

_MIXED_UP = {
    ActorClass.PERSON: ObjectClass.ANIMAL,
    ActorClass.ANIMAL: ObjectClass.PERSON,
}


class Watcher:
    """A camera's own detection: which looks become boxes, and with what errors.

    Args:
        seed: the scene's.
        name: the camera's.
        weather: the scene's.
    """

    def __init__(self, seed: int, name: str, weather: Weather) -> None:
        """Work out how clear the air and how warm things are."""
        self._seed, self._name = seed, name
        self._air, self._warmth = Air.of(weather), Warmth.of(weather)
        self._luck = lru_cache(maxsize=256)(self._slow)

    def pixels(self, look: Look, lens: Lens) -> float:
        """Pixels on the critical size that contrast and air leave of use."""
        contrast = mean_kelvin(look.body, self._warmth) - self._warmth.ground
        arriving = contrast * float(self._air.transmission(look.range_m))
        share = float(resolved_share(arriving, NETD_KELVIN))
        left, top, right, bottom = look.outline
        shown_x = min(right, lens.width_px) - max(left, 0.0)
        shown_y = min(bottom, lens.height_px) - max(top, 0.0)
        shown = max(shown_x, 0.0) * max(shown_y, 0.0) / ((right - left) * (bottom - top))
        return size_of(look.body).critical_m * look.scale_px * share * float(np.sqrt(shown))

    def box(self, t_s: float, look: Look, lens: Lens) -> Box | None:
        """Give the box of a look, or None where it is not noticed."""
        body = look.body
        pixels = self.pixels(look, lens)
        chance = float(sees_with_probability(pixels))
        if chance < 1e-6:
            return None
        draw = seeded(self._seed, "look", self._name, body.name, round(t_s * 1_000))
        slow = self._luck(body.name, int(t_s // LUCK_S))
        luck = np.sqrt(LUCK_SHARE) * slow + np.sqrt(1.0 - LUCK_SHARE) * draw.normal()
        if luck >= float(ndtri(min(chance, 1.0 - 1e-12))):
            return None
        outline = self._jittered(look, draw)
        # Naming takes four times the pixels of noticing (Johnson: recognition).
        named = draw.random() < float(sees_with_probability(pixels / 4.0))
        object_class = body.actor_class.object_class if named else ObjectClass.UNKNOWN
        if named and draw.random() < MISTAKEN:
            object_class = _MIXED_UP.get(body.actor_class, object_class)
        score = min(max(chance + draw.normal(0.0, 0.1), 0.05), 0.99)
        return clipped(outline, lens, object_class, score)

    def _jittered(self, look: Look, draw: np.random.Generator) -> Outline:
        left, top, right, bottom = look.outline
        bottom -= min(GRASS_M * look.scale_px, 0.5 * (bottom - top))
        wide, high = right - left, bottom - top
        sigma = np.hypot(EDGE_PX, EDGE_SHARE * np.array([wide, high, wide, high]))
        edges = np.array([left, top, right, bottom]) + sigma * draw.normal(size=4)
        # No detector draws a box below two pixels: widened about its middle, kept on its foot.
        middle, half = 0.5 * (edges[0] + edges[2]), 0.5 * max(edges[2] - edges[0], 2.0)
        foot = float(edges[3])
        return middle - half, min(float(edges[1]), foot - 2.0), middle + half, foot

    def _slow(self, body: str, block: int) -> float:
        return float(seeded(self._seed, "luck", self._name, body, block).normal())


def clipped(outline: Outline, lens: Lens, object_class: ObjectClass, score: float) -> Box | None:
    """Make a box of what of an outline lies in the picture; None where that is under a pixel."""
    left, right = np.clip(outline[0::2], 0.0, lens.width_px)
    top, bottom = np.clip(outline[1::2], 0.0, lens.height_px)
    if right - left < 1.0 or bottom - top < 1.0:
        return None
    return Box(
        left_px=round(float(left), 2),
        top_px=round(float(top), 2),
        right_px=round(float(right), 2),
        bottom_px=round(float(bottom), 2),
        object_class=object_class,
        score=round(float(score), 3),
    )


class ThermalCamera:
    """A fixed camera; its true orientation differs from the site's by a drawn error.

    Args:
        row: the camera, from the site; must have position, height, orientation and lens.
        east_m: its place in the plane.
        north_m: its place in the plane.
        seed: the scene's.
        weather: the scene's.
    """

    def __init__(
        self,
        row: Sensor,
        east_m: float,
        north_m: float,
        seed: int,
        weather: Weather | None = None,
    ) -> None:
        """Draw the errors of its mounting."""
        if row.orientation is None or row.lens is None or row.position is None:
            raise ValueError(f"camera {row.id!r} lacks orientation, lens or position")
        self.weather = weather or Weather()
        self.name, self.lens = row.id, row.lens
        self._east, self._north = east_m, north_m
        self._range = row.range_m or 5_000.0
        up = row.height_above_ground_m or 0.0
        self.eye = _mounted(row.orientation, row, east_m, north_m, up, seed)
        self.flat_field = FlatField(seed, row.id)
        self._watcher = Watcher(seed, row.id, self.weather)
        self._strays = Strays(
            seed,
            row.id,
            (self.lens.height_px, self.lens.width_px),
            self.eye.horizon_px,
            self.lens.focal_length_px * up,
            self.lens.focal_length_px,
            self.weather,
        )

    def look(self, t_s: float, everyone: Snapshot) -> list[Box]:
        """Give the boxes of one look at ``t_s``; none while the shutter is closed."""
        if self.flat_field.is_closed(t_s):
            return []
        found = [self._watcher.box(t_s, look, self.lens) for look in self.looks(everyone)]
        found += [
            clipped(outline, self.lens, object_class, score)
            for outline, object_class, score in self._strays.at(t_s)
        ]
        return [box for box in found if box is not None]

    def looks(self, everyone: Snapshot) -> list[Look]:
        """Give who is in view; at three times the nominal range a few percent are still seen."""
        return self.eye.looks(everyone, 3.0 * self._range)

    def near(self, everyone: Snapshot, margin_m: float) -> list[Body]:
        """Give who may come into view while nobody moves farther than a margin."""
        away = np.hypot(everyone.east_m - self._east, everyone.north_m - self._north)
        found = np.flatnonzero(away < 3.0 * self._range + margin_m)
        return [everyone.bodies[index] for index in found]

    def outlines(self, everyone: Snapshot) -> list[tuple[Body, Outline]]:
        """Give who is in view, and where: (left, top, right, bottom) in pixels, not clipped."""
        return [(look.body, look.outline) for look in self.looks(everyone)]


def _mounted(
    place: Orientation, row: Sensor, east_m: float, north_m: float, up_m: float, seed: int
) -> Eye:
    if row.lens is None or row.position is None:
        raise ValueError(f"camera {row.id!r} lacks lens or position")
    draw = seeded(seed, "mounting", row.id)
    yaw = place.yaw_deg + draw.normal(0.0, place.yaw_sigma_deg) - convergence_deg(*row.position)
    pitch = place.pitch_deg + draw.normal(0.0, place.pitch_sigma_deg)
    return Eye(east_m, north_m, up_m, row.lens, yaw, pitch, place.roll_deg)
