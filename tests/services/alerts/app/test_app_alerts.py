"""What is current, what became of it, and acknowledging."""

import asyncio

from services.alerts.app import AppSettings
from services.events import AlertState, Severity
from tests.services.alerts.app.fakes import NOW_NS, S, World, make_alert


async def test_current_alerts_come_with_their_place_in_the_feed(world: World) -> None:
    world.happen(make_alert(1))
    world.happen(make_alert(2, at_ns=NOW_NS + S))
    world.happen(make_alert(1, revision=2, at_ns=NOW_NS + 2 * S))
    world.happen(make_alert(3, state=AlertState.ENDED))
    async with world.browser() as client:
        body = (await client.get("/api/alerts")).json()
        assert body["feed"] == "e1:4"
        assert body["complete"] is True
        assert [(one["id"], one["revision"]) for one in body["alerts"]] == [
            ("inc-1", 2),
            ("inc-2", 1),
        ]
        assert body["count"] == 2
        ended = (await client.get("/api/alerts?state=ended")).json()["alerts"]
        assert [one["id"] for one in ended] == ["inc-3"]


async def test_where_there_are_more_alerts_than_asked_for_the_answer_says_how_many(
    world: World,
) -> None:
    world.happen(make_alert(1, severity=Severity.DANGER_TO_LIFE))
    world.happen(make_alert(2, severity=Severity.LOW, at_ns=NOW_NS + S))
    for number in (3, 4, 5):
        world.happen(make_alert(number, at_ns=NOW_NS + number * S))
    async with world.browser() as client:

        async def ask(query: str) -> tuple[list[str], int, bool]:
            body = (await client.get(f"/api/alerts?{query}")).json()
            return [one["id"] for one in body["alerts"]], body["count"], body["complete"]

        assert await ask("limit=2") == (["inc-1", "inc-5"], 5, False)
        assert await ask("limit=5") == (["inc-1", "inc-5", "inc-4", "inc-3", "inc-2"], 5, True)
        # What is asked for is chosen before the answer is cut, not after.
        assert await ask("limit=1&severity=low") == (["inc-2"], 1, True)
        world.spool(make_alert(6, at_ns=NOW_NS + 9 * S))
        assert await ask("limit=2") == (["inc-1", "inc-6"], 6, False)
        world.store.away = True
        assert await ask("limit=2") == (["inc-1", "inc-6"], 6, False)


async def test_alerts_are_filtered_by_state_and_severity(world: World) -> None:
    world.happen(make_alert(1, severity=Severity.LOW))
    world.happen(make_alert(2, severity=Severity.DANGER_TO_LIFE))
    world.happen(make_alert(3, state=AlertState.ACKNOWLEDGED))
    async with world.browser() as client:

        async def ids(query: str) -> set[str]:
            return {
                one["id"] for one in (await client.get(f"/api/alerts?{query}")).json()["alerts"]
            }

        assert await ids("severity=danger_to_life") == {"inc-2"}
        assert await ids("severity=low&severity=high") == {"inc-1", "inc-3"}
        assert await ids("state=acknowledged") == {"inc-3"}
        assert await ids("state=unacknowledged&severity=low") == {"inc-1"}
        assert (await client.get("/api/alerts?state=asleep")).status_code == 422


async def test_an_alert_says_why_in_the_language_asked_and_as_key(world: World) -> None:
    world.happen(make_alert())
    async with world.browser() as client:
        seen = {}
        for language in ("en", "ro", "sr-Latn", "sr-Cyrl"):
            answer = await client.get("/api/alerts", params={"language": language})
            reason = answer.json()["alerts"][0]["reason"]
            assert reason["key"] == "incident.reason"
            assert reason["parameters"]["confidence"] == 0.94
            seen[language] = reason["text"]
        assert len(set(seen.values())) == 4
        for accepted, language in (
            ("ro-RO,ro;q=0.9", "ro"),
            ("sr", "sr-Cyrl"),
            ("sr-Latn-RS", "sr-Latn"),
            ("de", "en"),
        ):
            answer = await client.get("/api/alerts", headers={"Accept-Language": accepted})
            assert answer.json()["alerts"][0]["reason"]["text"] == seen[language]
        assert (await client.get("/api/alerts?language=tlh")).status_code == 422


