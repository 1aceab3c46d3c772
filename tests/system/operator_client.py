"""An operator's console without its page: the API and the live feed of one account."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from tests.system.installation import OPERATOR, PASSWORD, Service, so, until

Alert = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: dict[str, Any]


class Ear:
    """Listens to the feed, and connects again where it left off, as a browser does."""

    def __init__(self, client: httpx.AsyncClient, after: str | None) -> None:
        self._client = client
        self._place = after
        self.events: list[Event] = []
        self.connections = 0

    async def run(self) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                await self._listen()
            await asyncio.sleep(0.2)

    async def _listen(self) -> None:
        headers = {"Last-Event-ID": self._place} if self._place else {}
        timeout = httpx.Timeout(10.0, read=None)
        async with self._client.stream(
            "GET", "/api/feed", headers=headers, timeout=timeout
        ) as answer:
            answer.raise_for_status()
            self.connections += 1
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    continue
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    self._place = fields.get("id", self._place)
                    data = json.loads(fields["data"])
                    self.events.append(Event(fields["event"], fields.get("id"), data))
                    fields = {}

    def named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event.name in names]

    def alerts(self, alert: str | None = None) -> list[Event]:
        """What was told of alerts, or of one."""
        return [one for one in self.named("alert") if alert is None or one.data["id"] == alert]

    def sequences(self) -> list[int]:
        """Places in the feed of everything that was told with one."""
        return [int(one.id.rpartition(":")[2]) for one in self.named("alert") if one.id]

    def revisions(self, alert: str) -> list[int]:
        """Revisions of one alert that were told with their place in the feed."""
        return [one.data["revision"] for one in self.alerts(alert) if one.id]

    async def until(
        self, is_it: Callable[[Event], object], wanted: str, within_s: float = 60.0
    ) -> Event:
        """Wait for an event; those told already count."""

        async def ask() -> Event | None:
            return next((event for event in self.events if is_it(event)), None)

        return await until(ask, wanted, within_s)


class Operator:
    """A signed-in account."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    async def alerts(self) -> list[Alert]:
        """Last revisions of all alerts, ended ones too."""
        answer = await self.get("/api/alerts", include_ended=True)
        found: list[Alert] = answer["alerts"]
        return found

    async def alert_of(self, group_session: "HasPlace", within_s: float = 60.0) -> Alert:
        """Wait for the alert about one walker."""

        async def ask() -> Alert | None:
            found = [one for one in await self.alerts() if group_session.is_about(one)]
            assert len(found) < 2, f"doubled: {[(one['id'], one['place']) for one in found]}"
            return found[0] if found else None

        return await until(ask, "an alert about the walker", within_s)

    async def history(self, alert: str) -> list[Alert]:
        answer = await self.get(f"/api/alerts/{alert}")
        revisions: list[Alert] = answer["history"]
        return revisions

    async def acknowledge(self, alert: str, command: str | None = None) -> httpx.Response:
        return await self.client.post(
            f"/api/alerts/{alert}/acknowledge", json={"command": command or uuid.uuid4().hex}
        )

    async def sensor(self, name: str) -> dict[str, Any] | None:
        sensors = await self.get("/api/sensors")
        return next((one for one in sensors if one["sensor"] == name), None)

    async def gateway(self, group: str) -> dict[str, Any] | None:
        gateways = await self.get("/api/gateways")
        return next((one for one in gateways if one["group"] == group), None)

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = await self.get("/api/state")
        return state

    @contextlib.asynccontextmanager
    async def listen(self, after: str | None = None) -> AsyncIterator[Ear]:
        """Listen to the feed until the block ends."""
        ear = Ear(self.client, after)
        task = asyncio.create_task(ear.run())
        try:
            await so(lambda: ear.named("hello"), "the feed says hello")
            yield ear
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class HasPlace(Protocol):
    """Something that one alert can be about."""

    def is_about(self, alert: Alert) -> bool:
        """Say whether the alert is about it."""
        ...


@contextlib.asynccontextmanager
async def signed_in(service: Service, account: str = OPERATOR) -> AsyncIterator[Operator]:
    """An account's session with a service."""
    async with httpx.AsyncClient(base_url=service.url, timeout=20.0) as client:
        answer = await client.post("/api/session", json={"name": account, "password": PASSWORD})
        assert answer.status_code == httpx.codes.OK, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield Operator(client)
