"""``straja calibrate --plot``: a table's points, its curve beside the one before, its residuals."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from services.calibrate.fitting import Fit
from services.run.calibrating import Calibrated
from services.run.drawing import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EACH_M = 5.0
_SPARE_M = 300.0


def draw_calibration(made: Calibrated, path: Path) -> None:
    """Write the picture of a table.

    Cable less route is drawn, in which metres show: against cable distance a route of kilometres
    is a straight line.

    Args:
        made: the table and what came with it.
        path: of the file, whose suffix says its form.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    figure = new_figure()
    curves, residuals = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    table, points = made.fit.table, made.fit.points
    begin = max(points[0].cable_m - _SPARE_M, 0.0)
    end = min(points[-1].cable_m + _SPARE_M, made.before.length_m)
    cable = np.arange(begin, end, _EACH_M)
    for one, label, style in (
        (made.before.calibration, "table before", "0.6"),
        (table, "new table", "C0"),
    ):
        curves.plot(cable, cable - one.route_distance(cable), color=style, label=label)
    sigma = table.sigma_along(cable)
    middle = cable - table.route_distance(cable)
    curves.fill_between(cable, middle - sigma, middle + sigma, color="C0", alpha=0.2, lw=0)
    curves.errorbar(
        [one.cable_m for one in points],
        [one.cable_m - one.route_m for one in points],
        [one.sigma_m for one in points],
        fmt="o",
        color="C3",
        markersize=4,
        label="taps",
    )
    curves.set_ylabel("cable less route, m")
    curves.set_title(f"{made.row.cable}: calibration by tap test")
    curves.legend()
    _residuals(residuals, made.fit)
    residuals.set_xlabel("cable distance, m")
    save_figure(figure, path)


def _residuals(axes: "Axes", fit: Fit) -> None:
    axes.axhline(0.0, color="0.6", lw=0.8)
    for outer, colour, label in (
        (False, "C3", "leave-one-out, with what was to be expected"),
        (True, "0.5", "table drawn out"),
    ):
        part = [one for one in fit.residuals if one.outer is outer]
        if part:
            axes.errorbar(
                [one.cable_m for one in part],
                [one.off_m for one in part],
                [one.sigma_m for one in part],
                fmt="o",
                color=colour,
                markersize=4,
                label=label,
            )
    axes.set_ylabel("residual, m of route")
    if fit.residuals:
        axes.legend()
