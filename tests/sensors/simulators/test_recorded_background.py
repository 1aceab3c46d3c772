"""A recording as background: no seam in time or along the cable, and the same however cut."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import ActorClass, Behaviour, parse
from sensors.simulators.fibre import Surroundings
from sensors.simulators.recorded import FADE_CHANNELS, Recorded, Tiling
from sensors.simulators.tiles import BLOCK
from sensors.simulators.traffic import simulate
from services.run.background import background
from tests.sensors.simulators.fibre_bench import SITE, body, heard, made, stretch, way

WIDTH, SECONDS = 40, 12.0


def coloured(rate_hz: float = 500.0, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Noise with a hump, a drift and a loudness of its own on each channel."""
    draw = np.random.default_rng(3)
    samples = draw.normal(size=(int(seconds * rate_hz), WIDTH))
    sos = signal.butter(2, [5.0, 40.0], "bandpass", fs=rate_hz, output="sos")
    shaped = signal.sosfilt(sos, samples, axis=0) * 400.0
    loudness = np.exp(draw.normal(0.0, 0.3, WIDTH))
    drift = np.linspace(-300.0, 300.0, len(samples))[:, np.newaxis]
    return np.asarray(shaped * loudness + drift, dtype=np.float32)


def laid(recorded: Recorded, seconds: float, channels: int) -> NDArray[np.float64]:
    tiling = Tiling(recorded, 5, "fibre-1", channels)
    blocks = []
    for block in range(int(seconds * 500.0 / BLOCK)):
        out = np.empty((BLOCK, channels), dtype=np.int16)
        tiling.fill(block, 0, out)
        blocks.append(out)
    return np.concatenate(blocks).astype(np.float64)


@pytest.fixture(scope="module")
def long() -> NDArray[np.float64]:
    """Four rounds of the loop over three copies."""
    return laid(Recorded.of(coloured(), 500.0), 4 * SECONDS, 100)


