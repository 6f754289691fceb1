"""The index: three rankings of one language's passages, fused by their ranks, and how well a passage supports a question.

Okapi BM25 by SQLite's FTS5 (docs/adr says why), once over stems or syllables, once over the same without marks, once over letters
in threes; reciprocal rank fusion (Cormack, Clarke, Büttcher 2009). Ranks say which passage is best, never whether it is good:
that is `support`, the share of the question's weight that the passage answers.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sild.assistant.passages import LANGUAGES, Passage
from sild.assistant.words import (
    all_terms,
    content_pairs,
    content_terms,
    folded,
    folded_terms,
    letters,
    syllables_or_stems,
)

__all__ = ["Found", "Index"]

RANK_CONSTANT = 20
"""Of the fusion: small, because a few hundred passages are few."""
DEPTH = 12
MAX_TERMS = 240
RANKINGS: Mapping[str, tuple[Callable[[str, str], list[str]], float]] = {
    "stems": (syllables_or_stems, 1.0),
    "plain": (folded_terms, 0.8),
    "letters": (letters, 0.6),
}
WEIGHTS = (2.0, 1.0, 1.5)
"""Of title, text, and words people use for it."""
COMPOUND = 0.7
"""What a word counts that is a part of a compound, or has it as one."""
PAIR = 0.5
"""Weight of two Vietnamese syllables side by side: `thất nghiệp` is a word, `thất` and `nghiệp` are none."""
UNKNOWN = 0.75
"""Weight of a word that stands nowhere, as a share of the rarest known one's."""
KINDS = {"clause": 1.0, "help": 1.0, "service": 0.85}
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


class _OneLanguage:
    def __init__(self, passages: Sequence[Passage], language: str) -> None:
        self.language = language
        self._passages = passages
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._fold: list[frozenset[str]] = []
        frequency: Counter[str] = Counter()
        for name in RANKINGS:
            self._connection.execute(
                f"CREATE VIRTUAL TABLE {name} USING fts5(title, body, asked, tokenize = \"unicode61 remove_diacritics 0 tokenchars '_<>'\")"
            )
        for number, passage in enumerate(passages):
            parts = (passage.title[language], passage.text[language], passage.asked.get(language, ""))
            for name, (terms, _weight) in RANKINGS.items():
                row = [" ".join(terms(part, language)) for part in parts]
                self._connection.execute(
                    f"INSERT INTO {name} (rowid, title, body, asked) VALUES (?, ?, ?, ?)",  # noqa: S608  our own names
                    (number, *row),
                )
            whole = frozenset(
                term
                for part in parts
                for term in (
                    *folded_terms(part, language),
                    *map(folded, all_terms(part, language)),
                    *content_pairs(part, language),
                )
            )
            self._fold.append(whole)
            frequency.update(whole)
        count = max(1, len(passages))
        self._weight = {term: math.log(1 + count / seen) for term, seen in frequency.items()}
        self._unknown_weight = UNKNOWN * math.log(1 + count)
        self._threes = {term: _threes(term) for term in frequency if "_" not in term and len(term) > 3}

    def search(self, question: str) -> list[Found]:
        """Best first, at most `DEPTH`."""
        scores: defaultdict[int, float] = defaultdict(float)
        for name, (terms, weight) in RANKINGS.items():
            for rank, number in enumerate(self._ranked(name, terms(question, self.language))):
                scores[number] += weight / (RANK_CONSTANT + rank)
        alike = self._asked_for(question)
        found = [
            Found(self._passages[number], self.language, score, self._support(number, alike))
            for number, score in scores.items()
        ]
        best = max(scores.values(), default=1.0)
        found.sort(
            key=lambda one: (
                -KINDS[one.passage.kind] * (one.score / best) * (0.4 + one.support),
                one.passage.id,
            )
        )
        return found[:DEPTH]

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

    def _asked_for(self, question: str) -> list[tuple[float, dict[str, float]]]:
        """For every word that says something: its weight, and the words it may be with how alike they are."""
        asked = []
        for term in content_terms(question, self.language):
            plain = folded(term)
            if plain in self._weight:
                asked.append((self._weight[plain], {plain: 1.0}))
                continue
            threes = _threes(plain)
            near = {}
            if len(plain) > 3:
                for other, others in self._threes.items():
                    if abs(len(other) - len(plain)) <= 4 and other[0] == plain[0]:
                        share = 2 * len(threes & others) / (len(threes) + len(others))
                        if share >= ALIKE:
                            near[other] = share
                    if (
                        self.language != "vi"
                        and min(len(other), len(plain)) >= 4
                        and _is_compound(plain, other)
                    ):
                        near[other] = max(near.get(other, 0.0), COMPOUND)
            asked.append((self._unknown_weight, near))
        if self.language == "vi":
            asked += [
                (PAIR * self._weight.get(pair, self._unknown_weight), {pair: 1.0})
                for pair in content_pairs(question, "vi")
            ]
        return asked

    def _support(self, number: int, asked: Sequence[tuple[float, Mapping[str, float]]]) -> float:
        total = sum(weight for weight, _near in asked)
        if not total:
            return 0.0
        words = self._fold[number]
        met = sum(
            weight * max((share for word, share in near.items() if word in words), default=0.0)
            for weight, near in asked
        )
        return met / total


class Index:
    """All passages in every language. Made once; `search` may be called from several threads."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = {passage.id: passage for passage in passages}
        self._languages = {tag: _OneLanguage(passages, tag) for tag in LANGUAGES}

    def search(self, question: str, language: str) -> list[Found]:
        """In the language in which the question is understood best; between equals, in the page's `language`."""
        found = {tag: one.search(question) for tag, one in self._languages.items()}

        def understood(tag: str) -> float:
            best = max((one.support for one in found[tag][:3]), default=0.0)
            return best + (0.1 if tag == language else 0.0)

        return found[max(LANGUAGES, key=understood)]


def _is_compound(one: str, other: str) -> bool:
    """`lapsetoetus` and `toetus`."""
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer.startswith(shorter) or longer.endswith(shorter)


def _threes(word: str) -> frozenset[str]:
    marked = f"<{word}>"
    return frozenset(marked[at : at + 3] for at in range(len(marked) - 2))
