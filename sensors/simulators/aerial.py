"""Drones, helicopters and aircraft: where they fly, what they see below, and how surely."""

from dataclasses import dataclass

import numpy as np

from geo.crs import convergence_deg, to_wgs84
from geo.places import shipped_places
from geo.site import Site
from geo.site_rows import Sensor
from geo.uncertainty import from_axes, rotate
from sensors.messages import ObjectClass, Position, Sighting
from sensors.scenes import ActorClass, Weather
from sensors.simulators.air import Air
from sensors.simulators.figures import CLASSES, Warmth, mean_kelvin, size_of
from sensors.simulators.gps import Wander
from sensors.simulators.mobile import Carrier
from sensors.simulators.motion import Body, FloatArray, seeded
from sensors.simulators.seeing import NETD_KELVIN, resolved_share, sees_with_probability
from sensors.simulators.world import Snapshot

HEIGHT_SIGMA_M = 3.0
"""Of its height above the ground: barometer and satellites against the ground's height
(assumed)."""

_ATTITUDE_S = 5.0
"""Errors of attitude stay for some seconds (assumed)."""

FALSE_PER_HOUR = 2.0
"""Warm stones, troughs, roofs taken for somebody (assumed)."""


@dataclass(frozen=True)
class Airframe:
    """A kind of aircraft and its camera.

    Attributes:
        height_m: at which it flies, above the ground.
        reach: how far it looks to each side, as a multiple of the height.
        attitude_deg: error of pitch and roll of the line of sight, one sigma.
        yaw_deg: error of its direction.
        focal_px: focal length of its camera.
    """

    height_m: float
    reach: float
    attitude_deg: float
    yaw_deg: float
    focal_px: float

    @property
    def sees_m(self) -> float:
        """How far from the point below it it looks, over ground."""
        return self.reach * self.height_m


DRONE = Airframe(120.0, 2.5, 0.7, 1.5, 1_583.0)
"""120 m is the most that the open category allows (Regulation (EU) 2019/947); a 19 mm lens on
12 um pixels, a small gimbal (assumed)."""

HELICOPTER = Airframe(300.0, 4.0, 0.25, 0.5, 8_333.0)
"""A stabilised ball with a 100 mm lens (assumed)."""

AIRCRAFT = Airframe(1_000.0, 3.0, 0.1, 0.2, 25_000.0)
"""The same with a 300 mm lens (assumed)."""


def airframe(row: Sensor) -> Airframe:
    """Choose by the height that the site states: to 150 m drones, to 600 m helicopters."""
    height = row.height_above_ground_m
    if not height:
        return DRONE
    kind = DRONE if height <= 150.0 else HELICOPTER if height <= 600.0 else AIRCRAFT
    return Airframe(height, kind.reach, kind.attitude_deg, kind.yaw_deg, kind.focal_px)


def flight_height_m(row: Sensor, site: Site) -> float | None:
    """Height above the ellipsoid at which it flies: over the ground at its station."""
    place = site.sensor_place(row.id)
    if place is None:
        return None
    ground = float(shipped_places().ground_height(*place))
    return round(ground + site.geoid_height_m + airframe(row).height_m, 1)


def spread_m2(frame: Airframe, away_m: float, bearing_rad: float, gps_m: float) -> FloatArray:
    """Covariance in the plane of what is seen so far away over ground, shape (2, 2).

    Along the line of sight a small angle moves its foot by slant^2 / height times itself, and an
    error of the height by distance / height; across, by the slant and, for yaw, the distance.
    """
    slant2 = away_m**2 + frame.height_m**2
    attitude, yaw = np.deg2rad([frame.attitude_deg, frame.yaw_deg])
    along = np.hypot(attitude * slant2 / frame.height_m, HEIGHT_SIGMA_M * away_m / frame.height_m)
    across = np.hypot(attitude * np.sqrt(slant2), yaw * away_m)
    turned = from_axes(float(along), float(across), float(np.rad2deg(bearing_rad)))
    return np.asarray(turned + gps_m**2 * np.eye(2))


