"""Thermal cameras that detect by themselves: boxes of what walks or drives through their view."""

import numpy as np

from geo.crs import convergence_deg
from geo.site_rows import Sensor
from sensors.messages import Box, ObjectClass
from sensors.scenes import ActorClass
from sensors.simulators.motion import Body, FloatArray, seeded
from sensors.simulators.world import Snapshot

Outline = tuple[float, float, float, float]

PIXEL_NOISE = 1.0
"""Standard deviation of a box's edges, pixels (assumed)."""

FALSE_BOXES_PER_HOUR = 1.0
"""Per camera: plants in wind, warm stones, birds (assumed for a camera that filters them)."""

# Height, width and critical size in metres by class. Critical sizes of person and vehicle are
# those of the field notes (Johnson, 0.95 and 2.3 m); the others are assumed.
_SIZES = {
    ActorClass.PERSON: (1.75, 0.6, 0.95),
    ActorClass.ANIMAL: (1.0, 1.2, 0.9),
    ActorClass.VEHICLE: (1.6, 3.0, 2.3),
    ActorClass.TRUCK: (3.0, 6.0, 3.5),
    ActorClass.BOAT: (1.5, 4.0, 2.0),
}


def sees_with_probability(pixels: FloatArray) -> FloatArray:
    """Target transfer probability function, 50 % at 2 pixels on the critical size (Johnson).

    Args:
        pixels: on the critical size, any shape.

    Returns:
        Probability of detection in one look, same shape.
    """
    ratio = pixels / 2.0
    power = ratio ** (2.7 + 0.7 * ratio)
    return np.asarray(power / (1.0 + power))


