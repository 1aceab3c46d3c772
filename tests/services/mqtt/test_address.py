import pytest

from geo.errors import ConfigError
from services.mqtt import BrokerAddress


def test_address_is_read_with_its_default_ports() -> None:
    assert BrokerAddress.parse("mqtt://host").port == 1883
    assert BrokerAddress.parse("mqtts://host").port == 8883
    assert BrokerAddress.parse("mqtt://[::1]:1884").host == "::1"


def test_password_never_shows() -> None:
    address = BrokerAddress.parse("mqtt://gate:s3cret@host")
    assert address.password == "s3cret"
    assert "s3cret" not in str(address)
    assert "s3cret" not in repr(address)


def test_password_of_the_environment_wins() -> None:
    address = BrokerAddress.parse("mqtt://gate:old@host", {"STRAJA_BROKER_PASSWORD": "new"})
    assert address.password == "new"


@pytest.mark.parametrize("url", ["host:1883", "http://host", "mqtt://", "mqtt://host:99999"])
def test_what_is_no_address_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(ConfigError, match="broker address"):
        BrokerAddress.parse(url)
