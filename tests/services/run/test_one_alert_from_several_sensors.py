"""One walker, seen by a camera and felt by the cable, is one incident and one alert."""

from pathlib import Path

import pytest

from geo.default_site import default_site_path
from geo.site import Site
from services.events import Alert, Track, decode
from services.run.inputs import open_input
from services.run.processing import process
from services.run.scenes import scene_path


def records(path: Path) -> list[object]:
    return [decode(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("camera")
    source = open_input(scene_path("camera"), default_site_path(), "fibre-3")
    site = Site.load(default_site_path())
    process(source.items(lambda _: None), site, folder, run=source.run)
    return folder


def test_two_sensors_give_one_alert_whose_history_shows_the_second(results: Path) -> None:
    alerts = [one for one in records(results / "alerts.jsonl") if isinstance(one, Alert)]
    assert len({alert.id for alert in alerts}) == 1
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
    assert alerts[0].change.what == "raised"
    assert {part.sensor for part in alerts[-1].incident.contributions} == {
        "thermal-017",
        "fibre-3",
    }
    assert any(alert.change.what == "sensor_added" for alert in alerts)
    assert all(alert.mark == "simulated" for alert in alerts)


def test_the_walker_is_one_track(results: Path) -> None:
    tracks = [one for one in records(results / "tracks.jsonl") if isinstance(one, Track)]
    assert len({track.id for track in tracks}) == 1
    assert {"thermal-017", "fibre-3"} <= set(tracks[-1].sensors)
