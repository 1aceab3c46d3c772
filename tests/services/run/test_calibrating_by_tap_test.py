"""The reference tap test, from its scene and log to a table that places things where they are."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from geo.cable import Cable
from geo.default_site import default_site_path
from geo.errors import CalibrationError, ConfigError, TapLogError
from geo.site import Site
from geo.site_rows import to_ns
from services.calibrate.writing import site_with
from services.cli.main import run
from services.events import Command, Received
from services.run.calibrating import Calibrated, Search, calibrate, read_log
from services.run.checking import check_file
from services.run.inputs import open_input

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "tap-test"
LOG, SCENE, LAID = (
    FOLDER / name for name in ("tap-log.csv", "tap-test-scene.toml", "laid-site.toml")
)
START_NS = 1_777_885_200_000_000_000
QUICK = Search(within_m=400.0, clock_s=30.0)


@pytest.fixture(scope="module")
def believed() -> Site:
    """The site that a service would run with: its table knows nothing of how the cable lies."""
    return Site.load(default_site_path())


def heard(seconds: float) -> Iterator[Received | Command]:
    """What comes within the scene's first seconds."""
    for item in open_input(SCENE, None, "").items(lambda _: None):
        if isinstance(item, Received) and item.received_at_ns < START_NS + seconds * 1e9:
            yield item
        else:
            return


@pytest.fixture(scope="module")
def made(believed: Site) -> Calibrated:
    return calibrate(read_log(LOG), heard(400.0), believed, "fibre-3", search=QUICK)


def errors_m(truth: Cable, other: Cable) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How far from the truth a cable puts each channel between the first and the last tap."""
    distance = np.arange(110.0, 5_650.0, 10.0)
    one, two = truth.place(distance), other.place(distance)
    return np.asarray(np.hypot(one.east_m - two.east_m, one.north_m - two.north_m))


def test_the_table_places_things_within_metres_where_the_old_one_was_off_by_a_hundred(
    made: Calibrated, tmp_path: Path
) -> None:
    path = tmp_path / "site.toml"
    text = default_site_path().read_text(encoding="utf-8")
    path.write_text(site_with(text, str(path), made.row, made.text()), encoding="utf-8")
    site = Site.load(path)
    assert made.row.valid_from is not None
    change_ns = to_ns(made.row.valid_from)
    truth = Site.load(LAID).cable("fibre-3")
    before = errors_m(truth, site.at(change_ns - 1).cable("fibre-3"))
    after = errors_m(truth, site.at(change_ns).cable("fibre-3"))
    # Measured: median 100.1 m, at most 168.5 m before; median 1.1 m, at most 3.7 m after.
    assert np.median(before) > 90.0
    assert np.median(after) < 3.0
    assert after.max() < 8.0


def test_coils_and_the_watch_are_found_out(made: Calibrated) -> None:
    assert made.clock_s == pytest.approx(17.0, abs=1.0)
    assert made.clock_spread_s < 2.0
    tapped = {one.name: one.coil for one in made.fit.points if one.coil is not None}
    # Laid: 60, 20 and 90 m at these boxes, none at the third and fifth.
    assert list(tapped) == ["line 6 (splice)", "line 8 (splice)", "line 12 (coil)"]
    for coil, (begin_m, length_m) in zip(
        tapped.values(), ((1_055.9, 60.0), (2_126.7, 20.0), (4_156.4, 90.0)), strict=True
    ):
        assert coil.cable_distance_m == pytest.approx(begin_m, abs=10.0)
        assert coil.length_m == pytest.approx(length_m, abs=10.0)


def test_who_forgot_to_tap_is_named_and_the_residuals_are_what_is_to_be_expected(
    made: Calibrated,
) -> None:
    (left,) = made.left_out
    assert left.startswith("line 14 (plain) is left out: not found")
    assert len(made.fit.points) == 12
    inner = [one for one in made.fit.residuals if not one.outer]
    assert len(inner) >= 10
    assert all(abs(one.off_m) < 3.0 * one.sigma_m for one in inner)
    assert made.rms_m is not None
    assert made.rms_m < 5.0


def test_the_part_of_a_site_file_is_checked_beside_its_site(
    made: Calibrated, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(made.text(), encoding="utf-8")
    (finding,) = check_file(path)
    assert not finding.is_fault
    assert "1 calibration for the site 'default' (fibre-3) without faults" in str(finding)
    path.write_text(made.text().replace('"fibre-3"', '"fibre-33"'), encoding="utf-8")
    (finding,) = check_file(path)
    line = path.read_text(encoding="utf-8").splitlines().index('cable = "fibre-33"') + 1
    assert (finding.is_fault, finding.line, finding.key) == (True, line, "calibrations[0].cable")


def test_a_site_keeps_its_text_and_may_be_calibrated_again(made: Calibrated) -> None:
    text = default_site_path().read_text(encoding="utf-8")
    once = site_with(text, "site.toml", made.row, made.text())
    lines = once.splitlines()
    assert [one for one in text.splitlines() if one not in lines] == []
    with pytest.raises(CalibrationError, match="as the new table: wanted another time"):
        site_with(once, "site.toml", made.row, made.text())
    assert len(Site.parse(once, "site.toml").calibrations) == 9


def test_what_the_recording_lacks_is_told_by_row(believed: Site) -> None:
    part = calibrate(read_log(LOG), heard(90.0), believed, "fibre-3", search=QUICK)
    assert 2 <= len(part.fit.points) <= 4
    assert sum("no frames of fibre-3" in one for one in part.left_out) >= 7


def test_wrong_input_is_told(believed: Site, tmp_path: Path) -> None:
    rows = read_log(LOG)
    with pytest.raises(ConfigError, match="--sensor is 'fibre-9': wanted a fibre sensor"):
        calibrate(rows, [], believed, "fibre-9")
    with pytest.raises(CalibrationError, match="0 taps can be used") as caught:
        calibrate(rows, [], believed, "fibre-6")
    assert "from the route of fibre-6" in str(caught.value)
    with pytest.raises(TapLogError, match="wanted a readable tap log"):
        read_log(tmp_path / "none.csv")


def test_the_command_writes_table_picture_and_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, picture, site = (tmp_path / name for name in ("t.toml", "t.png", "site.toml"))
    lines = LOG.read_text(encoding="utf-8").splitlines()
    log = tmp_path / "log.csv"
    log.write_text("\n".join(lines[:7]) + "\n", encoding="utf-8")
    scene = tmp_path / "tap-scene.toml"
    text = SCENE.read_text(encoding="utf-8").replace("laid-site.toml", str(LAID))
    scene.write_text(text.partition('\n[[actor]]\nid = "crew-05"')[0].replace("= 340", "= 110"))
    words = [str(log), str(scene), "--sensor", "fibre-3", "--site", str(default_site_path())]
    more = ["--plot", str(picture), "--site-out", str(site), "--within", "300", "--json"]
    assert run(["calibrate", *words, "--out", str(table), *more]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["places"], figures["points"], figures["left_out"]) == (4, 4, [])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(["check", str(table)]) == 0
    assert run(["check", str(site)]) == 0
    assert run(["calibrate", *words[:4], "--out", str(table), "--site-out", str(site)]) == 2
    assert "--site-out goes with --site" in capsys.readouterr().err
