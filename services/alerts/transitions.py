"""States of an alert and what leads from one to another: one table.

After ISA-18.2. Acknowledging never closes: an alert ends only when its incident has ended and
someone acknowledged it, in either order. What grows more serious, or comes back, is raised again.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from geo.errors import TransitionError
from services.events import AlertState


class Happening(StrEnum):
    """What can happen to an alert."""

    RAISED = "raised"
    UPDATED = "updated"
    SENSOR_ADDED = "sensor_added"
    SEVERITY_ROSE = "severity_rose"
    SEVERITY_FELL = "severity_fell"
    RECURRED = "recurred"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"


_UNACKNOWLEDGED = AlertState.UNACKNOWLEDGED
_ACKNOWLEDGED = AlertState.ACKNOWLEDGED
_RETURNED = AlertState.RETURNED_UNACKNOWLEDGED
_ENDED = AlertState.ENDED

TRANSITIONS: Mapping[tuple[AlertState | None, Happening], AlertState] = MappingProxyType(
    {
        (None, Happening.RAISED): _UNACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.UPDATED): _UNACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.SENSOR_ADDED): _UNACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.SEVERITY_ROSE): _UNACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.SEVERITY_FELL): _UNACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.RECURRED): _UNACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.ACKNOWLEDGED): _ACKNOWLEDGED,
        (_UNACKNOWLEDGED, Happening.RETURNED): _RETURNED,
        (_ACKNOWLEDGED, Happening.UPDATED): _ACKNOWLEDGED,
        (_ACKNOWLEDGED, Happening.SENSOR_ADDED): _ACKNOWLEDGED,
        (_ACKNOWLEDGED, Happening.SEVERITY_ROSE): _UNACKNOWLEDGED,
        (_ACKNOWLEDGED, Happening.SEVERITY_FELL): _ACKNOWLEDGED,
        (_ACKNOWLEDGED, Happening.RECURRED): _UNACKNOWLEDGED,
        (_ACKNOWLEDGED, Happening.RETURNED): _ENDED,
        (_RETURNED, Happening.ACKNOWLEDGED): _ENDED,
        (_RETURNED, Happening.RECURRED): _UNACKNOWLEDGED,
        (_ENDED, Happening.RECURRED): _UNACKNOWLEDGED,
    }
)
"""State that follows, by state (None before it is raised) and what happens. The rest is illegal."""


def after(state: AlertState | None, happening: Happening) -> AlertState:
    """State that follows.

    Raises:
        TransitionError: the table has no such transition; nothing is changed.
    """
    following = TRANSITIONS.get((state, happening))
    if following is None:
        allowed = ", ".join(one for begin, one in TRANSITIONS if begin is state)
        raise TransitionError(
            f"state is {state or 'not raised'}: {happening} was wanted, which it does not allow; "
            f"it allows {allowed}"
        )
    return following
