"""Nothing about a birth is said without words, in every language; the rules name no status and no screen that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sild
from sild.cases import load_packs
from sild.cases.birth import Birth
from sild.catalogue import Facts
from sild.i18n import Texts

PACKS = load_packs("EE")
BIRTH = Birth(PACKS)
ROOT = Path(sild.__file__).parent
TEXTS = Texts.load(ROOT / "packs" / "civil" / "texts")  # same keys and places in every language
SCREENS = [PACKS.screens[name] for name in PACKS.services["birth"].screens]


def said(language="en"):
    return PACKS.texts[language]


def test_every_status_and_action_has_words():
    statuses = {rule.to for rule in BIRTH.rules if rule.to} | {
        status for rule in BIRTH.rules for status in rule.when
    }
    for status in statuses | set(BIRTH.closed):
        assert f"birth.status.{status}" in said(), status
    for rule in BIRTH.rules:
        if rule.name != "OPEN":
            assert f"birth.action.{rule.name}" in said(), rule.name


def test_every_notice_that_is_sent_has_words_and_no_words_are_idle():
    sent = set(re.findall(r'"(birth\.notice\.\w+)"', (ROOT / "cases" / "birth_effects.py").read_text()))
    assert sent == {key for key in said() if key.startswith("birth.notice.")}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.id)
def test_every_fact_and_return_reason_on_a_screen_has_words(screen):
    for component in screen.components:
        if isinstance(component, Facts):
            for concept in component.concepts:
                assert f"birth.concept.{concept}" in said(), concept
    for field in screen.fields():
        if field.name == "defects":
            for option in field.options:
                assert f"birth.reason.{option.value}" in said(), option.value


@pytest.mark.parametrize("language", ["vi", "et"])
def test_no_language_borrows_anothers_words(language):
    same = [key for key, text in said().items() if key.startswith("birth.") and said(language)[key] == text]
    assert same == []
