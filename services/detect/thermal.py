"""Raw thermal frames: a running background for each pixel, blobs, and gates of life and motion.

A first method: plants, clouds and the shutter make most blobs, so nothing is said of a blob before
it has lived for seconds and gone several of its own widths.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage

from geo.crs import convergence_deg, to_plane
from geo.site import Site
from geo.site_rows import Lens as SiteLens
from geo.uncertainty import isotropic
from sensors.messages import Lens, Mark, ObjectClass, Orientation, Register, ThermalFrame
from sensors.topics import SensorKind
from services.detect.camera import Camera, place_feet
from services.detect.method import Arrays, method_name, pack, unpack
from services.detect.placing import Ground, plane_position
from services.events import Detection, Gap, Heard, Reception, Tick
from services.stage import undamaged

_STAGE = "thermal"
_VERSION = 1
_NS = 1_000_000_000

F32 = npt.NDArray[np.float32]
_Key = tuple[str, str, Mark]


@dataclass(frozen=True, slots=True)
class ThermalSettings:
    """What decides when a raw thermal image says something.

    Attributes:
        learn_s: time constant of the background.
        warm_up_s: without detections at the start.
        gate_sigma: a pixel this far above its background belongs to a blob.
        shift_share: more of the image beyond the gate is the shutter or a shaken mast.
        least_px: smallest blob.
        most_px: largest blob, as a share of the image.
        life_s: a blob must have lived so long.
        widths: and must have gone that many of its own widths.
        gate_px: how far a blob may jump between frames, besides its own size.
        lost_s: a blob unseen for so long has ended.
        emit_s: between two detections of one blob.
        most_blobs: followed at once; the largest are taken.
        ground_sigma_m: how well the height of the ground is known (assumed: plain).
        camera_range_m: of a camera that states none.
        trusted_share: the range is used while its sigma is below this share of it.
    """

    learn_s: float = 20.0
    warm_up_s: float = 5.0
    gate_sigma: float = 5.0
    shift_share: float = 0.2
    least_px: int = 4
    most_px: float = 0.1
    life_s: float = 2.0
    widths: float = 2.0
    gate_px: float = 8.0
    lost_s: float = 1.0
    emit_s: float = 0.5
    most_blobs: int = 64
    ground_sigma_m: float = 1.0
    camera_range_m: float = 2000.0
    trusted_share: float = 0.15


@njit(cache=True, nogil=True, error_model="numpy")
def _compare(
    pixels: npt.NDArray[np.uint16],
    mean: F32,
    variance: F32,
    gate: float,
    out: npt.NDArray[np.bool_],
) -> int:  # pragma: no cover - compiled
    """Mark pixels warmer than their background by ``gate`` sigmas; count those off either way."""
    count = 0
    for i in range(pixels.shape[0]):
        for j in range(pixels.shape[1]):
            d = np.float32(pixels[i, j]) - mean[i, j]
            far = d * d > gate * gate * variance[i, j]
            out[i, j] = far and d > 0
            count += far
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(
    pixels: npt.NDArray[np.uint16],
    mean: F32,
    variance: F32,
    rate: float,
    warm: npt.NDArray[np.bool_],
) -> None:  # pragma: no cover - compiled
    """Move mean and variance of every pixel, a twentieth as fast where a blob is."""
    for i in range(pixels.shape[0]):
        for j in range(pixels.shape[1]):
            a = np.float32(rate * (0.05 if warm[i, j] else 1.0))
            d = np.float32(pixels[i, j]) - mean[i, j]
            mean[i, j] += a * d
            # The variance gate: a pixel that flickers (plants in wind) asks for more.
            variance[i, j] = max(variance[i, j] + a * (d * d - variance[i, j]), np.float32(1.0))


@dataclass(slots=True)
class Blob:
    """One warm thing over time, in pixels: middle of its foot and size."""

    born_ns: int
    number: int
    seen_ns: int
    emitted_ns: int
    first_x: float
    first_y: float
    x: float
    y: float
    width: float
    height: float
    farthest: float = 0.0


@dataclass(slots=True)
class _Imager:
    session: str
    shape: tuple[int, int]
    began_ns: int
    last_ns: int
    frames: int
    mean: F32
    variance: F32
    blobs: list[Blob] = field(default_factory=list)
    born: int = 0
    faults: set[str] = field(default_factory=set)
    told_ns: int = 0


class ThermalDetection:
    """Raw frames of thermal cameras in, placed detections out; a pure stage."""

    def __init__(self, site: Site, settings: ThermalSettings) -> None:
        """Start with nothing seen."""
        self._site = site
        self._settings = settings
        self._method = method_name("thermal-background", _VERSION, settings)
        self._imagers: dict[_Key, _Imager] = {}
        self._registers: dict[tuple[str, str], Register] = {}

    def push(self, item: Heard | Gap | Tick) -> list[Detection | Reception]:
        """Take a frame or a registration; gaps need nothing, for the image carries no filter."""
        if not isinstance(item, Heard) or item.topic.sensor is None:
            return []
        message = item.message
        if isinstance(message, Register) and message.kind == "thermal":
            self._registers[item.topic.group, item.topic.sensor] = message
        if isinstance(message, ThermalFrame):
            return self._frame(item, message)
        return []

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        arrays: Arrays = {}
        imagers = []
        for number, (key, one) in enumerate(sorted(self._imagers.items())):
            values = {
                name: getattr(one, name)
                for name in ("session", "shape", "began_ns", "last_ns", "frames", "born", "told_ns")
            }
            values["blobs"] = [dataclasses.asdict(blob) for blob in one.blobs]
            values["faults"] = sorted(one.faults)
            imagers.append({"key": list(key), "values": values})
            arrays |= {f"{number}.mean": one.mean, f"{number}.variance": one.variance}
        registers = [
            [*key, one.model_dump_json(by_alias=True)]
            for key, one in sorted(self._registers.items())
        ]
        return pack(_STAGE, self._method, {"imagers": imagers, "registers": registers}, arrays)

    def restore(self, state: bytes) -> None:
        """Go on from a state that :meth:`snapshot` wrote.

        Raises:
            SnapshotError: damaged, or of another stage, version or setting.
        """
        header, arrays = unpack(_STAGE, self._method, state)
        imagers: dict[_Key, _Imager] = {}
        with undamaged(_STAGE):
            for number, entry in enumerate(header["imagers"]):
                group, name, mark = entry["key"]
                values: dict[str, Any] = entry["values"]
                values["shape"] = tuple(values["shape"])
                values["blobs"] = [Blob(**blob) for blob in values["blobs"]]
                values["faults"] = set(values["faults"])
                imagers[group, name, Mark(mark)] = _Imager(
                    mean=arrays[f"{number}.mean"], variance=arrays[f"{number}.variance"], **values
                )
            registers = {
                (group, name): Register.model_validate_json(text)
                for group, name, text in header["registers"]
            }
        self._imagers, self._registers = imagers, registers

    def _frame(self, heard: Heard, frame: ThermalFrame) -> list[Detection | Reception]:
        group, sensor = heard.topic.group, heard.topic.sensor or ""
        key = (group, sensor, frame.mark)
        shape = (frame.pixels.shape[0], frame.pixels.shape[1])
        one = self._imagers.get(key)
        if one is None or one.session != frame.session or one.shape != shape:
            image = frame.pixels.astype(np.float32)
            one = _Imager(
                frame.session,
                shape,
                heard.at_ns,
                heard.at_ns,
                1,
                image,
                np.full(shape, 100.0, "f4"),
            )
            self._imagers[key] = one
            return []
        finds = self._look(one, frame, heard.at_ns)
        out: list[Detection | Reception] = []
        if finds:
            camera = self._camera(heard, frame, shape)
            if isinstance(camera, str):
                one.faults.add(camera)
            else:
                grounds = place_feet(
                    camera,
                    [(blob.x, blob.y) for blob in finds],
                    trusted_share=self._settings.trusted_share,
                )
                out.extend(
                    self._detection(heard, frame, camera, blob, ground)
                    for blob, ground in zip(finds, grounds, strict=True)
                )
        if one.faults and heard.at_ns - one.told_ns >= _NS:
            faults = tuple(sorted(one.faults))
            one.told_ns = heard.at_ns
            one.faults.clear()
            out.append(
                Reception(
                    group=group,
                    kind=SensorKind.THERMAL,
                    sensor=sensor,
                    channel="frame",
                    at_ns=heard.at_ns,
                    messages=0,
                    bytes=0,
                    faults=faults,
                )
            )
        return out

    def _look(self, one: _Imager, frame: ThermalFrame, at_ns: int) -> list[Blob]:
        """Compare with the background, follow blobs; those that passed all gates."""
        setting = self._settings
        step_s = min(max((at_ns - one.last_ns) / _NS, 0.0), 1.0)
        one.last_ns = at_ns
        if frame.shutter:
            one.faults.add("shutter")
            return []
        warm = np.empty(one.shape, np.bool_)
        pixels = np.ascontiguousarray(frame.pixels).view()
        pixels.flags.writeable = False
        off = _compare(pixels, one.mean, one.variance, setting.gate_sigma, warm)
        warmed = (at_ns - one.began_ns) / _NS >= setting.warm_up_s
        if warmed and off > setting.shift_share * warm.size:
            # The shutter or a shaken mast: what is usual has moved, so it is learned anew.
            one.faults.add("whole-image-shifted")
            one.mean[:] = frame.pixels
            one.blobs.clear()
            one.began_ns = at_ns
            return []
        if not warmed:
            warm[:] = False
        one.frames += 1
        rate = max(step_s / setting.learn_s, 1.0 / one.frames)
        _learn(pixels, one.mean, one.variance, rate, warm)
        if not warmed:
            one.faults.add("warming-up")
            return []
        self._follow(one, warm, at_ns)
        told = []
        for blob in one.blobs:
            lived = blob.seen_ns == at_ns and at_ns - blob.born_ns >= setting.life_s * _NS
            moved = blob.farthest >= setting.widths * max(blob.width, 2.0)
            if lived and moved and at_ns - blob.emitted_ns >= setting.emit_s * _NS:
                blob.emitted_ns = at_ns
                told.append(blob)
        return told

    def _follow(self, one: _Imager, warm: npt.NDArray[np.bool_], at_ns: int) -> None:
        """Join blobs of this image to those known; the nearest first."""
        setting = self._settings
        labels, count = ndimage.label(warm, structure=np.ones((3, 3)))
        one.blobs = [blob for blob in one.blobs if at_ns - blob.seen_ns <= setting.lost_s * _NS]
        if not count:
            return
        sizes = np.bincount(labels.ravel())[1:]
        fits = (sizes >= setting.least_px) & (sizes <= setting.most_px * warm.size)
        chosen = np.flatnonzero(fits)
        chosen = chosen[np.argsort(-sizes[chosen], kind="stable")][: setting.most_blobs]
        boxes = ndimage.find_objects(labels)
        taken: set[int] = set()
        for index in chosen:
            rows, columns = boxes[index]
            width, height = columns.stop - columns.start, rows.stop - rows.start
            x, y = 0.5 * (columns.start + columns.stop), float(rows.stop)
            near = [
                (math.hypot(blob.x - x, blob.y - y), k)
                for k, blob in enumerate(one.blobs)
                if k not in taken and blob.seen_ns != at_ns
            ]
            distance, best = min(near, default=(math.inf, -1))
            if distance > setting.gate_px + max(width, height):
                one.born += 1
                blob = Blob(at_ns, one.born, at_ns, 0, x, y, x, y, width, height)
                one.blobs.append(blob)
                taken.add(len(one.blobs) - 1)
                continue
            taken.add(best)
            blob = one.blobs[best]
            blob.seen_ns, blob.x, blob.y = at_ns, x, y
            blob.width += 0.3 * (width - blob.width)
            blob.height += 0.3 * (height - blob.height)
            blob.farthest = math.hypot(x - blob.first_x, y - blob.first_y)

    def _camera(self, heard: Heard, frame: ThermalFrame, shape: tuple[int, int]) -> Camera | str:
        """The camera: by the site's row, else as registered; or what is not known of it."""
        setting = self._settings
        site, sensor = self._site.at(heard.at_ns), heard.topic.sensor or ""
        row = site.sensor(sensor) if site.has_sensor(sensor) else None
        register = self._registers.get((heard.topic.group, sensor))
        looks: Any = frame.orientation
        for known in (row, register):
            looks = looks or (known.orientation if known is not None else None)
        lens: Lens | SiteLens
        if row is not None and row.position is not None and row.lens is not None:
            degrees, lens, height = row.position, row.lens, row.height_above_ground_m
            own = isotropic(row.position_sigma_m or 2.0)
            east, north = (float(value) for value in to_plane(*degrees))
        elif register is not None and register.position is not None and register.lens is not None:
            position, lens = register.position, register.lens
            degrees = (position.longitude_deg, position.latitude_deg)
            east, north, own = plane_position(position)
            height = register.height_above_ground_m
        else:
            return "position-unknown"
        if looks is None or height is None:
            return "orientation-unknown" if looks is None else "height-unknown"
        range_m = (row.range_m if row else None) or (register.range_m if register else None)
        turned = 0.1 if isinstance(looks, Orientation) else looks.roll_sigma_deg
        return Camera(
            east_m=east,
            north_m=north,
            position_m2=own,
            above_ground_m=height,
            ground_sigma_m=setting.ground_sigma_m,
            yaw_deg=looks.yaw_deg - convergence_deg(*degrees),
            pitch_deg=looks.pitch_deg,
            roll_deg=looks.roll_deg,
            yaw_sigma_deg=looks.yaw_sigma_deg,
            pitch_sigma_deg=looks.pitch_sigma_deg,
            roll_sigma_deg=turned,
            width_px=shape[1],
            height_px=shape[0],
            # A binned image has the lens of the full one with fewer pixels.
            focal_length_px=lens.focal_length_px * shape[1] / lens.width_px,
            range_m=range_m or setting.camera_range_m,
        )

    def _detection(
        self, heard: Heard, frame: ThermalFrame, camera: Camera, blob: Blob, ground: Ground
    ) -> Detection:
        group, sensor = heard.topic.group, heard.topic.sensor or ""
        confidence = round(min(0.95, 0.4 + 0.1 * (heard.at_ns - blob.born_ns) / _NS), 4)
        return Detection(
            id=f"{group}/{sensor}/{frame.mark}/{frame.session}/{frame.sequence}.blob.{blob.number}",
            group=group,
            kind=SensorKind.THERMAL,
            sensor=sensor,
            mark=frame.mark,
            at_ns=heard.at_ns,
            east_m=ground.east_m,
            north_m=ground.north_m,
            covariance=ground.covariance,
            classes=_classes(blob, camera, ground.range_m, known=not ground.bearing_only),
            confidence=confidence,
            score=round(blob.farthest, 3),
            method=self._method,
            bearing_only=ground.bearing_only,
            starts_track=not ground.bearing_only,
            distance_m=ground.range_m,
            received_at_ns=heard.received_at_ns,
        )


