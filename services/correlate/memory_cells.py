"""Places of site memory, the cells that belong to them, and what is expected at each beforehand.

A place is a stretch of chainage within one band of distance from the line: a road far inland must
not make a vehicle at the line usual. Kinds of movement are kept apart too: what goes along the
line every morning does not make usual what goes across it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.site import Site
from sensors.messages import Mark, ObjectClass
from services.correlate.settings import MemorySettings
from services.correlate.usual import Prior
from services.correlate.week import HOURS

GROUPS = ("person", "vehicle", "train", "animal")
"""Groups of classes that are learned, under the name of the class that stands for them."""

GROUP_OF: Mapping[ObjectClass, int] = MappingProxyType(
    {
        ObjectClass.PERSON: 0,
        ObjectClass.GROUP: 0,
        ObjectClass.VEHICLE: 1,
        ObjectClass.TRAIN: 2,
        ObjectClass.ANIMAL: 3,
        ObjectClass.WEATHER: 3,
        ObjectClass.MACHINERY: 3,
    }
)
"""By class; digging, attacks on the cable, drones, boats and what nobody could name are not
learned, so they are never usual."""

BANDS_M = (-100.0, 100.0, 500.0)
"""Offsets from the line between bands: beyond it, at it, near it, inland; assumed."""

WAYS = ("along", "across")
"""How it moves with respect to the line; what stands still counts as along."""

_MARKS = tuple(Mark)
_NEAR: Mapping[str, int] = MappingProxyType({"road": 1, "railway": 2, "stream": 3})
"""Group that is likelier near a zone of this kind."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch within a band, for one mark."""

    mark: Mark
    band: int
    stretch: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What one count stands for."""

    place: Place
    group: int
    way: int
    hour: int


class Cells:
    """Numbers cells, and knows the prior of each group by stretch."""

    def __init__(self, site: Site, settings: MemorySettings) -> None:
        """Look which stretches lie beside a road, railway or stream of the site.

        Those are zones of kind ``road``, ``railway`` and ``stream``, and crossings by road or
        railway.
        """
        self._settings = settings
        self._stretches = math.ceil(site.border.length_m / settings.stretch_m)
        self._near: NDArray[np.bool_] = np.zeros((len(GROUPS), self._stretches), dtype=np.bool_)
        middles = (np.arange(self._stretches) + 0.5) * settings.stretch_m
        middles_m = np.minimum(middles, site.border.length_m)
        points = shapely.points(*site.border.point_at(middles_m, 0.0))
        reach_m = settings.near_m + settings.stretch_m / 2.0
        for kind, shape in _features(site):
            self._near[_NEAR[kind]] |= shapely.distance(points, shape) <= reach_m

    def place(self, mark: Mark, chainage_m: float, offset_m: float) -> Place:
        """Place of a position; chainages beyond the line's ends count to its last stretches."""
        stretch = min(max(int(chainage_m // self._settings.stretch_m), 0), self._stretches - 1)
        return Place(mark, sum(offset_m >= edge for edge in BANDS_M), stretch)

    def start_m(self, place: Place) -> float:
        """Chainage where a place's stretch begins."""
        return place.stretch * self._settings.stretch_m

    def prior(self, place: Place, group: int) -> Prior:
        """What is expected of a group at a place before anything was seen."""
        rules = self._settings
        near = self._near[group, place.stretch]
        rate_per_h = rules.near_per_h if near else rules.prior_per_h
        return Prior(rate_per_h * rules.prior_hours, rules.prior_hours)

    def key(self, cell: Cell) -> int:
        """Number of a cell."""
        place, number = cell.place, _MARKS.index(cell.place.mark)
        for digit, base in (
            (cell.group, len(GROUPS)),
            (cell.way, len(WAYS)),
            (place.band, len(BANDS_M) + 1),
            (place.stretch, self._stretches),
            (cell.hour, HOURS),
        ):
            number = number * base + digit
        return number

    def cell(self, key: int) -> Cell:
        """The cell that a number stands for."""
        key, hour = divmod(key, HOURS)
        key, stretch = divmod(key, self._stretches)
        key, band = divmod(key, len(BANDS_M) + 1)
        key, way = divmod(key, len(WAYS))
        mark, group = divmod(key, len(GROUPS))
        return Cell(Place(_MARKS[mark], band, stretch), group, way, hour)


def _features(site: Site) -> list[tuple[str, shapely.Geometry]]:
    """Roads, railways and streams of a site, with their shapes in the plane."""
    zones = [(zone.kind, zone.shape) for zone in site.all_zones.zones]
    modes = {row.id: row.mode for row in site.crossings}
    crossings = [
        (modes[zone.id].partition("-")[0], zone.shape)
        for zone in site.lawful_zones.zones
        if zone.kind == "crossing"
    ]
    return [(kind, shape) for kind, shape in zones + crossings if kind in _NEAR]
