"""Counts read from a service's metrics, added up over its restarts and those of gateways."""

ALERTS = "straja_alerts_raised_total"
_GATEWAYS = "straja_gateway_received_total{"


class Tally:
    """What was counted since the first reading.

    Attributes:
        alerts: alerts raised.
        messages: messages received from gateways.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._last: dict[str, int] | None = None
        self.alerts = 0
        self.messages = 0

    def begin_anew(self) -> None:
        """Be told that the service starts again: its alerts are counted from 0 again.

        Its gateways' counts are not, since they are part of the state that it goes on from.
        """
        if self._last is not None:
            self._last[ALERTS] = 0

    def read(self, metrics: str) -> None:
        """Take metrics in Prometheus' text format.

        A gateway that was started again is counted from 0 by the service: then its count is lower
        than it was, and all of it is new.
        """
        counts = {}
        for line in metrics.splitlines():
            name, _, value = line.rpartition(" ")
            if name == ALERTS or name.startswith(_GATEWAYS):
                counts[name] = int(float(value))
        if self._last is None:
            # Gateways' counts of an earlier time on the same data folder; alerts are this time's.
            self._last = counts | {ALERTS: 0}
        for name, count in counts.items():
            before = self._last.get(name, 0)
            new = count - before if count >= before else count
            if name == ALERTS:
                self.alerts += new
            else:
                self.messages += new
            self._last[name] = count
