"""Between the nanoseconds used everywhere and the timestamps of the database."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(at_ns: int) -> datetime:
    """Take nanoseconds since the epoch, UTC, to a timestamp; below microseconds is cut off."""
    return _EPOCH + timedelta(microseconds=at_ns // 1_000)


def plain(text: str) -> str:
    """Replace what PostgreSQL takes in no text: the character U+0000 and lone surrogates."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
