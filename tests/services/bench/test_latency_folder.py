"""The latency bench changes rights of no folder but its own."""

import contextlib
import stat
from pathlib import Path

from services.bench import latency


def test_a_given_folder_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with contextlib.ExitStack() as stack:
        assert latency._folder(tmp_path, stack) == tmp_path
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert tmp_path.is_dir()


def test_a_folder_of_its_own_is_gone_at_the_end() -> None:
    with contextlib.ExitStack() as stack:
        own = latency._folder(None, stack)
        assert stat.S_IMODE(own.stat().st_mode) == 0o755
    assert not own.exists()
