"""When a thermal camera closes its shutter to learn its detector's pattern anew."""

from functools import lru_cache

from sensors.simulators.motion import seeded

EVERY_S = 180.0
"""Automatic flat-field correction: three minutes is the default of small uncooled cores (data
sheets)."""

CLOSED_S = 0.5
"""The picture stands still meanwhile (data sheets: half a second)."""

_SCATTER_S = 20.0
"""It comes earlier where the housing's temperature moved (assumed)."""


class FlatField:
    """One camera's corrections, numbered from the one before the scene's start.

    Args:
        seed: the scene's.
        name: the camera's.
    """

    def __init__(self, seed: int, name: str) -> None:
        """Draw when in its period the camera stood as the scene began."""
        self._seed, self._name = seed, name
        self._phase = float(seeded(seed, "flat field", name).uniform(0.0, EVERY_S))
        self._begins = lru_cache(maxsize=64)(self._drawn)

    def number(self, t_s: float) -> int:
        """Which correction was the last to begin at a time."""
        number = int((t_s + self._phase) // EVERY_S)
        while self.begins_s(number + 1) <= t_s:
            number += 1
        while self.begins_s(number) > t_s:
            number -= 1
        return number

    def begins_s(self, number: int) -> float:
        """When a correction begins."""
        return self._begins(number)

    def is_closed(self, t_s: float) -> bool:
        """Say whether the shutter is closed."""
        return t_s - self.begins_s(self.number(t_s)) < CLOSED_S

    def _drawn(self, number: int) -> float:
        early = seeded(self._seed, "flat field", self._name, number).uniform(0.0, _SCATTER_S)
        return number * EVERY_S - self._phase - float(early)
