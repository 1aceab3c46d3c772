"""The tables of a scene: one model each, the only definition of the scene file's keys."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sensors.scenes.kinds import (
    ActorClass,
    Behaviour,
    CableEventKind,
    FaultKind,
    check_pair,
    top_speed_mps,
)


class Table(BaseModel):
    """What all tables have in common: frozen, unknown keys refused, no NaN."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )


# Limits refuse slips of the pen; nothing at this border is larger (assumed).
Id = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Chainage = Annotated[float, Field(ge=0.0, le=1_000_000.0)]
Offset = Annotated[float, Field(ge=-20_000.0, le=20_000.0)]
Seconds = Annotated[float, Field(ge=0.0, le=1e9)]
Duration = Annotated[float, Field(gt=0.0, le=1e9)]
ReportsEvery = Annotated[float, Field(ge=0.0, le=3_600.0)]
Waypoint = tuple[Chainage, Offset, Seconds]
LonLatWaypoint = tuple[
    Annotated[float, Field(ge=-180.0, le=180.0)],
    Annotated[float, Field(ge=-90.0, le=90.0)],
    Seconds,
]


class Weather(Table):
    """The weather of the whole scene; calm, dry and clear where nothing is said.

    Attributes:
        wind_mps: mean at 10 m above the ground.
        rain_mm_h: 2 is light, 8 heavy, 50 a cloudburst.
        temperature_c: of air and ground.
        visibility_m: meteorological; below 1,000 is fog.
    """

    wind_mps: float = Field(default=0.0, ge=0.0, le=60.0)
    rain_mm_h: float = Field(default=0.0, ge=0.0, le=200.0)
    temperature_c: float = Field(default=10.0, ge=-40.0, le=50.0)
    visibility_m: float = Field(default=20_000.0, ge=10.0, le=100_000.0)


class Actor(Table):
    """One actor, or a group that keeps together, with a path of its own.

    Attributes:
        id: its name in the truth; with ``reports_position_every_s`` that of a mobile sensor.
        count: how many; of a train, locomotive and wagons.
        waypoints: (chainage_m, offset_m, t_s) in order of time; an actor that stands, digs, saws
            or taps may have one only and then stays for ``duration_s``.
        waypoints_lonlat: (longitude, latitude, t_s) instead.
        duration_s: how long an actor with a single waypoint, or one that goes back and forth, is
            there.
        back_and_forth: goes along its waypoints there and back again until ``duration_s`` is over.
        own_force: one of ours.
        lawful: may be there, as farm workers at the line; neither a crossing nor one of ours.
        reports_position_every_s: own forces only: the site's mobile sensor whose name is the
            actor's id says its position each so many seconds.
    """

    id: Id
    actor_class: ActorClass = Field(alias="class")
    count: int = Field(1, ge=1, le=50)
    behaviour: Behaviour
    waypoints: tuple[Waypoint, ...] = ()
    waypoints_lonlat: tuple[LonLatWaypoint, ...] = ()
    duration_s: Duration | None = None
    back_and_forth: bool = False
    own_force: bool = False
    lawful: bool = False
    reports_position_every_s: ReportsEvery = 0.0

    @property
    def begins_s(self) -> float:
        """When it comes into the scene."""
        return (self.waypoints or self.waypoints_lonlat)[0][2]

    @property
    def way_key(self) -> str:
        """Which of its two keys says where it goes."""
        return "waypoints" if self.waypoints else "waypoints_lonlat"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        check_pair(self.actor_class, self.behaviour)
        if bool(self.waypoints) == bool(self.waypoints_lonlat):
            raise ValueError("either waypoints or waypoints_lonlat, with one waypoint at least")
        times = [point[2] for point in self.waypoints or self.waypoints_lonlat]
        if any(second <= first for first, second in pairwise(times)):
            raise ValueError(f"waypoints in order of t_s, each later than the last, not {times}")
        if len(times) == 1 and (self.back_and_forth or not self.behaviour.stays):
            raise ValueError(f"two waypoints or more for behaviour {self.behaviour}")
        if (len(times) == 1 or self.back_and_forth) and self.duration_s is None:
            raise ValueError(
                "duration_s: an actor with one waypoint, or back_and_forth, is there for so long"
            )
        if len(times) > 1 and not self.back_and_forth and self.duration_s is not None:
            raise ValueError("no duration_s: the waypoints' times say how long the actor is there")
        if self.reports_position_every_s and not self.own_force:
            raise ValueError("own_force = true where an actor reports its position")
        if self.own_force and self.lawful:
            raise ValueError("either own_force or lawful: own forces need no leave")
        return self


class Patrol(Table):
    """A patrol of ours by plan: where and when it goes along the border, there and back.

    Attributes:
        id: its name in the truth; with ``reports_position_every_s`` that of a mobile sensor.
        joint: together with the neighbour's police; for people, sensors see no difference.
        chainage_m: the stretch of its beat, from where it begins to where it turns.
        offset_m: how far from the border line it goes.
        t_s: from when to when.
        speed_mps: on its way.
    """

    id: Id
    actor_class: ActorClass = Field(ActorClass.PERSON, alias="class")
    count: int = Field(2, ge=1, le=50)
    joint: bool = False
    chainage_m: tuple[Chainage, Chainage]
    offset_m: Offset = 40.0
    t_s: tuple[Seconds, Seconds]
    speed_mps: float = Field(1.2, gt=0.0)
    reports_position_every_s: ReportsEvery = 0.0

    @property
    def behaviour(self) -> Behaviour:
        """On foot or on wheels."""
        return Behaviour.WALK if self.actor_class is ActorClass.PERSON else Behaviour.DRIVE

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.actor_class in {ActorClass.ANIMAL, ActorClass.TRAIN}:
            raise ValueError("class person, vehicle, truck, boat or drone for a patrol")
        if self.chainage_m[0] == self.chainage_m[1]:
            raise ValueError("chainage_m = [from, to], two places")
        if not self.t_s[0] < self.t_s[1]:
            raise ValueError(f"t_s = [from, to], the second later, not {list(self.t_s)}")
        _check_speed(self.actor_class, self.behaviour, self.speed_mps)
        return self


