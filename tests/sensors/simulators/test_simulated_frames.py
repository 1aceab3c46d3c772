"""Raw thermal frames: noise and drift like real ones, weather and people in them, any order."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.site_rows import Sensor
from sensors.messages import ThermalFrame
from sensors.scenes import ActorClass, Behaviour, Weather
from sensors.simulators.motion import Body
from sensors.simulators.rawthermal import FRAME_S, RawCamera
from sensors.simulators.thermal import ThermalCamera
from sensors.simulators.world import Snapshot, World
from sensors.topics import parse
from sensors.wire import decode
from tests.sensors.simulators.bodies import before_camera, body, site, snapshot

Clip = NDArray[np.float64]
CLEAR_S = 20.0
"""Begin of clips, this long after a correction: settled, and the next one far."""


class Alone(World):
    """A world of some bodies and nothing else."""

    def __init__(self, bodies: list[Body]) -> None:
        self.at = lambda t_s: snapshot(bodies, t_s)  # type: ignore[assignment]


def row_of(size: str) -> Sensor:
    """A site's camera, or a small one on a short mast that looks down more."""
    row = site().sensor("thermal-002")
    if size == "large":
        return row
    assert row.lens is not None
    assert row.orientation is not None
    lens = row.lens.model_copy(update={"width_px": 160, "height_px": 120, "focal_length_px": 165.0})
    looks = row.orientation.model_copy(update={"pitch_deg": -12.0})
    return row.model_copy(update={"lens": lens, "orientation": looks, "height_above_ground_m": 4.0})


def camera(size: str, weather: Weather | None = None, seed: int = 5) -> ThermalCamera:
    place = site().sensor_place("thermal-002")
    assert place is not None
    return ThermalCamera(row_of(size), *place, seed, weather)


def begin(one: ThermalCamera) -> tuple[int, float]:
    """Number and time of a frame some time after a correction."""
    start_s = one.flat_field.begins_s(1) + CLEAR_S
    return int(start_s / FRAME_S), int(start_s / FRAME_S) * FRAME_S


def clip(one: ThermalCamera, frames: int, bodies: list[Body] | None = None, seed: int = 5) -> Clip:
    raw, world = RawCamera(one, seed), Alone(bodies or [])
    number, t_s = begin(one)
    images = [raw.image(number + n, t_s + n * FRAME_S, world) for n in range(frames)]
    return np.stack(images).astype(np.float64)


def steady(frames: Clip) -> Clip:
    """What changes from frame to frame: without the mean, a straight drift and the whole level."""
    n = np.arange(len(frames)) - (len(frames) - 1) / 2.0
    rest = frames - frames.mean(axis=0)
    rest -= np.tensordot(n, rest, (0, 0)) / (n**2).sum() * n[:, np.newaxis, np.newaxis]
    return np.asarray(rest - rest.mean(axis=(1, 2), keepdims=True))


def figures(frames: Clip) -> dict[str, float]:
    """What tells one detector's noise from another's; counts, one sigma where it is a spread."""
    rest, change = steady(frames), np.diff(frames, axis=0)
    level = change.mean(axis=(1, 2))
    columns = change.mean(axis=1) - level[:, np.newaxis]
    rows = change.mean(axis=2) - level[:, np.newaxis]
    variance = rest.var(axis=0)
    still = variance < np.percentile(variance, 60.0)
    picture = frames.mean(axis=0)
    fine = picture[:, 1:-1] - 0.5 * (picture[:, :-2] + picture[:, 2:])
    column_pattern = np.median(fine, axis=0)
    root = np.sqrt(2.0)
    return {
        "unchanged": float((change == 0.0).mean()),
        "temporal": float(np.median(rest.std(axis=0))),
        "correlation": float(
            (rest[1:] * rest[:-1]).mean(axis=0)[still].mean() / variance[still].mean()
        ),
        "column": float(columns.std() / root),
        "row": float(rows.std() / root),
        "level": float(level.std() / root),
        "column pattern": float(column_pattern.std()),
        "pixel pattern": float(np.median(np.abs(fine - column_pattern)) / 0.6745),
    }


