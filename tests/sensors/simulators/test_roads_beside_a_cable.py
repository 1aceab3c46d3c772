"""Roads and railways beside a cable: where they are, who drives, and that truth is left alone."""

import numpy as np
import pytest

from sensors.scenes import ActorClass
from sensors.simulators.fibre import Surroundings
from sensors.simulators.roads import Roads, ways
from tests.sensors.simulators.fibre_bench import cable, made

SEEDS = range(60)


def seed_with(*, is_railway: bool) -> int:
    return next(
        seed for seed in SEEDS if any(one.is_railway is is_railway for one in ways(seed, cable()))
    )


def test_some_cables_have_a_road_fewer_a_railway_and_some_neither() -> None:
    found = [ways(seed, cable()) for seed in SEEDS]
    roads = sum(any(not one.is_railway for one in each) for each in found)
    railways = sum(any(one.is_railway for one in each) for each in found)
    assert 18 < roads < 42
    assert 5 < railways < 27
    assert any(not each for each in found)


def test_they_run_beside_the_cable_where_they_say() -> None:
    for seed in SEEDS:
        for one in ways(seed, cable()):
            _, offset = cable().nearest(one.east_m[1:-1], one.north_m[1:-1])
            assert np.abs(offset).max() < abs(one.offset_m) + 1.0
            assert 0.0 <= one.from_m < one.to_m <= cable().length_m


def test_by_day_there_is_more_traffic_than_at_night() -> None:
    seed = seed_with(is_railway=False)

    def passing(hour: float) -> int:
        roads = Roads(seed, cable(), hour)
        names = {
            one.name
            for t_s in np.arange(0.0, 3_600.0, 60.0)
            for one in roads.bodies(t_s, t_s)
            if one.actor_class is not ActorClass.TRAIN
        }
        return len(names)

    assert passing(14.0) > 4 * passing(0.0)


def test_who_drives_does_not_depend_on_what_was_asked_before() -> None:
    seed = seed_with(is_railway=False)
    one, other = Roads(seed, cable(), 14.0), Roads(seed, cable(), 14.0)
    for t_s in (5_000.0, 10.0, 900.0):
        other.bodies(t_s, t_s)
    assert [b.name for b in one.bodies(2_000.0, 2_010.0)] == [
        b.name for b in other.bodies(2_000.0, 2_010.0)
    ]


@pytest.mark.parametrize("kind", ["road", "railway"])
def test_its_traffic_is_heard_on_the_cable(kind: str) -> None:
    is_railway = kind == "railway"
    seed = seed_with(is_railway=is_railway)
    roads = Roads(seed, cable(), 14.0)
    way = next(one for one in roads.ways if one.is_railway is is_railway)
    middle = int(0.5 * (way.from_m + way.to_m) / 10.0)
    kinds = {ActorClass.TRAIN} if is_railway else {ActorClass.VEHICLE, ActorClass.TRUCK}
    east, north = cable().point_at(10.0 * middle, way.offset_m)
    times = (
        t_s
        for t_s in np.arange(0.0, 4 * 86_400.0, 5.0)
        for one in roads.bodies(t_s, t_s)
        if one.actor_class in kinds
        and np.hypot(one.at(t_s)[0] - east, one.at(t_s)[1] - north) < 100.0
    )
    t_s = float(next(times))
    window = (middle - 30, 60)
    first = int(t_s * 500.0) // 125 * 125
    busy = made(window=window, about=Surroundings(start_hour=14.0), seed=seed)
    quiet = made(window=window, seed=seed)
    added = busy.samples(first, 500).astype(float) - quiet.samples(first, 500)
    assert np.abs(added).max() > 50.0
