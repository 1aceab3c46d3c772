"""Settings of all parts from the site's rows, and addresses from the environment."""

from pathlib import Path

import pytest

from geo.errors import ConfigError
from geo.site_rows import Setting
from services.config.environment import Environment
from services.config.settings import Settings

ADDRESSES = {
    "STRAJA_BROKER_URL": "mqtt://localhost",
    "STRAJA_DATABASE_URL": "postgresql://straja:secret@localhost/straja",
}


def row(key: str, value: float | str) -> Setting:
    return Setting(key=key, value=value, valid_from=None, valid_to=None)


def test_a_row_sets_one_setting_and_leaves_the_rest() -> None:
    settings = Settings.from_rows([row("tracker.hold_s", 0.25)])
    assert settings.tracker.hold_s == 0.25
    assert settings.fibre == Settings().fibre


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("trackr.hold_s", 1.0, "parts are"),
        ("tracker.hold", 1.0, "did you mean tracker.hold_s"),
        ("tracker.hold_s", "soon", "tracker.hold_s"),
    ],
)
def test_a_wrong_row_is_named_with_what_was_wanted(key: str, value: float | str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Settings.from_rows([row(key, value)])


def test_no_site_file_can_make_what_was_simulated_real() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        Settings.from_rows([row("intake.mark_override", "real")])


def test_defaults_listen_on_loopback_only() -> None:
    environment = Environment.read(ADDRESSES)
    assert (environment.host, environment.port) == ("127.0.0.1", 8080)
    assert "secret" not in repr(environment)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "STRAJA_BROKER_URL is not set"),
        (ADDRESSES | {"STRAJA_LISTEN": "0.0.0.0:80"}, "need TLS"),
        (ADDRESSES | {"STRAJA_LISTEN": "here"}, "host:port"),
        (ADDRESSES | {"STRAJA_SITE": "missing.toml"}, "no such file"),
    ],
)
def test_a_wrong_environment_is_named(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Environment.read(variables)


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    file.touch()
    with pytest.raises(ConfigError, match="together"):
        Environment.read(ADDRESSES | {"STRAJA_TLS_CERTIFICATE": str(file)})
