"""The repository as a whole: what must be there, and what must not."""

import json
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DECISIONS = ROOT / "docs" / "decisions"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-node.lock")
CONSOLE_LOCK = ROOT / "services" / "alerts" / "console" / "package-lock.json"
NEEDED = (
    "README.md",
    "LICENSE",
    "NOTICE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    ".ci/run",
    "pyproject.toml",
    *LOCKS,
    "docs/README.md",
    "docs/administrators.md",
    "docs/operators.md",
    "docs/testers.md",
    "docs/integrators/README.md",
    "docs/decisions/README.md",
    "docs/pictures/console.png",
    "deploy/README.md",
    "deploy/compose.yaml",
    "deploy/Dockerfile",
    "deploy/sites/default.toml",
    "geo/data/ATTRIBUTION.md",
    "geo/data/glyphs/NOTO-COPYRIGHT.txt",
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:root|work|Users|home/\w+|tmp/\w+|usr/local/lib)/[\w.]")
"""Paths of one machine. A unit's /opt, /etc and /var are of every machine it is installed on."""


def tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone: git does not say what belongs to the project")
    done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / name.decode() for name in done.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("name", NEEDED)
def test_needed_file_is_there(name: str) -> None:
    path = ROOT / name
    assert path.is_file()
    assert path.stat().st_size > 0


def test_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert all(f"\n   {number}. " in text for number in range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text


def test_notice_names_every_licence_of_the_data() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    attribution = (ROOT / "geo" / "data" / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for name in ("OpenStreetMap contributors", "GeoNames", "Noto Sans"):
        assert name in attribution
        assert name in notice
    for address in re.findall(
        r"https://opendatacommons\S+|https://creativecommons\S+", attribution
    ):
        assert address.rstrip(",.") in notice
    packages = re.findall(r"(?:npm|PyPI) `([^`]+)`", attribution)
    assert not [name for name in packages if name != "fontnik" and name not in notice]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_pins_with_hashes_and_without_addresses(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links|-i ", text)
    pins = re.split(r"\n(?=\S)", text.strip().replace("\\\n", ""))
    wrong = [
        pin.split(" ")[0]
        for pin in pins
        if not re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", pin)
        or not re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin)
    ]
    assert len(pins) > 1
    assert not wrong


def test_console_lock_pins_with_hashes_and_without_addresses() -> None:
    packages = json.loads(CONSOLE_LOCK.read_text(encoding="utf-8"))["packages"]
    others = {name: entry for name, entry in packages.items() if name}
    assert others
    assert not [name for name, entry in others.items() if "resolved" in entry]
    assert not [name for name, entry in others.items() if "integrity" not in entry]


def test_no_path_of_one_machine_in_any_file() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".png", ".pbf", ".geojson"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in MACHINE_PATHS.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match.group()}")
    assert not found


def test_no_secret_is_committed() -> None:
    names = {str(path.relative_to(ROOT)) for path in tracked()}
    assert {name for name in names if name.startswith("deploy/secrets/")} <= {
        "deploy/secrets/.gitignore"
    }
    assert not [name for name in names if name.endswith((".env", ".key", "-key.pem", ".straja"))]


def records() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in records()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 10


@pytest.mark.parametrize("path", records(), ids=lambda path: path.name)
def test_decision_has_its_parts_and_stands_in_the_index(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    assert text.startswith(f"# {int(path.name[:4])}. ")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads == ["Context", "Decision", "Consequences", "Rejected"]
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    title = text.splitlines()[0].partition(". ")[2]
    assert f"| {path.name[:4]} | [{title}]({path.name}) |" in index


def test_every_library_that_is_used_stands_in_the_decision_on_libraries() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    declared = {re.split(r"[\[<>=;! ]", line)[0] for line in wanted}
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("geo", "sensors", "services")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    ]
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", "\n".join(sources), re.MULTILINE))
    homes = packages_distributions()
    used = {name.lower() for module in imported for name in homes.get(module, [])} & declared
    text = (DECISIONS / "0014-libraries.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert used - told == set()
    assert told - declared == set()
