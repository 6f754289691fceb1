"""A model may say it more plainly, and nothing else: every sentence names its quote and is held against it, or falls.

The model is reached through the AI gateway by whoever wires it in (`Model`). What people write is personal: the gateway's routes keep
it on the local model (DECISIONS 5.2). Without a model, or when it fails or is slow, the quotes stand alone, as they always do below.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sild.assistant.answers import Answer
from sild.assistant.words import STOPWORDS, clean, content_terms, folded, tokens
from sild.errors import PlatformError
from sild.telemetry import get_logger

__all__ = ["Model", "Sentence", "rephrase", "supported"]

log = get_logger("assistant")

SECONDS = 6.0
MAX_SENTENCES = 4
MAX_SIGNS = 400
COVERED = 0.75
"""Share of a sentence's words that say something which must stand in its quote."""
_FORBIDDEN = re.compile(r"https?:|www\.|[<>{}\[\]`@#]|\S+\.(?:com|ee|vn|org|net)\b", re.IGNORECASE)
_NEGATIONS = {
    "et": frozenset({"ei", "pole", "ära", "mitte", "ilma", "keegi", "ükski"}),
    "vi": frozenset({"không", "chưa", "đừng", "chẳng"}),
    "en": frozenset({"not", "no", "never", "without", "cannot", "nobody", "nothing", "neither", "nor", "t"}),
}
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """quote: number of the quote it says again, from 0."""

    text: str
    quote: int


class Model(Protocol):
    """A way to a model. question: free text of a person, class `personal`.  quotes: public texts."""

    async def rephrase(self, question: str, quotes: Sequence[str], language: str) -> Sequence[Sentence]:
        """Raises PlatformError: no route, refused, out of time."""
        ...


async def rephrase(model: Model | None, question: str, answer: Answer) -> tuple[Sentence, ...]:
    """The sentences that their quotes bear. Never raises for what a model does."""
    if model is None or not answer.quotes:
        return ()
    quotes = [one.passage.text[answer.language] for one in answer.quotes]
    try:
        async with asyncio.timeout(SECONDS):
            said = await model.rephrase(question, quotes, answer.language)
    except (PlatformError, TimeoutError) as error:
        log.warning("assistant.model_failed", reason=type(error).__name__)
        return ()
    kept = [
        one
        for one in said[: 2 * MAX_SENTENCES]
        if 0 <= one.quote < len(quotes) and supported(one.text, quotes[one.quote], answer.language)
    ]
    if len(kept) < len(said):
        log.warning("assistant.sentences_dropped", dropped=len(said) - len(kept))
    return tuple(kept[:MAX_SENTENCES])


def supported(sentence: str, quote: str, language: str) -> bool:
    """Whether a sentence says nothing that its quote does not: words, every number, and as many negations."""
    if not sentence.strip() or len(sentence) > MAX_SIGNS or _FORBIDDEN.search(clean(sentence)):
        return False
    said, quoted = tokens(sentence), tokens(quote)
    if not set(_DIGITS.findall(clean(sentence))) <= set(_DIGITS.findall(clean(quote))):
        return False
    negations = _NEGATIONS[language]
    if sum(word in negations for word in said) != sum(word in negations for word in quoted):
        return False
    known = {folded(term) for term in content_terms(quote, language)}
    terms = content_terms(sentence, language)
    if not terms:
        return bool(set(said) - STOPWORDS[language])
    return sum(folded(term) in known for term in terms) / len(terms) >= COVERED
