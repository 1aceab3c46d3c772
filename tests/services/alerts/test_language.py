"""Every sentence exists in every language, with the same parameters."""

import json
import re
import unicodedata
from collections.abc import Iterator
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest

import services
from sensors.messages import Mark, ObjectClass
from sensors.topics import SensorKind
from services.alerts.language import (
    LANGUAGES,
    NUMBER_FORMS,
    PLACE,
    TIME_FORMS,
    Language,
    catalogue,
    render,
)
from services.events import AlertState, Explanation, Incident, SensorState, Severity

WORDS: dict[str, type[Enum]] = {
    "class": ObjectClass,
    "kind": SensorKind,
    "mark": Mark,
    "state": AlertState,
    "sensor": SensorState,
}

# Serbian Latin and Cyrillic, official alphabets; digraphs first.
_DIGRAPHS = {"nj": "њ", "Nj": "Њ", "lj": "љ", "Lj": "Љ", "dž": "џ", "Dž": "Џ"}
_LETTERS = dict(
    zip(
        "abvgdđežzijklmnoprstćufhcčšABVGDĐEŽZIJKLMNOPRSTĆUFHCČŠ",
        "абвгдђежзијклмнопрстћуфхцчшАБВГДЂЕЖЗИЈКЛМНОПРСТЋУФХЦЧШ",
        strict=True,
    )
)
SAME_IN_BOTH_SCRIPTS = {"UTC", "→"}


def in_cyrillic(text: str) -> str:
    out = []
    for part in re.split(r"(\{[^}]*\}|\w+)", text):
        if part.startswith("{") or part in SAME_IN_BOTH_SCRIPTS:
            out.append(part)
            continue
        for latin, cyrillic in _DIGRAPHS.items():
            part = part.replace(latin, cyrillic)  # noqa: PLW2901 - one after the other
        out.append("".join(_LETTERS.get(letter, letter) for letter in part))
    return "".join(out)


def explanation_keys() -> Iterator[tuple[str, str]]:
    """Keys given to Explanation or in tables of the program: literal 'incident.', 'change.', ..."""
    for path in Path(next(iter(services.__path__))).rglob("*.py"):
        for key in re.findall(
            r"\"((?:incident|change|refused)\.[a-z_]+)\"", path.read_text("utf-8")
        ):
            yield path.name, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_catalogues_have_the_same_keys_and_parameters(language: Language) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert set(other) == set(english)
    for key, sentence in english.items():
        assert sorted(PLACE.findall(other[key])) == sorted(PLACE.findall(sentence)), key
        assert other[key].strip() == other[key] != ""
        assert "{" not in PLACE.sub("", other[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_the_program_can_say_is_in_the_catalogue(language: Language) -> None:
    said = catalogue(language)
    wanted = {f"{group}.{one.value}" for group, kind in WORDS.items() for one in kind}
    wanted |= {f"severity.{one.name.lower()}" for one in Severity}
    wanted |= {f"direction.{one}" for one in get_args(Incident.__annotations__["direction"])}
    wanted |= {"side.romanian", "side.serbian"}
    assert wanted <= set(said)


def test_every_key_used_in_the_program_is_in_the_catalogue() -> None:
    used = {key for _, key in explanation_keys()}
    assert {"incident.reason", "change.raised", "refused.unknown_alert"} <= used
    assert used <= set(catalogue("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_is_one_of_a_number_a_time_or_a_group_of_words(language: Language) -> None:
    said = catalogue(language)
    groups = {key.partition(".")[0] for key in said}
    for sentence in said.values():
        for _, form in PLACE.findall(sentence):
            assert form in {"", *TIME_FORMS, *NUMBER_FORMS} | groups


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_catalogue_says_that_no_native_speaker_checked_it(language: Language) -> None:
    text = files("services.alerts").joinpath("catalogues", f"{language}.json").read_text("utf-8")
    assert "ot yet checked by a native speaker" in json.loads(text)["_note"]
    assert "_note" not in catalogue(language)


def test_serbian_cyrillic_is_the_latin_in_the_other_script() -> None:
    latin, cyrillic = catalogue("sr-Latn"), catalogue("sr-Cyrl")
    for key, sentence in latin.items():
        assert cyrillic[key] == in_cyrillic(sentence), key


def test_romanian_uses_comma_below_and_composed_letters() -> None:
    for key, sentence in catalogue("ro").items():
        assert not set(sentence) & set("şţŞŢ"), key
        assert unicodedata.normalize("NFC", sentence) == sentence


REASON = Explanation(
    "incident.reason",
    {
        "object_class": "person",
        "class_share": 0.87,
        "confidence": 0.962,
        "sensors": "fibre-3, thermal-012",
        "sensor_count": 2,
        "first_at": "2026-11-22T00:33:18.250000000Z",
        "last_at": "2026-11-22T00:33:41.000000000Z",
        "distance_m": 18.4,
        "side": "romanian",
        "direction": "towards",
    },
)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "en",
            (
                "Person (87 %), 18 m from the border line, on the Romanian side; movement: "
                "towards the Romanian side. 96 % sure: fibre-3, thermal-012, from "
                "2026-11-22 00:33:18 UTC to 00:33:41 UTC."
            ),
        ),
        (
            "ro",
            (
                "Persoană (87 %), la 18 m de linia de frontieră, pe partea română; deplasare: "
                "spre partea română. Siguranță 96 %: fibre-3, thermal-012, de la "
                "2026-11-22 00:33:18 UTC până la 00:33:41 UTC."
            ),
        ),
        (
            "sr-Cyrl",
            (
                "Особа (87 %), 18 м од граничне линије, на румунској страни; кретање: ка румунској "
                "страни. Поузданост 96 %: fibre-3, thermal-012, од 2026-11-22 00:33:18 UTC до "
                "00:33:41 UTC."
            ),
        ),
    ],
)
def test_a_reason_says_place_and_movement_first(language: Language, sentence: str) -> None:
    assert render(REASON, language) == sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_newer_version_says_is_shown_rather_than_lost(language: Language) -> None:
    assert render(Explanation("change.teleported", {"where": "x"}), language) == (
        "change.teleported (where: x)"
    )
    assert render(Explanation("change.teleported"), language) == "change.teleported"
    assert "?" in render(Explanation("change.acknowledged"), language)
    odd = Explanation("change.recurred", {"seconds": "soon"})
    assert "soon" in render(odd, language)
