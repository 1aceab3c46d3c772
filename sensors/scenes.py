"""Scene files: what happens along the border, written by hand as TOML.

A scene names a seed, a time and the actors; simulators make the sensors' messages of it, and
:mod:`sensors.truth` says what truly was where. ``chainage_m`` and ``offset_m`` mean the point on
the smoothed border line and the offset along its normal (positive: Romanian side), converted to
the plane once; between waypoints motion is straight in the plane. Times ``t_s`` count from the
scene's start. What is not simulated yet is refused, so that no scene seems to hold what it lacks.
"""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from geo.errors import SceneError
from geo.toml_lines import locate
from sensors.messages import ObjectClass

MAX_SPEED_MPS = 90.0
"""No actor moves faster: 320 km/h, a small aircraft; faster is a slip of the pen (assumed)."""


class ActorClass(StrEnum):
    """What an actor is."""

    PERSON = "person"
    VEHICLE = "vehicle"
    TRUCK = "truck"
    BOAT = "boat"
    ANIMAL = "animal"
    DRONE = "drone"

    @property
    def object_class(self) -> ObjectClass:
        """The class that a sensor at its best would report."""
        return ObjectClass.VEHICLE if self is ActorClass.TRUCK else ObjectClass(self.value)


class Behaviour(StrEnum):
    """How an actor moves and what it does to the ground."""

    WALK = "walk"
    RUN = "run"
    DIG = "dig"
    DRIVE = "drive"
    STAND = "stand"


_NOT_YET = {
    "train": "trains are not simulated yet",
    "crawl": "crawling is not simulated yet",
    "saw": "sawing is not simulated yet",
    "wade": "wading is not simulated yet",
    "stuck": "this fault is not simulated yet",
    "flood": "this fault is not simulated yet",
    "restart": "this fault is not simulated yet",
    "weather": "weather is not simulated yet",
    "cable_event": "cable events are not simulated yet",
    "background": "recorded backgrounds are not simulated yet",
}

_GROUND = {ActorClass.PERSON, ActorClass.ANIMAL}
_MAY = {
    Behaviour.WALK: _GROUND,
    Behaviour.RUN: _GROUND,
    Behaviour.DIG: {ActorClass.PERSON},
    Behaviour.DRIVE: {ActorClass.VEHICLE, ActorClass.TRUCK, ActorClass.BOAT, ActorClass.DRONE},
    Behaviour.STAND: set(ActorClass),
}


def _known(value: object) -> object:
    if isinstance(value, str) and value in _NOT_YET:
        raise ValueError(f"another value; {_NOT_YET[value]}, leave it out")
    return value


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time with its zone, such as 2026-03-01T01:00:00Z")
    return value.astimezone(UTC)


