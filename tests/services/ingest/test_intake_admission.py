"""Who may speak, about which place, and what becomes of the rest."""

from typing import Any

import pytest

from geo.site import Site
from sensors.messages import GatewayStatus, Mark, Register, Status
from services.events import Heard, Received, Reception, Rejected
from services.ingest.intake import Intake, IntakeSettings

S = 1_000_000_000
T0 = 1_777_600_000 * S
REGISTER: dict[str, Any] = {"kind": "patrol", "model": "radio", "heartbeat_interval_s": 10}
PLACE = {"longitude_deg": 21.0, "latitude_deg": 45.0, "accuracy_m": 5.0}
STRANGER = "cars/patrol/patrol-77"


def rejected(events: list[Any]) -> list[Rejected]:
    return [e for e in events if isinstance(e, Rejected)]


def heard(events: list[Any]) -> list[Heard]:
    return [e for e in events if isinstance(e, Heard)]


def receptions(events: list[Any]) -> list[Reception]:
    return [e for e in events if isinstance(e, Reception)]


def test_a_sensor_that_never_registered_is_told_how_once_a_minute(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    items = [say(n, float(n), tail=f"{STRANGER}/pose", position=PLACE) for n in range(120)]
    events = push_all(intake, [tick(-5), *items, tick(130)])
    assert heard(events) == []
    notices = rejected(events)
    assert [(n.received_at_ns - T0) // S for n in notices] == [0, 60]
    assert {n.field for n in notices} == {"register"}
    assert f"straja/v1/{STRANGER}/register" in notices[0].wanted
    assert sum(r.messages for r in receptions(events)) == 120
    assert sum(r.rejected for r in receptions(events)) == 120


@pytest.mark.parametrize("retained", [True, False])
def test_a_sensor_that_registers_is_heard_from_then_on(
    intake: Intake, say: Any, push_all: Any, *, retained: bool
) -> None:
    register = say(0, tail=f"{STRANGER}/register", retained=retained, **REGISTER)
    pose = say(0, tail=f"{STRANGER}/pose", position=PLACE)
    first, second = heard(push_all(intake, [pose, register, pose]))
    assert isinstance(first.message, Register)
    assert first.retained == retained
    assert second.topic.sensor == "patrol-77"


def test_a_register_message_for_an_unknown_cable_is_refused(
    intake: Intake, say: Any, push_all: Any
) -> None:
    fields = {
        "channel_count": 5,
        "channel_spacing_m": 10,
        "sample_rate_hz": 500,
        "cable": "nowhere",
    }
    tail = "north/fibre/fibre-2/register"
    (refusal,) = push_all(intake, [say(0, tail=tail, **REGISTER | {"kind": "fibre"}, **fields)])
    assert (refusal.field, refusal.value) == ("cable", "'nowhere'")
    assert "cable-1" in refusal.wanted


def test_a_listed_sensor_under_another_gateway_or_kind_is_refused(
    intake: Intake, say: Any, push_all: Any
) -> None:
    tails = ["thieves/vehicle/vehicle-1/report", "cars/patrol/vehicle-1/report"]
    first, second = push_all(intake, [say(0, tail=tail) for tail in tails])
    assert (first.field, second.field) == ("topic.group", "topic.kind")
    assert "cars" in first.wanted
    assert "vehicle" in second.wanted


def test_a_registered_sensor_keeps_its_kind(intake: Intake, say: Any, push_all: Any) -> None:
    register = say(0, tail=f"{STRANGER}/register", **REGISTER)
    other = say(0, tail="cars/boat/patrol-77/report")
    assert rejected(push_all(intake, [register, other]))[0].field == "topic.kind"


def test_a_sensor_is_listed_from_the_day_its_row_begins(
    intake: Intake, say: Any, push_all: Any
) -> None:
    day = 86_400.0
    tail = "danube/boat/boat-9/report"
    before = push_all(intake, [say(0, 0.0, tail=tail)])
    after = push_all(intake, [say(1, day, tail=tail)])
    assert [e.field for e in before] == ["register"]
    assert len(heard(after)) == 1


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ({"longitude_deg": 19.9}, "position.longitude_deg"),
        ({"latitude_deg": 47.1}, "position.latitude_deg"),
    ],
)
def test_coordinates_outside_the_sites_area_are_refused(
    intake: Intake, say: Any, push_all: Any, place: dict[str, float], field: str
) -> None:
    pose = say(0, tail="cars/vehicle/vehicle-1/pose", position=PLACE | place)
    (refusal,) = push_all(intake, [pose])
    assert refusal.field == field
    assert "the site's area" in refusal.wanted
    assert (refusal.group, refusal.sensor, refusal.session, refusal.sequence) == (
        "cars",
        "vehicle-1",
        "a",
        0,
    )


@pytest.mark.parametrize(
    ("topic", "field"),
    [
        ("straja/v1/cars/vehicle/vehicle-1", "topic"),
        ("straja/v2/cars/vehicle/vehicle-1/report", "topic"),
        ("straja/v1/Cars/vehicle/vehicle-1/report", "topic.group"),
        ("straja/v1/cars/tank/vehicle-1/report", "topic.kind"),
        ("straja/v1/cars/vehicle/vehicle-1/reports", "topic.channel"),
        ("straja/v1/cars/vehicle//report", "topic.sensor"),
        ("straja/v1/cars/vehicle/" + "x" * 60_000 + "/report", "topic.sensor"),
    ],
)
def test_a_wrong_topic_is_refused_by_its_level(intake: Intake, topic: str, field: str) -> None:
    (refusal,) = rejected(intake.push(Received(T0, topic, b"{}")))
    assert refusal.field == field
    assert len(refusal.topic) <= 256


