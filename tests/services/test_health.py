"""The ledger: who lives, who fell silent, who never spoke, and what the counts say."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import SnapshotError
from geo.site import Site
from sensors import wire
from sensors.topics import SensorKind, parse
from services.events import (
    GatewayHealth,
    Heard,
    Reception,
    Rejected,
    SensorHealth,
    SensorState,
    Tick,
)
from services.health import Ledger, LedgerSettings

S = 1_000_000_000
T0 = 1_777_600_000 * S
SITE = Site.parse(
    """
format = 1
name = "small"
home_party = "RO"
parties = ["RO"]
area = {lon_min_deg = 20.0, lon_max_deg = 23.0, lat_min_deg = 44.0, lat_max_deg = 47.0}
[[cables]]
id = "cable-1"
channel_count = 100
route = [[21.0, 45.0], [21.0, 45.01]]
[[sensors]]
id = "fibre-1"
group = "north"
kind = "fibre"
cable = "cable-1"
[[sensors]]
id = "vehicle-1"
group = "cars"
kind = "vehicle"
position = [21.2, 45.1]
[[sensors]]
id = "boat-9"
group = "danube"
kind = "boat"
valid_from = 2026-05-02T00:00:00Z
""",
    "small.toml",
)


def heard(tail: str, at_s: float, *, retained: bool = False, **fields: Any) -> Heard:
    at_ns = T0 + round(at_s * S)
    topic = parse(f"straja/v1/{tail}")
    body: dict[str, Any] = {"schema": 0} | fields
    if topic.kind is not None:
        times = {"measured_at_ns": str(at_ns), "sent_at_ns": str(at_ns)}
        body |= {"session": "a", "sequence": 0, "mark": "real"} | times
    message = wire.decode(topic, json.dumps(body).encode()).message
    return Heard(topic, message, at_ns, at_ns, retained)


def register(tail: str, at_s: float, interval_s: float, **fields: Any) -> Heard:
    kind = tail.split("/")[1]
    fields |= {"kind": kind, "model": "m", "heartbeat_interval_s": interval_s}
    return heard(f"{tail}/register", at_s, **fields)


def status(at_s: float, state: str = "online", **fields: Any) -> Heard:
    return heard("cars/vehicle/vehicle-1/status", at_s, state=state, **fields)


def reception(at_s: float, messages: int = 1, **fields: Any) -> Reception:
    base: dict[str, Any] = {
        "group": "cars",
        "kind": SensorKind.VEHICLE,
        "sensor": "vehicle-1",
        "channel": "report",
        "bytes": 100 * messages,
    }
    return Reception(at_ns=T0 + round(at_s * S), messages=messages, **base | fields)


def tick(at_s: float) -> Tick:
    return Tick(T0 + round(at_s * S))


def of(ledger: Ledger, name: str = "vehicle-1") -> SensorHealth:
    (found,) = [one for one in ledger.sensors() if one.sensor == name]
    return found


def gateway(ledger: Ledger, name: str = "cars") -> GatewayHealth:
    (found,) = [one for one in ledger.gateways() if one.group == name]
    return found


def push_all(ledger: Ledger, *items: Any) -> list[SensorHealth | GatewayHealth]:
    return [event for item in items for event in ledger.push(item)]


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger(SITE)
    made.push(tick(0))
    return made


def test_listed_sensors_are_there_before_they_are_heard_and_on_the_map() -> None:
    ledger = Ledger(SITE)
    told = push_all(ledger, tick(0))
    assert {(e.sensor, e.state) for e in told if isinstance(e, SensorHealth)} == {
        ("fibre-1", SensorState.NEVER_HEARD),
        ("vehicle-1", SensorState.NEVER_HEARD),
    }
    fibre, car = of(ledger, "fibre-1"), of(ledger)
    assert (fibre.longitude_deg, fibre.latitude_deg) == (21.0, 45.0)
    assert (car.longitude_deg, car.latitude_deg) == (21.2, 45.1)
    assert car.since_ns == T0


def test_a_sensor_that_is_heard_is_online_and_that_is_told_at_once(ledger: Ledger) -> None:
    (event, *_) = push_all(ledger, status(1))
    assert isinstance(event, SensorHealth)
    assert (event.state, event.since_ns, event.last_word_ns) == (
        SensorState.ONLINE,
        T0 + S,
        T0 + S,
    )


@pytest.mark.parametrize("interval_s", [2.0, 10.0, 600.0])
def test_silence_shows_within_two_heartbeat_intervals(ledger: Ledger, interval_s: float) -> None:
    push_all(ledger, register("cars/vehicle/vehicle-1", 1.0, interval_s))
    silent_at = None
    for second in range(2, 2 + int(3 * interval_s)):
        for event in push_all(ledger, tick(second)):
            if isinstance(event, SensorHealth) and event.state is SensorState.SILENT:
                silent_at = silent_at or second
    assert silent_at is not None
    assert interval_s < silent_at - 1.0 <= 2 * interval_s


def test_raw_frames_alone_keep_a_sensor_alive(ledger: Ledger) -> None:
    for second in range(120):
        frames: dict[str, Any] = {"group": "north", "kind": SensorKind.FIBRE, "sensor": "fibre-1"}
        push_all(ledger, reception(second, 4, channel="frame", **frames), tick(second))
    assert of(ledger, "fibre-1").state is SensorState.ONLINE
    assert of(ledger, "fibre-1").rate_hz == pytest.approx(4.0, rel=0.11)
    assert of(ledger, "fibre-1").received == 480


def test_a_fibre_sensor_that_says_online_but_sends_no_frames_is_degraded(ledger: Ledger) -> None:
    frames: dict[str, Any] = {"group": "north", "kind": SensorKind.FIBRE, "sensor": "fibre-1"}
    push_all(ledger, reception(1, 4, channel="frame", **frames))
    for second in range(2, 100, 10):
        push_all(ledger, reception(second, channel="status", **frames), tick(second))
    assert of(ledger, "fibre-1").state is SensorState.DEGRADED
    assert of(ledger, "fibre-1").faults == ("its frames have stopped",)


def test_a_retained_online_of_a_sensor_dead_for_days_is_no_sign_of_life(ledger: Ledger) -> None:
    push_all(ledger, heard("cars/gateway/status", 1, retained=True, state="online"))
    push_all(ledger, status(1, retained=True), tick(2))
    assert of(ledger).state is SensorState.NEVER_HEARD
    assert of(ledger).last_word_ns is None
    assert gateway(ledger).state == "unknown"


def test_a_retained_status_does_not_keep_a_silent_sensor_alive(ledger: Ledger) -> None:
    push_all(ledger, status(1), tick(100), status(101, retained=True), tick(102))
    assert of(ledger).state is SensorState.SILENT


def test_a_gateways_last_will_takes_all_its_sensors_offline_at_once(ledger: Ledger) -> None:
    push_all(ledger, status(1), heard("cars/gateway/status", 2, state="online"))
    told = push_all(ledger, heard("cars/gateway/status", 3, state="offline"))
    assert [(type(e).__name__, e.state) for e in told] == [
        ("GatewayHealth", "offline"),
        ("SensorHealth", SensorState.OFFLINE),
    ]
    assert of(ledger, "fibre-1").state is SensorState.NEVER_HEARD


def test_a_sensor_is_back_when_it_speaks_after_the_last_will(ledger: Ledger) -> None:
    push_all(ledger, status(1), heard("cars/gateway/status", 3, state="offline"))
    push_all(ledger, reception(2.9))
    assert of(ledger).state is SensorState.OFFLINE
    push_all(ledger, status(4))
    assert of(ledger).state is SensorState.ONLINE
    assert gateway(ledger).state == "online"


def test_a_sensor_that_says_it_is_degraded_is_shown_so_with_its_faults(ledger: Ledger) -> None:
    push_all(ledger, status(1, "degraded", faults=["laser warm"]))
    assert (of(ledger).state, of(ledger).faults) == (SensorState.DEGRADED, ("laser warm",))
    push_all(ledger, status(2))
    assert (of(ledger).state, of(ledger).faults) == (SensorState.ONLINE, ())


def test_faults_of_reception_show_for_a_minute(ledger: Ledger) -> None:
    push_all(ledger, reception(1, faults=("its clock is ahead of ours",)), tick(2))
    assert of(ledger).state is SensorState.DEGRADED
    for second in range(3, 70):
        push_all(ledger, reception(second), tick(second))
    assert (of(ledger).state, of(ledger).faults) == (SensorState.ONLINE, ())


def test_a_refused_message_is_a_fault_that_names_the_field(ledger: Ledger) -> None:
    refusal = Rejected("t", "cars", "vehicle-1", None, None, "plots.0.range_m", "-1", "x", T0 + S)
    push_all(ledger, reception(1, rejected=1), refusal)
    assert of(ledger).faults == ("messages are refused for plots.0.range_m",)
    assert of(ledger).rejected == 1


def test_a_sensor_that_never_registered_is_shown_as_unregistered(ledger: Ledger) -> None:
    push_all(ledger, reception(1, sensor="patrol-7", kind=SensorKind.PATROL))
    assert of(ledger, "patrol-7").state is SensorState.UNREGISTERED
    place = {"longitude_deg": 21.5, "latitude_deg": 45.5, "accuracy_m": 5}
    push_all(ledger, register("cars/patrol/patrol-7", 2, 10, position=place))
    assert of(ledger, "patrol-7").state is SensorState.ONLINE
    assert of(ledger, "patrol-7").longitude_deg == 21.5


def test_counts_and_delays_add_up(ledger: Ledger) -> None:
    push_all(
        ledger,
        reception(1, 5, lost=2, duplicates=1, delay_s=0.3, clock_offset_s=-0.1),
        reception(2, 1, lost=-1, rejected=1, delay_s=0.4),
        tick(3),
    )
    health = of(ledger)
    assert (health.received, health.lost, health.duplicates, health.rejected) == (6, 1, 1, 1)
    assert health.delay_s == 0.4
    assert health.rate_hz == pytest.approx(0.6)


def test_a_gateways_sent_received_and_journalled_counts_stand_side_by_side(ledger: Ledger) -> None:
    word: dict[str, Any] = {"state": "online", "session": "a", "sequence": 1, "messages_sent": 12}
    push_all(ledger, heard("cars/gateway/status", 1, **word), reception(2, 10))
    ledger.journalled("cars", 9)
    health = gateway(ledger)
    assert (health.sent, health.received, health.journalled) == (12, 11, 9), (
        "its own word is a message too"
    )
    word |= {"session": "b", "messages_sent": 1}
    push_all(ledger, heard("cars/gateway/status", 3, **word))
    health = gateway(ledger)
    assert (health.sent, health.received, health.journalled) == (1, 1, 0)


def test_everything_is_told_at_least_each_minute_and_not_each_second(ledger: Ledger) -> None:
    told = [e for second in range(1, 121) for e in push_all(ledger, tick(second))]
    assert [e.at_ns - T0 for e in told if getattr(e, "sensor", "") == "vehicle-1"] == [
        60 * S,
        120 * S,
    ]
    assert [e.at_ns - T0 for e in told if isinstance(e, GatewayHealth) and e.group == "cars"] == [
        60 * S,
        120 * S,
    ]


def test_a_moving_sensor_is_followed_on_the_map(ledger: Ledger) -> None:
    told = []
    for second in range(1, 31):
        place = {"longitude_deg": 21.0 + second / 1_000, "latitude_deg": 45.0, "accuracy_m": 5}
        told += push_all(
            ledger, heard("cars/vehicle/vehicle-1/pose", second, position=place), tick(second)
        )
    places = [e.longitude_deg for e in told if isinstance(e, SensorHealth)]
    assert places[-1] == pytest.approx(21.026, abs=0.005)
    assert 5 <= len(places) <= 8


def test_a_sensor_of_a_later_row_is_listed_when_its_day_comes(ledger: Ledger) -> None:
    push_all(ledger, tick(86_400))
    assert of(ledger, "boat-9").state is SensorState.NEVER_HEARD


def test_the_services_own_proof_is_no_sensor(ledger: Ledger) -> None:
    push_all(ledger, reception(1, group="straja-proof", sensor="proof-0"))
    assert len(ledger.sensors()) == 2
    assert "straja-proof" not in {one.group for one in ledger.gateways()}


def test_invented_names_take_no_memory() -> None:
    ledger = Ledger(SITE, LedgerSettings(max_unlisted=10, max_gateways=5))
    push_all(ledger, register("cars/patrol/friend", 0, 3_600))
    for number in range(200):
        push_all(ledger, reception(number, group=f"g-{number}", sensor=f"s-{number}"))
    assert len(ledger.sensors()) == 12
    assert of(ledger, "friend").state is SensorState.ONLINE
    assert len(ledger.gateways()) == 5


_seconds = st.integers(0, 300)
_items = st.lists(
    st.one_of(
        st.builds(
            lambda t, n, f: reception(t, n, faults=f, channel="frame"),
            _seconds,
            st.integers(0, 3),
            st.sampled_from([(), ("x",)]),
        ),
        st.builds(
            lambda t, s, r: status(t, s, retained=r),
            _seconds,
            st.sampled_from(["online", "degraded"]),
            st.booleans(),
        ),
        st.builds(
            lambda t, s: heard("cars/gateway/status", t, state=s, session="q"),
            _seconds,
            st.sampled_from(["online", "offline"]),
        ),
        st.builds(tick, _seconds),
        st.builds(lambda t: register("cars/patrol/p", t, 5), _seconds),
        st.builds(
            lambda t: Rejected("t", "cars", "vehicle-1", None, None, "a", "b", "c", T0 + t * S),
            _seconds,
        ),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(items=_items, cut=st.integers(0, 30))
def test_a_snapshot_anywhere_changes_nothing(items: list[Any], cut: int) -> None:
    items = sorted(items, key=lambda one: getattr(one, "at_ns", 0) or one.received_at_ns)
    whole, first, second = Ledger(SITE), Ledger(SITE), Ledger(SITE)
    expected = [whole.push(item) for item in items]
    found = [first.push(item) for item in items[:cut]]
    second.restore(first.snapshot())
    found += [second.push(item) for item in items[cut:]]
    assert found == expected
    assert second.snapshot() == whole.snapshot()
    assert second.sensors() == whole.sensors()


@pytest.mark.parametrize(
    "state", [b"", b"\xa0", Ledger(SITE).snapshot().replace(b"health", b"wealth")]
)
def test_a_snapshot_of_another_kind_is_refused(ledger: Ledger, state: bytes) -> None:
    before = ledger.snapshot()
    with pytest.raises(SnapshotError, match="start without it"):
        ledger.restore(state)
    assert ledger.snapshot() == before


def test_a_changed_default_interval_applies_to_restored_sensors(ledger: Ledger) -> None:
    other = Ledger(SITE, LedgerSettings(heartbeat_interval_s=44.0))
    other.restore(ledger.snapshot())
    assert of(other).heartbeat_interval_s == 44.0
