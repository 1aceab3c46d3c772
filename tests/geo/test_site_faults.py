"""Every fault of a site file is told with file, line and key."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.errors import Fault, SiteError
from geo.site import Site
from geo.site_rows import Row

GOOD = """\
name = "short"
home_party = "RO"
parties = ["RO", "RS"]
area = { lon_min_deg = 20.0, lon_max_deg = 23.0, lat_min_deg = 44.0, lat_max_deg = 46.5 }

[[sectors]]
id = "north"
name = "Nord"
start_m = 0.0
end_m = 60000.0

[[crossings]]
id = "jimbolia"
name = "Jimbolia"
name_neighbour = "Srpska Crnja"
mode = "road"
position = [20.7, 45.75]
position_uncertainty_m = 2500.0

[[zones]]
id = "ditch"
kind = "works"
polygon = [[20.7, 45.7], [20.8, 45.7], [20.8, 45.8]]
valid_from = 2026-03-01T06:00:00Z

[[cables]]
id = "fibre-1"
channel_count = 200
route = [[21.0, 45.0], [21.0, 45.02]]

[[calibrations]]
cable = "fibre-1"
taps = [[0, 0, 2.5], [2000, 1990, 2.5]]
coils = [[500, 5]]

[[sensors]]
id = "fibre-1"
group = "interrogator-1"
kind = "fibre"
cable = "fibre-1"