async def test_an_ellipse_is_given_against_true_north(world: World) -> None:
    world.happen(make_alert())
    async with world.browser() as client:
        place = (await client.get("/api/alerts")).json()["alerts"][0]["place"]
    shape = place["ellipse"]
    # The long axis points east-north-east; 95 % of a two-dimensional normal is 2.4477 sigma.
    assert 2.4477 * 50 < shape["semi_major_m"] < 2.4477 * 55
    assert 60 < shape["orientation_deg"] < 75
    assert place["chainage_m"] == 47_000.0


async def test_acknowledging_twice_with_one_command_takes_effect_once(world: World) -> None:
    world.happen(make_alert())
    async with world.browser() as client:
        body = {"command": "command-1"}
        first = await client.post("/api/alerts/inc-1/acknowledge", json=body)
        again = await client.post("/api/alerts/inc-1/acknowledge", json=body)
        assert first.status_code == again.status_code == 200
        assert first.json()["alert"]["state"] == "acknowledged"
        assert first.json()["alert"]["acknowledged_by"] == "op-7"
        assert again.json() == first.json()
        history = (await client.get("/api/alerts/inc-1")).json()["history"]
        assert [one["change"]["what"] for one in history] == ["raised", "acknowledged"]
    assert [one.id for one in world.commands.seen] == ["op-7/command-1"]


async def test_a_refused_command_is_said_in_the_readers_language(world: World) -> None:
    world.happen(make_alert(state=AlertState.ACKNOWLEDGED))
    async with world.browser() as client:
        answer = await client.post(
            "/api/alerts/inc-1/acknowledge?language=ro", json={"command": "command-1"}
        )
        assert answer.status_code == 409
        assert answer.json()["code"] == "refused"
        assert "inc-1" in answer.json()["detail"]
        english = await client.post(
            "/api/alerts/inc-1/acknowledge?language=en", json={"command": "command-2"}
        )
        assert english.json()["detail"] != answer.json()["detail"]


async def test_command_ids_have_a_form(world: World) -> None:
    world.happen(make_alert())
    async with world.browser() as client:
        for command in ("", "short", "a/b/c/d/e/f", "x" * 65):
            answer = await client.post("/api/alerts/inc-1/acknowledge", json={"command": command})
            assert answer.status_code == 422
    assert world.commands.seen == []


async def test_while_the_database_is_away_alerts_come_from_memory_and_say_so(
    world: World,
) -> None:
    world.happen(make_alert(1))
    async with world.browser() as client:
        await client.get("/api/alerts")
        world.store.away = True
        world.spool(make_alert(2))
        body = (await client.get("/api/alerts")).json()
        assert body["feed"] is None
        assert body["complete"] is False
        assert {one["id"]: one["stored"] for one in body["alerts"]} == {
            "inc-1": True,
            "inc-2": False,
        }
        one = (await client.get("/api/alerts/inc-2")).json()
        assert one["complete"] is False
        assert len(one["history"]) == 1
        unknown = await client.get("/api/alerts/inc-9")
        assert unknown.status_code == 503


async def test_an_alert_still_in_the_spool_is_current_beside_stored_ones(world: World) -> None:
    world.happen(make_alert(1))
    world.spool(make_alert(1, revision=2, state=AlertState.ACKNOWLEDGED))
    world.spool(make_alert(2))
    async with world.browser() as client:
        alerts = (await client.get("/api/alerts")).json()["alerts"]
        assert {(one["id"], one["revision"], one["stored"]) for one in alerts} == {
            ("inc-1", 2, False),
            ("inc-2", 1, False),
        }


async def test_a_store_that_hangs_is_taken_as_away() -> None:
    slow = World(AppSettings(store_timeout_s=0.05))
    slow.happen(make_alert(1))
    async with slow.browser() as client:
        await client.get("/api/session")
        never = asyncio.Event()

        async def hang(party: str) -> tuple[str, int]:
            await never.wait()
            return party, 0

        slow.store.feed_head = hang  # type: ignore[method-assign]
        body = (await client.get("/api/alerts")).json()
    assert body["complete"] is False
    assert [one["id"] for one in body["alerts"]] == ["inc-1"]
