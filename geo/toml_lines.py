"""Finds on which line of a TOML document each key stands.

``tomllib`` gives values without places. This scanner gives places without values: it runs only
after ``tomllib`` has accepted the text, and only when there is a fault to show, so it may be
lenient and need not be fast.
"""

from bisect import bisect_right
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = " \t"
_SPACE: Final = " \t\r\n"
_ENDS_SCALAR: Final = ",]}\n#"


def locate(text: str) -> dict[Path, int]:
    """Map each key, table, row and array element of a valid document to its line.

    Args:
        text: a document that ``tomllib`` accepts.

    Returns:
        Line (from 1) by path, such as ``("sensors", 3, "lens", "width_px")``.
    """
    return _Scanner(text).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._starts = [0]
        self._starts += [index + 1 for index, c in enumerate(self._text) if c == "\n"]
        self._rows: dict[Path, int] = {}
        self._lines: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip(_SPACE):
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._peek() == "[":
                table = self._header(1)
            else:
                self._pair(table)
        return self._lines

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _note(self, path: Path) -> None:
        self._lines.setdefault(path, bisect_right(self._starts, self._at))

    def _skip(self, characters: str) -> bool:
        """Go on to what means something; False at the end of the text."""
        while self._at < len(self._text):
            if self._peek() in characters:
                self._at += 1
            elif self._peek() == "#" and "\n" in characters:
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            else:
                return True
        return False

    def _header(self, brackets: int) -> Path:
        start = self._at
        self._at += brackets
        parts = self._key()
        self._at += brackets  # the closing ones; _key stops there
        end, self._at = self._at, start
        path: Path = ()
        for index, part in enumerate(parts):
            path = (*path, part)
            last = index == len(parts) - 1
            if last and brackets == 2:
                self._note(path)
                self._rows[path] = self._rows.get(path, 0) + 1
            if path in self._rows:
                path = (*path, self._rows[path] - 1)
            self._note(path)
        self._at = end
        return path

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            quote = self._peek()
            if quote in {'"', "'"}:
                start = self._at + 1
                self._string()
                parts.append(self._text[start : self._at - 1])
            else:
                start = self._at
                while self._at < len(self._text) and self._peek() not in " \t.=]\n":
                    self._at += 1
                parts.append(self._text[start : self._at])
            self._skip(_BLANK)
            if self._peek() != ".":
                return parts
            self._at += 1

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        parts = self._key()
        end, self._at = self._at, start
        for part in parts:
            path = (*path, part)
            self._note(path)
        self._at = end + 1  # past the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._peek()
        if opening == "[":
            self._at += 1
            index = 0
            while self._skip(_SPACE + ",") and self._peek() != "]":
                self._note((*path, index))
                self._value((*path, index))
                index += 1
            self._at += 1
        elif opening == "{":
            self._at += 1
            while self._skip(_SPACE + ",") and self._peek() != "}":
                self._pair(path)
            self._at += 1
        elif opening in {'"', "'"}:
            self._string()
        else:
            while self._at < len(self._text) and self._peek() not in _ENDS_SCALAR:
                self._at += 1

    def _string(self) -> None:
        quote = self._peek()
        if self._text.startswith(quote * 3, self._at):
            quote *= 3
        self._at += len(quote)
        while self._at < len(self._text) and not self._text.startswith(quote, self._at):
            self._at += 2 if quote[0] == '"' and self._peek() == "\\" else 1
        self._at += len(quote)
        while len(quote) > 1 and self._peek() == quote[0]:  # quotes just before the closing ones
            self._at += 1
