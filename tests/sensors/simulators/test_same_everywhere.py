"""A scene is the same in another process, in other blocks and on another machine.

``STRAJA_WRITE_GOLDEN=1 pytest`` of this file writes what is compared between machines anew.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sensors.simulators.gateway import Emission
from tests.sensors.simulators.scene_bytes import (
    GOLDEN,
    digest,
    emissions,
    is_frame,
    samples,
    summary,
    truth_lines,
)

_TRUTH = GOLDEN / "small-truth.jsonl"
_MESSAGES = GOLDEN / "small-messages.json"
_SAMPLES = GOLDEN / "small-samples.json"

_ROWS = slice(4_000, 4_125)  # the block at 8 s: steps, a spade and a car at the cable
_EACH_CHANNEL = 3


@pytest.fixture(scope="module")
def sent() -> list[Emission]:
    return emissions()


def told_by_another_process(*frame_rows: int) -> list[dict[str, str]]:
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.sensors.simulators.scene_bytes", *map(str, frame_rows)],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "PYTHONHASHSEED": other},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_another_process_with_other_hashes_and_blocks_gives_the_same_bytes(
    sent: Sequence[Emission],
) -> None:
    here = summary(sent)
    there, in_other_blocks = told_by_another_process(125, 311)
    assert there == here
    assert in_other_blocks.pop("all") != here.pop("all")  # frames begin elsewhere
    assert in_other_blocks == here


def golden(path: Path, found: str) -> str:
    """What is committed; written anew where that is asked for."""
    if os.environ.get("STRAJA_WRITE_GOLDEN"):  # after a change that was meant; look at the diff
        path.write_text(found)
    return path.read_text()


def test_truth_is_as_on_other_machines() -> None:
    found = "\n".join(truth_lines(6.0)) + "\n"
    assert found == golden(_TRUTH, found)


def test_messages_are_as_on_other_machines(sent: Sequence[Emission]) -> None:
    found: dict[str, str] = {}
    for one in sent:
        if not is_frame(one):
            found[one.topic] = f"{found.get(one.topic, '')} {digest(one)}".strip()
    assert len(found) > 20
    assert found == json.loads(golden(_MESSAGES, json.dumps(found, indent=1) + "\n"))


def test_samples_are_as_on_other_machines_up_to_rounding(sent: Sequence[Emission]) -> None:
    first, joined = samples(sent)
    found = {
        str(first + column): joined[_ROWS, column].tolist()
        for column in range(0, joined.shape[1], _EACH_CHANNEL)
    }
    written = "{\n" + ",\n".join(f'"{key}": {value}' for key, value in found.items()) + "\n}\n"
    wanted = json.loads(golden(_SAMPLES, written))
    assert found.keys() == wanted.keys()
    for channel, counts in wanted.items():
        assert np.ptp(counts) > 100
        np.testing.assert_allclose(found[channel], counts, rtol=0.0, atol=1.0, err_msg=channel)
