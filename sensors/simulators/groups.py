"""Groups: what belongs together in a scene, and how its members go."""

from dataclasses import dataclass, replace

from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.engines import train_m
from sensors.simulators.motion import Body, Path, members, seeded
from sensors.simulators.ways import behind, wandering

# At what distance one follows the other in a column, metres (assumed).
_GAPS_M = {
    ActorClass.VEHICLE: 30.0,
    ActorClass.TRUCK: 50.0,
    ActorClass.BOAT: 40.0,
}


@dataclass(frozen=True)
class Group:
    """An actor as the truth knows it: what belongs together.

    Attributes:
        id: the actor's id; for one of many crossings the id and its number.
        bodies: its members, the first one on the path.
        lawful: whether it may be there without being one of ours.
    """

    id: str
    actor_class: ActorClass
    bodies: tuple[Body, ...]
    reports_every_s: float = 0.0
    lawful: bool = False

    @property
    def path(self) -> Path:
        """Path of the first member."""
        return self.bodies[0].path

    @property
    def behaviour(self) -> Behaviour:
        """What its members do."""
        return self.bodies[0].behaviour

    @property
    def own_force(self) -> bool:
        """Whether it is one of ours."""
        return self.bodies[0].own_force


def bodies_of(
    name: str,
    count: int,
    actor_class: ActorClass,
    behaviour: Behaviour,
    path: Path,
    seed: int,
    *,
    own_force: bool = False,
) -> tuple[Body, ...]:
    """Make the members of a group: a column where they drive, a herd that strays, or side by side.

    All of them are there from the path's first moment to its last.
    """
    made = members(name, count, actor_class, behaviour, path, seed, own_force=own_force)
    if actor_class is ActorClass.TRAIN:
        starts = train_m(count - 1)
        return tuple(
            replace(body, path=behind(path, starts[n]), aside_m=(0.0, 0.0), drawn=True)
            if n
            else replace(body, wagons=count - 1)
            for n, body in enumerate(made)
        )
    gap_m = _GAPS_M.get(actor_class)
    if gap_m is not None and behaviour is Behaviour.DRIVE:
        return tuple(
            replace(body, path=behind(path, n * gap_m), aside_m=(0.0, 0.0)) if n else body
            for n, body in enumerate(made)
        )
    if actor_class is ActorClass.ANIMAL:
        return tuple(
            replace(body, path=wandering(path, seeded(seed, "straying", body.name))) if n else body
            for n, body in enumerate(made)
        )
    return tuple(made)
