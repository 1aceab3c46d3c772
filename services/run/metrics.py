"""Counts for Prometheus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.alerts.feed import Feed
from services.correlate.site_memory import SiteMemory
from services.embedded.nats_log import NatsLog
from services.mqtt import Reports
from services.recording.ring import Ring
from services.run.catching_up import CatchingUp
from services.run.clock import StreamClock
from services.run.engine import Engine
from services.run.notices import Notices
from services.run.picture import LivePicture
from services.run.workers import FrameWorker
from services.storage.store import Store

_GATEWAY_COUNTS = {
    "sent": "Messages the gateway says it sent, by gateway",
    "received": "Messages received by gateway, raw frames too",
    "journalled": "Messages journalled by gateway, all but raw frames",
    "rejected": "Messages rejected by gateway",
}
_WORKER_COUNTS = {
    "frames_dropped": "Raw frames given up because detection was too slow",
    "records_dropped": "Conclusions of workers given up because the service did not read",
    "ring_dropped": "Frames left out of the ring because the disk was too slow",
    "ring_failures": "Frames left out of the ring because the disk refused",
    "items_failed": "Frames whose detection raised",
}


@dataclass(slots=True)
class Upkeep:
    """How the regular upkeep goes."""

    failed: int = 0
    done_at_ns: int | None = None


class Metrics(Collector):
    """Reads every count where it is kept, at the moment somebody asks."""

    def __init__(
        self,
        engine: Engine,
        reports: Reports,
        store: Store,
        feed: Feed,
        notices: Notices,
        workers: Sequence[FrameWorker],
        picture: LivePicture,
        ring: Ring | None,
        clock: StreamClock,
        upkeep: Upkeep,
        catching_up: CatchingUp | None,
        broker_log: NatsLog | None = None,
    ) -> None:
        """Take where the counts are."""
        self._engine = engine
        self._reports = reports
        self._store = store
        self._feed = feed
        self._notices = notices
        self._workers = workers
        self._picture = picture
        self._ring = ring
        self._clock = clock
        self._upkeep = upkeep
        self._catching_up = catching_up
        self._broker_log = broker_log
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all counts."""
        counters = {
            "journal_entries": ("Items journalled in this run", self._engine.position),
            "alerts_raised": ("Alerts raised since the start", self._engine.alerts_raised),
            "messages": ("Messages received from gateways", self._messages()),
            "items_failed": ("Items whose push raised", self._engine.failures),
            "broker_connections": ("Connections made for reports", self._reports.connections),
            "broker_overflows": ("Connections closed for a full inbox", self._reports.overflows),
            "feed_slow_listeners": (
                "Listeners that read too slowly",
                self._feed.closed_slow,
            ),
            "notices_unaddressed": ("Refusals nobody could be told", self._notices.unaddressed),
            "upkeep_failed": ("Upkeep that failed and is tried again", self._upkeep.failed),
            "snapshots_failed": ("Snapshots not saved", self._engine.snapshots_failed),
            "stages_restarted": (
                "Stages that lost their state",
                len(self._engine.restarted) + len(self._engine.stages_changed),
            ),
            "worker_unreadable": (
                "Lines of workers that were no record",
                sum(w.unreadable for w in self._workers),
            ),
            "fell_behind": (
                "Times the broker's backlog was waited for, the start included",
                self._catching_up.times if self._catching_up else 0,
            ),
            "clock_steps_back": ("Times the machine's clock was set back", self._clock.steps_back),
            "ring_dropped": (
                "Messages left out of the ring of small messages",
                self._ring.dropped + self._ring.failures if self._ring else 0,
            ),
            "notices_undelivered": (
                "Refusals the broker did not take",
                self._notices.undelivered,
            ),
            "notices_dropped": ("Refusals given up", self._notices.dropped),
            "frame_worker_starts": ("Starts of workers", sum(w.starts for w in self._workers)),
        }
        for name, (text, value) in counters.items():
            family = CounterMetricFamily(f"straja_{name}", text)
            family.add_metric([], value)
            yield family
        refused = CounterMetricFamily(
            "straja_refused", "Messages refused, by the field at fault", labels=["field"]
        )
        for field, times in sorted(self._notices.refused.items()):
            refused.add_metric([field], times)
        yield refused
        left_out = CounterMetricFamily(
            "straja_left_out", "Items no alert was made of, and why", labels=["stage", "reason"]
        )
        for names, times in sorted(self._engine.left_out.items()):
            left_out.add_metric(names, times)
        yield left_out
        yield from _memory(self._engine.memory)
        cut_off = CounterMetricFamily(
            "straja_broker_cut_offs",
            "Connections the broker ended for what was published, by reason; from its log",
            labels=["reason"],
        )
        for reason, times in self._broker_log.counts.items() if self._broker_log else ():
            cut_off.add_metric([reason], times)
        yield cut_off
        for name, text in _WORKER_COUNTS.items():
            value = sum(getattr(w.counts, name) for w in self._workers if w.counts is not None)
            family = CounterMetricFamily(f"straja_worker_{name}", text)
            family.add_metric([], value)
            yield family
        now_ns = self._clock.now_ns()
        proof = self._picture.proof()
        gauges = {
            "journal_behind": (
                "Entries not pushed yet",
                self._engine.position - self._engine.applied,
            ),
            "database_away": (
                "1 while alerts are shown from the spool",
                _away(self._store.away_since_ns),
            ),
            "broker_away": (
                "1 while the broker is out of reach",
                _away(self._reports.away_since_ns),
            ),
            "catching_up": (
                "1 while what the broker kept for us is heard before anything else decides",
                int(self._catching_up is not None and self._catching_up.behind),
            ),
            "proof_age_seconds": (
                "Age of the last test item that came the whole way",
                (now_ns - proof.measured_at_ns) / 1e9 if proof else float("inf"),
            ),
            "journal_away": (
                "1 while neither database nor disk takes the journal",
                _away(self._engine.not_keeping_since_ns),
            ),
            "snapshot_behind": (
                "Entries since the last saved snapshot",
                self._engine.applied - self._engine.saved_position,
            ),
            "spool_torn_bytes": ("Cut off at the spool's end", self._store.spool_torn_bytes),
            "spool_damaged_bytes": ("Damaged in the spool", self._store.spool_damaged_bytes),
            "spool_bytes": ("Waiting for the database", self._store.spool_bytes),
            "spool_set_aside": ("Items the database would not take", self._store.set_aside),
            "listeners": ("Open live feeds", self._feed.listeners),
        }
        for name, (text, number) in gauges.items():
            yield GaugeMetricFamily(f"straja_{name}", text, value=number)
        yield from self._sensors()

    def _messages(self) -> int:
        return sum(gateway.received for gateway in self._picture.gateways())

    def _sensors(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "straja_sensors", "Sensors by kind and state", labels=["kind", "state"]
        )
        counts: dict[tuple[str, str], int] = {}
        for sensor in self._picture.sensors():
            key = (str(sensor.kind), str(sensor.state))
            counts[key] = counts.get(key, 0) + 1
        for (kind, state), number in sorted(counts.items()):
            states.add_metric([kind, state], number)
        yield states
        cover = GaugeMetricFamily(
            "straja_sensor_cover", "Share of a sensor's channels that hear", labels=["sensor"]
        )
        for sensor in self._picture.sensors():
            if sensor.cover is not None:
                cover.add_metric([sensor.sensor], sensor.cover)
        yield cover
        for name, text in _GATEWAY_COUNTS.items():
            family = CounterMetricFamily(f"straja_gateway_{name}", text, labels=["group"])
            for gateway in self._picture.gateways():
                if (number := getattr(gateway, name)) is not None:
                    family.add_metric([gateway.group], number)
            yield family


def _memory(memory: SiteMemory) -> Iterator[Metric]:
    lowered = CounterMetricFamily(
        "straja_lowered_by_site_memory",
        "Incidents of lower severity since usual there, by class and stretch of chainage",
        labels=["class", "stretch"],
    )
    for one in memory.lowered:
        lowered.add_metric([one.object_class, f"{one.start_m:.0f}-{one.end_m:.0f}"], one.count)
    yield lowered
    tallies = CounterMetricFamily(
        "straja_site_memory", "What became of other items in site memory", labels=["what"]
    )
    for what, times in sorted(memory.tallies.items()):
        tallies.add_metric([what], times)
    yield tallies
    yield GaugeMetricFamily(
        "straja_site_memory_cells", "Places and hours at which anything was seen", memory.size
    )


def _away(since_ns: int | None) -> int:
    return int(since_ns is not None)
