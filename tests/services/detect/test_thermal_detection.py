"""Raw thermal frames: a person walking is found, the rest raises nothing."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from geo.site import Site
from sensors.messages import Mark, ObjectClass, ThermalFrame
from sensors.topics import Channel, SensorKind, Topic
from services.detect.thermal import ThermalDetection, ThermalSettings
from services.events import Detection, Heard, Reception, encode

SITE = Path(__file__).parents[3] / "deploy" / "sites" / "default.toml"
AT = 1_780_000_000_000_000_000
RATE_HZ = 9
ROWS, COLUMNS = 128, 160
Clip = npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def site() -> Site:
    return Site.load(SITE)


def background(seconds: float, seed: int = 1) -> Clip:
    random = np.random.default_rng(seed)
    scene = 3_000.0 + 40.0 * np.cumsum(random.standard_normal((ROWS, COLUMNS)), axis=1) / 10.0
    return scene + 6.0 * random.standard_normal((round(seconds * RATE_HZ), ROWS, COLUMNS))


def add_person(clip: Clip, start: int, column: float, step: float) -> None:
    for number in range(start, len(clip)):
        left = round(column + step * (number - start))
        if 0 <= left < COLUMNS - 3:
            clip[number, 100:108, left : left + 3] += 120.0


def frames(clip: Clip, shutter: range = range(0)) -> list[Heard]:
    out = []
    for number, image in enumerate(clip):
        at_ns = AT + number * 1_000_000_000 // RATE_HZ
        message = ThermalFrame(
            schema=0,
            session="s1",
            sequence=number,
            measured_at_ns=at_ns,
            sent_at_ns=at_ns,
            mark=Mark.SIMULATED,
            pixels=np.clip(image, 0, 65535).astype(np.uint16),
            shutter=number in shutter,
        )
        topic = Topic("gateway-1", SensorKind.THERMAL, "thermal-001", Channel.FRAME)
        out.append(Heard(topic, message, at_ns, at_ns))
    return out


def look(
    heard: list[Heard], stage: ThermalDetection | None = None
) -> tuple[list[Detection], set[str]]:
    stage = stage or ThermalDetection(site(), ThermalSettings())
    events = [event for one in heard for event in stage.push(one)]
    said = {fault for event in events if isinstance(event, Reception) for fault in event.faults}
    return [event for event in events if isinstance(event, Detection)], said


def walk() -> list[Heard]:
    clip = background(14)
    add_person(clip, 7 * RATE_HZ, 20.0, 1.2)
    return frames(clip)


def test_a_walking_person_is_found_once_it_has_moved() -> None:
    found, _ = look(walk())
    assert found
    assert (found[0].at_ns - AT) / 1e9 >= 9.0
    assert len({one.id.rpartition(".")[2] for one in found}) == 1
    assert np.diff([one.at_ns for one in found]).min() >= 500_000_000
    assert all(sum(one.classes.values()) == pytest.approx(1.0) for one in found)
    assert ObjectClass.PERSON in found[0].classes
    assert {one.mark for one in found} == {Mark.SIMULATED}


def test_noise_raises_nothing() -> None:
    found, _ = look(frames(background(14)))
    assert found == []


def test_what_warms_up_without_moving_raises_nothing() -> None:
    clip = background(14)
    add_person(clip, 7 * RATE_HZ, 60.0, 0.0)
    found, _ = look(frames(clip))
    assert found == []


def test_a_plant_in_the_wind_raises_nothing() -> None:
    clip = background(20)
    random = np.random.default_rng(5)
    for image in clip:
        left = 60 + round(3.0 * random.standard_normal())
        image[60:70, left : left + 6] += 100.0
    found, _ = look(frames(clip))
    assert found == []


def test_a_shift_of_the_whole_image_raises_nothing_and_is_said() -> None:
    clip = background(16)
    clip[9 * RATE_HZ :] += 300.0
    clip[11 * RATE_HZ :] = np.roll(clip[11 * RATE_HZ :], 9, axis=2)
    found, said = look(frames(clip))
    assert found == []
    assert "whole-image-shifted" in said


def test_the_shutter_is_skipped() -> None:
    clip = background(14)
    clip[80:84] = 3_500.0
    found, said = look(frames(clip, range(80, 84)))
    assert found == []
    assert "shutter" in said
    assert "whole-image-shifted" not in said


def test_a_restored_state_goes_on_as_if_nothing_had_been() -> None:
    heard = walk()
    wanted, _ = look(heard)
    first = ThermalDetection(site(), ThermalSettings())
    second = ThermalDetection(site(), ThermalSettings())
    before, _ = look(heard[:90], first)
    second.restore(first.snapshot())
    after, _ = look(heard[90:], second)
    assert [encode(one) for one in [*before, *after]] == [encode(one) for one in wanted]


def test_a_real_frame_in_noise_raises_nothing(shared_data: Path) -> None:
    real = np.load(shared_data / "thermal" / "flirpy_frame_000000_512x640_u16.npy")
    random = np.random.default_rng(4)
    stack = np.stack([real + 3.0 * random.standard_normal(real.shape) for _ in range(80)])
    found, _ = look(frames(stack))
    assert found == []
