"""Nothing about a plan of places is said without words, in every language; its entry in the algorithm register is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sild
from sild.cases import load_packs
from sild.cases.plan import KindergartenPlan
from sild.decisions import load_algorithms
from sild.i18n import Texts

ROOT = Path(sild.__file__).parent
PACKS = load_packs("EE")
TEXTS = Texts.load(ROOT / "packs" / "education" / "texts")  # same keys and places in every language


def test_every_status_action_and_refusal_has_words():
    said = PACKS.texts["en"]
    for rule in KindergartenPlan.rules:
        assert f"kindergarten_plan.action.{rule.name}" in said
        for status in (*rule.when, rule.to):
            assert f"kindergarten_plan.status.{status}" in said
    source = (ROOT / "cases" / "plan.py").read_text()
    for reason in re.findall(r'Defect\("\w+", "(\w+)"\)', source):
        assert f"kindergarten_plan.reason.{reason}" in said


@pytest.mark.parametrize("language", ["vi", "et"])
def test_no_language_borrows_anothers_words(language):
    said = PACKS.texts["en"]
    keys = [key for key in said if key.startswith("kindergarten_plan.")]
    assert [key for key in keys if PACKS.texts[language][key] == said[key]] == []


def test_the_algorithm_has_its_entry():
    entry = load_algorithms(ROOT / "packs")["kindergarten-demand"]
    assert (entry.kind, entry.link) == ("model", "/models/kindergarten-demand")
