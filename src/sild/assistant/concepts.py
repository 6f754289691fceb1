"""What a word means: concepts that several words of a language stand for, matters that nothing of ours is about, words of every day.

Kept as data (`concepts.toml`, `elsewhere.toml`, `light.toml`); names of countries are CLDR's. Found from left to right, the longest
phrase first, so that a compound or two Vietnamese syllables are one thing.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from babel import Locale

from sild.assistant.words import STOPWORDS, clean, folded, tokens

__all__ = ["Span", "concept_terms", "known_words", "spans_of"]

Kind = Literal["concept", "elsewhere", "light"]
_HOME = frozenset({"EE", "VN"})
"""Countries whose names are no word for going abroad."""
_PART = re.compile(r"[^\W_]+\*?")
_KEY = 3
_LONG = 5
"""Letters from which the name of a country is followed by case endings."""


@dataclass(frozen=True, slots=True)
class Span:
    """Words from `begin` up to `end`. terms: `=birth_grant` for a concept, `~pass` for a matter of its own, none of light words."""

    begin: int
    end: int
    kind: Kind
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Phrase:
    """words: without marks.  marked: with them.  is_open: the last word may go on.  length: letters."""

    words: tuple[str, ...]
    marked: tuple[str, ...]
    is_open: tuple[bool, ...]
    kind: Kind
    term: str
    length: int


def spans_of(text: str, language: str) -> tuple[list[str], list[Span]]:
    """The words of a text, and what of them stands for something, in their order and never one over another."""
    words = tokens(text)
    plain = [folded(word) for word in words]
    has_marks = words != plain
    found = []
    at = 0
    while at < len(words):
        fitting = [
            phrase
            for phrase in _lexicon(language).get(plain[at][:_KEY], ())
            if _fits(phrase, words, plain, at, language, has_marks)
        ]
        if not fitting:
            at += 1
            continue
        best = max((len(one.words), one.length) for one in fitting)
        chosen = [one for one in fitting if (len(one.words), one.length) == best]
        kind = min(chosen, key=lambda one: ("concept", "elsewhere", "light").index(one.kind)).kind
        terms = tuple(dict.fromkeys(one.term for one in chosen if one.kind == kind and one.term))
        found.append(Span(at, at + best[0], kind, terms))
        at += best[0]
    return words, found


def _fits(
    phrase: _Phrase, words: Sequence[str], plain: Sequence[str], at: int, language: str, has_marks: bool
) -> bool:
    first, size = phrase.words[0], len(phrase.words)
    if not plain[at].startswith(first) or len(words) - at < size:
        return False
    if language != "vi":
        ours = zip(phrase.words, phrase.is_open, plain[at : at + size], strict=True)
        return all(word.startswith(one) if is_open else word == one for one, is_open, word in ours)
    if tuple(words[at : at + size]) == phrase.marked:
        return True
    if tuple(plain[at : at + size]) != phrase.words:
        return False
    if size == 1:
        return not has_marks and phrase.kind == "concept" and first not in _folded_stopwords()
    return True  # of two syllables and more the marks may be wrong, too


def concept_terms(text: str, language: str) -> list[str]:
    """Of the words that stand for something: `=birth_grant`, and `~pass` for a matter of its own."""
    return [term for span in spans_of(text, language)[1] for term in span.terms]


def known_words(language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Words of the phrases without marks: whole ones, and beginnings of words that go on."""
    parts = [
        part
        for phrases in _lexicon(language).values()
        for one in phrases
        for part in zip(one.words, one.is_open, strict=True)
    ]
    whole = frozenset(word for word, is_open in parts if not is_open)
    return whole, frozenset(word for word, is_open in parts if is_open)


@cache
def _folded_stopwords() -> frozenset[str]:
    return frozenset(map(folded, STOPWORDS["vi"]))


@cache
def _lexicon(language: str) -> Mapping[str, Sequence[_Phrase]]:
    """By the first letters, as many as `_KEY`; no shorter word is written with a star."""
    found: defaultdict[str, list[_Phrase]] = defaultdict(list)
    for kind, term, written in _written(language):
        parts = _PART.findall(clean(written))
        marked = tuple(part.rstrip("*") for part in parts)
        words = tuple(map(folded, marked))
        is_open = tuple(part.endswith("*") for part in parts)
        term = term or (f"~{'_'.join(words)}" if kind == "elsewhere" else "")
        found[words[0][:_KEY]].append(_Phrase(words, marked, is_open, kind, term, sum(map(len, words))))
    return found


def _written(language: str) -> Iterator[tuple[Kind, str, str]]:
    for concept, by_language in _read("concepts").items():
        for written in by_language[language].split(","):
            yield "concept", f"={concept}", written
    for name in _countries(language):
        yield "concept", "=abroad", name
    kinds: tuple[Kind, Kind] = ("elsewhere", "light")
    for kind in kinds:
        for written in _read(kind)["words"][language].split(","):
            yield kind, "", written


def _countries(language: str) -> Iterator[str]:
    for code, name in Locale.parse(language).territories.items():
        if len(code) == 2 and code.isalpha() and code not in _HOME and tokens(name):
            yield f"{name}*" if language == "et" and len(name) >= _LONG else name


def _read(name: str) -> Mapping[str, Mapping[str, str]]:
    """Phrases by name and language, commas between them."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))
