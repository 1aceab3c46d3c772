"""Recordings, scenes and DAS files give the same kind of stream, with the site that applied."""

import sys
from pathlib import Path

import numpy as np
import pytest

from geo.default_site import default_site_path
from geo.errors import ConfigError, RecordingError, SceneError
from sensors.messages import FibreFrame, GatewayStatus, Mark, Register
from sensors.topics import parse
from sensors.wire import decode
from services.events import Command, Received
from services.recording import Recorder
from services.run.inputs import Input, open_input

T0 = 1_772_327_000_000_000_000
CROSSING = Path(__file__).resolve().parents[3] / "deploy" / "scenes" / "crossing-scene.toml"


def heard(source: Input) -> list[Received]:
    return [item for item in source.items(lambda _: None) if isinstance(item, Received)]


def frames(source: Input) -> list[FibreFrame]:
    found = []
    for item in heard(source):
        message = decode(parse(item.topic), item.payload).message
        if isinstance(message, FibreFrame):
            found.append(message)
    return found


def recording(path: Path, site_text: str | None) -> Path:
    with Recorder(path, head={}, site_text=site_text) as recorder:
        recorder.add(Received(T0, "straja/v1/g/patrol/p/pose", b"{}"))
        recorder.add(Received(T0 + 2_000_000_000, "straja/v1/g/patrol/p/pose", b"{}"))
        recorder.add(Command("c", "acknowledge", T0 + 1_000_000_000, "post-7", "RO"))
    return path


def test_a_recording_brings_its_own_site_and_keeps_its_marks(tmp_path: Path) -> None:
    text = default_site_path().read_text(encoding="utf-8")
    text = text.replace('home_party = "RO"', 'home_party = "RS"')
    source = open_input(recording(tmp_path / "a.mcap", text), None, "fibre-1")
    assert source.site.home_party == "RS"
    assert source.seconds == 2.0
    assert source.mark is None
    assert source.warnings == []
    kinds = [type(item).__name__ for item in source.items(lambda _: None)]
    assert kinds == ["Received", "Command", "Received"]