def _classes(
    blob: Blob, camera: Camera, range_m: float, *, known: bool
) -> dict[ObjectClass, float]:
    """Class by size at range: a person is about 1.7 m high and upright; weights are assumed."""
    if not known:
        return {ObjectClass.PERSON: 0.3, ObjectClass.VEHICLE: 0.2, ObjectClass.UNKNOWN: 0.5}
    height = blob.height * range_m / camera.focal_length_px
    width = blob.width * range_m / camera.focal_length_px
    if width > 2.5 or height > 3.0:
        return {ObjectClass.VEHICLE: 0.7, ObjectClass.PERSON: 0.1, ObjectClass.UNKNOWN: 0.2}
    if height >= 1.0 and height > 0.8 * width:
        return {ObjectClass.PERSON: 0.7, ObjectClass.ANIMAL: 0.15, ObjectClass.UNKNOWN: 0.15}
    return {ObjectClass.ANIMAL: 0.6, ObjectClass.PERSON: 0.2, ObjectClass.UNKNOWN: 0.2}


def compile_kernels() -> None:
    """Compile or load this module's kernels before anything is subscribed."""
    pixels = np.zeros((4, 4), np.uint16)
    pixels.flags.writeable = False
    mean, warm = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.bool_)
    _compare(pixels, mean, mean + 1.0, 5.0, warm)
    _learn(pixels, mean, mean + 1.0, 0.1, warm)
