import json
import stat
from pathlib import Path

import bcrypt
import pytest

from geo.errors import ConfigError, EmbeddedError
from services.embedded import gateways


def test_a_gateway_is_kept_as_a_hash_alone(tmp_path: Path) -> None:
    password = gateways.add_gateway(tmp_path, "timis-03")
    (account,) = gateways.list_gateways(tmp_path)
    assert account.name == "timis-03"
    assert account.groups == ("timis-03",)
    assert bcrypt.checkpw(password.encode(), account.bcrypt.encode())
    for path in (tmp_path / "nats").iterdir():
        assert password not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_the_brokers_files_never_hold_the_services_password(tmp_path: Path) -> None:
    password = gateways.service_password(tmp_path)
    gateways.write_users(tmp_path)
    assert password == gateways.service_password(tmp_path)
    assert password not in (tmp_path / "nats" / "users.conf").read_text()


def test_a_known_gateway_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    first = gateways.add_gateway(tmp_path, "gw")
    with pytest.raises(ConfigError, match="'gw' has a password already"):
        gateways.add_gateway(tmp_path, "gw")
    second = gateways.add_gateway(tmp_path, "gw", renew=True)
    assert first != second
    (account,) = gateways.list_gateways(tmp_path)
    assert bcrypt.checkpw(second.encode(), account.bcrypt.encode())


@pytest.mark.parametrize("name", ["", "Gw", "a.b", "a/b", "gw>", "*", "gw+", "x" * 65, "a b", 'a"'])
def test_a_name_that_could_widen_rights_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="gateway name"):
        gateways.add_gateway(tmp_path, name)
    with pytest.raises(ConfigError, match="gateway name"):
        gateways.add_user(tmp_path, "good", groups=["good", name])
    assert gateways.list_gateways(tmp_path) == []


def test_the_services_own_group_is_nobodys(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="service's own"):
        gateways.add_gateway(tmp_path, "straja-proof")


def test_a_user_without_groups_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="speaks for no group"):
        gateways.add_user(tmp_path, "concentrator")


def test_removing_an_unknown_gateway_names_the_known(tmp_path: Path) -> None:
    gateways.add_gateway(tmp_path, "gw-1")
    with pytest.raises(ConfigError, match="known are gw-1"):
        gateways.remove_gateway(tmp_path, "gw-2")
    gateways.remove_gateway(tmp_path, "gw-1")
    assert gateways.list_gateways(tmp_path) == []


def test_a_spoiled_store_is_named_and_left_alone(tmp_path: Path) -> None:
    gateways.add_gateway(tmp_path, "gw-1")
    path = tmp_path / "nats" / "accounts.json"
    path.write_text(json.dumps({"accounts": [{"name": "gw-1"}]}))
    with pytest.raises(EmbeddedError, match=r"accounts\.json cannot be read"):
        gateways.add_gateway(tmp_path, "gw-2")
    assert json.loads(path.read_text()) == {"accounts": [{"name": "gw-1"}]}
