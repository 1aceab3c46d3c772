"""What gateways publish: the one definition of every message on the wire.

JSON Schema and AsyncAPI are generated from these models. Every physical number carries its unit
in its name. Times are nanoseconds since the epoch, UTC: an integer in CBOR, a decimal string or
RFC 3339 in JSON. Angles are in degrees clockwise from true north, heights in metres above the
WGS84 ellipsoid.
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    PlainSerializer,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

SCHEMA = 0
"""Minor version of the contract within v1; fields are only added, and optional."""

MAX_CHANNELS = 65_536
MAX_FRAME_SAMPLES = 16_384
MAX_PIXELS = 4_096
MAX_DETECTIONS = 4_096

_NS = 1_000_000_000


def time_from_wire(value: object) -> int:
    """Read a time: integer, decimal string or RFC 3339 with up to nine decimals, as ns UTC.

    Raises:
        ValueError: where it is none of these.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("nanoseconds as integer, decimal string, or RFC 3339 text")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, int):
        return value
    if value.isascii() and value.isdecimal() and len(value) <= 19:
        return int(value)
    if len(value) == 30 and value[19] == "." and value[29] == "Z" and value[20:29].isdecimal():
        # As we write it ourselves, and by far the most frequent.
        return _whole_seconds(value[:19] + "Z") * _NS + int(value[20:29])
    if len(value) > 40:
        raise ValueError("at most 40 characters")
    head, dot, rest = value.upper().partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    zone = rest[len(digits) :] if dot else ""
    if dot and not 1 <= len(digits) <= 9:
        raise ValueError("RFC 3339 with one to nine decimals")
    return _whole_seconds(head + zone) * _NS + int(digits.ljust(9, "0"))


@lru_cache(maxsize=512)
def _whole_seconds(text: str) -> int:
    """Read RFC 3339 without decimals; many messages are of the same second."""
    if "T" not in text:
        raise ValueError("nanoseconds as decimal string, or RFC 3339 text")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("RFC 3339 text, for example 2026-05-01T02:03:04.5Z") from None
    if moment.tzinfo is None:
        raise ValueError("RFC 3339 with its zone, for example Z")
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return whole.days * 86_400 + whole.seconds


def time_to_text(at_ns: int) -> str:
    """Write a time as RFC 3339 with nanoseconds, UTC."""
    moment = datetime.fromtimestamp(at_ns // _NS, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns % _NS:09d}Z"


TimeNs = Annotated[
    int,
    BeforeValidator(time_from_wire),
    Field(ge=0, le=2**63 - 1),
    PlainSerializer(time_to_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "pattern": "^[0-9]{1,19}$"},
                {"type": "integer", "minimum": 0},
            ],
            "description": "nanoseconds since the epoch, UTC; in JSON as text",
        }
    ),
]


def _array(dimensions: int, dtypes: tuple[str, ...]) -> GetPydanticSchema:
    """Pydantic schema of a numeric array that arrives decoded, checked for shape and type."""

    def check(value: Any) -> npt.NDArray[Any]:
        if not isinstance(value, np.ndarray):
            raise ValueError("a CBOR typed array (RFC 8746) in a tag 40")  # noqa: TRY004 - pydantic wants ValueError
        array = value
        if array.ndim != dimensions:
            raise ValueError(f"an array of {dimensions} dimensions, not {array.ndim}")
        if array.dtype.name not in dtypes:
            raise ValueError(f"an array of {' or '.join(dtypes)}, not {array.dtype.name}")
        if 0 in array.shape:
            raise ValueError(f"at least one row and one column, not shape {array.shape}")
        return array

    def json_schema(_: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        del handler
        return {
            "type": "array",
            "description": f"CBOR typed array (RFC 8746) of {' or '.join(dtypes)} "
            f"in a {dimensions}-dimensional array tag (40)",
        }

    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(
            check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda array: array.tolist(), when_used="json"
            ),
            metadata={"pydantic_js_functions": [json_schema]},
        )
    )


FibreSamples = Annotated[npt.NDArray[Any], _array(2, ("int16", "int32", "float32"))]
ThermalPixels = Annotated[npt.NDArray[np.uint16], _array(2, ("uint16",))]

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
SessionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


