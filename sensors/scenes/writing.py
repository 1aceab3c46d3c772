"""Scenes as text: one key a line, defaults left out."""

from geo.toml_text import items, pair
from sensors.scenes.rows import Table
from sensors.scenes.scene import Scene


def write(scene: Scene, header: str = "") -> str:
    """Write a scene file.

    Args:
        scene: what to write.
        header: comment lines for its beginning, without their ``#``.

    Returns:
        Text that :func:`sensors.scenes.parse` reads back to an equal scene.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    tables: list[str] = []
    for key, value in items(scene):
        if isinstance(value, Table):
            tables += ["", f"[{key}]", *(pair(*item) for item in items(value))]
        elif isinstance(value, tuple) and value and isinstance(value[0], Table):
            for row in value:
                tables += ["", f"[[{key}]]", *(pair(*item) for item in items(row))]
        else:
            lines.append(pair(key, value))
    return "\n".join([*lines, *tables]) + "\n"
