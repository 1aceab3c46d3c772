"""``straja bench score``: how well crossings are found, over many drawn and all committed scenes.

Each seed gives a scene, its truth and what ``straja process`` concludes from it, in a folder of
its own; all of them are scored together. The committed scenes are scored each by itself: they are
few, and each is there for one thing.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from geo.default_site import default_site_path
from geo.site import Site
from sensors.scenes import write
from sensors.simulators.drawn import draw_scene
from services.bench.cases import case_tables
from services.bench.machine import machine
from services.bench.runs import Make, Say, pair, run_all
from services.bench.seeds import Seeds
from services.run.scenes import committed_scenes
from services.run.scoring import score
from services.score.table import table


def measure(
    seeds: Sequence[int], plan: Seeds, folder: Path | None, jobs: int, *, reference: bool, say: Say
) -> dict[str, Any]:
    """Draw, process and score.

    Args:
        seeds: of the scenes.
        plan: says how difficult each is.
        folder: where scenes, truth and results are left; None leaves nothing.
        jobs: processes at a time.
        reference: whether to score the committed scenes as well.
        say: told how far it is.

    Returns:
        Figures over all drawn scenes, by difficulty, and of each committed scene.
    """
    with ExitStack() as stack:
        root = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work: list[tuple[Path, Make]] = [
            (root / "drawn" / f"seed-{seed}", partial(_draw, seed, plan.difficulty(seed)))
            for seed in seeds
        ]
        scenes = committed_scenes() if reference else []
        work += [
            (root / "reference" / path.name.removesuffix("-scene.toml"), partial(_copy, path))
            for path in scenes
        ]
        run_all(work, jobs, say)
        drawn = [pair(folder) for folder, _ in work[: len(seeds)]]
        figures: dict[str, Any] = {
            "seeds": f"{seeds[0]}-{seeds[-1]}" if seeds else "none",
            "machine": machine(),
            "drawn": score(drawn)[0],
            "by_difficulty": {
                f"{level:g}": score(
                    [
                        p
                        for p, seed in zip(drawn, seeds, strict=True)
                        if plan.difficulty(seed) == level
                    ]
                )[0]
                for level in plan.difficulties
            },
            "reference": {
                folder.name: score([pair(folder)])[0] for folder, _ in work[len(seeds) :]
            },
        }
    return figures


def _draw(seed: int, difficulty: float, path: Path) -> None:
    drawn = draw_scene(seed, difficulty, Site.load(default_site_path()))
    header = f"straja scene --seed {seed} --difficulty {difficulty:g}"
    path.write_text(write(drawn, header), encoding="utf-8")


def _copy(scene: Path, path: Path) -> None:
    path.write_text(scene.read_text(encoding="utf-8"), encoding="utf-8")


def tables(figures: Mapping[str, Any]) -> str:
    """What was measured, for a person."""
    parts = []
    if "drawn" in figures:
        parts = [f"drawn scenes, seeds {figures['seeds']}", table(figures["drawn"])]
    for level, some in figures.get("by_difficulty", {}).items():
        parts += [f"difficulty {level}", table(some)]
    for name, some in figures.get("reference", {}).items():
        parts += [f"scene {name}", table(some)]
    return "\n\n".join([*parts, *case_tables(figures.get("cases", {}))])
