"""Sentences in the reader's language, from message keys with parameters.

A catalogue maps keys to sentences. ``{name}`` stands for a parameter, ``{name|form}`` for one that
is written in a form: a number's (``whole``, ``tenth``, ``percent``), a time's (``time``,
``clock``), or a word's of the catalogue itself, such as ``{kind|kind}`` for the word under
``kind.fibre``. Wording avoids plurals, so none are needed. None of the catalogues was checked by a
native speaker yet.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, get_args

from services.events import Explanation

Language = Literal["en", "ro", "sr-Latn", "sr-Cyrl"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
"""Romanian and both scripts of Serbian are what officers read; English is the source."""

NOTE = "_note"
"""Key of a catalogue's remark on itself; no sentence."""

PLACE = re.compile(r"\{([a-z_]+)(?:\|([a-z_]+))?\}")
"""Where a parameter stands, and its form."""

_DECIMAL_COMMA = frozenset({"ro", "sr-Latn", "sr-Cyrl"})


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: Language) -> Mapping[str, str]:
    """Sentences of a language by key, without the catalogue's own note."""
    text = files("services.alerts").joinpath("catalogues", f"{language}.json").read_text("utf-8")
    sentences: dict[str, str] = json.loads(text)
    return MappingProxyType({key: said for key, said in sentences.items() if key != NOTE})


def render(explanation: Explanation, language: Language) -> str:
    """Write an explanation as a sentence.

    An explanation of a newer version may have a key or leave out a parameter that this one does
    not know; then what is known is shown rather than nothing: an alert must not get lost over its
    wording.
    """
    sentences = catalogue(language)
    sentence = sentences.get(explanation.key)
    if sentence is None:
        known = ", ".join(f"{name}: {value}" for name, value in explanation.parameters.items())
        return f"{explanation.key} ({known})" if known else explanation.key

    def write(match: re.Match[str]) -> str:
        name, form = match.groups()
        value = explanation.parameters.get(name)
        return "?" if value is None else _in_form(value, form, sentences, language)

    return PLACE.sub(write, sentence)


def _in_form(
    value: str | float, form: str | None, sentences: Mapping[str, str], language: Language
) -> str:
    if form is None:
        return str(value)
    if form in TIME_FORMS:
        return _time(str(value), TIME_FORMS[form])
    if form in NUMBER_FORMS:
        if not isinstance(value, int | float) or not math.isfinite(value):
            return str(value)
        text = NUMBER_FORMS[form](value)
        return text.replace(".", ",") if language in _DECIMAL_COMMA else text
    return sentences.get(f"{form}.{value}", str(value))


NUMBER_FORMS: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        "whole": lambda value: f"{value:.0f}",
        "tenth": lambda value: f"{value:.1f}",
        "percent": lambda value: f"{100.0 * value:.0f}",
    }
)
"""Forms of numbers."""


TIME_FORMS: Mapping[str, str] = MappingProxyType({"time": r"\1 \2 UTC", "clock": r"\2 UTC"})
"""Forms of times: with the day, and without it where the sentence named the day before."""


def _time(text: str, form: str) -> str:
    """An RFC 3339 time in UTC, to the second and with its zone; other text as it is."""
    match = re.fullmatch(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z", text)
    return match.expand(form) if match else text
