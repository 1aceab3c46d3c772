"""Accounts belong to a party of the site, and are listed in columns."""

import asyncio
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from services.cli import main
from services.embedded import EmbeddedPostgres

pytestmark = pytest.mark.system

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAJA_NEW_PASSWORD", PASSWORD)
    monkeypatch.delenv("STRAJA_SITE", raising=False)


def site(path: Path) -> Path:
    text = default_site_path().read_text(encoding="utf-8")
    text = text.replace('home_party = "RO"', 'home_party = "HU"')
    path.write_text(text.replace('["RO", "RS"]', '["HU", "RS"]'), encoding="utf-8")
    return path


def test_a_party_that_the_site_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["user", "add", "op-17", "--data", str(tmp_path)]
    assert main.run([*words, "--party", "XX"]) == 2
    assert "--party is 'XX': wanted one of the parties" in capsys.readouterr().err
    monkeypatch.setenv("STRAJA_SITE", str(site(tmp_path / "site.toml")))
    assert main.run([*words, "--party", "RO"]) == 2
    assert "HU, RS" in capsys.readouterr().err


def test_an_account_is_of_the_home_party_unless_told_and_listed_in_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path / "data")]
    (tmp_path / "data").mkdir()
    server = EmbeddedPostgres(tmp_path / "data")

    async def run() -> None:
        async with server:
            for words in (
                ["migrate", *data],
                ["user", "add", "op-17", *data, "--site", str(site(tmp_path / "site.toml"))],
                ["user", "add", "adm-2", *data, "--role", "administrator", "--party", "RS"],
                ["user", "disable", "adm-2", *data],
                ["user", "list", *data],
            ):
                assert await asyncio.to_thread(main.run, words) == 0

    asyncio.run(run())
    assert capsys.readouterr().out.splitlines() == [
        "name   party  role",
        "adm-2  RS     administrator  disabled",
        "op-17  HU     operator",
    ]
