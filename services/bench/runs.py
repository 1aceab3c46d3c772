"""Scenes made, processed and scored, each in a folder of its own, several at a time."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from geo.site import Site
from sensors.simulators.course import truth
from sensors.truth import write_truth
from services.run.inputs import load_scene, open_input, scene_site
from services.run.processing import process
from services.run.scoring import TRUTH_FILE, Pair

Say = Callable[[str], None]
Make = Callable[[Path], None]
"""Writes a scene to a file."""

SCENE_FILE = "scene.toml"


def pair(folder: Path) -> Pair:
    """The run in a folder, to be scored."""
    return Pair(folder.name, folder / TRUTH_FILE, folder)


def run_all(work: Sequence[tuple[Path, Make]], jobs: int, say: Say) -> list[float]:
    """Make each scene in its folder, its truth, and what follows from it.

    Returns:
        Seconds of processor time that each took, without the start of its process.
    """
    # Spawned, since numba's threads do not outlive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        done = [pool.submit(_one, folder, make) for folder, make in work]
        spent = []
        for number, one in enumerate(done, start=1):
            spent.append(one.result())
            if number % 10 == 0 or number == len(done):
                say(f"{number} of {len(done)} scenes")
    return spent


def _one(folder: Path, make: Make) -> float:
    began = time.process_time()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SCENE_FILE
    make(path)
    scene = load_scene(path)
    site = Site.load(scene_site(scene, path))
    with (folder / TRUTH_FILE).open("w", encoding="utf-8") as file:
        write_truth(truth(scene, site), file)
    source = open_input(path, None, "")
    process(source.items(lambda _: None), source.site, folder, run=source.run, faults=source.faults)
    return time.process_time() - began
