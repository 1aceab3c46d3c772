"""Writes a site as compact TOML: one key a line, coordinates in rows, defaults left out."""

from typing import TYPE_CHECKING

from geo.toml_text import items, pair

if TYPE_CHECKING:
    from geo.site import Site

_TABLES = ("sectors", "crossings", "zones", "cables", "calibrations", "sensors", "settings")


def write(site: "Site", header: str = "") -> str:
    """Write a site file.

    Args:
        site: what to write.
        header: comment lines for its beginning, without their ``#``.

    Returns:
        Text that :meth:`geo.site.Site.parse` reads back to an equal site.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    lines += [""] if lines else []
    for key, value in items(site):
        if key not in _TABLES:
            lines.append(pair(key, value))
    for table in _TABLES:
        for row in getattr(site, table):
            lines += ["", f"[[{table}]]"]
            lines += [pair(key, value) for key, value in items(row)]
    return "\n".join(lines) + "\n"
