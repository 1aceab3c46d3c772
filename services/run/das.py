"""A DAS file that ``dascore`` reads, as a fibre sensor's frames.

The file's samples stay what they are wherever their type allows; what turns them into strain rate
is the frames' scale. Each patch of the file is a session of its own, so a hole in the file resets
the detector's filters. On the wire the messages are real, which they were when they were measured
(the contract knows no replay there); whoever takes them marks them as a replay.
"""

import hashlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from geo.errors import ConfigError, RecordingError
from geo.site_rows import Sensor
from sensors.messages import MAX_CHANNELS, MAX_FRAME_SAMPLES, SCHEMA, FibreFrame, Mark, Register
from sensors.topics import Channel, SensorKind, Topic
from sensors.wire import MAX_PAYLOAD_BYTES, encode_cbor, encode_json
from services.events import Received

FRAME_S = 0.25
"""Length of a frame, as interrogators send them (architecture, numbers to design for)."""
_NS = 1_000_000_000
_DELAY_NS = 10_000_000
"""Taken as received so long after its last sample (assumed, as the simulators do)."""
_HEADROOM = 4096
_HASHED = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Patch:
    """One unbroken block of a DAS file.

    Attributes:
        samples: shape (time, channel), as in the file.
        start_ns: time of the first sample.
        step_ns: nanoseconds from sample to sample.
        first_channel: number of the first channel along the cable.
        spacing_m: metres from channel to channel.
        gauge_m: gauge length, where the file says it.
        scale: nanostrain/s (or, for ``integrated``, nanostrain) per count.
        integrated: the file holds strain, which is differentiated in time.
    """

    samples: npt.NDArray[Any]
    start_ns: int
    step_ns: float
    first_channel: int
    spacing_m: float
    gauge_m: float | None
    scale: float
    integrated: bool

    @property
    def rate_hz(self) -> float:
        """Samples a second."""
        return _NS / self.step_ns

    def time_ns(self, sample: int) -> int:
        """Time of a sample."""
        return self.start_ns + round(sample * self.step_ns)


def read_patches(path: Path, start_ns: int | None = None) -> list[Patch]:
    """Read a DAS file.

    Args:
        path: any file that ``dascore`` knows.
        start_ns: time of the first sample, where the file's own is not wanted.

    Raises:
        ConfigError: where ``dascore`` is not installed.
        RecordingError: where it does not know the file.
    """
    try:
        import dascore  # noqa: PLC0415 - an optional extra
        from dascore.exceptions import DASCoreError  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"{str(path)!r} is read through dascore, which is not installed: wanted it; "
            "pip install 'straja[das]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the formats, which are not ours to mend
            read = sorted(dascore.spool(path), key=lambda one: one.get_coord("time").min())
            patches = [_patch(one.transpose("time", "distance"), path) for one in read]
    except RecordingError:
        raise
    except (DASCoreError, ValueError, LookupError, TypeError, OSError, RuntimeError) as error:
        # All that damaged files were seen to raise in there; the words say nothing to a tester.
        raise RecordingError(
            f"{str(path)!r} cannot be read as a recording of a fibre interrogator: wanted a whole "
            "file of a format that dascore knows, by time and distance; copy it anew, or export "
            "it as HDF5"
        ) from error
    if not patches:
        raise RecordingError(
            f"{str(path)!r} holds no samples: wanted a recording of a fibre interrogator with "
            "data; record it anew"
        )
    return patches if start_ns is None else _moved(patches, start_ns - patches[0].start_ns)


def _moved(patches: list[Patch], by_ns: int) -> list[Patch]:
    return [
        Patch(
            one.samples,
            one.start_ns + by_ns,
            one.step_ns,
            one.first_channel,
            one.spacing_m,
            one.gauge_m,
            one.scale,
            one.integrated,
        )
        for one in patches
    ]


def _patch(patch: Any, path: Path) -> Patch:
    time, distance = patch.get_coord("time"), patch.get_coord("distance")
    samples: npt.NDArray[Any] = np.asarray(patch.data)
    step_ns = float(np.timedelta64(time.step, "ns").astype(np.int64)) if time.step else 0.0
    if step_ns <= 0.0:
        raise RecordingError(
            f"{str(path)!r} has no even time between samples: wanted one; resample it"
        )
    spacing = float(distance.step) if distance.step else 0.0
    if spacing <= 0.0:
        raise RecordingError(
            f"{str(path)!r} has no even distance between channels: wanted two channels or more, "
            "evenly apart; resample it"
        )
    first = max(0, round(float(distance.min()) / spacing))
    if samples.shape[1] + first > MAX_CHANNELS:
        raise RecordingError(
            f"{str(path)!r} has {first + samples.shape[1]} channels, counted from the "
            f"cable's begin: wanted at most {MAX_CHANNELS}; cut it"
        )
    gauge = patch.attrs.get("gauge_length")
    gauge_m = float(gauge) if gauge and math.isfinite(float(gauge)) and gauge > 0 else None
    scale, integrated = _scale(patch.attrs.data_units, gauge_m or spacing)
    return Patch(
        samples=samples,
        start_ns=int(np.datetime64(time.min(), "ns").astype(np.int64)),
        step_ns=step_ns,
        first_channel=first,
        spacing_m=spacing,
        gauge_m=gauge_m,
        scale=scale,
        integrated=integrated,
    )


