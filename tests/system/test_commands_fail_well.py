"""Commands that cannot do their work say in one sentence what to do, and exit with a code."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from services.embedded import free_port
from tests.system.installation import ROOT, STRAJA

pytestmark = pytest.mark.system

NOWHERE = "127.0.0.1"


def straja(*words: str, **variables: str) -> tuple[int, str]:
    """Exit code and standard error of a command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STRAJA_")}
    done = subprocess.run(
        [*STRAJA, *words],
        env={**clean, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def _sentence(said: str) -> str:
    """What is said beside the log's lines: one line."""
    [line] = [line for line in said.splitlines() if not line.startswith("{")]
    assert line.startswith("straja: ")
    return line


def test_addresses_that_are_missing_are_named(tmp_path: Path) -> None:
    code, said = straja("run", STRAJA_DATA=str(tmp_path))
    assert code == 2
    assert "STRAJA_BROKER_URL is not set" in _sentence(said)


def test_a_database_out_of_reach_is_code_3(tmp_path: Path) -> None:
    code, said = straja(
        "run",
        STRAJA_BROKER_URL=f"mqtt://{NOWHERE}:{free_port()}",
        STRAJA_DATABASE_URL=f"postgresql://x:secret-word@{NOWHERE}:{free_port()}/straja",
        STRAJA_DATA=str(tmp_path),
    )
    assert code == 3
    assert "database" in _sentence(said)
    assert "secret-word" not in said


def test_a_taken_port_is_code_2_before_anything_else_is_touched(tmp_path: Path) -> None:
    with socket.create_server((NOWHERE, 0)) as taken:
        listen = f"{NOWHERE}:{taken.getsockname()[1]}"
        code, said = straja(
            "run",
            STRAJA_BROKER_URL=f"mqtt://{NOWHERE}:{free_port()}",
            STRAJA_DATABASE_URL=f"postgresql://{NOWHERE}:{free_port()}/straja",
            STRAJA_DATA=str(tmp_path),
            STRAJA_LISTEN=listen,
        )
    assert code == 2
    assert f"STRAJA_LISTEN is {listen}" in _sentence(said)
    assert "another port" in said


def test_a_broker_out_of_reach_is_code_3(tmp_path: Path) -> None:
    broker = f"mqtt://someone:secret-word@{NOWHERE}:{free_port()}"
    code, said = straja("record", str(tmp_path / "x.mcap"), "--seconds", "1", "--broker", broker)
    assert code == 3
    assert "out of reach" in _sentence(said)
    assert "secret-word" not in said


@pytest.mark.parametrize("address", ["http://host", "mqtt://host:x", "mqtt://"])
def test_an_address_that_is_none_is_code_2(address: str, tmp_path: Path) -> None:
    code, said = straja("record", str(tmp_path / "x.mcap"), "--broker", address)
    assert code == 2
    assert "broker address" in _sentence(said)


def test_an_option_that_does_not_exist_is_code_2_and_names_what_was_meant() -> None:
    code, said = straja("run", "--replai", "x")
    assert code == 2
    assert "No such option: --replai" in _sentence(said)
    assert "--replay)" in said


def test_a_bad_site_file_is_named_by_file_line_and_key(tmp_path: Path) -> None:
    text = default_site_path().read_text(encoding="utf-8")
    line = text.splitlines().index("start_m = 41810.0") + 1
    site = tmp_path / "site.toml"
    site.write_text(text.replace("start_m = 41810.0", 'start_m = "far"', 1), encoding="utf-8")
    code, said = straja(
        "run",
        STRAJA_BROKER_URL=f"mqtt://{NOWHERE}:{free_port()}",
        STRAJA_DATABASE_URL=f"postgresql://{NOWHERE}:{free_port()}/straja",
        STRAJA_DATA=str(tmp_path / "data"),
        STRAJA_SITE=str(site),
    )
    assert code == 4
    assert f"{site}:{line}: sectors[1].start_m is 'far'" in said


def test_a_setting_that_does_not_exist_is_named_with_what_was_meant(tmp_path: Path) -> None:
    text = default_site_path().read_text(encoding="utf-8")
    site = tmp_path / "site.toml"
    row = '\n[[settings]]\nkey = "ledger.silent_afer"\nvalue = 2.0\n'
    site.write_text(text + row, encoding="utf-8")
    scene = ROOT / "deploy" / "scenes" / "quiet-scene.toml"
    code, said = straja("process", str(scene), "--site", str(site), "--out", str(tmp_path / "out"))
    assert code == 2
    assert "did you mean ledger.silent_after?" in _sentence(said)


def test_a_recording_that_is_none_is_code_4(tmp_path: Path) -> None:
    file = tmp_path / "night.mcap"
    file.write_bytes(b"not a recording")
    code, said = straja("process", str(file), "--out", str(tmp_path / "out"))
    assert code == 4
    assert "night.mcap" in _sentence(said)
