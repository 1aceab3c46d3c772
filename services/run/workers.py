"""Frame workers: processes of their own, watched and started again."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence

import structlog
from pydantic import ValidationError

from services.events import Conclusion, WorkerCounts, decode
from services.run.orders import Orders

_log = structlog.get_logger()

_CHUNK = 1024 * 1024
_RESTART_S = 1.0
_STOP_S = 5.0


class FrameWorker:
    """One worker process.

    Attributes:
        starts: how often it was started: once, and again after each end.
        unreadable: lines of it that were no record.
        counts: what it gave up, as it last said.
    """

    def __init__(
        self,
        orders: Callable[[], Orders],
        submit: Callable[[Sequence[Conclusion]], Awaitable[None]],
    ) -> None:
        """Take where the worker's orders come from, at each start, and where its records go."""
        self._orders = orders
        self._submit = submit
        self.starts = 0
        self.unreadable = 0
        self.counts: WorkerCounts | None = None
        self.pid: int | None = None
        self._process: asyncio.subprocess.Process | None = None

    def restart(self) -> None:
        """End the process in good order; it is started again with the site as it is then."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def run(self) -> None:
        """Keep the worker running until cancelled."""
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.run.frame_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            self.starts += 1
            self.pid = process.pid
            self._process = process
            try:
                await self._follow(process)
            finally:
                await _end(process)
            _log.warning("frame worker ended", pid=process.pid, code=process.returncode)
            await asyncio.sleep(_RESTART_S)

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            return
        with contextlib.suppress(ConnectionError):
            process.stdin.write(self._orders().model_dump_json().encode() + b"\n")
            await process.stdin.drain()
        rest = b""
        while chunk := await process.stdout.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            records = [record for line in lines if (record := self._read(line)) is not None]
            for record in records:
                if isinstance(record, WorkerCounts):
                    self.counts = record
            if said := [one for one in records if not isinstance(one, WorkerCounts)]:
                await self._submit(said)

    def _read(self, line: bytes) -> Conclusion | None:
        try:
            return decode(line)
        except ValidationError:
            self.unreadable += 1
            _log.exception("worker's line is no record", pid=self.pid)
            return None


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
