"""Which alert is for what: the one rule by which alerts are matched with the truth.

An alert may be for an actor when it was raised in the actor's time and one of its first places is
near to where any member of the actor was. Among the actors that it may be for it goes to the
nearest; only where that leaves a crossing without any alert does it go to this one instead, and
only if this is not farther by more than a missed target costs in GOSPA (in squares: c^2 / 2).
Crossings that go together are taken as one. So an alert has one cause at most, several alerts may
have the same one, and the result depends neither on the order of alerts nor on that of the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from services.score.actors import NS, Actor, Role
from services.score.raised import Raised
from services.score.settings import ScoreSettings

FloatArray = npt.NDArray[np.float64]

_STEP_S = 0.25
"""Truth is looked up so densely within the time that an alert may lag; 10 m for a train."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What each alert is for.

    Attributes:
        groups: crossings that go together, as indices of actors; one alone is a group as well.
        group_of: for each alert its group, or None.
        actor_of: for each alert the nearest actor of what it is for, or None.
        apart_m: how far that actor was at best; infinite where there is none.
    """

    groups: tuple[tuple[int, ...], ...]
    group_of: tuple[int | None, ...]
    actor_of: tuple[int | None, ...]
    apart_m: tuple[float, ...]


def match(raised: Sequence[Raised], actors: Sequence[Actor], settings: ScoreSettings) -> Matched:
    """Match alerts with actors, by the rule of the module.

    Args:
        raised: alerts of one mark, each time that they were raised.
        actors: everyone of the truth and our own units; who would be a crossing and never came
            within reach explains nothing.
        settings: limits.
    """
    groups = going_together(actors, settings)
    single = [
        (index,)
        for index, actor in enumerate(actors)
        if actor.role in {Role.NUISANCE, Role.LAWFUL, Role.OWN_FORCE}
    ]
    causes = [*groups, *single]
    apart = np.full((len(raised), len(actors)), np.inf)
    for row, one in enumerate(raised):
        for column, actor in enumerate(actors):
            if actor.role is not Role.OUT_OF_REACH:
                apart[row, column] = apart_m(one, actor, settings)
    by_cause = np.full((len(raised), len(causes)), np.inf)
    for column, members in enumerate(causes):
        by_cause[:, column] = apart[:, list(members)].min(axis=1)
    chosen = choose(by_cause, len(groups), settings)
    actor_of: list[int | None] = []
    for row, column in enumerate(chosen):
        members = causes[column] if column >= 0 else ()
        actor_of.append(min(members, key=lambda index: (apart[row, index], index), default=None))
    return Matched(
        groups=tuple(groups),
        group_of=tuple(int(one) if 0 <= one < len(groups) else None for one in chosen),
        actor_of=tuple(actor_of),
        apart_m=tuple(
            float(by_cause[row, one]) if one >= 0 else float("inf")
            for row, one in enumerate(chosen)
        ),
    )


def choose(apart: FloatArray, crossings: int, settings: ScoreSettings) -> npt.NDArray[np.int64]:
    """For each alert the column of its cause, or -1.

    Args:
        apart: metres, shape (alert, cause); infinite where it cannot be. To the millimetre, so
            that ties are ties on every machine, and go to the earlier column.
        crossings: the first so many causes are crossings.
        settings: what a missed crossing costs.
    """
    chosen = np.full(len(apart), -1, dtype=np.int64)
    if not apart.size:
        return chosen
    apart = np.round(apart, 3)
    nearest = np.argmin(apart, axis=1)
    least = apart[np.arange(len(apart)), nearest]
    has = np.isfinite(least)
    chosen[has] = nearest[has]
    with np.errstate(invalid="ignore"):
        farther = apart[:, :crossings] ** 2 - least[:, np.newaxis] ** 2
    spared = 0.5 * settings.cut_off_m**2 - farther
    gain = np.where(np.isfinite(apart[:, :crossings]), np.maximum(spared, 0.0), 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    wins = gain[rows, columns] > 0.0
    chosen[rows[wins]] = columns[wins]
    return chosen


def apart_m(raised: Raised, actor: Actor, settings: ScoreSettings) -> float:
    """Metres from an alert to where an actor's nearest member was, at best.

    Infinite where it cannot be for it.
    """
    first_ns, last_ns = int(actor.at_ns[0]), int(actor.at_ns[-1])
    late_ns, lead_ns = round(settings.late_s * NS), round(settings.lead_s * NS)
    begin_ns, end_ns = first_ns - lead_ns, last_ns + late_ns
    if actor.role is Role.CROSSING:
        begin_ns = max(begin_ns, actor.enter_ns - round(settings.early_s * NS))
        end_ns = min(end_ns, actor.exit_ns + late_ns)
    if not begin_ns <= raised.at_ns <= end_ns:
        return float("inf")
    settled = (
        (raised.place_ns <= raised.at_ns + round(settings.settle_s * NS))
        & (raised.place_ns >= first_ns - lead_ns)
        & (raised.place_ns <= last_ns + late_ns)
    )
    if not settled.any():
        return float("inf")
    lags_ns = (np.arange(-settings.lag_s, settings.lead_s + 0.5 * _STEP_S, _STEP_S) * NS).astype(
        np.int64
    )
    at_ns = np.clip(raised.place_ns[settled, np.newaxis] + lags_ns, first_ns, last_ns)
    said = np.column_stack((raised.east_m, raised.north_m))[settled]
    away = actor.places(at_ns) - said[:, np.newaxis, np.newaxis]
    distance = np.hypot(away[..., 0], away[..., 1])
    unit = away / np.maximum(distance, 1e-9)[..., np.newaxis]
    variance = np.einsum("rlmi,rij,rlmj->rlm", unit, raised.covariance_m2[settled], unit)
    allowed_m = np.minimum(
        settings.gate_m + settings.gate_sigmas * np.sqrt(np.maximum(variance, 0.0)),
        settings.most_m,
    )
    if actor.head_only:
        allowed_m = allowed_m + settings.train_m
    fits = (distance <= allowed_m) & actor.is_known(at_ns)[..., np.newaxis]
    return float(distance[fits].min()) if fits.any() else float("inf")


def going_together(actors: Sequence[Actor], settings: ScoreSettings) -> list[tuple[int, ...]]:
    """Find the crossings that go together, as indices of actors in ascending order.

    Two do that share at least the stated part of the shorter one's time within reach and whose
    nearest members are never farther from each other in that time than stated; so do all that
    such pairs connect.
    """
    crossings = [index for index, one in enumerate(actors) if one.role is Role.CROSSING]
    leader = {index: index for index in crossings}

    def first_of(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for place, one in enumerate(crossings):
        for other in crossings[place + 1 :]:
            if _go_together(actors[one], actors[other], settings):
                low, high = sorted((first_of(one), first_of(other)))
                leader[high] = low
    groups: dict[int, list[int]] = {}
    for index in crossings:
        groups.setdefault(first_of(index), []).append(index)
    return [tuple(members) for _, members in sorted(groups.items())]


def _go_together(one: Actor, other: Actor, settings: ScoreSettings) -> bool:
    begin_ns = max(one.enter_ns, other.enter_ns)
    end_ns = min(one.exit_ns, other.exit_ns)
    shorter_ns = min(one.exit_ns - one.enter_ns, other.exit_ns - other.enter_ns)
    if end_ns < begin_ns or end_ns - begin_ns < settings.together_share * shorter_ns:
        return False
    knots = np.concatenate((one.at_ns, other.at_ns, [begin_ns, end_ns]))
    # Both move straight between points, so two members are farthest apart at one of these.
    at_ns = np.unique(knots[(knots >= begin_ns) & (knots <= end_ns)])
    nearest_m = np.full(at_ns.size, np.inf)
    others = other.places(at_ns)
    for member in np.moveaxis(one.places(at_ns), 1, 0):
        away = others - member[:, np.newaxis]
        nearest_m = np.minimum(nearest_m, np.hypot(away[..., 0], away[..., 1]).min(axis=1))
    return bool(nearest_m.max() <= settings.together_m)
