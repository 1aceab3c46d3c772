"""Papers keep their word: commands exist, links lead somewhere, nobody is named."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from services.cli.main import app, run

ROOT = Path(__file__).resolve().parents[1]
PAPERS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
    ]
)
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
ASSIGNMENT = re.compile(r"[A-Z_]+=")
ENDS = {"|", ">", ">>", "<", "&&", ";", "&", "\\"}


class Line(NamedTuple):
    """A command line somewhere; a whole one stands in a block and can be typed as it is."""

    where: str
    words: list[str]
    whole: bool


def in_words(text: str) -> list[str]:
    """What follows ``straja`` in a shell line; empty where it is another program's."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # one line of a longer quoted text
        return []
    if words[:1] == ["sudo"]:
        return []
    for number, word in enumerate(words):
        if word == "straja" or word.endswith("/bin/straja"):
            rest = words[number + 1 :]
            end = next((n for n, one in enumerate(rest) if one in ENDS), len(rest))
            return rest[:end]
        if not ASSIGNMENT.match(word) and words[0] not in {"docker", "exec"}:
            return []
    return []


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Lines of code blocks, indented or fenced."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line.strip().removeprefix("$ ")


def lines() -> Iterator[Line]:
    for paper in PAPERS:
        text, name = paper.read_text(encoding="utf-8"), str(paper.relative_to(ROOT))
        for number, line in blocks(text):
            if words := in_words(line):
                yield Line(f"{name}:{number}", words, whole=True)
        for number, line in enumerate(text.splitlines(), start=1):
            for quoted in re.findall(r"`([^`]+)`", line):
                if (words := in_words(quoted)) and words != ["..."]:
                    yield Line(f"{name}:{number}", words, whole=False)
    for unit in UNITS:
        for line in unit.read_text(encoding="utf-8").splitlines():
            found = re.fullmatch(r"Exec\w+=(?:/bin/sh -c ')?(.*?)'?", line)
            if found and (words := in_words(found[1])):
                yield Line(unit.name, words, whole=True)


LINES = list(lines())


def parse(words: list[str]) -> tuple[Any, dict[str, Any]]:
    """The command that words mean and what they give it; raises where there is no such thing."""
    command: Any = typer.main.get_command(app)
    context: Any = None
    given: dict[str, Any] = {}
    while True:
        context = command.context_class(command, info_name=command.name, parent=context)
        given, rest, _ = command.make_parser(context).parse_args(list(words))
        if not hasattr(command, "commands"):
            if rest:
                raise LookupError(f"{command.name} takes no {rest[0]!r}")
            return command, given
        if not rest:
            return command, given
        if rest[0] not in command.commands:
            raise LookupError(f"there is no command {rest[0]!r}")
        command, words = command.commands[rest[0]], rest[1:]


def test_papers_show_commands() -> None:
    assert len([line for line in LINES if line.whole]) > 20


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.where} {' '.join(line.words)}")
def test_command_line_exists(line: Line) -> None:
    command, given = parse(line.words)
    if line.whole:
        missing = [one.name for one in command.params if one.required and not given.get(one.name)]
        assert not missing, f"{line.where}: {missing} not given"


@pytest.mark.parametrize(
    "words",
    [["frobnicate"], ["run", "--nope"], ["process", "a", "b"], ["user", "fire"]],
    ids=" ".join,
)
def test_what_does_not_exist_is_found_out(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"(?i)no such|there is no|takes no"):
        parse(words)


def test_wrong_command_ends_with_the_code_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    guide = (ROOT / "docs" / "administrators.md").read_text(encoding="utf-8")
    assert "| 2 | a wrong command or setting |" in guide
    assert run(["frobnicate"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def slug(heading: str) -> str:
    """The anchor of a heading, as code hosts make it."""
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return plain.replace(" ", "-")


def links() -> Iterator[tuple[Path, str]]:
    for paper in PAPERS:
        text = re.sub(r"`[^`\n]*`", "", paper.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            yield paper, target


@pytest.mark.parametrize(
    ("paper", "target"),
    [(paper, target) for paper, target in links() if "://" not in target],
    ids=lambda value: str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value),
)
def test_relative_link_leads_somewhere(paper: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    there = (paper.parent / path).resolve() if path else paper
    assert there.is_relative_to(ROOT), f"{target} leads out of the project"
    assert there.exists(), f"{paper.name}: there is no {target}"
    if anchor:
        headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {slug(heading) for heading in headings}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_no_link_to_a_registry_and_nobody_is_named(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    registries = r"pypi\.org|pythonhosted|npmjs|hub\.docker|crates\.io|/simple/"
    assert not re.search(registries, text)
    addresses = re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", text)
    assert not [one for one in addresses if not one.startswith("straja.service@")]
    assert not re.search(r"(?im)^\s*(author|maintainer|written by)\b", text)


def test_accounts_in_examples_are_service_numbers() -> None:
    named = [line for line in LINES if line.words[0] == "user" and len(line.words) > 2]
    names = [line.words[2] for line in named if not line.words[2].startswith("-")]
    assert names
    assert not [name for name in names if not re.fullmatch(r"[a-z]{2,3}-\d+", name)]


def test_every_variable_is_in_the_guide_and_every_one_there_is_read() -> None:
    guide = (ROOT / "docs" / "administrators.md").read_text(encoding="utf-8")
    sources = (ROOT / "services").rglob("*.py")
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r"\"(STRAJA_[A-Z_]*[A-Z])\"", code))
    told = set(re.findall(r"STRAJA_[A-Z_]*[A-Z]", guide))
    assert read - told == set()
    assert told - read == set()
