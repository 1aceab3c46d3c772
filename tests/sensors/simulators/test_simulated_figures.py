"""Figures in thermal pictures: as large as what they stand for, moving, and rightly warm."""

import numpy as np
import pytest
from scipy.ndimage import label

from sensors.scenes import ActorClass, Behaviour, Weather
from sensors.simulators.figures import Strokes, Warmth, figure, mean_kelvin, size_of
from sensors.simulators.painting import paint
from tests.sensors.simulators.bodies import body

WARMTH = Warmth.of(Weather(temperature_c=5.0))
SIDEWAYS = 0.5 * np.pi


def extent(strokes: Strokes) -> tuple[float, float]:
    """Width and height."""
    x, y, radius = strokes[:, (0, 2)], strokes[:, (1, 3)], strokes[:, 4:5]
    return float((x + radius).max() - (x - radius).min()), float((y + radius).max())


@pytest.mark.parametrize("turned", [0.0, 0.7, SIDEWAYS])
@pytest.mark.parametrize("actor_class", [one for one in ActorClass if one != "drone"])
def test_a_figure_is_as_large_as_its_class(actor_class: ActorClass, turned: float) -> None:
    who = body(0.0, 0.0, actor_class=actor_class)
    size = size_of(who)
    widths, heights = zip(
        *(extent(figure(who, turned, 0.1 * n, 1.4, WARMTH)[0]) for n in range(20)), strict=True
    )
    width, height = max(widths), max(heights)
    assert height == pytest.approx(size.height_m, rel=0.12)
    assert width == pytest.approx(size.across_m(turned), rel=0.3, abs=0.1)


@pytest.mark.parametrize(
    ("behaviour", "least_m", "most_m"),
    [(Behaviour.WALK, 1.65, 1.85), (Behaviour.CRAWL, 0.3, 0.55), (Behaviour.SAW, 0.9, 1.35)],
)
def test_posture_follows_behaviour(behaviour: Behaviour, least_m: float, most_m: float) -> None:
    who = body(0.0, 0.0, behaviour=behaviour)
    strokes, _ = figure(who, SIDEWAYS, 3.0, 0.5, WARMTH)
    assert least_m < extent(strokes)[1] < most_m


def test_legs_swing_twice_a_stride_and_only_while_it_walks() -> None:
    walker = body(0.0, 0.0, (1.4, 0.0), behaviour=Behaviour.WALK)
    times = np.arange(0.0, 10.0, 0.02)
    widths = np.array([extent(figure(walker, SIDEWAYS, t, 1.4, WARMTH)[0])[0] for t in times])
    spectrum = np.abs(np.fft.rfft(widths - widths.mean()))
    beat_hz = float(np.fft.rfftfreq(times.size, 0.02)[spectrum.argmax()])
    # A step each 0.5-0.69 s is usual (JASA 129, 1306, 2011); legs are widest once a step.
    assert 1.0 / 0.75 < beat_hz < 1.0 / 0.45
    assert np.ptp(widths) > 0.25
    still = [extent(figure(walker, SIDEWAYS, t, 0.0, WARMTH)[0])[0] for t in times[:50]]
    assert np.ptp(still) == 0.0


def test_seen_from_the_front_legs_do_not_swing_aside() -> None:
    walker = body(0.0, 0.0, (1.4, 0.0), behaviour=Behaviour.WALK)
    widths = [extent(figure(walker, 0.0, t, 1.4, WARMTH)[0])[0] for t in np.arange(0.0, 2.0, 0.05)]
    assert np.ptp(widths) < 0.01


@pytest.mark.parametrize("behaviour", [b for b in Behaviour if b is not Behaviour.DRIVE])
def test_a_person_is_in_one_piece_at_every_moment(behaviour: Behaviour) -> None:
    who = body(0.0, 0.0, behaviour=behaviour)
    for t_s in np.arange(0.0, 2.0, 0.13):
        strokes, _ = figure(who, SIDEWAYS, t_s, 0.0 if behaviour.stays else 1.4, WARMTH)
        picture = np.zeros((200, 200), np.float32)
        paint(picture, strokes, (100.0, 180.0), 80.0, 1.0, 0.0)
        assert label(picture > 0.3 * WARMTH.cloth)[1] == 1


