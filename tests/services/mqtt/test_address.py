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


def test_a_client_id_stays_and_cannot_be_guessed_without_the_password() -> None:
    ours = BrokerAddress.parse("mqtt://straja:s3cret@host").client_id("reports")
    assert ours == BrokerAddress.parse("mqtt://straja:s3cret@other:1884").client_id("reports")
    assert ours.startswith("reports-")
    assert ours != BrokerAddress.parse("mqtt://straja:guess@host").client_id("reports")
    assert BrokerAddress.parse("mqtt://host").client_id("reports") == "reports"


@pytest.mark.parametrize("url", ["host:1883", "http://host", "mqtt://", "mqtt://host:99999"])
def test_what_is_no_address_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(ConfigError, match="broker address"):
        BrokerAddress.parse(url)


def test_a_broker_out_of_reach_is_said_without_the_systems_number() -> None:
    address = BrokerAddress.parse("mqtt://localhost:1999")
    assert address.out_of_reach("[Errno 111] Connection refused") == (
        "mqtt://localhost:1999 is out of reach (Connection refused): start it, or correct --broker"
    )
