"""The index: four rankings of one language's passages, fused by their ranks, and how well a passage supports a question.

Okapi BM25 by SQLite's FTS5 (docs/adr says why), once over stems or syllables, once over the same without marks, once over letters
in threes, once over concepts; reciprocal rank fusion (Cormack, Clarke, Büttcher 2009). Ranks say which passage is best, never whether it is good:
that is `support`, the share of the question's weight that the passage answers.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sild.assistant.asks import asked_for, told_in
from sild.assistant.concepts import Span, concept_terms, known_words, spans_of
from sild.assistant.passages import LANGUAGES, Passage
from sild.assistant.spelling import Spelling
from sild.assistant.words import (
    STOPWORDS,
    all_terms,
    content_pairs,
    content_terms,
    folded,
    folded_terms,
    letters,
    syllables_or_stems,
    tokens,
)

__all__ = ["Found", "Index", "says_something"]

RANK_CONSTANT = 20
"""Of the fusion: small, because a few hundred passages are few."""
DEPTH = 12
MAX_TERMS = 240
LIGHT = 0.15
"""Weight of a word of every day, as a share of what it would weigh."""
ELSEWHERE = 2.0
"""Weight of a matter of its own, as a share of the rarest known word's."""

RANKINGS: Mapping[str, tuple[Callable[[str, str], list[str]], float]] = {
    "stems": (syllables_or_stems, 1.0),
    "plain": (folded_terms, 0.8),
    "letters": (letters, 0.6),
    "concepts": (concept_terms, 2.0),
}
WEIGHTS = (2.0, 1.0, 1.5)
"""Of title, text, and words people use for it."""
COMPOUND = 0.7
"""What a word counts that is a part of a compound, or has it as one."""
PAIR = 0.5
"""Weight of two Vietnamese syllables side by side: `thất nghiệp` is a word, `thất` and `nghiệp` are none."""
UNKNOWN = 0.75
"""Weight of a word that stands nowhere, as a share of the rarest known one's."""
PAGE = 0.1
"""What the language of the page is worth, as a share of a question's words."""
REST = 3.0
"""The most that a word weighs that stands for nothing: how rare it is says little among so few passages."""
TITLE_OF_ACT = 0.6
"""What a word counts that stands in the name of the act alone."""
PARTS = {"evidence": ("=documents", 0.75), "outputs": ("", 0.75), "law": ("", 0.65)}
"""Lists of what a service looks up, brings and rests on answer few questions but those for it (the concept)."""
PRIOR = 1.0
"""Weight that no passage meets: a question of one common word is answered by none."""
RANKS = 0.35
"""Share of the ranks in the order; the rest is the support's."""
KIND = {"time": 0.2, "amount": 0.5}
"""Weight of what is asked for, a time or a sum."""
KINDS = {"clause": 1.0, "help": 1.0, "service": 0.9}
"""Help and law are written to be quoted, a screen's words to be read on the screen."""
ALIKE = 0.55
"""From which share of common threes (Dice) two words may be one, mistyped."""


@dataclass(frozen=True, slots=True)
class Found:
    """support: 0 to 1."""

    passage: Passage
    language: str
    score: float
    support: float


def says_something(question: str, language: str) -> bool:
    """Whether it has a word that is no stop word, or several that stand for something: `kes sa oled`."""
    return bool(content_terms(question, language)) or bool(concept_terms(question, language))


