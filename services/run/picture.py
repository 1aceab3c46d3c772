"""The state of the whole as the service holds it in memory: sensors, gateways, the last proof."""

from collections.abc import Callable, Sequence

from services.events import GatewayHealth, LoweredCount, Proof, SensorHealth
from services.health import Ledger


class LivePicture:
    """What the API shows beside alerts; fills the ``Picture`` port."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        database_away_since_ns: Callable[[], int | None],
        broker_away_since_ns: Callable[[], int | None],
        broker_cut_offs: Callable[[], int | None],
        lowered: Callable[[], Sequence[LoweredCount]],
    ) -> None:
        """Take where to look; nothing is copied."""
        self._ledger = ledger
        self._database = database_away_since_ns
        self._broker = broker_away_since_ns
        self._cut_offs = broker_cut_offs
        self._lowered = lowered
        self._proof: Proof | None = None

    def take(self, proof: Proof) -> None:
        """Remember a test item that came the whole way."""
        if self._proof is None or proof.measured_at_ns >= self._proof.measured_at_ns:
            self._proof = proof

    def sensors(self) -> Sequence[SensorHealth]:
        """Last word on each sensor."""
        return self._ledger().sensors()

    def gateways(self) -> Sequence[GatewayHealth]:
        """Last word on each gateway."""
        return self._ledger().gateways()

    def proof(self) -> Proof | None:
        """The last proof that the whole way works."""
        return self._proof

    def database_away_since_ns(self) -> int | None:
        """Since when alerts are shown from the spool, or None."""
        return self._database()

    def broker_away_since_ns(self) -> int | None:
        """Since when the broker is out of reach, or None."""
        return self._broker()

    def broker_cut_offs(self) -> int | None:
        """Connections the broker ended for what was published; None where its log is not read."""
        return self._cut_offs()

    def lowered_by_site_memory(self) -> Sequence[LoweredCount]:
        """How many incidents got a lower severity since they are usual there."""
        return self._lowered()
