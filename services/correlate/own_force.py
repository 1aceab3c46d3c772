"""Identified reports of our own units go straight to their own tracks.

A report that asks for an impossible speed is a fault of the device or a forgery: it moves nothing,
and for a while that unit's position explains no other sensor's detections.
"""

import numpy as np
import numpy.typing as npt

from services.correlate.assignment import IndexArray
from services.correlate.batch import Batch
from services.correlate.hold import NS
from services.correlate.motion import FloatArray, predict, update
from services.correlate.settings import CLASSES, TrackerSettings
from services.correlate.state import ROW, Objects, Rows, TrackTable, joined, objects

_SIGMAS = 3.0


def take_reports(
    table: TrackTable, reports: Batch, noise: FloatArray, settings: TrackerSettings
) -> tuple[IndexArray, Objects]:
    """Take own units' reports in.

    Args:
        table: tracks; changed.
        reports: detections with ``own_force``.
        noise: spectral density by class.
        settings: limits of speed and trust.

    Returns:
        (rows, reports) that were believed.
    """
    touched_rows: list[IndexArray] = [np.zeros(0, dtype=np.intp)]
    touched_by: list[Objects] = [objects([])]
    pending = np.arange(len(reports), dtype=np.intp)
    while len(pending):
        # One report of each unit at a time, in order.
        units = [(int(reports.mark[i]), str(reports.found[i].own_force)) for i in pending]
        first = {unit: i for i, unit in reversed(list(enumerate(units)))}
        now = np.zeros(len(pending), dtype=np.bool_)
        now[list(first.values())] = True
        rows = np.array([table.own_row.get(units[i], -1) for i in np.flatnonzero(now)], np.intp)
        chosen = pending[now]
        known = rows >= 0
        followed, by = _follow(table, reports, chosen[known], rows[known], noise, settings)
        fresh = chosen[~known]
        if len(fresh):
            table.append(
                new_rows(reports, fresh, settings, own=True),
                reports.found[fresh],
                [str(item.own_force) for item in reports.found[fresh]],
            )
        new = np.arange(len(table.rows) - len(fresh), len(table.rows), dtype=np.intp)
        touched_rows += [followed, new]
        touched_by += [by, reports.found[fresh]]
        pending = pending[~now]
    return np.concatenate(touched_rows), np.concatenate(touched_by)


def _follow(
    table: TrackTable,
    reports: Batch,
    chosen: IndexArray,
    rows: IndexArray,
    noise: FloatArray,
    settings: TrackerSettings,
) -> tuple[IndexArray, Objects]:
    if not len(chosen):
        return np.zeros(0, dtype=np.intp), objects([])
    tracks = table.rows[rows]
    dt = (reports.at[chosen] - tracks["t"]) / NS
    moved = np.hypot(*(reports.place[chosen] - tracks["x"][:, :2]).T)
    doubt = np.sqrt(np.trace(tracks["p"][:, :2, :2] + reports.noise[chosen], axis1=1, axis2=2))
    # Two reports of one moment may still differ by their accuracies and a tenth of a second.
    farthest = settings.own_most_mps * np.maximum(np.abs(dt), settings.bin_s) + _SIGMAS * doubt
    plausible = moved <= farthest
    for index in np.flatnonzero(~plausible):
        unit = (int(reports.mark[chosen[index]]), str(reports.found[chosen[index]].own_force))
        until = int(reports.at[chosen[index]]) + round(settings.own_distrust_s * NS)
        table.distrust[unit] = max(until, table.distrust.get(unit, 0))
    table.tally("own_force_implausible", int((~plausible).sum()))
    rows, chosen, dt = rows[plausible], chosen[plausible], dt[plausible]
    tracks = table.rows[rows]
    state, covariance = predict(
        tracks["x"], tracks["p"], tracks["classes"] @ noise, np.maximum(dt, 0.0)
    )
    state, covariance = update(
        state, covariance, reports.place[chosen], reports.noise[chosen], np.minimum(dt, 0.0)
    )
    table.rows["x"][rows] = state
    table.rows["p"][rows] = covariance
    table.rows["t"][rows] = np.maximum(tracks["t"], reports.at[chosen])
    table.rows["hit"][rows] = np.maximum(tracks["hit"], reports.at[chosen])
    table.rows["detections"][rows] += 1
    table.last[rows] = reports.found[chosen]
    for row, item in zip(rows.tolist(), reports.found[chosen], strict=True):
        table.parts[row] = joined(table.parts[row], item)
    return rows, reports.found[chosen]


def explaining(table: TrackTable, at_ns: int, settings: TrackerSettings) -> npt.NDArray[np.bool_]:
    """Own-force tracks that may explain other sensors' detections now, shape (track,)."""
    recent = at_ns - table.rows["hit"] <= round(settings.own_recent_s * NS)
    explains: npt.NDArray[np.bool_] = table.rows["own"] & recent
    for unit, until in table.distrust.items():
        row = table.own_row.get(unit)
        if row is not None and at_ns < until:
            explains[row] = False
    return explains


def new_rows(found: Batch, chosen: IndexArray, settings: TrackerSettings, *, own: bool) -> Rows:
    """Rows of tracks that begin with the chosen detections."""
    rows: Rows = np.zeros(len(chosen), dtype=ROW)
    speeds = np.array([settings.motion[name].speed_mps for name in CLASSES])
    for name in ("t", "born", "hit"):
        rows[name] = found.at[chosen]
    rows["x"][:, :2] = found.place[chosen]
    rows["p"][:, :2, :2] = found.noise[chosen]
    speed = (found.classes[chosen] @ speeds) ** 2
    rows["p"][:, 2, 2] = speed
    rows["p"][:, 3, 3] = speed
    rows["classes"] = found.classes[chosen]
    rows["llr"] = found.doubt[chosen]
    rows["mark"] = found.mark[chosen]
    rows["confirmed"] = own
    rows["own"] = own
    rows["count"] = found.count[chosen]
    rows["detections"] = 1
    rows["starter"] = found.sensor[chosen]
    rows["seen"][np.arange(len(chosen)), found.kind[chosen]] = found.at[chosen]
    return rows