def _text(max_length: int) -> Any:
    """Field of a free text: no control characters but tab and line ends (databases refuse NUL)."""
    return Field(max_length=max_length, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")


Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Longitude = Annotated[float, Field(ge=-180.0, le=180.0)]
Latitude = Annotated[float, Field(ge=-90.0, le=90.0)]
Bearing = Annotated[float, Field(ge=0.0, lt=360.0)]


class Mark(StrEnum):
    """Whether what is said happened. Items of different marks never correlate."""

    REAL = "real"
    EXERCISE = "exercise"
    SIMULATED = "simulated"
    REPLAY = "replay"


class ObjectClass(StrEnum):
    """What a moving thing, or a disturbance, is taken for."""

    PERSON = "person"
    GROUP = "group"
    DIGGING = "digging"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    TRAIN = "train"
    BOAT = "boat"
    DRONE = "drone"
    WEATHER = "weather"
    MACHINERY = "machinery"
    CABLE_ATTACK = "cable_attack"
    UNKNOWN = "unknown"


_LAX = Strict(strict=False)
# In Python objects a strict enum wants the member and a strict tuple a tuple; on the wire they are
# text and a list. Numbers and texts stay strict: "12", true or 1.0 are no integer.
AnyMark = Annotated[
    Mark,
    _LAX,
    WithJsonSchema(
        {
            "type": "string",
            "enum": ["real", "exercise", "simulated"],
            "description": "whether what is said happened; replay is set by the service alone",
        }
    ),
]
AnyClass = Annotated[ObjectClass, _LAX]


class _Strict(BaseModel):
    """Unknown fields are refused by name; what is not a number stays out."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        arbitrary_types_allowed=True,
    )


class Position(_Strict):
    """A place on the ground or above it, with how well it is known."""

    longitude_deg: Longitude
    latitude_deg: Latitude
    height_m: float | None = Field(default=None, ge=-500.0, le=50_000.0)
    accuracy_m: float | None = Field(
        default=None, gt=0.0, le=100_000.0, description="one sigma, each axis"
    )
    covariance_m2: Annotated[tuple[float, float, float, float], _LAX] | None = Field(
        default=None, description="[east-east, east-north, north-east, north-north]"
    )

    @model_validator(mode="after")
    def _has_uncertainty(self) -> Self:
        if self.covariance_m2 is not None:
            ee, en, ne, nn = self.covariance_m2
            if en != ne or ee <= 0.0 or nn <= 0.0 or ee * nn - en * ne <= 0.0:
                raise ValueError("covariance_m2 symmetric and positive definite")
        elif self.accuracy_m is None:
            raise ValueError("accuracy_m or covariance_m2: a position states how well it is known")
        return self


class Message(_Strict):
    """What every message carries."""

    schema_version: int = Field(alias="schema", ge=0, description="minor version of the contract")
    session: SessionName = Field(description="new at each start of the gateway")
    sequence: int = Field(ge=0, le=2**63 - 1, description="counts per sensor, channel and session")
    measured_at_ns: TimeNs
    sent_at_ns: TimeNs
    mark: AnyMark


class GatewayStatus(_Strict):
    """A gateway's own word; as its last will without session, sequence and times."""

    schema_version: int = Field(alias="schema", ge=0)
    state: Literal["online", "offline"]
    session: SessionName | None = None
    sequence: int | None = Field(default=None, ge=0)
    sent_at_ns: TimeNs | None = None
    messages_sent: int | None = Field(default=None, ge=0, description="all since the session began")
    software: Annotated[str, _text(80)] | None = None


class Lens(_Strict):
    """How a camera's pixels become directions."""

    width_px: int = Field(gt=0, le=MAX_PIXELS)
    height_px: int = Field(gt=0, le=MAX_PIXELS)
    focal_length_px: float = Field(gt=0.0)


class Radar(_Strict):
    """What a ground radar can do."""

    range_m: float = Field(gt=0.0, le=100_000.0)
    range_sigma_m: float = Field(gt=0.0)
    azimuth_sigma_deg: float = Field(gt=0.0, le=45.0)
    minimum_speed_mps: float = Field(default=0.0, ge=0.0)


class Orientation(_Strict):
    """Where a camera looks: yaw clockwise from true north, pitch up, roll."""

    yaw_deg: Bearing
    pitch_deg: float = Field(ge=-90.0, le=90.0)
    roll_deg: float = Field(default=0.0, ge=-180.0, le=180.0)
    yaw_sigma_deg: float = Field(gt=0.0, le=180.0)
    pitch_sigma_deg: float = Field(gt=0.0, le=90.0)


class Register(Message):
    """Who a sensor is; retained."""

    kind: Literal["fibre", "thermal", "vehicle", "aerial", "boat", "radar", "patrol"]
    model: Annotated[str, _text(80)]
    heartbeat_interval_s: float = Field(gt=0.0, le=3_600.0)
    classes: Annotated[tuple[AnyClass, ...], _LAX] = Field(default=(), max_length=32)
    position: Position | None = None
    height_above_ground_m: float | None = Field(default=None, ge=0.0, le=500.0)
    cable: Name | None = Field(default=None, description="fibre: the site's name of the cable")
    channel_count: int | None = Field(default=None, gt=0, le=MAX_CHANNELS)
    channel_spacing_m: float | None = Field(default=None, gt=0.0)
    sample_rate_hz: float | None = Field(default=None, gt=0.0)
    gauge_length_m: float | None = Field(default=None, gt=0.0)
    orientation: Orientation | None = None
    lens: Lens | None = None
    range_m: float | None = Field(default=None, gt=0.0, description="how far the sensor is of use")
    radar: Radar | None = None
    own_force: bool = False

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {
            "fibre": ("cable", "channel_count", "channel_spacing_m", "sample_rate_hz"),
            "thermal": ("position", "height_above_ground_m", "orientation", "lens"),
            "radar": ("position", "radar"),
        }.get(self.kind, ())
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"{name}: a {self.kind} sensor registers with it")
        return self


