"""A tap log is read as crews write it, and each fault is told with line, column and value."""

import re
from pathlib import Path

import pytest

from geo.errors import TapLogError
from services.calibrate.taplog import COLUMNS, MAX_ROWS, What, parse_log

HEAD = "time_utc,longitude_deg,latitude_deg,chainage_m,accuracy_m,what,taps,coil_m,note\n"
GOOD = "2026-05-04 09:31:20,20.8057,45.5764,,3,splice,5,40,by the well\n"


def faults(text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(TapLogError) as caught:
        parse_log(text, "log.csv")
    assert str(caught.value).startswith("log.csv:")
    return [(one.line, one.key, one.value, one.wanted) for one in caught.value.faults]


def test_rows_come_in_order_of_time_with_comments_passed_over() -> None:
    later = "2026-05-04T12:00:00+02:00,,,81200,10,plain,4,,\n"
    rows = parse_log("\ufeff# fibre-3\n" + HEAD + GOOD + "\n" + later, "log.csv")
    assert [row.line for row in rows] == [3, 5]
    assert rows[0].at_ns == 1_777_887_080_000_000_000
    assert (rows[0].what, rows[0].taps, rows[0].accuracy_m) == (What.SPLICE, 5, 3.0)
    assert (rows[0].lonlat, rows[0].chainage_m, rows[0].coil_m) == ((20.8057, 45.5764), None, 40.0)
    assert (rows[1].lonlat, rows[1].chainage_m, rows[1].coil_m) == (None, 81_200.0, None)
    assert rows[1].at_ns - rows[0].at_ns == 1_720_000_000_000


def test_a_sheet_with_semicolons_and_decimal_commas_is_the_same() -> None:
    sheet = (HEAD + GOOD).replace(",", ";").replace(".", ",")
    assert parse_log(sheet, "log.csv") == parse_log(HEAD + GOOD, "log.csv")


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "wanted"),
    [
        ("09:31:20", "25:31", "time_utc", "'2026-05-04 25:31'", "a time such as"),
        ("2026-05-04 09:31:20", "", "time_utc", "missing", "a time such as"),
        ("splice", "joint", "what", "'joint'", "one of splice, coil"),
        (",5,", ",1,", "taps", "'1'", "2 to 100"),
        (",3,", ",,", "accuracy_m", "missing", "a number from 0.01 to 200"),
        (",3,", ",nan,", "accuracy_m", "'nan'", "a number from 0.01 to 200"),
        ("45.5764", "95.5764", "latitude_deg", "'95.5764'", "a number from -90 to 90"),
        ("45.5764,,", "45.5764,80000,", "the place", "chainage_m, longitude_deg", "either"),
        ("45.5764,,", ",,", "the place", "longitude_deg", "either chainage_m, or"),
        ("splice", "bend", "coil_m", "'40'", "none where"),
        ("by the well", "by,the,well", "the row", "11 cells", "9 cells"),
    ],
)
def test_a_bad_row_is_told_with_line_column_value_and_what_was_wanted(
    old: str, new: str, key: str, value: str, wanted: str
) -> None:
    bad = GOOD.replace(old, new)
    assert bad != GOOD
    told = faults(HEAD + GOOD + bad)
    assert [line for line, *_ in told] == [3]
    assert told[0][1] == key
    assert value in told[0][2]
    assert wanted in told[0][3]


def test_all_faults_are_told_at_once() -> None:
    assert [
        line for line, *_ in faults(HEAD + GOOD.replace("20.8", "x") + GOOD.replace("5,40", "y,40"))
    ] == [2, 3]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "a line that names the columns"),
        (HEAD, "a row for each place"),
        (HEAD.replace("taps", "blows") + GOOD, "one of the columns"),
        (HEAD.replace("accuracy_m,", "") + GOOD, "the column accuracy_m"),
        ("time_utc,what,taps,accuracy_m\n" + GOOD, "or chainage_m"),
        (HEAD.replace("note", "taps") + GOOD, "each column once"),
        (HEAD + GOOD * (MAX_ROWS + 1), f"{MAX_ROWS} rows or fewer"),
    ],
)
def test_a_log_that_is_none_is_told(text: str, wanted: str) -> None:
    assert any(wanted in told for *_, told in faults(text))


def test_the_guide_tells_every_column_and_its_log_is_one() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs" / "tap-test.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE)
    assert sorted(told) == sorted(COLUMNS)
    what = next(line for line in guide.splitlines() if line.startswith("| `what`"))
    assert re.findall(r"`(\w+)`", what)[1:] == list(What)
    block = re.search(r"```csv\n(.*?)```", guide, re.DOTALL)
    assert block
    assert len(parse_log(block[1], "guide")) == 2
