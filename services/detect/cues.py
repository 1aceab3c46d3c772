"""What a disturbance of a fibre is taken for: a first table of rules over simple cues.

The cues are cadence as autocorrelation of an 8 s envelope, digging as slow impulses at one place,
vehicles as continuous and moving; they and the weights are assumed, to be learned from marked
recordings later.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensors.messages import ObjectClass
from services.detect.fibre_settings import WINDOW_S

IMPULSE_SIGMA = 2.5
"""An envelope's local maximum above this is an impulse."""

ACTIVE_SIGMA = 1.0
"""A window above this belongs to a continuous source."""


@dataclass(frozen=True, slots=True)
class Cues:
    """What is known of an object.

    Attributes:
        age_s: how long it has been followed.
        extent_m: cable it covers.
        speed_mps: along the cable, positive outwards.
        speed_sigma_mps: of that.
        impulses: in the last eight seconds.
        continuity: share of windows above the floor in the last two seconds.
        cadence: autocorrelation at the best lag of a walk, 0 where there is none.
        pace_s: that lag.
        low_share: share of excess energy below 12 Hz.
        high_share: share of excess energy above 100 Hz.
        regional: it is part of a disturbance of a whole region.
    """

    age_s: float
    extent_m: float
    speed_mps: float
    speed_sigma_mps: float
    impulses: int
    continuity: float
    cadence: float
    pace_s: float
    low_share: float
    high_share: float
    regional: bool


def impulses(envelope: npt.NDArray[np.float64]) -> int:
    """Count local maxima above ``IMPULSE_SIGMA`` that stand out from their surroundings."""
    if len(envelope) < 3:
        return 0
    inner = envelope[1:-1]
    top = (inner > IMPULSE_SIGMA) & (inner >= envelope[:-2]) & (inner > envelope[2:])
    at = np.flatnonzero(top)
    if not at.size:
        return 0
    apart = np.diff(at, prepend=at[0] - 100) * WINDOW_S >= 0.2
    return int(apart.sum())


def cadence(envelope: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Find the rhythm of a walk: (autocorrelation, lag in seconds), or (0, 0).

    Lags of 0.35 to 0.85 s (steps are 0.5 to 0.69 s apart, JASA 129 1306) with a peak above 0.3
    and its double above 0.15 (assumed).
    """
    centred = np.maximum(envelope, 0.0)
    centred = centred - centred.mean()
    power = float(centred @ centred)
    low, high = round(0.35 / WINDOW_S), round(0.85 / WINDOW_S)
    if power <= 0.0 or len(envelope) < 3 * high:
        return 0.0, 0.0
    lags = np.arange(low, high + 1)
    correlation = np.array([centred[lag:] @ centred[:-lag] for lag in lags]) / power
    best = int(np.argmax(correlation))
    lag = int(lags[best])
    double = max(
        float(centred[twice:] @ centred[:-twice]) / power
        for twice in range(2 * lag - 1, 2 * lag + 2)
    )
    if correlation[best] < 0.3 or double < 0.15:
        return 0.0, 0.0
    return float(correlation[best]), lag * WINDOW_S


def classify(cues: Cues, widest_m: float) -> dict[ObjectClass, float]:
    """Class probabilities from cues; they sum to one."""
    speed = abs(cues.speed_mps)
    moving = speed > 2.0 * cues.speed_sigma_mps
    continuous = cues.continuity >= 0.6
    stepping = cues.cadence > 0.0
    weights = dict.fromkeys(
        (ObjectClass.PERSON, ObjectClass.VEHICLE, ObjectClass.ANIMAL, ObjectClass.UNKNOWN), 1.0
    )
    weights[ObjectClass.DIGGING] = 0.3
    weights[ObjectClass.MACHINERY] = 0.3
    if cues.regional or cues.extent_m > widest_m:
        if moving and speed > 8.0:
            return {ObjectClass.TRAIN: 0.6, ObjectClass.VEHICLE: 0.2, ObjectClass.UNKNOWN: 0.2}
        return {ObjectClass.WEATHER: 0.6, ObjectClass.TRAIN: 0.1, ObjectClass.UNKNOWN: 0.3}
    if stepping:
        weights[ObjectClass.PERSON] += 6.0 * cues.cadence + 1.0
    elif cues.impulses >= 4 and not continuous:
        weights[ObjectClass.PERSON] += 1.5
        weights[ObjectClass.ANIMAL] += 1.0
    if moving and speed > 5.0:
        weights[ObjectClass.VEHICLE] += 5.0
        weights[ObjectClass.PERSON] *= 0.2
    if continuous and not stepping:
        weights[ObjectClass.VEHICLE] += 2.0
        if cues.extent_m > 80.0:
            weights[ObjectClass.VEHICLE] += 3.0
        if cues.age_s > 30.0 and not moving:
            weights[ObjectClass.MACHINERY] += 5.0
    if cues.age_s > 20.0 and speed < 0.3 and not continuous and not stepping and cues.impulses:
        weights[ObjectClass.DIGGING] += 5.0
    if cues.high_share > 0.5:
        weights[ObjectClass.DIGGING] += 0.5
        weights[ObjectClass.MACHINERY] += 1.0
    if cues.low_share > 0.6:
        weights[ObjectClass.VEHICLE] += 1.0
    total = sum(weights.values())
    return {name: round(weight / total, 4) for name, weight in weights.items()}
