"""Slows the guessing of passwords down: the more failures, the longer the wait.

This is the only rule of its kind. The store keeps the counts over a restart and decides nothing.
"""

from collections.abc import Iterable
from typing import Final

from services.alerts.ports import Failures

_NS: Final = 1_000_000_000
_FREE: Final = 5
FORGET_NS: Final = 900 * _NS
MOST: Final = 10_000
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
        by_name, by_address = _keys(name, address)
        return max(
            self._wait_s(by_name, NAME_LIMIT_S, now_ns),
            self._wait_s(by_address, ADDRESS_LIMIT_S, now_ns),
        )

    def failed(self, name: str, address: str, now_ns: int) -> list[Failures]:
        """Count a failure; gives what is to be kept of it."""
        changed = []
        for key in _keys(name, address):
            count, last_ns = self._failed.pop(key, (0, now_ns))
            fresh = now_ns - last_ns <= FORGET_NS
            self._failed[key] = (count + 1 if fresh else 1, now_ns)
            changed.append(Failures(key, *self._failed[key]))
        while len(self._failed) > MOST:
            del self._failed[next(iter(self._failed))]
        return changed

    def succeeded(self, name: str, address: str) -> list[Failures]:
        """Forget the failures of a name and an address; gives what is not to be kept any more."""
        return [
            Failures(key, 0, 0)
            for key in _keys(name, address)
            if self._failed.pop(key, None) is not None
        ]

    def recall(self, kept: Iterable[Failures]) -> None:
        """Take up what was kept from before a restart; what is known of already stays."""
        known = self._failed
        before = sorted(kept, key=lambda one: one.last_ns)
        self._failed = {one.key: (one.count, one.last_ns) for one in before} | known

    def _wait_s(self, key: str, limit_s: int, now_ns: int) -> int:
        count, last_ns = self._failed.get(key, (0, 0))
        if count < _FREE:
            return 0
        wait_ns = min(1 << min(count - _FREE, 20), limit_s) * _NS
        return max(0, -(-(last_ns + wait_ns - now_ns) // _NS))


def _keys(name: str, address: str) -> tuple[str, str]:
    return f"name {name}", f"address {address}"