class _Strict(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _is_simulated(cls, value: object) -> object:
        if isinstance(value, Mapping):
            for key in value:
                if key in _NOT_YET and key not in cls.model_fields:
                    raise ValueError(f"no {key}; {_NOT_YET[key]}, leave it out")
        return value


ActorId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Chainage = Annotated[float, Field(ge=0.0, le=1_000_000.0)]
Offset = Annotated[float, Field(ge=-20_000.0, le=20_000.0)]
Seconds = Annotated[float, Field(ge=0.0, le=1e9)]
Waypoint = tuple[Chainage, Offset, Seconds]
LonLatWaypoint = tuple[
    Annotated[float, Field(ge=-180.0, le=180.0)],
    Annotated[float, Field(ge=-90.0, le=90.0)],
    Seconds,
]


class Actor(_Strict):
    """One actor, or a group that keeps together, with a path of its own.

    Attributes:
        waypoints: (chainage_m, offset_m, t_s) in order of time; an actor that stands or digs
            may have one only and then stays for ``duration_s``.
        waypoints_lonlat: (longitude, latitude, t_s) instead.
        duration_s: how long an actor with a single waypoint is there.
        reports_position_every_s: own forces only: the site's mobile sensor whose name is the
            actor's id says its position each so many seconds.
    """

    id: ActorId
    actor_class: Annotated[ActorClass, BeforeValidator(_known)] = Field(alias="class")
    count: int = Field(1, ge=1, le=50)
    behaviour: Annotated[Behaviour, BeforeValidator(_known)]
    waypoints: tuple[Waypoint, ...] = ()
    waypoints_lonlat: tuple[LonLatWaypoint, ...] = ()
    duration_s: float | None = Field(None, gt=0.0)
    own_force: bool = False
    reports_position_every_s: float = Field(0.0, ge=0.0, le=3_600.0)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.actor_class not in _MAY[self.behaviour]:
            classes = ", ".join(sorted(_MAY[self.behaviour]))
            raise ValueError(f"behaviour {self.behaviour} only with class {classes}")
        if bool(self.waypoints) == bool(self.waypoints_lonlat):
            raise ValueError("either waypoints or waypoints_lonlat, with one waypoint at least")
        times = [point[2] for point in self.waypoints or self.waypoints_lonlat]
        if any(second <= first for first, second in pairwise(times)):
            raise ValueError(f"waypoints in order of t_s, each later than the last, not {times}")
        if len(times) == 1:
            if self.behaviour not in {Behaviour.STAND, Behaviour.DIG}:
                raise ValueError(f"two waypoints or more for behaviour {self.behaviour}")
            if self.duration_s is None:
                raise ValueError("duration_s: an actor with one waypoint stays for so long")
        elif self.duration_s is not None:
            raise ValueError("no duration_s: the waypoints' times say how long the actor is there")
        if self.reports_position_every_s and not self.own_force:
            raise ValueError("own_force = true where an actor reports its position")
        return self


class Crossings(_Strict):
    """Crossings that keep beginning somewhere along the border, drawn from the scene's seed.

    Attributes:
        first_t_s: when the first one begins.
        every_s: one begins in each further such interval, at a drawn moment of its first half.
        first_chainage_m: where the first one is; drawn like the others when left out.
        chainage_m: stretch from which places are drawn.
        from_offset_m: where they begin, from the border line.
        to_offset_m: where they end.
        count: least and most that go together.
        speed_mps: least and most speed.
    """

    id: ActorId = "crossing"
    actor_class: Annotated[ActorClass, BeforeValidator(_known)] = Field(
        ActorClass.PERSON, alias="class"
    )
    behaviour: Annotated[Behaviour, BeforeValidator(_known)] = Behaviour.WALK
    first_t_s: Seconds = 0.0
    every_s: float = Field(gt=0.0, le=1e6)
    first_chainage_m: Chainage | None = None
    chainage_m: tuple[Chainage, Chainage]
    from_offset_m: Offset = -150.0
    to_offset_m: Offset = 250.0
    count: tuple[int, int] = (1, 1)
    speed_mps: tuple[float, float] = (0.9, 1.6)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.actor_class not in _MAY[self.behaviour]:
            classes = ", ".join(sorted(_MAY[self.behaviour]))
            raise ValueError(f"behaviour {self.behaviour} only with class {classes}")
        if self.behaviour in {Behaviour.STAND, Behaviour.DIG}:
            raise ValueError(f"a behaviour that moves, not {self.behaviour}")
        if not 0 < self.count[0] <= self.count[1] <= 50:
            raise ValueError(f"count = [least, most] from 1 to 50, not {list(self.count)}")
        if not 0.0 < self.speed_mps[0] <= self.speed_mps[1] <= MAX_SPEED_MPS:
            raise ValueError(f"speed_mps = [least, most] up to {MAX_SPEED_MPS:g}")
        if not self.chainage_m[0] < self.chainage_m[1]:
            raise ValueError("chainage_m = [least, most], the second larger")
        if self.from_offset_m == self.to_offset_m:
            raise ValueError("to_offset_m other than from_offset_m: a crossing goes somewhere")
        return self


FaultKind = Literal["silent", "duplicate", "reorder", "late", "skew", "corrupt"]


class Fault(_Strict):
    """A sensor's messages go wrong for a while.

    Attributes:
        kind: silent (nothing is sent), duplicate (all twice), reorder (pairs swap places),
            late (sent 2 s late), skew (its clock is 30 s fast), corrupt (payload cut in half).
            Frames of fibre can only be silent.
    """

    sensor: ActorId
    t_s: Seconds
    duration_s: float = Field(gt=0.0)
    kind: Annotated[FaultKind, BeforeValidator(_known)]


class Scene(_Strict):
    """A whole scene.

    Attributes:
        duration_s: None goes on until it is ended.
        site: "default", or a site file's path.
        sensors: name patterns (``*`` allowed) of the sensors that take part; all when empty.
        within_m: of these, only sensors within so many metres of any actor's waypoint.
        fibre_window_m: fibre sends only channels within so many metres of any actor's path, as a
            shorter frame with ``first_channel``; for quick runs, with actors only.
        raw_thermal: at most two thermal cameras that send raw frames in place of reports.
        own_forces: the site's patrols, vehicles, boats and drones move along the border and say
            where they are.
    """

    name: str = Field(min_length=1, max_length=200)
    seed: int = Field(ge=0, lt=2**32)
    start: Annotated[datetime, AfterValidator(_zoned)]
    duration_s: float | None = Field(None, gt=0.0, le=1e8)
    site: str = "default"
    sensors: tuple[str, ...] = ()
    within_m: float | None = Field(None, gt=0.0)
    fibre_window_m: float | None = Field(None, gt=0.0)
    raw_thermal: tuple[ActorId, ...] = Field((), max_length=2)
    own_forces: bool = True
    actor: tuple[Actor, ...] = ()
    crossings: tuple[Crossings, ...] = ()
    fault: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [one.id for one in self.actor] + [one.id for one in self.crossings]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each id once; {', '.join(twice)} stands there again")
        windows = self.within_m is not None or self.fibre_window_m is not None
        if windows and (self.crossings or not self.actor):
            raise ValueError(
                "within_m and fibre_window_m only with [[actor]], without [[crossings]]"
            )
        return self

    @property
    def start_ns(self) -> int:
        """The scene's start, nanoseconds since the epoch, UTC."""
        since = self.start - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def load(path: Path) -> Scene:
    """Read a scene file.

    Raises:
        SceneError: naming file, line, key and value of every fault, and what was wanted.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SceneError(f"{path}: wanted a readable scene file in UTF-8 ({error})") from error
    return parse(text, str(path))


def parse(text: str, name: str = "scene") -> Scene:
    """Read a scene from its text; ``name`` stands in the messages.

    Raises:
        SceneError: naming line, key and value of every fault, and what was wanted.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SceneError(f"{name}: wanted TOML: {error}") from error
    try:
        return Scene.model_validate(values)
    except ValidationError as error:
        lines = [_sentence(fault, text, name) for fault in error.errors(include_url=False)]
        raise SceneError("\n".join(dict.fromkeys(lines))) from error


def _sentence(fault: Any, text: str, name: str) -> str:
    location: tuple[str | int, ...] = fault["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    value = repr(fault["input"])
    shown = value if len(value) <= 80 else value[:77] + "..."
    wanted = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        known = f"; {_NOT_YET[str(location[-1])]}" if location[-1] in _NOT_YET else ""
        wanted = f"a key of the scene format{known}; remove it"
    elif fault["type"] == "missing":
        shown, wanted = "missing", "this key"
    return (
        f"{name}:{_line(text, location)}: {key.lstrip('.') or 'scene'} is {shown}: wanted {wanted}"
    )


def _line(text: str, location: tuple[str | int, ...]) -> int:
    """Line, from 1, of the deepest part of a location that stands in the text."""
    lines = locate(text)
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)
