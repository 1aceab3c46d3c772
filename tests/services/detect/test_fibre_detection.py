"""Fibre detection: what it finds, what it must not, and that cutting does not matter."""

import dataclasses
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import SnapshotError
from geo.site import Site
from sensors.messages import FibreFrame, Mark, ObjectClass
from sensors.topics import PROOF_GROUP, SensorKind
from services.detect.fibre import FibreDetection, FibreSettings
from services.events import Detection, Gap, Heard, Reception, decode, encode
from tests.services.detect.fibre_scenes import (
    GROUP,
    START_NS,
    add_vehicle,
    add_walker,
    counts,
    frames,
    gaussian,
    mirrored,
    registration,
    wandering,
)

SITE = Path(__file__).parents[3] / "deploy" / "sites" / "default.toml"


@lru_cache(maxsize=1)
def site() -> Site:
    return Site.load(SITE)


def detect(
    heard: list[Heard], stage: FibreDetection | None = None
) -> tuple[list[Detection], list[Reception]]:
    stage = stage or FibreDetection(site(), FibreSettings())
    out = [event for one in heard for event in stage.push(one)]
    return (
        [event for event in out if isinstance(event, Detection)],
        [event for event in out if isinstance(event, Reception)],
    )


def faults(receptions: list[Reception]) -> set[str]:
    return {fault for one in receptions for fault in one.faults}


@lru_cache(maxsize=1)
def walk() -> npt.NDArray[np.int16]:
    samples = gaussian(26, 48, 3)
    add_walker(samples, start_s=15, end_s=26, place_m=200, strength=16)
    return counts(samples)


@lru_cache(maxsize=1)
def walk_found() -> bytes:
    found, _ = detect(frames(walk()))
    return b"\n".join(encode(one) for one in found)


def error_m(found: Detection, cable_distance_m: float) -> float:
    placed = site().cable("fibre-1").place(cable_distance_m)
    return float(
        np.hypot(found.east_m - float(placed.east_m), found.north_m - float(placed.north_m))
    )


def test_a_walker_is_found_in_time_and_place() -> None:
    found, _ = detect(frames(walk()))
    starting = [one for one in found if one.starts_track]
    assert starting
    # It comes from nowhere: its rhythm is not yet known when it treads beside the cable.
    assert (starting[0].at_ns - START_NS) / 1e9 - 15 < 7.0
    for one in starting:
        truth = 5.0 + 200.0 + 1.3 * ((one.at_ns - START_NS) / 1e9 - 15)
        assert error_m(one, truth) < 15.0
        assert one.mark is Mark.SIMULATED
        assert one.received_at_ns >= one.at_ns - 250_000_000
    last = starting[-1]
    assert max(last.classes, key=lambda name: last.classes[name]) is ObjectClass.PERSON
    assert sum(last.classes.values()) == pytest.approx(1.0, abs=1e-3)
    gaps = np.diff([one.at_ns for one in starting])
    assert gaps.min() >= 500_000_000


def test_a_vehicle_is_found_with_its_speed() -> None:
    samples = gaussian(26, 100, 4)
    add_vehicle(samples, start_s=14, end_s=26, place_m=300, speed_mps=15)
    found, _ = detect(frames(counts(samples)))
    starting = [one for one in found if one.starts_track]
    assert starting
    assert (starting[0].at_ns - START_NS) / 1e9 - 14 < 6.0
    assert starting[-1].classes[ObjectClass.VEHICLE] > 0.5
    assert starting[-1].speed_mps == pytest.approx(15.0, rel=0.3)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 26 * 500 - 1), max_size=40, unique=True))
def test_cutting_the_stream_changes_nothing(cuts: list[int]) -> None:
    found, _ = detect(frames(walk(), cuts=sorted(cuts)))
    plain = [line for line in walk_found().split(b"\n") if line]
    # The receive time is that of the frame, which does depend on the cut.
    assert [encode(_without_receipt(one)) for one in found] == [
        encode(_without_receipt(one)) for one in _read(plain)
    ]
    assert found


def _read(lines: list[bytes]) -> list[Detection]:
    return [one for line in lines if isinstance(one := decode(line), Detection)]


def _without_receipt(one: Detection) -> Detection:
    return dataclasses.replace(one, received_at_ns=0)


def test_a_restored_state_goes_on_as_if_nothing_had_been() -> None:
    heard = frames(walk())
    half = 67
    first = FibreDetection(site(), FibreSettings())
    before = [event for one in heard[:half] for event in first.push(one)]
    second = FibreDetection(site(), FibreSettings())
    state = first.snapshot()
    assert first.snapshot() == state
    second.restore(state)
    after = [event for one in heard[half:] for event in second.push(one)]
    found = [event for event in [*before, *after] if isinstance(event, Detection)]
    assert b"\n".join(encode(one) for one in found) == walk_found()


