"""The rule of purity: cores do no I/O and read neither clock nor chance."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHELLS = {"worker", "app", "ports"}
PARTS = ("ingest", "detect", "correlate", "alerts", "score", "compare", "calibrate")
FORBIDDEN_IMPORTS = {
    "asyncio", "socket", "time", "random", "secrets", "uuid", "logging", "structlog",
    "subprocess", "threading", "multiprocessing", "http", "urllib", "requests", "signal",
}  # fmt: skip
FORBIDDEN_CALLS = {"now", "utcnow", "today", "default_rng", "urandom"}


def pure_modules() -> Iterator[Path]:
    for folder in ("geo", "sensors"):
        yield from (ROOT / folder).rglob("*.py")
    yield ROOT / "services/events.py"
    yield ROOT / "services/stage.py"
    yield ROOT / "services/health.py"
    for part in PARTS:
        for path in (ROOT / "services" / part).rglob("*.py"):
            names = {*path.relative_to(ROOT / "services" / part).parent.parts, path.stem}
            if not names & SHELLS and "node_modules" not in path.parts:
                yield path


@pytest.mark.parametrize("path", sorted(pure_modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_core_imports_nothing_of_the_outside_world(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").split(".")[0])
    assert not imported & FORBIDDEN_IMPORTS


@pytest.mark.parametrize("path", sorted(pure_modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_core_reads_neither_clock_nor_unseeded_chance(path: Path) -> None:
    found = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in FORBIDDEN_CALLS
        and not node.args
    ]
    assert not found, f"{path.name}: lines {found}"
