"""The fan-out: bounded, in order, never waiting."""

from dataclasses import replace

import pytest

from services.alerts.feed import Feed
from services.alerts.ports import FeedEntry, Live
from services.events import AlertState, Proof
from tests.services.alerts.app.fakes import NOW_NS, make_alert, silent_sensor


def entry(number: int, sequence: int | None, party: str = "RO", **changes: object) -> FeedEntry:
    return FeedEntry(party, "e1", sequence, make_alert(number, **changes))  # type: ignore[arg-type]


def quiet() -> None:
    """Wake nobody."""


def test_items_come_in_order_and_once_to_each_listener() -> None:
    feed = Feed(10)
    woken: list[str] = []
    one = feed.open("RO", lambda: woken.append("one"))
    two = feed.open("RO", lambda: woken.append("two"))
    items: list[Live] = [entry(1, 1), Proof("proof-1", NOW_NS, NOW_NS), entry(2, 2)]
    feed.offer(items)
    assert one.take() == items
    assert one.take() == []
    assert two.take() == items
    assert woken == ["one", "two"]
    assert feed.offered == 3


def test_a_listener_gets_its_partys_alerts_and_sensors_only_where_they_are_for_it() -> None:
    feed = Feed(10)
    other = feed.open("RS", quiet)
    home = feed.open("RO", quiet, sensors=True)
    feed.offer([entry(1, 1), silent_sensor()])
    assert other.take() == []
    assert len(home.take()) == 2


def test_a_full_queue_closes_its_listener_and_no_other() -> None:
    feed = Feed(3)
    woken: list[None] = []
    slow = feed.open("RO", lambda: woken.append(None))
    quick = feed.open("RO", quiet)
    for sequence in range(1, 5):
        feed.offer([entry(sequence, sequence)])
        quick.take()
    assert slow.closed == "slow"
    assert slow.take() == []
    assert len(woken) == 4
    assert quick.closed is None
    assert (feed.listeners, feed.closed_slow) == (1, 1)
    feed.close(slow)
    assert (slow.closed, feed.closed_slow) == ("slow", 1)


def test_who_opens_is_told_of_what_only_the_spool_holds() -> None:
    feed = Feed(10)
    feed.offer([entry(1, 1), entry(2, None), entry(3, None), entry(3, None, revision=2)])
    told = feed.open("RO", quiet).take()
    assert [(one.alert.id, one.alert.revision) for one in told if isinstance(one, FeedEntry)] == [
        ("inc-2", 1),
        ("inc-3", 2),
    ]
    assert feed.open("RS", quiet).take() == []
    feed.offer([entry(2, 2), entry(3, 3), entry(3, 4, revision=2)])
    assert feed.open("RO", quiet).take() == []


def test_the_latest_revision_of_open_alerts_is_kept_until_they_end_and_are_stored() -> None:
    feed = Feed(10)
    feed.offer([entry(1, 1), entry(1, None, revision=2, state=AlertState.ENDED)])
    assert [one.alert.revision for one in feed.latest("RO")] == [2]
    feed.offer([entry(1, 1)])
    assert [one.alert.revision for one in feed.latest("RO")] == [2]
    feed.offer([entry(1, 2, revision=2, state=AlertState.ENDED)])
    assert feed.latest("RO") == []


def test_memory_of_alerts_is_bounded() -> None:
    feed = Feed(10)
    one = make_alert(1)
    feed.offer([FeedEntry("RO", "e1", n, replace(one, id=f"inc-{n}")) for n in range(2_500)])
    kept = feed.latest("RO")
    assert len(kept) == 2_000
    assert kept[-1].alert.id == "inc-2499"


def test_after_its_end_the_feed_closes_everyone_who_comes() -> None:
    feed = Feed(10)
    woken: list[None] = []
    before = feed.open("RO", lambda: woken.append(None))
    feed.offer([entry(1, 1)])
    feed.end()
    assert before.closed == "ended"
    assert len(before.take()) == 1
    assert len(woken) == 2
    assert feed.open("RO", quiet).closed == "ended"
    assert feed.listeners == 0


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        Feed(0)
