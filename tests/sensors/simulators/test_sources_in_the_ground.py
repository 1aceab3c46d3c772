"""Steps, tools, engines and trains: rhythm, weight, pitch and what soil does to them."""

import numpy as np
import pytest

from sensors.scenes import ActorClass, Behaviour
from sensors.simulators.engines import Hum, hum_table, rolling
from sensors.simulators.felt import Felt
from sensors.simulators.fibre import RATE_HZ
from sensors.simulators.gait import CHUNK_S, blows, mass_kg, strokes
from sensors.simulators.ground import WRAP
from sensors.simulators.motion import Blow, Body, FloatArray
from sensors.simulators.motion import Path as Way
from sensors.simulators.soil import EARLY_S, SOILS, TABLE_RATE_HZ, impact_table
from sensors.simulators.tiles import BLOCK
from tests.sensors.simulators.fibre_bench import at_channel, band_power, body, heard, way


def walker(speed_mps: float, behaviour: Behaviour = Behaviour.WALK, name: str = "a/0") -> Body:
    path = Way(np.array([0.0, 600.0]), np.array([0.0, 600.0 * speed_mps]), np.zeros(2))
    return body(ActorClass.PERSON, behaviour, path, name)


def beats(one: Body, kind: Blow, chunks: int = 4) -> FloatArray:
    found = [blows(one, chunk) for chunk in range(chunks)]
    times = [part.t_s[part.kind == kind] for part in found if part is not None]
    return np.sort(np.concatenate(times))


def test_faster_walkers_step_faster_and_no_interval_is_like_the_other() -> None:
    slow, fast = np.diff(beats(walker(0.8), Blow.HEEL)), np.diff(beats(walker(1.9), Blow.HEEL))
    assert 1.3 < 1.0 / slow.mean() < 1.7
    assert 1.9 < 1.0 / fast.mean() < 2.5
    for intervals in (slow, fast):
        assert 0.02 < intervals.std() / intervals.mean() < 0.10


def test_the_cadence_drifts_over_tens_of_steps() -> None:
    intervals = np.diff(beats(walker(1.3), Blow.HEEL, 12))
    draw = np.random.default_rng(1)

    def wander(of: FloatArray) -> float:
        return float(np.convolve(of, np.ones(16) / 16.0, mode="valid").std())

    by_chance = np.mean([wander(draw.permutation(intervals)) for _ in range(50)])
    assert wander(intervals) > 1.15 * by_chance


def test_steps_go_on_over_the_seams_of_chunks() -> None:
    heels = beats(walker(1.3), Blow.HEEL, 8)
    usual = np.median(np.diff(heels))
    for seam in np.arange(1, 8) * CHUNK_S:
        step = np.diff(heels[np.abs(heels - seam).argsort()[:2]])[0]
        assert 0.6 * usual < abs(step) < 1.6 * usual


def test_a_toe_follows_each_heel_within_the_step_and_softer() -> None:
    found = blows(walker(1.3), 0)
    assert found is not None
    heels, toes = found.t_s[found.kind == Blow.HEEL], found.t_s[found.kind == Blow.TOE]
    assert heels.size == toes.size
    assert ((toes - heels) > 0.2).all()
    assert ((toes - heels) < 0.5).all()
    assert found.strength[found.kind == Blow.TOE].mean() < found.strength.mean()


def test_heavier_people_step_harder() -> None:
    people = [walker(1.3, name=f"p/{n}") for n in range(40)]
    masses = np.array([mass_kg(one) for one in people])
    hard = []
    for one in people:
        found = blows(one, 0)
        assert found is not None
        hard.append(np.median(found.strength[found.kind == Blow.HEEL]))
    assert 60.0 < masses.mean() < 90.0
    assert np.corrcoef(masses, hard)[0, 1] > 0.9


def test_a_crawler_is_the_softest_and_a_runner_the_hardest() -> None:
    hard = {}
    for behaviour in (Behaviour.CRAWL, Behaviour.WADE, Behaviour.WALK, Behaviour.RUN):
        found = blows(walker(1.0, behaviour), 0)
        assert found is not None
        hard[behaviour] = float(found.strength.max())
    assert hard[Behaviour.CRAWL] < hard[Behaviour.WADE] < hard[Behaviour.WALK] < hard[Behaviour.RUN]


