"""The texts themselves: marked as of the demonstration, complete in three languages, and every clause a service cites is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sild
from sild.assistant import load_acts, load_topics
from sild.assistant.passages import parse_act, parse_topics
from sild.cases import Packs
from sild.errors import CallerError

PACKS = Path(sild.__file__).parent / "packs"


@pytest.mark.parametrize("country", ["EE", "VN"])
def test_every_act_says_what_it_is(country: str) -> None:
    acts = load_acts(country)
    assert acts and all(act.demonstration and act.names.keys() == {"et", "vi", "en"} for act in acts)
    for act in acts:
        assert len({clause.id for clause in act.clause}) == len(act.clause)
    for file in (PACKS / "law" / country.lower()).glob("*.toml"):
        assert file.read_text("utf-8").startswith("# A text of the demonstration"), file


def test_every_section_a_service_cites_can_be_read(packs: Packs) -> None:
    known = {f"{act.act} {clause.section}" for act in load_acts("EE") for clause in act.clause}
    cited = {
        one.ground
        for service in packs.services.values()
        for one in service.evidence
        if one.ground is not None
    }
    cited |= {one.basis for one in packs.profile.deadlines.values() if re.match(r"[A-Z].* § ", one.basis)}
    assert {one for one in cited if "§" in one} <= known


def test_help_refers_to_clauses_and_pages_that_exist() -> None:
    known = {
        f"{act.act} {clause.id}"
        for country in ("EE", "VN")
        for act in load_acts(country)
        for clause in act.clause
    }
    for topic in load_topics():
        assert set(topic.law) <= known, topic.id
        for words in (topic.et, topic.vi, topic.en):
            assert words.title and words.text and words.asked, topic.id


def test_what_is_no_act_is_refused() -> None:
    with pytest.raises(CallerError) as refused:
        parse_act({"act": "X", "clause": []})
    assert refused.value.code == "invalid_law"
    with pytest.raises(CallerError) as refused:
        parse_topics({"topic": [{"id": "x", "link": "https://evil.example"}]})
    assert refused.value.code == "invalid_help"
