"""A recording as background: no seam in time or along the cable, and the same however cut."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from geo.errors import SceneError
from geo.site import Site
from sensors.scenes import ActorClass, Behaviour, load, parse
from sensors.simulators.fibre import Surroundings
from sensors.simulators.recorded import FADE_CHANNELS, Recorded, Tiling
from sensors.simulators.tiles import BLOCK
from sensors.simulators.traffic import simulate
from services.run.background import background
from services.run.checking import check_file
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


def scene_file(folder: Path, name: str) -> Path:
    path = folder / "x-scene.toml"
    path.write_text(scene_with(name), encoding="utf-8")
    return path


def test_a_scene_takes_its_recording_from_beside_it(shared_data: Path, tmp_path: Path) -> None:
    name = "decimated_optodas.hdf5"
    (tmp_path / name).symlink_to(shared_data / "das" / name)
    scene = parse(scene_with(name))
    recorded = background(scene, scene_file(tmp_path, name))
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


def refused(folder: Path, name: str) -> str:
    """What is said of a scene's recording that does not do; ``check`` says it with its line too."""
    path = scene_file(folder, name)
    with pytest.raises(SceneError) as error:
        background(load(path), path)
    (finding,) = check_file(path)
    assert (finding.is_fault, finding.line, finding.key) == (True, 5, "background")
    said = str(error.value)
    assert finding.text == said
    assert said.startswith(f"{path}:5: background is '{name}': ")
    assert str(folder / name) in said
    assert "wanted" in said
    return said


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("nowhere.hdf5", None, "there is no file at"),
        (".", None, "there is a folder at"),
        ("notes.txt", b"hello", "cannot be read as a recording of a fibre interrogator"),
        ("empty.h5", b"", "cannot be read as a recording of a fibre interrogator"),
        ("night.mcap", b"\x89MCAP0\r\n", "cannot be read as a recording of a fibre interrogator"),
    ],
)
def test_a_recording_that_is_none_is_told_with_file_line_and_path(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    pytest.importorskip("dascore")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = refused(tmp_path, name)
    assert told in said
    assert "leave the key out for made noise" in said
    assert "format of" not in said  # what the library says of it


def test_a_damaged_recording_is_told(shared_data: Path, tmp_path: Path) -> None:
    for name in ("decimated_optodas.hdf5", "prodml_2.0.h5"):
        content = bytearray((shared_data / "das" / name).read_bytes())
        content[3_000:9_000] = np.random.default_rng(1).bytes(6_000)
        (tmp_path / name).write_bytes(content)
        assert "copy it anew" in refused(tmp_path, name)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "told"),
    [
        (np.ones((2_000, 4)), 200.0, "has 200 samples a second: wanted 400 to 100000"),
        (np.ones((500, 4)), 500.0, "holds (500, 4) (time, channel) at 500 Hz: wanted 2 s or more"),
        (np.ones((4, 66_000)), 500.0, "has 66001 channels"),
        (np.ones((2_000, 1)), 500.0, "wanted two channels or more, evenly apart"),
        (
            np.where(np.arange(4) == 2, np.nan, np.ones((2_000, 4))),
            500.0,
            "not finite in 1 of 4 channels, the first of them 2: wanted none; cut these out",
        ),
    ],
)
def test_a_recording_of_another_shape_or_with_holes_is_told(
    tmp_path: Path, samples: NDArray[np.float64], rate_hz: float, told: str
) -> None:
    write_das(tmp_path / "night.h5", samples, rate_hz)
    assert told in refused(tmp_path, "night.h5")


@pytest.mark.parametrize(("rate_hz", "channels"), [(500.0, 2), (1_000.0, 7), (400.0, 40)])
def test_other_rates_and_widths_are_brought_to_the_fibres(
    tmp_path: Path, rate_hz: float, channels: int
) -> None:
    drawn = np.random.default_rng(2).normal(size=(int(4 * rate_hz), channels)) * 100.0
    write_das(tmp_path / "night.h5", drawn, rate_hz)
    path = scene_file(tmp_path, "night.h5")
    recorded = background(load(path), path)
    assert recorded is not None
    assert recorded.loop.shape == (1_500, channels)


def write_das(path: Path, samples: NDArray[np.float64], rate_hz: float) -> None:
    dascore = pytest.importorskip("dascore")
    step = np.timedelta64(round(1e9 / rate_hz), "ns")
    patch = dascore.Patch(
        data=samples.astype(np.float32),
        coords={
            "time": np.datetime64("2026-03-01T00:00:00", "ns") + np.arange(len(samples)) * step,
            "distance": np.arange(samples.shape[1]) * 10.0 + 10.0,
        },
        dims=("time", "distance"),
    )
    patch.io.write(path, "dasdae")


def test_a_scene_with_a_recording_is_not_played_without_it() -> None:
    with pytest.raises(SceneError, match="wanted its samples"):
        next(simulate(parse(scene_with("night.hdf5")), Site.load(SITE)))
