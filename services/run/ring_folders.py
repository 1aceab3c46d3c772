"""Folders of the ring: one for small messages, one for the frames of each frame worker."""

import re
from pathlib import Path

_FRAMES = re.compile(r"frames-([0-9]+)")


def small(ring: Path) -> Path:
    """Folder of small messages."""
    return ring / "small"


def frames(ring: Path, number: int) -> Path:
    """Folder of frame worker ``number``."""
    return ring / f"frames-{number}"


def let_go(ring: Path, workers: int) -> dict[Path, int]:
    """Remove the recordings of frame workers that there are no more.

    Nobody else would: each part of the ring bounds its own folder, and so the whole would stay
    beyond its size for good. What was kept lies elsewhere.

    Args:
        ring: folder of the ring.
        workers: frame workers that there are.

    Returns:
        Bytes removed, by folder.

    Raises:
        OSError: where a file cannot be removed.
    """
    removed = {}
    for folder in sorted(ring.glob("frames-*")):
        matched = _FRAMES.fullmatch(folder.name)
        if matched is None or int(matched[1]) < workers or not folder.is_dir():
            continue
        removed[folder] = 0
        for file in sorted(folder.glob("*.mcap")):
            removed[folder] += file.stat().st_size
            file.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
    return {folder: size for folder, size in removed.items() if size}