def test_painted_warmth_is_that_of_the_area_at_every_range() -> None:
    """Against the area of the union of the strokes, counted by random points."""
    who = body(0.0, 0.0, behaviour=Behaviour.WALK)
    strokes, _ = figure(who, SIDEWAYS, 1.0, 0.0, WARMTH)
    strokes[:, 5] = 10.0
    random = np.random.default_rng(1)
    points = random.uniform((-1.0, -0.2), (1.0, 2.2), (400_000, 2))
    covered = np.zeros(len(points), dtype=bool)
    for x0, y0, x1, y1, radius, _ in strokes:
        start, way = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
        length2 = float(way @ way)
        share = np.clip((points - start) @ way / length2, 0.0, 1.0) if length2 else np.zeros(1)
        away = points - start - share[:, np.newaxis] * way
        covered |= np.hypot(away[:, 0], away[:, 1]) < radius
    area_m2 = 2.0 * 2.4 * float(covered.mean())
    for scale in (80.0, 20.0, 5.0, 1.5):
        picture = np.zeros((300, 300), np.float32)
        paint(picture, strokes, (150.3, 220.6), scale, 0.5, 0.0)
        assert picture.sum() / scale**2 == pytest.approx(0.5 * 10.0 * area_m2, rel=0.06)


def test_a_far_figure_is_a_faint_spot_and_a_near_one_shows_its_temperature() -> None:
    who = body(0.0, 0.0, behaviour=Behaviour.WALK)
    strokes, _ = figure(who, SIDEWAYS, 1.0, 0.0, WARMTH)
    peaks = []
    for scale in (60.0, 6.0, 0.6):
        picture = np.zeros((200, 200), np.float32)
        paint(picture, strokes, (100.0, 150.0), scale, 1.0, 0.0)
        peaks.append(float(picture.max()))
    assert peaks[0] == pytest.approx(WARMTH.skin, rel=0.05)
    assert peaks[0] > peaks[1] > peaks[2] > 0.0
    assert peaks[2] < 0.5 * WARMTH.cloth


def test_what_is_beside_the_picture_is_cut_off() -> None:
    strokes, _ = figure(body(0.0, 0.0), 0.0, 1.0, 0.0, WARMTH)
    picture = np.zeros((50, 50), np.float32)
    paint(picture, strokes, (-30.0, 25.0), 5.0, 1.0, 0.0)
    assert not picture.any()
    paint(picture, strokes, (0.0, 25.0), 10.0, 1.0, 0.0)
    assert picture[:, :3].any()
    assert not picture[:, 20:].any()


def test_people_stand_out_in_the_cold_and_vanish_in_the_heat() -> None:
    person = body(0.0, 0.0)

    def contrast(**weather: float) -> float:
        warmth = Warmth.of(Weather(**weather))
        return mean_kelvin(person, warmth) - warmth.ground

    assert 6.0 < contrast(temperature_c=0.0) < 16.0
    assert contrast(temperature_c=33.0) < 4.0
    windy = contrast(temperature_c=0.0, wind_mps=12.0)
    assert windy < 0.6 * contrast(temperature_c=0.0)
    assert contrast(temperature_c=0.0, wind_mps=12.0, rain_mm_h=5.0) < contrast(temperature_c=0.0)


def test_an_engine_is_the_warmest_part_of_a_car_and_faces_forward() -> None:
    car = body(0.0, 0.0, (8.0, 0.0), ActorClass.VEHICLE, behaviour=Behaviour.DRIVE)
    strokes, _ = figure(car, SIDEWAYS, 1.0, 8.0, WARMTH)
    picture = np.zeros((60, 200), np.float32)
    paint(picture, strokes, (100.0, 50.0), 20.0, 1.0, 0.0)
    front, rear = picture[:40, 105:], picture[:40, :60]
    assert front.sum() > 2.0 * rear.sum()


def test_who_crawls_is_harder_to_see() -> None:
    crawling = size_of(body(0.0, 0.0, behaviour=Behaviour.CRAWL))
    walking = size_of(body(0.0, 0.0, behaviour=Behaviour.WALK))
    assert crawling.critical_m < 0.8 * walking.critical_m
