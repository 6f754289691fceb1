"""Words of three languages as terms a search can compare: stems, syllables, words without their marks, letters in threes.

Estonian and English: Snowball stems. Vietnamese: syllables and pairs of neighbours, since a word is often two of them.
"""

from __future__ import annotations

import re
import threading
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import Stemmer

__all__ = [
    "all_terms",
    "clean",
    "content_pairs",
    "content_terms",
    "folded",
    "folded_terms",
    "letters",
    "syllables_or_stems",
    "tokens",
]

MAX_TOKENS = 80
"""Of a question; what stands behind is not searched for."""
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_STEMMERS = {"et": "estonian", "en": "english"}
_local = threading.local()

STOPWORDS = {
    language: frozenset(words.split())
    for language, words in tomllib.loads(
        (Path(__file__).parent / "stopwords.toml").read_text("utf-8")
    ).items()
}


def clean(text: str) -> str:
    """NFC, in small letters, without signs that cannot be seen (direction, zero width, control)."""
    kept = "".join(sign if sign.isspace() or unicodedata.category(sign)[0] != "C" else "" for sign in text)
    return unicodedata.normalize("NFKC", kept).lower()


def folded(text: str) -> str:
    """Without marks: `Điều` -> `dieu`, `õigus` -> `oigus`."""
    apart = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def tokens(text: str) -> list[str]:
    return [word[:40] for word in _WORD.findall(clean(text))]


@lru_cache(20_000)
def _stem(word: str, language: str) -> str:
    name = _STEMMERS.get(language)
    if name is None:
        return word
    stemmers: dict[str, Stemmer.Stemmer] = _local.__dict__.setdefault(
        "stemmers", {}
    )  # they are not for two threads
    if name not in stemmers:
        stemmers[name] = Stemmer.Stemmer(name)
    return str(stemmers[name].stemWord(word))


@lru_cache(3)
def _folded_stopwords(language: str) -> frozenset[str]:
    return frozenset(map(folded, STOPWORDS[language]))


def all_terms(text: str, language: str) -> list[str]:
    """`content_terms` of a text that is quoted, however long."""
    return [_stem(word, language) for word in tokens(text) if word not in STOPWORDS[language]]


def content_terms(text: str, language: str) -> list[str]:
    """The words that say something, as stems (syllables in Vietnamese), once each, in their order."""
    words = tokens(text)[:MAX_TOKENS]
    empty = _says_nothing(words, language)
    return list(dict.fromkeys(_stem(word, language) for word in words if word not in empty))


def content_pairs(text: str, language: str) -> list[str]:
    """Neighbours that both say something, without their marks: `thất nghiệp` -> `that_nghiep`."""
    words = tokens(text)
    empty = _says_nothing(words, language)
    both = pairwise(words)
    return list(
        dict.fromkeys(
            folded(f"{one}_{other}") for one, other in both if one not in empty and other not in empty
        )
    )


def _says_nothing(words: list[str], language: str) -> frozenset[str]:
    """Stop words; of somebody who writes no marks those without marks, too."""
    has_marks = folded("".join(words)) != "".join(words)
    return STOPWORDS[language] if has_marks else STOPWORDS[language] | _folded_stopwords(language)


def syllables_or_stems(text: str, language: str) -> list[str]:
    """Terms with their marks."""
    return list(_with_pairs(tokens(text), language, STOPWORDS[language]))


def folded_terms(text: str, language: str) -> list[str]:
    """Terms as somebody writes them who has no keyboard for the marks."""
    return list(_with_pairs([folded(word) for word in tokens(text)], language, _folded_stopwords(language)))


def _with_pairs(words: list[str], language: str, stopwords: frozenset[str]) -> Iterator[str]:
    before = ""
    for word in words:
        if language == "vi":
            if before:
                yield f"{before}_{word}"
            before = word
        if word not in stopwords:
            yield _stem(word, language)


def letters(text: str, language: str) -> list[str]:
    """Letters in threes of every folded word that says something, its ends marked: a typing error spoils few of them."""
    found = []
    for word in tokens(text):
        plain = folded(word)
        if plain in _folded_stopwords(language):
            continue
        marked = f"<{plain}>"
        found += [marked[at : at + 3] for at in range(len(marked) - 2)]
    return found
