"""The cable itself: cuts, open plugs, bends with their place, and what must not look so."""

import dataclasses
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.site import Site
from sensors.messages import ObjectClass
from services.detect.fibre import FibreDetection, FibreSettings
from services.events import Detection, Heard, Reception, encode
from tests.services.detect.fibre_scenes import frames

SITE = Path(__file__).parents[3] / "deploy" / "sites" / "default.toml"
RATE = 500
CHANNELS = 120
WRAP = 16_900

Block = npt.NDArray[np.int16]


@lru_cache(maxsize=1)
def site() -> Site:
    return Site.load(SITE)


def ground(seconds: float, seed: int = 1, channels: int = CHANNELS) -> npt.NDArray[np.float64]:
    """Noise of ground and instrument with coupling that differs by channel, nanostrain/s."""
    random = np.random.default_rng(seed)
    rows = round(seconds * RATE)
    coupling = 10.0 ** (random.normal(0.0, 4.0, channels) / 20.0)
    heard = random.normal(size=(rows + 15, channels))
    smooth = np.cumsum(heard, axis=0)
    heard = (smooth[15:] - smooth[:-15]) / np.sqrt(15.0)
    strain = random.normal(size=(rows + 1, channels))
    return np.asarray(60.0 * coupling * heard + 40.0 * np.diff(strain, axis=0))


def empty(part: Block, seed: int = 2) -> None:
    """Have the phase be any."""
    random = np.random.default_rng(seed)
    part[:] = random.integers(-WRAP, WRAP, part.shape, dtype=np.int16)


def as_counts(samples: npt.NDArray[np.float64]) -> Block:
    return np.asarray(np.rint(samples.clip(-32_000, 32_000)), np.int16)


@lru_cache(maxsize=4)
def cut(at_channel: int, at_s: float = 16.0, until_s: float = 24.0, seconds: float = 24.0) -> Block:
    samples = as_counts(ground(seconds))
    rows = slice(round(at_s * RATE), round(until_s * RATE))
    empty(samples[rows, at_channel:])
    return samples


def run(
    heard: list[Heard], stage: FibreDetection | None = None
) -> tuple[list[Detection], list[tuple[float, tuple[str, ...]]]]:
    """Detections, and faults with the time at which they were said."""
    stage = stage or FibreDetection(site(), FibreSettings())
    out = [event for one in heard for event in stage.push(one)]
    begin = heard[0].at_ns
    return (
        [event for event in out if isinstance(event, Detection)],
        [((e.at_ns - begin) / 1e9, e.faults) for e in out if isinstance(e, Reception)],
    )


def of_cable(found: list[Detection]) -> list[Detection]:
    return [one for one in found if one.explanation is not None]


@pytest.mark.parametrize("channel", [4, 40, 60, 117])
def test_a_cut_is_told_at_once_with_its_place(channel: int) -> None:
    heard = frames(cut(channel))
    found = of_cable(run(heard)[0])
    first = found[0]
    assert first.explanation is not None
    assert first.explanation.key == "incident.cable_cut"
    assert (first.at_ns - heard[0].at_ns) / 1e9 - 16.0 < 4.0
    first_m = site().cable("fibre-1").settings.first_channel_m
    # The cut lies between the middle of the last channel heard and that of the next one.
    assert first.distance_m == pytest.approx(first_m + 10.0 * (channel - 0.5), abs=10.0)
    assert first.classes[ObjectClass.CABLE_ATTACK] > 0.9
    assert first.starts_track
    assert "fibre-cable/" in first.method
    assert len({one.id for one in found}) == len(found)


def test_nobody_walks_beyond_a_cut() -> None:
    found, _ = run(frames(cut(60)))
    assert [one for one in found if one.explanation is None] == []


def test_a_repaired_cable_is_given_the_all_clear() -> None:
    found, faults = run(frames(cut(60, 14.0, 18.0)))
    last = of_cable(found)[-1]
    assert (last.at_ns - frames(cut(60))[0].at_ns) / 1e9 < 22.5
    assert any("cable-cut" in said for _, said in faults)
    assert max(at_s for at_s, said in faults if "cable-cut" in said) < 22.0


def test_light_that_is_gone_from_the_first_channel_on_is_an_open_plug() -> None:
    found, faults = run(frames(cut(0)))
    assert {one.explanation.key for one in of_cable(found) if one.explanation} == {
        "incident.cable_disconnect"
    }
    assert "cable-disconnected" in faults[-1][1]


@pytest.mark.parametrize("kind", ["zeros", "common"])
def test_what_all_channels_say_alike_is_the_interrogator(kind: str) -> None:
    samples = as_counts(ground(22.0))
    rows = 15 * RATE
    random = np.random.default_rng(3)
    if kind == "zeros":
        samples[rows:] = 0
    else:
        shaken = random.integers(-WRAP, WRAP, (len(samples) - rows, 1))
        samples[rows:] = as_counts(samples[rows:].astype(np.float64) + shaken)
    found, faults = run(frames(samples))
    assert of_cable(found) == []
    assert "interrogator-fault" in faults[-1][1]


