"""The site as GeoJSON, for the map."""

from typing import Any, Final

import numpy as np

from geo.crs import FloatArray, to_wgs84
from geo.errors import GeometryError
from geo.site import Site

Feature = dict[str, Any]

_DECIMALS: Final = 6  # a decimetre
_MARK_STEP_M: Final = 10_000.0


def site_map(site: Site, *, home: bool) -> dict[str, Any]:
    """Draw a site as it is valid at one time.

    Args:
        site: of one time, see ``Site.at``.
        home: for the party whose sensors these are; others get border, sectors and crossings.

    Returns:
        A FeatureCollection; each feature's ``layer`` says what it is. ``bounds`` is
        [west, south, east, north] of the border line.
    """
    features = [*_border(site), *_chainages(site), *_sectors(site), *_crossings(site)]
    if home:
        features += [*_cables(site), *_sensors(site), *_zones(site)]
    lon, lat = to_wgs84(*_columns(np.asarray(site.border.line.coords)))
    return {
        "type": "FeatureCollection",
        "name": site.name,
        "hash": site.hash,
        "bounds": [
            round(float(value), 4) for value in (lon.min(), lat.min(), lon.max(), lat.max())
        ],
        "features": features,
    }


def _border(site: Site) -> list[Feature]:
    return [
        _line(
            site.border.line_between(part.start_m, part.end_m),
            layer="border",
            name=part.name,
            start_m=round(part.start_m, 1),
            end_m=round(part.end_m, 1),
        )
        for part in site.border.parts
    ]


def _chainages(site: Site) -> list[Feature]:
    at = np.arange(0.0, site.border.length_m, _MARK_STEP_M)
    lon, lat = to_wgs84(*site.border.point_at(at, np.zeros_like(at)))
    return [
        _point((float(x), float(y)), layer="chainage", name=f"{chainage / 1000:.0f}")
        for x, y, chainage in zip(lon, lat, at, strict=True)
    ]


def _sectors(site: Site) -> list[Feature]:
    features: list[Feature] = []
    for row in site.sectors:
        end_m = min(row.end_m, site.border.length_m)
        if row.start_m >= end_m:
            continue
        says = {"id": row.id, "name": row.name, "start_m": row.start_m, "end_m": end_m}
        features.append(_line(site.border.line_between(row.start_m, end_m), layer="sector", **says))
        middle = np.array([(row.start_m + end_m) / 2])
        lon, lat = to_wgs84(*site.border.point_at(middle, np.array([6_000.0])))
        label = (float(lon[0]), float(lat[0]))
        features.append(_point(label, layer="sector-name", **says))
        if row.station is not None:
            features.append(_point(row.station, layer="station", **says))
    return features


def _crossings(site: Site) -> list[Feature]:
    return [
        _point(
            row.position,
            layer="crossing",
            id=row.id,
            name=f"{row.name} – {row.name_neighbour}",
            mode=row.mode,
        )
        for row in site.crossings
    ]


def _cables(site: Site) -> list[Feature]:
    return [
        {
            "type": "Feature",
            "geometry": {
                "type": "LineString",
                "coordinates": [[round(x, _DECIMALS), round(y, _DECIMALS)] for x, y in row.route],
            },
            "properties": {
                "layer": "cable",
                "id": row.id,
                # Sensors that listen to it lend it their state on the map.
                "sensor": next((one.id for one in site.sensors if one.cable == row.id), None),
            },
        }
        for row in site.cables
    ]


def _sensors(site: Site) -> list[Feature]:
    features: list[Feature] = []
    for row in site.sensors:
        try:
            place = site.sensor_place(row.id)
        except GeometryError:
            place = None  # it is listed, if not drawn
        if place is None:
            continue
        lon, lat = to_wgs84(*place)
        features.append(
            _point(
                (float(lon), float(lat)),
                layer="sensor",
                id=row.id,
                group=row.group,
                kind=row.kind,
                range_m=row.range_m,
                yaw_deg=row.orientation.yaw_deg if row.orientation else None,
            )
        )
    return features


def _zones(site: Site) -> list[Feature]:
    features: list[Feature] = []
    for zone in site.all_zones.zones:
        lon, lat = to_wgs84(*_columns(np.asarray(zone.shape.exterior.coords)))
        ring = _pairs(lon, lat)
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"layer": "zone", "id": zone.id, "kind": zone.kind},
            }
        )
    return features


def _columns(xy: FloatArray) -> tuple[FloatArray, FloatArray]:
    return xy[:, 0], xy[:, 1]


def _pairs(lon: FloatArray, lat: FloatArray) -> list[list[float]]:
    return [
        [round(float(x), _DECIMALS), round(float(y), _DECIMALS)]
        for x, y in zip(lon, lat, strict=True)
    ]


def _line(plane: FloatArray, **properties: Any) -> Feature:
    lon, lat = to_wgs84(*_columns(plane))
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": _pairs(lon, lat)},
        "properties": properties,
    }


def _point(place: tuple[float, float], **properties: Any) -> Feature:
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point",
            "coordinates": [round(place[0], _DECIMALS), round(place[1], _DECIMALS)],
        },
        "properties": properties,
    }
