"""Settings of correlation, with where their defaults come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from sensors.messages import ObjectClass
from sensors.topics import SensorKind

CLASSES = tuple(ObjectClass)
"""Order of classes in every array of class probabilities."""

KINDS = tuple(SensorKind)
"""Order of sensor kinds in every array by kind."""


@dataclass(frozen=True, slots=True)
class ClassMotion:
    """How one class moves.

    Attributes:
        noise: spectral density of acceleration, m^2/s^3; assumed. Within a second a walker's
            velocity changes by some 0.5 m/s (0.3), a vehicle's by 1.7 (3).
        speed_mps: sigma of each component of the velocity of a new track; assumed.
        coast_s: how long a confirmed track lives without a detection; assumed: what is not heard
            again soon is gone; longer where the fibre hears only some of the steps.
    """

    noise: float
    speed_mps: float
    coast_s: float


_ON_FOOT = ClassMotion(0.3, 1.5, 8.0)
_DRIVEN = ClassMotion(3.0, 10.0, 5.0)

MOTION: Mapping[ObjectClass, ClassMotion] = MappingProxyType(
    {
        ObjectClass.PERSON: _ON_FOOT,
        ObjectClass.GROUP: _ON_FOOT,
        ObjectClass.DIGGING: ClassMotion(0.05, 0.3, 10.0),
        ObjectClass.VEHICLE: _DRIVEN,
        ObjectClass.ANIMAL: ClassMotion(0.5, 1.5, 8.0),
        ObjectClass.TRAIN: ClassMotion(1.0, 15.0, 5.0),
        ObjectClass.BOAT: ClassMotion(0.5, 5.0, 10.0),
        ObjectClass.DRONE: ClassMotion(5.0, 10.0, 5.0),
        ObjectClass.WEATHER: ClassMotion(3.0, 10.0, 5.0),
        ObjectClass.MACHINERY: ClassMotion(0.5, 2.0, 10.0),
        ObjectClass.CABLE_ATTACK: ClassMotion(0.05, 0.3, 10.0),
        ObjectClass.UNKNOWN: ClassMotion(0.5, 3.0, 7.0),
    }
)

AREA_M2: Mapping[SensorKind, float] = MappingProxyType(
    {
        SensorKind.FIBRE: 37_500.0 * 50.0,
        SensorKind.THERMAL: 4.0e6,
        SensorKind.VEHICLE: 2.4e7,
        SensorKind.RADAR: 2.4e7,
        SensorKind.AERIAL: 4.0e6,
        SensorKind.BOAT: 4.0e6,
        SensorKind.PATROL: 4.0e6,
    }
)
"""Area over which one sensor's clutter spreads: a span of cable times its swath, a radar's 6 km
disc within the 2 km strip, 2 km about a camera; assumed until coverage is known by sensor."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How detections become tracks.

    Attributes:
        hold_s: longest wait of a detection for others of its time.
        bin_s: event-time grid; detections of one bin are taken in together.
        lateness_s: how far back late data is still taken in, by going back and again over it.
        late_batch_s: late data waits so long, in event time, to be taken in together.
        gate2: squared Mahalanobis gate (chi-squared, two degrees: 99.97 %).
        own_gate2: the same for detections near an own-force position (95 %): narrow, so that an
            intruder beside a patrol is not taken for it.
        false_tracks_per_hour: sets the threshold of confirmation.
        threshold_least: least log-likelihood ratio that confirms, whatever the clutter.
        threshold_most: ratio that confirms in any clutter.
        confirm_age_s: least time between first detection and confirmation by one sensor kind.
        independence_s: hits of one kind closer in time than this count in part only; assumed.
        detection_probability: assumed.
        miss_per_s: loss of log-likelihood ratio for each second beyond the first between hits.
        clutter_per_s: rate of false detections of a sensor before any was seen.
        clutter_memory_s: time constant of learned rates.
        sure_confidence: a person's or drone's sighting of at least this confirms at once.
        tentative_coast_s: how long an unconfirmed track lives without a detection.
        own_coast_s: how long an own-force track lives without a report.
        own_recent_s: how long after its report an own force still explains detections.
        own_most_mps: a report that asks for more speed is a fault.
        own_distrust_s: how long after such a fault its reports suppress nothing.
        publish_s: least time between revisions that tell only of movement.
        sensor_per_s: detections of one sensor and second of event time; more are refused.
        sensor_tracks: unconfirmed tracks that one sensor may have begun.
        tracks: all tracks together.
        extend_sigma_m: a detection less certain than this along any axis starts no track.
        motion: by class.
        area_m2: by kind of sensor.
    """

    hold_s: float = 0.5
    bin_s: float = 0.1
    lateness_s: float = 5.0
    late_batch_s: float = 0.5
    gate2: float = 16.0
    own_gate2: float = 6.0
    false_tracks_per_hour: float = 1.0
    threshold_least: float = 5.0
    threshold_most: float = 14.0
    confirm_age_s: float = 0.5
    independence_s: float = 0.5
    detection_probability: float = 0.8
    miss_per_s: float = 0.5
    clutter_per_s: float = 1.0
    clutter_memory_s: float = 60.0
    sure_confidence: float = 0.9
    tentative_coast_s: float = 4.0
    own_coast_s: float = 30.0
    own_recent_s: float = 10.0
    own_most_mps: float = 70.0
    own_distrust_s: float = 60.0
    publish_s: float = 1.0
    sensor_per_s: int = 2_000
    sensor_tracks: int = 500
    tracks: int = 20_000
    extend_sigma_m: float = 300.0
    motion: Mapping[ObjectClass, ClassMotion] = field(default_factory=lambda: dict(MOTION))
    area_m2: Mapping[SensorKind, float] = field(default_factory=lambda: dict(AREA_M2))


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """How tracks become incidents.

    Attributes:
        join_m: a new track within this of an incident's track, at one time, belongs to it. Two
            walkers 100 m apart stay two incidents.
        join_mps: largest difference of the velocities of tracks that belong together.
        continue_m: a track that begins this near to where an ended one would be continues it.
        continue_drift_mps: how much that distance grows for each second between them.
        hold_s: an incident that no track supported for so long has ended.
        publish_s: least time between revisions that tell only of movement.
        direction_share: share of the speed across the line that makes it towards or away.
        still_mps: slower than this has no direction.
        baseline_s: way and direction are taken from so many last seconds of a track.
        shortest_baseline_s: before that, from the filter.
        fall_s: severity falls only when it stays lower for so long, so that nothing flaps.
        most_tracks: ids of ended tracks that an incident goes on naming.
        sure_kinds: number of sensor kinds from which on an incident counts as well supported.
        shadow_m: a track within this of a moving own unit may be that unit's echo.
        shadow_moving_mps: a slower own unit casts no shadow.
        shadow_recent_s: for so long a unit's position is carried on.
        shadow_wait_s: a track of vehicles' radars alone waits until it is this old.
    """

    join_m: float = 60.0
    join_mps: float = 3.0
    continue_m: float = 60.0
    continue_drift_mps: float = 1.5
    hold_s: float = 60.0
    publish_s: float = 1.0
    direction_share: float = 0.5
    still_mps: float = 0.25
    baseline_s: float = 10.0
    shortest_baseline_s: float = 4.0
    fall_s: float = 15.0
    most_tracks: int = 100
    sure_kinds: int = 2
    shadow_m: float = 60.0
    shadow_moving_mps: float = 3.0
    shadow_recent_s: float = 10.0
    shadow_wait_s: float = 6.0


Share = Annotated[float, Field(ge=0.0, le=1.0)]


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """What counts as usual at a place and hour, and what follows; all defaults are assumed.

    Attributes:
        lowers: whether what is usual gets a lower severity; it is learned all the same.
        on_foot: whether a person who walks along the line may be lowered too; never one who walks
            across it.
        stretch_m: chainage that is one place.
        weeks: full weeks that are remembered beside the present one.
        half_life_weeks: age at which a week weighs half.
        least_probability: that one or more come within the hour; below, it is not usual.
        least_tail: that more come than have come in this hour; below, it is more than usual.
        least_weeks: earlier weeks in which it must have been seen at this hour.
        least_share: of the class's probability, else the class is not sure enough.
        settle_s: before that, nobody knows whether a new object moves along the line or across.
        near_m: a road or railway within this of a stretch makes vehicles or trains likelier.
        prior_hours: weight of what is expected before anything was seen.
        prior_per_h: expected rate by place where nothing speaks for more.
        near_per_h: the same beside a road, railway or stream, for what comes there.
        most_cells: bound of the memory; 24 bytes each with eight weeks.
        most_open: bound of incidents followed at one time.
        standard_offset_h: local standard time less UTC.
        summer_time: whether the Union's summer time is kept.
    """

    lowers: bool = True
    on_foot: bool = False
    stretch_m: Annotated[float, Field(ge=50.0, le=5_000.0)] = 250.0
    weeks: Annotated[int, Field(ge=4, le=26)] = 8
    half_life_weeks: Annotated[float, Field(gt=0.0)] = 4.0
    least_probability: Share = 0.8
    least_tail: Share = 0.05
    least_weeks: Annotated[int, Field(ge=1)] = 3
    least_share: Share = 0.8
    settle_s: float = 5.0
    near_m: float = 300.0
    prior_hours: Annotated[float, Field(gt=0.0)] = 2.0
    prior_per_h: Annotated[float, Field(gt=0.0)] = 0.02
    near_per_h: Annotated[float, Field(gt=0.0)] = 0.5
    most_cells: Annotated[int, Field(ge=100, le=1_000_000)] = 32_768
    most_open: Annotated[int, Field(ge=1)] = 10_000
    standard_offset_h: Annotated[int, Field(ge=-12, le=14)] = 2
    summer_time: bool = True
