"""Scene files: what happens along the border, written by hand as TOML.

A scene names a seed, a time and who is there; simulators make the sensors' messages of it, and
:mod:`sensors.truth` says what truly was where. ``chainage_m`` and ``offset_m`` mean the point on
the smoothed border line and the offset along its normal (positive: Romanian side), converted to
the plane once; between waypoints motion is straight in the plane. Times ``t_s`` count from the
scene's start.
"""

from sensors.scenes.kinds import ActorClass, Behaviour, top_speed_mps
from sensors.scenes.reading import load, parse
from sensors.scenes.rows import Actor, CableEvent, Crossings, Fault, Patrol, Weather
from sensors.scenes.scene import SYNTHETIC, Scene
from sensors.scenes.writing import write

__all__ = [
    "SYNTHETIC",
    "Actor",
    "ActorClass",
    "Behaviour",
    "CableEvent",
    "Crossings",
    "Fault",
    "Patrol",
    "Scene",
    "Weather",
    "load",
    "parse",
    "top_speed_mps",
    "write",
]
