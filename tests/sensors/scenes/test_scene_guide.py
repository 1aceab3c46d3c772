"""The guide to scenes tells every key with its default, and nothing that is not there."""

import re
from pathlib import Path

import pytest

from geo.toml_text import pair
from sensors.scenes import (
    Actor,
    ActorClass,
    Behaviour,
    CableEvent,
    Crossings,
    Fault,
    Patrol,
    Scene,
    Weather,
    kinds,
    parse,
    top_speed_mps,
)
from sensors.scenes.rows import Table
from sensors.simulators.faults import FLOOD, LATE_S, SKEW_S
from sensors.truth import KEYS

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "scenes.md").read_text(encoding="utf-8")
TABLES: dict[str, type[Table]] = {
    "Scene": Scene,
    "`[weather]`": Weather,
    "`[[actor]]`": Actor,
    "`[[patrol]]`": Patrol,
    "`[[crossings]]`": Crossings,
    "`[[cable_event]]`": CableEvent,
    "`[[fault]]`": Fault,
}


def part(heading: str) -> str:
    """Text under a heading, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", GUIDE, re.DOTALL | re.MULTILINE
    )
    assert found, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_told_with_its_default(heading: str) -> None:
    table = part(heading).partition("\n| behaviour |")[0].partition("\n| kind |")[0]
    told = {row[0].strip("`"): row[1] for row in rows(table)}
    model = TABLES[heading]
    wanted = {}
    for name, field in model.model_fields.items():
        if field.is_required():
            default = "needed"
        elif field.default is None:
            default = "none"
        elif name == "weather":
            default = "calm"
        else:
            default = f"`{pair('x', field.default).removeprefix('x = ')}`"
        wanted[field.alias or name] = default
    assert told == wanted


def test_which_behaviour_goes_with_which_class_is_told_with_its_top_speed() -> None:
    table = part("`[[actor]]`").partition("\n| behaviour |")[2]
    told = {row[0].strip("`"): row[1] for row in rows(table)}
    assert set(told) == set(Behaviour)
    for behaviour in Behaviour:
        words = []
        for actor_class in ActorClass:
            try:
                kinds.check_pair(actor_class, behaviour)
            except ValueError:
                continue
            top = "" if behaviour.stays else f" {top_speed_mps(actor_class, behaviour):g}"
            words.append(f"{actor_class}{top}")
        every = len(words) == len(ActorClass)
        assert set(told[behaviour].split(", ")) == ({"every class"} if every else set(words))


def test_every_fault_is_told_with_its_figures() -> None:
    table = part("`[[fault]]`").partition("\n| kind |")[2]
    told = {row[0].strip("`"): row[1] for row in rows(table)}
    for kind in told:
        fault = {"sensor": "fibre-1", "t_s": 1.0, "duration_s": 1.0, "kind": kind}
        assert Fault.model_validate(fault).kind == kind
    assert len(told) == 9
    assert f"{LATE_S:g} s late" in told["late"]
    assert f"{SKEW_S:g} s fast" in told["skew"]
    assert f"{FLOOD} times" in told["flood"]


def test_every_key_of_the_truth_is_told() -> None:
    told = {key for row in rows(part("Truth")) for key in re.findall(r"`(\w+)`", row[0])}
    assert told == set(KEYS)


def test_the_scene_of_the_guide_is_a_scene() -> None:
    block = re.search(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert block
    assert parse("\n".join(line.strip() for line in block[1].splitlines())).actor


def test_every_committed_scene_is_told_and_says_what_it_is_for() -> None:
    table = rows(part("The scenes that are here"))
    told = {name for row in table for name in re.findall(r"`([\w-]+)`", row[0])}
    paths = sorted((ROOT / "deploy" / "scenes").glob("*.toml"))
    assert told == {path.name.removesuffix("-scene.toml") for path in paths}
    for path in paths:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# "), f"{path.name} begins with a comment that says what it is for"
