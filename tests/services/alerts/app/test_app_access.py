"""Who may what, and how guessing is slowed."""

import httpx

from services.alerts.app import AppSettings
from services.alerts.app.guessing import ADDRESS_LIMIT_S, MOST, NAME_LIMIT_S, Attempts
from tests.services.alerts.app.fakes import NOW_NS, S, World, make_alert, silent_sensor


def the(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["detail"].endswith(".")
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


async def test_a_password_begins_a_session_in_a_cookie_no_script_can_read(world: World) -> None:
    async with world.browser(None) as client:
        answer = await client.post("/api/session", json={"name": "op-7", "password": "correct"})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "max-age=3600" in cookie
        assert "secure" not in cookie.replace("secret", "")
        who = (await client.get("/api/session")).json()
        assert who["account"] == "op-7"
        assert who["may_acknowledge"] is True
        assert who["csrf_token"] == answer.json()["csrf_token"]


async def test_over_tls_the_cookie_is_for_tls_only() -> None:
    world = World(AppSettings(tls=True))
    async with world.browser(None) as client:
        answer = await client.post("/api/session/once", json={"token": "token-op-7"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-straja-session=")
        assert "Secure" in cookie
        assert "max-age" in answer.headers["strict-transport-security"]


async def test_a_one_time_token_works_once(world: World) -> None:
    async with world.browser(None) as client:
        body = {"token": "token-op-7"}
        assert (await client.post("/api/session/once", json=body)).status_code == 200
        assert the(await client.post("/api/session/once", json=body)) == (401, "token-refused")


async def test_nothing_is_shown_to_who_is_not_signed_in(world: World) -> None:
    world.happen(make_alert())
    async with world.browser(None) as client:
        for path in (
            "/api/session",
            "/api/alerts",
            "/api/alerts/inc-1",
            "/api/sensors",
            "/api/gateways",
            "/api/site",
            "/api/state",
            "/api/feed",
        ):
            assert the(await client.get(path)) == (401, "signed-out"), path
        answer = await client.post("/api/alerts/inc-1/acknowledge", json={"command": "command-1"})
        assert the(answer) == (401, "signed-out")


async def test_a_change_without_its_token_is_refused_and_changes_nothing(world: World) -> None:
    world.happen(make_alert())
    async with world.browser() as client:
        for token in ("", "csrf-secret-admin-0", "ă"):
            answer = await client.post(
                "/api/alerts/inc-1/acknowledge",
                json={"command": "command-1"},
                headers=[(b"X-CSRF-Token", token.encode())],
            )
            assert the(answer) == (403, "csrf")
        sign_out = await client.delete("/api/session", headers={"X-CSRF-Token": "wrong"})
        assert the(sign_out) == (403, "csrf")
        assert (await client.get("/api/session")).status_code == 200
    assert world.commands.seen == []


async def test_a_change_sent_by_a_page_of_another_origin_is_refused(world: World) -> None:
    async with world.browser() as client:
        for headers in (
            {"Origin": "http://elsewhere"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            answer = await client.post(
                "/api/session", json={"name": "op-7", "password": "correct"}, headers=headers
            )
            assert the(answer) == (403, "origin")
        answer = await client.post(
            "/api/session",
            json={"name": "op-7", "password": "correct"},
            headers={"Origin": "http://straja", "Sec-Fetch-Site": "same-origin"},
        )
        assert answer.status_code == 200


async def test_signing_out_ends_the_session_at_once(world: World) -> None:
    async with world.browser() as client:
        cookie = dict(client.cookies)
        assert (await client.delete("/api/session")).status_code == 204
        client.cookies.update(cookie)
        assert the(await client.get("/api/alerts")) == (401, "signed-out")


async def test_a_session_ends_at_its_time_although_it_was_remembered(world: World) -> None:
    async with world.browser() as client:
        assert (await client.get("/api/alerts")).status_code == 200
        world.store.away = True
        world.now_ns += 3_601 * S
        assert (await client.get("/api/alerts")).status_code == 503


async def test_who_was_signed_in_stays_so_while_the_database_is_away(world: World) -> None:
    async with world.browser() as client:
        await client.get("/api/alerts")
        world.store.away = True
        world.now_ns += 600 * S
        assert (await client.get("/api/session")).status_code == 200
    async with world.browser(None) as client:
        client.cookies.set("straja-session", "never seen")
        assert the(await client.get("/api/session")) == (503, "database-away")


async def test_a_session_ended_elsewhere_is_noticed_within_seconds(world: World) -> None:
    async with world.browser() as client:
        await client.get("/api/alerts")
        world.accounts.sessions.clear()
        world.now_ns += 6 * S
        assert the(await client.get("/api/alerts")) == (401, "signed-out")


async def test_another_party_sees_no_alert_sensor_or_cable_of_the_home_party(
    world: World,
) -> None:
    world.happen(make_alert())
    world.picture.sensor_states.append(silent_sensor())
    async with world.browser("rs-1") as client:
        assert (await client.get("/api/alerts?include_ended=true")).json()["alerts"] == []
        assert the(await client.get("/api/alerts/inc-1")) == (404, "no-such-alert")
        answer = await client.post("/api/alerts/inc-1/acknowledge", json={"command": "command-1"})
        assert the(answer) == (404, "no-such-alert")
        assert the(await client.get("/api/sensors")) == (403, "forbidden")
        assert the(await client.get("/api/gateways")) == (403, "forbidden")
        layers = {
            one["properties"]["layer"] for one in (await client.get("/api/site")).json()["features"]
        }
        assert "border" in layers
        assert layers.isdisjoint({"cable", "sensor", "zone"})
    assert world.commands.seen == []


async def test_an_alert_in_the_wrong_feed_is_still_not_released(world: World) -> None:
    world.happen(make_alert(), party="RS")  # a fault upstream
    async with world.browser("rs-1") as client:
        assert (await client.get("/api/alerts")).json()["alerts"] == []
        assert the(await client.get("/api/alerts/inc-1")) == (404, "no-such-alert")


async def test_an_administrator_looks_but_does_not_acknowledge(world: World) -> None:
    world.happen(make_alert())
    async with world.browser("admin") as client:
        assert len((await client.get("/api/alerts")).json()["alerts"]) == 1
        answer = await client.post("/api/alerts/inc-1/acknowledge", json={"command": "command-1"})
        assert the(answer) == (403, "forbidden")
    assert world.commands.seen == []


async def test_guessing_is_slowed_and_then_not_even_checked(world: World) -> None:
    async with world.browser(None, "192.0.2.1") as client:
        wrong = {"name": "op-7", "password": "wrong"}
        for _ in range(5):
            assert the(await client.post("/api/session", json=wrong)) == (401, "sign-in-refused")
        checks = world.accounts.checks
        right = {"name": "op-7", "password": "correct"}
        answer = await client.post("/api/session", json=right)
        assert the(answer) == (429, "slow-down")
        assert answer.headers["retry-after"] == "1"
        assert world.accounts.checks == checks
        world.now_ns += S
        assert (await client.post("/api/session", json=right)).status_code == 200


async def test_a_restart_does_not_lift_the_wait_of_an_address_that_guesses(world: World) -> None:
    async with world.browser(None, "192.0.2.1") as client:
        for number in range(6):
            world.now_ns += S
            body = {"name": f"op-{number}", "password": "wrong"}
            answer = await client.post("/api/session", json=body)
            assert the(answer) == (401, "sign-in-refused")
    again = World()
    again.accounts.failed, again.now_ns = world.accounts.failed, world.now_ns
    right = {"name": "op-7", "password": "correct"}
    async with again.browser(None, "192.0.2.1") as client:
        answer = await client.post("/api/session", json=right)
        assert the(answer) == (429, "slow-down")
        assert answer.headers["retry-after"] == "2"
    async with again.browser("op-7", "198.51.100.1") as client:
        assert (await client.get("/api/session")).status_code == 200
    async with again.browser(None, "192.0.2.1") as client:
        again.now_ns += 2 * S
        assert (await client.post("/api/session", json=right)).status_code == 200
    assert again.accounts.failed.keys() == {f"name op-{number}" for number in range(6)}


def test_the_wait_doubles_up_to_a_limit_that_is_short_for_an_account() -> None:
    attempts = Attempts()
    waits = []
    for _ in range(20):
        attempts.failed("op-7", "192.0.2.1", NOW_NS)
        waits.append(attempts.wait_s("other", "192.0.2.1", NOW_NS))
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert waits[-1] == ADDRESS_LIMIT_S
    assert attempts.wait_s("op-7", "198.51.100.1", NOW_NS) == NAME_LIMIT_S
    assert attempts.wait_s("other", "198.51.100.1", NOW_NS) == 0
    later = NOW_NS + 901 * S
    attempts.failed("op-7", "192.0.2.1", later)
    assert attempts.wait_s("op-7", "192.0.2.1", later) == 0


def test_memory_of_failures_is_bounded() -> None:
    attempts = Attempts()
    for number in range(6_000):
        attempts.failed(f"name {number}", f"address {number}", NOW_NS)
    assert len(attempts._failed) == MOST


async def test_a_refused_input_does_not_repeat_the_password(world: World) -> None:
    async with world.browser(None) as client:
        answer = await client.post("/api/session", json={"name": "", "password": "hunter2"})
        assert the(answer) == (422, "invalid")
        assert "hunter2" not in answer.text


async def test_metrics_are_for_this_machine_and_for_who_is_signed_in(world: World) -> None:
    async with world.browser(None, "192.0.2.1") as client:
        assert the(await client.get("/metrics")) == (401, "signed-out")
    async with world.browser("rs-1", "192.0.2.1") as client:
        assert the(await client.get("/metrics")) == (403, "forbidden")
    async with world.browser("op-7", "192.0.2.1") as client:
        assert (await client.get("/metrics")).text == "straja_alerts_total 1\n"
    async with world.browser(None) as client:
        assert (await client.get("/metrics")).status_code == 200
        passed_on = await client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
        assert the(passed_on) == (401, "signed-out")
