"""How soon and how near alerts of a case came: by the cable itself, not by reach or plane.

``straja score`` counts delays from entering the reach of any sensor and errors in the plane, for
sensors of every kind. Fibre alone is asked for more: seconds from the first moment over the cable,
and metres along it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geo.site import Site
from services.run.scoring import Pair, ReadRun
from services.score.actors import NS, Actor, actors_of
from services.score.intervals import Estimate, median, share
from services.score.rows import AlertRow, Scored, Verdict

SOON_S = 30.0
"""An alert for who digs is wanted within this."""

NEAR_M = 20.0
"""A cut is wanted located within this."""

SEED = 1
"""Of the bootstrap, as for ``straja score``."""


@dataclass(frozen=True, slots=True)
class Found:
    """How the first alert for a crossing was.

    Attributes:
        run: of the crossing; crossings of one run are no independent observations of its land,
            but each is at its own place.
        delay_s: from entering reach; None where there was no alert.
        over_s: from the first moment over the cable; None also where it never was over it.
        along_m: along the cable, from the alert to where its crossing then was.
    """

    run: str
    actor: str
    delay_s: float | None
    over_s: float | None
    along_m: float | None


class Nearness:
    """Told of each run that is scored; gives figures over all of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._found: list[Found] = []

    def __call__(self, _pair: Pair, read: ReadRun, scored: Scored) -> None:
        """Take one run."""
        actors = {actor.id: actor for actor in actors_of(read.truth)}
        alerts = sorted(
            (row for row in scored.alerts if row.verdict is Verdict.CROSSING),
            key=lambda row: row.at_ns,
        )
        first = {row.actor: row for row in reversed(alerts)}
        for row in scored.crossings:
            alert = first.get(row.actor)
            if alert is None:
                self._found.append(Found(read.run.name, row.actor, None, None, None))
                continue
            actor = actors[row.actor]
            over_ns = over_cable_ns(read.run.site, actor)
            here = _nearest(actor, alert)
            self._found.append(
                Found(
                    read.run.name,
                    row.actor,
                    (alert.at_ns - actor.enter_ns) / NS,
                    None if over_ns is None else (alert.at_ns - over_ns) / NS,
                    _along_m(read.run.site, (alert.east_m, alert.north_m), here),
                )
            )

    def figures(self) -> dict[str, Any]:
        """Shares and medians, each with its 95 % interval."""
        of = len(self._found)
        soon = sum(one.delay_s is not None and one.delay_s <= SOON_S for one in self._found)
        near = sum(one.along_m is not None and one.along_m <= NEAR_M for one in self._found)
        return {
            **_values("pd_in_30_s", share(soon, of), 4),
            **_values("pd_within_20_m", share(near, of), 4),
            **self._median("median_delay_over_cable_s", "over_s"),
            **self._median("median_error_along_m", "along_m"),
        }

    def _median(self, key: str, name: str) -> dict[str, Any]:
        known = [
            (float(value), (one.run, one.actor))
            for one in self._found
            if (value := getattr(one, name)) is not None
        ]
        return _values(
            key, median([value for value, _ in known], [who for _, who in known], SEED), 2
        )


def over_cable_ns(site: Site, actor: Actor) -> int | None:
    """When any of an actor first is over any cable, straight between its points; None if never."""
    if actor.kind == "cable_event":
        return int(actor.at_ns[0])
    cables = shapely.MultiLineString([site.cable(row.id).line for row in site.cables])
    places = np.stack((actor.east_m, actor.north_m), axis=-1)
    if len(places) < 2:
        return None
    steps = np.asarray(shapely.linestrings(np.stack((places[:-1], places[1:]), axis=-2)))
    index, members = np.nonzero(shapely.intersects(steps, cables))
    if not index.size:
        return None
    first = index == index[0]
    begin, end = (int(one) for one in actor.at_ns[index[0] : index[0] + 2])
    from_m, to_m = places[index[0], members[first]], places[index[0] + 1, members[first]]
    crossed = shapely.intersection(steps[index[0], members[first]], cables)
    apart = shapely.distance(shapely.points(from_m), crossed)
    share_of = apart / np.maximum(np.hypot(*(to_m - from_m).T), 1e-9)
    return begin + round(float(share_of.min()) * (end - begin))


def _nearest(actor: Actor, alert: AlertRow) -> tuple[float, float]:
    """Where the member was that was nearest to an alert when it was raised."""
    places = actor.places(alert.at_ns)
    away = places - (alert.east_m, alert.north_m)
    east, north = places[int(np.hypot(away[:, 0], away[:, 1]).argmin())].tolist()
    return east, north


def _along_m(site: Site, one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres along the cable that is nearest to the second place, from foot to foot."""
    lines = [site.cable(row.id).line for row in site.cables]
    place = shapely.Point(*other)
    line = min(lines, key=lambda line: float(line.distance(place)))
    return abs(float(line.project(shapely.Point(*one))) - float(line.project(place)))


def _values(name: str, estimate: Estimate, digits: int) -> dict[str, Any]:
    values = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {key: None if one is None else round(one, digits) for key, one in values.items()}
