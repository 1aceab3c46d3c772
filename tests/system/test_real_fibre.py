"""Real fibre data through a real broker: bit-exact frames, a running detector, no false alarm."""

import asyncio
import pickle
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from geo.default_site import default_site_path
from geo.site import Site
from sensors.messages import FibreFrame
from services.detect.fibre import FibreDetection, compile_kernels
from services.detect.fibre_settings import FibreSettings
from services.embedded import EmbeddedNats
from services.events import Detection, Heard, Received
from services.ingest.intake import Intake
from services.mqtt import BrokerAddress, FrameReader
from services.run.inputs import open_input
from services.run.playback import play_back
from services.run.processing import Counts, process
from services.run.sources import frame_filters, is_for_frames, unwrap

pytestmark = pytest.mark.system

RUN = "real-fibre"


@pytest_asyncio.fixture
async def address(tmp_path: Path) -> AsyncIterator[BrokerAddress]:
    async with EmbeddedNats(tmp_path / "nats") as server:
        yield BrokerAddress.parse(server.url)


async def heard_from_broker(
    address: BrokerAddress, path: Path, factor: float | None
) -> list[Received]:
    """Play a file into the broker; give what a frame worker's reader takes out of it."""
    reader = FrameReader(
        address,
        "worker",
        frame_filters(RUN, None),
        now_ns=time.time_ns,
        wanted=is_for_frames,
    )
    reader.start()
    found: list[Received] = []
    try:
        while reader.away_since_ns is not None:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        source = open_input(path, None, "fibre-3")
        counts = await play_back(source, lambda _: None, address, RUN, factor, asyncio.Event())
        deadline = time.monotonic() + 20
        while len(found) < counts["messages"] and time.monotonic() < deadline:
            found += await asyncio.to_thread(reader.get, 0.2)
        assert reader.dropped == 0
    finally:
        await asyncio.to_thread(reader.stop)
    return [unwrap(received, RUN) for received in found]


@pytest.mark.parametrize(
    ("name", "channels", "samples", "factor"),
    [("decimated_optodas.hdf5", 51, 5_000, 20.0), ("ap_sensing_1.hdf5", 4_082, 150, 1.0)],
)
async def test_real_fibre_data_reaches_the_detector_bit_by_bit_and_nobody_is_alarmed(
    shared_data: Path,
    address: BrokerAddress,
    name: str,
    channels: int,
    samples: int,
    factor: float,
) -> None:
    import dascore  # noqa: PLC0415 - an optional extra, slow to load

    compile_kernels()
    path = shared_data / "das" / name
    received = await heard_from_broker(address, path, factor)
    site = Site.load(default_site_path()).at(received[0].received_at_ns)
    # The recordings are short: 2 s to learn the floor leave 8 s in which a false alarm could come.
    intake, detection = Intake(site), FibreDetection(site, FibreSettings(warm_up_s=2.0))
    frames: list[FibreFrame] = []
    detections: list[Detection] = []
    for item in received:
        for heard in intake.push(item):
            if not isinstance(heard, Heard):
                continue
            if isinstance(heard.message, FibreFrame):
                frames.append(heard.message)
            detections += [d for d in detection.push(heard) if isinstance(d, Detection)]
    whole = np.vstack([frame.samples for frame in frames])
    assert whole.shape == (samples, channels)
    assert np.array_equal(whole, dascore.spool(path)[0].transpose("time", "distance").data)
    # The detector took every sample: its state knows the sensor and its shape.
    assert b"fibre-3" in detection.snapshot()
    assert not [d for d in detections if d.starts_track]


def earthquake(folder: Path, *, blows: bool) -> Path:
    """The recording of a regional earthquake that PyPI daspy-toolbox ships, as a DAS file.

    Its strongest waves come 28 s after its begin, when the detector has long learnt its floor.
    With ``blows`` the ground is struck hard near its channel 250 meanwhile, which shows that the
    detector could speak.
    """
    daspy = pytest.importorskip("daspy")
    import dascore  # noqa: PLC0415 - an optional extra, slow to load

    file = Path(daspy.__file__).parent / "core" / "example.pkl"
    raw = pickle.loads(file.read_bytes())  # noqa: S301 - of a package that we installed
    data, rate = np.asarray(raw["data"], np.float32).T.copy(), float(raw["fs"])
    if blows:
        wave = np.exp(-np.arange(12) / 4.0) * np.sin(np.arange(12) * 2 * np.pi * 5.0 / rate)
        for moment in np.arange(16.0, 48.0, 0.55):
            first = int(moment * rate)
            data[first : first + 12, 245:256] += np.float32(30.0 * wave[:, None])
    moments = np.datetime64("2026-03-01T01:00:00", "ns") + (
        np.arange(len(data)) * np.timedelta64(round(1e9 / rate), "ns")
    )
    patch = dascore.Patch(
        data=data,
        coords={"time": moments, "distance": np.arange(data.shape[1]) * float(raw["dx"])},
        dims=("time", "distance"),
        attrs={"gauge_length": 10.0},
    )
    path = folder / "earthquake.h5"
    patch.io.write(path, "dasdae")
    return path


def processed(path: Path, folder: Path, frame_s: float = 0.25) -> Counts:
    source = open_input(path, None, "fibre-3", frame_s=frame_s)
    assert source.seconds == pytest.approx(50.0)
    return process(
        source.items(lambda _: None), source.site, folder, run=source.run, mark=source.mark
    )


@pytest.mark.parametrize("frame_s", [0.25, 7.0])
def test_an_earthquake_raises_no_alert(tmp_path: Path, frame_s: float) -> None:
    counts = processed(earthquake(tmp_path, blows=False), tmp_path / "out", frame_s)
    assert counts.messages > 1
    assert counts.rejected == 0
    assert counts.alerts == 0
    assert (tmp_path / "out" / "alerts.jsonl").read_bytes() == b""


def test_blows_at_one_place_during_the_earthquake_are_detected(tmp_path: Path) -> None:
    counts = processed(earthquake(tmp_path, blows=True), tmp_path / "out")
    assert counts.detections > 0