[[sensors]]
id = "thermal-001"
group = "tower-001"
kind = "thermal"
position = [21.0, 45.0]
height_m = 150.0
height_above_ground_m = 20.0
orientation = { yaw_deg = 10.0, pitch_deg = -1.0, yaw_sigma_deg = 0.1, pitch_sigma_deg = 0.1 }
lens = { width_px = 640, height_px = 512, focal_length_px = 4166.7 }
"""


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(SiteError) as caught:
        Site.parse(text, "site.toml")
    assert caught.value.faults
    assert str(caught.value).count("site.toml:") >= len(caught.value.faults)
    return caught.value.faults


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_text_these_tests_spoil_is_good() -> None:
    Site.parse(GOOD, "site.toml")


@pytest.mark.parametrize(
    ("old", "new", "key", "word"),
    [
        ('home_party = "RO"', 'home_party = "HU"', "home_party", "RO, RS"),
        ("width_px = 640", 'width_px = "640"', "sensors[1].lens.width_px", "integer"),
        ("focal_length_px", "focal_lenght_px", "sensors[1].lens.focal_lenght_px", "focal_length"),
        ("yaw_deg = 10.0", "yaw_deg = 400.0", "sensors[1].orientation.yaw_deg", "less than 360"),
        ("yaw_deg = 10.0", "yaw_deg = nan", "sensors[1].orientation.yaw_deg", "finite"),
        ('kind = "thermal"', 'kind = "theremin"', "sensors[1].kind", "'thermal'"),
        ("channel_count = 200", "channel_count = 0", "cables[0].channel_count", "greater than 0"),
        ("position = [21.0, 45.0]", "position = [45.0, 21.0]", "sensors[1].position", "swapped"),
        ("[21.0, 45.02]]", "[21.0, 45.0]]", "cables[0].route[1]", "differs"),
        ("[2000, 1990, 2.5]", "[2000, 2190, 2.5]", "calibrations[0].taps[1]", "route"),
        ("[2000, 1990, 2.5]", "[2000, 1990]", "calibrations[0].taps[1][2]", "value"),
        ("[2000, 1990, 2.5]", "[3000, 2900, 2.5]", "calibrations[0].taps[1]", "route's end"),
        ("[[500, 5]]", "[[500, 5], [502, 5]]", "calibrations[0].coils[1]", "505.0"),
        ('cable = "fibre-1"\n\n', 'cable = "fibre-l"\n\n', "sensors[0].cable", "fibre-1"),
        ("[20.8, 45.8]]", "[20.75, 45.6], [20.75, 45.75]]", "zones[0].polygon", "cross"),
        ("06:00:00Z", "06:00:00", "zones[0].valid_from", "zone"),
        ("2026-03-01T06:00:00Z", '"soon"', "zones[0].valid_from", "datetime"),
        ('id = "thermal-001"', 'id = "fibre-1"', "sensors[1].id", "sensors[0]"),
        ('id = "thermal-001"', 'id = "Thermal 1"', "sensors[1].id", "pattern"),
        ("end_m = 60000.0", "end_m = 0.0", "sectors[0].end_m", "start_m"),
        ("height_m = 150.0\n", "", "sensors[1].height_m", "thermal"),
        ('mode = "road"\n', "", "crossings[0].mode", "a value"),
        ('parties = ["RO", "RS"]', 'parties = ["RO", "rs"]', "parties[1]", "pattern"),
        ("[[sectors]]", "[[sektors]]", "sektors", "sectors"),
    ],
)
def test_a_fault_names_its_line_and_key_and_what_was_wanted(
    old: str, new: str, key: str, word: str
) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    found = [fault for fault in faults(text) if fault.key == key]
    assert found, [str(fault) for fault in faults(text)]
    sentence = str(found[0])
    assert word in sentence
    assert found[0].do
    if new:
        changed = next(i for i, (a, b) in enumerate(zip(text, GOOD, strict=False)) if a != b)
        assert found[0].line == text[:changed].count("\n") + 1
    else:  # a missing key is told at its row's beginning
        row = line_of(text, 'id = "jimbolia"' if "crossings" in key else 'id = "thermal-001"')
        assert found[0].line == row - 1


def test_all_faults_of_a_file_are_told_at_once_in_order_of_line() -> None:
    text = GOOD.replace("width_px = 640", "width_px = -1").replace('"road"', "7")
    text = text.replace("channel_count = 200", "channel_count = 0")
    found = faults(text)
    assert [fault.key for fault in found] == [
        "crossings[0].mode",
        "cables[0].channel_count",
        "sensors[1].lens.width_px",
    ]
    assert [fault.line for fault in found] == sorted(fault.line for fault in found)


def test_sectors_that_overlap_are_told() -> None:
    more = '\n[[sectors]]\nid = "south"\nname = "Sud"\nstart_m = 50000.0\nend_m = 90000.0\n'
    found = faults(GOOD + more)
    assert [fault.key for fault in found] == ["sectors[1].start_m"]
    assert "north" in str(found[0])


def test_a_document_that_is_no_toml_names_the_line_and_its_key() -> None:
    text = GOOD.replace("channel_count = 200", "channel_count = = 200")
    (fault,) = faults(text)
    assert fault.line == line_of(text, "channel_count")
    assert fault.key == "channel_count"
    assert "TOML" in fault.wanted


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        Site.load(tmp_path / "none.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "x"\nhome_party = "\xe3"\n')
    with pytest.raises(SiteError, match=r"latin.toml:2: .*UTF-8"):
        Site.load(latin)


LINES = GOOD.splitlines()
KEYED = [index for index, line in enumerate(LINES) if "=" in line]
VALUES = st.sampled_from(
    ["-1", "0", "nan", "-inf", '""', "true", "[]", "{}", "[[1, 2]]", "1979-05-27", '"\\u0000"']
)


def told(text: str) -> tuple[Fault, ...]:
    """Faults of a text, none where it is a good site."""
    try:
        Site.parse(text, "site.toml")
    except SiteError as error:
        return error.faults
    return ()


def change(index: int, *lines: str) -> str:
    return "\n".join([*LINES[:index], *lines, *LINES[index + 1 :]])


@given(st.sampled_from(KEYED), VALUES)
def test_any_value_put_in_place_of_another_is_taken_or_told_by_its_key(
    index: int, value: str
) -> None:
    key = LINES[index].partition(" = ")[0]
    found = told(change(index, f"{key} = {value}"))
    assert all(fault.line >= 1 and fault.key and fault.wanted for fault in found)
    if found:
        assert any(fault.line == index + 1 or key in str(fault) for fault in found), found


@given(st.sampled_from(KEYED))
def test_any_key_left_out_is_default_or_told_by_its_name(index: int) -> None:
    key = LINES[index].partition(" = ")[0]
    found = told(change(index))
    if found:
        assert any(key in str(fault) for fault in found), found


@given(st.sampled_from(KEYED), st.from_regex(r"[a-z_]{1,12}", fullmatch=True))
def test_any_key_that_is_unknown_is_told_by_its_name(index: int, name: str) -> None:
    assume(name not in known_keys())
    (fault,) = told(change(index, f"{name} = 1", LINES[index]))
    assert fault.key.endswith(name)
    assert fault.line == index + 1


def known_keys() -> set[str]:
    return set(Site.model_fields).union(*(model.model_fields for model in Row.__subclasses__()))


@given(st.text(max_size=200))
def test_any_text_is_read_or_told(text: str) -> None:
    with pytest.raises(SiteError) as caught:
        Site.parse(text, "site.toml")
    assert all(fault.line >= 1 and fault.key for fault in caught.value.faults)
    assert caught.value.faults
