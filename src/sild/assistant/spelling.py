"""A word mistyped by one letter, read as the word that is meant: left out, too much, another one, or two changed about.

By deletions (SymSpell's way): two words are one letter apart where one letter taken from each leaves the same, or nearly so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Spelling"]

SHORTEST = 5
"""Letters; of shorter words too many are one letter apart."""


class Spelling:
    """words: without marks.  beginnings: of words that go on, `lapsetoet` for `lapsetoetust`."""

    def __init__(self, words: Iterable[str], beginnings: Iterable[str]) -> None:
        self._words = _by_deletion(words)
        self._beginnings = _by_deletion(beginnings)

    def meant(self, word: str) -> str | None:
        """word: one that nobody knows, without marks. None: none is near, or several are."""
        if len(word) < SHORTEST:
            return None
        if (whole := _only(self._words, word)) is not None:
            return whole
        for length in range(len(word), SHORTEST - 1, -1):
            if (begun := _only(self._beginnings, word[:length])) is not None:
                return begun + word[length:]
        return None


def _by_deletion(words: Iterable[str]) -> dict[str, str]:
    """From what is left to the word; to nothing where several leave the same."""
    found: dict[str, str] = {}
    for word in sorted(set(words)):
        if len(word) >= SHORTEST:
            for left in {word, *_deletions(word)}:
                found[left] = "" if left in found else word
    return found


def _only(known: dict[str, str], word: str) -> str | None:
    near = {known[left] for left in (word, *_deletions(word)) if known.get(left)}
    near = {one for one in near if one[0] == word[0]}
    return near.pop() if len(near) == 1 else None


def _deletions(word: str) -> Iterator[str]:
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
