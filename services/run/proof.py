"""Test items that prove the whole way: a small fibre of our own with footsteps in its middle.

The frames go through the broker to the frame workers like any interrogator's, are found by the
same detector, journalled, stored and shown. They are marked as an exercise and belong to a group
of their own, so they never become an incident.
"""

import numpy as np
from numpy.typing import NDArray

from sensors.messages import SCHEMA, FibreFrame, Mark, Status
from sensors.topics import PROOF_GROUP, Channel, SensorKind, Topic
from sensors.wire import encode_cbor, encode_json

RATE_HZ = 500
ROWS = 125
CHANNELS = 161
_NS = 1_000_000_000
FRAME_NS = ROWS * _NS // RATE_HZ
_CYCLE_S = 6.0
_WALK_S = 4.0
_STEP_S = 0.55
"""Step interval of a walker, 0.5-0.69 s: JASA 129 1306 (2011)."""
_NOISE_COUNTS = 20.0
_STEP_COUNTS = 900.0


class ProofFibre:
    """Frames of one test fibre; frame n is the same in every run."""

    def __init__(self, number: int, session: str) -> None:
        """Name the fibre ``proof-<number>``; ``session`` is new at each start."""
        self.topic = str(Topic(PROOF_GROUP, SensorKind.FIBRE, f"proof-{number}", Channel.FRAME))
        self._session = session
        self.status_topic = str(
            Topic(PROOF_GROUP, SensorKind.FIBRE, f"proof-{number}", Channel.STATUS)
        )
        rng = np.random.default_rng(20_260_301)
        cycle = int(_CYCLE_S * RATE_HZ)
        self._cycle = self._cycle_of(rng, cycle)

    def frame(self, number: int, at_ns: int) -> bytes:
        """Frame ``number`` in CBOR; ``at_ns`` is the time of its first sample."""
        first = number * ROWS
        rows = (first + np.arange(ROWS)) % len(self._cycle)
        message = FibreFrame(
            schema=SCHEMA,
            session=self._session,
            sequence=number,
            measured_at_ns=at_ns,
            sent_at_ns=at_ns + FRAME_NS,
            mark=Mark.EXERCISE,
            sample_rate_hz=RATE_HZ,
            first_sample=first,
            channel_spacing_m=10.0,
            scale=0.1,
            samples=self._cycle[rows],
        )
        return encode_cbor(message)

    def status(self, number: int, at_ns: int) -> bytes:
        """Status ``number`` in JSON: proves the way of reports, which must never fall silent."""
        return encode_json(
            Status(
                schema=SCHEMA,
                session=self._session,
                sequence=number,
                measured_at_ns=at_ns,
                sent_at_ns=at_ns,
                mark=Mark.EXERCISE,
                state="online",
            )
        )

    @staticmethod
    def _cycle_of(rng: np.random.Generator, rows: int) -> NDArray[np.int16]:
        """One cycle of noise and footsteps, shape (time, channel), counts."""
        samples = rng.normal(0.0, _NOISE_COUNTS, (rows, CHANNELS))
        time_s = np.arange(rows) / RATE_HZ
        spread = np.exp(-(((np.arange(CHANNELS) - CHANNELS // 2) / 1.2) ** 2))
        for step_s in np.arange(0.1, _WALK_S, _STEP_S):
            since = time_s - step_s
            ring = np.where(since >= 0.0, np.exp(-since / 0.06) * np.sin(60.0 * np.pi * since), 0.0)
            samples += _STEP_COUNTS * ring[:, None] * spread
        return np.round(samples).astype(np.int16)
