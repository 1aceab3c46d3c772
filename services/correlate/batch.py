"""Detections of one bin as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensors.messages import Mark
from sensors.topics import SensorKind
from services.correlate.motion import FloatArray
from services.correlate.settings import CLASSES, KINDS, TrackerSettings
from services.correlate.state import Objects, TrackTable, objects
from services.events import Detection

MARKS = tuple(Mark)

_LEAST_M2 = 0.25
"""No place on the ground is known better than half a metre, whatever a sensor says; assumed.
It also keeps covariances positive definite through any number of updates."""

_CLASS = {name: index for index, name in enumerate(CLASSES)}
_KIND = {name: index for index, name in enumerate(KINDS)}
_BY_EYE = (SensorKind.AERIAL, SensorKind.BOAT, SensorKind.PATROL)
_MARK = {name: index for index, name in enumerate(MARKS)}


@dataclass(frozen=True, slots=True)
class Batch:
    """Detections in order of (time, sensor, id).

    Attributes:
        at: shape (n,), ns UTC.
        place: east and north, shape (n, 2).
        noise: covariance, shape (n, 2, 2).
        classes: probabilities, shape (n, class).
        doubt: log odds of the detection's own confidence, within -2 and 2.
        sure: seen by people or from the air with high confidence.
        mark: index of the mark.
        kind: index of the sensor kind.
        sensor: number of the sensor.
        speed: m/s, not a number where it is not known.
        starts: may begin a track.
        found: the detections themselves.
    """

    at: npt.NDArray[np.int64]
    place: FloatArray
    noise: FloatArray
    classes: FloatArray
    doubt: FloatArray
    sure: npt.NDArray[np.bool_]
    mark: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    sensor: npt.NDArray[np.int64]
    speed: FloatArray
    count: npt.NDArray[np.int64]
    starts: npt.NDArray[np.bool_]
    found: Objects

    def __len__(self) -> int:
        """Count the detections."""
        return len(self.at)


def batch(found: Sequence[Detection], table: TrackTable, settings: TrackerSettings) -> Batch:
    """Lay detections out as arrays; sensors never seen before get their numbers in ``table``."""
    n = len(found)
    classes = np.zeros((n, len(CLASSES)))
    for row, item in enumerate(found):
        for name, probability in item.classes.items():
            classes[row, _CLASS[name]] = probability
    kind = np.fromiter((_KIND[item.kind] for item in found), np.int64, n)
    sensor = np.fromiter(
        (
            table.number_of(item.sensor, index, settings.clutter_per_s)
            for item, index in zip(found, kind.tolist(), strict=True)
        ),
        np.int64,
        n,
    )
    ee = np.fromiter((item.covariance.ee for item in found), np.float64, n)
    en = np.fromiter((item.covariance.en for item in found), np.float64, n)
    nn = np.fromiter((item.covariance.nn for item in found), np.float64, n)
    confidence = np.fromiter((item.confidence for item in found), np.float64, n)
    seen_by_eye = np.isin(kind, [_KIND[name] for name in _BY_EYE])
    certain = np.maximum(ee, nn) <= settings.extend_sigma_m**2
    may_start = np.fromiter(
        (item.starts_track and not item.bearing_only for item in found), np.bool_, n
    )
    odds = np.log(np.maximum(confidence, 1e-9) / np.maximum(1.0 - confidence, 1e-9))
    return Batch(
        at=np.fromiter((item.at_ns for item in found), np.int64, n),
        place=np.array([(item.east_m, item.north_m) for item in found]).reshape(n, 2),
        noise=np.stack((ee + _LEAST_M2, en, en, nn + _LEAST_M2), axis=-1).reshape(n, 2, 2),
        classes=classes,
        doubt=np.clip(odds, -2.0, 2.0),
        sure=seen_by_eye & (confidence >= settings.sure_confidence),
        mark=np.fromiter((_MARK[item.mark] for item in found), np.int64, n),
        kind=kind,
        sensor=sensor,
        speed=np.fromiter(
            (np.nan if item.speed_mps is None else abs(item.speed_mps) for item in found),
            np.float64,
            n,
        ),
        count=np.fromiter((item.count for item in found), np.int64, n),
        starts=may_start & certain,
        found=objects(list(found)),
    )
