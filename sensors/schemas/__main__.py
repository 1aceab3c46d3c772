"""Write the schemas into a folder: ``python -m sensors.schemas OUT``."""

import sys
from pathlib import Path

from sensors.schemas import generate


def main(arguments: list[str]) -> int:
    """Write every document; the exit code says whether that went well."""
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m sensors.schemas OUT, for example sensors/schemas/v1\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in generate().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
