"""The live feed: no hole, no double, in the face of every race that we could think of."""

import asyncio
from dataclasses import replace

import pytest

from services.alerts.app import AppSettings
from services.events import Proof
from tests.services.alerts.app.ears import Ear, ear
from tests.services.alerts.app.fakes import NOW_NS, S, World, make_alert, silent_sensor


async def ids(one: Ear, count: int) -> list[str | None]:
    return [(await one.next("alert")).id for _ in range(count)]


async def test_a_feed_begins_with_hello_and_then_tells_what_happens(world: World) -> None:
    world.happen(make_alert(1))
    async with ear(world) as one:
        hello = await one.next()
        assert (hello.name, hello.id) == ("hello", "e1:1")
        assert hello.data["state"]["proof"]["age_s"] == 1.0
        world.happen(make_alert(2))
        event = await one.next()
        assert (event.name, event.id) == ("alert", "e1:2")
        assert event.data["stored"] is True
        assert event.data["id"] == "inc-2"


async def test_what_was_missed_comes_first_and_once(world: World) -> None:
    for number in range(5):
        world.happen(make_alert(number))
    async with ear(world, "after=e1:2") as one:
        assert await ids(one, 3) == ["e1:3", "e1:4", "e1:5"]
        world.happen(make_alert(9))
        assert await ids(one, 1) == ["e1:6"]
        assert one.nothing_more("alert", "resync")


@pytest.mark.parametrize("question", ["feed_head", "feed_after"])
async def test_what_happens_while_the_store_is_read_is_told_once(
    world: World, question: str
) -> None:
    """The store's answer is made up before or after the new entry; both must come out right."""
    world.happen(make_alert(1))
    world.happen(make_alert(2))
    late = iter(range(3, 6))

    def happen(asked: str) -> None:
        number = next(late, None) if asked == question else None
        if number is not None:
            world.happen(make_alert(number))

    world.store.before_answer = happen
    async with ear(world, "after=e1:1") as one:
        expected = len(world.store.entries)
        told = await ids(one, 1)
        while len(told) < len(world.store.entries) - 1:
            told += await ids(one, 1)
        assert expected >= 2
        assert told == [f"e1:{number}" for number in range(2, len(world.store.entries) + 1)]
        assert len(told) >= 3
        world.happen(make_alert(8))
        assert await ids(one, 1) == [f"e1:{len(world.store.entries)}"]
        assert one.nothing_more("alert", "resync")


async def test_more_than_a_page_was_missed(world: World) -> None:
    first = make_alert(1)
    for number in range(1_203):
        world.store.store(replace(first, revision=number))
    async with ear(world, "after=e1:0") as one:
        assert await ids(one, 1_203) == [f"e1:{number}" for number in range(1, 1_204)]


async def test_a_hole_in_what_is_offered_is_filled_from_the_store(world: World) -> None:
    async with ear(world) as one:
        await one.next("hello")
        world.store.store(make_alert(1))
        world.store.store(make_alert(2))
        third = world.store.store(make_alert(3))
        world.feed.offer([third])
        assert await ids(one, 3) == ["e1:1", "e1:2", "e1:3"]


async def test_what_is_offered_late_or_twice_is_told_once(world: World) -> None:
    async with ear(world) as one:
        await one.next("hello")
        first, second = world.store.store(make_alert(1)), world.store.store(make_alert(2))
        world.feed.offer([second, first, second])
        assert await ids(one, 2) == ["e1:1", "e1:2"]
        world.happen(make_alert(3))
        assert await ids(one, 1) == ["e1:3"]


@pytest.mark.parametrize(
    ("after", "reason"), [("e0:2", "epoch"), ("e1:99", "ahead"), ("e1:1", "too_far_behind")]
)
async def test_a_listener_that_cannot_go_on_is_told_to_start_anew(after: str, reason: str) -> None:
    world = World(AppSettings(catch_up_limit=2))
    for number in range(4):
        world.happen(make_alert(number))
    async with ear(world, f"after={after}") as one:
        resync = await one.next("resync", "alert")
        assert (resync.name, resync.id, resync.data["reason"]) == ("resync", "e1:4", reason)
        world.happen(make_alert(9))
        assert await ids(one, 1) == ["e1:5"]


async def test_a_restore_from_backup_under_an_open_feed_makes_it_start_anew(world: World) -> None:
    world.happen(make_alert(1))
    world.happen(make_alert(2))
    async with ear(world, "after=e1:2") as one:
        await one.next("hello")
        world.store.epoch = "e2"
        del world.store.entries[1:]
        world.happen(make_alert(3))
        resync = await one.next("resync", "alert")
        assert (resync.name, resync.id) == ("resync", "e2:2")
        world.happen(make_alert(4))
        assert await ids(one, 1) == ["e2:3"]


async def test_alerts_of_the_spool_are_told_at_once_and_again_when_stored(world: World) -> None:
    async with ear(world) as one:
        await one.next("hello")
        world.store.away = True
        world.picture.database_away = NOW_NS
        world.spool(make_alert(1))
        event = await one.next("alert")
        assert event.id is None
        assert event.data["stored"] is False
        world.store.away = False
        world.happen(make_alert(1))
        event = await one.next("alert")
        assert event.id == "e1:1"
        assert event.data["stored"] is True


