"""Generates the default site from the shipped border data: ``python -m geo.default_site OUT``.

A site's owner starts from this file and replaces what is assumed by what was surveyed.
"""

import argparse
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.ops import substring

from geo.border import Border, shipped_border
from geo.crs import (
    FloatArray,
    geodesic_length_m,
    grid_to_true_deg,
    to_wgs84,
)
from geo.errors import GeometryError, SiteError
from geo.places import shipped_places
from geo.resources import GeoJson, read_geojson
from geo.site import Site

END_KM = 300.0
CABLES = 8
SIMPLIFY_M = 25.0
ROUTE_OFFSET_M = 20.0
CHANNEL_SPACING_M = 10.0
SLACK_M = 20.0
SPLICE_EACH_M = 1_000.0
TAP_SIGMA_M = 2.5  # assumed: a quarter of a channel, as a tap's energy is centred
CAMERA_EACH_KM = 5.0
CAMERA_OFFSET_M = 150.0  # assumed
CAMERA_AIM_M = 1_000.0  # assumed: each looks along the border at a point this far on
MAST_HEIGHTS_M = (15.0, 20.0, 25.0, 30.0)
GEOID_HEIGHT_M = 43.0  # assumed, +-3 m over the area

# 50 mm lens, 12 um pixels: 50e-3 / 12e-6 pixels.
_LENS = {"width_px": 640, "height_px": 512, "focal_length_px": 4166.7}
_CAMERA_RANGE_M = 1_979.0  # a person (0.95 m) has the 2 pixels of detection at 50 % (Johnson)

_HEADER = """\
The default site of Straja: Romania's border with Serbia, fibre over chainage 0-{end:g} km.
Generated: python -m geo.default_site {out} --end-km {end:g}

Border, crossings: (c) OpenStreetMap contributors, ODbL 1.0. Settlements, sector stations:
GeoNames, CC BY 4.0. See geo/data/ATTRIBUTION.md. Everything below that is not in those sources is
assumed, above all where sensors stand: replace it by what was surveyed.

- Length and end: public text says the fibre covers almost all of the land border, about 300 km,
  and also that it ends at Varadia, which is at 236 km by the border line. The length was taken.
- Sectors: their limits are not public. The chainage is divided at the midpoints between
  neighbouring stations, each taken at its own crossing where it has one, else at the border point
  nearest to its locality.
- Crossings: derived positions, uncertain by position_uncertainty_m; the lawful radius is assumed.
- Cables: each {span:g} km of chainage. The route is the border line simplified to {simplify:g} m,
  offset {offset:g} m to the Romanian side, so it is shorter than its chainage by 0-3 %.
  Interrogators stand in pairs at the joints 1|2, 3|4, 5|6, 7|8 and look away from each other: cable
  distance of odd numbers runs against chainage. {channels} channels of 10 m: a coil of {slack:g} m
  at a splice box each kilometre of cable laid, and the laid cable spread evenly over the route (the
  difference is lay excess). The calibrations say so: taps are [cable distance, route distance,
  sigma], one at each splice box; coils are [cable distance, length].
- Heights: above the WGS84 ellipsoid. Ground between settlements' heights (inverse squares of the
  distance) plus geoid_height_m, both good to metres in the plain only.
- Cameras: every {camera:g} km, {camera_offset:g} m inside, on masts of 15-30 m, 50 mm lens,
  12 um pixels, each aimed along the border at the point {aim:g} m further on.
- Vehicles, patrols, boats, drones: positions are stations; they say themselves where they are.
"""


def default_site(end_km: float = END_KM) -> Site:
    """Build the default site.

    Args:
        end_km: chainage at which the last cable ends, in kilometres, on the land part.

    Raises:
        GeometryError: an end outside the land border.
    """
    border = shipped_border()
    land_m = border.parts[0].end_m
    end_m = end_km * 1_000.0
    if not (math.isfinite(end_m) and CABLES * SPLICE_EACH_M <= end_m <= land_m):
        raise GeometryError(
            f"end_km is {end_km!r}: wanted {CABLES} to {land_m / 1_000.0:.2f}, "
            "the end of the land border"
        )
    cables, calibrations = _cables(border, end_m)
    return Site.model_validate(
        {
            "name": "default",
            "home_party": "RO",
            "parties": ["RO", "RS"],
            "geoid_height_m": GEOID_HEIGHT_M,
            "area": {
                "lon_min_deg": 19.9,
                "lon_max_deg": 23.1,
                "lat_min_deg": 44.0,
                "lat_max_deg": 46.4,
            },
            "sectors": _sectors(border),
            "crossings": _crossings(),
            "cables": cables,
            "calibrations": calibrations,
            "sensors": [
                *_interrogators(cables),
                *_cameras(border, end_m),
                *_mobiles(border, end_m),
            ],
        }
    )


