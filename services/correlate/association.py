"""One bin of detections meets the tracks.

Each pass gives every track at most one detection. A detection that lost its track to another
sensor's, or to another moment of its own sensor, goes round again, so that several sensors extend
one track within one bin; one that lost to its own sensor's look at the same moment is another
object. What belongs to no track begins one, except that weak detections never do.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sensors.messages import ObjectClass
from services.correlate.assignment import IndexArray, assign, windows
from services.correlate.batch import Batch, batch
from services.correlate.hold import NS
from services.correlate.initiation import evidence, judge, learn_rates
from services.correlate.motion import FloatArray, distance2, predict, spread, update
from services.correlate.own_force import explaining, new_rows, take_reports
from services.correlate.settings import CLASSES, TrackerSettings
from services.correlate.state import Objects, TrackTable, joined, objects
from services.events import Detection

_PASSES = 8
_TENTATIVE_COST = 6.0
"""Handicap, in d^2, of an unconfirmed track against a confirmed one; assumed."""
_OWN_BONUS = 4.0
"""What a fresh own-force position is preferred by; assumed."""
_ATTACK = CLASSES.index(ObjectClass.CABLE_ATTACK)
_OWN_SPEED_MPS = 5.0
"""A detection whose own speed differs from the unit's by more is not the unit; assumed."""
_CLASS_FLOOR = 0.02
"""No class ever falls below this share, so that later evidence can turn it over; assumed."""


def take(
    table: TrackTable, found: Iterable[Detection], settings: TrackerSettings
) -> tuple[IndexArray, Objects]:
    """Take the detections of one bin in, in order of (time, sensor, id).

    Returns:
        (rows, detections) that were paired or began a track, each pair once.
    """
    noise = np.array([settings.motion[name].noise for name in CLASSES])
    ordered = sorted(found, key=lambda item: (item.at_ns, item.sensor, item.id))
    reports = [item for item in ordered if item.own_force is not None]
    others = [item for item in ordered if item.own_force is None]
    touched_rows: list[IndexArray] = [np.zeros(0, dtype=np.intp)]
    touched_by: list[Objects] = [objects([])]
    if reports:
        rows, by = take_reports(table, batch(reports, table, settings), noise, settings)
        touched_rows.append(rows)
        touched_by.append(by)
    if not others:
        return np.concatenate(touched_rows), np.concatenate(touched_by)
    items = batch(others, table, settings)
    explains = explaining(table, int(items.at[-1]), settings)
    pending = np.arange(len(items), dtype=np.intp)
    unexplained = np.ones(len(items), dtype=np.bool_)
    began = 0
    for _ in range(_PASSES):
        explains = np.concatenate(
            (explains, np.zeros(len(table.rows) - len(explains), dtype=np.bool_))
        )
        chosen, rows, again = _pass(table, items, pending, explains, noise, settings)
        unexplained[chosen[table.rows["confirmed"][rows]]] = False
        left = np.zeros(len(items), dtype=np.bool_)
        left[pending] = True
        left[chosen] = False
        left[again] = False
        fresh, later = _begin(table, items, np.flatnonzero(left), settings)
        began += len(fresh)
        new = np.arange(len(table.rows) - len(fresh), len(table.rows), dtype=np.intp)
        touched_rows += [rows, new]
        touched_by += [items.found[chosen], items.found[fresh]]
        pending = np.sort(np.concatenate((again, later)))
        if not len(pending):
            break
    table.tally("surplus", len(pending))
    learn_rates(table, items, unexplained, began, settings)
    return np.concatenate(touched_rows), np.concatenate(touched_by)


