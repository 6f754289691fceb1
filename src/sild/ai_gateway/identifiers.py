"""Numbers that name a person, found in text by their check digits. Pure.

Isikukood, MST, IBAN and card numbers are checked by python-stdnum. The Vietnamese personal number has no check digit and no module
there (province, sex and century, year: Decree 137/2015/NĐ-CP article 13), nor do phones: both are ours.
A writer may split digits by spaces, dots, dashes or invisible characters, or write them in another script; `unmask` undoes that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from stdnum import iban, luhn
from stdnum.ee import ik
from stdnum.vn import mst

__all__ = ["find_identifiers", "unmask"]

_PROVINCES = frozenset(
    """
    001 002 004 006 008 010 011 012 014 015 017 019 020 022 024 025 026 027 030 031 033 034 035 036 037 038 040 042 044 045 046
    048 049 051 052 054 056 058 060 062 064 066 067 068 070 072 074 075 077 079 080 082 083 084 086 087 089 091 092 093 094 095 096
    """.split()  # noqa: SIM905 - words are easier to read
)
_NEWEST_YEAR = 2100  # of a birth a Vietnamese number may tell

_DIGITS = re.compile(r"\d(?:[ .\-–]?\d){7,}")
_SCATTERED = re.compile(
    r"\d(?:[ .,\-–/_()\n]{0,3}\d){10,}"
)  # for the number whose check digit hardly fits by chance
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]){11,30}\b", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\d)(?:\+|00)[1-9](?:[ .\-()]{0,2}\d){7,14}(?!\d)")
_LOCAL_PHONES = (
    re.compile(r"(?<!\d)0(?:3|5|7|8|9)\d(?:[ .\-]?\d){7}(?!\d)"),  # Vietnamese mobile, ten digits
    re.compile(r"(?<!\d)5\d{2,3}[ .\-]?\d{4}(?!\d)"),  # Estonian mobile, seven or eight
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ENOUGH = 400  # digits looked at of one run; a longer one is a hit by itself
_LONG = 9
"""More digits in a row than amounts in a text about services have; whoever needs them declares a slot of a numeric type."""


def unmask(text: str) -> str:
    """`text` with compatible characters made plain (NFKC), digits of any script in ASCII, without invisible characters."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(_plain(character) for character in plain if unicodedata.category(character) != "Cf")


def find_identifiers(text: str, *, numbers_declared: bool = False) -> Iterator[str]:
    """Kinds of number in `text` (unmasked): `isikukood`, `cccd`, `mst`, `card`, `iban`, `phone`, `e-mail`, `long_number`.

    numbers_declared: the text is the value of a numeric slot, so that length alone says nothing.
    """
    if _EMAIL.search(text):
        yield "e-mail"
    if any(iban.is_valid(found) for match in _IBAN.finditer(text) for found in _starts(match.group())):
        yield "iban"
    if _PHONE.search(text) or (not numbers_declared and any(each.search(text) for each in _LOCAL_PHONES)):
        yield "phone"
    kinds = set()
    for match in _SCATTERED.finditer(text):
        if len(match.group()) > _ENOUGH:
            kinds.add("long_number")
        if any(map(ik.is_valid, _windows(re.sub(r"\D", "", match.group())[:_ENOUGH], (11,)))):
            kinds.add("isikukood")
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) > _ENOUGH:
            kinds.add("long_number")
        digits = digits[:_ENOUGH]
        kinds |= {name for name, lengths, test in _CHECKS if any(map(test, _windows(digits, lengths)))}
        if len(digits) >= _LONG and not numbers_declared:
            kinds.add("long_number")
    yield from sorted(kinds)


def _plain(character: str) -> str:
    digit = unicodedata.digit(character, None)
    return character if digit is None else str(digit)


def _starts(text: str) -> Iterator[str]:
    """An IBAN may be followed by a word: every shorter reading of it."""
    packed = re.sub(r"[ \-]", "", text)
    yield from (packed[:length] for length in range(len(packed), 14, -1))


def _windows(digits: str, lengths: tuple[int, ...]) -> Iterator[str]:
    """Every run of one of these lengths: a number may be glued to others."""
    for length in lengths:
        yield from (digits[at : at + length] for at in range(len(digits) - length + 1))


def _is_cccd(digits: str) -> bool:
    return digits[:3] in _PROVINCES and 1900 + int(digits[3]) // 2 * 100 + int(digits[4:6]) < _NEWEST_YEAR


def _is_card(digits: str) -> bool:
    return digits[0] in "3456" and luhn.is_valid(digits)


_CHECKS: tuple[tuple[str, tuple[int, ...], Callable[[str], bool]], ...] = (
    ("cccd", (12,), _is_cccd),
    ("mst", (10, 13), mst.is_valid),
    ("card", (15, 16), _is_card),
)
