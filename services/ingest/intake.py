"""The way in: decode, check, put in order, judge clocks, count.

One message that is refused never stops another: it becomes a ``Rejected`` and a count. State is
bounded whatever comes in. Receptions are told once a second, by the time of items and ticks.
"""

from dataclasses import dataclass

from geo.errors import WireError
from geo.site import Site
from sensors import wire
from sensors.faults import Shown, ascii_only
from sensors.messages import Mark, Register, SensorMessage
from sensors.topics import Channel, Topic, group_of, parse
from services.events import Gap, Heard, Received, Reception, Rejected, Tick
from services.ingest import saved
from services.ingest.clocks import Jury, Side
from services.ingest.order import Hole, Order, Verdict
from services.ingest.place import check_places
from services.ingest.sources import Held, Source, Sources, Stream, Waiting

_S = 1_000_000_000
_MAX_TOPICS = 4_096
_SHOWN_TOPIC = 256
_STATEFUL = frozenset({Channel.REGISTER, Channel.STATUS})
_WAITING = frozenset({Channel.REPORT, Channel.POSE})
_TWO_GATEWAYS_S = 60

_OWN = ("_now_ns", "_told_ns", "_notices", "_flood_told_ns", "_forgotten_told")

Event = Heard | Gap | Rejected | Reception


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """How ingest judges; all values assumed until measured on site.

    Attributes:
        reorder_hold_s: how long a report or pose waits for one that is missing before it.
        reorder_depth: how many wait at most, per stream.
        clock_tolerance_s: how far a sensor's clock may stand from ours.
        clock_window_s: a clock is behind when nothing of two such windows came in less.
        clock_sigma_s: uncertainty of the time of what comes from a wrong clock.
        absurd_s: reports, poses and frames sent further in the future are refused.
        reception_interval_s: how often counts are told.
        notice_interval_s: how often a sensor that never registered is told to.
        max_notices: such notices per interval of counts, all sensors together.
        max_registered: sensors that may register beside the site's list.
        max_unregistered: sensors that never registered of which something is remembered.
    """

    reorder_hold_s: float = 1.0
    reorder_depth: int = 64
    clock_tolerance_s: float = 2.0
    clock_window_s: float = 15.0
    clock_sigma_s: float = 1.0
    absurd_s: float = 86_400.0
    reception_interval_s: float = 1.0
    notice_interval_s: float = 60.0
    max_notices: int = 20
    max_registered: int = 1_024
    max_unregistered: int = 256


def _sensor_message(topic: Topic, item: Received) -> tuple[SensorMessage, tuple[str, ...]]:
    if item.retained and topic.channel not in _STATEFUL:
        wanted = "publishing without the retain flag; retained, it comes back as if new"
        raise WireError("retained", Shown("set"), wanted)
    return wire.decode_sensor(topic, item.payload)