def test_diggers_and_saws_rest_between_spells_of_work() -> None:
    digger = walker(0.0, Behaviour.DIG)
    gaps = np.diff(beats(digger, Blow.TOOL, 20))
    assert 1.5 < np.median(gaps) < 2.8
    assert (gaps > 4.0).sum() >= 5
    saw = walker(0.0, Behaviour.SAW)
    pressed = strokes(saw, np.arange(0.0, 120.0, 0.01))
    silent = np.diff(np.flatnonzero(pressed > 0.5)) * 0.01
    assert (silent > 4.0).sum() >= 2
    assert pressed.max() <= 1.0


def test_a_herd_is_of_one_species_and_its_members_differ() -> None:
    path = walker(1.0).path
    for actor in ("h1", "h2", "h3"):
        herd = [
            Body(actor, f"{actor}/{n}", ActorClass.ANIMAL, Behaviour.WALK, path, 5)
            for n in range(8)
        ]
        masses = np.array([mass_kg(one) for one in herd])
        assert masses.max() / masses.min() < 1.4
        assert len(set(masses)) == 8


def test_in_every_soil_low_frequencies_run_ahead_and_high_ones_are_lost() -> None:
    for soil in SOILS:
        table = impact_table(soil)[Blow.HEEL]
        assert np.isfinite(table).all()
        assert np.abs(table[0]).max() > 3.0 * np.abs(table[30]).max()
        near, far = (np.abs(np.fft.rfft(table[row])) for row in (0, 30))
        frequency = np.fft.rfftfreq(table.shape[1], 1.0 / TABLE_RATE_HZ)
        low, high = np.searchsorted(frequency, (8.0, 60.0))
        assert far[high] / near[high] < 0.5 * far[low] / near[low]
        assert soil.speed_mps(8.0) > soil.speed_mps(60.0)
        # Nothing comes long before the nominal arrival.
        assert (
            np.abs(table[30, : int(0.2 * EARLY_S * TABLE_RATE_HZ)]).max()
            < 0.1 * np.abs(table[30]).max()
        )


def test_soft_soil_moves_more() -> None:
    order = sorted(SOILS, key=lambda soil: soil.nominal_mps)
    assert order[0].loudness > order[-1].loudness
    assert order[0].softness_m_per_n > order[-1].softness_m_per_n


def test_an_engine_has_lines_and_tyres_a_hump() -> None:
    frequency = np.fft.rfftfreq(16_384, 1e-3)
    engine = np.abs(np.fft.rfft(hum_table(5, Hum.ENGINE)[0]))
    firing = engine[(frequency > 55) & (frequency < 58)].max()
    assert firing > 5.0 * engine[(frequency > 45) & (frequency < 50)].max()
    tyres = np.abs(np.fft.rfft(hum_table(5, Hum.TYRES)[0]))
    assert 8.0 < frequency[np.convolve(tyres, np.ones(101), mode="same").argmax()] < 20.0


def test_a_truck_weighs_more_than_a_car_and_a_train_more_than_both() -> None:
    path = way((1_000, 30.0), (1_059, 30.0), 40.0)
    weights = []
    for kind in (ActorClass.PERSON, ActorClass.VEHICLE, ActorClass.TRUCK, ActorClass.TRAIN):
        found = rolling(body(kind, Behaviour.DRIVE, path))
        assert found is not None
        weights.append(float(found.axle_n.sum()))
    assert weights == sorted(weights)
    assert weights[-1] > 3e6
    train = rolling(body(ActorClass.TRAIN, Behaviour.DRIVE, path))
    assert train is not None
    assert train.axles_m.size >= 36


def test_boats_and_drones_leave_the_ground_alone() -> None:
    path = way((1_000, 30.0), (1_059, 30.0), 40.0)
    for kind in (ActorClass.BOAT, ActorClass.DRONE):
        assert not heard(body(kind, Behaviour.DRIVE, path), 1.0).any()


def test_a_standing_engine_idles_softly() -> None:
    still = way((1_030, 20.0), (1_030, 20.0), 20.0)
    passing = way((1_000, 20.0), (1_059, 20.0), 40.0)
    idle = heard(body(ActorClass.VEHICLE, Behaviour.STAND, still), 4.0)
    driving = heard(body(ActorClass.VEHICLE, Behaviour.DRIVE, passing), 4.0, from_s=18.0)
    assert idle.any()
    assert (driving**2).max() > 4.0 * (idle**2).max()


