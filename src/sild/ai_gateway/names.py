"""Names of people in text: a gazetteer of family and given names, with the endings Estonian puts on them. Pure.

A hit is a given name beside a family name, in either order: most family names alone are also trees, islands and trades.
Diacritics may be missing (`nguyen thi lan`); Estonian endings are taken off (`Mari Tammele`).
Gazetteers are text files: lines of `family NAME...`, `given NAME...`; `#` starts a comment.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sild.errors import CallerError

__all__ = ["Gazetteer", "load_gazetteer"]

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ENDINGS = frozenset(
    """
    a e i u d t s l st le lt ks ni na ga ta sse ile ilt ist ide id del dele delt des dest dega
    al ale alt as ast asse aga aks ana ata ani el ele elt es est esse ega eks ena eta eni
    il is isse iga iks ina ita ini ul ule ult us ust usse uga uks una uta uni
    """.split()  # noqa: SIM905 - words are easier to read
)
_LONGEST_ENDING = max(map(len, _ENDINGS))


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Names as they are written, in small letters, and without their diacritics."""

    family: frozenset[str]
    given: frozenset[str]

    def has_a_person(self, text: str) -> bool:
        """Whether a given name stands beside a family name in `text`, with nothing but a space or a comma between.

        Both begin with a capital; small letters take three names in a row, the family's first (`nguyen thi lan`): `họ anh` is
        no person.
        """
        row: list[tuple[bool, bool, bool]] = []  # family, given, capital
        end = -1
        for match in _WORD.finditer(text):
            word = match.group()
            beside = 0 < match.start() - end <= 2 and not text[end : match.start()].strip(" ,\t\n\u00a0")
            row = [*row[-2:], self._kinds(word)] if beside else [self._kinds(word)]
            if _is_a_person(row):
                return True
            end = match.end()
        return False

    def _kinds(self, word: str) -> tuple[bool, bool, bool]:
        parts = (word, *word.split("-")) if "-" in word else (word,)  # Siim-Markus
        family, given = (any(_is_in(part, names) for part in parts) for names in (self.family, self.given))
        return family, given, word[0].isupper()

    def __or__(self, other: Gazetteer) -> Gazetteer:
        return Gazetteer(self.family | other.family, self.given | other.given)


def load_gazetteer(files: Iterable[Path]) -> Gazetteer:
    """Raises CallerError (`invalid_gazetteer`) with file and line."""
    found: dict[str, set[str]] = {"family": set(), "given": set()}
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            kind, *names = line.partition("#")[0].split() or ("given",)
            if kind not in found:
                raise CallerError(
                    f"{file}:{number}: a line begins with family or given", code="invalid_gazetteer"
                )
            found[kind].update(each for name in names for each in (name.casefold(), _fold(name)))
    return Gazetteer(frozenset(found["family"]), frozenset(found["given"]))


def _is_a_person(row: list[tuple[bool, bool, bool]]) -> bool:
    if len(row) > 1:
        first, second = row[-2:]
        if first[2] and second[2] and ((first[0] and second[1]) or (first[1] and second[0])):
            return True
    return len(row) > 2 and row[-3][0] and row[-2][1] and row[-1][1]


def _lines(file: Path) -> Iterator[str]:
    try:
        yield from file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError(f"{file}: {error}", code="invalid_gazetteer") from error


def _fold(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.casefold().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _is_in(word: str, names: frozenset[str]) -> bool:
    """A word with diacritics is only what it says; one without may have lost them."""
    word = unicodedata.normalize("NFC", word.casefold())
    if word in names:
        return True
    shortest = max(3, len(word) - _LONGEST_ENDING)
    return any(word[at:] in _ENDINGS and word[:at] in names for at in range(shortest, len(word)))
