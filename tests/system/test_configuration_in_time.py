"""Rows of a site hold from one time up to another: everything uses what held at its time."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from geo.default_site import default_site_path
from sensors.messages import time_to_text
from tests.system.field import NS
from tests.system.installation import ROOT, STRAJA, Installation, Service, until
from tests.system.operator_client import signed_in

pytestmark = pytest.mark.system

DAY_NS = 86_400 * NS
EARLIER_S, NOW_S = 11.0, 44.0
CREW = """
[[sensors]]
id = "{name}"
group = "{name}"
kind = "patrol"
position = [20.72, 45.79]
"""
SCENE = ROOT / "deploy" / "scenes" / "crossing-scene.toml"


def _moment(at_ns: int) -> str:
    return time_to_text(at_ns // NS * NS)[:19] + "Z"


def _site(path: Path, rows: str) -> Path:
    path.write_text(default_site_path().read_text(encoding="utf-8") + rows, encoding="utf-8")
    return path


def _two_rows(change_ns: int) -> str:
    return f"""
[[settings]]
key = "ledger.heartbeat_interval_s"
value = {EARLIER_S}
valid_to = {_moment(change_ns)}

[[settings]]
key = "ledger.heartbeat_interval_s"
value = {NOW_S}
valid_from = {_moment(change_ns)}
{CREW.format(name="crew-901")}
"""


async def test_a_service_uses_what_is_valid_now_and_what_becomes_valid_later(
    installation: Installation, service: Service, tmp_path: Path
) -> None:
    service.stop()
    change_ns, begin_ns = time.time_ns() - DAY_NS, time.time_ns() + 12 * NS
    later = CREW.format(name="crew-902") + f"valid_from = {_moment(begin_ns)}\n"
    site = _site(tmp_path / "site.toml", _two_rows(change_ns) + later)
    other = installation.service(site=site, name=f"data-{tmp_path.name}")
    other.start()
    try:
        await other.live()
        async with signed_in(other) as operator:

            async def known() -> bool:
                return await operator.sensor("crew-902") is not None

            if time.time_ns() < begin_ns - 3 * NS:  # a very busy machine may have come too late
                assert not await known()
            sensor = await operator.sensor("crew-901")
            assert sensor is not None
            assert (sensor["state"], sensor["heartbeat_interval_s"]) == ("never_heard", NOW_S)
            await until(known, "the new sensor is listed")
            assert time.time_ns() >= begin_ns // NS * NS
    finally:
        other.end()
    rows = await installation.rows(
        "SELECT content ->> 'value', valid_from_ns, valid_to_ns FROM site_row "
        "WHERE kind = 'settings' AND id = 'ledger.heartbeat_interval_s' ORDER BY valid_from_ns"
    )
    (earlier, first_ns, to_ns), (now, from_ns, end_ns) = rows
    assert (float(earlier), float(now)) == (EARLIER_S, NOW_S)
    assert (first_ns, end_ns) == (0, None)
    assert to_ns == from_ns == change_ns // NS * NS


def test_a_run_over_an_old_scene_takes_what_was_valid_then(tmp_path: Path) -> None:
    """A lawful zone that held at the scene's time lets its crossing pass; a later one does not."""
    zone = """
[[zones]]
id = "harvest"
kind = "lawful"
polygon = [[20.70, 45.70], [20.90, 45.70], [20.90, 45.90], [20.70, 45.90]]
"""
    held = zone + "valid_from = 2026-02-01T00:00:00Z\nvalid_to = 2026-04-01T00:00:00Z\n"
    later = zone + "valid_from = 2026-04-01T00:00:00Z\n"
    assert _alerts(tmp_path / "held", held) == 0
    assert _alerts(tmp_path / "later", later) >= 1


def _alerts(folder: Path, rows: str) -> int:
    folder.mkdir()
    site = _site(folder / "site.toml", rows)
    words = ["process", str(SCENE), "--site", str(site), "--out", str(folder / "out"), "--json"]
    done = subprocess.run(
        [*STRAJA, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["alerts"])
