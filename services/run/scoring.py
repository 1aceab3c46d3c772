"""``straja score``: what runs left in their folders, against their truth."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from geo.default_site import default_site_path
from geo.errors import ConfigError, RecordingError, SceneError
from geo.site import Site
from sensors.messages import Mark, time_to_text
from sensors.truth import TruthPoint, read_truth
from services.events import Alert, Conclusion, Detection, Track, decode
from services.run.extent import Extent, read_extent
from services.score.figures import figures
from services.score.judge import FaultSpan, Run, judge
from services.score.rows import Scored, details
from services.score.settings import ScoreSettings

TRUTH_FILE = "truth.jsonl"

_EventT = TypeVar("_EventT", Alert, Detection, Track)


@dataclass(frozen=True, slots=True)
class Pair:
    """A run's folder, and the truth of its input."""

    name: str
    truth: Path
    folder: Path


def pairs_of(
    truths: Sequence[Path], folders: Sequence[Path], together: Sequence[Path]
) -> list[Pair]:
    """Bring truth and folders together.

    Args:
        truths: files, one for each of ``folders``, or none: then each folder holds its own.
        folders: of runs.
        together: folders of such folders.

    Raises:
        ConfigError: nothing given, or not as many of one as of the other.
    """
    if truths and len(truths) != len(folders):
        raise ConfigError(
            f"--truth is given {len(truths)} times and --out-dir {len(folders)} times: wanted one "
            "truth for each folder, in the same order"
        )
    found = list(zip(truths, folders, strict=True)) if truths else []
    inside = [] if truths else list(folders)
    for folder in together:
        below = sorted(path.parent for path in folder.glob(f"*/{TRUTH_FILE}"))
        if not below:
            raise ConfigError(
                f"--runs is {str(folder)!r}: wanted a folder of runs, each with {TRUTH_FILE}; give "
                "one run with --out-dir, or lay truth into each"
            )
        inside += below
    found += [(folder / TRUTH_FILE, folder) for folder in inside]
    if not found:
        raise ConfigError("nothing to score: give --truth FILE and --out-dir DIR, or --runs DIR")
    names = names_of([folder for _, folder in found])
    return [Pair(name, *one) for name, one in zip(names, found, strict=True)]


