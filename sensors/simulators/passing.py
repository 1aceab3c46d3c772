"""The truth of roads and railways beside the cables: who drives there, step by step.

Their traffic is no actor of the scene, but it is there and a fibre hears it. Cars and trucks may be
there; trains are to be named as what they are, like any other train.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import shapely

from geo.cable import Cable
from geo.crs import to_wgs84
from sensors.scenes import SYNTHETIC, ActorClass
from sensors.simulators.fibre import Surroundings
from sensors.simulators.gateway import to_ns
from sensors.simulators.motion import Body
from sensors.simulators.reach import fibre_reach_m
from sensors.simulators.roads import Roads
from sensors.simulators.world import World
from sensors.truth import TruthPoint


@dataclass(frozen=True)
class _Beside:
    """The roads beside one cable, and the channels that its sensor sends."""

    sensor: str
    cable: Cable
    channels: tuple[int, int]
    roads: Roads

    def hears(self, body: Body, east_m: float, north_m: float) -> bool:
        """Whether a place is within reach of a channel that is sent."""
        here = shapely.Point(east_m, north_m)
        if not self.cable.line.dwithin(here, fibre_reach_m(body.actor_class)):
            return False
        settings = self.cable.settings
        along, _ = self.cable.nearest(east_m, north_m)
        channel = (float(along) - settings.first_channel_m) / settings.channel_spacing_m
        first, count = self.channels
        return first - 1 <= channel <= first + count


class Passing:
    """Traffic beside the cables of a scene.

    Args:
        world: the scene at its site; one without roads, or with a recording as background, has
            no such traffic.
    """

    def __init__(self, world: World) -> None:
        """Draw the ways beside each cable that takes part."""
        self._world = world
        self._beside: list[_Beside] = []
        scene = world.scene
        if scene.background != SYNTHETIC:
            return
        for row in world.sensors:
            if row.kind != "fibre" or row.cable is None:
                continue
            window = world.fibre_window(row)
            hour = Surroundings.of(scene, row.cable).start_hour
            if hour is None or (window is None and scene.fibre_window_m is not None):
                continue
            cable = world.site.cable(row.cable)
            channels = window or (0, cable.settings.channel_count)
            self._beside.append(_Beside(row.id, cable, channels, Roads(scene.seed, cable, hour)))

    def points(self, t_s: float, begin_ns: int) -> Iterator[TruthPoint]:
        """Give where everyone is at a time, from the scene's start at ``begin_ns``."""
        for beside in self._beside:
            for body in beside.roads.bodies(t_s, t_s):
                if body.is_there(t_s):
                    yield self._point(beside, body, t_s, begin_ns)

    def _point(self, beside: _Beside, body: Body, t_s: float, begin_ns: int) -> TruthPoint:
        east, north = (float(one) for one in body.at(t_s))
        lon, lat = to_wgs84(east, north)
        chainage, offset = self._world.site.border.chainage(east, north)
        return TruthPoint(
            at_ns=begin_ns + to_ns(t_s),
            actor=body.name,
            actor_class=body.actor_class,
            object_class=body.actor_class.object_class,
            count=1,
            own_force=False,
            longitude_deg=round(float(lon), 8),
            latitude_deg=round(float(lat), 8),
            east_m=round(east, 3),
            north_m=round(north, 3),
            chainage_m=round(float(chainage), 2),
            offset_m=round(float(offset), 2),
            near=(beside.sensor,) if beside.hears(body, east, north) else (),
            behaviour=body.behaviour,
            lawful=body.actor_class is not ActorClass.TRAIN,
        )