def test_an_idling_engine_loses_on_its_way_what_its_own_pitch_loses() -> None:
    """Spreading, loss and the gauge's two ends, for the firing as it is heard."""
    near_m, far_m = np.array([20.0, 30.0]), np.array([80.0, 90.0])
    line = np.zeros((2, 6))
    line[:, 0], line[:, 2] = (near_m[0], far_m[0]), (near_m[1], far_m[1])
    line[:, 4] = 1.0
    soil = SOILS[0]
    felt = Felt(5, line, np.full(2, 5.0, np.float32), np.zeros(2, np.int64), RATE_HZ)
    still = Way(np.array([0.0, 60.0]), np.zeros(2), np.zeros(2))
    car = felt.near(body(ActorClass.VEHICLE, Behaviour.STAND, still), 8.0)
    assert car is not None
    blocks = np.zeros((64, BLOCK, 2), dtype=np.int16)
    for number, block in enumerate(blocks):
        felt.add(car, number * BLOCK / RATE_HZ, block)
    level = np.abs(np.fft.rfft(blocks.reshape(-1, 2) * np.hanning(64 * BLOCK)[:, None], axis=0))
    hertz = np.fft.rfftfreq(64 * BLOCK, 1.0 / RATE_HZ)
    line_hz = float(hertz[np.where(hertz > 20.0, level[:, 1], 0.0).argmax()])
    about = np.abs(hertz - line_hz) < 0.5

    def strain(at_m: FloatArray) -> float:
        wave = np.exp(-soil.loss_s_per_m * line_hz * (at_m - 1.0)) / np.sqrt(at_m)
        first, last = wave * np.exp(-2j * np.pi * line_hz * at_m / soil.nominal_mps)
        return float(abs(last - first))

    near, far = np.sqrt((level[about] ** 2).sum(axis=0))
    assert 24.0 < line_hz < 34.0  # 57 Hz, at half the speed by 0.85-1.2
    assert far / near == pytest.approx(strain(far_m) / strain(near_m), rel=0.1)


def test_a_saw_on_the_cable_is_loud_along_it_and_one_at_a_fence_hardly() -> None:
    east, north = at_channel(1_030, 0.5)
    at = np.array([0.0, 30.0])
    on_cable = body(ActorClass.PERSON, Behaviour.SAW, Way(at, np.full(2, east), np.full(2, north)))
    fence = body(ActorClass.PERSON, Behaviour.SAW, way((1_030, 4.0), (1_030, 4.0), 30.0))
    loud, soft = heard(on_cable, 8.0), heard(fence, 8.0)
    for added in (loud, soft):
        channel = int((added**2).mean(axis=0).argmax())
        high = band_power(added, 100.0, 200.0)[channel]
        assert high > 3.0 * band_power(added, 4.0, 90.0)[channel]
    assert (loud**2).max() > 100.0 * (soft**2).max()
    assert int((loud**2).mean(axis=0).argmax()) in range(28, 33)


def test_a_train_shakes_a_long_stretch_and_bends_the_ground_below_it() -> None:
    window = (900, 260)
    path = way((1_000, 120.0), (1_060, 120.0), 30.0)
    train = heard(body(ActorClass.TRAIN, Behaviour.DRIVE, path), 2.0, window, from_s=14.0)
    shaken = np.sqrt(band_power(train, 2.0, 12.0)) > 5.0
    assert shaken.sum() > 60
    slow = band_power(train, 0.2, 1.0)
    assert np.sqrt(slow.max()) > 3.0
    car = heard(body(ActorClass.VEHICLE, Behaviour.DRIVE, path), 2.0, window, from_s=14.0)
    assert shaken.sum() > 2 * (np.sqrt(band_power(car, 2.0, 12.0)) > 5.0).sum()


def test_what_is_too_strong_comes_out_wrapped_and_never_beyond() -> None:
    over = body(ActorClass.TRUCK, Behaviour.DRIVE, way((1_020, 0.5), (1_040, 0.5), 10.0))
    samples = heard(over, 10.0)
    assert np.abs(samples).max() > 0.9 * WRAP
    assert np.abs(samples).max() < WRAP + 2_000.0  # what is taken off is noise


@pytest.mark.parametrize("behaviour", [Behaviour.WALK, Behaviour.RUN, Behaviour.STAND])
def test_every_animal_is_heard_beside_the_cable(behaviour: Behaviour) -> None:
    path = way((1_029, 1.5), (1_031, 1.5), 20.0)
    added = heard(body(ActorClass.ANIMAL, behaviour, path), 12.0)
    assert np.abs(added).max() > 5.0


def test_an_endless_walk_has_steps_at_any_time() -> None:
    patrol = Way(np.array([0.0, 100.0]), np.array([0.0, 120.0]), np.zeros(2), endless=True)
    found = blows(body(ActorClass.PERSON, Behaviour.WALK, patrol), 10_000)
    assert found is not None
    assert found.t_s.size > 60
    assert found.t_s.min() >= 10_000 * CHUNK_S
    assert RATE_HZ == 500.0
