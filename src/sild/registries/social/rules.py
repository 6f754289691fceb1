"""What the board asks for and why, and benefits as they stand in an offer. How much they are is in the rule packages. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from sild.registries.identity_codes import Country

__all__ = ["CHILD_UNTIL", "Item", "Unknown", "birthday", "ground", "window"]

Per = Literal["once", "month"]


@dataclass(frozen=True, slots=True)
class Unknown:
    """fact: the concept, `person.contributions`.  person: whose.  holder: the body that has it."""

    fact: str
    person: str
    holder: str


Amount = Decimal | Unknown


@dataclass(frozen=True, slots=True)
class Item:
    """One benefit to one person. valid_to: the first day without it, None for what is paid once."""

    benefit: str
    person: str
    per: Per
    amount: Amount
    currency: str
    valid_from: date
    valid_to: date | None
    basis: str


GROUNDS: dict[Country, str] = {"EE": "PHS § 10", "VN": "Luật BHXH 2024, Điều 50"}
CHILD_UNTIL = 19
"""Age up to which a sibling counts: so long a child at school gets the allowance (PHS § 17 (1)), and nobody asks the schools."""


def birthday(born: date, years: int) -> date:
    """The day on which somebody comes of an age; who was born on 29 February, in a year without one, on 1 March: as the rule packages reckon (`later`)."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def ground(country: Country) -> str:
    """The legal ground on which the board asks other registers."""
    return GROUNDS[country]


def window(country: Country, born: date) -> tuple[int, int]:
    """The months whose income counts, first and last, as `12 * year + month - 1`.

    EE: twelve months, of which the last is the tenth before that of birth (PHS § 39).  VN: six before that of birth (Điều 59).
    """
    birth = 12 * born.year + born.month - 1
    return (birth - 21, birth - 10) if country == "EE" else (birth - 6, birth - 1)