def _pass(
    table: TrackTable,
    items: Batch,
    pending: IndexArray,
    explains: npt.NDArray[np.bool_],
    noise: FloatArray,
    settings: TrackerSettings,
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Pair pending detections with tracks and update those.

    Returns:
        (detections paired, their rows, detections that have to go round again).
    """
    none = np.zeros(0, dtype=np.intp)
    if not len(table.rows) or not len(pending):
        return none, none, none
    tracks = table.rows
    q = tracks["classes"] @ noise
    ahead = (int(items.at[pending[-1]]) - tracks["t"]) / NS
    places = tracks["x"][:, :2] + ahead[:, None] * tracks["x"][:, 2:]
    wide = spread(tracks["p"], q, ahead)
    widest = float(np.max((wide[:, 0, 0], wide[:, 1, 1])))
    fastest = float(np.abs(tracks["x"][:, 2:]).max())
    around = np.maximum(items.noise[pending, 0, 0], items.noise[pending, 1, 1])
    reach = np.sqrt(settings.gate2 * (around + widest)) + fastest * settings.bin_s
    pair, row = windows(places, items.place[pending], reach)
    found = pending[pair]
    fits = tracks["mark"][row] == items.mark[found]
    own = tracks["own"][row]
    speed = np.hypot(tracks["x"][row, 2], tracks["x"][row, 3])
    unlike = np.abs(items.speed[found] - speed) > _OWN_SPEED_MPS
    # No unit of ours explains what was done to a cable.
    unlike |= items.classes[found, _ATTACK] > 0.5
    fits &= ~own | (explains[row] & ~unlike)
    found, row, own = found[fits], row[fits], own[fits]
    dt = (items.at[found] - tracks["t"][row]) / NS
    delta = items.place[found] - tracks["x"][row, :2] - dt[:, None] * tracks["x"][row, 2:]
    squared, log_det = distance2(delta, spread(tracks["p"][row], q[row], dt) + items.noise[found])
    inside = squared <= np.where(own, settings.own_gate2, settings.gate2)
    found, row, own = found[inside], row[inside], own[inside]
    squared, log_det = squared[inside], log_det[inside]
    if not len(found):
        return none, none, none
    cost = squared + log_det + np.where(tracks["confirmed"][row], 0.0, _TENTATIVE_COST)
    cost -= np.where(own, _OWN_BONUS, 0.0)
    taken = assign(found, row, cost, float(cost.max()))
    again = _rivals(items, found, row, taken)
    _update(
        table,
        items,
        found[taken],
        row[taken],
        squared[taken],
        log_det[taken],
        q[row[taken]],
        settings,
    )
    return found[taken], row[taken], again


def _rivals(items: Batch, found: IndexArray, row: IndexArray, taken: IndexArray) -> IndexArray:
    """Detections without a track that gate with one which another look has taken."""
    winner = np.full(int(row.max()) + 1, -1, dtype=np.intp)
    winner[row[taken]] = found[taken]
    lost = np.ones(len(found), dtype=np.bool_)
    lost[np.isin(found, found[taken])] = False
    by = winner[row]
    same_look = (items.sensor[by] == items.sensor[found]) & (items.at[by] == items.at[found])
    return np.unique(found[lost & (by >= 0) & ~same_look])


def _update(
    table: TrackTable,
    items: Batch,
    found: IndexArray,
    row: IndexArray,
    squared: FloatArray,
    log_det: FloatArray,
    q: FloatArray,
    settings: TrackerSettings,
) -> None:
    """Bring chosen tracks up to date; an own-force track is only told that it was seen."""
    table.rows["detections"][row] += 1
    for one, item in zip(row.tolist(), items.found[found], strict=True):
        table.parts[one] = joined(table.parts[one], item)
    table.last[row] = items.found[found]
    moving = ~table.rows["own"][row]
    found, row, squared, log_det = found[moving], row[moving], squared[moving], log_det[moving]
    tracks = table.rows[row]
    gain = evidence(table, items, found, row, squared, log_det, settings)
    dt = (items.at[found] - tracks["t"]) / NS
    state, covariance = predict(tracks["x"], tracks["p"], q[moving], np.maximum(dt, 0.0))
    state, covariance = update(
        state, covariance, items.place[found], items.noise[found], np.minimum(dt, 0.0)
    )
    table.rows["x"][row] = state
    table.rows["p"][row] = covariance
    table.rows["t"][row] = np.maximum(tracks["t"], items.at[found])
    table.rows["hit"][row] = np.maximum(tracks["hit"], items.at[found])
    fused = np.maximum(tracks["classes"] * items.classes[found], 1e-12)
    fused /= fused.sum(axis=1, keepdims=True)
    fused = np.maximum(0.5 * (fused + tracks["classes"]), _CLASS_FLOOR)
    table.rows["classes"][row] = fused / fused.sum(axis=1, keepdims=True)
    table.rows["count"][row] = np.maximum(tracks["count"], items.count[found])
    table.rows["seen"][row, items.kind[found]] = items.at[found]
    judge(table, items, found, row, gain, settings)


def _begin(
    table: TrackTable, items: Batch, left: IndexArray, settings: TrackerSettings
) -> tuple[IndexArray, IndexArray]:
    """Begin tracks with what no track explains.

    Of several sensors' detections of one new thing the first begins the track.

    Returns:
        (detections that began one, detections that have to go round again).
    """
    able = left[items.starts[left]]
    table.tally("weak_unused", len(left) - len(able))
    if not len(able):
        return able, able
    around = np.sqrt(np.maximum(items.noise[able, 0, 0], items.noise[able, 1, 1]))
    reach = np.sqrt(settings.gate2) * (around + float(around.max()))
    later, earlier = windows(items.place[able], items.place[able], reach)
    before = earlier < later
    first, second = able[earlier[before]], able[later[before]]
    squared, _ = distance2(
        items.place[first] - items.place[second], items.noise[first] + items.noise[second]
    )
    same_look = (items.sensor[first] == items.sensor[second]) & (
        items.at[first] == items.at[second]
    )
    near = squared <= settings.gate2
    near &= (items.mark[first] == items.mark[second]) & ~same_look
    waits = np.isin(able, second[near])
    fresh, waiting = able[~waits], able[waits]
    room = _room(table, items, fresh, settings)
    table.tally("refused_too_many_tracks", len(fresh) - int(room.sum()))
    fresh = fresh[room]
    rows = new_rows(items, fresh, settings, own=False)
    rows["confirmed"] = items.sure[fresh]
    table.append(rows, items.found[fresh], [None] * len(fresh))
    return fresh, waiting


def _room(
    table: TrackTable, items: Batch, fresh: IndexArray, settings: TrackerSettings
) -> npt.NDArray[np.bool_]:
    """Which new tracks are within the limits for each sensor and for all."""
    open_rows = table.rows[~table.rows["confirmed"]]
    held = np.bincount(open_rows["starter"], minlength=len(table.clutter))
    order = np.argsort(items.sensor[fresh], kind="stable")
    sensor = items.sensor[fresh][order]
    rank = np.empty(len(fresh), dtype=np.int64)
    rank[order] = np.arange(len(fresh)) - np.searchsorted(sensor, sensor, side="left")
    room: npt.NDArray[np.bool_] = held[items.sensor[fresh]] + rank < settings.sensor_tracks
    return room & (len(table.rows) + np.cumsum(room) <= settings.tracks)
