"""Positions in messages lie in the site's area, cables in its list."""

from collections.abc import Iterator

from geo.errors import WireError
from geo.site import Site
from sensors.messages import AnyMessage, Pose, Position, Register, Report


def positions(message: AnyMessage) -> Iterator[tuple[str, Position]]:
    """Every position in a message, with its dotted name."""
    if isinstance(message, Report):
        for index, sighting in enumerate(message.sightings):
            yield f"sightings.{index}.position", sighting.position
    elif isinstance(message, Pose | Register) and message.position is not None:
        yield "position", message.position


def check_places(site: Site, message: AnyMessage) -> None:
    """Refuse what lies outside the site's area, or on a cable it has not.

    Raises:
        WireError: naming the coordinate.
    """
    area = site.area
    for name, position in positions(message):
        longitude, latitude = position.longitude_deg, position.latitude_deg
        if not area.lon_min_deg <= longitude <= area.lon_max_deg:
            wanted = f"{area.lon_min_deg} to {area.lon_max_deg}, the site's area"
            raise WireError(f"{name}.longitude_deg", longitude, wanted)
        if not area.lat_min_deg <= latitude <= area.lat_max_deg:
            wanted = f"{area.lat_min_deg} to {area.lat_max_deg}, the site's area"
            raise WireError(f"{name}.latitude_deg", latitude, wanted)
    if isinstance(message, Register) and message.cable is not None:
        cables = sorted({row.id for row in site.cables})
        if message.cable not in cables:
            wanted = f"a cable of the site: {', '.join(cables) or 'it has none'}"
            raise WireError("cable", message.cable, wanted)