def names_of(folders: Sequence[Path]) -> list[str]:
    """Names of runs: their folders', with as many parents as tell them apart."""
    for depth in range(1, 8):
        names = ["/".join(folder.resolve().parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    raise ConfigError("the same --out-dir is given twice: a run counts once")


@dataclass(frozen=True, slots=True)
class ReadRun:
    """A run as it was read.

    Attributes:
        truth: of its input.
        alerts: all revisions, as the following.
        own_reports: detections that are positions of our own units.
    """

    run: Run
    truth: Sequence[TruthPoint]
    alerts: Sequence[Alert]
    tracks: Sequence[Track]
    own_reports: Sequence[Detection]


def read_run(pair: Pair, site_path: Path | None, mark: Mark | None) -> ReadRun:
    """Read one run and its truth.

    Args:
        pair: its folder and truth.
        site_path: the site it was processed with; else the default site.
        mark: of what counts; None where all of it has one.

    Raises:
        SceneError: truth that cannot be read.
        RecordingError: a folder that ``straja process`` did not write.
        ConfigError: a folder with several marks, none of which was chosen, or with another than
            the chosen one, or of another site.
        SceneError: truth of another time than the run's.
    """
    truth = list(_truth(pair.truth))
    alerts = list(events(pair.folder / "alerts.jsonl", Alert))
    tracks = list(events(pair.folder / "tracks.jsonl", Track))
    reports = list(_own_reports(pair.folder / "detections.jsonl"))
    marks = {one.mark for one in alerts} | {one.mark for one in tracks}
    if mark is None and len(marks) > 1:
        known = ", ".join(sorted(marks))
        raise ConfigError(
            f"{pair.folder} holds the marks {known}: say which one the truth is of, with --mark"
        )
    if mark is not None and mark not in marks:
        _check_mark(pair.folder, mark, marks)
    found = read_extent(pair.folder)
    extent, values = found or (_extent_of(truth, alerts, tracks), {})
    _check_times(pair, truth, extent)
    run = Run(
        name=pair.name,
        site=_site(site_path, values.get("site"), pair.folder).at(extent.begin_ns),
        begin_ns=extent.begin_ns,
        end_ns=extent.end_ns,
        mark=mark or next(iter(marks), Mark.SIMULATED),
        sensors=extent.sensors if found else None,
        faults=tuple(
            FaultSpan(one.sensor, one.kind, one.begin_ns, one.end_ns) for one in extent.faults
        ),
        messages_lost=int(values.get("lost", 0)),
        messages_rejected=int(values.get("rejected", 0)),
    )
    return ReadRun(run, truth, alerts, tracks, reports)


Told = Callable[[Pair, ReadRun, Scored], None]
"""Told of each run that is scored."""


def score(
    pairs: Sequence[Pair],
    site_path: Path | None = None,
    mark: Mark | None = None,
    settings: ScoreSettings | None = None,
    tell: Told = lambda *_: None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score runs together: all figures, and the rows of each run that they are taken from.

    Args:
        pairs: the runs.
        site_path: as for ``read_run``.
        mark: likewise.
        settings: limits.
        tell: called with each run once it is scored.
    """
    chosen = settings or ScoreSettings()
    scored = []
    for pair in pairs:
        read = read_run(pair, site_path, mark)
        one = judge(read.run, read.truth, read.alerts, read.tracks, read.own_reports, chosen)
        scored.append(one)
        tell(pair, read, one)
    return figures(scored, chosen), details(scored)


@lru_cache(maxsize=4)
def _loaded(path: Path) -> Site:
    return Site.load(path)


def _site(path: Path | None, wanted: str | None, folder: Path) -> Site:
    site = _loaded(path or default_site_path())
    if path is None and wanted not in {None, site.hash}:
        raise ConfigError(
            f"{folder} was processed with another site than the default one: give its file with "
            "--site FILE"
        )
    return site


def _truth(path: Path) -> Iterator[TruthPoint]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from read_truth(file)
    except SceneError as error:
        raise SceneError(f"{path}: {error}") from error
    except OSError as error:
        raise SceneError(
            f"{path}: there is no truth that can be read: wanted what `straja truth` writes; write "
            "it there, or give another file with --truth"
        ) from error
    except UnicodeDecodeError as error:
        raise SceneError(
            f"{path}: the file holds no text in UTF-8: wanted truth as JSON Lines; give what "
            "`straja truth` writes"
        ) from error


def events(path: Path, kind: type[_EventT]) -> Iterator[_EventT]:
    """Read one kind of conclusions from a file that ``straja process`` wrote.

    Raises:
        RecordingError: naming file and line of what cannot be read.
    """
    for line, number in _lines(path):
        event = _decoded(line, path, number)
        if not isinstance(event, kind):
            raise RecordingError(
                f"{path}:{number} is {event.record!r}: wanted {kind.__name__.lower()}s only"
            )
        yield event


def _own_reports(path: Path) -> Iterator[Detection]:
    """Detections that are our own units' positions; the others, by far the most, are not read."""
    for line, number in _lines(path):
        if b'"own_force":null' not in line:
            event = _decoded(line, path, number)
            if isinstance(event, Detection):
                yield event


def _check_mark(folder: Path, mark: Mark, others: AbstractSet[Mark]) -> None:
    """Refuse a mark that nothing has where others stand: every crossing would count as missed."""
    has = f'"mark":"{mark}"'.encode()
    none = not others
    for line, _ in _lines(folder / "detections.jsonl"):
        if has in line:
            return
        none = False
    if not none:
        known = f", only {', '.join(sorted(others))}" if others else ""
        raise ConfigError(
            f"--mark is {str(mark)!r} and {folder} holds nothing of it{known}: wanted a mark that "
            "its results have; give another, or leave --mark out"
        )


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield line, number
    except OSError as error:
        raise RecordingError(
            f"{path}: there is no such file that can be read: wanted a folder that `straja "
            "process` wrote; process the input with --out there, or name another folder"
        ) from error


def _decoded(line: bytes, path: Path, number: int) -> Conclusion:
    try:
        return decode(line)
    except ValidationError as error:
        raise RecordingError(
            f"{path}:{number} cannot be read: wanted what `straja process` writes; process the "
            "input again with this version"
        ) from error


def _check_times(pair: Pair, truth: Sequence[TruthPoint], extent: Extent) -> None:
    """Refuse truth that has no moment of the run: every crossing would count as missed."""
    if not truth:
        return
    first, last = min(one.at_ns for one in truth), max(one.at_ns for one in truth)
    if last < extent.begin_ns or first > extent.end_ns:
        raise SceneError(
            f"{pair.truth} is of {_span(first, last)}, and the run in {pair.folder} of "
            f"{_span(extent.begin_ns, extent.end_ns)}: wanted truth of the same time; give that "
            "run's truth or, of a scene that was played live, write it with --start TIME"
        )


def _span(begin_ns: int, end_ns: int) -> str:
    return f"{time_to_text(begin_ns)[:19]}Z to {time_to_text(end_ns)[:19]}Z"


def _extent_of(
    truth: Sequence[TruthPoint], alerts: Sequence[Alert], tracks: Sequence[Track]
) -> Extent:
    """Times of a run that did not write them: those of all that is known of it."""
    times = [one.at_ns for one in truth]
    times += [one.at_ns for one in alerts]
    times += [one.at_ns for one in tracks]
    return Extent(min(times, default=0), max(times, default=0))
