"""One run against its truth: what became of each crossing, and what each alert was for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geo.site import Site
from sensors.messages import Mark, ObjectClass
from sensors.truth import TruthPoint
from services.events import Alert, Detection, Track
from services.score.actors import NS, Actor, Role, actors_of, own_units
from services.score.coverage import Channels, watched_km
from services.score.matching import Matched, match
from services.score.raised import Raised, raised_of
from services.score.rows import AlertRow, CrossingRow, NuisanceRow, Scored, Verdict
from services.score.settings import ScoreSettings
from services.score.tracking import score_tracks

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A sensor whose messages went wrong for a while."""

    sensor: str
    kind: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a run over an input left, apart from its conclusions.

    Attributes:
        name: of the run.
        site: as valid at its time.
        begin_ns: first time of its input.
        end_ns: last.
        mark: of what counts in it.
        sensors: that sent anything, by name; for a fibre with the channels of its frames. None
            where it is not known, and with it no rate.
        faults: that its scene had.
        messages_lost: gaps in sequence numbers.
        messages_rejected: refused.
    """

    name: str
    site: Site
    begin_ns: int
    end_ns: int
    mark: Mark
    sensors: Mapping[str, Channels | None] | None = None
    faults: tuple[FaultSpan, ...] = ()
    messages_lost: int = 0
    messages_rejected: int = 0


def judge(
    run: Run,
    truth: Iterable[TruthPoint],
    alerts: Iterable[Alert],
    tracks: Iterable[Track],
    own_reports: Iterable[Detection],
    settings: ScoreSettings,
) -> Scored:
    """Judge a run.

    Args:
        run: what it was.
        truth: of its input.
        alerts: all revisions.
        tracks: all revisions.
        own_reports: detections that are positions of our own units.
        settings: limits.

    Raises:
        SceneError: truth that contradicts itself.
    """
    actors = actors_of(truth)
    everyone = [*actors, *own_units(own_reports, settings.own_report_s)]
    all_raised = raised_of(alerts)
    raised = [one for one in all_raised if one.mark is run.mark]
    matched = match(raised, everyone, settings)
    return Scored(
        run=run.name,
        crossings=tuple(_crossings(run, everyone, raised, matched)),
        nuisances=tuple(_nuisances(run, everyone, raised, matched)),
        alerts=tuple(
            _alert(run.name, one, everyone, matched, index) for index, one in enumerate(raised)
        ),
        tracks=score_tracks(tracks, actors, run.begin_ns, run.end_ns, run.mark, settings),
        km=None if run.sensors is None else watched_km(run.site, run.sensors),
        days=(run.end_ns - run.begin_ns) / NS / _DAY_S,
        other_marks=len(all_raised) - len(raised),
        messages_lost=run.messages_lost,
        messages_rejected=run.messages_rejected,
    )


def _alert(
    run: str, raised: Raised, actors: Sequence[Actor], matched: Matched, index: int
) -> AlertRow:
    number = matched.actor_of[index]
    actor = None if number is None else actors[number]
    return AlertRow(
        run=run,
        alert=raised.alert,
        number=raised.number,
        at_ns=raised.at_ns,
        chainage_m=raised.chainage_m,
        offset_m=raised.offset_m,
        east_m=float(raised.east_m[0]),
        north_m=float(raised.north_m[0]),
        said=raised.classes[-1],
        severity=max(raised.severities),
        verdict=_verdict(raised, actor),
        actor=None if actor is None else actor.id,
        away_m=None if actor is None else matched.apart_m[index],
    )


def _verdict(raised: Raised, actor: Actor | None) -> Verdict:
    if actor is None:
        # Truth has no weather in it, so an alert that says weather cannot be refuted; it is
        # counted by itself, and with all that was put before an operator.
        is_weather = raised.says_only(ObjectClass.WEATHER)
        return Verdict.WEATHER if is_weather else Verdict.CAUSELESS
    if actor.role is Role.OWN_FORCE:
        return Verdict.OWN_FORCE
    if actor.role is Role.LAWFUL:
        return Verdict.LAWFUL
    if actor.role is Role.NUISANCE:
        if raised.says_only(ObjectClass.WEATHER):
            return Verdict.WEATHER
        is_named = raised.says_only(actor.object_class)
        return Verdict.NAMED if is_named else Verdict.CAUSELESS
    return Verdict.CROSSING


def _crossings(
    run: Run, actors: Sequence[Actor], raised: Sequence[Raised], matched: Matched
) -> Iterable[CrossingRow]:
    cables = shapely.MultiLineString([run.site.cable(row.id).line for row in run.site.cables])
    for number, members in enumerate(matched.groups):
        alerts = [
            one for one, group in zip(raised, matched.group_of, strict=True) if group == number
        ]
        first = alerts[0] if alerts else None
        for index in members:
            actor = actors[index]
            faults, blinded = _faults(actor, run.faults)
            yield CrossingRow(
                run=run.name,
                actor=actor.id,
                kind=actor.kind,
                object_class=actor.object_class,
                count=actor.count,
                enter_ns=actor.enter_ns,
                chainage_m=_chainage(run.site, actor),
                cable_m=_cable_m(cables, actor),
                lawful_zone=_in_lawful_zone(run.site, actor),
                group=actors[members[0]].id,
                alerts=len(alerts),
                actionable=sum(one.is_actionable for one in alerts),
                delay_s=None if first is None else (first.at_ns - actor.enter_ns) / NS,
                error_m=None if first is None else _error_m(first, [actors[m] for m in members]),
                said_first=None if first is None else first.classes[0],
                said=None if first is None else first.classes[-1],
                faults=faults,
                blinded=blinded,
            )


def _nuisances(
    run: Run, actors: Sequence[Actor], raised: Sequence[Raised], matched: Matched
) -> Iterable[NuisanceRow]:
    for index, actor in enumerate(actors):
        if actor.role is Role.NUISANCE and actor.within.any():
            said = [
                one.classes[-1]
                for one, cause in zip(raised, matched.actor_of, strict=True)
                if cause == index
            ]
            yield NuisanceRow(run.name, actor.id, actor.object_class, said[-1] if said else None)


def _error_m(raised: Raised, members: Sequence[Actor]) -> float:
    places = np.concatenate([actor.places(raised.at_ns) for actor in members])
    away = places - (raised.east_m[0], raised.north_m[0])
    return float(np.hypot(away[:, 0], away[:, 1]).min())


def _chainage(site: Site, actor: Actor) -> float:
    chainage, _ = site.border.chainage(*actor.places(actor.enter_ns)[0])
    return float(chainage)


def _cable_m(cables: shapely.MultiLineString, actor: Actor) -> float | None:
    if cables.is_empty:
        return None
    places = np.stack((actor.east_m, actor.north_m), axis=-1)
    # Where it was between two points both within reach; nothing is known of it in a gap.
    stays = actor.within[:-1] & actor.within[1:]
    steps = np.stack((places[:-1][stays], places[1:][stays]), axis=-2).reshape(-1, 2, 2)
    parts = [
        shapely.MultiPoint(places[actor.within].reshape(-1, 2)),
        shapely.MultiLineString(list(steps)),
    ]
    return float(shapely.distance(cables, shapely.GeometryCollection(parts)))


def _in_lawful_zone(site: Site, actor: Actor) -> bool:
    east, north = actor.east_m[actor.within].ravel(), actor.north_m[actor.within].ravel()
    return bool((site.lawful_zones.first(east, north) >= 0).all())


def _faults(actor: Actor, faults: Sequence[FaultSpan]) -> tuple[tuple[str, ...], bool]:
    """Kinds of faults that an actor came across, and whether they left no sensor to hear it."""
    kinds: set[str] = set()
    blinded = True
    for at_ns, names in zip(actor.at_ns.tolist(), actor.near, strict=True):
        now = [one for one in faults if one.begin_ns <= at_ns < one.end_ns and one.sensor in names]
        kinds.update(one.kind for one in now)
        blinded = blinded and set(names) == {one.sensor for one in now}
    return tuple(sorted(kinds)), blinded and bool(kinds)
