"""What breaks the contract is answered with the field's name, counted, and stops nobody else."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import cbor2
import pytest

from geo.errors import BrokerError
from sensors.messages import CableEvent, RejectedNotice
from sensors.topics import Channel
from sensors.wire import decode_rejected, encode_json
from services.mqtt import BrokerAddress, FrameReader, Publisher
from tests.system.field import NS, Fibre, Gateway, Walker, gateway
from tests.system.installation import Installation, Service, so, until
from tests.system.journal import check_reports
from tests.system.operator_client import Operator

pytestmark = pytest.mark.system

DAY_NS = 86_400 * NS


class Answers:
    """What the service answers to gateways."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self.notices: list[tuple[str, RejectedNotice]] = []

    def _take(self) -> None:
        self.notices += [(one.topic, decode_rejected(one.payload)) for one in self._reader.get(0.0)]

    async def about(self, topic: str) -> tuple[str, RejectedNotice]:
        """Wait for the answer to a message on a topic, and take it."""

        async def ask() -> tuple[str, RejectedNotice] | None:
            self._take()
            return next((one for one in self.notices if one[1].topic == topic), None)

        found = await until(ask, f"an answer about {topic}")
        self.notices.remove(found)
        return found


@contextlib.asynccontextmanager
async def answers(installation: Installation) -> AsyncIterator[Answers]:
    reader = FrameReader(
        BrokerAddress.parse(installation.field_url),
        "straja-test-answers",
        ["straja/v1/+/+/+/rejected"],
        now_ns=time.time_ns,
        qos=1,
    )
    reader.start()
    try:
        await so(lambda: reader.away_since_ns is None, "a connection")
        yield Answers(reader)
    finally:
        reader.stop()


def _frame(fibre: Fibre, shape: list[int], samples: bytes) -> bytes:
    return cbor2.dumps(
        {
            **fibre.head(Channel.FRAME),
            "sample_rate_hz": 500.0,
            "first_sample": 0,
            "channel_spacing_m": 10.0,
            "samples": cbor2.CBORTag(40, [shape, cbor2.CBORTag(77, samples)]),
        }
    )


def _altered(fibre: Fibre, **more: Any) -> bytes:
    body = json.loads(encode_json(fibre.report()))
    return json.dumps(body | more).encode()


def _bad(fibre: Fibre) -> list[tuple[str, str, str, bytes]]:
    """What is wrong, topic, the field that the answer names, payload."""
    report, frame = fibre.topic(Channel.REPORT), fibre.topic(Channel.FRAME)
    base = f"straja/v1/{fibre.group}"
    good = encode_json(fibre.report())
    event = CableEvent(distance_m=100.0, score=0.5).model_dump() | {"score": float("nan")}
    not_a_number = {**fibre.head(Channel.REPORT), "events": [event]}
    late_ns = time.time_ns() + 10 * DAY_NS
    ahead = fibre.report().model_copy(update={"measured_at_ns": late_ns, "sent_at_ns": late_ns})
    return [
        ("malformed JSON", report, "payload", b'{"schema": 0, '),
        ("neither JSON nor CBOR", report, "payload", b"\x00\x01\x02"),
        ("deeply nested CBOR", report, "a" + ".0" * 15, b"\xa1\x61a" + b"\x81" * 200_000 + b"\x00"),
        ("deeply nested JSON", report, "payload", b'{"a":' + b"[" * 100_000),
        ("a map of 2^62 entries", report, "payload", b"\xbb\x40" + b"\x00" * 7),
        ("an array of 2^62 items", report, "a", b"\xa1\x61a\x9b\x40" + b"\x00" * 7),
        ("a text of 2^62 bytes", report, "a", b"\xa1\x61a\x7b\x40" + b"\x00" * 7),
        ("an empty payload", report, "payload", b""),
        ("one dimension", frame, "samples", _frame(fibre, [4], b"\x00" * 8)),
        ("a shape that does not fit", frame, "samples", _frame(fibre, [3, 4], b"\x00" * 8)),
        ("zero rows", frame, "samples", _frame(fibre, [0, 4], b"")),
        ("NaN", report, "events.0.score", cbor2.dumps(not_a_number)),
        ("an unknown field", report, "colour", _altered(fibre, colour="green")),
        ("a number for text", report, "session", _altered(fibre, session=7)),
        ("sent in ten days", report, "sent_at_ns", encode_json(ahead)),
        ("5 MiB", report, "payload", good[:-1] + b" " * (5 * 2**20) + b"}"),
        ("a wrong kind", f"{base}/sonar/{fibre.sensor}/report", "topic.kind", good),
        ("a wrong channel", f"{base}/fibre/{fibre.sensor}/reports", "topic.channel", good),
        ("a level too many", f"{report}/extra", "topic", good),
        ("a level too few", f"{base}/fibre/{fibre.sensor}", "topic", good),
        ("a name in capitals", f"{base}/fibre/{fibre.sensor}/REPORT", "topic.channel", good),
    ]


