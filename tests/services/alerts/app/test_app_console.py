"""The console in a real browser, on the app with its stand-ins."""

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from services.alerts.app import AppSettings
from services.alerts.app.settings import CONSOLE_FOLDER
from services.events import GatewayHealth, LoweredCount, Proof, Severity
from tests.services.alerts.app.fakes import S, World, make_alert, silent_sensor
from tests.services.alerts.app.serving import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

expect.set_options(timeout=20_000)  # a busy machine is slow, and no test is about speed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(
        not (CONSOLE_FOLDER / "index.html").is_file(), reason="the console is not built"
    ),
]


class LiveWorld(World):
    """A world whose clock runs, and which proves itself each half second while it may."""

    def __init__(self, settings: AppSettings | None = None) -> None:
        super().__init__(settings or AppSettings(heartbeat_s=0.5, proof_limit_s=3.0))
        self.proves = True

    @property
    def now_ns(self) -> int:
        return time.time_ns()

    @now_ns.setter
    def now_ns(self, value: int) -> None:
        """The clock is the machine's."""

    async def prove(self) -> None:
        while True:
            if self.proves:
                now_ns = self.now_ns
                self.picture.last_proof = Proof("proof-1", now_ns - S // 5, now_ns)
                self.feed.offer([self.picture.last_proof])
            await asyncio.sleep(0.5)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        one = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *sandbox]
        )
        try:
            yield one
        finally:
            await one.close()


