"""What a disturbance of a fibre is taken for: by which kinds of evidence carry it.

Steps are a strong rhythm, digging a long force without one, a saw a rhythm of the highest band,
vehicles a wide force. How much each counts was fitted, see ``WEIGHTS``; real recordings of each
class would have to confirm it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensors.messages import ObjectClass
from services.detect.evidence import Evidence
from services.detect.fibre_settings import WINDOW_S

IMPULSE_SIGMA = 2.5
"""An envelope above this has an impulse."""

ACTIVE_SIGMA = 1.0
"""A window above this belongs to a continuous source."""

WEIGHTS = np.array(
    [
        [-9.41, 3.7, -0.42, -1.18, 0.42, 0.23, 0.47, -2.18, 0.17, 0.91, -0.19],
        [3.81, -0.98, 2.01, -1.28, 1.31, 0.27, -0.5, 0.09, -0.76, 2.44, 0.72],
        [-1.1, 0.76, -0.02, -1.0, 1.88, -1.14, -0.08, 0.97, 0.91, 0.4, -0.72],
        [3.59, -0.73, -0.81, 0.4, -2.9, 1.01, 2.03, -1.26, -2.44, -1.81, -0.24],
        [3.4, -1.91, -0.61, -0.15, -0.3, 0.53, 0.51, 2.43, 1.8, -2.86, 0.87],
        [-0.29, -0.82, -0.14, 3.21, -0.4, -0.89, -2.43, -0.04, 0.33, 0.93, -0.44],
    ]
)
"""One row for each of ``KINDS``, one column for each of ``features``.

Multinomial logistic regression on 4781 detections of 118 simulated sources (six cables, nothing
else going on, no wind), each class of the same weight and each source by the root of its
detections, with a penalty of 0.003 on the squares. On four other draws the most frequent class,
with what ``KINDS`` adds but none of the rules below, was right for 76 of 81 sources; of groups for
5 of 9.
"""

KINDS = (
    (ObjectClass.PERSON, 1.0),
    (ObjectClass.PERSON, 1.0),
    (ObjectClass.GROUP, 0.5),
    (ObjectClass.DIGGING, 1.0),
    (ObjectClass.VEHICLE, 1.0),
    (ObjectClass.CABLE_ATTACK, 0.5),
)
"""Who walks, who runs, groups, who digs, vehicles and saws, with how frequent each is taken to be
(assumed)."""

ON_FOOT_MPS = 8.0
"""Who is faster along the cable is not on foot and does not dig (assumed)."""

LEAST_STROKES = 12.0
"""Below this power of strokes a saw is unlikely: the class alone makes an alert an attack; 9 of 10
detections of saws had 14 and more."""

UNLIKELY = 0.05
"""What is left of a class that one of these speaks against (assumed)."""

FULL_STRENGTH, NO_STRENGTH, LEAST_SAID = 0.9, 0.65, 0.05
"""What a source leaves behind decays at a different pace by kind of evidence, so a walk would end
as digging: from the first of these strengths to the second less and less is said, down to the third
as a power of the weights (assumed)."""

SURE = 0.9
"""Probability that it is one of these at all; what is left is unknown (assumed)."""

MACHINERY = 0.6
"""Share of vehicles that stand and run for a minute and more that are machines (assumed)."""


@dataclass(frozen=True, slots=True)
class Cues:
    """What is known of an object.

    Attributes:
        age_s: how long it has been followed.
        extent_m: cable it covers.
        speed_mps: along the cable, positive outwards.
        speed_sigma_mps: of that.
        continuity: share of windows above the floor in the last two seconds.
        cadence: autocorrelation at the best lag of a walk, 0 where there is none.
        regional: it is part of a disturbance of a whole region.
        evidence: which kinds of evidence carry it.
        strength: its score by the highest it had lately.
    """

    age_s: float
    extent_m: float
    speed_mps: float
    speed_sigma_mps: float
    continuity: float
    cadence: float
    regional: bool
    evidence: Evidence
    strength: float


def cadence(envelope: npt.NDArray[np.float64]) -> float:
    """Autocorrelation at the best lag of a walk, or 0.

    Lags of 0.35 to 0.85 s (steps are 0.5 to 0.69 s apart, JASA 129 1306) with a peak above 0.3
    and its double above 0.15 (assumed).
    """
    centred = np.maximum(envelope, 0.0)
    centred = centred - centred.mean()
    power = float(centred @ centred)
    low, high = round(0.35 / WINDOW_S), round(0.85 / WINDOW_S)
    if power <= 0.0 or len(envelope) < 3 * high:
        return 0.0
    lags = np.arange(low, high + 1)
    correlation = np.array([centred[lag:] @ centred[:-lag] for lag in lags]) / power
    best = int(np.argmax(correlation))
    lag = int(lags[best])
    double = max(
        float(centred[twice:] @ centred[:-twice]) / power
        for twice in range(2 * lag - 1, 2 * lag + 2)
    )
    if correlation[best] < 0.3 or double < 0.15:
        return 0.0
    return float(correlation[best])


def features(cues: Cues) -> npt.NDArray[np.float64]:
    """What ``WEIGHTS`` weigh, shape (feature,)."""
    seen = cues.evidence
    force = np.clip([seen.short, seen.wide, seen.long], 0.0, 20.0) / 5.0
    return np.array(
        [
            1.0,
            np.log1p(max(seen.rhythm, 0.0)),
            seen.rhythm_hz - 1.8,
            np.log1p(max(seen.strokes, 0.0)),
            *force,
            np.log(max(cues.extent_m, 10.0) / 50.0),
            cues.continuity,
            cues.cadence,
            min(abs(cues.speed_mps), 10.0) / 3.0,
        ]
    )


def classify(cues: Cues, widest_m: float) -> dict[ObjectClass, float]:
    """Class probabilities from cues; they sum to one."""
    speed = abs(cues.speed_mps)
    moving = speed > 2.0 * cues.speed_sigma_mps
    if cues.regional or cues.extent_m > widest_m:
        if moving and speed > 8.0:
            return {ObjectClass.TRAIN: 0.6, ObjectClass.VEHICLE: 0.2, ObjectClass.UNKNOWN: 0.2}
        return {ObjectClass.WEATHER: 0.6, ObjectClass.TRAIN: 0.1, ObjectClass.UNKNOWN: 0.3}
    power = WEIGHTS @ features(cues)
    weights = np.exp(power - power.max()) * np.array([usual for _, usual in KINDS])
    against = set[ObjectClass]()
    if moving and speed > ON_FOOT_MPS:
        against |= {ObjectClass.PERSON, ObjectClass.GROUP, ObjectClass.DIGGING}
    if cues.evidence.strokes < LEAST_STROKES:
        against.add(ObjectClass.CABLE_ATTACK)
    weights *= np.array([UNLIKELY if name in against else 1.0 for name, _ in KINDS])
    clear = (cues.strength - NO_STRENGTH) / (FULL_STRENGTH - NO_STRENGTH)
    weights **= min(max(clear, LEAST_SAID), 1.0)
    found = {name: 0.0 for name, _ in KINDS}
    for (name, _), share in zip(KINDS, SURE * weights / weights.sum(), strict=True):
        found[name] += float(share)
    if cues.age_s > 60.0 and cues.continuity >= 0.6 and not moving:
        found[ObjectClass.MACHINERY] = MACHINERY * found[ObjectClass.VEHICLE]
        found[ObjectClass.VEHICLE] *= 1.0 - MACHINERY
    found[ObjectClass.UNKNOWN] = 1.0 - SURE
    return {name: round(share, 4) for name, share in found.items()}
