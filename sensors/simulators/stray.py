"""What a camera that detects by itself reports without cause: plants, small animals, rain."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sensors.messages import ObjectClass
from sensors.scenes import Weather
from sensors.simulators.motion import seeded

CALM_PER_HOUR = 0.05
"""Warm stones, insects, haze: events of one camera whose makers tuned it (assumed)."""

WIND_PER_HOUR = 0.02
"""Plants, times the wind's square: its pressure on them; two an hour at 10 m/s (assumed)."""

RAIN_PER_HOUR = 0.1
"""Drops on the window and streaks before it, times the rain in mm/h (assumed)."""

ANIMALS_PER_HOUR = 0.2
"""Foxes, hares, owls that are nobody's actor (assumed)."""

_SLOT_S = 60.0  # events are drawn for so long at once
_LONGEST_S = 30.0  # plants 10 s, drops 3 s, an animal this (all assumed), as sizes and speeds below
_SPOTS = 6
"""Bushes of one camera that move again and again (assumed)."""

Outline = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Event:
    begins_s: float
    lasts_s: float
    x_px: float
    y_px: float
    across_px: float
    down_px: float
    drift_pxps: float
    sway_px: float
    object_class: ObjectClass
    score: float


class Strays:
    """One camera's false reports.

    Args:
        seed: the scene's.
        name: the camera's.
        shape: of its picture, (rows, columns).
        horizon_px: row of its horizon.
        scale_px: focal length times height above ground, pixel metres.
        focal_px: focal length.
        weather: the scene's.
    """

    def __init__(
        self,
        seed: int,
        name: str,
        shape: tuple[int, int],
        horizon_px: float,
        scale_px: float,
        focal_px: float,
        weather: Weather,
    ) -> None:
        """Draw the bushes that will move."""
        self._seed, self._name = seed, name
        self._rows, self._columns = shape
        self._horizon, self._scale, self._focal = horizon_px, scale_px, focal_px
        draw = seeded(seed, "bushes", name)
        self._bushes = draw.uniform((0.0, 0.0), (self._columns, self._rows), (_SPOTS, 2))
        wind, rain = weather.wind_mps, weather.rain_mm_h
        self._rates = np.array(
            [CALM_PER_HOUR + WIND_PER_HOUR * wind**2, RAIN_PER_HOUR * rain, ANIMALS_PER_HOUR]
        )
        self._wind = wind
        self._slot = lru_cache(maxsize=4)(self._events)

    @property
    def per_hour(self) -> float:
        """Events an hour; most are reported several times."""
        return float(self._rates.sum())

    def at(self, t_s: float) -> list[tuple[Outline, ObjectClass, float]]:
        """Give outline (left, top, right, bottom), class and score of what is reported at a time.

        An event stays for seconds; six in ten looks at it report it (assumed).
        """
        slot = int(t_s // _SLOT_S)
        found = []
        for number in (slot - 1, slot):
            for event in self._slot(number):
                age = t_s - event.begins_s
                if not 0.0 <= age < event.lasts_s:
                    continue
                draw = seeded(self._seed, "stray look", self._name, round(t_s * 1_000))
                if draw.random() < 0.6:
                    found.append((self._outline(event, age, draw), event.object_class, event.score))
        return found

    def _outline(self, event: _Event, age_s: float, draw: np.random.Generator) -> Outline:
        x = event.x_px + event.drift_pxps * age_s + event.sway_px * draw.normal()
        wide, high = np.maximum(
            draw.normal((event.across_px, event.down_px), 0.15 * event.across_px), 2.0
        )
        return (x - 0.5 * wide, event.y_px - high, x + 0.5 * wide, event.y_px)

    def _events(self, slot: int) -> tuple[_Event, ...]:
        draw = seeded(self._seed, "strays", self._name, slot)
        plants, drops, animals = draw.poisson(self._rates * _SLOT_S / 3_600.0)
        begins = slot * _SLOT_S
        events = []
        for _ in range(plants):
            x, y = self._bushes[draw.integers(_SPOTS)]
            across, down = draw.uniform(4.0, 20.0, 2)
            events.append(
                self._event(draw, begins, 10.0, x, y, across, down, 0.0, 0.3 * self._wind)
            )
        for _ in range(drops):
            x, y = draw.uniform((0.0, 0.0), (self._columns, self._rows))
            size = draw.uniform(3.0, 40.0)  # out of focus
            events.append(self._event(draw, begins, 3.0, x, y, size, size, 0.0, 0.0))
        events.extend(self._animal(draw, begins) for _ in range(animals))
        return tuple(events)

    def _animal(self, draw: np.random.Generator, begins_s: float) -> _Event:
        """Something of 0.3-0.6 m that goes across at 30-600 m from the camera."""
        range_m = 30.0 * 20.0 ** draw.random()
        size = draw.uniform(0.3, 0.6) * self._focal / range_m
        x = draw.uniform(0.0, self._columns)
        y = self._horizon + self._scale / range_m
        speed = draw.choice((-1.0, 1.0)) * draw.uniform(0.5, 3.0) * self._focal / range_m
        named = draw.choice(
            [ObjectClass.ANIMAL, ObjectClass.UNKNOWN, ObjectClass.PERSON], p=[0.5, 0.4, 0.1]
        )
        return self._event(
            draw, begins_s, _LONGEST_S, x, y, 1.3 * size, size, speed, 0.0, ObjectClass(named)
        )

    @staticmethod
    def _event(
        draw: np.random.Generator,
        slot_s: float,
        longest_s: float,
        x: float,
        y: float,
        across: float,
        down: float,
        drift: float,
        sway: float,
        object_class: ObjectClass = ObjectClass.UNKNOWN,
    ) -> _Event:
        return _Event(
            slot_s + draw.uniform(0.0, _SLOT_S),
            draw.uniform(1.0, longest_s),
            float(x),
            float(y),
            float(across),
            float(down),
            float(drift),
            float(sway),
            object_class,
            float(draw.uniform(0.2, 0.6)),
        )
