"""``straja check`` names file, line and key of each fault, and what a broker must be set to."""

import asyncio
import dataclasses
import shutil
import socket
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.errors import BrokerError
from services.embedded import EmbeddedNats
from services.embedded.gateways import add_gateway
from services.mqtt import BrokerAddress, FrameReader
from services.run.checking import check_broker, check_file

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
CROSSING = Path(__file__).resolve().parents[3] / "deploy" / "scenes" / "crossing-scene.toml"
GOOD = "max_inflight_messages 1024\nmax_queued_messages 100000\nmax_queued_bytes 0\n"


def changed_site(path: Path, old: str, new: str) -> Path:
    text = default_site_path().read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", [default_site_path(), CROSSING])
def test_what_is_shipped_has_no_faults(path: Path) -> None:
    (finding,) = check_file(path)
    assert not finding.is_fault
    assert "no faults" in str(finding)


def test_every_fault_of_a_site_is_told_with_file_line_and_key(tmp_path: Path) -> None:
    path = changed_site(tmp_path / "site.toml", 'home_party = "RO"', "home_party = 7")
    findings = check_file(path)
    line = path.read_text(encoding="utf-8").splitlines().index("home_party = 7") + 1
    assert [(f.is_fault, f.file, f.line, f.key) for f in findings] == [
        (True, str(path), line, "home_party")
    ]
    assert findings[0].figures()["line"] == line


def test_faults_of_rows_between_rows_and_of_settings_are_told_at_once(tmp_path: Path) -> None:
    path = changed_site(tmp_path / "site.toml", 'home_party = "RO"', 'home_party = "FR"')
    text = path.read_text(encoding="utf-8").replace('kind = "fibre"', 'kind = "string"', 1)
    path.write_text(
        text + '\n[[sensors]]\nid = "lost"\nkind = "fibre"\ngroup = "g"\ncable = "nowhere"\n'
        '\n[[settings]]\nkey = "tracker.hold"\nvalue = 0.4\n'
        '\n[[settings]]\nkey = "Not A Key"\nvalue = 1\n'
        '\n[[settings]]\nkey = "fibre.settle_s"\nvalue = "soon"\n',
        encoding="utf-8",
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    findings = check_file(path)
    assert [finding.line for finding in findings] == [
        lines.index(wanted) + 1
        for wanted in (
            'home_party = "FR"',
            'kind = "string"',
            'cable = "nowhere"',
        )
    ] + [
        lines.index('key = "tracker.hold"'),
        lines.index('key = "Not A Key"') + 1,
        lines.index('key = "fibre.settle_s"'),
    ]
    assert all(finding.is_fault and finding.key for finding in findings)
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["sensors"]
    assert findings[2].key == f"sensors[{len(rows) - 1}].cable"


def test_a_cable_with_a_fault_of_its_own_is_no_fault_of_its_sensors(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    text = default_site_path().read_text(encoding="utf-8")
    at = text.index("[[cables]]")
    path.write_text(text[:at] + "[[cables]]\ncolour = 1\n" + text[at + 11 :], encoding="utf-8")
    (finding,) = check_file(path)
    assert finding.key == "cables[0].colour"


def test_a_setting_that_no_part_has_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    text = default_site_path().read_text(encoding="utf-8")
    path.write_text(
        text + '\n[[settings]]\nkey = "tracker.hold_s"\nvalue = 0.4\n'
        '\n[[settings]]\nkey = "tracker.hold"\nvalue = 0.4\n'
        '\n[[settings]]\nkey = "fibre.settle_s"\nvalue = "soon"\n',
        encoding="utf-8",
    )
    findings = check_file(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    wanted = [
        lines.index('key = "tracker.hold"'),
        lines.index('key = "fibre.settle_s"'),
    ]
    assert [finding.line for finding in findings] == wanted
    assert "did you mean tracker.hold_s" in str(findings[0])
    assert all(finding.is_fault for finding in findings)


def test_faults_of_a_scene_are_told_with_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "x-scene.toml"
    path.write_text(
        CROSSING.read_text().replace("seed = 7", "seed = -7").replace('"walk"', '"fly"')
    )
    found = [(f.line, f.key) for f in check_file(path)]
    lines = path.read_text().splitlines()
    assert found == [
        (lines.index("seed = -7") + 1, "seed"),
        (lines.index('behaviour = "fly"') + 1, "actor[0].behaviour"),
    ]


def test_a_scene_whose_sensors_the_site_does_not_have_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x-scene.toml"
    path.write_text(CROSSING.read_text().replace("seed = 7", 'seed = 7\nraw_thermal = ["nobody"]'))
    (finding,) = check_file(path)
    assert finding.is_fault
    assert "nobody" in str(finding)
    lines = path.read_text().splitlines()
    assert (finding.line, finding.key) == (
        lines.index('raw_thermal = ["nobody"]') + 1,
        "raw_thermal",
    )


def test_a_way_that_the_site_does_not_have_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x-scene.toml"
    path.write_text(CROSSING.read_text().replace("[[81200.0,", "[[981200.0,"))
    (finding,) = check_file(path)
    number = 1 + next(n for n, line in enumerate(path.read_text().splitlines()) if "981200" in line)
    assert (finding.line, finding.key) == (number, "actor[0].waypoints[0]")
    assert str(finding).startswith(f"{path}:{number}: actor[0].waypoints[0] is at chainage 981200")


def test_who_is_near_no_sensor_is_remarked_without_being_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x-scene.toml"
    path.write_text(
        CROSSING.read_text().replace("within_m = 3000\n", "").replace("fibre_window_m = 400\n", "")
        + '\n[[actor]]\nid = "far-off"\nclass = "person"\nbehaviour = "walk"\n'
        + "waypoints = [[81200.0, 9000.0, 5.0], [81230.0, 9100.0, 110.0]]\n"
    )
    fine, remark = check_file(path)
    assert not fine.is_fault
    assert not remark.is_fault
    assert "no sensor that takes part ever has far-off within reach" in str(remark)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1\n", "neither a site, nor a scene"),
        ("home_party = \n", ":1: "),
        ("[[actor]]\nid = \n", "wanted TOML"),
    ],
)
def test_other_files_are_told_what_they_are(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    findings = check_file(path)
    assert findings
    assert all(finding.is_fault for finding in findings)
    assert says in str(findings[0])


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    (finding,) = check_file(tmp_path / "a.toml")
    assert "UTF-8" in str(finding)


@pytest.mark.system
async def test_the_bundled_broker_has_no_faults_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        address = BrokerAddress.parse(server.url)
        findings = await check_broker(address)
        assert [str(finding) for finding in findings if finding.is_fault] == []
        late = FrameReader(address, "late", ["straja/#"], now_ns=lambda: 0)
        late.start()
        try:
            assert await asyncio.to_thread(late.get, 1.0) == []
        finally:
            await asyncio.to_thread(late.stop)


@asynccontextmanager
async def mosquitto(folder: Path, settings: str) -> AsyncIterator[BrokerAddress]:
    if MOSQUITTO is None:
        pytest.skip("Mosquitto is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "mosquitto.conf"
    user = "user root\n"  # it drops to a user of its own that may not read our folder
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}{settings}log_type none\n"
    )
    process = await asyncio.create_subprocess_exec(MOSQUITTO, "-c", str(configuration))
    try:
        deadline = asyncio.get_running_loop().time() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.05)
        yield BrokerAddress.parse(f"mqtt://127.0.0.1:{port}")
    finally:
        process.kill()  # this broker forgets a polite request that comes while it starts
        await process.wait()


