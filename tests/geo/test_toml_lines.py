"""Lines of keys in TOML documents."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from geo.default_site import default_site_path
from geo.toml_lines import Path, locate

DOCUMENT = """\
# heading
name = "a # b"  # comment
'quoted key' = 1

[area]
box = { low = 1, high = [
  2,  # two
  3 ] }
text = \"\"\"
[[not.a.table]]
x = 1\\\"\"\"\"
raw = '''it's [x]'''
when = 2026-01-31 07:00:00Z

[[rows]]
id = "one"
deep.key = [[1, 2],
            [3, 4]]

[[rows]]
id = "two"
  [rows.part]
  value = 5
  [[rows.inner]]
  a = 1
  [[rows.inner]]
  a = 2
"""


def test_each_key_is_found_on_its_line() -> None:
    lines = locate(DOCUMENT)
    assert lines["name",] == 2
    assert lines["quoted key",] == 3
    assert lines["area", "box", "low"] == 6
    assert lines["area", "box", "high", 0] == 7
    assert lines["area", "box", "high", 1] == 8
    assert lines["area", "raw"] == 12
    assert lines["area", "when"] == 13
    assert lines["rows", 0] == 15
    assert lines["rows", 0, "deep", "key", 1, 1] == 18
    assert lines["rows", 1, "id"] == 21
    assert lines["rows", 1, "part", "value"] == 23
    assert lines["rows", 1, "inner", 1, "a"] == 27


def test_windows_line_ends_do_not_shift_lines() -> None:
    assert locate(DOCUMENT.replace("\n", "\r\n")) == locate(DOCUMENT)


def paths(values: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(values, dict):
        for key, value in values.items():
            found |= paths(value, (*path, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            found |= paths(value, (*path, index))
    return found


def test_every_path_of_the_default_site_is_found_and_no_other() -> None:
    text = default_site_path().read_text(encoding="utf-8")
    assert set(locate(text)) == paths(tomllib.loads(text))


SCALAR = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.booleans().map(lambda flag: str(flag).lower()),
    st.sampled_from(['"#"', "'[x]'", '"a\\"b"', "1.5e3", "1979-05-27T07:32:00Z", '""', "''"]),
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # c\n".join(items) + "\n]"),
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from("abc"), VALUE), max_size=6))
def test_any_values_leave_the_scanner_at_the_right_place(rows: list[tuple[str, str]]) -> None:
    text, expected, line = "", {}, 1
    for index, (name, value) in enumerate(rows):
        pair = f"{name}{index} = {value}\n"
        expected[f"{name}{index}",] = line
        text += pair
        line += pair.count("\n")
    tomllib.loads(text)
    found = {path: at for path, at in locate(text).items() if len(path) == 1}
    assert found == expected
