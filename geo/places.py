"""Settlements near the border: the nearest one to name a place by, and heights of the ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from geo.crs import FloatArray, to_plane
from geo.errors import GeometryError
from geo.resources import read_geojson


@dataclass(frozen=True, slots=True)
class Place:
    """A settlement.

    Attributes:
        name: as its country writes it.
        country: two letters.
        lon_deg: longitude of its middle.
        lat_deg: latitude of its middle.
        ground_m: height of the ground above mean sea level there, or None.
    """

    name: str
    country: str
    lon_deg: float
    lat_deg: float
    ground_m: float | None


class Places:
    """Settlements with their places in the plane; immutable."""

    def __init__(self, places: Sequence[Place]) -> None:
        """Index the settlements.

        Raises:
            GeometryError: none given.
        """
        if not places:
            raise GeometryError("places has 0 settlements: wanted at least one")
        self.places = tuple(places)
        self._xy = np.column_stack(
            to_plane([p.lon_deg for p in places], [p.lat_deg for p in places])
        )

    def nearest(self, east_m: float, north_m: float) -> tuple[Place, float]:
        """Give the settlement nearest to a place in the plane and its distance in metres."""
        distance = np.hypot(self._xy[:, 0] - east_m, self._xy[:, 1] - north_m)
        index = int(np.argmin(distance))
        return self.places[index], float(distance[index])

    def ground_height(self, east_m: ArrayLike, north_m: ArrayLike) -> FloatArray:
        """Guess the ground's height between settlements, metres above mean sea level.

        Inverse-square distance weighting of the settlements' heights. No terrain raster is at
        hand; this is good to a few metres in the plain and to tens of metres in the hills
        (assumed), and meant for defaults only.

        Args:
            east_m: plane metres, any shape.
            north_m: plane metres, same shape.

        Returns:
            Heights, of that shape.
        """
        east, north = np.broadcast_arrays(
            np.asarray(east_m, dtype=np.float64), np.asarray(north_m, dtype=np.float64)
        )
        known = [i for i, place in enumerate(self.places) if place.ground_m is not None]
        height = np.array([self.places[i].ground_m for i in known], dtype=np.float64)
        squared = (self._xy[known, 0] - east[..., np.newaxis]) ** 2 + (
            self._xy[known, 1] - north[..., np.newaxis]
        ) ** 2
        weight = 1.0 / np.maximum(squared, 1.0)
        return np.asarray((weight * height).sum(axis=-1) / weight.sum(axis=-1))


@lru_cache(maxsize=1)
def shipped_places() -> Places:
    """Build the settlements from the shipped GeoNames points."""
    return Places(
        [
            Place(
                name=feature["properties"]["name"],
                country=feature["properties"]["country"],
                lon_deg=feature["geometry"]["coordinates"][0],
                lat_deg=feature["geometry"]["coordinates"][1],
                ground_m=feature["properties"]["dem_m"],
            )
            for feature in read_geojson("settlements.geojson")
        ]
    )