def at_the_seam(long: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Energy of quarter seconds of one copy, and which of them hold the loop's seam."""
    recorded = Recorded.of(coloured(), 500.0)
    tiling = Tiling(recorded, 5, "fibre-1", 100)
    length = len(recorded.loop)
    inner = long[:, FADE_CHANNELS : WIDTH - FADE_CHANNELS]
    energy = (inner**2).reshape(-1, BLOCK, inner.shape[1]).mean(axis=(1, 2))
    sample = np.arange(len(energy)) * BLOCK + tiling._begins[0]
    return energy, (sample % length) < 2.0 * 500.0


def test_the_loops_seam_shows_in_no_energy(long: NDArray[np.float64]) -> None:
    energy, faded = at_the_seam(long)
    assert faded.sum() > 20
    assert energy[faded].mean() == pytest.approx(energy[~faded].mean(), rel=0.12)
    assert energy[faded].max() < 1.3 * energy[~faded].max()


def test_the_loops_seam_shows_in_no_spectrum(long: NDArray[np.float64]) -> None:
    _, faded = at_the_seam(long)
    blocks = long[:, FADE_CHANNELS:30].reshape(-1, BLOCK, 20)
    window = np.hanning(BLOCK)[np.newaxis, :, np.newaxis]
    power = np.abs(np.fft.rfft(blocks * window, axis=1)) ** 2
    with_seam, without = (power[part].mean(axis=(0, 2)) for part in (faded, ~faded))
    frequency = np.fft.rfftfreq(BLOCK, 1.0 / 500.0)
    for low, high in ((4, 20), (20, 45), (60, 120), (120, 240)):
        band = (frequency >= low) & (frequency < high)
        assert with_seam[band].mean() == pytest.approx(without[band].mean(), rel=0.25)
    # A step would show far above the recording's own band.
    assert with_seam[frequency > 200].max() < 2.0 * without[frequency > 200].max()


def test_no_step_stands_at_the_seam(long: NDArray[np.float64]) -> None:
    steps = np.abs(np.diff(long, axis=0)).max(axis=1)
    recorded = Recorded.of(coloured(), 500.0)
    begins = Tiling(recorded, 5, "fibre-1", 100)._begins
    seams = [
        int(k * len(recorded.loop) - begin) - 1
        for begin in begins
        for k in range(1, 6)
        if 0 < k * len(recorded.loop) - begin < len(steps)
    ]
    assert len(seams) > 6
    assert steps[seams].max() <= np.percentile(steps, 99.9)


def test_copies_join_along_the_cable_with_even_power(long: NDArray[np.float64]) -> None:
    loud = long.std(axis=0)
    stride = WIDTH - FADE_CHANNELS
    once = coloured() - np.linspace(-300.0, 300.0, int(SECONDS * 500))[:, np.newaxis]
    own = once.std(axis=0)
    for joint in (stride, 2 * stride):
        fading = loud[joint : joint + FADE_CHANNELS]
        first, last = own[:FADE_CHANNELS], own[-FADE_CHANNELS:]
        assert (fading < 1.1 * np.maximum(first, last)).all()
        assert (fading > 0.9 * np.minimum(first, last)).all()


def test_copies_do_not_move_together(long: NDArray[np.float64]) -> None:
    stride = WIDTH - FADE_CHANNELS
    likeness = np.corrcoef(long[:3_000, 15], long[:3_000, 15 + stride])[0, 1]
    assert abs(likeness) < 0.15


def test_a_faster_recording_is_brought_to_the_fibres_rate() -> None:
    recorded = Recorded.of(coloured(1_000.0), 1_000.0)
    assert len(recorded.loop) == int((SECONDS - 2.0) * 500.0)
    frequency, power = signal.welch(recorded.loop.astype(float), 500.0, nperseg=512, axis=0)
    hump = power[(frequency > 8) & (frequency < 30)].mean()
    assert hump > 20.0 * power[frequency > 120].mean()


def test_bodies_are_heard_over_it_and_any_cut_gives_the_same() -> None:
    about = Surroundings(recorded=Recorded.of(coloured(), 500.0))
    walker = body(ActorClass.PERSON, Behaviour.WALK, way((1_029, 2.0), (1_031, 2.0), 20.0))
    with_it = made([walker], about=about)
    whole = stretch(with_it, 6.0)
    np.testing.assert_array_equal(with_it.samples(333, 700), whole[333:1_033])
    added = whole - stretch(made(about=about), 6.0)
    np.testing.assert_allclose(added, heard(walker, 6.0), atol=1.0)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.zeros((100, 4)), "2 s or more"),
        (np.zeros(5_000), "one channel"),
        (np.full((5_000, 4), np.nan), "not finite"),
        (1e6 * np.random.default_rng(1).normal(size=(5_000, 4)), "strain rate"),
        (np.broadcast_to(np.zeros(1), (2_000, 400_000)), "cut it"),
    ],
)
def test_what_does_not_do_as_a_background_is_refused(
    samples: NDArray[np.float64], told: str
) -> None:
    with pytest.raises(SceneError, match=told):
        Recorded.of(samples, 500.0)


def scene_with(path: str) -> str:
    return (
        'name = "recorded"\nseed = 1\nstart = 2026-03-01T01:00:00Z\nduration_s = 2\n'
        f'background = "{path}"\nsensors = ["fibre-1"]\n'
    )


def test_a_scene_takes_its_recording_from_beside_it(shared_data: Path, tmp_path: Path) -> None:
    name = "decimated_optodas.hdf5"
    (tmp_path / name).symlink_to(shared_data / "das" / name)
    scene = parse(scene_with(name))
    recorded = background(scene, tmp_path / "scene.toml")
    assert recorded is not None
    # 10 s less the fade, of 51 channels.
    assert recorded.loop.shape == (4_000, 51)
    assert 100.0 < np.median(recorded.loop.std(axis=0)) < 400.0
    frames = [
        one
        for one in simulate(scene, Site.load(SITE), background=recorded)
        if one.topic.endswith("/frame")
    ]
    assert len(frames) > 5


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    scene = parse(scene_with("nowhere.hdf5"))
    with pytest.raises(SceneError, match=r"background is 'nowhere\.hdf5'"):
        background(scene, tmp_path / "scene.toml")


def test_a_scene_with_a_recording_is_not_played_without_it() -> None:
    with pytest.raises(SceneError, match="wanted its samples"):
        next(simulate(parse(scene_with("night.hdf5")), Site.load(SITE)))
