"""The table as text: a fragment of a site file, and a site file with the table in it."""

from collections.abc import Sequence
from datetime import datetime

from geo.errors import CalibrationError
from geo.site import Site
from geo.site_rows import CalibrationRow, to_ns
from geo.toml_lines import locate
from geo.toml_text import items, pair
from services.calibrate.fitting import Fit


def row_of(fit: Fit, cable: str, share: float, valid_from: datetime, site: Site) -> CalibrationRow:
    """Give the table as a row of the site.

    It holds until the next row of the same cable begins, as the row that it follows did.

    Args:
        fit: the table.
        cable: of the site.
        share: growth of sigma with the distance to the nearest tap.
        valid_from: when it begins to hold.
        site: with all its rows.
    """
    from_ns = to_ns(valid_from)
    ends = [
        moment
        for row in site.calibrations
        if row.cable == cable
        for moment in (row.valid_from, row.valid_to if row.valid_at(from_ns) else None)
        if moment is not None and to_ns(moment) > from_ns
    ]
    return CalibrationRow(
        cable=cable,
        distance_sigma_share=share,
        taps=tuple((*tap,) for tap in fit.table.taps),
        coils=tuple((*coil,) for coil in fit.table.coils),
        valid_from=valid_from,
        valid_to=min(ends, default=None),
    )


def fragment(row: CalibrationRow, header: Sequence[str]) -> str:
    """Write a row as it stands in a site file, below comment lines."""
    lines = [f"# {line}".rstrip() for line in header]
    lines += ["", "[[calibrations]]"]
    lines += [pair(key, value) for key, value in items(row)]
    return "\n".join(lines) + "\n"


def site_with(text: str, name: str, row: CalibrationRow, written: str) -> str:
    """Put a row into a site file's text: the row that held so far ends where the new one begins.

    Everything else stays as it was written, comments too.

    Args:
        text: of the site file.
        name: of it, for faults.
        row: the new table.
        written: the row's text, with its comments.

    Raises:
        CalibrationError: the row that holds begins at the same time, or the file is laid out in
            another way than with a ``[[calibrations]]`` for each row.
        SiteError: the text is no site.
    """
    site = Site.parse(text, name)
    if row.valid_from is None:
        raise CalibrationError("valid_from is missing: wanted the time the table begins to hold")
    holding = [
        index
        for index, one in enumerate(site.calibrations)
        if one.cable == row.cable and one.valid_at(to_ns(row.valid_from))
    ]
    lines = text.splitlines()
    places = locate(text)
    for index in holding:
        before = site.calibrations[index]
        if before.valid_from is not None and before.valid_from == row.valid_from:
            raise CalibrationError(
                f"calibrations[{index}] of {row.cable} begins at {row.valid_from.isoformat()}, as "
                "the new table: wanted another time; give --valid-from"
            )
        ends = pair("valid_to", row.valid_from)
        at = places.get(("calibrations", index, "valid_to"))
        if at is not None:
            lines[at - 1] = ends
        else:
            lines.insert(places["calibrations", index, "cable"], ends)
    changed = "\n".join([*lines, "", written.rstrip("\n")]) + "\n"
    made = Site.parse(changed, name)
    if len(made.calibrations) != len(site.calibrations) + 1:
        raise CalibrationError(
            f"{name} cannot be changed as text: wanted [[calibrations]] for each of its tables; "
            "put the table in by hand"
        )
    return changed