class Status(Message):
    """A sensor's heartbeat; retained, but only a fresh one says that it lives."""

    state: Literal["online", "degraded"]
    faults: Annotated[tuple[Annotated[str, _text(200)], ...], _LAX] = Field(
        default=(), max_length=32
    )
    battery_percent: float | None = Field(default=None, ge=0.0, le=100.0)
    clock: Literal["synchronised", "free-running", "unknown"] = "unknown"
    messages_sent: int | None = Field(
        default=None, ge=0, description="of this sensor in this session"
    )


class FibreFrame(Message):
    """A raw block of a fibre interrogator; CBOR only.

    ``samples`` has shape (time, channel); times ``scale`` it is strain rate in nanostrain/s.
    ``first_sample`` counts from the session's start, so windows sit on absolute numbers;
    ``measured_at_ns`` is the time of the frame's first sample.
    """

    sample_rate_hz: float = Field(gt=0.0, le=20_000.0)
    first_sample: int = Field(ge=0, lt=2**62)
    first_channel: int = Field(default=0, ge=0, lt=MAX_CHANNELS)
    channel_spacing_m: float = Field(gt=0.0, le=1_000.0)
    gauge_length_m: float | None = Field(default=None, gt=0.0)
    scale: float = Field(default=1.0, gt=0.0, description="nanostrain/s per count")
    samples: FibreSamples

    @model_validator(mode="after")
    def _is_within_limits(self) -> Self:
        rows, columns = self.samples.shape
        if rows > MAX_FRAME_SAMPLES:
            raise ValueError(f"samples: at most {MAX_FRAME_SAMPLES} rows, not {rows}")
        if self.first_channel + columns > MAX_CHANNELS:
            raise ValueError(f"samples: at most {MAX_CHANNELS} channels")
        return self


class ThermalFrame(Message):
    """A raw image of a thermal camera; ``pixels`` has shape (row, column); CBOR only."""

    pixels: ThermalPixels
    kelvin_per_count: float | None = Field(default=None, gt=0.0)
    shutter: bool = Field(default=False, description="a flat-field correction is under way")
    orientation: Orientation | None = None

    @model_validator(mode="after")
    def _is_within_limits(self) -> Self:
        if max(self.pixels.shape) > MAX_PIXELS:
            raise ValueError(f"pixels: at most {MAX_PIXELS} rows and columns")
        return self


