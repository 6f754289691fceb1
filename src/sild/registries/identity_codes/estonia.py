"""Isikukood: `GYYMMDDSSSC`, 11 digits (EVS 585:2007, Population Register Act § 39).

G tells century and sex (1, 2: 18xx; 3, 4: 19xx; 5, 6: 20xx; 7, 8: 21xx; odd for men), SSS numbers those born on one day,
C checks the rest: the sum weighted 1 to 9 and 1, modulo 11; if that is 10, weighted 3 to 9, 1, 2, 3; if that is 10 too, 0.
"""

from __future__ import annotations

from datetime import date

from sild.registries.identity_codes.code import IdentityCode, InvalidIdentityCode, Sex

__all__ = ["LENGTH", "check_digit", "make", "parse"]

LENGTH = 11
_FIRST_WEIGHTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)
_SECOND_WEIGHTS = (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)


def parse(text: str) -> IdentityCode:
    """Raises InvalidIdentityCode."""
    if len(text) != LENGTH or not (text.isascii() and text.isdigit()):
        raise InvalidIdentityCode(f"an isikukood has {LENGTH} digits")
    first = int(text[0])
    if not 1 <= first <= 8:
        raise InvalidIdentityCode("an isikukood begins with a digit from 1 to 8")
    year = 1800 + (first - 1) // 2 * 100 + int(text[1:3])
    try:
        born = date(year, int(text[3:5]), int(text[5:7]))
    except ValueError:
        raise InvalidIdentityCode("the isikukood holds no date of birth") from None
    if text[7:10] == "000":
        raise InvalidIdentityCode("nobody is number 000 of a day")
    if int(text[10]) != check_digit(text[:10]):
        raise InvalidIdentityCode("the check digit does not fit")
    return IdentityCode(text, "EE", "M" if first % 2 else "F", year, born)


def make(born: date, sex: Sex, number: int) -> str:
    """The code of the `number`-th (1 to 999) person of this sex's century born on a day of 1800 to 2199."""
    first = 1 + (born.year - 1800) // 100 * 2 + (sex == "F")
    if not (1 <= first <= 8 and 1 <= number <= 999):
        raise ValueError("outside what an isikukood can say")
    digits = f"{first}{born:%y%m%d}{number:03d}"
    return f"{digits}{check_digit(digits)}"


def check_digit(digits: str) -> int:
    """Of the first ten digits."""
    for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS):
        remainder = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11
        if remainder < 10:
            return remainder
    return 0