class ThermalCamera:
    """One camera's eye; its true orientation differs from the site's by a drawn error.

    Args:
        row: the camera, from the site; must have position, height, orientation and lens.
        east_m: its place in the plane.
        north_m: its place in the plane.
        seed: the scene's.
    """

    def __init__(self, row: Sensor, east_m: float, north_m: float, seed: int) -> None:
        """Draw the errors of its mounting and build its axes."""
        if row.orientation is None or row.lens is None or row.position is None:
            raise ValueError(f"camera {row.id!r} lacks orientation, lens or position")
        draw = seeded(seed, "mounting", row.id)
        self._seed, self.name = seed, row.id
        self._east, self._north = east_m, north_m
        self._up = row.height_above_ground_m or 0.0
        self.lens = row.lens
        self._range = row.range_m or 5_000.0
        place = row.orientation
        yaw = place.yaw_deg + draw.normal(0.0, place.yaw_sigma_deg) - convergence_deg(*row.position)
        pitch = place.pitch_deg + draw.normal(0.0, place.pitch_sigma_deg)
        # Axes as in the field notes: forward, right, up; yaw here from grid north.
        psi, theta, phi = np.deg2rad([yaw, pitch, place.roll_deg])
        self._forward = np.array(
            [np.sin(psi) * np.cos(theta), np.cos(psi) * np.cos(theta), np.sin(theta)]
        )
        right = np.array([np.cos(psi), -np.sin(psi), 0.0])
        up = np.cross(right, self._forward)
        self._right = np.cos(phi) * right + np.sin(phi) * up
        self._upward = -np.sin(phi) * right + np.cos(phi) * up

    def look(self, t_s: float, everyone: Snapshot) -> list[Box]:
        """Give the boxes of one look at ``t_s``; the ground is flat at the camera's foot."""
        boxes = []
        for body, outline in self.outlines(everyone):
            box = self._box(t_s, body, outline)
            if box is not None:
                boxes.append(box)
        false = seeded(self._seed, "false box", self.name, round(t_s * 1_000))
        if false.random() < FALSE_BOXES_PER_HOUR / 3_600.0:
            boxes.append(self._false_box(false))
        return boxes

    def is_within(self, east_m: float, north_m: float, range_m: float) -> bool:
        """Say whether a place lies within a distance of the camera."""
        return bool(np.hypot(east_m - self._east, north_m - self._north) <= range_m)

    def horizon_px(self) -> float:
        """Row of the horizon; the camera is taken to stand level."""
        return self.lens.height_px / 2.0 + self.lens.focal_length_px * float(
            self._forward[2] / np.hypot(self._forward[0], self._forward[1])
        )

    def outlines(self, everyone: Snapshot) -> list[tuple[Body, Outline]]:
        """Give who is in view, and where: (left, top, right, bottom) in pixels, not clipped."""
        found = []
        away_east, away_north = everyone.east_m - self._east, everyone.north_m - self._north
        distance = np.hypot(away_east, away_north)
        ahead = away_east * self._forward[0] + away_north * self._forward[1]
        # At three times the nominal range a few percent of large targets are still seen.
        for index in np.flatnonzero((distance < 3.0 * self._range) & (ahead > 0.9 * distance)):
            body = everyone.bodies[index]
            if body.actor_class not in _SIZES:
                continue
            foot = np.array([away_east[index], away_north[index], -self._up])
            depth = float(foot @ self._forward)
            if depth < 5.0:
                continue
            height, width, _ = _SIZES[body.actor_class]
            scale = self.lens.focal_length_px / depth
            x = self.lens.width_px / 2.0 + scale * float(foot @ self._right)
            bottom = self.lens.height_px / 2.0 - scale * float(foot @ self._upward)
            half = 0.5 * scale * width
            outline = (x - half, bottom - scale * height, x + half, bottom)
            inside = outline[0] < self.lens.width_px and outline[2] > 0.0
            if inside and outline[1] < self.lens.height_px and bottom > 0.0:
                found.append((body, outline))
        return found

    def _box(self, t_s: float, body: Body, outline: Outline) -> Box | None:
        height, _, critical = _SIZES[body.actor_class]
        pixels = critical * (outline[3] - outline[1]) / height
        draw = seeded(self._seed, "look", self.name, body.name, round(t_s * 1_000))
        chance = float(sees_with_probability(np.array(pixels)))
        if draw.random() >= chance:
            return None
        edges = np.array(outline) + draw.normal(0.0, PIXEL_NOISE, 4)
        # No detector draws a box below two pixels: widened about its middle, kept on its foot.
        middle, half = 0.5 * (edges[0] + edges[2]), 0.5 * max(edges[2] - edges[0], 2.0)
        edges[0], edges[2] = middle - half, middle + half
        edges[1] = min(edges[1], edges[3] - 2.0)
        edges[0::2] = np.clip(edges[0::2], 0.0, self.lens.width_px)
        edges[1::2] = np.clip(edges[1::2], 0.0, self.lens.height_px)
        if edges[2] - edges[0] < 1.0 or edges[3] - edges[1] < 1.0:
            return None
        left, top, right, lower = np.round(edges, 2).tolist()
        # Naming takes four times the pixels of noticing (Johnson: recognition).
        named = draw.random() < float(sees_with_probability(np.array(pixels / 4.0)))
        return Box(
            left_px=left,
            top_px=top,
            right_px=right,
            bottom_px=lower,
            object_class=body.actor_class.object_class if named else ObjectClass.UNKNOWN,
            score=round(min(max(chance, 0.05), 0.99), 3),
        )

    def _false_box(self, draw: np.random.Generator) -> Box:
        lens = self.lens
        x, y = draw.uniform(10.0, lens.width_px - 10.0), draw.uniform(10.0, lens.height_px - 10.0)
        w, h = draw.uniform(2.0, 9.0, 2)
        return Box(
            left_px=round(x - w, 2),
            top_px=round(y - h, 2),
            right_px=round(x + w, 2),
            bottom_px=round(y + h, 2),
            score=round(draw.uniform(0.2, 0.5), 3),
        )
