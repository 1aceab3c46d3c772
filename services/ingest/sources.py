"""Who may speak: sensors that the site lists or that registered; the others are kept apart."""

from dataclasses import dataclass, field

from geo.errors import WireError
from geo.site import Site
from geo.site_rows import Sensor
from sensors.messages import SensorMessage
from sensors.topics import PROOF_GROUP, Channel, Topic
from services.events import Heard
from services.ingest.clocks import Clock
from services.ingest.order import Order
from services.ingest.tally import Tally

_MAX_SESSIONS = 4


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in a stream's hands, with the payload from which a snapshot makes it again."""

    heard: Heard
    message: SensorMessage
    payload: bytes


Held = Order[Waiting | None]
"""One session's order; None stands for a message that was refused and only takes its number."""


@dataclass(slots=True)
class Stream:
    """What one sensor says on one channel: an order for each of its latest sessions.

    Attributes:
        orders: by session, the one heard last at the end.
        returned: times at which an older session was heard again after a newer one.
    """

    orders: dict[str, Held] = field(default_factory=dict)
    returned: list[int] = field(default_factory=list)

    @property
    def session(self) -> str | None:
        """The session heard last."""
        return next(reversed(self.orders), None)

    def to_end(self, session: str, order: Held) -> tuple[str, Held] | None:
        """Make a session the last one; gives the session that had to go for it."""
        self.orders.pop(session, None)
        self.orders[session] = order
        if len(self.orders) > _MAX_SESSIONS:
            oldest = next(iter(self.orders))
            return oldest, self.orders.pop(oldest)
        return None


@dataclass(slots=True)
class Source:
    """One sensor as ingest knows it.

    Attributes:
        registered_at_ns: sent time of its register message; None where it never registered.
        told_ns: when it was last told to register.
    """

    topic: Topic
    registered_at_ns: int | None = None
    told_ns: int | None = None
    clock: Clock = field(default_factory=Clock)
    streams: dict[Channel, Stream] = field(default_factory=dict)
    tallies: dict[Channel, Tally] = field(default_factory=dict)

    def tally(self, channel: Channel) -> Tally:
        """The running count of a channel."""
        found = self.tallies.get(channel)
        if found is None:
            found = self.tallies[channel] = Tally()
        return found


class Sources:
    """All sources; bounded, whatever names come in."""

    def __init__(self, site: Site, max_registered: int, max_unregistered: int) -> None:
        """Know the site's list; hold at most so many sensors beside it."""
        self._site = site
        self._max_registered = max_registered
        self._max_unregistered = max_unregistered
        self._listed: dict[str, Sensor] = {}
        self._holds_ns = (0, -1)
        self.site = site
        self.known: dict[tuple[str, str], Source] = {}
        self.strangers: dict[tuple[str, str], Source] = {}
        self.forgotten = 0

    def at(self, now_ns: int) -> Site:
        """The site as valid at a time; its list is read anew only when it changes."""
        begins, ends = self._holds_ns
        if not begins <= now_ns < ends:
            self.site = self._site.at(now_ns)
            self._listed = {row.id: row for row in self.site.sensors}
            for key, source in list(self.known.items()):
                if source.registered_at_ns is None and not self.is_listed(source):
                    self.strangers[key] = self.known.pop(key)
            following = self._site.next_change_ns(now_ns)
            self._holds_ns = (now_ns, 2**63 if following is None else following)
        return self.site

    def of(self, topic: Topic) -> Source:
        """The source a topic speaks of; strangers beyond the limit push out the quietest one.

        Raises:
            WireError: where the site lists the sensor under another gateway or kind.
        """
        if topic.kind is None or topic.sensor is None:
            raise WireError("topic", str(topic), "a sensor's topic")
        key = (topic.group, topic.sensor)
        row = self._listed.get(topic.sensor)
        if row is not None and row.group != topic.group:
            wanted = f"{row.group!r}, the gateway under which the site lists {topic.sensor}"
            raise WireError("topic.group", topic.group, wanted)
        if row is not None and row.kind != topic.kind:
            wanted = f"{row.kind}, the kind as which the site lists {topic.sensor}"
            raise WireError("topic.kind", str(topic.kind), wanted)
        source = self.known.get(key)
        if source is None and (row is not None or topic.group == PROOF_GROUP):
            stranger = self.strangers.pop(key, None)
            source = self.known[key] = Source(topic) if stranger is None else stranger
        if source is not None:
            if source.topic.kind != topic.kind:
                wanted = f"{source.topic.kind}, the kind as which {topic.sensor} registered"
                raise WireError("topic.kind", str(topic.kind), wanted)
            return source
        source = self.strangers.pop(key, None)
        if source is None or source.topic.kind != topic.kind:
            source = Source(topic)
            if len(self.strangers) >= self._max_unregistered:
                del self.strangers[next(iter(self.strangers))]
                self.forgotten += 1
        self.strangers[key] = source
        return source

    def may_speak(self, source: Source) -> bool:
        """Whether its messages go on."""
        return (source.topic.group, source.topic.sensor or "") in self.known

    def is_listed(self, source: Source) -> bool:
        """Whether the site lists it."""
        return source.topic.sensor in self._listed or source.topic.group == PROOF_GROUP

    def cable_of(self, source: Source) -> str | None:
        """The cable that the site gives to a listed fibre sensor."""
        row = self._listed.get(source.topic.sensor or "")
        return None if row is None else row.cable

    def register(self, source: Source, sent_at_ns: int) -> None:
        """Let a sensor speak from now on.

        Raises:
            WireError: where as many as may have registered beside the site's list.
        """
        key = (source.topic.group, source.topic.sensor or "")
        if key not in self.known:
            beside = sum(not self.is_listed(one) for one in self.known.values())
            if beside >= self._max_registered:
                wanted = (
                    f"one of at most {self._max_registered} beside the site's list; add it there"
                )
                raise WireError("topic.sensor", key[1], wanted)
            self.known[key] = source
            self.strangers.pop(key, None)
        source.registered_at_ns = sent_at_ns

    def all(self) -> list[Source]:
        """Every source held, those that may speak first."""
        return [*self.known.values(), *self.strangers.values()]
