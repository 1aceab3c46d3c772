"""``straja score --plot``: pictures of the runs that are scored."""

from collections.abc import Sequence
from pathlib import Path

from geo.errors import ConfigError
from services.events import Detection
from services.run.drawing import Shown, draw
from services.run.inputs import open_input
from services.run.scoring import Pair, ReadRun, events
from services.run.waterfall import Waterfall, waterfalls
from services.score.actors import actors_of
from services.score.rows import Scored


class Plots:
    """Draws each run that it is told of."""

    def __init__(
        self,
        folder: Path,
        pairs: Sequence[Pair],
        inputs: Sequence[Path],
        site_path: Path | None,
        sensor: str,
    ) -> None:
        """Set up.

        Args:
            folder: for the pictures.
            pairs: the runs.
            inputs: their inputs, whose frames give the waterfalls; none, or one for each.
            site_path: the site they were processed with; else the one that the input names.
            sensor: for a DAS file, the fibre sensor that it stands for.

        Raises:
            ConfigError: inputs for some runs only.
        """
        if inputs and len(inputs) != len(pairs):
            raise ConfigError(
                f"--input is given {len(inputs)} times for {len(pairs)} runs: wanted one for each, "
                "in the same order, or none"
            )
        self._folder = folder
        self._inputs = dict(zip([pair.name for pair in pairs], inputs, strict=bool(inputs)))
        self._site_path = site_path
        self._sensor = sensor
        self.written: list[Path] = []

    def __call__(self, pair: Pair, read: ReadRun, scored: Scored) -> None:
        """Draw one run."""
        shown = Shown(
            site=read.run.site,
            scored=scored,
            begin_ns=read.run.begin_ns,
            actors=actors_of(read.truth),
            detections=list(events(pair.folder / "detections.jsonl", Detection)),
            waterfalls=self._waterfalls(pair.name),
        )
        self.written += draw(shown, self._folder)

    def _waterfalls(self, name: str) -> dict[str, Waterfall]:
        path = self._inputs.get(name)
        if path is None:
            return {}
        source = open_input(path, self._site_path, self._sensor)
        if source.seconds is None:
            raise ConfigError(f"{path.name} has no duration_s: a scene to draw has an end")
        return waterfalls(source.items(lambda _: None), source.seconds)
