"""Seeds for tuning and for figures stay apart; drawn scenes are scored together."""

import json
from pathlib import Path

import pytest

from geo.errors import ConfigError
from services.bench.score import measure, tables
from services.bench.seeds import Seeds, SeedSet, seed_set, shipped_seeds
from services.cli.main import run
from services.run.scenes import committed_scenes
from services.run.scoring import pairs_of, score

PLAN = Seeds.model_validate(
    {
        "difficulties": [0.0, 1.0],
        "tuning": {"first_seed": 100, "scenes": 20},
        "figures": {"first_seed": 200, "scenes": 30},
    }
)


def test_shipped_seeds_are_apart_and_enough_for_hundreds_of_crossings() -> None:
    plan = shipped_seeds()
    assert not set(plan.tuning.seeds) & set(plan.figures.seeds)
    assert len(plan.figures.seeds) >= 200
    assert {plan.difficulty(seed) for seed in plan.figures.seeds} == set(plan.difficulties)


def test_seeds_are_the_range_or_its_begin() -> None:
    assert PLAN.chosen(SeedSet.TUNING, None, None) == range(100, 120)
    assert PLAN.chosen(SeedSet.FIGURES, 5, None) == range(200, 205)
    assert PLAN.chosen(SeedSet.TUNING, 0, None) == range(100, 100)
    assert PLAN.chosen(SeedSet.TUNING, 7, 1) == range(1, 8)
    assert (PLAN.difficulty(100), PLAN.difficulty(101)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "scenes", "first", "told"),
    [
        (SeedSet.TUNING, 21, None, "wanted at most 20"),
        (SeedSet.TUNING, 5, 229, "seeds 200 to 229 are kept for figures"),
        (SeedSet.TUNING, 5, 196, "seeds 200 to 229 are kept for figures"),
    ],
)
def test_seeds_of_figures_are_not_had_by_the_back_door(
    name: SeedSet, scenes: int, first: int | None, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        PLAN.chosen(name, scenes, first)


def test_ranges_that_overlap_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "seeds.toml"
    path.write_text(
        "difficulties = [0.5]\n[tuning]\nfirst_seed = 1\nscenes = 10\n"
        "[figures]\nfirst_seed = 10\nscenes = 5\n"
    )
    with pytest.raises(ConfigError, match="ranges of tuning and figures that do not overlap"):
        shipped_seeds(path)
    with pytest.raises(ConfigError, match=r"seeds\.toml: wanted ranges"):
        shipped_seeds(tmp_path / "gone" / "seeds.toml")
    with pytest.raises(ConfigError, match="--seeds is 'all'"):
        seed_set("all")


def test_drawn_scenes_are_scored_together_and_can_be_scored_again(tmp_path: Path) -> None:
    told: list[str] = []
    figures = measure(range(100, 102), PLAN, tmp_path, 2, reference=False, say=told.append)
    assert told == ["2 of 2 scenes"]
    assert figures["drawn"]["runs"] == 2
    assert figures["drawn"]["crossings"] >= 2
    parts = figures["by_difficulty"]
    assert sum(some["crossings"] for some in parts.values()) == figures["drawn"]["crossings"]
    again, _ = score(pairs_of([], [], [tmp_path / "drawn"]))
    assert again == figures["drawn"]
    assert "difficulty 1" in tables(figures)


def test_command_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--scenes", "1", "--first-seed", "5", "--no-reference", "--jobs", "1", "--json"]
    assert run(["bench", "score", *given, "--out", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "score.json").read_text(encoding="utf-8")) == printed
    assert printed["seeds"] == "5-5"
    assert printed["reference"] == {}
    assert run(["bench", "score", "--seeds", "mine"]) == 2


def test_committed_scenes_that_end_are_scored() -> None:
    names = {path.name for path in committed_scenes()}
    assert "crossing-scene.toml" in names
    assert "demo-scene.toml" not in names
