"""Questions as people ask them: quotes word for word, in their language, of their country; silence where there is nothing to quote."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from sild.assistant import MAX_QUESTION, Assistant, load_acts, load_passages
from sild.cases import Packs


def ids(assistant: Assistant, question: str, language: str = "en") -> list[str]:
    return [one.passage.id for one in assistant.ask(question, language).quotes]


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("by when do I have to report a move?", "en", "RRS 69.1"),
        ("mis ajaks tuleb kolimisest teatada, mitu päeva aega", "et", "RRS 69.1"),
        ("chuyển nhà thì phải báo trong bao nhiêu ngày", "vi", "RRS 69.1"),
        ("chuyen nha thi phai bao trong bao nhieu ngay", "vi", "RRS 69.1"),
        ("isaduse omaksvott", "et", "PKTS 26.1"),
        ("acknowlegment of paternty", "en", "PKTS 26.1"),
    ],
)
def test_the_clause_is_quoted_with_its_source(
    assistant: Assistant, question: str, language: str, expected: str
) -> None:
    answer = assistant.ask(question, language)
    assert answer.outcome == "answer" and answer.language == language
    quote = next(one.passage for one in answer.quotes if one.passage.id == expected)
    assert quote.source is not None and quote.source.section and quote.source.is_demonstration
    assert quote.link.startswith("/law/") and quote.link.endswith(f"#c{expected.split()[1]}")


def test_what_is_quoted_stands_in_the_law_word_for_word(assistant: Assistant) -> None:
    written = {f"{act.act} {clause.id}": clause.et for act in load_acts("EE") for clause in act.clause}
    for one in assistant.ask("kas lapsetoetust peab taotlema", "et").quotes:
        if one.passage.kind == "clause":
            assert one.passage.text["et"] == written[one.passage.id]


def test_the_language_asked_in_is_the_language_answered_in(assistant: Assistant) -> None:
    answer = assistant.ask("kui kaua lapsetoetust makstakse, mis vanuseni", "en")
    assert answer.language == "et" and answer.quotes[0].passage.id == "PHS 17.1"


def test_help_brings_the_clause_it_rests_on(assistant: Assistant) -> None:
    found = ids(assistant, "landlord does not answer, refuses consent")
    assert {"move.owner_silent", "RRS 74.2"} <= set(found) and len(found) <= 3


def test_deadlines_in_help_are_those_of_the_profile(assistant: Assistant, vietnamese: Assistant) -> None:
    assert "14 days" in assistant.passages["move.late"].text["en"]
    assert "12 months" in vietnamese.passages["move.late"].text["en"]
    for one in (assistant, vietnamese):
        assert not [p.id for p in one.passages.values() if any("{" in text for text in p.text.values())]


def test_each_country_quotes_its_own_law(vietnamese: Assistant) -> None:
    found = ids(vietnamese, "đăng ký khai sinh cho con trong thời hạn bao lâu", "vi")
    assert "60/2014/QH13 15.1" in found
    assert not any(one.startswith(("RRS", "PKTS")) for one in vietnamese.passages)


@pytest.mark.parametrize(
    "question", ["how do I renew my passport", "kuidas osaühingut asutada", "ngày mai trời có mưa không"]
)
def test_what_nothing_supports_is_not_answered(assistant: Assistant, question: str) -> None:
    answer = assistant.ask(question, "en")
    assert answer.outcome == "unknown" and answer.quotes == ()


def test_who_did_not_ask_of_a_death_reads_nothing_of_one(assistant: Assistant) -> None:
    assert ids(assistant, "our baby was stillborn, what now")[0] == "birth.loss"
    for question in (
        "passport for my baby",
        "my baby was born yesterday, what now",
        "kas beebile on vaja passi",
    ):
        answer = assistant.ask(question, "en")
        assert "birth.loss" not in [one.passage.id for one in (*answer.quotes, *answer.results)]


def test_an_address_is_no_word_of_the_matter(assistant: Assistant) -> None:
    with_address = assistant.ask("I moved to Pikk 7 Tartu, how do I register the new address", "en")
    assert with_address.outcome == "answer" and with_address.service == "move"


def test_nothing_to_search_for(assistant: Assistant) -> None:
    assert assistant.ask("?!… ", "en").outcome == "empty"
    assert assistant.ask("x" * (MAX_QUESTION + 1), "en").outcome == "too_long"
    assert assistant.ask("what is the", "en").outcome == "unknown"


def test_the_index_is_there_at_once_and_several_may_ask(packs: Packs) -> None:
    begun = time.process_time()
    assistant = Assistant(
        load_passages(packs.profile, tuple(packs.services.values()), packs.screens, at=date(2026, 11, 23))
    )
    assert assistant.index is assistant.index
    assert time.process_time() - begun < 5.0  # less than a second on an idle machine
    questions = ["when is the card issued", "millal kaart tuleb", "paternity leave days"] * 10
    alone = [ids(assistant, one) for one in questions]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: ids(assistant, one), questions)) == alone


def test_days_and_months_are_words_in_every_language(assistant: Assistant, vietnamese: Assistant) -> None:
    for one in (assistant, vietnamese):
        for passage in one.passages.values():
            for text in (*passage.title.values(), *passage.text.values()):
                assert "duration" not in text and " None" not in text, passage.id
    assert "10 ngày" in assistant.passages["move.owner_silent"].text["vi"]
