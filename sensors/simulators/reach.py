"""From how far a fibre counts as near."""

from sensors.scenes import ActorClass

# Footsteps as vendors of fibre sensing claim, about 10 m (Laser Focus World, 2019); vehicles and
# trains assumed, nearer than they are heard.
_FIBRE_REACH_M = {ActorClass.VEHICLE: 100.0, ActorClass.TRUCK: 100.0, ActorClass.TRAIN: 300.0}
_FOOT_REACH_M = 10.0
_UNNOTICED = {ActorClass.DRONE, ActorClass.BOAT}


def fibre_reach_m(actor_class: ActorClass) -> float:
    """Distance to the cable from which a fibre counts as near; 0 for whom it does not notice."""
    if actor_class in _UNNOTICED:
        return 0.0
    return _FIBRE_REACH_M.get(actor_class, _FOOT_REACH_M)
