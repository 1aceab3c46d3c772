"""The committed default site: fresh, whole, and as its notes say."""

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from geo.crs import to_plane, true_to_grid_deg
from geo.default_site import default_site, default_site_path, default_site_text
from geo.errors import GeometryError
from geo.site import Site


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(default_site_path())


def test_the_committed_file_is_what_the_generator_writes() -> None:
    assert default_site_path().read_text(encoding="utf-8") == default_site_text(), (
        "deploy/sites/default.toml is stale: run python -m geo.default_site "
        "deploy/sites/default.toml and commit it"
    )


def test_it_has_the_sensors_of_the_border_notes(site: Site) -> None:
    assert Counter(sensor.kind for sensor in site.sensors) == {
        "fibre": 8,
        "thermal": 60,
        "vehicle": 4,
        "patrol": 30,
        "boat": 3,
        "aerial": 2,
    }
    for sensor in ("fibre-8", "thermal-060", "vehicle-4", "patrol-30", "boat-3", "drone-2"):
        assert site.has_sensor(sensor)
    assert site.sensor("fibre-3").group == "interrogator-3"
    assert site.sensor("thermal-007").group == "tower-007"
    own = {sensor.kind for sensor in site.sensors if sensor.own_force}
    assert own == {"vehicle", "patrol", "boat", "aerial"}


def test_sectors_leave_no_gap_and_hold_their_own_stations_crossing(site: Site) -> None:
    assert len(site.sectors) == 11
    assert site.sectors[0].start_m == 0.0
    assert site.sectors[-1].end_m >= site.border.length_m
    for one, two in zip(site.sectors, site.sectors[1:], strict=False):
        assert one.end_m == two.start_m
    for crossing, sector in {
        "lunga-nakovo": "lunga",
        "jimbolia-srpska-crnja": "jimbolia",
        "moravita-vatin": "moravita",
        "naidas-kaluderovo": "naidas",
        "portile-de-fier-1-djerdap-1": "drobeta-turnu-severin",
    }.items():
        east, north = to_plane(*site.crossing(crossing).position)
        found = site.sector_at(float(east), float(north))
        assert found is not None
        assert found.id == sector


def test_cables_join_without_a_gap_and_coils_are_flat(site: Site) -> None:
    for number in range(1, 8):
        # Odd joints hold a pair of interrogators, even ones two far ends.
        cables = [site.cable(f"fibre-{one}") for one in (number, number + 1)]
        ends = [cable.place(0.0 if number % 2 else cable.length_m) for cable in cables]
        gap = math.hypot(ends[0].east_m - ends[1].east_m, ends[0].north_m - ends[1].north_m)
        assert gap < 1.0
    cable = site.cable("fibre-5")
    assert len(cable.calibration.coils) == 37
    coil = cable.calibration.coils[4]
    through = np.linspace(coil.cable_distance_m, coil.cable_distance_m + coil.length_m, 5)
    assert np.ptp(cable.route_distance(through)) < 1e-6


def test_cameras_stand_inside_and_look_along_the_border(site: Site) -> None:
    for index in range(60):
        sensor = site.sensor(f"thermal-{index + 1:03d}")
        assert sensor.position is not None
        assert sensor.orientation is not None
        assert sensor.height_above_ground_m in {15.0, 20.0, 25.0, 30.0}
        assert sensor.ground_m is not None
        assert 60.0 < sensor.ground_m - site.geoid_height_m < 220.0
        east, north = to_plane(*sensor.position)
        label, offset = site.border.chainage(east, north)
        assert offset > 0.0
        del label
        # What lies in the middle of its picture is the border a kilometre further on.
        chainage = (index + 0.5) * 5_000.0
        aim = site.border.point_at(chainage + 1_000.0, 0.0)
        grid = math.radians(true_to_grid_deg(sensor.orientation.yaw_deg, *sensor.position))
        range_m = math.hypot(float(aim[0] - east), float(aim[1] - north))
        miss = math.hypot(
            float(east) + range_m * math.sin(grid) - float(aim[0]),
            float(north) + range_m * math.cos(grid) - float(aim[1]),
        )
        assert miss < 0.0002 * range_m + 0.2
        drop = sensor.height_above_ground_m / math.tan(-math.radians(sensor.orientation.pitch_deg))
        assert drop == pytest.approx(range_m, rel=0.02)


def test_the_end_can_be_moved_and_all_scales_with_it() -> None:
    short = default_site(end_km=236.0)
    assert [cable.channel_count for cable in short.cables] == [3_009] * 8
    last = short.cable("fibre-8")
    far = last.place(last.length_m)
    assert float(short.border.chainage(far.east_m, far.north_m)[0]) == pytest.approx(
        236_000.0, abs=60.0
    )
    assert sum(sensor.kind == "thermal" for sensor in short.sensors) == 47


@pytest.mark.parametrize("end_km", [0.0, 7.0, 310.1, float("nan")])
def test_an_end_off_the_land_border_is_refused(end_km: float) -> None:
    with pytest.raises(GeometryError, match="end_km is"):
        default_site(end_km)


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    out = tmp_path / "short.toml"
    subprocess.run(
        [sys.executable, "-m", "geo.default_site", str(out), "--end-km", "40"],
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert Site.load(out).cables[0].channel_count == 510
