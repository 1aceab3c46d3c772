"""AIS lines of lawful boats: read bit by bit here, as the recommendation writes them."""

import re
from functools import cache

import numpy as np
import pytest

from geo.crs import to_plane
from sensors.messages import Report
from sensors.scenes import Scene, parse
from sensors.simulators.ais import HEARD_M, Transponders
from sensors.simulators.traffic import simulate
from sensors.simulators.world import World
from sensors.topics import parse as parse_topic
from sensors.wire import decode
from tests.sensors.simulators.bodies import site

HEAD = (
    'name = "boats"\nseed = 4\nstart = 2026-03-01T01:00:00Z\nduration_s = 900\n'
    'sensors = ["boat-1"]\n'
)
BOAT = (
    '[[actor]]\nid = "{id}"\nclass = "boat"\nbehaviour = "drive"\ncount = {count}\n'
    "lawful = {lawful}\nwaypoints = [[{at}, -100.0, 0.0], [{to}, -100.0, 900.0]]\n"
)
DANUBE_M = 340_000.0
TIMES = np.arange(0.0, 900.0)


@cache
def scene(lawful: str = "true", count: int = 3, at_m: float = DANUBE_M) -> Scene:
    boat = BOAT.format(id="barge", count=count, lawful=lawful, at=at_m, to=at_m + 3_000.0)
    return parse(HEAD + boat)


@cache
def heard(lawful: str = "true", count: int = 3, away_m: float = 0.0) -> tuple[str, ...]:
    world = World(scene(lawful, count), site())
    east, north = world.cast.fixed[0].bodies[0].at(0.0)
    transponders = Transponders(world, scene().start_ns)
    lines = []
    for step in range(450):
        lines += transponders.heard(
            "boat-1", float(east) + away_m, float(north), 2.0 * step, 2.0 * step + 2.0
        )
    return tuple(lines)


def bits_of(line: str) -> str:
    """Six bits a character, as the recommendation has them (ITU-R M.1371, table of armouring)."""
    payload, fill = line.split(",")[5], int(line.split(",")[6][0])
    values = [ord(one) - 48 - (8 if ord(one) > 87 else 0) for one in payload]
    whole = "".join(f"{value:06b}" for value in values)
    return whole[: len(whole) - fill]


def signed(bits: str) -> int:
    return int(bits, 2) - (1 << len(bits) if bits[0] == "1" else 0)


def test_lines_have_the_form_and_checksum_of_nmea() -> None:
    assert len(heard()) > 100
    for line in heard():
        assert re.fullmatch(r"!AIVDM,[12],[12],\d?,[AB],[0-W`-w]+,[0-5]\*[0-9A-F]{2}", line)
        body, _, told = line[1:].partition("*")
        total = 0
        for one in body:
            total ^= ord(one)
        assert int(told, 16) == total
        assert len(line) <= 82


def test_positions_in_the_lines_are_those_of_the_boats() -> None:
    world = World(scene(), site())
    bodies = world.cast.fixed[0].bodies
    checked = 0
    for line in heard():
        bits = bits_of(line)
        kind = int(bits[:6], 2)
        at = {1: (61, 89, 50, 116), 18: (57, 85, 46, 112)}.get(kind)
        if at is None:
            continue
        lon = signed(bits[at[0] : at[0] + 28]) / 600_000.0
        lat = signed(bits[at[1] : at[1] + 27]) / 600_000.0
        knots = int(bits[at[2] : at[2] + 10], 2) / 10.0
        east, north = (float(one) for one in to_plane(lon, lat))
        away = [np.hypot(body.at(TIMES)[0] - east, body.at(TIMES)[1] - north) for body in bodies]
        nearest = float(np.min(away))
        assert nearest < 12.0
        path = bodies[0].path
        true = float(np.hypot(np.diff(path.east_m), np.diff(path.north_m))[0]) / 900.0 / 0.514444
        assert knots == pytest.approx(true, abs=0.6)
        checked += 1
    assert checked > 80


def test_each_boat_has_a_number_of_its_own_country_and_tells_its_name() -> None:
    numbers, names = set(), set()
    for line in heard():
        bits = bits_of(line)
        kind = int(bits[:6], 2)
        if line.split(",")[2] == "1":
            numbers.add(int(bits[8:38], 2))
        if kind in {5, 24} and line.split(",")[2] == "1":
            start = 112 if kind == 5 else 40
            letters = [int(bits[n : n + 6], 2) for n in range(start, start + 120, 6)]
            text = "".join(chr(one + 64 if one < 32 else one) for one in letters)
            names.add(text.rstrip("@ ").strip())
    assert len(numbers) == 3
    assert all(str(number)[:3] in {"264", "279"} for number in numbers)
    assert names == {"BARGE 0", "BARGE 1", "BARGE 2"}


def test_ships_under_way_speak_each_ten_seconds_and_small_boats_each_thirty() -> None:
    world = World(scene(count=8), site())
    transponders = Transponders(world, scene().start_ns)
    for ship in transponders.ships(0.0, 900.0):
        times = [t for t, static in transponders._times(ship, 0.0, 900.0) if not static]
        assert np.diff(times) == pytest.approx(10.0 if ship.large else 30.0)
    assert {one.large for one in transponders.ships(0.0, 900.0)} == {True, False}


def test_boats_that_hide_and_boats_far_away_are_not_heard() -> None:
    assert heard("false") == ()
    assert heard("true", 3, HEARD_M + 5_000.0) == ()


def test_some_messages_are_lost_and_others_by_another_listener() -> None:
    world = World(scene(), site())
    transponders = Transponders(world, scene().start_ns)
    east, north = (float(one) for one in world.cast.fixed[0].bodies[0].at(0.0))
    mine, other = (
        transponders.heard(name, east, north, 0.0, 900.0) for name in ("boat-1", "boat-2")
    )
    assert mine != other
    sent = sum(
        2 if static and ship.large else 1
        for ship in transponders.ships(0.0, 900.0)
        for _, static in transponders._times(ship, 0.0, 900.0)
    )
    assert 0.85 * sent < len(mine) < sent


def test_a_patrol_boat_hands_the_lines_on() -> None:
    place = site().sensor_place("boat-1")
    assert place is not None
    chainage, _ = site().border.chainage(*place)
    near = scene("true", 2, float(chainage) - 2_000.0)
    lines: list[str] = []
    for emission in simulate(near, site()):
        message = decode(parse_topic(emission.topic), emission.payload).message
        if isinstance(message, Report):
            assert message.nmea
            lines += message.nmea
    assert len(lines) > 50
