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

BAND_WEIGHTS = (0.15, 0.45, 0.3, 0.1)
"""Weight of each band's energy over its floor: the lowest has hardly one degree of freedom in
50 ms and so is mostly noise, the highest fades soonest in soil. Assumed."""


@dataclass(frozen=True, slots=True)
class FibreSettings:
    """What decides when a fibre detector speaks.

    Attributes:
        settle_s: left out after a reset, while the filters settle.
        warm_up_s: without detections at the start, while the floor is learned.
        floor_step: step of running medians and deviations per window, as a share.
        busy_share: share of that step where an object sits.
        busy_width_share: the same for the score's deviation, so that a channel that is always
            restless becomes less sensitive within minutes.
        decide_s: how often cells are tested and objects followed.
        sum_m: cable over which cells are summed.
        region_m: cable over which the common mode is taken away.
        persist_s: time constant of the persistence integrator over clipped cells.
        on_score: score at which an object begins.
        off_score: score down to which its neighbours belong to it.
        region_share: how much of the common mode's score is taken off besides.
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
        start_score: score that an object holds for ``start_s`` before it may start a track. In
            quiet simulated noise (1.1e6 channel seconds, envelope restless at 0.7 Hz) the highest
            score held for 3 s was 13.1 and fell e-fold each 1.8: by that, 22 is reached about once
            in an hour of the whole border. To be set anew on real noise.
        start_s: see ``start_score``. Ground noise with tails like real ones has strong moments, and
            the integrator holds one for some seconds: on 75 km of it (the committed quiet scene)
            3 s let five tracks start in two minutes, 4 s two in ten; 4.5 and 5 s as many.
        emit_s: between two detections of one object.
        impulses: that many in eight seconds are like footsteps.
        vehicle_m: a continuous source is like a vehicle from this extent on.
        continuity: share of windows above the floor that makes a source continuous.
        most_objects: of one sensor; the strongest are followed, the rest is counted.
        drift_s: a frame's time may differ so far from the session's time base.
        forget_s: a gap so long, or a sensor so long unheard, begins anew.
        fault_s: between two reports of faults.
    """

    settle_s: float = 0.6
    warm_up_s: float = 12.0
    floor_step: float = 0.002
    busy_share: float = 0.05
    busy_width_share: float = 0.2
    decide_s: float = 0.25
    sum_m: float = 30.0
    region_m: float = 2000.0
    persist_s: float = 1.5
    on_score: float = 11.0
    off_score: float = 5.5
    region_share: float = 0.5
    coherent_share: float = 0.25
    coherent_s: float = 5.0
    neighbour_m: float = 200.0
    neighbour_factor: float = 1.5
    widest_m: float = 400.0
    gate_m: float = 40.0
    fastest_mps: float = 45.0
    lost_s: float = 2.0
    alarm_s: float = 2.0
    weak_score: float = 14.0
    start_score: float = 22.0
    start_s: float = 4.0
    emit_s: float = 0.5
    impulses: int = 4
    vehicle_m: float = 60.0
    continuity: float = 0.6
    most_objects: int = 64
    drift_s: float = 0.05
    forget_s: float = 600.0
    fault_s: float = 1.0

    @classmethod
    def proof(cls) -> Self:
        """Settings for the service's own test items, which must come through quickly."""
        return cls(
            warm_up_s=3.0,
            persist_s=0.75,
            on_score=8.0,
            alarm_s=0.5,
            weak_score=8.0,
            start_score=8.0,
            start_s=0.5,
            emit_s=0.25,
            impulses=1,
            busy_share=0.0,
            busy_width_share=0.0,
            coherent_share=0.8,
            neighbour_factor=1.0,
        )
