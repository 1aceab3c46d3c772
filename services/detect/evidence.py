"""Which evidence speaks for an object, kind by kind; the floor's score shows only how much."""

from dataclasses import dataclass

import numpy as np

from services.detect.floor import PACES_HZ, Floor


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence at a place, the highest of a few channels.

    Attributes:
        rhythm: power of the strongest rhythm of feet, by what noise would give.
        rhythm_hz: that rhythm.
        strokes: power of the strongest rhythm of a saw, likewise.
        short: force of 30 m and some seconds, running sigmas.
        wide: force of 110 m, likewise.
        long: force of 30 m by whole seconds, likewise.
    """

    rhythm: float
    rhythm_hz: float
    strokes: float
    short: float
    wide: float
    long: float


def evidence(floor: Floor, low: int, high: int) -> Evidence:
    """Evidence of channels low..high - 1, after the floor has given its scores."""
    part = slice(low, high)
    sigma = 1.4826 * np.maximum(floor.force_width[:, part], floor.pooled[:, np.newaxis])
    force = (floor.force[:, part] - np.maximum(floor.force_middle[:, part], 0.0)) / sigma
    top = low + int(np.argmax(floor.pace[part]))
    line = floor.bank[:, 0, top] ** 2 + floor.bank[:, 1, top] ** 2
    short, wide, long = force.max(axis=1).tolist()
    return Evidence(
        rhythm=float(floor.pace[top]),
        rhythm_hz=float(PACES_HZ[int(np.argmax(line))]),
        strokes=float(floor.strokes[part].max()),
        short=short,
        wide=wide,
        long=long,
    )
