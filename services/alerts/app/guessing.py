"""Slows the guessing of passwords down: the more failures, the longer the wait."""

from typing import Final

_NS: Final = 1_000_000_000
_FREE: Final = 5
_FORGET_NS: Final = 900 * _NS
_MOST: Final = 10_000
"""Names and addresses remembered; the oldest is forgotten first, so memory stays bounded."""

ADDRESS_LIMIT_S: Final = 300
NAME_LIMIT_S: Final = 10
"""An account can be slowed by anybody who knows its name, so for an account the wait is short:
nobody may be kept from the console at night by somebody else's guessing."""


class Attempts:
    """Failed sign-ins by account name and by address; time is an input.

    The first five failures cost nothing; then the wait doubles from 1 s up to a limit. All is
    forgotten 15 minutes after the last failure. The figures are assumed.
    """

    def __init__(self) -> None:
        """Start with no failures."""
        self._failed: dict[str, tuple[int, int]] = {}

    def wait_s(self, name: str, address: str, now_ns: int) -> int:
        """Seconds until this account may be tried from this address; 0 where it may now."""
        return max(
            self._wait_s(f"name {name}", NAME_LIMIT_S, now_ns),
            self._wait_s(f"address {address}", ADDRESS_LIMIT_S, now_ns),
        )

    def failed(self, name: str, address: str, now_ns: int) -> None:
        """Count a failure."""
        for key in (f"name {name}", f"address {address}"):
            count, last_ns = self._failed.pop(key, (0, now_ns))
            fresh = now_ns - last_ns <= _FORGET_NS
            self._failed[key] = (count + 1 if fresh else 1, now_ns)
        while len(self._failed) > _MOST:
            del self._failed[next(iter(self._failed))]

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of a name and an address."""
        self._failed.pop(f"name {name}", None)
        self._failed.pop(f"address {address}", None)

    def _wait_s(self, key: str, limit_s: int, now_ns: int) -> int:
        count, last_ns = self._failed.get(key, (0, 0))
        if count < _FREE:
            return 0
        wait_ns = min(1 << min(count - _FREE, 20), limit_s) * _NS
        return max(0, -(-(last_ns + wait_ns - now_ns) // _NS))
