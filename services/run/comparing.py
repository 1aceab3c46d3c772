"""``straja compare``: two results, each a folder of one run or of many, or a saved score."""

import json
from collections.abc import Sequence
from pathlib import Path

from geo.errors import ConfigError, RecordingError
from sensors.messages import Mark
from services.compare.changes import Comparison, Tolerances, compare
from services.compare.outcome import AlertOutcome, Outcome, RunOutcome, read_outcome
from services.events import Alert
from services.run.scoring import TRUTH_FILE, Pair, events, names_of, score
from services.score.raised import raised_of


def compare_results(
    before: Path,
    after: Path,
    truths: Sequence[Path],
    site: Path | None,
    mark: Mark | None,
    tolerances: Tolerances,
) -> Comparison:
    """Compare two results.

    Args:
        before: a folder that ``straja process`` wrote, a folder of such folders, or the file that
            ``straja score --json --details`` was printed to.
        after: likewise.
        truths: truth of the runs, in their order by name; where none is given, each run's own
            ``truth.jsonl``, which the other result's run of that name shares.
        site: that they were processed with.
        mark: of what counts.
        tolerances: what is alike.

    Raises:
        RecordingError: a result that is none, or a run with truth in one result only.
        SceneError: truth that cannot be read.
        ConfigError: not one truth for each run, or truth for saved scores.
    """
    old, new = _folders(before), _folders(after)
    if truths and not old and not new:
        raise ConfigError(
            f"--truth is {str(truths[0])!r}: wanted none, since both results are saved scores, "
            "which their truth has judged already; leave it, or name the folders of the runs"
        )
    known = _truths([*old, *new])
    if len(old) == len(new) == 1:  # one run each is the same one, whatever it is called
        known = dict.fromkeys([old[0][0], new[0][0]], next(iter(known.values()))) if known else {}
    return compare(
        _outcome(before, old, truths, known, site, mark),
        _outcome(after, new, truths, known, site, mark),
        tolerances,
    )


def _truths(folders: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """A run's truth by its name, the first result's before the other's."""
    found = [(name, folder / TRUTH_FILE) for name, folder in folders]
    return {name: path for name, path in reversed(found) if path.is_file()}


def _folders(path: Path) -> list[tuple[str, Path]]:
    """Runs of a result by name; none where it is a file."""
    if path.is_file():
        return []
    if (path / "alerts.jsonl").is_file():
        return [(path.resolve().name, path)]
    below = sorted(found.parent for found in path.glob("*/alerts.jsonl"))
    if not below:
        raise RecordingError(
            f"{str(path)!r} is no result: wanted a folder that `straja process` wrote, a folder of "
            "such folders, or a file with what `straja score --json --details` prints"
        )
    return list(zip(names_of(below), below, strict=True))


def _outcome(
    path: Path,
    folders: Sequence[tuple[str, Path]],
    truths: Sequence[Path],
    known: dict[str, Path],
    site: Path | None,
    mark: Mark | None,
) -> Outcome:
    if not folders:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _no_score(path) from error
        if not isinstance(values, dict):
            raise _no_score(path)
        return read_outcome(str(path), values)
    if truths and len(truths) != len(folders):
        raise ConfigError(
            f"{str(path)!r} has {len(folders)} runs and --truth is given {len(truths)} times: "
            "wanted one for each, in the order of their names"
        )
    names = [name for name, _ in folders]
    chosen = dict(zip(names, truths, strict=True)) if truths else known | _truths(folders)
    pairs = [Pair(name, chosen[name], folder) for name, folder in folders if name in chosen]
    unjudged = [
        RunOutcome(run=name, alerts=_alerts(folder, mark), judged=False)
        for name, folder in folders
        if name not in chosen
    ]
    if not pairs:
        return Outcome(name=str(path), runs=tuple(unjudged))
    figures, rows = score(pairs, site, mark)
    judged = read_outcome(str(path), {**figures, "details": rows})
    return judged.model_copy(update={"runs": (*judged.runs, *unjudged)})


def _no_score(path: Path) -> RecordingError:
    return RecordingError(
        f"{str(path)!r} is no saved score: wanted the file that `straja score --json --details` "
        "was printed to, or a folder that `straja process` wrote"
    )


def _alerts(folder: Path, mark: Mark | None) -> tuple[AlertOutcome, ...]:
    """Alerts of a run without truth."""
    return tuple(
        AlertOutcome(
            alert=one.alert,
            number=one.number,
            at_ns=one.at_ns,
            chainage_m=one.chainage_m,
            east_m=float(one.east_m[0]),
            north_m=float(one.north_m[0]),
            said=str(one.classes[-1]),
            severity=max(one.severities).name.lower(),
        )
        for one in raised_of(events(folder / "alerts.jsonl", Alert))
        if mark is None or one.mark is mark
    )