async def test_each_fault_is_answered_by_name_while_other_sensors_are_heard(
    installation: Installation, service: Service, operator: Operator
) -> None:
    fibre, walker = Fibre(7), Walker(Fibre(8), 6_000.0)
    async with gateway(installation) as field, answers(installation) as told:
        await field.introduce(fibre)
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = await operator.alert_of(walker)
            bad = _bad(fibre)
            for what, topic, name, payload in bad:
                await field.deliver(topic, payload)
                where, notice = await told.about(topic)
                assert notice.field == name, (what, notice)
                assert notice.wanted
                assert name in notice.text, what
                sensor = fibre.sensor if where.count("/") == 5 else ""
                assert where == f"straja/v1/{fibre.group}/fibre/{sensor}/rejected", what
                assert len(notice.text) < 1_000, what
            await _unanswerable(field, fibre, service)
            # Nothing of it stands in the way of the same sensor's next good word.
            report = fibre.report(CableEvent(distance_m=30_000.0, score=0.5))
            await field.say(fibre, Channel.REPORT, report)
            await _is_detected(installation, fibre, report.sequence)
        await check_reports(installation, walker)
        assert (await operator.alert_of(walker))["id"] == alert["id"]

        async def counted() -> bool:
            sensor = await operator.sensor(fibre.sensor)
            assert sensor is not None
            return bool(sensor["rejected"] >= len(bad) - 5 and sensor["faults"])

        await until(counted, "refusals are counted for the sensor")
        gone, metrics = await operator.gateway(fibre.group), await service.metrics()
        assert gone is not None
        assert gone["rejected"] >= len(bad) - 5
        assert (
            metrics[f'straja_gateway_rejected_total{{group="{fibre.group}"}}'] == gone["rejected"]
        )
        assert metrics["straja_items_failed_total"] == 0
        other = await operator.sensor(walker.fibre.sensor)
        assert other is not None
        assert (other["rejected"], other["lost"], other["state"]) == (0, 0, "online")


async def _unanswerable(field: Gateway, fibre: Fibre, service: Service) -> None:
    """A topic that names no sensor cannot be answered, but is counted."""
    name = "straja_notices_unaddressed_total"
    before = (await service.metrics())[name]
    await field.deliver(f"straja/v1/{fibre.group}/report", b"{}")

    async def counted() -> bool:
        return (await service.metrics())[name] == before + 1

    await until(counted, "counted as not to be answered")


async def _is_detected(installation: Installation, fibre: Fibre, sequence: int) -> None:
    async def found() -> bool:
        rows = await installation.rows(
            "SELECT id FROM detection WHERE strpos(id, %s) > 0", f"{fibre.session}/{sequence}."
        )
        return len(rows) == 1

    await until(found, "the good report's detection")


async def test_an_oversize_publish_cuts_its_gateway_off_and_nobody_else(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(8), 12_000.0)
    before = await service.metrics()
    async with gateway(installation) as field:
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            await operator.alert_of(walker)
            address = BrokerAddress.parse(installation.field_url)
            async with Publisher(address) as clumsy:
                with pytest.raises((BrokerError, TimeoutError)):
                    async with asyncio.timeout(20.0):
                        await clumsy.publish(walker.fibre.topic(Channel.REPORT), b" " * 9 * 2**20)
        assert field.again == 0
        await check_reports(installation, walker)
    name = 'straja_broker_cut_offs_total{reason="payload"}'

    async def counted() -> bool:
        return (await service.metrics())[name] == before[name] + 1

    await until(counted, "the connection that the broker ended is counted")
    assert (await operator.get("/api/state"))["broker_cut_offs"] >= 1
    assert '"the broker cut a client off"' in service.last_words()
    after = await service.metrics()
    for name in ("straja_broker_connections_total", "straja_frame_worker_starts_total"):
        assert after[name] == before[name], name
    await service.ready()


