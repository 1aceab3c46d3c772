"""How long named parts of a program take, whatever calls whatever."""

import contextlib
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any


class Stopwatch:
    """Time of each stage, without that of the stages it calls.

    Attributes:
        wall_s: by stage, of the wall clock.
        cpu_s: by stage, of this process's processor time.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        """Begin with nothing spent."""
        self.wall_s: dict[str, float] = defaultdict(float)
        self.cpu_s: dict[str, float] = defaultdict(float)
        self._clocks = (wall, cpu)
        self._within: list[str] = []
        self._last = (0.0, 0.0)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done within for a stage, and no longer for the one around it."""
        self._turn()
        self._within.append(name)
        try:
            yield
        finally:
            self._turn()
            self._within.pop()

    @property
    def now(self) -> str | None:
        """The stage that time counts for."""
        return self._within[-1] if self._within else None

    def clear(self) -> None:
        """Forget what has been spent."""
        self.wall_s.clear()
        self.cpu_s.clear()

    def _turn(self) -> None:
        wall, cpu = (clock() for clock in self._clocks)
        if self._within:
            self.wall_s[self._within[-1]] += wall - self._last[0]
            self.cpu_s[self._within[-1]] += cpu - self._last[1]
        self._last = (wall, cpu)


@contextlib.contextmanager
def watched(watch: Stopwatch, stages: dict[str, list[type]]) -> Iterator[None]:
    """Count the methods of classes, but for private ones, as stages while it lasts."""
    before: list[tuple[type, str, FunctionType]] = []
    try:
        for name, classes in stages.items():
            for one in classes:
                for method, function in list(vars(one).items()):
                    if isinstance(function, FunctionType) and not method.startswith("_"):
                        before.append((one, method, function))
                        setattr(one, method, _counted(watch, name, function))
        yield
    finally:
        for one, method, function in before:
            setattr(one, method, function)


def _counted(watch: Stopwatch, name: str, function: FunctionType) -> Callable[..., Any]:
    @functools.wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        if watch.now == name:  # within the same stage nothing changes
            return function(*args, **kwargs)
        with watch.stage(name):
            return function(*args, **kwargs)

    return counted