def default_site_text(end_km: float = END_KM, out: str = "deploy/sites/default.toml") -> str:
    """Write the default site as the file that is committed."""
    site = default_site(end_km)
    header = _HEADER.format(
        end=end_km,
        out=out,
        span=end_km / CABLES,
        simplify=SIMPLIFY_M,
        offset=ROUTE_OFFSET_M,
        channels=site.cables[0].channel_count,
        slack=SLACK_M,
        camera=CAMERA_EACH_KM,
        camera_offset=CAMERA_OFFSET_M,
        aim=CAMERA_AIM_M,
    )
    return site.to_toml(header)


def default_site_path() -> Path:
    """Find ``deploy/sites/default.toml`` of the project this package lies in.

    Raises:
        SiteError: it is not there.
    """
    path = Path(__file__).resolve().parent.parent / "deploy" / "sites" / "default.toml"
    if not path.is_file():
        raise SiteError(
            f"default site file {str(path)!r} is missing: wanted the project's own; "
            "write it with `python -m geo.default_site FILE` and name it with --site"
        )
    return path


def _route(border: Border, end_m: float) -> tuple[shapely.LineString, FloatArray]:
    """Offset the simplified border; its plane length at each joint, shape (cable + 1,)."""
    reach = min(end_m + 2_000.0, border.length_m)
    line = shapely.simplify(shapely.LineString(border.line_between(0.0, reach)), SIMPLIFY_M)
    # Round joins: mitred ones fall apart in two places where the border turns back on itself.
    route = shapely.offset_curve(line, ROUTE_OFFSET_M, quad_segs=2, join_style="round").simplify(
        1.0
    )
    if not isinstance(route, shapely.LineString):
        raise GeometryError(
            f"route is in {len(shapely.get_parts(route))} pieces at {ROUTE_OFFSET_M} m offset: "
            "wanted one line; choose a smaller offset"
        )
    joints = np.linspace(0.0, end_m, CABLES + 1)
    east, north = border.point_at(joints, ROUTE_OFFSET_M)
    at_m = shapely.line_locate_point(route, shapely.points(east, north))
    return route, np.asarray(at_m, dtype=np.float64)