@asynccontextmanager
async def console(world: LiveWorld) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open the console by one-time sign-in; gives the page, and what went wrong in it."""
    faults: list[str] = []
    async with serving(world) as address, browser() as one:
        proving = asyncio.create_task(world.prove())
        try:
            page = await one.new_page(locale="en-GB", timezone_id="Europe/Bucharest")
            page.set_default_timeout(30_000)
            page.on("pageerror", lambda error: faults.append(f"error: {error}"))
            page.on(
                "console",
                lambda line: (
                    faults.append(f"console: {line.text}")
                    if "Content Security Policy" in line.text
                    else None
                ),
            )
            page.on(
                "request",
                lambda asked: (
                    faults.append(f"outside: {asked.url}")
                    if not asked.url.startswith((address, "blob:", "data:"))
                    else None
                ),
            )
            await page.goto(f"{address}/#once=token-op-7")
            yield page, faults
        finally:
            proving.cancel()
            await asyncio.wait([proving])


async def test_an_alert_appears_is_acknowledged_by_key_and_survives_a_reload() -> None:
    world = LiveWorld()
    world.picture.sensor_states.append(silent_sensor())
    world.happen(make_alert(1, at_ns=world.now_ns - 60 * S))
    async with console(world) as (page, faults):
        rows = page.locator("[data-alert]")
        await expect(rows).to_have_count(1)
        assert "#once" not in page.url
        world.happen(make_alert(2, at_ns=world.now_ns, severity=Severity.DANGER_TO_LIFE))
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_contain_text("Danger to life")
        await expect(rows.first).to_contain_text("Simulated")
        await expect(page.locator("[aria-live=assertive]")).to_contain_text("54")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(".detail .why")).to_contain_text("94 %")
        await page.keyboard.press("a")
        await expect(page.locator("[data-alert=inc-2]")).to_have_attribute(
            "data-state", "acknowledged"
        )
        await expect(page.locator(".detail .history li")).to_have_count(2)
        await page.reload()
        await expect(page.locator("[data-alert=inc-2]")).to_have_attribute(
            "data-state", "acknowledged"
        )
        await expect(rows.first).to_have_attribute("data-alert", "inc-1")
        await expect(page.locator(".sensors")).to_contain_text("thermal-007")
        await expect(page.locator(".map")).to_have_attribute("data-ready", "true")
        await page.locator("[data-alert=inc-1] .acknowledge").click()
        await expect(page.locator("[data-alert=inc-1]")).to_have_attribute(
            "data-state", "acknowledged"
        )
        assert faults == []
    assert [one.parameters["alert"] for one in world.commands.seen] == ["inc-2", "inc-1"]


async def test_a_graver_alert_moves_no_row_from_under_a_pointer_that_aims() -> None:
    world = LiveWorld()
    world.happen(make_alert(1, at_ns=world.now_ns - 60 * S, severity=Severity.LOW))
    async with console(world) as (page, faults):
        rows = page.locator("[data-alert]")
        await expect(rows).to_have_count(1)
        button = await page.locator("[data-alert=inc-1] .acknowledge").bounding_box()
        assert button
        x, y = button["x"] + button["width"] / 2, button["y"] + button["height"] / 2
        await page.mouse.move(x - 40, y)
        world.happen(make_alert(2, at_ns=world.now_ns, severity=Severity.DANGER_TO_LIFE))
        # The hand goes on to the button; that there is more stands above the list meanwhile.
        withheld: tuple[str, str] | None = None
        for step in range(400):
            await page.mouse.move(x - step % 20, y)
            said, first = await page.evaluate(
                "() => [document.querySelector('.withheld')?.textContent,"
                " document.querySelector('[data-alert]').dataset.alert]"
            )
            if said:
                withheld = (said, first)
            if said or first == "inc-2":
                break
            await asyncio.sleep(0.02)
        assert withheld == ("1 new", "inc-1")
        await page.mouse.click(x, y)
        await page.mouse.move(x + 600, y)
        await expect(page.locator(".withheld")).to_have_count(0)
        await expect(rows.first).to_have_attribute("data-alert", "inc-2")
        await expect(rows.first).to_have_attribute("data-state", "unacknowledged")
        assert faults == []
    # However slow the machine and late the click: never the one that came in between.
    assert "inc-2" not in [one.parameters["alert"] for one in world.commands.seen]


async def test_the_acknowledge_key_works_after_a_button_was_pressed() -> None:
    world = LiveWorld()
    world.happen(make_alert(1, at_ns=world.now_ns))
    async with console(world) as (page, faults):
        await page.locator("[data-alert=inc-1]").click()
        await page.get_by_role("button", name="Show on map").click()
        await page.keyboard.press("a")
        await expect(page.locator("[data-alert=inc-1]")).to_have_attribute(
            "data-state", "acknowledged"
        )
        assert faults == []


async def test_the_page_turns_red_without_proof_and_without_connection_and_back() -> None:
    world = LiveWorld()
    async with console(world) as (page, faults):
        bar = page.locator("header.bar")
        await expect(bar).to_have_attribute("data-trust", "proven")
        world.proves = False
        await expect(bar).to_have_attribute("data-trust", "failed")
        await expect(bar).to_have_attribute("data-cause", "proof")
        await expect(bar).to_contain_text("DO NOT TRUST THIS SCREEN")
        await expect(page).to_have_title(re.compile("NOT TRUSTED"))
        world.proves = True
        await expect(bar).to_have_attribute("data-trust", "proven")
        await expect(page).not_to_have_title(re.compile("NOT TRUSTED"))
        await page.context.set_offline(True)
        world.feed.end()
        await expect(bar).to_have_attribute("data-trust", "failed")
        await expect(bar).to_have_attribute("data-cause", "connection")
        assert faults == []


async def test_with_the_database_away_alerts_appear_marked_and_nothing_is_missing_later() -> None:
    world = LiveWorld()
    world.happen(make_alert(1, at_ns=world.now_ns))
    async with console(world) as (page, faults):
        rows = page.locator("[data-alert]")
        await expect(rows).to_have_count(1)
        world.store.away = True
        world.picture.database_away = world.now_ns
        world.spool(make_alert(2, at_ns=world.now_ns))
        await expect(page.locator(".banner.database").first).to_contain_text("database is away")
        await expect(page.locator("[data-alert=inc-2] .unstored")).to_be_visible()
        await page.reload()
        await expect(rows).to_have_count(2)
        await expect(page.locator("[data-alert=inc-2] .unstored")).to_be_visible()
        world.store.away = False
        world.picture.database_away = None
        world.happen(make_alert(2, at_ns=world.now_ns))
        world.store.store(make_alert(3, at_ns=world.now_ns))  # never offered: only in the store
        world.happen(make_alert(4, at_ns=world.now_ns))
        await expect(rows).to_have_count(4)
        await expect(page.locator(".banner.database")).to_have_count(0)
        await expect(page.locator(".alert .unstored")).to_have_count(0)
        assert faults == []


async def test_connections_that_the_broker_cut_off_are_shown_beside_the_gateways() -> None:
    world = LiveWorld()
    world.picture.gateway_states.append(GatewayHealth("g7", "online", world.now_ns, 1, 1, 1, 0))
    world.picture.cut_offs = 0
    async with console(world) as (page, faults):
        gateways = page.locator(".gateways")
        await expect(gateways).to_contain_text("1 of 1 online")
        await expect(gateways).not_to_contain_text("cut off")
        world.picture.cut_offs = 3
        await expect(gateways).to_contain_text("3 connections cut off by the broker")
        assert faults == []


async def test_what_site_memory_lowered_is_counted_beside_the_sensors() -> None:
    world = LiveWorld()
    async with console(world) as (page, faults):
        sensors = page.locator(".sensors")
        await expect(sensors).to_be_visible()
        await expect(page.locator(".lowered")).to_have_count(0)
        world.picture.lowered = [LoweredCount("vehicle", 60_000.0, 60_250.0, 3)]
        await expect(sensors).to_contain_text("3 alerts of lower severity")
        assert faults == []


async def test_where_there_are_more_alerts_than_the_list_holds_the_page_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = LiveWorld()
    for number in range(1, 8):
        world.happen(make_alert(number, at_ns=world.now_ns))
    ask = world.store.current
    monkeypatch.setattr(world.store, "current", lambda party, which, _: ask(party, which, 5))
    async with console(world) as (page, faults):
        await expect(page.locator("[data-alert]")).to_have_count(5)
        await expect(page.locator(".banner.beyond")).to_contain_text("2 more open alerts")
        assert faults == []


async def test_after_a_restore_from_backup_the_page_shows_what_the_backup_holds() -> None:
    world = LiveWorld()
    world.happen(make_alert(1, at_ns=world.now_ns))
    world.happen(make_alert(2, at_ns=world.now_ns))
    async with console(world) as (page, faults):
        rows = page.locator("[data-alert]")
        await expect(rows).to_have_count(2)
        world.store.epoch = "e2"
        del world.store.entries[1:]
        world.happen(make_alert(3, at_ns=world.now_ns))
        await expect(page.locator("[data-alert=inc-2]")).to_have_count(0)
        await expect(rows).to_have_count(2)
        assert faults == []


async def test_every_language_is_spoken_and_kept() -> None:
    world = LiveWorld()
    world.happen(make_alert(1, at_ns=world.now_ns))
    async with console(world) as (page, faults):
        for language, alerts, person in (
            ("ro", "Alerte", "Persoană"),
            ("sr-Latn", "Alarmi", "Osoba"),
            ("sr-Cyrl", "Аларми", "Особа"),
        ):
            await page.locator(".language select").select_option(language)
            await expect(page.locator(".alerts h2")).to_contain_text(alerts)
            await expect(page.locator("[data-alert] .what")).to_contain_text(person)
            await page.locator("[data-alert]").click()
            await expect(page.locator(".detail .why")).to_contain_text(person)
        await page.reload()
        await expect(page.locator(".alerts h2")).to_contain_text("Аларми")
        assert faults == []


async def test_signing_in_with_a_password_and_out_again(tmp_path: Path) -> None:
    world = LiveWorld()
    async with serving(world) as address, browser() as one:
        page = await one.new_page(locale="en-GB")
        await page.goto(address)
        await page.locator("input[name=name]").fill("op-7")
        await page.locator("input[name=password]").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("wrong")
        await page.locator("input[name=password]").fill("correct")
        await page.keyboard.press("Enter")
        await expect(page.locator("header.bar")).to_contain_text("op-7")
        await page.screenshot(path=tmp_path / "signed-in.png")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("input[name=name]")).to_be_visible()
    assert world.accounts.sessions == {}
