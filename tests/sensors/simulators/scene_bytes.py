"""What a small scene gives, summed up; as a program too, so that another process can do the same.

``python -m tests.sensors.simulators.scene_bytes ROWS...`` writes one JSON object for each length of
a fibre's frames.
"""

import io
import json
import sys
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.default_site import default_site_path
from geo.site import Site
from sensors.messages import FibreFrame
from sensors.scenes import Scene, load
from sensors.simulators.course import truth
from sensors.simulators.gateway import Emission
from sensors.simulators.traffic import simulate
from sensors.topics import Channel, parse
from sensors.truth import write_truth
from sensors.wire import decode

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
WHOLE_S = 11
"""Seconds of fibre that were sent however they were cut; the scene lasts twelve."""


def scene() -> tuple[Scene, Site]:
    """The scene, where it takes place."""
    return load(GOLDEN / "small-scene.toml"), Site.load(default_site_path())


def emissions(frame_rows: int = 125) -> list[Emission]:
    """All its messages, with so many samples in a fibre's frame."""
    return list(simulate(*scene(), frame_rows=frame_rows))


def digest(one: Emission) -> str:
    """Sum of a message with all that belongs to it."""
    head = f"{one.at_ns} {one.topic} {one.retained} {one.qos} "
    return blake2b(head.encode() + one.payload, digest_size=4).hexdigest()


def is_frame(one: Emission) -> bool:
    """Whether it holds a fibre's samples."""
    topic = parse(one.topic)
    return topic.kind == "fibre" and topic.channel is Channel.FRAME


def samples(sent: Sequence[Emission]) -> tuple[int, NDArray[np.int16]]:
    """First channel and joined samples of the frames, shape (time, channel)."""
    told = [decode(parse(one.topic), one.payload).message for one in sent if is_frame(one)]
    found = [one for one in told if isinstance(one, FibreFrame)]
    return found[0].first_channel, np.concatenate([one.samples for one in found])


def truth_lines(step_s: float) -> list[str]:
    """Its truth as JSON Lines."""
    written = io.StringIO()
    write_truth(truth(*scene(), step_s), written)
    return written.getvalue().splitlines()


def summary(sent: Sequence[Emission]) -> dict[str, str]:
    """Sums of everything, by what they are of.

    ``all`` is of every message as it is sent; ``others`` leaves out what holds or counts frames;
    ``samples`` are those of the fibre, joined.
    """
    others = [one for one in sent if "interrogator" not in one.topic]
    _, joined = samples(sent)
    return {
        "all": _sum(digest(one).encode() for one in sent),
        "others": _sum(digest(one).encode() for one in others),
        "samples": _sum([joined[: WHOLE_S * 500].tobytes()]),
        "truth": _sum(line.encode() for line in truth_lines(1.0)),
    }


def _sum(parts: Iterable[bytes]) -> str:
    whole = blake2b(digest_size=16)
    for part in parts:
        whole.update(part)
    return whole.hexdigest()


if __name__ == "__main__":
    for rows in sys.argv[1:]:
        sys.stdout.write(json.dumps(summary(emissions(int(rows)))) + "\n")
