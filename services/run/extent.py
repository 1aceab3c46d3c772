"""What an input covered: its times, the sensors that sent, the faults that it had on purpose.

``straja process`` writes it beside its conclusions as ``run.json``, so that a rate for each
kilometre and day can be taken of them later, and so that what was lost can be laid to a fault.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geo.errors import RecordingError, WireError
from sensors.messages import FibreFrame
from sensors.topics import Channel, SensorKind, parse
from sensors.wire import decode
from services.events import Command, Received

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class SceneFault:
    """A fault that a scene has on purpose, in the input's time."""

    sensor: str
    kind: str
    begin_ns: int
    end_ns: int


@dataclass(slots=True)
class Extent:
    """Grows with the input.

    Attributes:
        begin_ns: first item.
        end_ns: last.
        sensors: that sent anything under a topic of the contract; for a fibre the first channel
            and the number of channels of its frames.
        faults: on purpose.
    """

    begin_ns: int = 0
    end_ns: int = 0
    sensors: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    faults: Sequence[SceneFault] = ()

    def take(self, item: Received | Command) -> None:
        """Take note of one item."""
        at_ns = item.received_at_ns if isinstance(item, Received) else item.at_ns
        self.begin_ns = min(self.begin_ns or at_ns, at_ns)
        self.end_ns = max(self.end_ns, at_ns)
        if isinstance(item, Received):
            self._hear(item)

    def _hear(self, item: Received) -> None:
        levels = item.topic.split("/")
        if len(levels) != 6 or self.sensors.get(levels[4]) is not None:
            return
        sensor = levels[4]
        self.sensors.setdefault(sensor, None)
        if levels[3] != SensorKind.FIBRE or levels[5] != Channel.FRAME:
            return
        try:
            frame = decode(parse(item.topic), item.payload).message
        except WireError:
            return  # refused and counted on its way
        if isinstance(frame, FibreFrame):
            self.sensors[sensor] = (frame.first_channel, frame.samples.shape[1])

    def write(self, folder: Path, **more: Any) -> None:
        """Write ``run.json``; ``more`` stands in it as given."""
        values = {
            "begin_ns": self.begin_ns,
            "end_ns": self.end_ns,
            "sensors": dict(sorted(self.sensors.items())),
            "faults": [
                {
                    "sensor": one.sensor,
                    "kind": one.kind,
                    "begin_ns": one.begin_ns,
                    "end_ns": one.end_ns,
                }
                for one in self.faults
            ],
            **more,
        }
        text = json.dumps(values, indent=1, sort_keys=True)
        (folder / RUN_FILE).write_text(text + "\n", encoding="utf-8")


def read_extent(folder: Path) -> tuple[Extent, dict[str, Any]] | None:
    """Read what :meth:`Extent.write` wrote: the extent, and all values; None where it is not there.

    Raises:
        RecordingError: a file that cannot be read.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        sensors = {
            name: None if channels is None else (int(channels[0]), int(channels[1]))
            for name, channels in values["sensors"].items()
        }
        faults = [
            SceneFault(one["sensor"], one["kind"], int(one["begin_ns"]), int(one["end_ns"]))
            for one in values["faults"]
        ]
        return Extent(int(values["begin_ns"]), int(values["end_ns"]), sensors, faults), values
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RecordingError(
            f"{path} cannot be read: wanted what `straja process` writes; process the input again "
            "with this version"
        ) from error
