"""Classes of fibre detections, by the evidence that carries them."""

import dataclasses

import pytest

from sensors.messages import ObjectClass
from services.detect.cues import Cues, classify
from services.detect.evidence import Evidence

WIDEST_M = 400.0


def cues(evidence: Evidence, **known: float) -> Cues:
    usual = {
        "age_s": 10.0,
        "extent_m": 50.0,
        "speed_mps": 0.0,
        "speed_sigma_mps": 1.5,
        "continuity": 0.6,
        "cadence": 0.0,
        "strength": 1.0,
    }
    return Cues(**(usual | known), regional=False, evidence=evidence)


WALK = cues(Evidence(47.0, 1.8, 4.0, 9.7, 4.7, 9.7), cadence=0.58)
RUN = cues(Evidence(7.5, 2.7, 3.7, 14.0, 9.9, 10.0), extent_m=90.0, continuity=0.88, cadence=0.44)
DIG = cues(Evidence(11.0, 1.8, 4.5, 3.5, 1.8, 9.4), extent_m=40.0, continuity=0.3)
SAW = cues(Evidence(9.2, 1.4, 33.0, 2.3, 0.0, 0.2), extent_m=90.0, continuity=0.4)
TRUCK = cues(Evidence(0.5, 1.7, 7.9, 16.0, 18.0, 13.0), extent_m=160.0, speed_mps=2.8, continuity=1)


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (WALK, ObjectClass.PERSON),
        (RUN, ObjectClass.PERSON),
        (DIG, ObjectClass.DIGGING),
        (SAW, ObjectClass.CABLE_ATTACK),
        (TRUCK, ObjectClass.VEHICLE),
    ],
    ids=["walk", "run", "dig", "saw", "truck"],
)
def test_what_carries_the_evidence_makes_the_class(seen: Cues, wanted: ObjectClass) -> None:
    classes = classify(seen, WIDEST_M)
    assert max(classes, key=classes.__getitem__) is wanted
    assert classes[wanted] > 0.5
    assert sum(classes.values()) == pytest.approx(1.0, abs=1e-3)


def test_what_runs_at_one_place_for_long_is_rather_a_machine() -> None:
    still = cues(TRUCK.evidence, extent_m=160.0, continuity=1.0, age_s=90.0)
    classes = classify(still, WIDEST_M)
    assert classes[ObjectClass.MACHINERY] > classes[ObjectClass.VEHICLE]


def test_what_is_wider_than_any_object_and_moves_is_rather_a_train() -> None:
    train = cues(TRUCK.evidence, extent_m=600.0, speed_mps=20.0)
    classes = classify(train, WIDEST_M)
    assert max(classes, key=classes.__getitem__) is ObjectClass.TRAIN


def test_the_end_of_a_walk_says_less_than_the_walk() -> None:
    fading = dataclasses.replace(WALK, strength=0.65)
    assert classify(fading, WIDEST_M)[ObjectClass.PERSON] < 0.6
    assert classify(WALK, WIDEST_M)[ObjectClass.PERSON] > 0.8