class _OneLanguage:
    def __init__(self, passages: Sequence[Passage], language: str) -> None:
        self.language = language
        self._passages = passages
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._fold: list[dict[str, float]] = []
        self._told = [told_in(passage.text[language]) for passage in passages]
        frequency: Counter[str] = Counter()
        for name in RANKINGS:
            self._connection.execute(
                f"CREATE VIRTUAL TABLE {name} USING fts5(title, body, asked, tokenize = \"unicode61 remove_diacritics 0 tokenchars '_<>=~'\")"
            )
        for number, passage in enumerate(passages):
            parts = (passage.title[language], passage.text[language], passage.asked.get(language, ""))
            made = {
                name: [terms(part, language) for part in parts] for name, (terms, _weight) in RANKINGS.items()
            }
            for name, columns in made.items():
                row = [" ".join(terms) for terms in columns]
                self._connection.execute(
                    f"INSERT INTO {name} (rowid, title, body, asked) VALUES (?, ?, ?, ?)",  # noqa: S608  our own names
                    (number, *row),
                )
            whole = {f"#{told}": 1.0 for told in self._told[number]}
            for place, part in enumerate(parts):
                credit = TITLE_OF_ACT if place == 0 and passage.kind == "clause" else 1.0
                for term in (
                    *made["plain"][place],
                    *made["concepts"][place],
                    *map(folded, all_terms(part, language)),
                    *content_pairs(part, language),
                ):
                    whole[term] = max(whole.get(term, 0.0), credit)
            self._fold.append(whole)
            frequency.update(whole)
        whole_words, beginnings = known_words(language)
        surface = {folded(word) for one in passages for word in tokens(_all_of(one, language))}
        self._known_words = surface | whole_words
        self._spelling = Spelling(self._known_words, beginnings)
        count = max(1, len(passages))
        self._weight = {term: math.log(1 + count / seen) for term, seen in frequency.items()}
        self._unknown_weight = UNKNOWN * math.log(1 + count)
        self._threes = {term: _threes(term) for term in frequency if "_" not in term and len(term) > 3}

    def search(self, question: str) -> list[Found]:
        """Best first, at most `DEPTH`."""
        question = self._spelled(question)
        scores: defaultdict[int, float] = defaultdict(float)
        for name, (terms, weight) in RANKINGS.items():
            for rank, number in enumerate(self._ranked(name, terms(question, self.language))):
                scores[number] += weight / (RANK_CONSTANT + rank)
        alike = self._asked_for(question)
        meant = frozenset(concept_terms(question, self.language))
        best = max(scores.values(), default=0.0) or 1.0
        found = [
            Found(
                self._passages[number],
                self.language,
                score / best,
                self._support(number, alike),
            )
            for number, score in scores.items()
        ]
        found.sort(
            key=lambda one: (
                -KINDS[one.passage.kind]
                * _part(one.passage, meant)
                * (RANKS * one.score + (1 - RANKS) * one.support),
                one.passage.id,
            )
        )
        return found[:DEPTH]

    def _spelled(self, question: str) -> str:
        """With the words meant for those that nobody knows."""
        spans = spans_of(question, self.language)
        taken = {at for span in spans[1] for at in range(span.begin, span.end)}
        return " ".join(
            word if at in taken or self._has(word) else self._meant(word) for at, word in enumerate(spans[0])
        )

    def _meant(self, word: str) -> str:
        plain = folded(word)
        return word if plain in self._known_words else self._spelling.meant(plain) or word

    def familiar(self, question: str) -> float:
        """Share of the words that this language has: in the passages, or as what stands for something, or as what says nothing."""
        words, spans = spans_of(question, self.language)
        if not words:
            return 0.0
        known = {at for span in spans for at in range(span.begin, span.end)}
        known |= {at for at, word in enumerate(words) if self._has(word)}
        return len(known) / len(words)

    def _has(self, word: str) -> bool:
        if word in STOPWORDS[self.language]:
            return True
        return any(
            term in self._weight for term in (folded(word), *map(folded, content_terms(word, self.language)))
        )

    def _stemmed(self, word: str) -> str:
        return next(iter(content_terms(word, self.language)), word)

    def _ranked(self, name: str, terms: Sequence[str]) -> list[int]:
        wanted = list(dict.fromkeys(terms))[:MAX_TERMS]
        if not wanted:
            return []
        query = " OR ".join('"' + term.replace('"', "") + '"' for term in wanted)
        weights = ", ".join(map(str, WEIGHTS))
        with self._lock:
            rows = self._connection.execute(
                f"SELECT rowid FROM {name} WHERE {name} MATCH ? ORDER BY bm25({name}, {weights}), rowid LIMIT ?",  # noqa: S608
                (query, 3 * DEPTH),
            ).fetchall()
        return [int(row[0]) for row in rows]

    def _asked_for(self, question: str) -> list[tuple[float, Mapping[str, float]]]:
        """For all that is said: its weight, and the words or concepts it may be with how alike they are."""
        wanted = asked_for(question, self.language)
        asked: list[tuple[float, Mapping[str, float]]] = []
        if wanted is not None:
            asked.append((KIND[wanted] * self._unknown_weight, {f"#{wanted}": 1.0}))
        words, spans = spans_of(question, self.language)
        light: set[str] = set()
        rest = list(words)
        for span in spans:
            if span.kind == "light":
                light.update(map(self._stemmed, words[span.begin : span.end]))
                continue
            rest[span.begin : span.end] = [""] * (span.end - span.begin)
            asked.append(self._meant_by(span))
        said = " ".join(rest)
        asked += [self._said_as(term, term in light) for term in content_terms(said, self.language)]
        if self.language == "vi":
            pairs = content_pairs(said, "vi")
            asked += [(PAIR * self._weight.get(pair, self._unknown_weight), {pair: 1.0}) for pair in pairs]
        return asked

    def _meant_by(self, span: Span) -> tuple[float, Mapping[str, float]]:
        """Of several concepts the rarest counts most: who has a passage on benefits has little on the birth grant."""
        if span.kind == "elsewhere":
            return ELSEWHERE * self._unknown_weight / UNKNOWN, dict.fromkeys(span.terms, 1.0)
        known = {term: self._weight[term] for term in span.terms if term in self._weight}
        weight = max(known.values(), default=self._unknown_weight)
        return weight, {term: (one / weight) ** 2 for term, one in known.items()}

    def _said_as(self, term: str, is_light: bool) -> tuple[float, Mapping[str, float]]:
        """A word that stands for nothing known."""
        plain = folded(term)
        if is_light or term.isdecimal():
            return LIGHT * self._weight.get(plain, self._unknown_weight), {plain: 1.0}
        if plain in self._weight:
            return min(self._weight[plain], REST), {plain: 1.0}
        near: dict[str, float] = {}
        threes = _threes(plain)
        for other, others in self._threes.items() if len(plain) > 3 else ():
            if abs(len(other) - len(plain)) <= 4 and other[0] == plain[0]:
                share = 2 * len(threes & others) / (len(threes) + len(others))
                if share >= ALIKE:
                    near[other] = share
            if self.language == "et" and min(len(other), len(plain)) >= 5 and _is_compound(plain, other):
                near[other] = max(near.get(other, 0.0), COMPOUND)
        return self._unknown_weight, near

    def _support(self, number: int, asked: Sequence[tuple[float, Mapping[str, float]]]) -> float:
        total = sum(weight for weight, _near in asked)
        if not total:
            return 0.0
        words = self._fold[number]
        met = sum(
            weight * max((share * words.get(word, 0.0) for word, share in near.items()), default=0.0)
            for weight, near in asked
        )
        return met / (total + PRIOR)


