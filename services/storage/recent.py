"""What was last shown, kept in memory, so that the console still has it while the database is away.

Bounded: alerts that have ended go first, then the oldest. What was put out of it is in the
database and is missing from answers only as long as that is away.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

from services.alerts.ports import Current, FeedEntry, Which, by_urgency
from services.events import AlertState

ALERTS = 2_000
LINES = 2_000
REVISIONS = 100


class Recent:
    """The last lines of each party's feed, and the last alerts with their latest revisions."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lines: dict[str, deque[FeedEntry]] = {}
        self._alerts: dict[str, OrderedDict[str, deque[FeedEntry]]] = {}

    def tell(self, entries: Sequence[FeedEntry]) -> None:
        """Remember entries in the order they were shown."""
        for entry in entries:
            if entry.stored:
                self._lines.setdefault(entry.party, deque(maxlen=LINES)).append(entry)
            alerts = self._alerts.setdefault(entry.party, OrderedDict())
            revisions = alerts.setdefault(entry.alert.id, deque(maxlen=REVISIONS))
            for index, known in enumerate(revisions):
                if known.alert.revision == entry.alert.revision:
                    revisions[index] = entry  # now it has its sequence
                    break
            else:
                revisions.append(entry)
                alerts.move_to_end(entry.alert.id)
            if len(alerts) > ALERTS:
                self._forget_one(alerts)

    def forget(self) -> None:
        """Begin anew."""
        self._lines.clear()
        self._alerts.clear()

    def fill(self, entries: Sequence[FeedEntry]) -> None:
        """Remember alerts as they are now, the most urgent first; says nothing of feed's lines."""
        for entry in reversed(entries):  # what comes first is forgotten first
            alerts = self._alerts.setdefault(entry.party, OrderedDict())
            alerts.setdefault(entry.alert.id, deque([entry], maxlen=REVISIONS))

    def knows(self, party: str, alert_id: str, revision: int) -> bool:
        """Whether this revision, or a later one, of an alert was shown."""
        revisions = self._alerts.get(party, OrderedDict()).get(alert_id)
        return revisions is not None and revisions[-1].alert.revision >= revision

    def after(self, party: str, sequence: int, limit: int) -> list[FeedEntry] | None:
        """Lines after a sequence; None where memory does not reach back that far."""
        lines = self._lines.get(party)
        if not lines or (lines[0].sequence or 0) > sequence + 1:
            return None
        return [line for line in lines if (line.sequence or 0) > sequence][:limit]

    def current(self, party: str, which: Which, limit: int) -> Current:
        """Last revisions of alerts in the order of ``by_urgency``, at most ``limit``."""
        latest = [revisions[-1] for revisions in self._alerts.get(party, {}).values()]
        wanted = [entry for entry in latest if which.has(entry.alert)]
        wanted.sort(key=by_urgency, reverse=True)
        return Current(wanted[:limit], len(wanted))

    def history(self, party: str, alert_id: str) -> list[FeedEntry]:
        """The revisions of one alert that are remembered, oldest first."""
        revisions = self._alerts.get(party, OrderedDict()).get(alert_id)
        return [] if revisions is None else list(revisions)

    @staticmethod
    def _forget_one(alerts: "OrderedDict[str, deque[FeedEntry]]") -> None:
        for alert_id, revisions in alerts.items():
            if revisions[-1].alert.state is AlertState.ENDED:
                del alerts[alert_id]
                return
        alerts.popitem(last=False)