class CableEvent(_Strict):
    """What an interrogator found by itself, at a place along its cable."""

    distance_m: float = Field(ge=0.0, le=100_000.0, description="cable distance")
    extent_m: float = Field(default=10.0, gt=0.0, le=50_000.0)
    object_class: AnyClass = ObjectClass.UNKNOWN
    score: Probability = 0.5
    speed_mps: float | None = Field(default=None, ge=-100.0, le=100.0)


class Box(_Strict):
    """A camera's find: pixel box, left-top inclusive, right-bottom exclusive."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float
    object_class: AnyClass = ObjectClass.UNKNOWN
    score: Probability = 0.5

    @model_validator(mode="after")
    def _has_area(self) -> Self:
        if self.right_px <= self.left_px or self.bottom_px <= self.top_px:
            raise ValueError("right_px > left_px and bottom_px > top_px")
        return self


class Plot(_Strict):
    """A radar's find; azimuth clockwise from the radar's forward direction."""

    range_m: float = Field(gt=0.0, le=100_000.0)
    azimuth_deg: float = Field(ge=-360.0, le=360.0)
    radial_speed_mps: float | None = Field(default=None, ge=-300.0, le=300.0)
    object_class: AnyClass = ObjectClass.UNKNOWN
    score: Probability = 0.5


class Sighting(_Strict):
    """Something seen at a known place."""

    position: Position
    object_class: AnyClass = ObjectClass.UNKNOWN
    score: Probability = 0.5
    count: int = Field(default=1, ge=1, le=10_000)
    speed_mps: float | None = Field(default=None, ge=0.0, le=300.0)
    heading_deg: Bearing | None = None


class Report(Message):
    """What a device itself found or measured.

    Which list is filled depends on the sensor's kind. Fibre: ``events``; thermal: ``boxes``;
    radar: ``plots``; vehicle: ``plots`` and ``boxes``;
    aerial, patrol, boat: ``sightings``; boat also ``nmea`` (AIS lines as received).
    An empty report says: looked, found nothing.
    """

    events: Annotated[tuple[CableEvent, ...], _LAX] = Field(default=(), max_length=MAX_DETECTIONS)
    boxes: Annotated[tuple[Box, ...], _LAX] = Field(default=(), max_length=MAX_DETECTIONS)
    plots: Annotated[tuple[Plot, ...], _LAX] = Field(default=(), max_length=MAX_DETECTIONS)
    sightings: Annotated[tuple[Sighting, ...], _LAX] = Field(default=(), max_length=MAX_DETECTIONS)
    nmea: Annotated[tuple[Annotated[str, _text(120)], ...], _LAX] = Field(
        default=(), max_length=MAX_DETECTIONS
    )
    orientation: Orientation | None = Field(
        default=None, description="of the camera, when it turned"
    )


class Pose(Message):
    """Where something that moves is."""

    position: Position
    heading_deg: Bearing | None = None
    heading_sigma_deg: float | None = Field(default=None, gt=0.0, le=180.0)
    speed_mps: float | None = Field(default=None, ge=0.0, le=300.0)


class RejectedNotice(_Strict):
    """Ours, to a gateway: which message we refused and why."""

    schema_version: int = Field(default=SCHEMA, alias="schema")
    topic: str
    session: str | None = None
    sequence: int | None = None
    field: str
    value: str
    wanted: str
    received_at_ns: TimeNs
    text: str = Field(description="the same in one sentence")


type_of_channel: dict[str, dict[str | None, type[BaseModel]]] = {
    "register": {None: Register},
    "status": {None: Status},
    "frame": {"fibre": FibreFrame, "thermal": ThermalFrame},
    "report": {None: Report},
    "pose": {None: Pose},
    "rejected": {None: RejectedNotice},
}
"""Model by channel and, for frames, by sensor kind; None stands for every kind."""

SensorMessage = Register | Status | FibreFrame | ThermalFrame | Report | Pose
"""What a sensor says: with session, sequence, times and mark."""

AnyMessage = SensorMessage | GatewayStatus
"""What a gateway publishes."""
