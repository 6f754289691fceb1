"""Asked what is paid, it says what is paid: sums of the rules in force that day, of the country, in three languages."""

from __future__ import annotations

from datetime import date

import pytest

from sild.assistant import Assistant, load_passages
from sild.cases import Packs


@pytest.mark.parametrize(
    ("question", "language", "expected", "said"),
    [
        ("money for a newborn, what can we count on", "en", "benefit.which", "€320.00"),
        ("millised perehüvitised üldse olemas on", "et", "benefit.which", "80,00\xa0€"),
        ("gia đình tôi có những khoản trợ cấp nào", "vi", "benefit.which", "320,00\xa0€"),
        ("how many euros is the birth grant", "en", "benefit.grant", "€320.00"),
        ("vanemahüvitise miinimum ja maksimum", "et", "benefit.parental", "5\xa0943,00\xa0€"),
    ],
)
def test_the_benefit_itself_comes_first(
    assistant: Assistant, question: str, language: str, expected: str, said: str
) -> None:
    best = assistant.ask(question, language).quotes[0].passage
    assert best.id == expected and said in best.text[language]


def test_the_sums_are_those_of_the_day(packs: Packs) -> None:
    then = load_passages(packs.profile, tuple(packs.services.values()), packs.screens, at=date(2022, 12, 31))
    text = next(one for one in then if one.id == "benefit.allowance").text["en"]
    assert "€60.00" in text and "€80.00" not in text


def test_another_country_pays_other_benefits(assistant: Assistant, vietnamese: Assistant) -> None:
    assert "benefit.which" not in vietnamese.passages and "benefit.maternity" not in assistant.passages
    best = vietnamese.ask("sinh con được những trợ cấp gì", "vi").quotes[0].passage
    assert best.id == "benefit.maternity" and "2.340.000" in best.text["vi"]