async def test_a_sensor_that_never_registered_is_told_how_and_kept_apart(
    installation: Installation, operator: Operator
) -> None:
    stranger = Fibre(7, name="stranger-1")
    async with gateway(installation) as field, answers(installation) as told:
        report = stranger.report(CableEvent(distance_m=16_000.0, score=0.9))
        await field.say(stranger, Channel.REPORT, report)
        _, notice = await told.about(stranger.topic(Channel.REPORT))
        assert notice.field == "register"
        assert (notice.session, notice.sequence) == (stranger.session, report.sequence)
        assert f"retained, on {stranger.topic(Channel.REGISTER)}" in notice.text

        async def state() -> str | None:
            sensor = await operator.sensor(stranger.sensor)
            return sensor["state"] if sensor else None

        async def unknown() -> bool:
            return await state() == "unregistered"

        await until(unknown, "shown as unregistered")
        assert not await installation.rows(
            "SELECT id FROM detection WHERE sensor = %s", stranger.sensor
        )

        await field.say(stranger, Channel.REGISTER, stranger.register(), retain=True)

        async def known() -> bool:
            return await state() == "online"

        await until(known, "online once it registered")
        # Not for the next test, nor for a service that is started later.
        await field.deliver(stranger.topic(Channel.REGISTER), b"", retain=True)


async def test_what_the_broker_retained_of_a_dead_sensor_does_not_show_it_alive(
    installation: Installation, service: Service, operator: Operator
) -> None:
    dead = Fibre(1, name="thermal-001", kind="thermal")  # one that no other test speaks for
    dead.group = "tower-001"
    days_ago_ns = time.time_ns() - 3 * DAY_NS
    status = dead.status(days_ago_ns)
    assert service.stop() == 0
    await _forget_session(installation)
    async with gateway(installation) as field:
        await field.say(dead, Channel.STATUS, status, retain=True)
        service.start()
        await service.ready()

        async def state() -> dict[str, Any]:
            sensor = await operator.sensor(dead.sensor)
            assert sensor is not None
            return sensor

        [(journalled,)] = await installation.rows(
            "SELECT count(*) FROM journal WHERE retained AND topic = %s",
            dead.topic(Channel.STATUS).encode(),
        )
        assert journalled >= 1, "the service was given the retained word"
        shown = await state()
        assert (shown["state"], shown["last_word"]) == ("never_heard", None)

        await field.say(dead, Channel.STATUS, dead.status())

        async def alive() -> bool:
            return bool((await state())["state"] == "online")

        await until(alive, "its own fresh word shows it alive")


async def _forget_session(installation: Installation) -> None:
    """End the service's durable session, so that it is given what is retained as such."""
    address = BrokerAddress.parse(installation.broker.url)
    async with Publisher(address, address.client_id("straja-reports-live")):
        pass


async def test_a_sensor_that_falls_silent_shows_within_two_heartbeats(
    installation: Installation, operator: Operator
) -> None:
    fibre, heartbeat_s = Fibre(1), 2.0
    async with gateway(installation) as field, operator.listen() as ear:
        await field.introduce(fibre, heartbeat_s)

        def told(state: str) -> list[dict[str, Any]]:
            events = [e.data for e in ear.named("sensor") if e.data["sensor"] == fibre.sensor]
            return [one for one in events if one["state"] == state]

        await so(lambda: told("online"), "online")
        await so(lambda: told("silent"), "silent")
        silent = told("silent")[0]
        assert silent["heartbeat_interval_s"] == heartbeat_s
        # By the service's own account, so that a busy machine does not decide.
        [(since_s,)] = await installation.rows(
            "SELECT extract(epoch FROM %s::timestamptz - %s::timestamptz)::float8",
            silent["since"],
            silent["last_word"],
        )
        assert heartbeat_s < since_s <= 2.0 * heartbeat_s
        shown = await operator.sensor(fibre.sensor)
        assert shown is not None
        assert shown["state"] == "silent"
        await field.say(fibre, Channel.STATUS, fibre.status())
        seen = len(told("online"))
        await so(lambda: len(told("online")) >= seen, "online again")