def test_a_state_of_other_settings_is_refused() -> None:
    state = FibreDetection(site(), FibreSettings()).snapshot()
    other = FibreDetection(site(), FibreSettings(on_score=5.0))
    with pytest.raises(SnapshotError, match="start without"):
        other.restore(state)
    with pytest.raises(SnapshotError, match="damaged"):
        other.restore(b"no state")


def noise(kind: str, seed: int) -> npt.NDArray[np.float32]:
    samples = gaussian(60, 300, seed)
    random = np.random.default_rng(seed)
    if kind == "heavy":
        samples = random.standard_t(3, samples.shape).astype(np.float32)
    elif kind == "rain":
        t = np.arange(len(samples))[:, np.newaxis] / 500.0
        rise = 1.0 + 2.0 * np.maximum(0.0, np.sin(2 * np.pi * t / 40.0))
        samples *= (rise * (1.0 + 0.3 * np.sin(np.arange(300)))).astype(np.float32)
    elif kind == "jitter":
        samples += 3.0 * random.standard_normal((len(samples), 1), dtype=np.float32)
    return samples * random.uniform(0.2, 2.0, 300).astype(np.float32)


@pytest.mark.parametrize("kind", ["gaussian", "heavy", "rain", "jitter"])
def test_noise_raises_nothing(kind: str) -> None:
    found, _ = detect(frames(counts(noise(kind, 11))))
    assert found == []


def test_a_tremor_everywhere_at_once_starts_no_track_and_is_said() -> None:
    samples = gaussian(26, 200, 6)
    random = np.random.default_rng(1)
    wave = np.convolve(random.standard_normal(8 * 500), np.hanning(15), mode="same")
    for channel in range(200):
        late = channel // 4
        gain = 4.0 * random.uniform(0.5, 1.5)
        samples[14 * 500 + late : 22 * 500 + late, channel] += (gain * wave).astype(np.float32)
    found, receptions = detect(frames(counts(samples)))
    assert [one for one in found if one.starts_track] == []
    assert any("regional-disturbance" in fault for fault in faults(receptions))


def test_nothing_is_said_while_the_floor_is_learned_but_that() -> None:
    samples = gaussian(11, 48, 3)
    add_walker(samples, start_s=2, end_s=11, place_m=200)
    found, receptions = detect(frames(counts(samples)))
    assert found == []
    assert faults(receptions) == {"warming-up"}


def test_a_gap_keeps_the_floor() -> None:
    heard = frames(walk())
    stage = FibreDetection(site(), FibreSettings())
    detect(heard[:54], stage)
    stage.push(Gap(GROUP, "fibre-1", "frame", "s1", 54, 55, START_NS))
    found, receptions = detect(heard[56:], stage)
    assert any(one.starts_track for one in found)
    assert "warming-up" not in faults(receptions)
    assert "samples-missing" not in faults(receptions)


def test_missing_samples_are_noticed_without_being_told() -> None:
    heard = frames(walk())
    found, receptions = detect([*heard[:54], *heard[56:]])
    assert any(one.starts_track for one in found)
    assert "samples-missing" in faults(receptions)


def test_a_new_session_begins_anew() -> None:
    heard = frames(walk()[: 14 * 500])
    stage = FibreDetection(site(), FibreSettings())
    detect(heard, stage)
    found, receptions = detect(frames(walk()[14 * 500 :], session="s2"), stage)
    assert found == []
    assert "warming-up" in faults(receptions)


def test_faulty_channels_are_masked_and_said() -> None:
    samples = gaussian(20, 48, 9) * 200.0
    samples[:, 5] = np.nan
    samples[7000:7100, 20] = np.inf
    samples[:, 30] = 7.0
    found, receptions = detect(frames(samples))
    assert found == []
    assert {"not-a-number: some channels", "stuck: some channels"} <= faults(receptions)
    clipped = counts(gaussian(20, 48, 9))
    clipped[7000:8000, 12] = 32767
    clipped[7000:8000:2, 12] = -32767
    found, receptions = detect(frames(clipped))
    assert found == []
    assert "clipped: some channels" in faults(receptions)


@pytest.mark.parametrize("rate_hz", [200, 250, 1000, 2000])
def test_a_walker_is_found_at_other_sample_rates(rate_hz: int) -> None:
    samples = gaussian(24, 40, 5, rate_hz)
    add_walker(samples, start_s=14, end_s=24, place_m=200, rate_hz=rate_hz, strength=20, aside_m=2)
    found, _ = detect(frames(counts(samples), rate_hz=rate_hz))
    assert any(one.starts_track for one in found)


def test_a_rate_too_low_for_any_band_is_said() -> None:
    found, receptions = detect(frames(gaussian(20, 8, 1, 20), rate_hz=20))
    assert found == []
    assert faults(receptions) == {"sample-rate-too-low"}


