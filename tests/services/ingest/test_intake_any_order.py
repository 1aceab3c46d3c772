"""Whatever order, doubling, loss and cutting: each message at most once, state as if uncut."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from geo.errors import SnapshotError
from geo.site import Site
from services.events import Gap, Heard, Received, Reception, Tick
from services.ingest.intake import Intake, IntakeSettings
from services.ingest.order import Hole, Order, Verdict

S = 1_000_000_000
T0 = 1_777_600_000 * S
TAILS = ("cars/vehicle/vehicle-1/report", "danube/boat/stranger/report", "cars/gateway/status")

_steps = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["a", "b"]),
        st.sampled_from(TAILS),
        st.integers(0, 1_500),
        st.sampled_from(["", "tick", "broken", "retained", "ahead", "newer"]),
    ),
    max_size=40,
)


def items_of(steps: list[Any], say: Any) -> list[Received | Tick]:
    now_s, items = 0.0, list[Received | Tick]()
    for number, session, tail, pause_ms, what in steps:
        now_s += pause_ms / 1_000
        if what == "tick":
            items.append(Tick(T0 + round(now_s * S)))
            continue
        extra: dict[str, Any] = {
            "broken": {"colour": 1},
            "ahead": {"sent_s": now_s + 10},
            "retained": {"retained": True},
            "newer": {"schema": 3, "colour": 1},
        }.get(what, {})
        items.append(say(number, now_s, tail=tail, session=session, received_s=now_s, **extra))
    return [*items, Tick(T0 + round((now_s + 5) * S))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(steps=_steps, cut=st.integers(0, 41))
def test_a_snapshot_anywhere_changes_nothing(
    small_site: Site, say: Any, steps: list[Any], cut: int
) -> None:
    items = items_of(steps, say)
    whole = Intake(small_site)
    expected = [whole.push(item) for item in items]
    first, second = Intake(small_site), Intake(small_site)
    found = [first.push(item) for item in items[:cut]]
    second.restore(first.snapshot())
    found += [second.push(item) for item in items[cut:]]
    assert found == expected
    assert second.snapshot() == whole.snapshot()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(steps=_steps)
def test_every_message_is_counted_and_none_heard_twice(
    small_site: Site, say: Any, steps: list[Any]
) -> None:
    items = items_of(steps, say)
    intake = Intake(small_site, IntakeSettings())
    events = [event for item in items for event in intake.push(item)]
    live = [i for i in items if isinstance(i, Received) and not i.retained]
    told = sum(e.messages for e in events if isinstance(e, Reception))
    assert told == sum("gateway" not in item.topic for item in live)
    numbers = [
        (e.message.session, e.message.sequence, e.message.measured_at_ns)  # type: ignore[union-attr]
        for e in events
        if isinstance(e, Heard) and e.topic.kind is not None
    ]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "state",
    [b"", b"{}", b"\xa0", b"\xa2estagegserviceegversion\x01"],
)
def test_a_snapshot_of_another_kind_is_refused_and_changes_nothing(
    small_site: Site, say: Any, state: bytes
) -> None:
    intake = Intake(small_site)
    intake.push(say(0))
    before = intake.snapshot()
    with pytest.raises(SnapshotError, match="start without it"):
        intake.restore(state)
    assert intake.snapshot() == before


class OrderMachine(RuleBasedStateMachine):
    """A sender numbers without end; the way loses, doubles and delays within a session."""

    waits = True

    @initialize()
    def begin(self) -> None:
        self.order: Order[int] = Order(waits=self.waits, hold_ns=10, depth=4)
        self.now_ns = 0
        self.sent = 0
        self.under_way: list[int] = []
        self.out: list[int | Hole] = []
        self.verdicts: list[Verdict] = []

    @rule(count=st.integers(1, 6))
    def send(self, count: int) -> None:
        self.under_way += range(self.sent, self.sent + count)
        self.sent += count

    @rule(pick=st.integers(0, 100), again=st.booleans())
    def arrive(self, pick: int, *, again: bool) -> None:
        if not self.under_way:
            return
        number = self.under_way[pick % len(self.under_way)]
        if not again:
            self.under_way.remove(number)
        if self.order.next is None and number != 0:
            return  # The first that is heard sets the count; keep the model simple.
        # Measured times follow the numbers, as a sender's do.
        verdict, out = self.order.push(number, number, self.now_ns, number)
        self.verdicts.append(verdict)
        self.out += out

    @rule(by=st.integers(1, 20))
    def wait(self, by: int) -> None:
        self.now_ns += by
        self.out += self.order.expire(self.now_ns)

    @invariant()
    def nothing_comes_twice(self) -> None:
        numbers = [part for part in getattr(self, "out", []) if isinstance(part, int)]
        assert len(numbers) == len(set(numbers))

    @invariant()
    def nothing_is_skipped_without_a_word(self) -> None:
        expected = 0
        for part in getattr(self, "out", []):
            if isinstance(part, Hole):
                assert part.first == expected
                expected = part.last + 1
            elif part >= expected:
                assert part == expected
                expected = part + 1

    @invariant()
    def little_is_held(self) -> None:
        assert not hasattr(self, "order") or len(self.order.held) <= 4

    def teardown(self) -> None:
        if hasattr(self, "order"):
            self.out += self.order.expire(2**62)
            assert not self.order.held
            self.nothing_is_skipped_without_a_word()


class EagerOrderMachine(OrderMachine):
    """The same for streams that do not wait: numbers only ever rise."""

    waits = False

    @invariant()
    def numbers_rise(self) -> None:
        numbers = [part for part in getattr(self, "out", []) if isinstance(part, int)]
        assert numbers == sorted(numbers)


TestWaitingOrder = OrderMachine.TestCase
TestEagerOrder = EagerOrderMachine.TestCase
TestWaitingOrder.settings = TestEagerOrder.settings = settings(max_examples=60)


def test_gaps_name_their_session(small_site: Site, say: Any) -> None:
    intake = Intake(small_site)
    events = [e for item in (say(0), say(3), Tick(T0 + 9 * S)) for e in intake.push(item)]
    assert [(e.session, e.channel) for e in events if isinstance(e, Gap)] == [("a", "report")]
