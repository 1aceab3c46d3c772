"""The rows of a site: one pydantic model each, the only definition of the site file's keys.

Each row may carry ``valid_from`` and ``valid_to`` (half-open, with time zone). Positions are
[longitude, latitude] in degrees WGS84, heights metres above the WGS84 ellipsoid, angles degrees
clockwise from true north; names follow the messages on the wire.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from geo.site_faults import MISSING, RowFault, RowFaults

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Name = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9-]{1,64}$")]
Party = Annotated[str, Field(strict=True, pattern=r"^[A-Z][A-Z0-9-]{1,15}$")]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Number = Annotated[float, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0.0)]
NotNegative = Annotated[float, Field(strict=True, ge=0.0)]
Count = Annotated[int, Field(strict=True, gt=0)]
Longitude = Annotated[float, Field(strict=True, ge=-180.0, le=180.0)]
Latitude = Annotated[float, Field(strict=True, ge=-90.0, le=90.0)]
LonLat = tuple[Longitude, Latitude]
Moment = Annotated[AwareDatetime, Field(strict=True)]


class Part(BaseModel):
    """What rows and their parts have in common: frozen, unknown keys refused, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def to_ns(moment: datetime) -> int:
    """Take a moment with time zone to nanoseconds since the epoch, UTC, exactly."""
    past = moment - _EPOCH
    return ((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1_000


class Row(Part):
    """A statement about the site that holds from one moment up to another."""

    valid_from: Moment | None = Field(None, description="first moment; open when left out")
    valid_to: Moment | None = Field(None, description="first moment no more; open when left out")

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            wanted = f"a time after valid_from, {self.valid_from.isoformat()}"
            raise RowFaults([RowFault(("valid_to",), self.valid_to, wanted, "correct either")])
        return self

    def valid_at(self, at_ns: int) -> bool:
        """Say whether the row holds at a time (ns UTC)."""
        return (self.valid_from is None or to_ns(self.valid_from) <= at_ns) and (
            self.valid_to is None or at_ns < to_ns(self.valid_to)
        )

    def overlaps(self, other: "Row") -> bool:
        """Say whether both rows hold at some one time."""
        return (
            self.valid_from is None or other.valid_to is None or self.valid_from < other.valid_to
        ) and (
            other.valid_from is None or self.valid_to is None or other.valid_from < self.valid_to
        )


class Area(Part):
    """The box that all coordinates of the site, and of its messages, lie in."""

    lon_min_deg: Longitude
    lon_max_deg: Longitude
    lat_min_deg: Latitude
    lat_max_deg: Latitude

    @model_validator(mode="after")
    def _has_extent(self) -> Self:
        if self.lon_min_deg >= self.lon_max_deg or self.lat_min_deg >= self.lat_max_deg:
            wanted = "lon_min_deg < lon_max_deg and lat_min_deg < lat_max_deg"
            raise RowFaults([RowFault((), self.model_dump(), wanted, "exchange or correct them")])
        return self

    def contains(self, lon_deg: float, lat_deg: float) -> bool:
        """Say whether a position lies in the box, its edges included."""
        return (
            self.lon_min_deg <= lon_deg <= self.lon_max_deg
            and self.lat_min_deg <= lat_deg <= self.lat_max_deg
        )


class CableRow(Row):
    """A cable: its route from the interrogator outwards, and its channels."""

    id: Name
    channel_count: Annotated[int, Field(strict=True, gt=0, le=65_536)]
    channel_spacing_m: Positive = 10.0
    first_channel_m: Number = Field(5.0, description="cable distance of channel 0's middle")
    swath_sigma_m: Positive = Field(5.0, description="sigma across the cable; assumed")
    route: tuple[LonLat, ...] = Field(min_length=2)


class CalibrationRow(Row):
    """A cable's table: taps [cable distance, route distance, sigma], coils [start, length]."""

    cable: Name
    distance_sigma_share: NotNegative = Field(0.002, description="assumed")
    taps: tuple[tuple[NotNegative, NotNegative, NotNegative], ...] = ()
    coils: tuple[tuple[NotNegative, Positive], ...] = ()


class Orientation(Part):
    """Where a camera looks: yaw clockwise from true north, pitch up, roll; and how surely."""

    yaw_deg: Annotated[float, Field(strict=True, ge=0.0, lt=360.0)]
    pitch_deg: Annotated[float, Field(strict=True, ge=-90.0, le=90.0)]
    roll_deg: Annotated[float, Field(strict=True, ge=-180.0, le=180.0)] = 0.0
    yaw_sigma_deg: Positive
    pitch_sigma_deg: Positive
    roll_sigma_deg: Positive = Field(0.1, description="assumed")


class Lens(Part):
    """How a camera's pixels become directions."""

    width_px: Count
    height_px: Count
    focal_length_px: Positive


class Radar(Part):
    """What a ground radar can do."""

    range_m: Positive
    range_sigma_m: Positive
    azimuth_sigma_deg: Positive
    minimum_speed_mps: NotNegative = 0.0


SensorKind = Literal["fibre", "thermal", "vehicle", "aerial", "boat", "radar", "patrol"]


class Sensor(Row):
    """A sensor, or a crew that carries some: where it is, or is stationed when it moves."""

    id: Name
    group: Name = Field(description="feed group: the gateway it speaks through")
    kind: SensorKind
    own_force: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="a patrol or crew of ours"
    )
    cable: Name | None = Field(None, description="fibre: the cable it listens to")
    position: LonLat | None = None
    position_sigma_m: Positive | None = None
    height_m: Number | None = Field(None, description="of the sensor, above the ellipsoid")
    height_above_ground_m: NotNegative | None = None
    orientation: Orientation | None = None
    lens: Lens | None = None
    range_m: Positive | None = Field(None, description="how far the sensor is of use")
    radar: Radar | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {
            "fibre": ("cable",),
            "thermal": ("position", "height_m", "height_above_ground_m", "orientation", "lens"),
            "radar": ("position", "radar"),
        }.get(self.kind, ())
        faults = [
            RowFault((name,), MISSING, f"a value: a {self.kind} sensor needs it", f"add {name}")
            for name in needed
            if getattr(self, name) is None
        ]
        if faults:
            raise RowFaults(faults)
        return self

    @property
    def ground_m(self) -> float | None:
        """Height of the ground at its foot, above the ellipsoid."""
        if self.height_m is None or self.height_above_ground_m is None:
            return None
        return self.height_m - self.height_above_ground_m


class ZoneRow(Row):
    """An area with a meaning, as a ring of corners or a circle."""

    id: Name
    kind: Name = Field(description="such as works (own crews at work) or lawful")
    name: Text | None = None
    polygon: Annotated[tuple[LonLat, ...], Field(min_length=3)] | None = None
    centre: LonLat | None = None
    radius_m: Positive | None = None

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        ring, round_ = self.polygon is not None, self.centre is not None
        if ring == round_ or round_ != (self.radius_m is not None):
            given = [k for k in ("polygon", "centre", "radius_m") if getattr(self, k) is not None]
            wanted = "either polygon, or centre and radius_m"
            raise RowFaults([RowFault((), given, wanted, "give the zone one shape")])
        return self


class Sector(Row):
    """A border police sector: a stretch of chainage, or an area where its limits are known."""

    id: Name
    name: Text
    start_m: NotNegative = Field(description="chainage where it begins")
    end_m: NotNegative = Field(description="chainage where it ends")
    station: LonLat | None = None
    polygon: Annotated[tuple[LonLat, ...], Field(min_length=3)] | None = None

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.start_m >= self.end_m:
            wanted = f"chainage above start_m, {self.start_m}"
            raise RowFaults([RowFault(("end_m",), self.end_m, wanted, "correct either")])
        return self


class Crossing(Row):
    """A border crossing; lawful traffic within its radius is no incident."""

    id: Name
    name: Text
    name_neighbour: Text
    mode: Name
    position: LonLat
    position_uncertainty_m: Positive
    radius_m: Positive = Field(300.0, description="of the lawful zone; assumed")
    lawful: Annotated[bool, Field(strict=True)] = True


class Setting(Row):
    """One setting of a part of the service, by its full name."""

    key: Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
    value: (
        Annotated[bool, Field(strict=True)]
        | Annotated[int, Field(strict=True)]
        | Annotated[float, Field(strict=True)]
        | Annotated[str, Field(strict=True, max_length=1_000)]
    )