@pytest.mark.parametrize("filler", [0, 32_767])
def test_an_interrogator_that_fills_in_beyond_the_cut_is_understood(filler: int) -> None:
    samples = as_counts(ground(24.0))
    samples[15 * RATE :, 70:] = filler
    found, _ = run(frames(samples))
    assert {one.distance_m for one in of_cable(found)} == {
        site().cable("fibre-1").settings.first_channel_m + 695.0
    }


def test_channels_that_never_said_anything_are_no_cut() -> None:
    samples = as_counts(ground(20.0))
    samples[:, 70:] = 0
    found, faults = run(frames(samples))
    assert of_cable(found) == []
    assert any("stuck: many channels" in said for _, said in faults)


def test_a_second_cut_nearer_by_is_told_with_its_own_place() -> None:
    samples = cut(90).copy()
    empty(samples[20 * RATE :, 50:90], 4)
    places = [one.distance_m for one in of_cable(run(frames(samples))[0])]
    first_m = site().cable("fibre-1").settings.first_channel_m
    assert places[0] == first_m + 895.0
    assert places[-1] == first_m + 495.0


def test_a_cut_outlives_a_restart_of_the_interrogator_and_of_the_service() -> None:
    stage = FibreDetection(site(), FibreSettings())
    run(frames(cut(60)), stage)
    later = as_counts(ground(4.0, 6))
    empty(later[:, 60:], 5)
    found, faults = run(frames(later, session="s2"), stage)
    assert of_cable(found)
    assert all("cable-cut" in said for _, said in faults)
    fresh = FibreDetection(site(), FibreSettings())
    assert of_cable(run(frames(later, session="s2"), fresh)[0])


def test_a_whole_cable_after_a_restart_is_no_cut() -> None:
    stage = FibreDetection(site(), FibreSettings())
    run(frames(cut(60)), stage)
    found, faults = run(frames(as_counts(ground(8.0, 7)), session="s2"), stage)
    begin = frames(cut(60))[0].at_ns
    assert all((one.at_ns - begin) / 1e9 < 5.0 for one in of_cable(found))
    assert "cable-cut" not in faults[-1][1]


def test_another_number_of_channels_is_no_cut() -> None:
    stage = FibreDetection(site(), FibreSettings())
    run(frames(as_counts(ground(8.0))), stage)
    found, _ = run(frames(as_counts(ground(8.0, 8, 80)), first_sample=8 * RATE), stage)
    assert of_cable(found) == []


@lru_cache(maxsize=2)
def bent(nats: float) -> Block:
    """The instrument's noise rises beyond channel 70 at 20 s and falls again at 40 s."""
    random = np.random.default_rng(9)
    rows = 56 * RATE
    strain = np.diff(random.normal(size=(rows + 1, CHANNELS)), axis=0)
    level = 100.0 * np.exp(random.normal(0.0, 0.5, CHANNELS)) * np.ones((rows, 1))
    level[20 * RATE : 40 * RATE, 70:] *= np.exp(0.5 * nats)
    return as_counts(level * strain)


def test_a_bend_is_told_within_ten_seconds_and_that_it_was_let_go() -> None:
    heard = frames(bent(0.3))
    found, faults = run(heard)
    first = of_cable(found)[0]
    assert first.explanation is not None
    assert first.explanation.key == "incident.cable_bend"
    assert 0.0 < (first.at_ns - heard[0].at_ns) / 1e9 - 20.0 < 10.0
    first_m = site().cable("fibre-1").settings.first_channel_m
    assert first.distance_m == pytest.approx(first_m + 695.0, abs=40.0)
    said = [at_s for at_s, words in faults if "cable-bent" in words]
    assert said[-1] < 52.0


def test_a_rise_of_the_noise_on_all_channels_or_on_some_is_no_bend() -> None:
    everywhere, middle = bent(0.0).copy(), bent(0.0).copy()
    everywhere[20 * RATE :] = np.rint(1.2 * everywhere[20 * RATE :])
    middle[20 * RATE :, 40:80] = np.rint(1.2 * middle[20 * RATE :, 40:80])
    for samples in (everywhere, middle):
        assert of_cable(run(frames(samples))[0]) == []


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(1, 24 * RATE - 1), max_size=30, unique=True))
def test_cutting_the_stream_changes_nothing(cuts: list[int]) -> None:
    assert _lines(run(frames(cut(60), cuts=sorted(cuts)))[0]) == _lines(run(frames(cut(60)))[0])


def _lines(found: list[Detection]) -> list[bytes]:
    # The receive time is that of the frame, which does depend on the cut.
    return [encode(dataclasses.replace(one, received_at_ns=0)) for one in of_cable(found)]


def test_a_restored_state_goes_on_as_if_nothing_had_been() -> None:
    heard = frames(cut(60))
    whole = _lines(run(heard)[0])
    for half in (66, 80):
        first = FibreDetection(site(), FibreSettings())
        before = run(heard[:half], first)[0]
        second = FibreDetection(site(), FibreSettings())
        second.restore(first.snapshot())
        assert _lines([*before, *run(heard[half:], second)[0]]) == whole
