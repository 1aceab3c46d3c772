"""The geographic data shipped with the package, read through ``importlib.resources``.

Sources and licences of every file stand in ``geo/data/ATTRIBUTION.md``.
"""

import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, cast

from geo.errors import GeometryError

GeoJson = dict[str, Any]


def data_root() -> Traversable:
    """Return the folder of shipped geographic data.

    Services that serve the map read ``basemap/`` and ``glyphs/`` below it.
    """
    return resources.files("geo") / "data"


def read_geojson(name: str) -> list[GeoJson]:
    """Read the features of one shipped GeoJSON file.

    Args:
        name: path below the data folder with ``/`` between parts, such as
            ``"ro_rs_land_border.geojson"`` or ``"basemap/water.geojson"``.

    Returns:
        Its features, in the file's order.

    Raises:
        GeometryError: the file is missing or holds no feature.
    """
    try:
        text = data_root().joinpath(*name.split("/")).read_text(encoding="utf-8")
    except OSError as error:
        raise GeometryError(
            f"geographic data file is {name!r}: wanted one shipped in geo/data; "
            "install the package again, its data are missing"
        ) from error
    features = json.loads(text).get("features", [])
    if not features:
        raise GeometryError(
            f"geographic data file {name!r} holds 0 features: wanted at least one; "
            "install the package again, its data are damaged"
        )
    return cast("list[GeoJson]", features)
