"""``straja simulate``: a scene's sensors, paced, into a broker."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import structlog

from geo.errors import BrokerError
from geo.site import Site
from sensors.messages import time_to_text
from sensors.simulators.fibre import compile_kernels
from sensors.simulators.gateway import Emission
from sensors.simulators.traffic import simulate
from services.mqtt import BrokerAddress, Publisher
from services.run.background import background
from services.run.inputs import Advance, load_scene

_log = structlog.get_logger()

_NS = 1_000_000_000
_AHEAD_NS = 10_000_000
"""Emissions due within 10 ms are sent together."""
_BEHIND_NS = 1_000_000_000
"""A frame this late is given up, as an interrogator's would be."""
_UNDER_WAY = 256
_ADVANCE_NS = _NS // 4


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def play(
    scene: Path,
    site: Site,
    broker: BrokerAddress,
    speed: float,
    stop: asyncio.Event,
    advance: Advance = lambda _: None,
) -> dict[str, float | str]:
    """Play a scene from now on, until its end or ``stop``.

    At another speed than 1 the sensors' clocks run at that speed, as the scene's do. ``advance``
    is told how many seconds of the scene are played.

    Returns:
        Figures: when it began, messages, frames given up, megabytes, seconds.
    """
    played = load_scene(scene)
    recorded = await asyncio.to_thread(background, played, scene)
    await asyncio.to_thread(compile_kernels, played.seed)  # before the scene's clock starts
    begin_ns = time.time_ns()
    session = f"sim-{uuid.uuid4().hex[:12]}"
    emissions = simulate(played, site, session=session, start_ns=begin_ns, background=recorded)
    player = _Player(broker, begin_ns, speed, advance)
    await player.run(emissions, stop)
    return player.figures(time.time_ns())


class _Player:
    def __init__(
        self, broker: BrokerAddress, begin_ns: int, speed: float, advance: Advance
    ) -> None:
        self._publisher = Publisher(broker)
        self._begin_ns = begin_ns
        self._speed = speed
        self._advance = advance
        self._told_ns = 0
        self._slots = asyncio.Semaphore(_UNDER_WAY)
        self._messages = 0
        self._bytes = 0
        self._given_up = 0

    async def run(self, emissions: Iterator[Emission], stop: asyncio.Event) -> None:
        async with self._publisher, asyncio.TaskGroup() as group:
            for emission in emissions:
                if stop.is_set():
                    return
                late_ns = time.time_ns() - self._due_ns(emission)
                if late_ns < -_AHEAD_NS:
                    await _pause(stop, -late_ns / _NS)
                elif late_ns > _BEHIND_NS and emission.qos == 0:
                    self._given_up += 1
                    continue
                if emission.at_ns - self._told_ns >= _ADVANCE_NS:
                    self._told_ns = emission.at_ns
                    self._advance((emission.at_ns - self._begin_ns) / _NS)
                await self._slots.acquire()
                group.create_task(self._send(emission))
                await asyncio.sleep(0)

    def _due_ns(self, emission: Emission) -> int:
        return self._begin_ns + int((emission.at_ns - self._begin_ns) / self._speed)

    async def _send(self, emission: Emission) -> None:
        try:
            await self._publisher.publish(
                emission.topic, emission.payload, qos=emission.qos, retain=emission.retained
            )
        except BrokerError as error:
            self._given_up += 1
            _log.warning("message not taken", topic=emission.topic, reason=str(error))
        else:
            self._messages += 1
            self._bytes += len(emission.payload)
        finally:
            self._slots.release()

    def figures(self, now_ns: int) -> dict[str, float | str]:
        """What was played."""
        return {
            "began": time_to_text(self._begin_ns),
            "messages": self._messages,
            "given_up": self._given_up,
            "megabytes": round(self._bytes / 1e6, 3),
            "seconds": round((now_ns - self._begin_ns) / _NS, 3),
        }
