"""Fibre frames: the same samples however cut, noise like a fibre's, sources where they are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from geo.site import Site
from sensors.messages import FibreFrame
from sensors.scenes import ActorClass, Behaviour
from sensors.simulators import ground
from sensors.simulators.fibre import RATE_HZ, FibreSimulator
from sensors.simulators.frames import FrameWriter
from sensors.simulators.gait import blows
from sensors.simulators.motion import Blow, Body, Impacts
from sensors.simulators.motion import Path as Way
from sensors.simulators.soil import SOILS
from sensors.simulators.tiles import BLOCK, PIECE
from sensors.topics import parse
from sensors.wire import decode
from tests.sensors.simulators.fibre_bench import (
    SEED,
    SITE,
    WINDOW,
    at_channel,
    body,
    heard,
    made,
    stretch,
    way,
)

TOPIC = parse("straja/v1/fibre-1/fibre/fibre-1/frame")


def across(
    channel: int,
    from_m: float,
    to_m: float,
    duration_s: float,
    actor_class: ActorClass = ActorClass.PERSON,
    behaviour: Behaviour = Behaviour.WALK,
) -> Body:
    return body(actor_class, behaviour, way((channel, from_m), (channel, to_m), duration_s))


WALKER = across(1_030, -12.0, 12.0, 20.0)


@pytest.fixture(scope="module")
def whole() -> NDArray[np.float64]:
    return stretch(made([WALKER]), 6.0)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, 2_700), st.integers(1, 300)), min_size=1, max_size=6))
def test_any_cut_in_any_order_gives_the_samples_of_the_whole(
    whole: NDArray[np.float64], cuts: list[tuple[int, int]]
) -> None:
    simulator = made([WALKER])
    for first, rows in cuts:
        np.testing.assert_array_equal(simulator.samples(first, rows), whole[first : first + rows])


def test_a_window_holds_the_samples_of_the_whole_cable(whole: NDArray[np.float64]) -> None:
    full = made([WALKER], window=None).samples(BLOCK * 8, BLOCK)
    assert full.shape == (BLOCK, 3_825)
    first, count = WINDOW
    np.testing.assert_array_equal(full[:, first : first + count], whole[BLOCK * 8 : BLOCK * 9])


def test_another_seed_gives_other_noise() -> None:
    one, two = made().samples(0, BLOCK), made(seed=6).samples(0, BLOCK)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.1


def test_sensors_do_not_share_their_noise() -> None:
    second = Site.load(SITE).cable("fibre-2")
    other = FibreSimulator(SEED, "fibre-2", second, lambda _a, _b: (), 0.0, WINDOW)
    one, two = made().samples(0, 8 * BLOCK), other.samples(0, 8 * BLOCK)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.05


def test_noise_never_repeats_within_a_minute() -> None:
    channel = stretch(made(window=(500, 1)), 60.0)[:, 0]
    spectrum = np.fft.rfft(channel - channel.mean(), 2 * channel.size)
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: channel.size]
    assert np.abs(likeness[500:]).max() < 0.25 * likeness[0]


def test_joins_of_blocks_and_pieces_show_no_step() -> None:
    samples = stretch(made(window=(0, 400)), 8.0 * PIECE / RATE_HZ)
    steps = np.abs(np.diff(samples, axis=0)).mean(axis=1)
    at_join = steps[BLOCK - 1 :: BLOCK]
    assert at_join.mean() == pytest.approx(steps.mean(), rel=0.1)
    assert steps[PIECE - 1 :: PIECE].max() < 1.5 * steps.mean()


def test_noise_is_as_strong_at_a_join_of_pieces_as_between() -> None:
    samples = stretch(made(window=(0, 800)), 10.0 * PIECE / RATE_HZ)
    power = (samples**2).mean(axis=1).reshape(-1, BLOCK).mean(axis=1).reshape(-1, 8).mean(axis=0)
    assert power.max() < 1.3 * power.min()


def test_noise_has_a_fibres_spectrum_tails_and_floor() -> None:
    simulator = made(window=None)
    near = stretch(made(window=(0, 300)), 12.0)
    far = stretch(made(window=(3_500, 300)), 12.0)
    assert 1.3 < np.median(far.std(axis=0)) / np.median(near.std(axis=0)) < 6.0
    frequency, power = signal.welch(near, RATE_HZ, nperseg=1024, axis=0)
    power = np.median(power, axis=1)
    hump = power[(frequency > 8) & (frequency < 32)].mean()
    assert hump > 3.0 * power[(frequency > 50) & (frequency < 90)].mean()
    assert hump > 3.0 * power[(frequency > 1) & (frequency < 3)].mean()
    band = signal.butter(4, [4, 100], "bandpass", fs=RATE_HZ, output="sos")
    heard = signal.sosfilt(band, near, axis=0)[500:]
    kurtosis = np.median((heard**4).mean(axis=0) / (heard**2).mean(axis=0) ** 2)
    assert 3.2 < kurtosis < 8.0  # 4.9 in the OptoDAS recording; a Gaussian has 3
    neighbours = [
        np.corrcoef(heard[:, c], heard[:, c + 1])[0, 1] for c in range(0, heard.shape[1] - 1, 7)
    ]
    assert abs(float(np.median(neighbours))) < 0.4
    assert simulator.channels == 3_825


def test_real_fibre_noise_has_tails_and_spread_of_the_same_kind(shared_data: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared_data / "das" / "decimated_optodas.hdf5") as file:
        real = np.asarray(file["data"], dtype=np.float64) * 1e9
    band = signal.butter(4, [4, 100], "bandpass", fs=RATE_HZ, output="sos")

    def told(samples: NDArray[np.float64]) -> tuple[float, float]:
        heard = signal.sosfilt(band, samples - samples.mean(axis=0), axis=0)[500:]
        power = (heard**2).mean(axis=0)
        kurtosis = float(np.median((heard**4).mean(axis=0) / power**2))
        low, high = np.percentile(np.sqrt(power), [10, 90])
        return kurtosis, float(high / low)

    ours = told(stretch(made(window=(0, 3_825)), 10.0)[:, ::75])
    theirs = told(real)
    assert ours[0] == pytest.approx(theirs[0], rel=0.5)
    assert ours[1] == pytest.approx(theirs[1], rel=0.7)


def test_loud_moments_are_as_frequent_as_on_real_fibre() -> None:
    """Half-second log band energy above 4 sigmas: at most as on the recordings of fibre.md."""
    samples = stretch(made(window=(1_500, 40)), 240.0)
    band = signal.butter(2, [12, 45], "bandpass", fs=RATE_HZ, output="sos")
    power = signal.sosfilt(band, samples, axis=0)[500:] ** 2
    energy = np.log(power.reshape(-1, 250, 40).mean(axis=1))
    middle = np.median(energy, axis=0)
    sigma = 1.4826 * np.median(np.abs(energy - middle), axis=0)
    an_hour = ((energy - middle) / sigma > 4.0).sum() / (40 * 240.0 / 3_600.0)
    assert 0.23 < an_hour < 126.0  # a Gaussian would give 0.23


def test_footsteps_come_at_walking_pace_and_only_near_the_walker() -> None:
    walker = across(1_030, 3.0, 4.0, 30.0)
    signal_only = heard(walker, 20.0)
    loud = (signal_only**2).mean(axis=0)
    assert abs(int(loud.argmax()) - 30) <= 2
    assert loud[:20].max() < 1e-3 * loud.max()
    assert loud[40:].max() < 1e-3 * loud.max()
    impacts = blows(walker, 0)
    assert impacts is not None
    heels = impacts.t_s[impacts.kind == Blow.HEEL]
    assert 1.2 < 1.0 / np.diff(heels).mean() < 2.6
    assert 0.02 < np.diff(heels).std() / np.diff(heels).mean() < 0.07


def test_footsteps_fade_with_distance() -> None:
    power = [
        float((heard(across(1_030, d, d + 0.5, 30.0), 10.0) ** 2).mean(axis=0).max())
        for d in (2.0, 8.0, 25.0)
    ]
    assert power[0] > 2.0 * power[1] > 8.0 * power[2]


def test_a_blow_at_right_angles_to_a_gauges_middle_is_not_heard() -> None:
    ends = np.array([[-5.0, 0.0, 5.0, 0.0, 1.0, 0.0], [5.0, 0.0, 15.0, 0.0, 1.0, 0.0]])
    one = np.array([0.05])
    out = np.zeros((250, 2), dtype=np.float32)
    # The same blow at the same distance: broadside first, then in line with the cable.
    ground.add_impacts(
        Impacts(one, one * 0, one * 0 + 50.0, one * 20, np.zeros(1, dtype=np.int64)),
        SOILS[0],
        0.0,
        RATE_HZ,
        ends,
        out,
    )
    near = np.zeros((250, 2), dtype=np.float32)
    ground.add_impacts(
        Impacts(one, one * 0 - 50.0, one * 0, one * 20, np.zeros(1, dtype=np.int64)),
        SOILS[0],
        0.0,
        RATE_HZ,
        ends,
        near,
    )
    assert np.abs(out[:, 0]).max() < 0.5 * np.abs(near[:, 0]).max()


def test_a_slack_coil_is_deaf() -> None:
    table = next(row for row in Site.load(SITE).calibrations if row.cable == "fibre-1")
    start_m, length_m = table.coils[5]
    channel = round((start_m + 0.5 * length_m - 5.0) / 10.0)
    east, north = at_channel(channel, 3.0)
    still = Way(np.array([0.0, 20.0]), np.array([east, east]), np.array([north, north]))
    digger = Body("a", "a/0", ActorClass.PERSON, Behaviour.DIG, still, 5)
    window = (channel - 6, 13)
    loud = stretch(made([digger], window), 8.0) - stretch(made([], window), 8.0)
    power = (loud**2).mean(axis=0)
    assert power.max() > 0.0
    assert power[6] < 0.2 * power.max()


def test_a_gauge_that_lies_mostly_in_a_coil_hears_no_more_than_one_that_does_not() -> None:
    ends = np.array([[-5.0, 0.0, 5.0, 0.0, 1.0, 0.0], [-0.5, 0.0, 0.5, 0.0, 1.0, 0.0]])
    at_s, kind = np.array([0.05]), np.zeros(1, dtype=np.int64)
    blow = np.zeros((250, 2), dtype=np.float32)
    ground.add_impacts(
        Impacts(at_s, at_s * 0 - 20.0, at_s * 0, at_s * 20, kind),
        SOILS[0],
        0.0,
        RATE_HZ,
        ends,
        blow,
    )
    bending = np.zeros((250, 2), dtype=np.float32)
    begin, finish = np.array([[-20.0], [3.0]]), np.array([[-10.0], [3.0]])
    ground.add_weights(
        SOILS[0].softness_m_per_n, np.array([1e4]), begin, finish, RATE_HZ, ends, bending
    )
    for heard_by in (np.abs(blow).max(axis=0), np.abs(bending).max(axis=0)):
        assert 0.0 < heard_by[1] < heard_by[0]


def test_a_car_is_heard_far_off_and_bends_the_ground_when_it_crosses() -> None:
    car = across(1_030, -80.0, 80.0, 20.0, ActorClass.VEHICLE, Behaviour.DRIVE)
    added = heard(car, 20.0)
    walker = heard(WALKER, 20.0)
    assert (added**2).max() > 9.0 * (walker**2).max()
    assert np.abs(added[:500]).max() > 20.0  # 70-80 m away
    slow = signal.sosfilt(signal.butter(2, 1.0, fs=RATE_HZ, output="sos"), added, axis=0)
    middle = int(10.0 * RATE_HZ)
    assert np.abs(slow[middle - 1000 : middle + 1000]).max() > 20.0


def test_running_beats_harder_and_animals_softer_than_walking() -> None:
    def strength(actor_class: ActorClass, behaviour: Behaviour) -> float:
        impacts = blows(across(1_030, 1.0, 2.0, 30.0, actor_class, behaviour), 0)
        assert impacts is not None
        return float(np.median(impacts.strength[impacts.kind != Blow.TOE]))

    walking = strength(ActorClass.PERSON, Behaviour.WALK)
    assert strength(ActorClass.PERSON, Behaviour.RUN) > 1.5 * walking
    assert strength(ActorClass.ANIMAL, Behaviour.WALK) < 0.6 * walking


@pytest.mark.parametrize("session", ["s", "s2", "demo-3", "a.b:c"])
def test_a_frame_decodes_without_copying_its_samples(session: str) -> None:
    simulator = made()
    writer = FrameWriter(session, simulator)
    samples = simulator.samples(250, BLOCK)
    payload = writer.write(
        samples, 70_000, 250, 1_772_326_800_000_000_000, 1_772_326_801_000_000_000
    )
    frame = decode(TOPIC, payload).message
    assert isinstance(frame, FibreFrame)
    np.testing.assert_array_equal(frame.samples, samples)
    assert (frame.session, frame.sequence, frame.first_sample) == (session, 70_000, 250)
    assert (frame.first_channel, frame.sample_rate_hz, frame.scale) == (1_000, 500.0, 1.0)
    assert np.shares_memory(frame.samples, np.frombuffer(payload, dtype=np.uint8))
