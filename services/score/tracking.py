"""GOSPA of tracks over time, and its parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensors.messages import Mark, ObjectClass
from services.events import Track, TrackState
from services.score.actors import NS, Actor, Role
from services.score.gospa import gospa
from services.score.settings import ScoreSettings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_ALONG_A_TRAIN = 1_000_000
"""Tracks along a train of unknown length are never too many; else one for each wagon is not."""


@dataclass(frozen=True, slots=True)
class TrackFigures:
    """Sums over the whole seconds in which there was a target or a track.

    Attributes:
        seconds: how many there were.
        distance_m: sum of GOSPA.
        localisation: sum of its part from places, metres^p.
        pairs: targets that had a track.
        missed: targets that had none.
        false: tracks that had no target.
    """

    seconds: int = 0
    distance_m: float = 0.0
    localisation: float = 0.0
    pairs: int = 0
    missed: int = 0
    false: int = 0

    def __add__(self, other: "TrackFigures") -> "TrackFigures":
        """Sums over both."""
        return TrackFigures(
            self.seconds + other.seconds,
            self.distance_m + other.distance_m,
            self.localisation + other.localisation,
            self.pairs + other.pairs,
            self.missed + other.missed,
            self.false + other.false,
        )


def score_tracks(
    tracks: Iterable[Track],
    actors: Sequence[Actor],
    begin_ns: int,
    end_ns: int,
    mark: Mark,
    settings: ScoreSettings,
) -> TrackFigures:
    """Compare tracks with the truth at each whole second.

    Targets are all actors within reach of a sensor but our own; cable events are none, since
    nothing moves. Tracks are the confirmed ones, but those that say they are ours or an attack on
    a cable. An actor that counts several is one target, at its member that is nearest to a track;
    other tracks near any of its members, up to its count, are of these, neither right nor wrong. A
    train whose wagons' places are not told has them along its assumed length.

    Args:
        tracks: revisions.
        actors: of the truth.
        begin_ns: first time.
        end_ns: last time.
        mark: of the tracks that count.
        settings: cut-off and order.
    """
    grid_ns = np.arange(-(-begin_ns // NS) * NS, end_ns + 1, NS, dtype=np.int64)
    track_step, track_place = _tracks_on(grid_ns, tracks, mark, settings.coast_s)
    targets = _targets_on(grid_ns, actors, settings)
    total = TrackFigures()
    steps = np.arange(grid_ns.size + 1)
    track_cut = np.searchsorted(track_step, steps)
    target_cut = np.searchsorted(targets.step, steps)
    member_cut = np.concatenate(([0], np.cumsum(targets.size)))[target_cut]
    busy = np.flatnonzero((np.diff(track_cut) > 0) | (np.diff(target_cut) > 0))
    for step in busy.tolist():
        some = slice(target_cut[step], target_cut[step + 1])
        there = _Targets(
            targets.step[some],
            targets.size[some],
            targets.spare[some],
            targets.reach_m[some],
            targets.place[member_cut[step] : member_cut[step + 1]],
        )
        seen = track_place[track_cut[step] : track_cut[step + 1]]
        total += _at_one_time(there, seen, settings)
    return total


@dataclass(frozen=True, slots=True)
class _Targets:
    """Targets in order of time.

    Attributes:
        step: index of the time, shape (target,).
        size: how many members' places are known, 1 at least, shape (target,).
        spare: how many other tracks may be of it, shape (target,).
        reach_m: how far from it these may be, shape (target,).
        place: metres, of all members of one target after the other, shape (member, 2).
    """

    step: IntArray
    size: IntArray
    spare: IntArray
    reach_m: FloatArray
    place: FloatArray

    def apart_m(self, tracks: FloatArray) -> FloatArray:
        """From the nearest member of each target to each track, shape (target, track)."""
        if not len(self.step):
            return np.zeros((0, len(tracks)))
        away = self.place[:, np.newaxis] - tracks
        begins = np.cumsum(self.size) - self.size
        nearest = np.minimum.reduceat(np.hypot(away[..., 0], away[..., 1]), begins, axis=0)
        return np.asarray(nearest)


def _at_one_time(targets: _Targets, tracks: FloatArray, settings: ScoreSettings) -> TrackFigures:
    apart = targets.apart_m(tracks)
    found = gospa(apart, settings.cut_off_m, settings.order)
    others = 0
    if found.false and targets.spare.any():
        left = np.setdiff1d(np.arange(len(tracks)), found.track_of)
        others = _other_members(targets, apart[:, left])
    false = found.false - others
    total = found.localisation + 0.5 * settings.cut_off_m**settings.order * (found.missed + false)
    return TrackFigures(
        1, total ** (1.0 / settings.order), found.localisation, found.pairs, found.missed, false
    )


def _other_members(targets: _Targets, apart: FloatArray) -> int:
    """How many tracks are other members of actors that count several; the nearest first."""
    apart = np.where(apart > targets.reach_m[:, np.newaxis], np.inf, apart)
    room = targets.spare.copy()
    taken: set[int] = set()
    for flat in np.argsort(apart, axis=None, kind="stable"):
        target, track = divmod(int(flat), apart.shape[1])
        if not np.isfinite(apart[target, track]):
            break
        if room[target] and track not in taken:
            room[target] -= 1
            taken.add(track)
    return len(taken)


def _targets_on(grid_ns: IntArray, actors: Sequence[Actor], settings: ScoreSettings) -> _Targets:
    parts = []
    for actor in actors:
        if actor.role is Role.OWN_FORCE or actor.kind == "cable_event":
            continue
        step = np.flatnonzero(actor.is_within(grid_ns))
        members = actor.east_m.shape[1]
        spare = max(actor.count, members) - 1
        parts.append(
            _Targets(
                step,
                np.full(step.size, members),
                np.full(step.size, _ALONG_A_TRAIN if actor.head_only else spare),
                np.full(step.size, settings.train_m if actor.head_only else settings.member_m),
                actor.places(grid_ns[step]).reshape(-1, 2),
            )
        )
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return _Targets(none, none, none, np.zeros(0), np.zeros((0, 2)))
    step = np.concatenate([part.step for part in parts])
    size = np.concatenate([part.size for part in parts])
    order = np.argsort(step, kind="stable")
    # Members follow their targets: both sorts keep what is equal in its order.
    member_order = np.argsort(np.repeat(step, size), kind="stable")
    return _Targets(
        step[order],
        size[order],
        np.concatenate([part.spare for part in parts])[order],
        np.concatenate([part.reach_m for part in parts])[order],
        np.concatenate([part.place for part in parts])[member_order],
    )


def _tracks_on(
    grid_ns: IntArray, tracks: Iterable[Track], mark: Mark, coast_s: float
) -> tuple[IntArray, FloatArray]:
    """Tracks at each step: (step, place of shape (track, 2)).

    A revision holds until the next one of its track, and its place moves on with its velocity; the
    last one of a track that was never ended holds as long as a place is carried on.
    """
    names: dict[str, int] = {}
    rows = [
        (
            names.setdefault(track.id, len(names)),
            track.at_ns,
            track.revision,
            track.east_m,
            track.north_m,
            track.velocity_east_mps,
            track.velocity_north_mps,
            _counts(track),
        )
        for track in tracks
        if track.mark is mark
    ]
    if not rows or not grid_ns.size:
        return np.zeros(0, np.int64), np.zeros((0, 2))
    rows.sort()
    number = np.array([row[0] for row in rows])
    at_ns = np.array([row[1] for row in rows], dtype=np.int64)
    state = np.array([row[3:7] for row in rows])
    counts = np.array([row[7] for row in rows])
    until_ns = np.append(at_ns[1:], 0)
    last = np.append(number[1:] != number[:-1], np.True_)
    until_ns[last] = at_ns[last] + round(coast_s * NS)
    first = np.searchsorted(grid_ns, at_ns)
    length = np.where(counts, np.searchsorted(grid_ns, until_ns) - first, 0)
    row = np.repeat(np.arange(len(rows)), length)
    into = np.arange(row.size) - np.repeat(np.cumsum(length) - length, length)
    step = first[row] + into
    age_s = np.minimum((grid_ns[step] - at_ns[row]) / NS, coast_s)[:, np.newaxis]
    place = state[row, :2] + age_s * state[row, 2:]
    order = np.argsort(step, kind="stable")
    return step[order], place[order]


def _counts(track: Track) -> bool:
    likeliest = max(track.classes, key=lambda name: (track.classes[name], name), default=None)
    return (
        track.state is TrackState.CONFIRMED
        and track.own_force is None
        and likeliest is not ObjectClass.CABLE_ATTACK
    )
