"""The service's own test items come through the real detector in time."""

from itertools import pairwise

from geo.default_site import default_site_path
from geo.site import Site
from sensors.messages import Mark
from sensors.topics import PROOF_GROUP
from services.alerts.app import AppSettings
from services.events import Proof, Received, Tick
from services.run.pipeline import Pipeline
from services.run.proof import FRAME_NS, ProofFibre

T0 = 1_772_326_800_000_000_000
S = 1_000_000_000


def test_proofs_come_often_enough_that_red_means_broken() -> None:
    pipeline = Pipeline(Site.load(default_site_path()), T0, "live", frames=True)
    fibre = ProofFibre(0, "s-1")
    proofs: list[tuple[int, Proof]] = []
    others = 0
    for number in range(4 * 60):
        sent_ns = T0 + (number + 1) * FRAME_NS
        frame = Received(sent_ns, fibre.topic, fibre.frame(number, sent_ns - FRAME_NS))
        for event in pipeline.push(frame) + pipeline.push(Tick(sent_ns)):
            if isinstance(event, Proof):
                proofs.append((sent_ns, event))
            others += getattr(event, "record", "") in {"incident", "alert", "track"}
    assert proofs
    assert proofs[0][0] - T0 < 10 * S
    worst_ns = max(later - before.measured_at_ns for (_, before), (later, _) in pairwise(proofs))
    assert worst_ns / S < AppSettings().proof_limit_s / 1.5, "a working way must never look broken"
    assert others == 0, "a test item is never an incident"


def test_frames_are_an_exercise_of_a_group_of_their_own() -> None:
    assert f"/{PROOF_GROUP}/" in ProofFibre(0, "s-1").topic
    assert ProofFibre(0, "s").frame(3, T0) == ProofFibre(0, "s").frame(3, T0)
    assert Mark.EXERCISE.encode() in ProofFibre(0, "s").frame(3, T0)
