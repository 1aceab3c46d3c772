"""Found taps become a table; what does not agree is named, what was not tapped is kept."""

import numpy as np
import pytest

from geo.cable import Cable, CableSettings
from geo.calibration import Calibration, Coil, Tap
from geo.crs import to_wgs84
from geo.errors import CalibrationError
from services.calibrate.fitting import Fit, Point, fit

OLD = Calibration(
    [Tap(1_020.0 * n, 1_000.0 * n, 2.5) for n in range(10)],
    [Coil(1_020.0 * n + 500.0, 20.0) for n in range(9)],
)


def cable(table: Calibration | None = OLD) -> Cable:
    """Due north over 9.2 km."""
    lon, lat = to_wgs84([500_000.0] * 2, [5_000_000.0, 5_000_000.0 + 0.9996 * 9_200.0])
    return Cable("fibre-1", np.column_stack((lon, lat)), CableSettings(940), table)


def at(route_m: float, cable_m: float, coil_m: float = 0.0, *, looked: bool = False) -> Point:
    coil = Coil(cable_m - 0.5 * coil_m, coil_m) if coil_m else None
    return Point(f"r{route_m:g}", cable_m, route_m, 3.0, coil, looked or coil is not None)


def true_cable(route_m: float) -> float:
    """What lies in the ground: 60 m more from the beginning on, laid 1 % longer."""
    return 60.0 + 1.01 * route_m


PLAIN = [at(r, true_cable(r)) for r in range(0, 9_001, 500)]


def fitted(points: list[Point], table: Calibration | None = None) -> Fit:
    return fit(points, cable(table))


def test_points_become_the_table_and_residuals_say_how_they_agree() -> None:
    made = fitted(PLAIN)
    everywhere = np.arange(0.0, 9_000.0, 50.0)
    off = made.table.route_distance(true_cable(everywhere)) - everywhere  # type: ignore[arg-type]
    assert np.abs(off).max() < 0.2
    inner = [one for one in made.residuals if not one.outer]
    assert len(inner) == len(PLAIN) - 2
    assert max(abs(one.off_m) for one in inner) < 0.2
    # The neighbours' 3 m and 0.2 % of 505 m, and the point's own 3 m.
    assert inner[3].sigma_m == pytest.approx(np.sqrt(9.0 + 1.01**2 + 9.0), abs=0.01)
    assert [one.outer for one in made.residuals].count(True) == 2
    assert (made.left_out, made.warnings) == ((), ())


def test_a_residual_is_that_of_the_table_without_the_point() -> None:
    points = [*PLAIN[:6], at(3_000.0, true_cable(3_000.0) + 40.0), *PLAIN[7:]]
    made = fitted(points)
    off = next(one for one in made.residuals if one.name == "r3000")
    assert off.off_m == pytest.approx(40.0 / 1.01, abs=1.0)
    assert any("r3000 is +39" in one and "tap again there" in one for one in made.warnings)


def test_a_tap_out_of_order_is_named_and_left_out() -> None:
    wrong = at(3_000.0, true_cable(6_100.0))
    made = fitted([*PLAIN[:6], wrong, *PLAIN[7:]])
    ((name, why),) = made.left_out
    assert name == "r3000"
    assert "out of order: heard at 6221 m of cable and measured at 3000 m of route" in why
    assert wrong not in made.points


def test_more_ground_than_cable_is_out_of_order_too() -> None:
    made = fitted([PLAIN[0], PLAIN[1], at(1_500.0, true_cable(1_000.0)), PLAIN[4], PLAIN[5]])
    assert [name for name, _ in made.left_out] == ["r1500"]


def test_one_usable_tap_makes_no_table() -> None:
    with pytest.raises(CalibrationError, match="1 taps can be used: wanted two or more"):
        fitted([PLAIN[3]])


def test_what_was_not_tapped_is_kept_and_moved_along() -> None:
    # 60 m more from 2 km on, tapped up to 5 km; old coils at 500 m each, none of them tapped.
    points = [at(r, 1.02 * r + (60.0 if r >= 2_500 else 0.0)) for r in (1_250, 2_250, 3_250, 5_250)]
    made = fit(points, cable())
    coils = dict(made.table.coils)
    assert made.table.taps[:2] == OLD.taps[:2]
    assert made.table.taps[-1].cable_distance_m == pytest.approx(9_180.0 + 55.0, abs=12.0)
    assert made.table.taps[-1].sigma_m > OLD.taps[-1].sigma_m
    assert len(coils) == 9
    assert 500.0 in coils
    assert made.kept.startswith("2 taps before the first new one, 4 beyond the last")
    # Beyond the last tap a stretch of cable lies where it lay, by its own length.
    shift = made.table.taps[-1].cable_distance_m - OLD.taps[-1].cable_distance_m
    beyond = np.arange(6_000.0, 9_000.0, 100.0)
    assert made.table.route_distance(beyond + shift) == pytest.approx(
        OLD.route_distance(beyond), abs=0.5
    )


def test_a_tapped_coil_takes_the_place_of_the_old_one_there() -> None:
    points = [at(250.0, 250.0), at(490.0, 530.0, 80.0), at(750.0, 830.0)]
    made = fit(points, cable())
    assert made.table.coils[0] == Coil(490.0, 80.0)
    assert Coil(500.0, 20.0) not in made.table.coils
    assert made.table.route_distance([490.0, 570.0]) == pytest.approx([490.0] * 2, abs=1.0)


def test_a_splice_without_a_coil_ends_the_old_one_there() -> None:
    made = fit([at(250.0, 250.0), at(490.0, 490.0, looked=True), at(750.0, 750.0)], cable())
    assert made.table.coils[0].cable_distance_m > 1_000.0


def test_an_old_coil_for_which_there_is_no_cable_is_dropped_and_told() -> None:
    surely = [Point(f"r{r}", r, r, 0.5) for r in (250.0, 900.0, 1_200.0)]
    made = fit(surely, cable())
    assert any("coil of 20 m" in one and "is dropped" in one for one in made.warnings)


def test_an_old_tap_that_the_cable_before_the_first_new_one_contradicts_is_dropped() -> None:
    made = fit(PLAIN[2:], cable())  # 60 m more cable over the first kilometre
    assert [tap.route_distance_m for tap in made.table.taps[:2]] == [0.0, 1_000.0]
    near = [at(100.0, 205.0), *PLAIN[2:]]
    made = fit(near, cable())
    assert made.table.taps[0].route_distance_m == 100.0
    assert any("the tap that the table before had at 0 m is dropped" in w for w in made.warnings)


def test_a_long_gap_is_told_with_the_sigma_it_leaves() -> None:
    made = fitted([*PLAIN[:5], *PLAIN[9:]])
    (warning,) = made.warnings
    assert "2525 m of cable without a tap from 2080 to 4605 m: sigma grows to 3.9 m" in warning


def test_much_more_cable_than_ground_asks_for_a_coil() -> None:
    points = [at(r, true_cable(r) + (120.0 if r > 2_200 else 0.0)) for r in range(0, 5_001, 500)]
    made = fitted(points)
    assert any("125 m more cable than ground from 2080 to 2705 m" in one for one in made.warnings)