@pytest.mark.system
async def test_mosquitto_as_it_comes_is_told_what_to_set(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, "") as address:
        window, queue, *rest = await check_broker(address)
    assert window.is_fault
    assert "20 messages are under way" in str(window)
    assert "max_inflight_messages 1024" in str(window)
    assert queue.is_fault
    assert "max_queued_messages" in str(queue)
    assert not any(finding.is_fault for finding in rest)


@pytest.mark.system
async def test_mosquitto_with_good_settings_has_no_faults(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, GOOD) as address:
        findings = await check_broker(address)
    assert [str(finding) for finding in findings if finding.is_fault] == []


@pytest.mark.system
async def test_limits_on_size_and_retaining_are_told(tmp_path: Path) -> None:
    settings = GOOD + "message_size_limit 1100000\nretain_available false\n"
    async with mosquitto(tmp_path, settings) as address:
        findings = await check_broker(address)
    _, _, size, retained, _ = findings
    assert size.is_fault
    assert "1024 KiB" in str(size)
    assert retained.is_fault


@pytest.mark.system
async def test_topics_that_this_user_may_not_hear_are_told(tmp_path: Path) -> None:
    password = add_gateway(tmp_path, "gw-1")
    async with EmbeddedNats(tmp_path) as server:
        ours = BrokerAddress.parse(server.url)
        theirs = dataclasses.replace(ours, username="gw-1", password=password)
        findings = await check_broker(theirs)
    assert findings[-1].is_fault
    assert "straja/v1/+/+/+/report" in str(findings[-1])


@pytest.mark.system
async def test_a_broker_that_is_not_there_is_told_in_a_sentence() -> None:
    with pytest.raises(BrokerError, match="out of reach"):
        await check_broker(BrokerAddress.parse("mqtt://127.0.0.1:9"))