def real_clips(folder: Path) -> list[Clip]:
    """Clips of a small core outdoors, the first hundred frames of each."""
    cptv = pytest.importorskip("cptv", reason="the reader of the real clips is not installed")
    clips = []
    for path in sorted((folder / "thermal").glob("*.cptv")):
        with path.open("rb") as file:
            frames = [one.pix for one in cptv.CPTVReader(file) if not one.background_frame]
        clips.append(np.stack(frames[:100]).astype(np.float64))
    return clips


def test_noise_of_a_small_camera_is_that_of_real_clips(shared_data: Path) -> None:
    """Within a quarter of the span of six real clips; the largest may be off by half.

    What plants and animals in the clips add makes their upper ends; the possum's clip alone was
    taken while its camera warmed up and does not count for columns, rows and level.
    """
    real = [figures(one) for one in real_clips(shared_data)]
    assert len(real) == 6
    for seed in (5, 6, 7):
        simulated = figures(clip(camera("small", seed=seed), 100, seed=seed))
        for name, value in simulated.items():
            ordered = sorted(one[name] for one in real)
            assert 0.75 * ordered[0] < value < 1.25 * ordered[-2], (name, value, ordered)


def test_drift_of_a_small_camera_is_that_of_real_clips(shared_data: Path) -> None:
    """How far the mean of a whole frame goes in eleven seconds; medians within a factor of two."""
    real = [float(np.ptp(one.mean(axis=(1, 2)))) for one in real_clips(shared_data)]
    simulated = []
    for seed in range(12):
        frames = clip(camera("small", seed=seed), 100, seed=seed)
        simulated.append(float(np.ptp(frames.mean(axis=(1, 2)))))
    assert 0.5 < np.median(simulated) / np.median(real) < 2.0


def test_noise_of_a_large_camera_is_its_data_sheets() -> None:
    one = camera("large")
    frames = clip(one, 60)
    core = RawCamera(one, 5).core
    rest = steady(frames)
    kelvin = float(np.median(rest.std(axis=0))) * core.kelvin_per_count
    assert kelvin == pytest.approx(0.05, rel=0.1)
    found = figures(frames)
    assert found["column"] == pytest.approx(core.column, rel=0.2)
    assert found["row"] == pytest.approx(core.row, rel=0.2)
    assert found["unchanged"] < 0.1


def test_frames_are_the_same_whatever_was_made_before() -> None:
    """Also through the temporal filter, across its block's edge and after jumps back."""
    for size, numbers in (("small", (507, 511, 512, 513, 520)), ("large", (3, 90))):
        one, world = camera(size), Alone([])
        whole = RawCamera(one, 5)
        in_order = {
            n: whole.image(n, n * FRAME_S, world)
            for n in range(numbers[0], numbers[-1] + 1)
            if size == "small" or n in numbers
        }
        jumping = RawCamera(one, 5)
        for n in reversed(numbers):
            np.testing.assert_array_equal(jumping.image(n, n * FRAME_S, world), in_order[n])


def test_the_picture_stands_still_while_the_shutter_is_closed_and_then_is_another() -> None:
    one, world = camera("large"), Alone([])
    raw = RawCamera(one, 5)
    shut = one.flat_field.begins_s(1)
    number = int(shut / FRAME_S) + 1
    frames = [raw.image(number + n, (number + n) * FRAME_S, world) for n in range(-1, 8)]
    closed = [raw.is_closed((number + n) * FRAME_S) for n in range(-1, 8)]
    assert sum(closed) in {4, 5}
    for shown, before, is_closed in zip(frames[1:], frames[:-1], closed[1:], strict=True):
        assert np.array_equal(shown, before) == is_closed
    after = frames[closed.index(True) + sum(closed)].astype(float)
    # The pattern that had grown is gone, another is left: pixels step by more than noise.
    assert (after - frames[0]).std() > 1.3 * np.hypot(5.0, 5.0)


