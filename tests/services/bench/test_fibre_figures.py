"""The bench of fibre detection: what it plays, how it counts, and what it refuses."""

from itertools import count, pairwise

import numpy as np
import pytest

from geo.default_site import default_site_path
from geo.errors import ConfigError
from geo.site import Site
from sensors import wire
from sensors.messages import FibreFrame
from sensors.topics import parse
from services.bench.border_frames import FRAME_S, BorderFrames
from services.bench.fibre import longest_wait_s, measure, run
from services.bench.stopwatch import Stopwatch, watched
from services.detect.frontend import FrontEnd


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


@pytest.fixture(scope="module")
def border(site: Site) -> BorderFrames:
    return BorderFrames(site, 8 * 40, 500.0, loop_s=0.75)


def frame(border: BorderFrames, number: int, sensor: int) -> FibreFrame:
    received = border.frames(number)[sensor]
    decoded = wire.decode(parse(received.topic), received.payload).message
    assert isinstance(decoded, FibreFrame)
    return decoded


def test_frames_go_on_and_turn_round_without_a_step(border: BorderFrames) -> None:
    frames = [frame(border, number, 2) for number in range(8)]
    for before, after in pairwise(frames):
        assert after.sequence == before.sequence + 1
        assert after.first_sample == before.first_sample + len(before.samples)
        assert after.measured_at_ns - before.measured_at_ns == round(FRAME_S * 1e9)
    joined = np.concatenate([one.samples for one in frames]).astype(np.float64)
    assert np.array_equal(joined, border.samples(2, 8 * FRAME_S))
    steps = np.abs(np.diff(joined, axis=0)).max(axis=1)
    seams = steps[len(frames[0].samples) - 1 :: len(frames[0].samples)]
    assert seams.max() <= steps.max()
    assert seams[2] == 0.0  # where it turns


def test_figures_are_of_the_service_s_own_way(border: BorderFrames, site: Site) -> None:
    figures = run(border, site, 2.0, lambda _: None, warm_up_s=0.5)
    assert figures["seconds"] == 2.0
    assert sum(figures["shares"].values()) == pytest.approx(1.0, abs=0.01)
    assert all(figures["shares"][name] > 0.0 for name in ("decode", "front end", "floor", "rest"))
    assert figures["front_end_realtime_factor"] > figures["realtime_factor"] > 0.0
    assert 0.0 < figures["longest_frame_s"] <= figures["longest_wait_s"]
    assert not hasattr(FrontEnd.push, "__wrapped__")


def test_a_stage_counts_without_those_it_calls() -> None:
    clock = count(0.0, 1.0)
    watch = Stopwatch(wall=lambda: next(clock), cpu=lambda: 0.0)
    with watch.stage("outer"):
        with watch.stage("inner"):
            pass
        with watch.stage("inner"):
            pass
    assert dict(watch.wall_s) == {"outer": 3.0, "inner": 2.0}


def test_methods_are_given_back_when_watching_ends() -> None:
    class Part:
        def push(self) -> int:
            return 3

        def fail(self) -> None:
            raise KeyError

    own = Part.push
    watch = Stopwatch()
    with watched(watch, {"part": [Part]}):
        assert Part().push() == 3
        assert watch.wall_s["part"] > 0.0
    with pytest.raises(KeyError), watched(watch, {"part": [Part]}):
        Part().fail()
    assert Part.push is own


def test_waiting_adds_up_where_frames_take_longer_than_they_last() -> None:
    assert longest_wait_s(np.full((4, 2), 0.1)) == pytest.approx(0.2)
    assert longest_wait_s(np.full((4, 2), 0.15)) == pytest.approx(0.3 + 3 * 0.05)


@pytest.mark.parametrize(
    ("channels", "rate_hz", "seconds", "word"),
    [
        (30_001, 500.0, 20.0, "multiple of 8"),
        (0, 500.0, 20.0, "multiple of 8"),
        (80_000, 500.0, 20.0, "up to 30600"),
        (80, 250.0, 20.0, "wanted 500"),
        (80, 500.0, 0.0, "seconds is 0"),
        (80, 500.0, float("nan"), "seconds is nan"),
    ],
)
def test_silly_arguments_are_refused_with_a_sentence(
    channels: int, rate_hz: float, seconds: float, word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        measure(channels, rate_hz, seconds, lambda _: None)
