"""Frames of a fibre as CBOR."""

import cbor2
import numpy as np
from numpy.typing import NDArray

from sensors.messages import SCHEMA, Mark
from sensors.simulators.fibre import RATE_HZ, SCALE, FibreSimulator
from sensors.simulators.ground import GAUGE_M


class FrameWriter:
    """Writes frames as CBOR: a header about the samples, which are copied once.

    The header's length is made even, so that a decoder can use the samples where they lie.
    """

    def __init__(self, session: str, simulator: FibreSimulator) -> None:
        """Prepare what is the same in every frame."""
        fixed = {
            "session": session,
            "mark": Mark.SIMULATED.value,
            "sample_rate_hz": RATE_HZ,
            "first_channel": simulator.first_channel,
            "channel_spacing_m": simulator.spacing_m,
            "gauge_length_m": GAUGE_M,
            "scale": SCALE,
        }
        self._fields = len(fixed) + 6
        self._fixed = b"".join(cbor2.dumps(key) + cbor2.dumps(fixed[key]) for key in fixed)

    def write(
        self,
        samples: NDArray[np.int16],
        sequence: int,
        first_sample: int,
        measured_at_ns: int,
        sent_at_ns: int,
    ) -> bytes:
        """Write one frame; ``samples`` has shape (time, channel), little-endian int16."""
        counted = {
            "sequence": sequence,
            "first_sample": first_sample,
            "measured_at_ns": measured_at_ns,
            "sent_at_ns": sent_at_ns,
        }
        rows, columns = samples.shape
        data = np.ascontiguousarray(samples, dtype="<i2").data.cast("B")
        size = data.nbytes
        # Tag 40 on [[rows, columns], tag 77 on bytes] (RFC 8746), then the byte string's head.
        array = b"\xd8\x28\x82" + cbor2.dumps([rows, columns]) + b"\xd8\x4d"
        array += b"\x5a" + size.to_bytes(4, "big")
        body = b"".join(
            (
                self._fixed,
                *(cbor2.dumps(key) + cbor2.dumps(value) for key, value in counted.items()),
            )
        )
        start = bytes([0xA0 + self._fields]) + cbor2.dumps("schema")
        tail = cbor2.dumps("samples") + array
        odd = (len(start) + 1 + len(body) + len(tail)) % 2
        schema = bytes([0x18, SCHEMA]) if odd else bytes([SCHEMA])
        return b"".join((start, schema, body, tail, data))