def _cables(border: Border, end_m: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    route, joints = _route(border, end_m)
    span_m = end_m / CABLES
    channels = round(span_m * (1.0 + SLACK_M / SPLICE_EACH_M) / CHANNEL_SPACING_M)
    cables, calibrations = [], []
    for number in range(1, CABLES + 1):
        piece = substring(route, joints[number - 1], joints[number])
        vertices = np.asarray(piece.coords)
        if number % 2:
            vertices = vertices[::-1]
        lon, lat = to_wgs84(vertices[:, 0], vertices[:, 1])
        degrees = list(zip(np.round(lon, 6).tolist(), np.round(lat, 6).tolist(), strict=True))
        name = f"fibre-{number}"
        cables.append({"id": name, "channel_count": channels, "route": degrees})
        length_m = channels * CHANNEL_SPACING_M
        boxes = int((length_m - 1.0) // (SPLICE_EACH_M + SLACK_M))
        laid_m = length_m - boxes * SLACK_M
        share = geodesic_length_m(*zip(*degrees, strict=True)) / laid_m
        taps, coils = [(0.0, 0.0, TAP_SIGMA_M)], []
        for box in range(1, boxes + 1):
            start = box * SPLICE_EACH_M + (box - 1) * SLACK_M
            coils.append((start, SLACK_M))
            route_m = round(box * SPLICE_EACH_M * share, 1)
            taps.append((start + SLACK_M / 2.0, route_m, TAP_SIGMA_M))
        taps.append((length_m, round(laid_m * share, 1), TAP_SIGMA_M))
        calibrations.append({"cable": name, "taps": taps, "coils": coils})
    return cables, calibrations


def _interrogators(cables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": cable["id"],
            "group": cable["id"].replace("fibre", "interrogator"),
            "kind": "fibre",
            "cable": cable["id"],
            "position": cable["route"][0],
        }
        for cable in cables
    ]


def _lon_lat(east_m: float, north_m: float) -> tuple[float, float]:
    lon, lat = to_wgs84(east_m, north_m)
    return round(float(lon), 6), round(float(lat), 6)


def _at(border: Border, chainage_m: float, offset_m: float) -> tuple[float, float]:
    east, north = border.point_at(chainage_m, offset_m)
    return _lon_lat(float(east), float(north))


def _cameras(border: Border, end_m: float) -> list[dict[str, Any]]:
    cameras = []
    for index in range(int(end_m / 1_000.0 / CAMERA_EACH_KM)):
        chainage = (index + 0.5) * CAMERA_EACH_KM * 1_000.0
        east, north = map(float, border.point_at(chainage, CAMERA_OFFSET_M))
        aim_east, aim_north = map(float, border.point_at(chainage + CAMERA_AIM_M, 0.0))
        lon, lat = _lon_lat(east, north)
        grid = math.degrees(math.atan2(aim_east - east, aim_north - north))
        mast = MAST_HEIGHTS_M[index % len(MAST_HEIGHTS_M)]
        ground = float(shipped_places().ground_height(east, north)) + GEOID_HEIGHT_M
        pitch = -math.degrees(math.atan2(mast, math.hypot(aim_east - east, aim_north - north)))
        cameras.append(
            {
                "id": f"thermal-{index + 1:03d}",
                "group": f"tower-{index + 1:03d}",
                "kind": "thermal",
                "position": (lon, lat),
                "position_sigma_m": 1.0,
                "height_m": round(ground + mast, 1),
                "height_above_ground_m": mast,
                "orientation": {
                    "yaw_deg": round(grid_to_true_deg(grid, lon, lat), 2) % 360.0,
                    "pitch_deg": round(pitch, 2),
                    "yaw_sigma_deg": 0.15,
                    "pitch_sigma_deg": 0.05,
                },
                "lens": _LENS,
                "range_m": _CAMERA_RANGE_M,
            }
        )
    return cameras


def _mobiles(border: Border, end_m: float) -> list[dict[str, Any]]:
    land, danube = border.parts
    stations = {
        row["properties"]["name"].rpartition(" Frontieră ")[2]: row["geometry"]["coordinates"]
        for row in read_geojson("border_police_sectors.geojson")
    }
    vehicles = [
        {
            "id": f"vehicle-{n + 1}",
            "group": f"vehicle-{n + 1}",
            "kind": "vehicle",
            "own_force": True,
            "position": _at(border, end_m * (n + 0.5) / 4, 300.0),
            "height_above_ground_m": 4.0,
            "lens": _LENS,
            "range_m": 5_000.0,
            "radar": {
                "range_m": 5_000.0,
                "range_sigma_m": 5.0,
                "azimuth_sigma_deg": 0.5,
                "minimum_speed_mps": 0.3,
            },
        }
        for n in range(4)
    ]
    patrols = [
        {
            "id": f"patrol-{n + 1:02d}",
            "group": f"patrol-{n + 1:02d}",
            "kind": "patrol",
            "own_force": True,
            "position": _at(border, land.end_m * (n + 0.5) / 30, 500.0),
        }
        for n in range(30)
    ]
    boats = [
        {
            "id": f"boat-{n + 1}",
            "group": f"boat-{n + 1}",
            "kind": "boat",
            "own_force": True,
            "position": _at(border, danube.start_m + danube.length_m * (n + 0.5) / 3, 150.0),
        }
        for n in range(3)
    ]
    drones = [
        {
            "id": f"drone-{n + 1}",
            "group": f"drone-{n + 1}",
            "kind": "aerial",
            "own_force": True,
            "position": tuple(stations[name]),
        }
        for n, name in enumerate(("Jimbolia", "Moravița"))
    ]
    return [*vehicles, *patrols, *boats, *drones]


def _sectors(border: Border) -> list[dict[str, Any]]:
    crossings = {
        row["properties"]["name_ro"]: row["properties"]["chainage_km"] * 1_000.0
        for row in read_geojson("border_crossings.geojson")
    }
    found: list[tuple[float, str, GeoJson]] = []
    for row in read_geojson("border_police_sectors.geojson"):
        kind, _, name = row["properties"]["name"].rpartition(" Frontieră ")
        if kind.startswith("Sectorul"):
            nearest = row["properties"]["nearest_border_chainage_km"] * 1_000.0
            found.append((crossings.get(name, nearest), name, row))
    found.sort(key=lambda item: item[0])
    at = [item[0] for item in found]
    limits = [0.0, *(round((a + b) / 2, 1) for a, b in pairwise(at))]
    limits.append(math.ceil(border.length_m))
    return [
        {
            "id": _slug(name),
            "name": name,
            "start_m": float(limits[index]),
            "end_m": float(limits[index + 1]),
            "station": tuple(row["geometry"]["coordinates"]),
        }
        for index, (_, name, row) in enumerate(found)
    ]


def _crossings() -> list[dict[str, Any]]:
    return [
        {
            "id": row["properties"]["id"],
            "name": row["properties"]["name_ro"],
            "name_neighbour": row["properties"]["name_rs"],
            "mode": row["properties"]["mode"].replace("_", "-"),
            "position": tuple(row["geometry"]["coordinates"]),
            "position_uncertainty_m": float(row["properties"]["position_uncertainty_m"]),
        }
        for row in read_geojson("border_crossings.geojson")
    ]


_PLAIN = str.maketrans("ăâîșțĂÂÎȘȚ ", "aaistAAIST-")


def _slug(name: str) -> str:
    return name.translate(_PLAIN).lower()


def main() -> None:
    """Write the file named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m geo.default_site", description=__doc__)
    parser.add_argument("out", type=Path, help="file to write, such as deploy/sites/default.toml")
    parser.add_argument("--end-km", type=float, default=END_KM, help="where the last cable ends")
    arguments = parser.parse_args()
    arguments.out.write_text(
        default_site_text(arguments.end_km, arguments.out.as_posix()), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