class Index:
    """All passages in every language. Made once; `search` may be called from several threads."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._languages = {tag: _OneLanguage(passages, tag) for tag in LANGUAGES}

    def search(self, question: str, language: str) -> list[Found]:
        """In the language in which the question is understood; `language` is that of the page."""
        return self._languages[self.language_of(question, language)].search(question)

    def language_of(self, question: str, language: str) -> str:
        """The language that has most of the question's words; between equals, the page's `language`."""

        def understood(tag: str) -> float:
            return self._languages[tag].familiar(question) + (PAGE if tag == language else 0.0)

        return max(LANGUAGES, key=understood)


def _all_of(passage: Passage, language: str) -> str:
    return " ".join((passage.title[language], passage.text[language], passage.asked.get(language, "")))


def _part(passage: Passage, meant: frozenset[str]) -> float:
    concept, share = PARTS.get(passage.id.partition(":")[0], ("", 1.0))
    return 1.0 if concept in meant else share


def _is_compound(one: str, other: str) -> bool:
    """`lapsetoetus` and `toetus`."""
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer.startswith(shorter) or longer.endswith(shorter)


def _threes(word: str) -> frozenset[str]:
    marked = f"<{word}>"
    return frozenset(marked[at : at + 3] for at in range(len(marked) - 2))
