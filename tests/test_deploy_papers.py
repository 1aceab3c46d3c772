"""Deploy files agree with the program: metrics, folders, variables."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.events import LoweredCount
from services.run.clock import StreamClock
from services.run.metrics import Metrics, Upkeep

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "dashboards" / "straja.json"
FOREIGN = {"up"}


def any_service() -> Any:
    """Stands for every part that metrics are read from: all its counts are 0."""
    gateway = SimpleNamespace(group="g", received=0, journalled=0, rejected=0, sent=0)
    sensor = SimpleNamespace(kind="fibre", sensor="fibre-1", state="online", cover=0.9)
    lowered = [LoweredCount("vehicle", 60_000.0, 60_250.0, 1)]
    memory = SimpleNamespace(lowered=lowered, tallies={"raised_again": 1}, size=1)

    class Parts:
        def __getattr__(self, name: str) -> Any:
            return {
                "gateways": lambda: [gateway],
                "sensors": lambda: [sensor],
                "proof": lambda: None,
                "away_since_ns": None,
                "counts": None,
                "refused": {"topic": 1},
                "memory": memory,
                "left_out": {("tracker", "refused_burst"): 1},
                "restarted": [],
                "stages_changed": [],
                "not_keeping_since_ns": None,
            }.get(name, 0)

    return Parts()


@pytest.fixture(scope="module")
def metrics() -> set[str]:
    part = any_service()
    log: Any = SimpleNamespace(counts={"payload": 1})
    made = Metrics(
        part, part, part, part, part, [part], part, part, StreamClock(), Upkeep(), None, log
    )
    samples = re.findall(r"^(straja_\w+)", made.text().decode(), re.MULTILINE)
    assert len(samples) > 15
    return set(samples)


def named(text: str) -> set[str]:
    return set(re.findall(r"\bstraja_\w+", text))


def test_rules_speak_of_metrics_that_exist(metrics: set[str]) -> None:
    expressions = re.findall(r"^ +expr: (.*)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(expressions) > 10
    assert named(" ".join(expressions)) - metrics == set()


def test_every_rule_says_what_to_do() -> None:
    rules = RULES.read_text(encoding="utf-8").split("- alert: ")[1:]
    for rule in rules:
        assert re.search(r"severity: (critical|warning|info)", rule), rule
        assert "summary: " in rule, rule
        assert "action: " in rule, rule


def panels() -> Iterator[dict[str, Any]]:
    yield from json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def test_dashboard_shows_metrics_that_exist_and_leaves_none_out(metrics: set[str]) -> None:
    shown = named(" ".join(target["expr"] for panel in panels() for target in panel["targets"]))
    assert shown - metrics == set()
    created = {name for name in metrics if name.endswith("_created")}
    assert metrics - created - shown == set()


def test_dashboard_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_guide_speaks_of_metrics_that_exist(metrics: set[str]) -> None:
    guide = (ROOT / "docs" / "administrators.md").read_text(encoding="utf-8")
    assert named(guide) - {"straja_owner", "straja_service"} - metrics == set()


def test_image_copies_what_is_there_and_its_ignore_file_lets_it_through() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    roots = [line[1:] for line in allowed if line.startswith("!")]
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
    sources = [source.rstrip("/") for line in copies for source in line.split()]
    assert len(sources) > 5
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == root or source.startswith(f"{root}/") for root in roots), source


def test_compose_mounts_what_is_there() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    mounts = re.findall(r"^ +- (\.\.?/[^:\s]+):/", text, re.MULTILINE)
    assert len(mounts) > 2
    assert not [mount for mount in mounts if not (DEPLOY / mount).exists()]


def test_compose_publishes_on_loopback_unless_told_and_never_the_database() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    published = re.findall(r"\"([^\"\s]*):\d+:\d+\"", text)
    assert len(published) == 3
    assert set(published) == {"${STRAJA_PUBLISH:-127.0.0.1}", "127.0.0.1"}
    database = text[text.index("\n  database:") : text.index("\n  migrate:")]
    assert "ports:" not in database


def test_papers_make_every_secret_that_compose_names() -> None:
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    files = set(re.findall(r"(?<!run/)secrets/([\w.-]+)", compose))
    assert len(files) > 8
    assert not [name for name in files if name not in readme]


def test_script_for_the_database_can_be_run() -> None:
    script = DEPLOY / "compose" / "init-database.sh"
    assert script.stat().st_mode & 0o111
    assert "/straja/roles.sql" in script.read_text(encoding="utf-8")
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert "roles.sql:/straja/roles.sql:ro" in compose
