import os
import stat
from pathlib import Path

import pytest

from geo.errors import EmbeddedError
from services.embedded import folders
from services.embedded.processes import SystemUser
from tests.services.embedded.conftest import Script

HOLD = """
import sys, time
from pathlib import Path
from services.embedded.folders import FolderLock
FolderLock(Path(sys.argv[1])).take()
print("held", flush=True)
time.sleep(600)
"""


def test_private_files_are_ours_alone_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    folders.write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_passwords_are_long_and_never_the_same() -> None:
    drawn = {folders.new_password() for _ in range(50)}
    assert len(drawn) == 50
    assert min(len(password) for password in drawn) >= 32


def test_a_held_folder_is_refused_with_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = Script(HOLD, [str(path)])
    try:
        assert holder.line() == "held"
        with pytest.raises(EmbeddedError, match=f"held by process {holder.process.pid}"):
            folders.FolderLock(path).take()
    finally:
        holder.kill()
    with (  # a killed holder holds nothing
        folders.FolderLock(path),
        pytest.raises(EmbeddedError, match="this very process"),
    ):
        folders.FolderLock(path).take()
    with folders.FolderLock(path):
        pass


def test_a_closed_folder_on_the_way_is_found(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    deep = closed / "a" / "b"
    deep.mkdir(parents=True)
    for folder in (closed / "a", deep):
        folder.chmod(0o755)
    owner = os.geteuid()
    stranger = SystemUser("stranger", owner + 1, os.getegid() + 1)
    myself = SystemUser("myself", owner, os.getegid())
    closed.chmod(0o711)
    above = folders.barrier(closed, stranger)
    assert folders.barrier(deep / "x", stranger) == above  # nothing of ours bars the way
    closed.chmod(0o700)
    assert folders.barrier(deep / "x", stranger) == (above or closed)
    assert folders.barrier(deep / "x", myself) is None
    assert folders.barrier(deep / "x", None) is None


def test_under_root_a_server_gets_a_user_that_is_not_root(tmp_path: Path) -> None:
    user = folders.server_user()
    if os.geteuid() != 0:
        assert user is None
        return
    assert user is not None
    assert user.user_id != 0
    data = tmp_path / "cluster"
    data.mkdir()
    os.chown(data, 65534, 65534)  # made by another user: that one goes on
    kept = folders.server_user(data)
    assert kept is not None
    assert kept.user_id == 65534
    os.chown(data, 4_000_000_000, 0)
    with pytest.raises(EmbeddedError, match="user id 4000000000"):
        folders.server_user(data)
