"""Whether two registers mean one person: the names on what another country sends, held against those our own register has. Pure.

Two people of one day have names alike: twins. So what differs by more than writing is another name, and nobody here decides that it is
not: the person brings the paper, and an official looks at both.

    the same by machine                                 for people
    case; hyphens, apostrophes, spaces                  one given name of several, one more
                                                        other accents, or none (Minh Ánh, Minh Anh: who writes none drops a twin's, too)
    the tone of Hòa on another vowel: Hoà               other letters (Jüri, Jueri), another script
    the family name after the given names               words in any other order (Minh Anh, Anh Minh); a name that changed
"""

from __future__ import annotations

import re
import unicodedata

from sild.i18n import folded

__all__ = ["is_same_name"]

BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
APOSTROPHES = re.compile(r"['\u2018\u2019\u02bc`\u00b4]")


def is_same_name(ours: tuple[str, str], theirs: tuple[str, str]) -> bool:
    """Each as (family name, given names), one of which may be empty: some people have one name. Nobody is called nothing."""
    family, given = theirs
    known = _words(*ours)
    return bool(known) and any(
        _is_written_so(known, _words(*order)) for order in ((family, given), (given, family))
    )


def _words(*names: str) -> list[str]:
    plain = APOSTROPHES.sub("", " ".join(names)).casefold()
    return BETWEEN.sub(" ", plain).split()


def _is_written_so(ours: list[str], theirs: list[str]) -> bool:
    if [folded(word) for word in ours] != [folded(word) for word in theirs]:
        return False
    return [_marks(word) for word in ours] == [_marks(word) for word in theirs]


def _marks(word: str) -> list[str]:
    """Accents, wherever in the word they stand; the stroke of đ is one."""
    apart = unicodedata.normalize("NFKD", word)
    return sorted(sign for sign in apart if sign == "đ" or unicodedata.combining(sign))
