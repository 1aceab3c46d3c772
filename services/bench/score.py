"""``straja bench score``: how well crossings are found, over many drawn and all committed scenes.

Each seed gives a scene, its truth and what ``straja process`` concludes from it, in a folder of
its own; all of them are scored together. The committed scenes are scored each by itself: they are
few, and each is there for one thing.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from geo.default_site import default_site_path
from geo.site import Site
from sensors.scenes import write
from sensors.simulators.course import truth
from sensors.simulators.drawn import draw_scene
from sensors.truth import write_truth
from services.bench.machine import machine
from services.bench.seeds import Seeds
from services.run.inputs import load_scene, open_input, scene_site
from services.run.processing import process
from services.run.scenes import committed_scenes
from services.run.scoring import TRUTH_FILE, Pair, score
from services.score.table import table

Say = Callable[[str], None]

_SCENE_FILE = "scene.toml"


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
        work = [
            (root / "drawn" / f"seed-{seed}", partial(_draw, seed, plan.difficulty(seed)))
            for seed in seeds
        ]
        scenes = committed_scenes() if reference else []
        work += [
            (root / "reference" / path.name.removesuffix("-scene.toml"), partial(_copy, path))
            for path in scenes
        ]
        _run_all(work, jobs, say)
        drawn = [_pair(folder) for folder, _ in work[: len(seeds)]]
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
                folder.name: score([_pair(folder)])[0] for folder, _ in work[len(seeds) :]
            },
        }
    return figures


def _pair(folder: Path) -> Pair:
    return Pair(folder.name, folder / TRUTH_FILE, folder)


def _run_all(work: Iterable[tuple[Path, Callable[[Path], None]]], jobs: int, say: Say) -> None:
    # Spawned, since numba's threads do not outlive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        done = [pool.submit(_one, folder, make) for folder, make in work]
        for number, one in enumerate(done, start=1):
            one.result()
            if number % 10 == 0 or number == len(done):
                say(f"{number} of {len(done)} scenes")


def _one(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a scene in its folder, its truth, and what follows from it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SCENE_FILE
    make(path)
    scene = load_scene(path)
    site = Site.load(scene_site(scene, path))
    with (folder / TRUTH_FILE).open("w", encoding="utf-8") as file:
        write_truth(truth(scene, site), file)
    source = open_input(path, None, "")
    process(source.items(lambda _: None), source.site, folder, run=source.run, faults=source.faults)


def _draw(seed: int, difficulty: float, path: Path) -> None:
    drawn = draw_scene(seed, difficulty, Site.load(default_site_path()))
    header = f"straja scene --seed {seed} --difficulty {difficulty:g}"
    path.write_text(write(drawn, header), encoding="utf-8")


def _copy(scene: Path, path: Path) -> None:
    path.write_text(scene.read_text(encoding="utf-8"), encoding="utf-8")


def tables(figures: Mapping[str, Any]) -> str:
    """What was measured, for a person."""
    parts = [f"drawn scenes, seeds {figures['seeds']}", table(figures["drawn"])]
    for level, some in figures["by_difficulty"].items():
        parts += [f"difficulty {level}", table(some)]
    for name, some in figures["reference"].items():
        parts += [f"scene {name}", table(some)]
    return "\n\n".join(parts)