async def test_who_connects_while_the_database_is_away_misses_nothing(world: World) -> None:
    world.happen(make_alert(1))
    async with world.browser() as client:
        await client.get("/api/alerts")
        cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
    world.store.store(make_alert(2))
    world.store.away = True
    world.spool(make_alert(3))
    one = Ear(world, cookie, "/api/feed", "after=e1:1")
    task = asyncio.create_task(one.run())
    assert (await one.next()).name == "hello"
    told = await one.next("alert")
    assert (told.id, told.data["id"]) == (None, "inc-3")
    world.store.away = False
    world.happen(make_alert(3))
    assert await ids(one, 2) == ["e1:2", "e1:3"]
    one.leave()
    await task


async def test_who_connects_without_a_place_while_the_database_is_away_starts_anew_later(
    world: World,
) -> None:
    async with world.browser() as client:
        await client.get("/api/alerts")
        cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
    world.store.away = True
    one = Ear(world, cookie, "/api/feed", "")
    task = asyncio.create_task(one.run())
    hello = await one.next()
    assert (hello.name, hello.id) == ("hello", None)
    world.store.away = False
    world.happen(make_alert(1))
    resync = await one.next("alert", "resync")
    assert (resync.name, resync.id, resync.data["reason"]) == ("resync", "e1:1", "store_back")
    one.leave()
    await task


async def test_an_entry_the_store_cannot_answer_for_is_shown_without_moving_the_place(
    world: World,
) -> None:
    async with ear(world) as one:
        await one.next("hello")
        world.store.store(make_alert(1))
        second = world.store.store(make_alert(2))
        world.store.away = True
        world.feed.offer([second])
        event = await one.next("alert")
        assert (event.id, event.data["id"]) == (None, "inc-2")
        world.store.away = False
        world.happen(make_alert(3))
        assert await ids(one, 3) == ["e1:1", "e1:2", "e1:3"]


async def test_each_party_hears_its_own_feed_only(world: World) -> None:
    async with ear(world, name="rs-1") as other, ear(world) as home:
        await other.next("hello")
        await home.next("hello")
        world.happen(make_alert(1))
        world.spool(make_alert(2))
        world.feed.offer([silent_sensor()])
        world.happen(make_alert(3), party="RS")  # no rule releases it
        world.feed.offer([Proof("proof-1", NOW_NS, NOW_NS)])
        assert (await other.next()).name == "proof"
        assert [(await home.next()).name for _ in range(4)] == ["alert", "alert", "sensor", "proof"]


async def test_a_state_is_told_when_it_changes_and_as_a_sign_of_life() -> None:
    world = World(AppSettings(heartbeat_s=0.05))
    async with ear(world) as one:
        await one.next("hello")
        assert (await one.next("state")).data["database_away_since"] is None
        world.picture.database_away = NOW_NS
        while (await one.next("state")).data["database_away_since"] is None:
            pass
        assert one.comments >= 2


async def test_a_slow_listener_is_cut_off_counted_and_catches_up(world: World) -> None:
    async with ear(world) as one:
        await one.next("hello")
        world.feed.offer([Proof("proof-1", NOW_NS, NOW_NS)])
        await one.next("proof")  # caught up: live from here on
        one.takes.clear()
        for number in range(70):
            world.happen(make_alert(number % 5))
            await asyncio.sleep(0)
        assert world.feed.closed_slow == 1
        assert world.feed.listeners == 0
        one.takes.set()
        last = await one.next("alert", "bye")
        while last.name == "alert":
            place, last = last.id, await one.next("alert", "bye")
        assert last.data["reason"] == "slow"
    async with ear(world, f"after={place}") as again:
        missing = 70 - int(str(place).split(":")[1])
        assert missing > 0
        assert (await ids(again, missing))[-1] == "e1:70"


async def test_a_listener_that_takes_nothing_at_all_is_cut_off() -> None:
    world = World(AppSettings(send_timeout_s=0.05))
    async with ear(world) as one:
        await one.next("hello")
        one.takes.clear()
        world.happen(make_alert(1))
        async with asyncio.timeout(5):
            while world.feed.listeners:
                await asyncio.sleep(0.01)
        assert world.feed.closed_slow == 1


async def test_a_feed_ends_when_its_session_ends() -> None:
    world = World(AppSettings(session_check_s=0.02, heartbeat_s=0.02))
    async with ear(world) as one:
        await one.next("hello")
        world.accounts.sessions.clear()
        world.now_ns += 6 * S
        assert (await one.next("bye")).data["reason"] == "signed_out"


async def test_feeds_end_when_the_service_stops(world: World) -> None:
    async with ear(world) as one:
        await one.next("hello")
        world.feed.end()
        assert (await one.next("bye")).data["reason"] == "ended"
    async with ear(world) as late:
        assert (await late.next("bye")).data["reason"] == "ended"


async def test_a_listener_that_leaves_is_forgotten(world: World) -> None:
    async with ear(world) as one:
        await one.next("hello")
        assert world.feed.listeners == 1
    assert world.feed.listeners == 0
    assert world.feed.closed_slow == 0


async def test_places_that_are_none_and_too_many_listeners_are_refused() -> None:
    world = World(AppSettings(max_listeners=1))
    async with world.browser() as client:
        for after in ("7", "e1:", ":7", "e1:-1", "e1:x", "e1:" + "9" * 30):
            answer = await client.get("/api/feed", params={"after": after})
            assert answer.status_code == 422
    async with ear(world) as one:
        await one.next("hello")
        async with world.browser("admin") as client:
            answer = await client.get("/api/feed")
            assert answer.json()["code"] == "too-many-listeners"