def test_a_named_site_goes_before_the_embedded_one(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.mcap", "not read")
    assert open_input(path, default_site_path(), "fibre-1").site.home_party == "RO"


def test_a_recording_without_site_says_which_one_is_taken(tmp_path: Path) -> None:
    source = open_input(recording(tmp_path / "a.mcap", None), None, "fibre-1")
    assert any("default site" in warning for warning in source.warnings)


def test_a_recording_goes_on_under_its_run_so_that_its_commands_find_their_alerts(
    tmp_path: Path,
) -> None:
    with Recorder(tmp_path / "a.mcap", head={"run": "live"}) as recorder:
        recorder.add(Received(T0, "straja/v1/g/patrol/p/pose", b"{}"))
    assert open_input(tmp_path / "a.mcap", None, "fibre-1").run == "live"


def test_the_same_content_gives_the_same_run_under_any_name(tmp_path: Path) -> None:
    same, other = tmp_path / "same-scene.toml", tmp_path / "other-scene.toml"
    same.write_bytes(CROSSING.read_bytes())
    other.write_bytes(CROSSING.read_bytes() + b"# and more\n")
    runs = [open_input(path, None, "fibre-1").run for path in (CROSSING, same, other)]
    assert runs[0] == runs[1] != runs[2]


def test_how_far_it_has_come_is_told_in_seconds(tmp_path: Path) -> None:
    told: list[float] = []
    list(open_input(recording(tmp_path / "a.mcap", None), None, "fibre-1").items(told.append))
    assert told == [0.0, 1.0, 2.0]


def test_a_scene_gives_its_messages_and_its_marks() -> None:
    source = open_input(CROSSING, None, "fibre-1")
    assert source.seconds == 120.0
    items = source.items(lambda _: None)
    first = [next(items) for _ in range(30)]
    assert source.mark is None
    said = [
        decode(parse(item.topic), item.payload).message
        for item in first
        if isinstance(item, Received)
    ]
    marks = {message.mark for message in said if not isinstance(message, GatewayStatus)}
    assert marks == {Mark.SIMULATED}
    times = [item.received_at_ns for item in first if isinstance(item, Received)]
    assert times == sorted(times)


def test_a_scene_with_a_fault_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad-scene.toml"
    path.write_text('name = "x"\nseed = -1\n')
    with pytest.raises(SceneError, match=r"bad-scene\.toml:2: seed"):
        open_input(path, None, "fibre-1")


def test_real_fibre_data_becomes_frames_bit_by_bit(shared_data: Path) -> None:
    import dascore  # noqa: PLC0415 - an optional extra

    path = shared_data / "das" / "decimated_optodas.hdf5"
    patch = dascore.spool(path)[0]
    source = open_input(path, None, "fibre-3")
    found = frames(source)
    assert np.array_equal(np.vstack([frame.samples for frame in found]), patch.data)
    first = found[0]
    assert first.samples.dtype == np.float32
    assert first.sample_rate_hz == 500.0
    assert first.scale == pytest.approx(1e9)  # the file holds strain/s
    assert first.first_channel == 650  # its first channel lies 33,192 m along the fibre
    assert first.channel_spacing_m == pytest.approx(51.065, abs=1e-3)
    assert [frame.first_sample for frame in found[:3]] == [0, 125, 250]
    assert first.measured_at_ns == int(patch.get_coord("time").min().astype(np.int64))
    register = decode(parse(heard(source)[0].topic), heard(source)[0].payload).message
    assert isinstance(register, Register)
    assert register.cable == "fibre-3"
    assert source.mark is Mark.REPLAY


def test_a_file_of_four_thousand_channels_fits_the_contract(shared_data: Path) -> None:
    source = open_input(shared_data / "das" / "ap_sensing_1.hdf5", None, "fibre-1")
    found = frames(source)
    assert sum(len(frame.samples) for frame in found) == 150
    assert found[0].samples.shape == (125, 4082)
    assert found[0].samples.dtype == np.int32
    assert source.seconds == pytest.approx(0.3)


@pytest.mark.parametrize("frame_s", [0.01, 0.033, 0.5, 60.0])
def test_the_samples_are_the_same_however_they_are_cut(shared_data: Path, frame_s: float) -> None:
    path = shared_data / "das" / "decimated_optodas.hdf5"
    whole = np.vstack([frame.samples for frame in frames(open_input(path, None, "fibre-1"))])
    cut = frames(open_input(path, None, "fibre-1", frame_s=frame_s))
    assert np.array_equal(np.vstack([frame.samples for frame in cut]), whole)
    assert all(len(item.payload) <= 4 * 2**20 for item in heard(open_input(path, None, "fibre-1")))


@pytest.mark.parametrize(
    "name",
    [
        "gdr_1.h5",
        "prodml_2.0.h5",
        "silixa_h5_1.hdf5",
        "valencia_febus_example.h5",
        "iDAS005_hdf5_example.626.h5",
        "deformation_rate_event_1.hdf5",
    ],
)
def test_files_of_other_interrogators_decode_by_the_contract(shared_data: Path, name: str) -> None:
    assert frames(open_input(shared_data / "das" / name, None, "fibre-1"))


def test_another_start_moves_the_whole_file(shared_data: Path) -> None:
    path = shared_data / "das" / "gdr_1.h5"
    source = open_input(path, None, "fibre-1", start_ns=T0)
    assert frames(source)[0].measured_at_ns == T0
    with pytest.raises(ConfigError, match="--start"):
        open_input(CROSSING, None, "fibre-1", start_ns=T0)


def test_strain_is_differentiated_in_time(tmp_path: Path) -> None:
    import dascore  # noqa: PLC0415 - an optional extra

    time = np.datetime64(T0, "ns") + np.arange(200) * np.timedelta64(10, "ms")
    strain = np.outer(np.arange(200) * 2e-9, np.ones(4))
    patch = dascore.Patch(
        data=strain,
        coords={"time": time, "distance": np.arange(4) * 10.0},
        dims=("time", "distance"),
        attrs={"data_units": "strain"},
    )
    path = tmp_path / "strain.h5"
    patch.io.write(path, "dasdae")
    found = frames(open_input(path, None, "fibre-1"))
    rate = np.vstack([frame.samples for frame in found]) * found[0].scale
    assert np.allclose(rate[1:], 200.0, rtol=1e-5)  # 2 nanostrain in each 10 ms
    assert found[0].measured_at_ns == T0


def test_an_unknown_sensor_and_an_unknown_file_are_told(shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fibre-9"):
        open_input(shared_data / "das" / "gdr_1.h5", None, "fibre-9")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(
        RecordingError, match=r"notes\.txt' cannot be read as a recording of a fibre"
    ):
        open_input(tmp_path / "notes.txt", None, "fibre-1")


def test_without_dascore_a_das_file_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dascore", None)
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"straja\[das\]"):
        open_input(tmp_path / "a.h5", None, "fibre-1")
