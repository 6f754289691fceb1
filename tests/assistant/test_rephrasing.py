"""A model that invents, follows orders in a text, is slow or down: what its quote does not bear is not shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sild.assistant import Assistant, Sentence, rephrase
from sild.assistant import rephrasing as room
from sild.errors import Unavailable

QUESTION = "by when do I have to report a move?"


class Says:
    """A written double of a model."""

    def __init__(self, *said: Sentence) -> None:
        self.said = said
        self.quotes: Sequence[str] = ()

    async def rephrase(self, question: str, quotes: Sequence[str], language: str) -> Sequence[Sentence]:
        self.quotes = quotes
        return self.said


def clause(assistant: Assistant) -> int:
    return [one.passage.id for one in assistant.ask(QUESTION, "en").quotes].index("RRS 69.1")


async def test_a_sentence_its_quote_bears_is_shown(assistant: Assistant) -> None:
    sentence = Sentence("After moving, give the notice of residence within 14 days.", clause(assistant))
    assert await rephrase(Says(sentence), QUESTION, assistant.ask(QUESTION, "en")) == (sentence,)


@pytest.mark.parametrize(
    "text",
    [
        "After moving, give the notice of residence within 30 days.",  # another number
        "After moving, no notice of residence must be given within 14 days.",  # the opposite
        "Pay the fine of 100 euros at the bank.",  # invented
        "Give the notice of residence at https://evil.example within 14 days.",
        "<b>After moving give the notice of residence within 14 days</b>",
        "Your case is approved by the registrar.",
        "",
        "The " + "notice of residence " * 60,
    ],
)
async def test_a_sentence_it_does_not_bear_is_dropped(assistant: Assistant, text: str) -> None:
    model = Says(Sentence(text, clause(assistant)))
    assert await rephrase(model, QUESTION, assistant.ask(QUESTION, "en")) == ()


async def test_a_sentence_of_a_quote_that_is_not_there(assistant: Assistant) -> None:
    text = "After moving, give the notice of residence within 14 days."
    for number in (-1, 99):
        assert await rephrase(Says(Sentence(text, number)), QUESTION, assistant.ask(QUESTION, "en")) == ()


async def test_no_question_without_an_answer_reaches_a_model(assistant: Assistant) -> None:
    model = Says()
    await rephrase(model, "how do I renew my passport", assistant.ask("how do I renew my passport", "en"))
    await rephrase(model, "38001085718", assistant.ask("38001085718", "en"))
    assert model.quotes == ()


async def test_a_model_that_is_down_or_slow_changes_nothing(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down(Says):
        async def rephrase(self, question: str, quotes: Sequence[str], language: str) -> Sequence[Sentence]:
            raise Unavailable("no route", code="no_route")

    class Slow(Says):
        async def rephrase(self, question: str, quotes: Sequence[str], language: str) -> Sequence[Sentence]:
            await asyncio.sleep(5)
            return ()

    monkeypatch.setattr(room, "SECONDS", 0.05)
    for model in (Down(), Slow()):
        assert await rephrase(model, QUESTION, assistant.ask(QUESTION, "en")) == ()
