"""What a party may see: the one function every way out goes through.

The home party sees everything that is its own. What leaves to others needs a rule, and there are
none yet, so nothing leaves, not even that it exists. What did not happen (an exercise, a
simulation, a replay) would need a rule for exercises besides.
"""

from services.events import Alert


def release(alert: Alert, party: str, home_party: str) -> Alert | None:
    """What a party may see of an alert.

    Args:
        alert: as the home party knows it.
        party: who asks.
        home_party: whose service this is.

    Returns:
        The alert for that party, or None: for it there is none.
    """
    return alert if party == home_party else None
