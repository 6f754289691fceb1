"""Answers made of quotes. Nothing is said that no passage says; where the support is too weak the answer is that we do not know."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sild.assistant.index import Found, Index, says_something
from sild.assistant.intents import intent_of
from sild.assistant.passages import Passage
from sild.assistant.steps import without_addresses
from sild.assistant.words import tokens

__all__ = ["MAX_QUESTION", "Answer", "Assistant", "Outcome"]

MAX_QUESTION = 1_000
"""Signs. A longer one is not answered but handed over."""
ENOUGH = {"et": 0.55, "en": 0.58, "vi": 0.54}
"""Support from which a passage answers, by language: calibrated on the tuning questions, see docs/assistant.md."""
BESIDE = 0.75
"""Share of the best one's support from which another passage is quoted beside it."""
A_LITTLE = 0.2
"""Support from which a search result is worth a look, though it is no answer."""
QUOTES = 3
RESULTS = 4

Outcome = Literal["answer", "unknown", "own", "others", "orders", "too_long", "empty"]


@dataclass(frozen=True, slots=True)
class Answer:
    """quotes: what answers, best first; empty when nothing does.  results: what a search found besides, offered as no answer.

    own: the question is about the person's own cases; who knows them adds them.  cases: numbers it names.
    language: in which the question was understood.  service: which service the best quote belongs to.
    """

    outcome: Outcome
    language: str
    quotes: tuple[Found, ...] = ()
    results: tuple[Found, ...] = ()
    own: bool = False
    cases: tuple[str, ...] = ()

    @property
    def service(self) -> str | None:
        """Of the first quote that belongs to one."""
        return next((one.passage.service for one in self.quotes if one.passage.service), None)


class Assistant:
    """Over the passages of one country. Knows nothing of any person; may be asked from several threads.

    passages: by id.  The index is made when something is first asked: half a second of work, so ask in a thread.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = {passage.id: passage for passage in passages}
        self._lock = threading.Lock()
        self._index: Index | None = None

    def prepare(self) -> None:
        """Make the index now, not when something is first asked."""
        self.index  # noqa: B018  made when it is read

    @property
    def index(self) -> Index:
        with self._lock:
            if self._index is None:
                self._index = Index(tuple(self.passages.values()))
            return self._index

    def ask(self, question: str, language: str) -> Answer:
        """language: of the page, for questions that are of none."""
        if len(question) > MAX_QUESTION:
            return Answer("too_long", language)
        if not tokens(question):
            return Answer("empty", language)
        intent = intent_of(question)
        if intent.orders:
            return Answer("orders", language)
        found = self.index.search(without_addresses(question), language)
        understood = found[0].language if found else language
        if intent.others and not intent.cases:
            return Answer("others", understood)
        quotes = self._quotes(found) if says_something(question, understood) else ()
        outcome: Outcome = "own" if intent.own else "answer" if quotes else "unknown"
        near = (one for one in found if one.support >= A_LITTLE and not one.passage.is_delicate)
        results = tuple(near)[:RESULTS] if outcome == "unknown" else ()
        return Answer(outcome, understood, quotes, results, intent.own, intent.cases)

    def _quotes(self, found: Sequence[Found]) -> tuple[Found, ...]:
        """The best passage if it is good enough, the clauses it rests on, and those nearly as good."""
        if not found or found[0].support < ENOUGH[found[0].language]:
            return ()
        best = found[0]
        law = (self.passages.get(clause) for clause in best.passage.law)
        rests = [Found(one, best.language, best.score, best.support) for one in law if one is not None]
        near = [
            one
            for one in found[1:RESULTS]
            if one.support >= max(ENOUGH[best.language], BESIDE * best.support)
            and not one.passage.is_delicate
        ]
        chosen = {one.passage.id: one for one in reversed((best, *rests, *near))}
        return tuple(reversed(chosen.values()))[:QUOTES]
