"""The console in a real browser, at a running service, broker and database, any of which may die.

Whether the page may be trusted is read from the page itself; when it changed, from a watcher in the
page, so that how often a test looks decides nothing.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import (
    ConsoleMessage,
    Locator,
    Page,
    Request,
    async_playwright,
    expect,
)

from services.alerts.app.settings import CONSOLE_FOLDER
from tests.system.field import SITE, Fibre, Walker, gateway
from tests.system.installation import OPERATOR, PASSWORD, Installation, Service, so, until
from tests.system.journal import check_feed
from tests.system.operator_client import Operator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
WITHIN_MS = 60_000.0
"""A bound for waiting on a busy machine; no measure."""
RED_WITHIN_S = 10.0
"""Within this an operator must see that the screen is not to be trusted: the one time measured."""

pytestmark = [
    pytest.mark.system,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(
        not (CONSOLE_FOLDER / "index.html").is_file(),
        reason="the console is not built (npm run build in services/alerts/console)",
    ),
]

WATCHER = """
window.trustSeen = [];
window.policyBroken = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.policyBroken.push(`${event.violatedDirective}: ${event.blockedURI}`));
const note = () => {
  const bar = document.querySelector("header.bar");
  const level = bar ? bar.dataset.trust : null;
  const last = window.trustSeen.at(-1);
  if (level && (!last || last.level !== level)) {
    window.trustSeen.push({ level, cause: bar.dataset.cause, at_ms: Date.now() });
  }
};
new MutationObserver(note).observe(document, {
  subtree: true, childList: true, attributes: true, attributeFilter: ["data-trust"],
});
"""


@dataclass
class Screen:
    """An operator's page, and all that it asked for or complained of."""

    page: Page
    address: str
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"thrown: {error}"))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address + "/", "blob:", "data:")):
            self.outside.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        # A server that was killed on purpose cannot be reached: the browser itself says so.
        expected = "Failed to load resource" in message.text
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(f"{message.type}: {message.text}")

    @property
    def bar(self) -> Locator:
        return self.page.locator("header.bar")

    def alert(self, alert: str) -> Locator:
        return self.page.locator(f'[data-alert="{alert}"]')

    async def trusted(self) -> None:
        await expect(self.bar).to_have_attribute("data-trust", "proven", timeout=WITHIN_MS)

    async def red(self, cause: str) -> float:
        """Wait until it is red for a cause; the time it turned so, in s since 1970."""
        await expect(self.bar).to_have_attribute("data-trust", "failed", timeout=WITHIN_MS)
        await expect(self.bar).to_have_attribute("data-cause", cause)
        await expect(self.bar).to_contain_text("DO NOT TRUST THIS SCREEN")
        await expect(self.bar).to_have_css("background-color", "rgb(214, 11, 42)")
        seen = await self.page.evaluate("window.trustSeen")
        return float(next(one for one in reversed(seen) if one["level"] == "failed")["at_ms"]) / 1e3

    async def on_map(self, alert: str) -> None:
        """Wait until the map has drawn an alert's sign."""
        frame = self.page.locator(".map .frame")
        await expect(frame).to_have_attribute("data-drawn", re.compile(re.escape(alert)))

    async def acknowledged(self, alert: str) -> None:
        await expect(self.alert(alert)).to_have_attribute(
            "data-state", "acknowledged", timeout=WITHIN_MS
        )
        await expect(self.alert(alert)).to_contain_text(OPERATOR)

    async def check(self) -> None:
        """Nothing asked of the outside, nothing complained of, no rule of the page broken."""
        assert self.outside == [], "requests that leave the machine"
        assert self.complaints == []
        assert await self.page.evaluate("window.policyBroken") == []