def test_a_closed_shutter_stands_in_the_message() -> None:
    one, world = camera("small"), Alone([])
    raw = RawCamera(one, 5)
    stamp = {
        "schema_version": 0, "session": "s", "sequence": 1, "measured_at_ns": 1,
        "sent_at_ns": 2, "mark": "simulated",
    }  # fmt: skip
    said = []
    for t_s in (one.flat_field.begins_s(1) - 1.0, one.flat_field.begins_s(1) + 0.2):
        payload = raw.frame(int(t_s / FRAME_S), t_s, world, stamp)
        message = decode(parse("straja/v1/g/thermal/thermal-002/frame"), payload).message
        assert isinstance(message, ThermalFrame)
        assert message.kelvin_per_count == raw.core.kelvin_per_count
        said.append(message.shutter)
    assert said == [False, True]


def person_before(distance_m: float, **more: object) -> Body:
    _, _, east, north = before_camera("thermal-002", distance_m)
    return body(east, north, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("distance_m", [250.0, 600.0])
def test_a_person_stands_where_the_camera_reports_it_and_as_warm(distance_m: float) -> None:
    one = camera("large")
    who = person_before(distance_m, behaviour=Behaviour.WALK)
    raw, (number, t_s) = RawCamera(one, 5), begin(one)
    with_it = raw.seen(number, t_s, Alone([who])).astype(float)
    without = raw.seen(number, t_s, Alone([])).astype(float)
    added = with_it - without
    assert added.max() > 4.0
    rows, columns = np.nonzero(added > 1.0)
    left, top, right, bottom = one.outlines(snapshot([who], t_s))[0][1]
    assert rows.min() >= top - 2.0
    assert rows.max() <= bottom + 2.0
    assert columns.min() >= left - 2.0
    assert columns.max() <= right + 2.0
    assert rows.max() - rows.min() > 0.7 * (bottom - top)


def test_contrast_falls_with_range_and_fog() -> None:
    peaks = {}
    for visibility_m in (20_000.0, 500.0):
        one = camera("large", Weather(temperature_c=5.0, visibility_m=visibility_m))
        raw, (number, t_s) = RawCamera(one, 5), begin(one)
        for distance_m in (300.0, 1_200.0):
            who = person_before(distance_m, behaviour=Behaviour.WALK)
            added = raw.seen(number, t_s, Alone([who])) - raw.seen(number, t_s, Alone([]))
            peaks[visibility_m, distance_m] = float(added.max())
    assert peaks[20_000.0, 300.0] > peaks[20_000.0, 1_200.0] > 1.0
    # Extinction of fog is 7.8 per km at 500 m.
    assert peaks[500.0, 300.0] < 0.15 * peaks[20_000.0, 300.0]
    assert peaks[500.0, 1_200.0] < 0.01


def test_who_walks_moves_limbs_in_the_picture() -> None:
    one = camera("large")
    raw, (number, t_s) = RawCamera(one, 5), begin(one)
    _, _, east, north = before_camera("thermal-002", 250.0)
    still = raw.seen(number, t_s, Alone([body(east, north)]))
    again = raw.seen(number, t_s + 0.3, Alone([body(east, north)]))
    assert np.abs(still - again).max() < 0.5
    # Keeps its place but steps: each picture is taken with a path that is there at its time.
    shapes = []
    for k in range(4):
        now = t_s + 0.1 * k
        treads = body(east - 1.4 * now, north, (1.4, 0.0), behaviour=Behaviour.WALK)
        shapes.append(raw.seen(number, now, Alone([treads])))
    assert max(float(np.abs(one - shapes[0]).max()) for one in shapes[1:]) > 3.0


def test_plants_move_with_the_wind_and_clouds_drift() -> None:
    changes = []
    for wind_mps in (0.0, 4.0, 12.0):
        one = camera("large", Weather(wind_mps=wind_mps))
        raw, (number, t_s) = RawCamera(one, 5), begin(one)
        first = raw.seen(number, t_s, Alone([]))
        later = raw.seen(number, t_s + 0.7, Alone([]))
        is_sky = raw._scenery._is_sky.astype(bool)
        changes.append(float(np.abs(later - first)[~is_sky].mean()))
    assert changes[0] == 0.0
    assert changes[2] > 2.0 * changes[1] > 0.0


def test_clouds_go_on_at_the_speed_of_the_wind_aloft() -> None:
    inner, shifts, moved = np.s_[:, 100:-100], np.arange(-80, 81), []
    for seed in range(6):
        one = camera("large", Weather(wind_mps=10.0), seed)
        raw, (number, t_s) = RawCamera(one, seed), begin(one)
        still = raw._scenery._still
        first, later = (
            raw.seen(number, t_s + later_s, Alone([]))[10:90] - still[10:90]
            for later_s in (0.0, 10.0)
        )
        errors = [np.square(np.roll(first, s, axis=1) - later)[inner].mean() for s in shifts]
        if max(errors) > 0.05:  # else the sky is clear, or all cloud
            moved.append(abs(int(shifts[int(np.argmin(errors))])))
    # 18 m/s at 20 km, 4,167 pixels a radian: 37 pixels in 10 s.
    assert moved
    assert moved == pytest.approx([37.5] * len(moved), abs=1.5)


def test_rain_washes_the_picture_out_and_leaves_streaks() -> None:
    dry, wet = (
        RawCamera(camera("large", Weather(temperature_c=5.0, rain_mm_h=rain)), 5)
        for rain in (0.0, 15.0)
    )
    number, t_s = begin(camera("large"))
    ground = np.s_[300:, :]
    seen_dry, seen_wet = dry.seen(number, t_s, Alone([])), wet.seen(number, t_s, Alone([]))
    assert seen_wet[ground].std() < 0.6 * seen_dry[ground].std()
    streaks = np.abs(wet.seen(number + 1, t_s, Alone([])) - seen_wet) > 0.05
    assert 0.0002 < streaks.mean() < 0.02
    assert not (dry.seen(number + 1, t_s, Alone([])) != seen_dry).any()


def test_the_sky_is_cold_and_fog_hides_it() -> None:
    number, t_s = begin(camera("large"))
    sky, ground = np.s_[:40], np.s_[400:]
    clear = RawCamera(camera("large"), 5).seen(number, t_s, Alone([]))
    assert clear[sky].mean() < clear[ground].mean() - 5.0
    foggy = RawCamera(camera("large", Weather(visibility_m=150.0)), 5)
    seen = foggy.seen(number, t_s, Alone([]))
    assert abs(float(seen[sky].mean() - seen[ground].mean())) < 0.5


def test_everyone_of_a_class_can_be_drawn_at_any_range() -> None:
    one = camera("large")
    raw, (number, t_s) = RawCamera(one, 5), begin(one)
    empty = raw.seen(number, t_s, Alone([]))
    for actor_class in ActorClass:
        for distance_m in (60.0, 900.0):
            who = person_before(distance_m, actor_class=actor_class)
            shown = (raw.seen(number, t_s, Alone([who])) != empty).any()
            in_view = bool(one.outlines(snapshot([who], t_s)))
            assert shown == in_view, (actor_class, distance_m)


def test_nobody_far_away_costs_time_or_shows() -> None:
    one = camera("large")
    crowd: Snapshot = snapshot([body(0.0, 0.0, name=f"b{n}") for n in range(5)], 1.0)
    assert one.near(crowd, 100.0) == []