class Intake:
    """Stage: Received and Tick in; Heard, Gap, Rejected, Reception out."""

    def __init__(
        self, site: Site, settings: IntakeSettings | None = None, *, mark: Mark | None = None
    ) -> None:
        """Begin with the site's list of sensors and nothing heard.

        Args:
            site: who may speak, and where.
            settings: how order and clocks are judged.
            mark: given to everything heard, for a replay. No setting, so that no site file can
                make what was simulated real.
        """
        self._mark = mark
        self._settings = settings or IntakeSettings()
        self._site = site
        self._sources = self._no_sources()
        self._jury = Jury()
        self._topics: dict[str, Topic] = {}
        self._tolerance_ns = int(self._settings.clock_tolerance_s * _S)
        self._window_ns = int(self._settings.clock_window_s * _S)
        self._now_ns = 0
        self._told_ns = 0
        self._notices = 0
        self._flood_told_ns = 0
        self._forgotten_told = 0
        self._overdue: saved.Overdue = {}

    def _no_sources(self) -> Sources:
        settings = self._settings
        return Sources(self._site, settings.max_registered, settings.max_unregistered)

    def _marked(self, message: SensorMessage) -> SensorMessage:
        return message if self._mark is None else message.model_copy(update={"mark": self._mark})

    @property
    def own_clock_suspect(self) -> bool:
        """Whether most gateways find our clock wrong."""
        return self._jury.own_clock_suspect

    def push(self, item: Received | Tick) -> list[Event]:
        """Take one item; see the class."""
        out: list[Event] = []
        if isinstance(item, Tick):
            self._pass_time(item.at_ns, out)
            return out
        self._pass_time(item.received_at_ns, out)
        try:
            topic = self._topics.get(item.topic) or self._parsed(item.topic)
        except WireError as error:
            out.append(self._rejected(item, None, error))
            return out
        if topic.channel is Channel.REJECTED:
            return out  # Our own word to gateways, come back by a wide subscription.
        if topic.kind is None:
            self._gateway(topic, item, out)
        else:
            self._sensor(topic, item, out)
        return out

    def _parsed(self, text: str) -> Topic:
        topic = parse(text)
        if len(self._topics) >= _MAX_TOPICS:
            self._topics.clear()
        self._topics[text] = topic
        return topic

    def _gateway(self, topic: Topic, item: Received, out: list[Event]) -> None:
        try:
            decoded = wire.decode(topic, item.payload)
        except WireError as error:
            out.append(self._rejected(item, topic, error))
            return
        # A last will was written before its hour: only its receipt says when.
        out.append(
            Heard(
                topic,
                decoded.message,
                item.received_at_ns,
                item.received_at_ns,
                item.retained,
                ignored_fields=decoded.ignored,
            )
        )

    def _sensor(self, topic: Topic, item: Received, out: list[Event]) -> None:
        site = self._sources.at(self._now_ns)
        try:
            source = self._sources.of(topic)
        except WireError as error:
            out.append(self._rejected(item, topic, error))
            return
        tally = source.tally(topic.channel)
        if not item.retained:
            tally.came(len(item.payload), item.received_at_ns)
        try:
            message, ignored = _sensor_message(topic, item)
            check_places(site, message)
            message = self._marked(message)
            heard = self._timed(topic, message, item, ignored, source)
            if isinstance(message, Register):
                self._register(source, message)
        except WireError as error:
            tally.rejected += 1
            refused = self._rejected(item, topic, error)
            out.append(refused)
            if not item.retained:
                self._skip(source, topic.channel, refused, out)
            return
        if not self._sources.may_speak(source):
            self._turn_away(source, item, topic, out)
        elif item.retained:
            out.append(heard)
        else:
            self._in_order(source, Waiting(heard, message, item.payload), out)

    def _register(self, source: Source, message: Register) -> None:
        cable = self._sources.cable_of(source)
        if message.cable is not None and cable is not None and cable != message.cable:
            text = f"registers with cable {message.cable}, the site lists {cable}"
            source.tally(Channel.REGISTER).fault(text)
        self._sources.register(source, message.sent_at_ns)

    def _timed(
        self,
        topic: Topic,
        message: SensorMessage,
        item: Received,
        ignored: tuple[str, ...],
        source: Source,
    ) -> Heard:
        """Judge the clock and give the message the time at which to believe it."""
        measured_ns, sent_ns, received_ns = (
            message.measured_at_ns,
            message.sent_at_ns,
            item.received_at_ns,
        )
        tolerance_ns = self._tolerance_ns
        if measured_ns > sent_ns + tolerance_ns:
            late_s = (measured_ns - sent_ns) / _S
            raise WireError("measured_at_ns", measured_ns, f"not {late_s:.3f} s after sent_at_ns")
        if item.retained:
            return Heard(topic, message, received_ns, measured_ns, True, 0.0, ignored)  # noqa: FBT003 - by position, this runs thousands of times a second
        side = source.clock.judge(
            sent_ns,
            received_ns,
            tolerance_ns=tolerance_ns,
            window_ns=self._window_ns,
        )
        if self._sources.may_speak(source):
            self._jury.vote(topic.group, side, received_ns)
        tally = source.tally(topic.channel)
        tally.times(measured_ns, sent_ns, received_ns)
        if ignored:
            tally.fault(f"fields of a newer schema are left out: {', '.join(ignored)}")
        if side is Side.RIGHT:
            return Heard(topic, message, received_ns, measured_ns, False, 0.0, ignored)  # noqa: FBT003 - as above
        if self._jury.own_clock_suspect:
            tally.fault("our own clock is the suspect: most gateways disagree with it")
            return Heard(topic, message, received_ns, measured_ns, False, 0.0, ignored)  # noqa: FBT003 - as above
        absurd = sent_ns - received_ns > self._settings.absurd_s * _S
        if absurd and topic.channel not in _STATEFUL:
            wanted = f"not {(sent_ns - received_ns) / _S:.0f} s in the future; set the clock"
            raise WireError("sent_at_ns", sent_ns, wanted)
        word = "ahead of" if side is Side.AHEAD else "behind"
        tally.fault(f"its clock is {word} ours: taken at receive time")
        # How long before sending it was measured is right on any clock.
        at_ns = received_ns - max(sent_ns - measured_ns, 0)
        sigma_s = self._settings.clock_sigma_s
        return Heard(topic, message, received_ns, at_ns, False, sigma_s, ignored)  # noqa: FBT003 - as above

    def _turn_away(self, source: Source, item: Received, topic: Topic, out: list[Event]) -> None:
        """Keep a sensor that never registered apart, and tell it how to register."""
        interval_ns = int(self._settings.notice_interval_s * _S)
        due = source.told_ns is None or item.received_at_ns >= source.told_ns + interval_ns
        source.tally(topic.channel).rejected += 1
        if not due or self._notices >= self._settings.max_notices:
            return
        self._notices += 1
        source.told_ns = item.received_at_ns
        own = Topic(topic.group, topic.kind, topic.sensor, Channel.REGISTER)
        wanted = f"publish a register message, retained, on {own}; until then nothing goes on"
        out.append(self._rejected(item, topic, WireError("register", Shown("missing"), wanted)))

    def _in_order(self, source: Source, waiting: Waiting, out: list[Event]) -> None:
        heard = waiting.heard
        message, channel = waiting.message, heard.topic.channel
        stream = source.streams.get(channel)
        if stream is None:
            stream = source.streams[channel] = Stream()
        if stream.session == message.session:
            order = stream.orders[message.session]
        else:
            order = self._other_session(source, stream, heard, message.session, out)
        verdict, freed = order.push(
            message.sequence, message.measured_at_ns, heard.received_at_ns, waiting
        )
        if verdict is Verdict.TAKEN and len(freed) == 1:
            out.append(heard)
            return
        tally = source.tally(channel)
        if verdict is Verdict.DUPLICATE:
            tally.duplicates += 1
        elif verdict is Verdict.LATE:
            tally.lost -= 1
        elif verdict is Verdict.TOO_LATE:
            tally.fault("messages out of order: too late ones are left out")
        elif verdict is Verdict.RESTARTED:
            tally.fault("sequence began anew without a new session")
        elif verdict is Verdict.HELD:
            self._overdue[source.topic.group, source.topic.sensor or "", channel] = None
        self._release(source, channel, message.session, freed, out)

    def _skip(self, source: Source, channel: Channel, refused: Rejected, out: list[Event]) -> None:
        """Let a refused message take its number, so that none waits for it."""
        stream = source.streams.get(channel)
        if channel not in _WAITING or stream is None or refused.sequence is None:
            return
        order = stream.orders.get(refused.session or "")
        if order is not None and order.next is not None:
            _, freed = order.push(refused.sequence, 0, refused.received_at_ns, None)
            if order.held:
                self._overdue[source.topic.group, source.topic.sensor or "", channel] = None
            self._release(source, channel, refused.session or "", freed, out)

    def _other_session(
        self,
        source: Source,
        stream: Stream,
        heard: Heard,
        session: str,
        out: list[Event],
    ) -> Held:
        """Take up another session: a new one after a start, or an older one that is back."""
        channel = heard.topic.channel
        last = stream.session
        order = stream.orders.get(session)
        if order is None:
            order = self._new_order(channel)
        else:
            since_ns = self._now_ns - _TWO_GATEWAYS_S * _S
            stream.returned = [at for at in stream.returned if at > since_ns][-7:]
            stream.returned.append(self._now_ns)
            if len(stream.returned) > 1:
                text = (
                    f"two gateways speak under this name: sessions {last} and {session} alternate"
                )
                source.tally(channel).fault(text)
        gone = stream.to_end(session, order)
        if gone is not None:
            self._release(source, channel, gone[0], gone[1].expire(2**63), out)
        return order

    def _new_order(self, channel: Channel) -> Held:
        return Order(
            waits=channel in _WAITING,
            hold_ns=int(self._settings.reorder_hold_s * _S),
            depth=self._settings.reorder_depth,
        )

    def _release(
        self,
        source: Source,
        channel: Channel,
        session: str,
        freed: list[Waiting | Hole | None],
        out: list[Event],
    ) -> None:
        for part in freed:
            if isinstance(part, Waiting):
                out.append(part.heard)
                continue
            if part is None:
                continue
            source.tally(channel).hole(part.size)
            out.append(
                Gap(
                    group=source.topic.group,
                    sensor=source.topic.sensor or "",
                    channel=channel,
                    session=session,
                    first_missing=part.first,
                    last_missing=part.last,
                    at_ns=self._now_ns,
                )
            )

    def _pass_time(self, at_ns: int, out: list[Event]) -> None:
        """Release what waited too long, and tell counts when it is time."""
        self._now_ns = max(self._now_ns, at_ns)
        for key in list(self._overdue):
            group, sensor, channel = key
            source = self._sources.known.get((group, sensor))
            orders = source.streams[channel].orders if source is not None else {}
            for session, order in orders.items():
                if source is not None and order.held:
                    freed = order.expire(self._now_ns)
                    self._release(source, channel, session, freed, out)
            if not any(order.held for order in orders.values()):
                del self._overdue[key]
        if self._now_ns >= self._told_ns + int(self._settings.reception_interval_s * _S):
            self._told_ns = self._now_ns
            self._tell_counts(out)

    def _tell_counts(self, out: list[Event]) -> None:
        self._notices = 0
        self._jury.forget(self._now_ns)
        for source in self._sources.all():
            for channel, tally in source.tallies.items():
                reception = tally.reception(
                    Topic(source.topic.group, source.topic.kind, source.topic.sensor, channel),
                    self._now_ns,
                )
                if reception is not None:
                    out.append(reception)
            source.tallies.clear()
        flood = self._sources.forgotten - self._forgotten_told
        if flood and self._now_ns >= self._flood_told_ns + 60 * _S:
            self._forgotten_told = self._sources.forgotten
            self._flood_told_ns = self._now_ns
            out.append(
                Rejected(
                    topic="straja/v1/+/+/+/+",
                    group=None,
                    sensor=None,
                    session=None,
                    sequence=None,
                    field="topic.sensor",
                    value=f"{flood} more names than are remembered",
                    wanted=f"at most {self._settings.max_unregistered} sensors that never "
                    "registered; look for a gateway that invents names",
                    received_at_ns=self._now_ns,
                )
            )

    def _rejected(self, item: Received, topic: Topic | None, error: WireError) -> Rejected:
        shown = ascii_only(item.topic)
        session, sequence = wire.identify(item.payload)
        return Rejected(
            topic=shown if len(shown) <= _SHOWN_TOPIC else shown[: _SHOWN_TOPIC - 3] + "...",
            group=group_of(item.topic) if topic is None else topic.group,
            sensor=None if topic is None else topic.sensor,
            session=session,
            sequence=sequence,
            field=error.field,
            value=error.value,
            wanted=error.wanted,
            received_at_ns=item.received_at_ns,
        )

    def snapshot(self) -> bytes:
        """Write the whole state down."""
        own = {name: getattr(self, name) for name in _OWN}
        return saved.write(own, self._jury, self._sources, self._overdue)

    def restore(self, state: bytes) -> None:
        """Go on from a state that ``snapshot`` wrote; the site and settings stay our own.

        Raises:
            SnapshotError: of another version or stage; nothing is changed then.
        """
        sources = self._no_sources()
        own, jury, overdue = saved.read(state, sources, self._new_order, self._marked)
        self._sources, self._jury, self._overdue = sources, jury, overdue
        for name in _OWN:
            setattr(self, name, own[name])
