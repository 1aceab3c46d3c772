"""A scene gives the same bytes each time, and the same samples however they are cut."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from geo.site import Site
from sensors.messages import FibreFrame
from sensors.scenes import Scene, load
from sensors.simulators.course import truth
from sensors.simulators.traffic import simulate
from sensors.topics import parse as parse_topic
from sensors.wire import decode

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
SCENES = sorted(
    path for path in (DEPLOY / "scenes").glob("*-scene.toml") if "demo" not in path.name
)


@cache
def site() -> Site:
    return Site.load(DEPLOY / "sites" / "default.toml")


def shortened(path: Path, seconds: float) -> Scene:
    scene = load(path)
    return scene.model_copy(update={"duration_s": seconds})


def narrow(scene: Scene) -> bool:
    return scene.fibre_window_m is not None


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_committed_scenes_give_the_same_messages_and_truth_twice(path: Path) -> None:
    scene = shortened(path, 6.0 if not narrow(load(path)) else 90.0)
    sums = []
    for _ in range(2):
        digest = blake2b()
        for one in simulate(scene, site()):
            digest.update(f"{one.at_ns} {one.topic} {one.retained} {one.qos}".encode())
            digest.update(one.payload)
        for point in truth(scene, site(), 5.0):
            digest.update(repr(point).encode())
        sums.append(digest.hexdigest())
    assert sums[0] == sums[1]


@pytest.mark.parametrize(
    "path", [path for path in SCENES if narrow(load(path))], ids=lambda path: path.stem
)
def test_committed_scenes_give_the_same_samples_in_any_blocks(path: Path) -> None:
    """What is sent as frames joins to the same samples; everything else is the same to the byte."""
    scene = shortened(path, 130.0)
    rest: list[bytes] = []
    joined: list[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int16]]]] = []
    for rows in (125, 311):
        frames: dict[str, list[FibreFrame]] = {}
        digest = blake2b()
        for one in simulate(scene, site(), frame_rows=rows):
            topic = parse_topic(one.topic)
            if topic.kind == "fibre" and topic.channel == "frame":
                message = decode(topic, one.payload).message
                assert isinstance(message, FibreFrame)
                frames.setdefault(f"{topic.sensor} {message.session}", []).append(message)
            elif topic.kind not in {"fibre", None}:
                digest.update(one.topic.encode() + one.payload)
        rest.append(digest.digest())
        joined.append(
            {name: np.concatenate([one.samples for one in found]) for name, found in frames.items()}
        )
    assert rest[0] == rest[1]
    assert set(joined[0]) == set(joined[1])
    for name, samples in joined[0].items():
        count = min(len(samples), len(joined[1][name]))
        assert count > 500
        np.testing.assert_array_equal(samples[:count], joined[1][name][:count])
