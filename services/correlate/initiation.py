"""Whether a track is one: sequential probability ratio test with learned clutter.

Blackman and Popoli, "Design and Analysis of Modern Tracking Systems" (1999), section 6.2. Unlike
M of N it weighs how dense clutter is, and its threshold follows from the false tracks allowed; a
clutter rate that is wrong counts by its logarithm only.
"""

import math

import numpy as np
import numpy.typing as npt

from services.correlate.assignment import IndexArray
from services.correlate.batch import Batch
from services.correlate.hold import NS
from services.correlate.motion import FloatArray
from services.correlate.settings import KINDS, TrackerSettings
from services.correlate.state import TrackTable

_GAIN_LEAST = -3.0
_GAIN_MOST = 8.0
_RATIO_MOST = 25.0
_RATE_LEAST = 0.02
"""Detections per second that any sensor is taken to get wrong; assumed."""


def evidence(
    table: TrackTable,
    items: Batch,
    found: IndexArray,
    row: IndexArray,
    squared: FloatArray,
    log_det: FloatArray,
    settings: TrackerSettings,
) -> FloatArray:
    """What each paired detection adds to its track's log-likelihood ratio.

    Weak detections add nothing; hits of one kind in quick succession count in part.
    """
    area = np.array([settings.area_m2[kind] for kind in KINDS])
    density = np.maximum(table.clutter, _RATE_LEAST) / area[table.kind]
    gain = (
        math.log(settings.detection_probability / (2.0 * math.pi))
        - 0.5 * (squared + log_det)
        - np.log(density[items.sensor[found]])
        + items.doubt[found]
    )
    gain = np.clip(gain, _GAIN_LEAST, _GAIN_MOST)
    since = (items.at[found] - table.rows["seen"][row, items.kind[found]]) / NS
    gain *= np.clip(since / settings.independence_s, 0.0, 1.0)
    missed = np.maximum((items.at[found] - table.rows["hit"][row]) / NS - 1.0, 0.0)
    gain = np.where(items.starts[found], gain, 0.0)
    return np.asarray(gain - settings.miss_per_s * missed)


def judge(
    table: TrackTable,
    items: Batch,
    found: IndexArray,
    row: IndexArray,
    gain: FloatArray,
    settings: TrackerSettings,
) -> None:
    """Add evidence and confirm tracks that have enough."""
    ratio = np.minimum(table.rows["llr"][row] + gain, _RATIO_MOST)
    table.rows["llr"][row] = ratio
    old = (items.at[found] - table.rows["born"][row]) / NS >= settings.confirm_age_s
    by_two = (table.rows["seen"][row] > 0).sum(axis=1) > 1
    enough = (ratio >= threshold(table, settings)) & (old | by_two)
    table.rows["confirmed"][row] |= enough | items.sure[found]


def threshold(table: TrackTable, settings: TrackerSettings) -> float:
    """Log-likelihood ratio at which a track is confirmed.

    So many tracks begin by chance in an hour; of them ``false_tracks_per_hour`` may be confirmed.
    """
    begun = 3_600.0 * max(table.starts_per_s, 1e-6)
    return float(
        np.clip(
            math.log(begun / settings.false_tracks_per_hour),
            settings.threshold_least,
            settings.threshold_most,
        )
    )


def learn_rates(
    table: TrackTable,
    items: Batch,
    unexplained: npt.NDArray[np.bool_],
    began: int,
    settings: TrackerSettings,
) -> None:
    """Learn each sensor's rate of detections without a confirmed track, and that of beginnings."""
    now = int(items.at[-1])
    passed = max(now - table.rates_at_ns, 0) / NS if table.rates_at_ns else 0.0
    kept = math.exp(-passed / settings.clutter_memory_s)
    table.clutter *= kept
    number = np.bincount(items.sensor[unexplained], minlength=len(table.clutter))
    table.clutter += number / settings.clutter_memory_s
    table.starts_per_s = table.starts_per_s * kept + began / settings.clutter_memory_s
    table.rates_at_ns = max(now, table.rates_at_ns)
