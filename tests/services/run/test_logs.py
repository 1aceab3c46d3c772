"""Every line of the log is one JSON object, whoever wrote it."""

import json
import subprocess
import sys
from typing import Any

import pytest

SET_UP = "import logging, warnings, structlog; from services.run.logs import configure; configure()"


def logged(statement: str) -> dict[str, Any]:
    """The one line that a process logs."""
    done = subprocess.run(
        [sys.executable, "-c", f"{SET_UP}\n{statement}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    [line] = done.stderr.splitlines()
    read = json.loads(line)
    assert isinstance(read, dict)
    assert read["timestamp"].endswith("Z")
    return read


@pytest.mark.parametrize("text", ['a "quoted" word', "two\nlines", "C:\\path", "ășț ђ"])
def test_a_librarys_line_is_an_object_whatever_stands_in_it(text: str) -> None:
    said = logged(f"logging.getLogger('asyncio').error('%s came', {text!r})")
    assert said["event"] == f"{text} came"
    assert (said["logger"], said["level"]) == ("asyncio", "error")


def test_a_librarys_traceback_is_in_its_line() -> None:
    said = logged(
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    logging.getLogger('uvicorn.error').exception('in \"app\"')"
    )
    assert said["event"] == 'in "app"'
    assert said["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_a_librarys_warning_is_a_line_too() -> None:
    said = logged("warnings.warn('old \"way\"', UserWarning)")
    assert said["logger"] == "py.warnings"
    assert 'old "way"' in said["event"]


def test_our_own_line_has_the_same_form() -> None:
    said = logged("structlog.get_logger().warning('refused', reason='a \"b\"')")
    assert (said["event"], said["level"], said["reason"]) == ("refused", "warning", 'a "b"')


@pytest.mark.parametrize("logger", ["logging.getLogger('x')", "structlog.get_logger()"])
def test_a_traceback_shows_no_variables_since_they_hold_secrets(logger: str) -> None:
    said = logged(
        "def sign_in(password):\n    return password.nothing\n"
        "try:\n    sign_in('secret' + '-word')\nexcept AttributeError:\n"
        f"    {logger}.exception('failed')"
    )
    assert said["exception"][0]["frames"][1]["name"] == "sign_in"
    assert "secret-word" not in json.dumps(said)


def test_what_libraries_say_for_their_makers_is_left_out() -> None:
    said = logged(
        "logging.getLogger('asyncio').info('detail'); logging.getLogger('x').warning('this')"
    )
    assert said["event"] == "this"
