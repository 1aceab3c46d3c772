"""A whole scene."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from sensors.scenes.rows import (
    Actor,
    CableEvent,
    Crossings,
    Fault,
    Id,
    Patrol,
    Table,
    Weather,
    misplaced,
)

SYNTHETIC = "synthetic"
"""The background that the fibre simulator makes itself."""


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time with its zone, such as 2026-03-01T01:00:00Z")
    return value.astimezone(UTC)


class Scene(Table):
    """A whole scene.

    Attributes:
        seed: of every draw.
        start: with its zone.
        duration_s: None goes on until it is ended.
        site: "default", or a site file's path beside the scene.
        background: of the fibre's frames: "synthetic", or a recording's path beside the scene.
        sensors: name patterns (``*`` allowed) of the sensors that take part; all when empty.
        within_m: of these, only sensors within so many metres of anyone's way or a cable event.
        fibre_window_m: fibre sends only channels within so many metres of anyone's way or of a
            cable event, as a shorter frame with ``first_channel``; for quick runs.
        raw_thermal: at most two thermal cameras that send raw frames in place of reports.
        own_forces: the site's patrols, vehicles, boats and drones move along the border and say
            where they are.
        roads: lawful traffic on the roads and railways that the fibre simulator draws beside the
            cables at places; it is no actor of the scene, but its truth names it.
    """

    name: str = Field(min_length=1, max_length=200)
    seed: int = Field(ge=0, lt=2**32)
    start: Annotated[datetime, AfterValidator(_zoned)]
    duration_s: float | None = Field(None, gt=0.0, le=1e8)
    site: str = Field(default="default", min_length=1)
    background: str = Field(default=SYNTHETIC, min_length=1)
    sensors: tuple[str, ...] = ()
    within_m: float | None = Field(None, gt=0.0)
    fibre_window_m: float | None = Field(None, gt=0.0)
    raw_thermal: tuple[Id, ...] = Field(default=(), max_length=2)
    own_forces: bool = True
    roads: bool = True
    weather: Weather = Weather()
    actor: tuple[Actor, ...] = ()
    patrol: tuple[Patrol, ...] = ()
    crossings: tuple[Crossings, ...] = ()
    cable_event: tuple[CableEvent, ...] = ()
    fault: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = self._names()
        if self.within_m is not None or self.fibre_window_m is not None:
            if not (names or self.cable_event):
                raise ValueError(
                    "[[actor]], [[patrol]], [[crossings]] or [[cable_event]] with within_m or "
                    "fibre_window_m: they count from these"
                )
            if self.duration_s is None and self.crossings:
                raise ValueError(
                    "duration_s with within_m or fibre_window_m and [[crossings]]: which places "
                    "they take must have an end"
                )
        self._begins_before_the_end()
        return self

    def _names(self) -> set[str]:
        """The ids of all who move, each of which stands there once."""
        ids = [(("actor", number, "id"), one.id) for number, one in enumerate(self.actor)]
        ids += [(("patrol", number, "id"), one.id) for number, one in enumerate(self.patrol)]
        ids += [(("crossings", number, "id"), one.id) for number, one in enumerate(self.crossings)]
        names: set[str] = set()
        for place, name in ids:
            if name in names:
                raise misplaced(place, name, "an id of its own: it stands there before")
            names.add(name)
        return names

    def _begins_before_the_end(self) -> None:
        end = self.duration_s
        if end is None:
            return
        begins = [
            *((("actor", n, one.way_key, 0, 2), one.begins_s) for n, one in enumerate(self.actor)),
            *((("patrol", n, "t_s", 0), one.t_s[0]) for n, one in enumerate(self.patrol)),
            *(
                (("crossings", n, "first_t_s"), one.first_t_s)
                for n, one in enumerate(self.crossings)
            ),
            *((("cable_event", n, "t_s"), one.t_s) for n, one in enumerate(self.cable_event)),
            *((("fault", n, "t_s"), one.t_s) for n, one in enumerate(self.fault)),
        ]
        for key, t_s in begins:
            if t_s >= end:
                raise misplaced(key, t_s, f"a time before the scene's end at duration_s = {end:g}")

    @property
    def start_ns(self) -> int:
        """The scene's start, nanoseconds since the epoch, UTC."""
        since = self.start - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000

    def cable_events(self, cable: str, from_s: float, to_s: float) -> tuple[CableEvent, ...]:
        """Give a cable's events that are under way at some time of a span, in the file's order."""
        return tuple(
            one
            for one in self.cable_event
            if one.at_cable == cable and one.t_s <= to_s and one.ends_s > from_s
        )