@asynccontextmanager
async def screen(service: Service) -> AsyncIterator[Screen]:
    """Sign in at a service's console; checks at the end that the page kept to itself."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *sandbox]
        )
        try:
            page = await browser.new_page(
                locale="en-GB",
                timezone_id="Europe/Bucharest",
                viewport={"width": 1600, "height": 950},
            )
            page.set_default_timeout(WITHIN_MS)
            expect.set_options(timeout=WITHIN_MS)
            await page.add_init_script(WATCHER)
            one = Screen(page, service.url)
            one.listen()
            await page.goto(service.url)
            await page.locator("input[name=name]").fill(OPERATOR)
            await page.locator("input[name=password]").fill(PASSWORD)
            await page.keyboard.press("Enter")
            await expect(page.locator(".map")).to_have_attribute("data-ready", "true")
            await one.trusted()
            yield one
            await one.check()
        finally:
            await browser.close()


async def test_a_crossing_is_shown_acknowledged_by_button_and_key_and_survives_a_reload(
    installation: Installation, service: Service, operator: Operator
) -> None:
    one, two = Walker(Fibre(1), 4_000.0), Walker(Fibre(1), 8_000.0)
    two.fibre = one.fibre
    async with gateway(installation) as field, screen(service) as seen:
        await field.introduce(one.fibre)
        async with field.walking(one):
            first = (await operator.alert_of(one))["id"]
            await expect(seen.alert(first)).to_be_visible()
            await expect(seen.alert(first)).to_contain_text("Person")
            await expect(seen.alert(first)).to_contain_text("fibre-1")
            await expect(seen.alert(first)).to_have_attribute("data-state", "unacknowledged")
            await expect(seen.page.locator("[aria-live=assertive]")).to_contain_text("New alert")
            await seen.on_map(first)
            await seen.alert(first).locator(".acknowledge").click()
            await seen.acknowledged(first)
            assert (await operator.alert_of(one))["acknowledged_by"] == OPERATOR
        async with field.walking(two):
            second = (await operator.alert_of(two))["id"]
            await expect(seen.alert(second)).to_be_visible()
            await seen.page.keyboard.press("Home")
            await expect(seen.alert(second)).to_have_attribute("aria-selected", "true")
            await seen.page.keyboard.press("Enter")
            await seen.page.keyboard.press("a")
            await seen.acknowledged(second)
            await expect(seen.page.locator('.history [data-what="acknowledged"]')).to_have_count(1)
            await seen.page.reload()
            await seen.trusted()
            await seen.acknowledged(second)
    history = await operator.history(second)
    assert [step["change"]["what"] for step in history].count("acknowledged") == 1


async def test_after_a_killed_service_the_page_comes_back_by_itself_with_everything(
    installation: Installation, service: Service, operator: Operator
) -> None:
    one, two = Walker(Fibre(1), 12_000.0), Walker(Fibre(1), 16_000.0)
    two.fibre = one.fibre
    async with gateway(installation) as field, screen(service) as seen:
        await field.introduce(one.fibre)
        async with field.walking(one):
            first = (await operator.alert_of(one))["id"]
            await seen.alert(first).locator(".acknowledge").click()
            await seen.acknowledged(first)
            begun = await seen.page.evaluate("performance.timeOrigin")
            killed_at = time.time()
            service.kill()
            red_at = await seen.red("connection")
            assert red_at - killed_at < RED_WITHIN_S
            # What was known stands there still, while somebody else comes.
            await expect(seen.alert(first)).to_be_visible()
            async with field.walking(two):
                await so(lambda: len(two.reports) >= 6, "reports while the service is dead")
                service.start()
                await service.live()
                second = (await operator.alert_of(two))["id"]
                await expect(seen.alert(second)).to_be_visible()
                await seen.trusted()
            await seen.acknowledged(first)
        assert await seen.page.evaluate("performance.timeOrigin") == begun, "nobody loaded it again"
        await _shows_what_is_known(seen, operator)


async def test_with_the_database_killed_in_a_crossing_alerts_are_marked_and_all_there_later(
    installation: Installation, service: Service, operator: Operator
) -> None:
    one, two = Walker(Fibre(1), 20_000.0), Walker(Fibre(1), 24_000.0)
    two.fibre = one.fibre
    async with gateway(installation) as field, screen(service) as seen:
        page = seen.page
        await field.introduce(one.fibre)
        async with field.walking(one):
            first = (await operator.alert_of(one))["id"]
            await expect(seen.alert(first)).to_be_visible()
            await expect(seen.alert(first).locator(".unstored")).to_have_count(0)
            await installation.kill_database()
            await expect(page.locator(".banner.database").first).to_contain_text(
                "The database is away"
            )
            async with field.walking(two):
                row = page.locator("[data-alert]").filter(has=page.locator(".unstored"))
                new = row.filter(has_text=_kilometre(two))
                await expect(new).to_be_visible()
                second = await new.get_attribute("data-alert")
                assert second
                await seen.on_map(second)
                await new.locator(".acknowledge").click()
                await seen.acknowledged(second)
                await expect(seen.alert(second).locator(".unstored")).to_be_visible()
                await seen.red("proof")
                await page.reload()
                await expect(seen.alert(first)).to_be_visible()
                await expect(seen.alert(second).locator(".unstored")).to_be_visible()
                await installation.postgres.restart()
                await expect(page.locator(".banner.database")).to_have_count(0)
                await expect(page.locator("[data-alert] .unstored")).to_have_count(0)
                await seen.trusted()
                await seen.acknowledged(second)
            assert (await operator.alert_of(one))["id"] == first
            assert (await operator.alert_of(two))["id"] == second
            await _shows_what_is_known(seen, operator)
    for alert in (first, second):
        answer = await operator.get(f"/api/alerts/{alert}")
        steps = answer["history"]
        assert answer["complete"]
        assert [step["revision"] for step in steps] == list(range(1, len(steps) + 1))
        assert all(step["stored"] for step in steps)
    assert [step["change"]["what"] for step in steps].count("acknowledged") == 1
    await check_feed(installation)


@pytest.mark.parametrize("hangs", ["frame worker", "service"])
async def test_the_bar_turns_red_in_time_when_a_part_hangs_and_green_again(
    service: Service, hangs: str
) -> None:
    async with screen(service) as seen:
        [worker] = service.frame_workers()
        pid, cause = (worker, "proof") if hangs == "frame worker" else (service.pid, "connection")
        stopped_at = time.time()
        os.kill(pid, signal.SIGSTOP)
        try:
            red_at = await seen.red(cause)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert red_at - stopped_at < RED_WITHIN_S
        assert "NOT TRUSTED" in await seen.page.title()
        await seen.trusted()
        assert "NOT TRUSTED" not in await seen.page.title()


async def test_every_language_is_spoken_by_page_and_service(
    installation: Installation, service: Service, operator: Operator
) -> None:
    walker = Walker(Fibre(1), 28_000.0)
    async with gateway(installation) as field, screen(service) as seen:
        await field.introduce(walker.fibre)
        async with field.walking(walker):
            alert = (await operator.alert_of(walker))["id"]
            await seen.alert(alert).click()
            for language, works, person, along in (
                ("ro", "Tot lanțul funcționează", "Persoană", "linia de frontieră"),
                ("sr-Latn", "Ceo put radi", "Osoba", "granične linije"),
                ("sr-Cyrl", "Цео пут ради", "Особа", "граничне линије"),
            ):
                await seen.page.locator(".language select").select_option(language)
                await expect(seen.bar).to_contain_text(works)
                await expect(seen.alert(alert)).to_contain_text(person)
                await expect(seen.page.locator(".detail .why")).to_contain_text(along)
                assert await seen.page.locator("html").get_attribute("lang") == language


def _kilometre(walker: Walker) -> re.Pattern[str]:
    """What a row says of where a walker is, to a few hundred metres."""
    placed = SITE.cable(walker.fibre.sensor).place(walker.distance_m, 5.0, 5.0)
    chainage_m = float(SITE.border.chainage(placed.east_m, placed.north_m)[0])
    near = {f"{(chainage_m + step) / 1_000:.1f}" for step in (-100.0, 0.0, 100.0)}
    return re.compile("km (" + "|".join(re.escape(one) for one in sorted(near)) + r")(?!\d)")


async def _shows_what_is_known(seen: Screen, operator: Operator) -> None:
    """Wait until the page shows each open alert as the service knows it, and no other."""

    async def is_so() -> bool:
        answer = await operator.get("/api/alerts")
        known = {one["id"]: one["state"] for one in answer["alerts"]}
        shown = await seen.page.locator("[data-alert]").evaluate_all(
            "rows => rows.map((row) => [row.dataset.alert, row.dataset.state])"
        )
        return bool(known == {name: state for name, state in shown if state != "ended"})

    await until(is_so, "the page shows what the service knows")
