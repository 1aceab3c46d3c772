"""What all tests share."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """Folder of real recordings; a user's clone has none, and such tests are left out there."""
    if not _SHARED.is_dir():
        pytest.skip("the real recordings are not beside this clone")
    return _SHARED


@pytest_asyncio.fixture
async def task_guard() -> AsyncIterator[None]:
    """Fail where a test leaves a task running."""
    before = asyncio.all_tasks()
    yield
    own = asyncio.current_task()  # runs this very clean-up
    leaked = [t for t in asyncio.all_tasks() - before if t is not own and not t.done()]
    for task in leaked:
        task.cancel()
    if leaked:
        pytest.fail(f"tasks still running: {leaked}")


@pytest.fixture(autouse=True)
def _no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Guard every asynchronous test."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("task_guard")