class Observer:
    """What one aircraft's camera finds.

    Args:
        row: the aircraft, from the site.
        carrier: how it moves and what it knows of that.
        seed: the scene's.
        weather: the scene's.
    """

    def __init__(self, row: Sensor, carrier: Carrier, seed: int, weather: Weather) -> None:
        """Draw how its attitude errs."""
        self.frame = airframe(row)
        self._carrier, self._seed = carrier, seed
        self._air, self._warmth = Air.of(weather), Warmth.of(weather)
        self._attitude = Wander(
            seed, f"attitude {row.id}", float(np.deg2rad(self.frame.attitude_deg)), _ATTITUDE_S
        )
        self._yaw = Wander(seed, f"yaw {row.id}", float(np.deg2rad(self.frame.yaw_deg)), 60.0, 1)
        self._height = Wander(seed, f"height {row.id}", HEIGHT_SIGMA_M, 60.0, 1)

    def sightings(self, t_s: float, everyone: Snapshot) -> list[Sighting]:
        """Give what its camera and the detection behind it find at a time."""
        draw = seeded(self._seed, "sightings", self._carrier.name, round(t_s * 1_000))
        east, north = (float(one) for one in self._carrier.body.at(t_s))
        dx, dy = everyone.east_m - east, everyone.north_m - north
        seen = []
        for index in np.flatnonzero(np.hypot(dx, dy) < self.frame.sees_m):
            body, away = everyone.bodies[index], np.array([dx[index], dy[index]])
            if body.actor_class not in CLASSES:
                continue
            pixels = self.pixels(body, float(np.hypot(*away)))
            chance = float(sees_with_probability(pixels))
            if draw.random() >= chance:
                continue
            named = draw.random() < float(sees_with_probability(pixels / 4.0))
            found = body.actor_class.object_class if named else ObjectClass.UNKNOWN
            score = min(max(chance - 0.1 + draw.normal(0.0, 0.1), 0.1), 0.95)
            seen.append(self._sighting(t_s, (east, north), away, found, score))
        if draw.random() < FALSE_PER_HOUR / 3_600.0:
            away = draw.uniform(-0.7, 0.7, 2) * self.frame.sees_m
            score = draw.uniform(0.2, 0.5)
            seen.append(self._sighting(t_s, (east, north), away, ObjectClass.UNKNOWN, score))
        return seen

    def pixels(self, body: Body, away_m: float) -> float:
        """Pixels on the critical size of a body so far from the point below."""
        slant = float(np.hypot(away_m, self.frame.height_m))
        contrast = mean_kelvin(body, self._warmth) - self._warmth.ground
        arriving = contrast * float(self._air.transmission(slant))
        share = float(resolved_share(arriving, NETD_KELVIN))
        # From above one sees less of a person and more of a car: the side's area shrinks with the
        # cosine of the depression, the roof's grows with its sine.
        size = size_of(body)
        steep = self.frame.height_m / slant
        roof = size.width_m * (0.4 if body.actor_class is ActorClass.PERSON else size.length_m)
        side = size.critical_m**2
        critical = np.sqrt(np.sqrt(1.0 - steep**2) * side + steep * roof)
        return float(critical * share * self.frame.focal_px / slant)

    def _sighting(
        self,
        t_s: float,
        place_m: tuple[float, float],
        away_m: FloatArray,
        object_class: ObjectClass,
        score: float,
    ) -> Sighting:
        found = self._measured(t_s, away_m) + place_m + self._carrier.gps.error_m(t_s)
        lon, lat = (float(one) for one in to_wgs84(*found))
        # It knows its errors' size, at the distance that it measured.
        measured = found - place_m
        covariance = spread_m2(
            self.frame,
            float(np.hypot(*measured)),
            float(np.arctan2(*measured)),
            self._carrier.gps.receiver.accuracy_m,
        )
        (ee, en), (_, nn) = np.round(rotate(covariance, convergence_deg(lon, lat)), 4).tolist()
        return Sighting(
            position=Position(
                longitude_deg=round(lon, 7),
                latitude_deg=round(lat, 7),
                height_m=None,
                accuracy_m=None,
                covariance_m2=(ee, en, en, nn),
            ),
            object_class=object_class,
            score=round(float(score), 3),
        )

    def _measured(self, t_s: float, away_m: FloatArray) -> FloatArray:
        """Where the line of sight, with all its errors, meets the ground it believes in."""
        height = self.frame.height_m
        away = float(np.hypot(*away_m))
        bearing = float(np.arctan2(*away_m)) + float(self._yaw.at(t_s)[0])
        along, across = self._attitude.at(t_s)
        ahead = np.array([np.sin(bearing), np.cos(bearing)])
        aside = np.array([ahead[1], -ahead[0]])
        slant = float(np.hypot(away, height))
        # A ray tilted by a small angle in its own vertical plane, and by another across it.
        level = away / slant * np.cos(along) + height / slant * np.sin(along)
        down = height / slant * np.cos(along) - away / slant * np.sin(along)
        down = max(down, 0.05)
        believed = height + float(self._height.at(t_s)[0])
        steps = believed / (down * np.cos(across))
        return np.asarray(steps * (level * np.cos(across) * ahead + np.sin(across) * aside))
