"""Waterfalls of fibres: how loud each stretch of cable was at each time, from an input's frames."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from geo.errors import WireError
from sensors.messages import FibreFrame
from sensors.topics import Channel, SensorKind, parse
from sensors.wire import decode
from services.events import Command, Received

FloatArray = npt.NDArray[np.float32]

_NS = 1_000_000_000
_MOST_ROWS = 1_200
_LEAST_ROW_S = 0.5
_MOST_COLUMNS = 2_000
"""More than this no picture shows."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """One fibre's picture.

    Attributes:
        begin_ns: time of the first row.
        row_s: length of a row.
        first_channel: of the first column.
        per_column: channels in a column.
        level_db: shape (row, column): loudness above the column's own median of a minute, so that
            fading, which comes and goes by channel, does not hide a step; NaN where nothing came.
    """

    begin_ns: int
    row_s: float
    first_channel: int
    per_column: int
    level_db: FloatArray


@dataclass(slots=True)
class _Rows:
    """Sums of squares of one fibre: by row, each of shape (column,), and how many samples."""

    first_channel: int
    channels: int
    squares: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)
    samples: dict[int, int] = field(default_factory=dict)
    last: npt.NDArray[np.float64] | None = None


def waterfalls(
    items: Iterable[Received | Command],
    seconds: float,
    wanted: Callable[[str], bool] = lambda _: True,
) -> dict[str, Waterfall]:
    """Draw up the waterfalls of an input's fibres.

    Loudness is the root mean square of the difference from sample to sample, which leaves out
    what is slow: temperature, tides of strain, the laser's drift.

    Args:
        items: everything, in the order received.
        seconds: length of the input, which sets the length of a row.
        wanted: by sensor's name.
    """
    row_ns = round(max(_LEAST_ROW_S, seconds / _MOST_ROWS) * _NS)
    found: dict[str, _Rows] = {}
    for item in items:
        frame = fibre_frame(item, wanted)
        if frame is not None:
            sensor, message = frame
            channels = message.samples.shape[1]
            rows = found.setdefault(sensor, _Rows(message.first_channel, channels))
            if (rows.first_channel, rows.channels) == (message.first_channel, channels):
                _add(rows, message, row_ns)
    return {sensor: _waterfall(rows, row_ns) for sensor, rows in sorted(found.items())}


def fibre_frame(
    item: Received | Command, wanted: Callable[[str], bool]
) -> tuple[str, FibreFrame] | None:
    """Read an item as a fibre's frame: its sensor and the frame; None where it is something else.

    Args:
        item: of an input.
        wanted: by sensor's name.
    """
    if not isinstance(item, Received):
        return None
    levels = item.topic.split("/")
    if len(levels) != 6 or levels[3] != SensorKind.FIBRE or levels[5] != Channel.FRAME:
        return None
    if not wanted(levels[4]):
        return None
    try:
        message = decode(parse(item.topic), item.payload).message
    except WireError:
        return None  # refused on its way, and counted there
    return (levels[4], message) if isinstance(message, FibreFrame) else None


def _add(rows: _Rows, frame: FibreFrame, row_ns: int) -> None:
    samples = np.asarray(frame.samples, dtype=np.float64) * frame.scale
    before = samples[:1] if rows.last is None else rows.last
    steps = np.diff(samples, axis=0, prepend=before) ** 2
    rows.last = samples[-1:]
    at_ns = frame.measured_at_ns + (np.arange(len(samples)) * _NS / frame.sample_rate_hz).astype(
        np.int64
    )
    row = at_ns // row_ns
    for number in np.unique(row).tolist():
        some = row == number
        total = rows.squares.setdefault(number, np.zeros(rows.channels))
        total += steps[some].sum(axis=0)
        rows.samples[number] = rows.samples.get(number, 0) + int(some.sum())


def _waterfall(rows: _Rows, row_ns: int) -> Waterfall:
    first, last = min(rows.squares), max(rows.squares)
    per_column = -(-rows.channels // _MOST_COLUMNS)
    columns = -(-rows.channels // per_column)
    level = np.full((last - first + 1, columns), np.nan)
    edges = np.arange(0, rows.channels, per_column)
    for number, total in rows.squares.items():
        # The loudest channel of a column: a footstep must not vanish among its neighbours.
        level[number - first] = np.maximum.reduceat(total, edges) / rows.samples[number]
    decibel = 10.0 * np.log10(np.maximum(level, 1e-30))
    whole = np.where(np.isnan(decibel), np.nanmedian(decibel, axis=0), decibel)
    minute = 2 * round(30.0 * _NS / row_ns) + 1
    decibel -= median_filter(whole, size=(min(minute, len(whole)), 1), mode="reflect")
    return Waterfall(
        first * row_ns, row_ns / _NS, rows.first_channel, per_column, decibel.astype(np.float32)
    )
