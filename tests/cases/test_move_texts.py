"""Nothing about a move or a removal is said without words, in every language; no words are idle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sild
from sild.cases import load_packs
from sild.cases.move import Move
from sild.cases.removal import Removal
from sild.catalogue import Facts
from sild.i18n import Texts

PACKS = load_packs("EE")
PROCESSES = [Move(PACKS), Removal(PACKS)]
ROOT = Path(sild.__file__).parent
TEXTS = Texts.load(ROOT / "packs" / "residence" / "texts")  # same keys and places in every language
SAID = PACKS.texts["en"]
CODE = "".join(file.read_text() for file in sorted((ROOT / "cases").glob("move*.py")))


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.service)
def test_every_status_action_fact_and_reason_has_words(process):
    name = process.service
    statuses = {rule.to for rule in process.rules if rule.to} | {
        s for rule in process.rules for s in rule.when
    }
    wanted = {f"{name}.status.{status}" for status in statuses | set(process.closed)}
    wanted |= {f"{name}.action.{rule.name}" for rule in process.rules}
    for screen in (PACKS.screens[one] for one in PACKS.services[name].screens):
        for part in screen.components:
            if isinstance(part, Facts):
                wanted |= {f"{name}.concept.{concept}" for concept in part.concepts}
        wanted |= {
            f"{name}.reason.{option.value}"
            for field in screen.fields()
            if field.name == "defects"
            for option in field.options
        }
        assert screen.role in {role for rule in process.rules for role in rule.by}
        for action in screen.actions:
            assert process.rule(action.name) is not None, action.name
    assert wanted <= set(SAID), sorted(wanted - set(SAID))


def test_every_defect_and_notice_has_words():
    reasons = set(re.findall(r'Defect\("\w*", "(\w+)"\)', CODE)) - {"missing"}
    assert {f"move.reason.{one}" for one in reasons} <= set(SAID)
    sent = set(re.findall(r'"(move\.notice\.\w+)"', CODE))
    sent |= {"move.notice.missing_residence", "move.notice.missing_population"}
    assert sent == {key for key in SAID if key.startswith("move.notice.")}


@pytest.mark.parametrize("language", ["vi", "et"])
def test_no_language_borrows_anothers_words(language):
    mine = [key for key in SAID if key.startswith(("move.", "removal."))]
    assert len(mine) > 150
    assert [key for key in mine if PACKS.texts[language][key] == SAID[key] and SAID[key] != "{name}"] == []
