"""The demo takes no folder that holds things of others."""

import asyncio
import stat
from pathlib import Path

import pytest

from geo.errors import ConfigError
from services.run import demo


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_a_folder_with_things_of_others_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letters.txt").write_text("mine")
    whole = demo.Demo(tmp_path, tmp_path / "x-scene.toml", lambda _: None)
    with pytest.raises(ConfigError, match="name a new or an empty folder"):
        asyncio.run(whole.run(asyncio.Event(), lambda _: None))
    assert mode(tmp_path) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


@pytest.mark.parametrize("ours", ["", "secrets/nats.json", "postgres.lock", "ring/reports/x"])
def test_an_empty_folder_and_one_of_ours_are_closed_to_others(tmp_path: Path, ours: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    if ours:
        (folder / ours).parent.mkdir(parents=True, exist_ok=True)
        (folder / ours).write_text("{}")
    demo._take_folder(folder)
    assert mode(folder) == 0o700


def test_a_scene_named_from_here_is_found_by_its_player(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = demo.Demo(tmp_path / "data", Path("x-scene.toml"), lambda _: None)
    assert whole._scene == tmp_path / "x-scene.toml"