def test_a_cable_is_taken_from_the_registration_where_the_site_does_not_know_the_sensor() -> None:
    found, receptions = detect(frames(walk(), sensor="fibre-new"))
    assert found == []
    assert "cable-unknown" in faults(receptions)
    stage = FibreDetection(site(), FibreSettings())
    stage.push(registration("fibre-new", "fibre-1", 48, 10.0))
    found, receptions = detect(frames(walk(), sensor="fibre-new"), stage)
    assert found
    assert "cable-unknown" not in faults(receptions)


def test_marks_are_kept_apart() -> None:
    stage = FibreDetection(site(), FibreSettings())
    detect(frames(walk()[: 14 * 500], mark=Mark.REAL), stage)
    found, _ = detect(frames(walk()[14 * 500 :], mark=Mark.EXERCISE, first_sample=7000), stage)
    assert found == []


def test_the_services_own_test_item_comes_at_least_each_two_seconds_while_it_walks() -> None:
    samples = gaussian(20, 41, 8)
    for start in (4, 12):
        add_walker(
            samples, start_s=start, end_s=start + 4, place_m=200, speed_mps=0.0, aside_m=2.0,
            strength=15,
        )  # fmt: skip
    heard = frames(counts(samples), sensor="proof-1", group=PROOF_GROUP, mark=Mark.EXERCISE)
    found, receptions = detect(heard)
    assert found
    assert {one.group for one in found} == {PROOF_GROUP}
    assert {one.kind for one in found} == {SensorKind.FIBRE}
    times = [(one.at_ns - START_NS) / 1e9 for one in found]
    for start in (4, 12):
        inside = [start, *(t for t in times if start <= t <= start + 4), start + 4]
        assert np.diff(inside).max() <= 2.0
    assert "cable-unknown" not in faults(receptions)


def _dascore(path: Path) -> tuple[npt.NDArray[Any], float, float]:
    dascore = pytest.importorskip("dascore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch = dascore.spool(path)[0].transpose("time", "distance")
    rate = 1e9 / float(patch.get_coord("time").step / np.timedelta64(1, "ns"))
    samples = np.asarray(patch.data)
    return samples, rate, float(patch.get_coord("distance").step)


@pytest.mark.parametrize(
    ("name", "seconds", "channels"),
    [
        ("decimated_optodas.hdf5", 60, 51),
        ("ap_sensing_1.hdf5", 16, 800),
        ("deformation_rate_event_1.hdf5", 16, 225),
    ],
)
def test_real_recordings_start_no_track(
    shared_data: Path, name: str, seconds: float, channels: int
) -> None:
    samples, rate_hz, spacing_m = _dascore(shared_data / "das" / name)
    long = wandering(samples[:, :channels], seconds, rate_hz)
    found, receptions = detect(frames(long, rate_hz=rate_hz, spacing_m=spacing_m))
    assert [one for one in found if one.starts_track] == []
    # The sea moves the whole of the first at once, which is said.
    said = any("regional" in fault for fault in faults(receptions))
    assert said == (name == "decimated_optodas.hdf5")


def test_a_real_earthquake_starts_no_track() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        daspy = pytest.importorskip("daspy")
        example = Path(daspy.__file__).parent / "core" / "example.pkl"
        recording = daspy.read(str(example))
    samples = np.ascontiguousarray(recording.data.T.astype(np.float32))
    long = np.concatenate((mirrored(samples[:1000], 30, 100.0), samples[1000:]))
    found, receptions = detect(frames(long, rate_hz=100.0, spacing_m=1.0))
    assert [one for one in found if one.starts_track] == []
    assert any("regional-disturbance" in fault for fault in faults(receptions))


def test_footsteps_in_real_noise_are_found(shared_data: Path) -> None:
    samples, _, _ = _dascore(shared_data / "das" / "decimated_optodas.hdf5")
    noise_ = mirrored(samples, 26, 500.0).copy()
    add_walker(noise_, start_s=15, end_s=26, place_m=200, strength=60, aside_m=2, speed_mps=0.6)
    found, _ = detect(frames(noise_))
    starting = [one for one in found if one.starts_track]
    assert starting
    assert (starting[0].at_ns - START_NS) / 1e9 - 15 < 7.0
    first = starting[0]
    truth = 205.0 + 0.6 * ((first.at_ns - START_NS) / 1e9 - 15)
    assert error_m(first, truth) < 15.0


def test_the_mark_and_sample_number_are_in_the_identity() -> None:
    found, _ = detect(frames(walk()))
    assert len({one.id for one in found}) == len(found)
    message = frames(walk())[0].message
    assert isinstance(message, FibreFrame)
    assert all(message.session in one.id and "/simulated/" in one.id for one in found)