class Crossings(Table):
    """Crossings that keep beginning somewhere along the border, drawn from the scene's seed.

    Attributes:
        first_t_s: when the first one begins.
        every_s: one begins in each further such interval, at a drawn moment of its first half.
        first_chainage_m: where the first one is; drawn like the others when left out.
        chainage_m: stretch from which places are drawn.
        at_crossing: instead, the site's border crossing through which they go; they are lawful.
        stop_s: least and most that they wait at the line, as at a border crossing's booths.
        from_offset_m: where they begin, from the border line.
        to_offset_m: where they end.
        count: least and most that go together.
        speed_mps: least and most speed.
    """

    id: Id = "crossing"
    actor_class: ActorClass = Field(ActorClass.PERSON, alias="class")
    behaviour: Behaviour = Behaviour.WALK
    first_t_s: Seconds = 0.0
    every_s: float = Field(gt=0.0, le=1e6)
    first_chainage_m: Chainage | None = None
    chainage_m: tuple[Chainage, Chainage] | None = None
    at_crossing: Id | None = None
    stop_s: tuple[Seconds, Seconds] = (0.0, 0.0)
    from_offset_m: Offset = -150.0
    to_offset_m: Offset = 250.0
    count: tuple[int, int] = (1, 1)
    speed_mps: tuple[float, float] = (0.9, 1.6)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        check_pair(self.actor_class, self.behaviour)
        if self.behaviour.stays:
            raise ValueError(f"a behaviour that moves, not {self.behaviour}")
        if not 0 < self.count[0] <= self.count[1] <= 50:
            raise ValueError(f"count = [least, most] from 1 to 50, not {list(self.count)}")
        if not 0.0 < self.speed_mps[0] <= self.speed_mps[1]:
            raise ValueError(f"speed_mps = [least, most], above 0, not {list(self.speed_mps)}")
        _check_speed(self.actor_class, self.behaviour, self.speed_mps[1])
        if (self.chainage_m is None) == (self.at_crossing is None):
            raise ValueError("either chainage_m or at_crossing: where they cross")
        if self.at_crossing is not None and self.first_chainage_m is not None:
            raise ValueError("no first_chainage_m with at_crossing: all go through one place")
        if self.chainage_m is not None and not self.chainage_m[0] < self.chainage_m[1]:
            raise ValueError("chainage_m = [least, most], the second larger")
        if not self.stop_s[0] <= self.stop_s[1]:
            raise ValueError(f"stop_s = [least, most], not {list(self.stop_s)}")
        if self.from_offset_m == self.to_offset_m:
            raise ValueError("to_offset_m other than from_offset_m: a crossing goes somewhere")
        if self.stop_s[1] and self.from_offset_m * self.to_offset_m >= 0.0:
            raise ValueError("from_offset_m and to_offset_m on both sides: they stop at the line")
        return self


class CableEvent(Table):
    """Something done to a fibre cable.

    Attributes:
        at_cable: the site's cable.
        distance_m: cable distance from the interrogator.
        t_s: when it happens.
        duration_s: for how long; None is for good (a bend may be let go, a plug put back).
        kind: cut (a blow, then nothing comes back from beyond), bend (less light from beyond),
            disconnect (nothing from beyond, without a blow).
    """

    at_cable: Id
    distance_m: float = Field(ge=0.0, le=100_000.0)
    t_s: Seconds
    duration_s: Duration | None = None
    kind: CableEventKind

    @property
    def ends_s(self) -> float:
        """When it is over."""
        return float("inf") if self.duration_s is None else self.t_s + self.duration_s

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kind == "cut" and self.duration_s is not None:
            raise ValueError("no duration_s: a cut cable is not mended within a scene")
        return self


class Fault(Table):
    """A sensor's messages go wrong for a while.

    Attributes:
        kind: silent (nothing is sent), duplicate (all twice), reorder (pairs swap places),
            late (sent 2 s late), skew (its clock is 30 s fast), corrupt (payload cut in half),
            stuck (the last report, pose or frame again under new numbers and times; of a fibre
            its last quarter of a second), flood (20 times as many reports and poses; a fibre's
            frames in 20 pieces each), restart (nothing, then a new session).
    """

    sensor: Id
    t_s: Seconds
    duration_s: Duration
    kind: FaultKind


def misplaced(place: tuple[str | int, ...], value: object, wanted: str) -> PydanticCustomError:
    """Make the fault of a value that a table holds far below, found while the table is checked.

    Args:
        place: keys and row numbers on the way to it.
        value: what stands there.
        wanted: instead.
    """
    return PydanticCustomError("misplaced", "{wanted}", {"wanted": wanted, "at": (place, value)})


def _check_speed(actor_class: ActorClass, behaviour: Behaviour, speed_mps: float) -> None:
    top = top_speed_mps(actor_class, behaviour)
    if speed_mps > top:
        raise ValueError(
            f"speed_mps up to {top:g} for class {actor_class} that does {behaviour}, "
            f"not {speed_mps:g}"
        )
