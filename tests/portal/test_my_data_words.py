"""Codes of the registers among my data are said in words, in the reader's language; what there are no words for stays as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sild.cases import ExchangeAnswer
from support.portal_world import PortalWorld

FACTS = [
    {"concept": "person.sex", "value": "F"},
    {"concept": "person.citizenship", "key": "EE", "value": True},
    {"concept": "person.citizenship", "key": "VN", "value": True},
    {"concept": "person.parents", "key": "48001010012", "value": "mother", "text": "Leida Maasikas"},
    {"concept": "person.custody", "key": "48001010012", "value": "joint", "text": "Leida Maasikas"},
    {"concept": "person.marriage", "key": "38001010012", "value": "husband"},
    {"concept": "person.guardians", "key": "38001010012", "value": "something new"},
    {"concept": "person.place_of_birth", "value": "Tartu"},
]


def said(language: str, world: PortalWorld) -> str:
    async def call(*_: Any, **__: Any) -> ExchangeAnswer:
        known = {
            "valid_from": "2000-01-01",
            "known_from": "2000-01-01T00:00:00Z",
            "source": "x",
            "basis": "synthetic",
        }
        return ExchangeAnswer(200, {"items": [{**known, **fact} for fact in FACTS]}, "m-1")

    world.exchange.call = call  # type: ignore[method-assign]
    browser = world.browser()
    browser.language = language
    browser.log_in()
    return " ".join(re.sub(r"<[^>]*>", " ", browser.open("/my-data").text).split())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["female", "Estonia", "Vietnam", "mother, Leida Maasikas", "joint custody", "made up for"]),
        ("et", ["naine", "Eesti", "Vietnam", "ema, Leida Maasikas", "ühine hooldusõigus", "välja mõeldud"]),
        ("vi", ["nữ", "Estonia", "Việt Nam", "mẹ, Leida Maasikas", "cùng nuôi dưỡng", "dữ liệu giả"]),
    ],
)
def test_in_words(world: PortalWorld, language: str, words: list[str]) -> None:
    text = said(language, world)
    for word in words:
        assert word in text, (word, text)
    assert "synthetic" not in text and " F " not in text and "48001010012" not in text
    assert "something new" in text and "38001010012" in text and "Tartu" in text
