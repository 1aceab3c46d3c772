"""Settings of the fibre detector, in metres and seconds; each sensor's rates make channels of them.

Figures without a source were set on real recordings and synthetic noise in this project's tests
and are to be replaced by measurement in the field.
"""

from dataclasses import dataclass
from typing import Self

WINDOW_S = 0.05
"""Energy windows (assumed: shorter than heel and toe of a step are apart)."""

BANDS_HZ = ((4.0, 12.0), (12.0, 45.0), (45.0, 100.0), (100.0, 200.0))
"""Butterworth band-passes of order 2: heavy and soft sources, footsteps, what is near, tools and
saws (assumed)."""

BAND_WEIGHTS = (0.3, 0.45, 0.25, 0.0)
"""Weight of each band's energy over its floor, for steps and vehicles. The highest is left to the
instrument, which is known by it, and to saws."""

SLOW_WEIGHTS = (0.2, 0.3, 0.5, 0.0)
"""The same for what lasts long: a spade rings at 45 Hz, and found 16 of 17 diggings against 12."""


@dataclass(frozen=True, slots=True)
class FibreSettings:
    """What decides when a fibre detector speaks.

    Attributes:
        settle_s: left out after a reset, while the filters settle.
        warm_up_s: without detections at the start, while the floor is learned.
        floor_step: step of running medians and deviations per window, as a share.
        slot_step: the same for slots of 0.25 s; quick, so that gusts become usual within a minute.
        width_step: the same for the median and deviation of force.
        variance_step: of the variance that rhythms are judged by, per window.
        high_step: of the highest band's own floor, nats per window; quick, to follow fading.
        busy_share: share of all these steps where an object sits.
        busy_score: score of rhythm alone from which on an object is spared from becoming usual.
        decide_s: how often objects are followed; a whole number of slots of 0.25 s.
        sum_m: cable over which cells are summed.
        region_m: cable over which the common mode is taken away.
        pace_s: memory of the rhythm: 5 s are 7-12 steps of a walk.
        short_s: memory of the short force.
        wide_s: memory of the wide force.
        long_s: memory of the long force.
        vehicle_m: cable over which the wide force is summed.
        guard_m: cable on each side of a channel that may belong to the same source.
        wide_guard_m: the same for the restlessness of the surroundings: a vehicle is wider.
        wide_m: cable on each side by which the surroundings' restlessness is judged.
        usual_force: mean size of force where nothing happens, measured.
        pace_unit: power of a rhythm that makes noise e times rarer, measured like the next two.
        short_unit: of short force.
        wide_unit: of wide force.
        long_unit: of long force.
        others_share: share with which all evidence but the strongest counts.
        usual_unrest: median size of short force in 4 km up to which the weather is calm, measured.
        on_score: score at which an object begins.
        off_score: score down to which its neighbours belong to it.
        active_nats: a channel whose energy has been so far up for two seconds is in motion.
        coherent_share: share of a region's channels in motion that makes it a disturbance.
        coherent_s: how long a disturbance is held.
        neighbour_m: cable on each side that the neighbour test looks at.
        neighbour_factor: factor above the upper quartile of the neighbours.
        widest_m: a wider object is a train, weather or an earthquake.
        gate_m: how far an object may be from where it was expected.
        fastest_mps: of objects along the cable.
        lost_s: an object unseen for so long has ended.
        alarm_s: an object lasts so long before anything is told of it.
        weak_score: nothing is told of an object below this before it has started a track.
        start_score: score at which an object may start a track. Set from the tail of scores in
            noise, see decision 0021.
        start_s: how long it has to be as high; a single slot is not enough.
        peak_kept: share of an object's highest score that is kept from decision to decision.
        fading_share: below this share of it, only memory is left of an object.
        fresh_s: and while it gave an impulse so lately.
        fresh_power: an object is told of while energy over the floor, over half a second, is so
            much above twice its neighbours' there.
        emit_s: between two detections of one object.
        most_objects: of one sensor; the strongest are followed, the rest is counted.
        drift_s: a frame's time may differ so far from the session's time base.
        forget_s: a gap so long, or a sensor so long unheard, begins anew.
        fault_s: between two reports of faults.
    """

    settle_s: float = 0.6
    warm_up_s: float = 12.0
    floor_step: float = 0.001
    slot_step: float = 0.01
    width_step: float = 0.005
    variance_step: float = 0.001
    high_step: float = 0.02
    busy_share: float = 0.1
    busy_score: float = 11.0
    decide_s: float = 0.25
    sum_m: float = 30.0
    region_m: float = 2000.0
    pace_s: float = 5.0
    short_s: float = 5.0
    wide_s: float = 2.5
    long_s: float = 12.0
    vehicle_m: float = 110.0
    guard_m: float = 50.0
    wide_guard_m: float = 120.0
    wide_m: float = 600.0
    usual_force: float = 1.0
    pace_unit: float = 1.4
    short_unit: float = 0.65
    wide_unit: float = 0.6
    long_unit: float = 0.4
    others_share: float = 0.3
    usual_unrest: float = 0.86
    on_score: float = 14.0
    off_score: float = 8.0
    active_nats: float = 1.2
    coherent_share: float = 0.25
    coherent_s: float = 5.0
    neighbour_m: float = 200.0
    neighbour_factor: float = 1.5
    widest_m: float = 400.0
    gate_m: float = 40.0
    fastest_mps: float = 45.0
    lost_s: float = 2.0
    alarm_s: float = 0.5
    weak_score: float = 18.0
    start_score: float = 27.0
    start_s: float = 0.5
    peak_kept: float = 0.985
    fading_share: float = 0.6
    fresh_s: float = 1.0
    fresh_power: float = 0.8
    emit_s: float = 0.5
    most_objects: int = 64
    drift_s: float = 0.05
    forget_s: float = 600.0
    fault_s: float = 1.0

    @classmethod
    def proof(cls) -> Self:
        """Settings for the service's own test items, which must come through quickly."""
        return cls(
            warm_up_s=3.0,
            pace_s=1.0,
            short_s=0.75,
            wide_s=1.0,
            long_s=1.5,
            on_score=7.0,
            off_score=4.0,
            alarm_s=0.25,
            weak_score=7.0,
            start_score=7.0,
            start_s=0.0,
            fading_share=0.0,
            fresh_s=2.0,
            fresh_power=0.2,
            emit_s=0.25,
            busy_share=0.0,
            coherent_share=0.8,
            neighbour_factor=1.0,
        )