def test_bad_messages_never_stop_the_good_ones_between(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    topic = "straja/v1/cars/vehicle/vehicle-1/report"
    bad = [b"", b"{", b"\xa1", b"\xff" * 100, b" " * (5 * 2**20), b'{"schema":0,"x":NaN}']
    items: list[Any] = [tick(0)]
    for number, payload in enumerate(bad):
        items += [Received(T0 + number * 1_000, topic, payload), say(number)]
    events = push_all(intake, [*items, tick(2)])
    assert len(heard(events)) == len(bad)
    assert len(rejected(events)) == len(bad)
    (reception,) = receptions(events)
    assert (reception.messages, reception.rejected) == (2 * len(bad), len(bad))


def test_our_own_word_to_gateways_is_passed_over(intake: Intake, say: Any) -> None:
    assert heard(intake.push(say(0, tail="cars/vehicle/vehicle-1/rejected"))) == []
    assert rejected(intake.push(say(0, tail="cars/vehicle/vehicle-1/rejected"))) == []


def test_a_retained_status_sets_state_and_counts_as_no_reception(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    tail = "cars/vehicle/vehicle-1/status"
    old = say(5, -100_000, received_s=0, tail=tail, retained=True, state="online")
    events = push_all(intake, [tick(0), old, old, tick(2)])
    assert [(h.retained, isinstance(h.message, Status)) for h in heard(events)] == [
        (True, True)
    ] * 2
    assert receptions(events) == []


@pytest.mark.parametrize("channel", ["report", "pose"])
def test_a_retained_report_is_refused_since_it_would_come_back_as_new(
    intake: Intake, say: Any, push_all: Any, channel: str
) -> None:
    place = {"position": PLACE} if channel == "pose" else {}
    tail = f"cars/vehicle/vehicle-1/{channel}"
    (refusal,) = push_all(intake, [say(0, tail=tail, retained=True, **place)])
    assert refusal.field == "retained"


def test_a_gateways_last_will_is_timed_at_its_receipt(intake: Intake) -> None:
    will = Received(T0, "straja/v1/cars/gateway/status", b'{"schema":0,"state":"offline"}')
    (event,) = heard(intake.push(will))
    assert isinstance(event.message, GatewayStatus)
    assert event.at_ns == T0


def test_a_gateways_broken_status_is_refused(intake: Intake) -> None:
    (refusal,) = rejected(
        intake.push(Received(T0, "straja/v1/cars/gateway/status", b'{"schema":0,"state":"up"}'))
    )
    assert (refusal.group, refusal.sensor, refusal.field) == ("cars", None, "state")


def test_a_flood_of_invented_names_takes_no_memory_and_is_told(
    small_site: Site, say: Any, tick: Any, push_all: Any
) -> None:
    intake = Intake(small_site, IntakeSettings(max_unregistered=10, max_notices=3))
    items = [say(0, n / 1_000, tail=f"cars/patrol/invented-{n}/report") for n in range(3_000)]
    events = push_all(intake, [tick(-2), *items, say(0, 3.0), tick(5)])
    assert len(intake._sources.strangers) == 10
    assert len(intake._sources.known) == 1
    notices = [e for e in rejected(events) if e.field == "register"]
    assert 3 <= len(notices) <= 15
    flood = [e for e in rejected(events) if e.field == "topic.sensor"]
    assert len(flood) == 1
    assert "at most 10" in flood[0].wanted
    assert len(heard(events)) == 1
    assert len(intake.snapshot()) < 10_000


def test_no_more_sensors_register_beside_the_sites_list_than_may(
    small_site: Site, say: Any, push_all: Any
) -> None:
    intake = Intake(small_site, IntakeSettings(max_registered=2))
    items = [say(0, tail=f"cars/patrol/p-{n}/register", **REGISTER) for n in range(4)]
    events = push_all(intake, [say(0), *items])
    assert len(heard(events)) == 3
    assert [e.field for e in rejected(events)] == ["topic.sensor"] * 2


def test_the_services_own_proof_needs_no_registration(
    intake: Intake, say: Any, push_all: Any
) -> None:
    tail = "straja-proof/fibre/proof-0/report"
    assert len(heard(push_all(intake, [say(0, tail=tail, mark="exercise")]))) == 1


def test_a_replay_marks_everything(small_site: Site, say: Any) -> None:
    intake = Intake(small_site, mark=Mark.REPLAY)
    (event,) = heard(intake.push(say(0)))
    assert event.message.mark is Mark.REPLAY  # type: ignore[union-attr]


def test_nobody_marks_a_message_as_replay_from_outside(intake: Intake, say: Any) -> None:
    (refusal,) = rejected(intake.push(say(0, mark="replay")))
    assert refusal.field == "mark"


def test_fields_of_a_newer_schema_are_left_out_and_shown(
    intake: Intake, say: Any, tick: Any, push_all: Any
) -> None:
    events = push_all(intake, [tick(0), say(0, schema=9, colour="red"), tick(2)])
    assert heard(events)[0].ignored_fields == ("colour",)
    assert "colour" in receptions(events)[0].faults[0]
