import socket
import ssl
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from geo.errors import ConfigError, EmbeddedError
from services.embedded import (
    EmbeddedNats,
    NatsSettings,
    add_gateway,
    add_user,
    free_port,
    remove_gateway,
)
from services.mqtt import BrokerAddress
from tests.services.embedded.conftest import Client, Script, gone, wait_for

pytestmark = pytest.mark.system

REPORT = "straja/v1/gw-1/thermal/cam-1/report"

# `{death}` is the signal the kernel sends the broker when this process is killed; 0 for none.
SERVICE = """
import asyncio, sys
from pathlib import Path
import services.embedded.{module} as module
real = module.spawn
module.spawn = lambda *a, **k: real(*a, **(k | {{"death_signal": {death}}}))
async def main():
    server = module.{name}(Path(sys.argv[1]){extra})
    await server.start()
    print(server.pid, server.port, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def service(death: int) -> str:
    port = ", port=int(sys.argv[2])"
    return SERVICE.format(module="nats", name="EmbeddedNats", death=death, extra=port)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    async with EmbeddedNats(tmp_path, port=free_port()) as server:
        yield server


def own(broker: EmbeddedNats, client_id: str = "") -> Client:
    return Client(broker.port, broker.username, broker.password, client_id)


async def test_a_gateway_is_heard_on_its_own_topics(broker: EmbeddedNats, tmp_path: Path) -> None:
    password = add_gateway(tmp_path, "gw-1")
    with own(broker) as ours:
        assert ours.subscribe("straja/v1/+/+/+/report") == 1
        assert ours.subscribe("straja/v1/+/gateway/status") == 1
        with Client(broker.port, "gw-1", password) as gateway:
            assert gateway.connected == 0
            sent = [
                gateway.publish(REPORT, b"qos 1"),
                gateway.publish("straja/v1/gw-1/gateway/status", b"up", retain=True),
            ]
            gateway.publish(REPORT, b"qos 0", qos=0)
            assert gateway.have_acknowledged(sent)
        assert wait_for(lambda: len(ours.heard) == 3)
        assert sorted(payload for _, payload in ours.heard) == [b"qos 0", b"qos 1", b"up"]
    with own(broker) as later:
        later.subscribe("straja/v1/+/gateway/status")
        assert wait_for(lambda: later.heard == [("straja/v1/gw-1/gateway/status", b"up")])


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    "topic",
    [
        "straja/v1/gw-2/thermal/cam-1/report",
        "straja/v1/gw-2/gateway/status",
        "straja/v1/gw-10/thermal/cam-1/report",
        "straja/v2/gw-1/thermal/cam-1/report",
        "other",
    ],
)
async def test_what_a_gateway_says_for_another_reaches_nobody(
    broker: EmbeddedNats, tmp_path: Path, topic: str, qos: int
) -> None:
    password = add_gateway(tmp_path, "gw-1")
    with own(broker) as ours:
        assert ours.subscribe("straja/#") == 1
        assert ours.subscribe("other") == 1
        with Client(broker.port, "gw-1", password) as gateway:
            gateway.publish(topic, b"forged", qos=qos, retain=True)
            # Sent after it on the same connection, so what came before has been judged.
            mark = gateway.publish(REPORT, b"mine")
            wait_for(lambda: gateway.acknowledged(mark) or gateway.lost.is_set())
        if gateway.acknowledged(mark):
            assert wait_for(lambda: (REPORT, b"mine") in ours.heard)
        assert [payload for _, payload in ours.heard if payload == b"forged"] == []
    with own(broker) as later:  # nor is it retained
        later.subscribe("straja/#")
        later.subscribe("other")
        done = later.publish("straja/v1/gw-1/boat/b/pose", b"end")
        assert wait_for(lambda: later.acknowledged(done) and len(later.heard) >= 1)
        assert b"forged" not in [payload for _, payload in later.heard]


async def test_a_gateway_hears_its_own_rejections(broker: EmbeddedNats, tmp_path: Path) -> None:
    password = add_gateway(tmp_path, "gw-1")
    with Client(broker.port, "gw-1", password, "gw-1-box") as gateway:
        assert gateway.subscribe("straja/v1/gw-1/+/+/rejected") == 1
        with own(broker) as ours:
            ours.publish("straja/v1/gw-2/thermal/cam-1/rejected", b"not yours")
            ours.publish("straja/v1/gw-1/thermal/cam-1/rejected", b"yours")
            assert wait_for(lambda: len(gateway.heard) == 1)
            assert gateway.heard[0][1] == b"yours"


@pytest.mark.parametrize(
    "topic",
    [
        "#",
        "straja/#",
        "straja/v1/#",
        "straja/v1/gw-1/#",
        "straja/v1/+/+/+/rejected",
        "straja/v1/gw-2/+/+/rejected",
        "straja/v1/gw-2/thermal/cam-1/report",
        "straja/v1/gw-1/thermal/cam-1/report",
        # The broker's notation for wildcards, and its own subjects.
        "straja/v1/*/*/*/rejected",
        ">",
        "$MQTT/sub/#",
        "$MQTT/msgs/#",
        "+/sub/#",
        "$JS/#",
        "$SYS/#",
    ],
)
async def test_a_gateway_may_not_listen_to_others(
    broker: EmbeddedNats, tmp_path: Path, topic: str
) -> None:
    password = add_gateway(tmp_path, "gw-1")
    for qos in (0, 1):
        with Client(broker.port, "gw-1", password) as gateway:
            assert gateway.subscribe(topic, qos) == 128
            with own(broker) as ours:
                done = [
                    ours.publish(f"straja/v1/{group}/thermal/cam-1/{channel}", b"secret")
                    for group in ("gw-1", "gw-2")
                    for channel in ("report", "rejected")
                ]
                assert ours.have_acknowledged(done)
            assert gateway.subscribe("straja/v1/gw-1/+/+/rejected", 1) == 1
            assert gateway.heard == []


async def test_under_the_services_client_id_a_gateway_hears_nothing(
    broker: EmbeddedNats, tmp_path: Path
) -> None:
    passwords = {name: add_gateway(tmp_path, name) for name in ("gw-1", "gw-2")}
    with own(broker, "journal") as ours:
        ours.subscribe("straja/v1/+/+/+/report")
    with Client(broker.port, "gw-2", passwords["gw-2"]) as honest:
        sent = [honest.publish("straja/v1/gw-2/boat/b/report", b"secret") for _ in range(5)]
        assert honest.have_acknowledged(sent)
    with Client(broker.port, "gw-1", passwords["gw-1"], "journal") as thief:
        assert thief.subscribe("straja/v1/gw-1/+/+/rejected") == 1
        assert thief.heard == []
    with own(broker, "journal") as ours:
        assert wait_for(lambda: len(ours.heard) == 5)
    identity = BrokerAddress.parse(broker.url).client_id("straja-reports")
    await broker.restart()
    assert BrokerAddress.parse(broker.url).client_id("straja-reports") == identity


async def test_a_user_of_all_groups_publishes_for_each(
    broker: EmbeddedNats, tmp_path: Path
) -> None:
    password = add_user(tmp_path, "demo", all_groups=True)
    with own(broker) as ours, Client(broker.port, "demo", password) as demo:
        ours.subscribe("straja/#")
        demo.publish("straja/v1/gw-1/fibre/f/frame", b"one", qos=0)
        demo.publish("straja/v1/gw-2/fibre/f/frame", b"two", qos=0)
        assert wait_for(lambda: len(ours.heard) == 2)
        assert demo.subscribe("straja/v1/+/+/+/rejected") == 1
        assert demo.subscribe("straja/v1/+/+/+/report") == 128


@pytest.mark.parametrize(
    ("name", "password"),
    [(None, None), ("gw-1", "wrong"), ("nobody", "x"), ("straja.service", ""), ("gw-1", "")],
)
async def test_nobody_connects_without_the_right_password(
    broker: EmbeddedNats, tmp_path: Path, name: str | None, password: str | None
) -> None:
    add_gateway(tmp_path, "gw-1")
    with Client(broker.port, name, password) as stranger:
        assert stranger.connected != 0


async def test_anonymous_access_is_only_there_when_asked_for(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path, port=free_port(), allow_anonymous_loopback=True) as broker:
        with own(broker) as ours, Client(broker.port, None, None) as anyone:
            ours.subscribe("straja/#")
            assert anyone.connected == 0
            anyone.publish(REPORT, b"hello")
            assert wait_for(lambda: ours.heard == [(REPORT, b"hello")])
            assert anyone.subscribe("#") == 128


async def test_a_change_of_accounts_leaves_the_others_connected(
    broker: EmbeddedNats, tmp_path: Path
) -> None:
    kept, lost = add_gateway(tmp_path, "kept"), add_gateway(tmp_path, "lost")
    with (
        own(broker) as ours,
        Client(broker.port, "kept", kept) as one,
        Client(broker.port, "lost", lost) as other,
    ):
        remove_gateway(tmp_path, "lost")
        assert wait_for(other.lost.is_set)
        ours.subscribe("straja/#")
        one.publish("straja/v1/kept/boat/b/pose", b"still here")
        assert wait_for(lambda: len(ours.heard) == 1)
        assert not ours.lost.is_set()
        assert not one.lost.is_set()
        with Client(broker.port, "lost", lost) as again:
            assert again.connected != 0


async def test_messages_survive_a_killed_broker(broker: EmbeddedNats) -> None:
    with own(broker, "journal") as reader:
        assert reader.subscribe("straja/v1/+/+/+/report") == 1
    with own(broker) as gateway:
        sent = [gateway.publish(REPORT, f"{number}".encode()) for number in range(200)]
        assert gateway.have_acknowledged(sent)
        psutil.Process(broker.pid).kill()
        assert wait_for(lambda: not broker.is_alive())
    port, first = broker.port, broker.pid
    await broker.restart()
    assert (broker.port, broker.pid) == (port, broker.pid)
    assert broker.pid != first
    with own(broker, "journal") as reader:
        assert wait_for(lambda: len(reader.heard) >= 200)
        assert {int(payload) for _, payload in reader.heard} == set(range(200))


@pytest.mark.parametrize("death", [15, 0], ids=["told by the kernel", "not told"])
async def test_a_killed_service_leaves_no_broker_behind(tmp_path: Path, death: int) -> None:
    port = free_port()
    script = Script(service(death), [str(tmp_path), str(port)])
    pid, taken = map(int, script.line().split())
    assert taken == port
    script.kill()
    if death:
        assert wait_for(lambda: gone(pid))
    else:
        assert not gone(pid)
    async with EmbeddedNats(tmp_path, port=port) as broker:
        assert gone(pid)
        assert broker.port == port


async def test_two_services_do_not_share_a_folder(broker: EmbeddedNats, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="this very process"):
        await EmbeddedNats(tmp_path).start()
    other = Script(service(15), [str(tmp_path), str(free_port())])
    assert other.line() == ""
    other.close()
    assert other.process.returncode != 0
    assert broker.is_alive()


async def test_stop_ends_it_and_can_be_said_twice(tmp_path: Path) -> None:
    broker = EmbeddedNats(tmp_path, port=free_port())
    await broker.stop()
    await broker.start()
    pid = broker.pid
    assert await broker.start() == broker.url
    await broker.stop()
    await broker.stop()
    assert gone(pid)
    assert not broker.is_alive()


async def test_a_taken_port_is_replaced_by_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        async with EmbeddedNats(tmp_path, port=port) as broker:
            assert broker.port != port
            with own(broker) as ours:
                assert ours.connected == 0


async def test_large_messages_pass_up_to_the_limit(broker: EmbeddedNats) -> None:
    with own(broker) as ours, own(broker) as other:
        ours.subscribe("straja/#", 0)
        other.publish(REPORT, bytes(5 * 2**20), qos=0)
        assert wait_for(lambda: len(ours.heard) == 1)
        assert len(ours.heard[0][1]) == 5 * 2**20
        other.publish(REPORT, bytes(9 * 2**20), qos=0)
        assert wait_for(other.lost.is_set)
        assert not ours.lost.is_set()


async def test_unacknowledged_messages_are_limited_as_set(tmp_path: Path) -> None:
    settings = NatsSettings(max_ack_pending=7)
    async with EmbeddedNats(tmp_path, port=free_port(), settings=settings) as broker:
        with (
            Client(
                broker.port, broker.username, broker.password, "slow", acknowledge=False
            ) as slow,
            own(broker) as fast,
        ):
            slow.subscribe("straja/v1/+/+/+/report")
            sent = [fast.publish(REPORT, b"%d" % n) for n in range(50)]
            assert fast.have_acknowledged(sent)
            assert wait_for(lambda: len(slow.heard) == 7)
            assert len(slow.heard) == 7


async def test_no_secret_shows_in_processes_files_or_logs(
    broker: EmbeddedNats, tmp_path: Path
) -> None:
    password = add_gateway(tmp_path, "gw-1")
    with Client(broker.port, "gw-1", password):
        pass
    words = " ".join(psutil.Process(broker.pid).cmdline())
    for secret in (broker.password, password):
        assert secret not in words
        for path in (tmp_path / "nats").rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path
    for path in [tmp_path / "nats", tmp_path / "secrets", *(tmp_path / "secrets").iterdir()]:
        assert not path.stat().st_mode & 0o077, path
    assert not stat.S_IMODE(broker.log_path.stat().st_mode) & 0o077


async def test_a_bad_setting_is_told_in_the_brokers_words(tmp_path: Path) -> None:
    settings = NatsSettings(max_ack_pending=70_000)
    with pytest.raises(EmbeddedError, match=r"ended while starting.*invalid value 70000"):
        await EmbeddedNats(tmp_path, port=free_port(), settings=settings).start()


def test_beyond_loopback_it_asks_for_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="served with TLS only"):
        EmbeddedNats(tmp_path, host="0.0.0.0")
    with pytest.raises(ConfigError, match="both or neither"):
        EmbeddedNats(tmp_path, tls_certificate=tmp_path / "c.pem")
    with pytest.raises(ConfigError, match="cannot be read"):
        EmbeddedNats(tmp_path, tls_certificate=tmp_path / "c", tls_key=tmp_path / "k")
    assert list(tmp_path.iterdir()) == []


async def test_with_a_certificate_it_serves_other_machines_encrypted(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match="anonymous access is for loopback only"):
        EmbeddedNats(
            tmp_path,
            host="0.0.0.0",
            tls_certificate=certificate_path,
            tls_key=key_path,
            allow_anonymous_loopback=True,
        )
    async with EmbeddedNats(
        tmp_path,
        host="0.0.0.0",
        port=free_port(),
        tls_certificate=certificate_path,
        tls_key=key_path,
    ) as broker:
        assert broker.url.startswith("mqtts://straja.service:")
        assert f"@127.0.0.1:{broker.port}" in broker.url
        listening = psutil.Process(broker.pid).net_connections(kind="inet")
        ports = {c.laddr.port for c in listening if c.laddr.ip in {"0.0.0.0", "::"}}
        assert ports == {broker.port}  # nothing else is open to other machines
        context = ssl.create_default_context(cafile=str(certificate_path))
        with (
            socket.create_connection(("localhost", broker.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            # CONNECT of MQTT 3.1.1 without credentials: refused in words, not by a cut.
            secured.sendall(bytes.fromhex("100d00044d5154540402003c000161"))
            assert secured.recv(4) == bytes.fromhex("20020005")
        with socket.create_connection(("localhost", broker.port), timeout=10) as plain:
            plain.sendall(bytes.fromhex("100d00044d5154540402003c000161"))
            answer = plain.recv(64)
            assert not answer.startswith(b"\x20")