def _scale(units: Any, gauge_m: float) -> tuple[float, bool]:
    """Nanostrain/s per count, and whether the samples are strain instead of its rate.

    A rate of deformation (m/s) is that of the gauge length. Where the file says no units, or
    others, counts are taken for nanostrain/s: detection compares each channel with its own floor,
    and only the height of a reported value is then without meaning.
    """
    from dascore.exceptions import UnitError  # noqa: PLC0415 - an optional extra
    from dascore.units import convert_units  # noqa: PLC0415

    if units is None or not str(units).strip():
        return 1.0, False
    for wanted, scale, integrated in (
        ("1/s", 1e9, False),
        ("m/s", 1e9 / gauge_m, False),
        ("strain", 1e9, True),
    ):
        try:
            return float(convert_units(1.0, wanted, units)) * scale, integrated
        except UnitError:
            continue
    return 1.0, False


def das_messages(
    patches: list[Patch], sensor: Sensor, identity: str, frame_s: float = FRAME_S
) -> Iterator[Received]:
    """Give the messages that an interrogator would have sent.

    Args:
        patches: of the file.
        sensor: the site's fibre sensor that they stand for.
        identity: of the file, for the session's name.
        frame_s: length of a frame; what is concluded does not depend on it.
    """
    for number, patch in enumerate(patches):
        session = f"das-{identity}-{number}"
        yield _register(patch, sensor, session)
        topic = str(Topic(sensor.group, SensorKind.FIBRE, sensor.id, Channel.FRAME))
        samples, scale = _wire_samples(patch)
        rows = _rows(patch, samples.itemsize, frame_s)
        for sequence, first in enumerate(range(0, len(samples), rows)):
            block = np.ascontiguousarray(samples[first : first + rows])
            sent_ns = patch.time_ns(first + len(block)) + _DELAY_NS
            frame = FibreFrame(
                schema=SCHEMA,
                session=session,
                sequence=sequence,
                measured_at_ns=patch.time_ns(first),
                sent_at_ns=sent_ns,
                mark=Mark.REAL,
                sample_rate_hz=patch.rate_hz,
                first_sample=first,
                first_channel=patch.first_channel,
                channel_spacing_m=patch.spacing_m,
                gauge_length_m=patch.gauge_m,
                scale=scale,
                samples=block,
            )
            yield Received(sent_ns, topic, encode_cbor(frame))


def _rows(patch: Patch, item_bytes: int, frame_s: float) -> int:
    room: int = (MAX_PAYLOAD_BYTES - _HEADROOM) // (patch.samples.shape[1] * item_bytes)
    return max(1, min(round(frame_s * patch.rate_hz), room, MAX_FRAME_SAMPLES))


def _wire_samples(patch: Patch) -> tuple[npt.NDArray[Any], float]:
    """Samples of a type of the contract, and nanostrain/s per count."""
    samples, scale = patch.samples, patch.scale
    if patch.integrated:
        rate = np.zeros(samples.shape, np.float32)
        rate[1:] = np.diff(samples.astype(np.float64, copy=False), axis=0) * patch.rate_hz
        return rate, scale
    if samples.dtype.kind == "i" and samples.dtype.itemsize <= 4:
        wide = np.int16 if samples.dtype.itemsize <= 2 else np.int32
        return samples.astype(wide, copy=False), scale
    if samples.dtype.kind == "u" and samples.dtype.itemsize <= 2:
        return samples.astype(np.int32), scale
    return samples.astype(np.float32, copy=False), scale


def strain_rate(patch: Patch) -> npt.NDArray[np.float32]:
    """Samples of a patch as strain rate: shape (time, channel), nanostrain/s."""
    samples, scale = _wire_samples(patch)
    return samples.astype(np.float32, copy=False) * np.float32(scale)


def _register(patch: Patch, sensor: Sensor, session: str) -> Received:
    register = Register(
        schema=SCHEMA,
        session=session,
        sequence=0,
        measured_at_ns=patch.start_ns,
        sent_at_ns=patch.start_ns,
        mark=Mark.REAL,
        kind="fibre",
        model="DAS file",
        heartbeat_interval_s=60.0,
        cable=sensor.cable,
        channel_count=patch.first_channel + patch.samples.shape[1],
        channel_spacing_m=patch.spacing_m,
        sample_rate_hz=patch.rate_hz,
        gauge_length_m=patch.gauge_m,
    )
    topic = str(Topic(sensor.group, SensorKind.FIBRE, sensor.id, Channel.REGISTER))
    return Received(patch.start_ns, topic, encode_json(register), retained=True)


def identity_of(path: Path) -> str:
    """Short hash of a file: of its size, begin and end, which for a recording tells enough."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_HASHED))
        if size > _HASHED:
            file.seek(-_HASHED, 2)
            digest.update(file.read(_HASHED))
    return digest.hexdigest()[:12]
